"""A small store on disk in the documented layout, made without training anything."""

import csv
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from rl_transfer.analysis import StudyResults, write_results

PAIRS = {
    "cartpole_heavy_pole": {"scratch": 150.0, "fine_tune": 490.0, "fine_tune.placebo": 180.0},
    "cartpole_reversed": {"scratch": 350.0, "fine_tune": 9.0, "fine_tune.placebo": 300.0},
}


@dataclass(frozen=True)
class FakeStudy:
    """What to build; level_PA is the return that each arm learns up to, halfway through the budget."""

    name: str = "quick"
    description: str = "Fine-tuning a CartPole agent where it helps and where it hurts."
    pairs: dict[str, dict[str, float]] = field(default_factory=lambda: PAIRS)
    arms: dict[str, dict[str, Any]] = field(default_factory=lambda: {"fine_tune": {"placebo": True, "sham": False}})
    source_level: float = 450.0
    seeds: int = 5
    left_out: tuple[str, ...] = ()
    outcomes: dict[str, str] = field(default_factory=dict)
    events: bool = True


Build = Callable[..., tuple[Path, StudyResults]]
GRID = tuple(range(0, 20481, 2048))


def make_study(store: Path, **settings: Any) -> StudyResults:
    """Build a study in a store and judge it."""
    study = replace(FakeStudy(), **settings)
    folder = store / "studies" / study.name
    folder.mkdir(parents=True, exist_ok=True)
    pairs = {pair: pair_entry(store, study, pair) for pair in study.pairs}
    (folder / "study.json").write_text(json.dumps(study_entry(study, pairs)))
    return write_results(store, study.name)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Build a study in a store and judge it; settings are those of `FakeStudy`."""

    def make(**settings: Any) -> tuple[Path, StudyResults]:
        return tmp_path / "runs", make_study(tmp_path / "runs", **settings)

    return make


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyResults]:
    """The default study, built once, for tests that only read it."""
    store = tmp_path_factory.mktemp("built") / "runs"
    return store, make_study(store)


def study_entry(study: FakeStudy, pairs: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": 1,
        "name": study.name,
        "description": study.description,
        "alpha": 0.05,
        "margin": 0.1,
        "looks": [{"seeds": study.seeds, "baseline_seeds": study.seeds, "alpha": 0.05}],
        "command": f"rl-transfer run {study.name} --store runs",
        "versions": {"python": "3.11.2", "rl-transfer": "0.1.0", "torch": "2.13.0"},
        "pairs": pairs,
    }


def pair_entry(store: Path, study: FakeStudy, pair: str) -> dict[str, Any]:
    task = {"id": "transfer/CartPole-v0", "kwargs": {}, "wrappers": [], "max_episode_steps": None}
    return {
        "description": f"CartPole to {pair}.",
        "source": task,
        "target": task | {"kwargs": {"masspole": 1.0}},
        "algorithm": "ppo",
        "learner": {"algorithm": "ppo", "n_envs": 8, "learning_rate": 0.001},
        "score": {"random": 0.0, "reference": 500.0, "worst": 0.0},
        "threshold_score": 0.8,
        "source_threshold_return": 400.0,
        "target_steps": GRID[-1],
        "source_steps": 2 * GRID[-1],
        "grid": GRID,
        "episodes": 4,
        "arms": {name: {"methods": [{"name": name, "settings": {}}]} | arm for name, arm in study.arms.items()},
        "runs": list(run_entries(store, study, pair)),
    }


def run_entries(store: Path, study: FakeStudy, pair: str) -> Iterator[dict[str, Any]]:
    for arm, level in {"source": study.source_level, **study.pairs[pair]}.items():
        for seed in range(study.seeds):
            key = f"{crc32(f'{pair}/{arm}/{seed}'.encode()):012x}"
            path = f"runs/{pair}/{arm}/seed{seed}-{key}"
            entry = {"arm": arm, "seed": seed, "key": key, "path": path}
            if arm not in ("source", "scratch"):
                entry["source_path"] = f"runs/{pair}/source/seed{seed}-{crc32(f'{pair}/source/{seed}'.encode()):012x}"
            name = f"{pair}/{arm}/seed{seed}"
            if name not in study.left_out:
                write_run(store / path, study, name, level, seed)
            yield entry


def write_run(folder: Path, study: FakeStudy, name: str, level: float, seed: int) -> None:
    rng = np.random.default_rng([len(name), seed, *name.encode()])
    level *= 1 + 0.1 * rng.normal()
    outcome = study.outcomes.get(name, "completed")
    steps = [2 * step for step in GRID] if "/source" in name else list(GRID)
    written = steps if outcome == "completed" else steps[: len(steps) // 2]
    start = level if level > 400 and "fine_tune" in name else 10.0
    rows = []
    for step in written:
        mean = start + (level - start) * min(1.0, 2 * step / steps[-1]) + rng.normal(0, 0.03 * level)
        rows += [(step, episode, float(np.clip(mean + episode, 1, 500)), 100) for episode in range(4)]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "curve.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("step", "episode", "return", "length"), *rows])
    costs = {"target_steps": written[-1], "source_steps": 0 if name.split("/")[1] in ("scratch", "source") else 40960}
    costs |= {"gradient_steps": 1600, "evaluation_steps": 4400, "wall_seconds": 11.5}
    (folder / "costs.json").write_text(json.dumps(costs))
    arm = name.split("/")[1].removesuffix(".placebo")
    methods = [] if arm in ("source", "scratch") else [{"name": arm, "settings": {"shrink": 1.0, "roles": ["value"]}}]
    spec = {"learner": {"algorithm": "ppo", "n_envs": 8, "normalize": {"reward": False}}, "methods": methods}
    (folder / "spec.json").write_text(json.dumps({"key": folder.name.partition("-")[2], "spec": spec}))
    message = "" if outcome == "completed" else "weights are not finite"
    failed_at = None if outcome == "completed" else written[-1] + 1
    status = {"status": "finished", "outcome": outcome, "message": message, "failed_at_step": failed_at}
    (folder / "status.json").write_text(json.dumps(status))
    if study.events:
        write_events(folder / "events", written)


def write_events(folder: Path, steps: list[int]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    for step in steps:
        value = Summary.Value(tag="eval/mean_return", simple_value=float(step))
        writer.add_event(Event(step=step, wall_time=time.time(), summary=Summary(value=[value])))
    writer.close()
