"""How often would the guard make a run start anew that learns from scratch? Measured on stored reference runs.

``python scripts/measure_guard.py guard --store runs`` reads the reference runs of a finished study, deals them again
and again to one run that is guarded and to its references, and counts alarms: nothing differs, so each is false. The
guard's settings can be tried out without training anything.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import tyro

from rl_transfer.analysis import PairData, is_judged, load_study
from rl_transfer.errors import RLTransferError
from rl_transfer.learner import Learner
from rl_transfer.methods import Method, build_methods
from rl_transfer.run.reviews import read_episodes
from rl_transfer.study import Named
from rl_transfer.tasks import Episode

Log = list[Episode]


class _Nobody:
    """Stands where the learner does: a guard only writes to its log."""

    def record(self, tag: str, value: float, step: int) -> None:
        """Nothing."""


@dataclass(frozen=True)
class MeasureGuard:
    """Count the guard's false alarms."""

    study: tyro.conf.Positional[str]
    """A finished study with reference runs."""
    store: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Folder of runs and results."""
    deals: int = 2000
    """How often to deal the runs of each pair."""
    reference_runs: int = 5
    """The guard's setting of this name; so are those that follow."""
    checks: int = 10
    patience: int = 3
    level: float = 0.05
    share: float = 0.5


def main() -> int:
    """Count and print a line a pair."""
    options = tyro.cli(MeasureGuard, description=__doc__)
    names = ("reference_runs", "checks", "patience", "level", "share")
    settings = {name: getattr(options, name) for name in names}
    (guard,) = build_methods([Named(name="guard", settings=settings)], "ppo")
    print(f"{settings}, {options.deals} deals")
    for pair in load_study(options.store.absolute(), options.study).pairs:
        logs = _reference_logs(pair, options.store.absolute())
        if len(logs) <= options.reference_runs:
            raise RLTransferError(
                f"{pair.name}: {len(logs)} reference runs are too few to deal {options.reference_runs + 1}"
            )
        alarms = _alarms(guard, logs, pair.entry.target_steps, options)
        print(f"{pair.name}: {len(logs)} runs; behind in a check {alarms[0]:.1%}; starts anew {alarms[1]:.1%}")
    return 0


def _reference_logs(pair: PairData, store: Path) -> list[Log]:
    """The training episodes of a pair's reference runs, each run once."""
    assert not any(is_judged(run.arm) for run in pair.references)
    return [read_episodes(store / path) for path in sorted({run.path for run in pair.references})]


def _alarms(guard: Method, logs: list[Log], budget: int, options: MeasureGuard) -> tuple[float, float]:
    """Share of checks in which the guarded run is behind, and of runs that start anew."""
    generator, steps = np.random.default_rng(0), guard.review_steps(budget)
    (single,) = build_methods([Named(name="guard", settings={"patience": 1, "level": options.level})], "ppo")
    nobody = cast(Learner, _Nobody())
    behind, anew = [], []
    for _ in range(options.deals):
        own, *references = [logs[place] for place in generator.permutation(len(logs))[: options.reference_runs + 1]]
        reviews = range(1, len(steps) + 1)
        behind += [single.review(nobody, steps[:n], own, references) is not None for n in reviews]
        anew.append(any(guard.review(nobody, steps[:n], own, references) is not None for n in reviews))
    return float(np.mean(behind)), float(np.mean(anew))


if __name__ == "__main__":
    sys.exit(main())
