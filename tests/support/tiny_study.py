"""Tiny studies, carried out by real worker processes."""

from pathlib import Path

import yaml

from rl_transfer import run_study

TINY = {
    "pairs": ["mine.yaml"],
    "arms": {"fine_tune": {"methods": ["fine_tune"]}},
    "seeds": 2,
    "alpha": 0.5,
}
PAIR = {
    "source": {"id": "transfer/CartPole-v0"},
    "target": {"id": "transfer/CartPole-v0", "kwargs": {"masspole": 1.0}},
    "learner": {"algorithm": "ppo", "n_envs": 2, "n_steps": 32, "batch_size": 32, "n_epochs": 2},
    "budget": {"source": 128, "target": 128},
    "evaluation": {"points": 3, "episodes": 2},
    "score": {"random": 20.0, "reference": 500.0, "worst": 8.0},
    "threshold_score": 0.8,
    "source_threshold_return": 300.0,
}

LINKS = "studies/tiny/tensorboard/**/seed*"


class Recorder:
    """An observer that remembers."""

    def __init__(self, store=None):
        self.begun, self.started, self.progress, self.ended, self.judged = None, [], [], {}, []
        self.store, self.links = store, set()

    def begin(self, **counts):
        self.begun = counts
        if self.store is not None:
            self.links = {link.relative_to(self.store).as_posix() for link in self.store.glob(LINKS)}

    def run_started(self, run, steps):
        self.started.append(str(run))

    def run_progress(self, run, step, mean_return, score):
        self.progress.append((str(run), step, mean_return, score))

    def run_ended(self, run, outcome):
        self.ended[str(run)] = outcome

    def arm_judged(self, comparisons):
        self.judged.append(comparisons)


def write_study(folder: Path, *, pair=None, **study):
    """Write a study and its pair into a folder; returns the study's file."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text(yaml.safe_dump(PAIR | (pair or {})))
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY | study))
    return folder / "tiny.yaml"


def carry_out(folder: Path, *, store=None, name=None, **study):
    """Write a study and carry it out; returns the outcome and what was observed."""
    recorder = Recorder(store or folder / "runs")
    file = write_study(folder, **study)
    outcome = run_study(file, store=store or folder / "runs", workers=2, name=name, observer=recorder)
    return outcome, recorder


def curves(store: Path) -> dict[str, bytes]:
    """The curves in a store, byte for byte, by run."""
    return {file.parent.relative_to(store).as_posix(): file.read_bytes() for file in store.glob("runs/*/*/*/curve.csv")}


def children(pid: int) -> list[int]:
    """Child processes of a process (Linux)."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
