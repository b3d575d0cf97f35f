import csv
import json

import pytest

GRID = [0, 10, 20, 30, 40]
ANCHORS = {"random": 20.0, "reference": 120.0, "worst": 10.0}


class StudyOnDisk:
    """A store with one study, written file by file as other programs would write it."""

    def __init__(self, root, **settings):
        self.root = root
        self.pair = {
            "description": "longer pole",
            "algorithm": "ppo",
            "score": ANCHORS,
            "threshold_score": 0.5,
            "source_threshold_return": 100.0,
            "target_steps": GRID[-1],
            "grid": GRID,
            "episodes": 2,
            "arms": {},
            "runs": [],
        }
        self.manifest = {
            "format": 1,
            "name": "small",
            "description": "",
            "alpha": 0.05,
            "margin": 0.1,
            "looks": [{"seeds": 5, "baseline_seeds": 5, "alpha": 0.05}],
            "command": "rl-transfer run small",
            "versions": {"numpy": "2"},
            "pairs": {"pole": self.pair},
            **settings,
        }

    def add_arm(self, name, *, placebo=True, sham=False):
        self.pair["arms"][name] = {"methods": [{"warm_start": {}}], "placebo": placebo, "sham": sham}

    def plan(self, arm, seed):
        path = f"runs/pole/{arm}/seed{seed}-abc"
        self.pair["runs"].append({"arm": arm, "seed": seed, "key": "abc", "path": path})
        return self.root / path

    def add_run(self, arm, seed, return_T, *, steps=GRID, episodes=2, **status):
        """A finished run whose two episodes at a step differ by 2 around its return."""
        folder = self.plan(arm, seed)
        folder.mkdir(parents=True)
        rows = [
            (step, episode, return_ + (1 if episode % 2 else -1), 7)
            for step, return_ in zip(steps, return_T, strict=True)
            for episode in range(episodes)
        ]
        self.write_curve(folder, rows)
        (folder / "costs.json").write_text(json.dumps({"target_steps": 40, "wall_seconds": 1.5}))
        content = {"status": "finished", "outcome": "completed", "message": "", "failed_at_step": None, **status}
        (folder / "status.json").write_text(json.dumps(content))
        return folder

    def write_curve(self, folder, rows, header=("step", "episode", "return", "length")):
        with (folder / "curve.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def add_level_runs(self, arm, levels):
        """One run a level: at random's return before the first step, at the level from then on."""
        for seed, level in enumerate(levels):
            self.add_run(arm, seed, [20.0, *[level] * 4])

    def save(self):
        folder = self.root / "studies" / "small"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "study.json").write_text(json.dumps(self.manifest))
        return self.root


@pytest.fixture
def study(tmp_path):
    return StudyOnDisk(tmp_path)


@pytest.fixture
def full_study(study):
    """Scratch learns to about 60, the arm to about 110, its placebo like scratch; a sham and sources beside them."""
    study.add_arm("fine_tune", sham=True)
    study.add_level_runs("scratch", [60, 62, 64, 58, 56])
    study.add_level_runs("fine_tune", [110, 108, 112, 114, 106])
    study.add_level_runs("fine_tune.placebo", [60, 61, 64, 59, 56])
    study.add_level_runs("fine_tune.sham", [70, 72, 74, 68, 66])
    study.add_run("source", 0, [5.0, 400.0], steps=[0, 1000], episodes=3)
    study.add_run("source.sham", 0, [5.0, 6.0], steps=[0, 1000], episodes=3)
    return study
