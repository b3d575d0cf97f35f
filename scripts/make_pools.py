"""Train the pools of from-scratch curves that the verdict's error rate is measured on.

``python scripts/make_pools.py --store S --workers 2`` trains what the store lacks (about two hours on two cores for
all) and writes a file a pool to scripts/pools, in the form that ``rl-transfer judge`` reads: one row a seed and
evaluation, with the mean return of its episodes. A value is missing ("nan") where the run diverged.
"""

import csv
import sys
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Annotated

import tyro

from rl_transfer.analysis.curve_file import mean_return, read_curve
from rl_transfer.api import plan
from rl_transfer.execute import Plan, Silent, assign_folders, execute
from rl_transfer.store import Store

FOLDER = Path(__file__).parent / "pools"


@dataclass(frozen=True)
class PoolSource:
    """Where a pool's curves come from.

    Attributes:
        pair: The shipped pair whose target is learned from scratch.
        overrides: Settings laid over it.
    """

    pair: str
    overrides: tuple[str, ...] = ()


_HALF = "budget.target=61440"

POOLS = {
    "cartpole": PoolSource("answer_identity"),
    "acrobot": PoolSource("acrobot_heavy_link", (_HALF,)),
    # Paid for whole episodes alone: runs go up and down, and may end below a random policy.
    "cartpole_sparse": PoolSource("cartpole_sparse", ("budget.target=40960",)),
}


@dataclass(frozen=True)
class MakePools:
    """Train from-scratch runs and keep their curves."""

    pools: tyro.conf.Positional[tuple[str, ...]] = tuple(POOLS)
    """Names of pools."""
    runs: int = 200
    """Seeds of each."""
    workers: int = 1
    """Runs at once."""
    store: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Folder of runs and results."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = FOLDER
    """Where the pools are written."""


def main() -> int:
    """Train and write; returns 1 if a run could not be carried out."""
    options = tyro.cli(MakePools, description=__doc__)
    failed = [_make(name, options) for name in options.pools]
    return int(any(failed))


def _make(name: str, options: MakePools) -> bool:
    source = POOLS[name]
    whole = plan(source.pair, [f"seeds={options.runs}", *source.overrides], store=options.store)
    scratch = [run for run in whole.runs if run.arm == "scratch"]
    store = Store(options.store.absolute())
    store.open()
    folders = assign_folders(chosen := Plan(whole.study, tuple(scratch), whole.notes), store)
    failures = execute(chosen, store, folders, workers=options.workers, observer=Silent())
    for failure in failures:
        print(f"{failure.run}: {failure.message}", file=sys.stderr)
    if failures:
        return True
    episodes = whole.study.pairs[0].config.evaluation.episodes
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["arm", "seed", "step", "return"])
        for run in scratch:
            for step, returns in read_curve(folders[run.key] / "curve.csv").items():
                value = mean_return(returns, episodes)
                rows.writerow(["scratch", run.seed, step, f"{nan if value is None else value:g}"])
    return False


if __name__ == "__main__":
    sys.exit(main())
