"""Verify shipped pairs: does a scratch agent get half-way to the reference within the budget, does the source learn?

``python scripts/verify_pair.py PAIR...`` takes shipped names or paths, trains the sources and the from-scratch runs of
the first three seeds (kept in the store, where studies find them again), and prints for each pair their final returns,
the mean score of the last tenth of the scratch curves, and the minutes a target run took on one core.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from rl_transfer.analysis.curve_file import read_curve
from rl_transfer.api import plan
from rl_transfer.errors import RLTransferError
from rl_transfer.execute import Plan, Silent, assign_folders, execute
from rl_transfer.store import Store, read_json
from rl_transfer.study import ScoreConfig

_HALF_WAY = 0.5


@dataclass(frozen=True)
class Verify:
    """Train sources and from-scratch baselines of pairs, and say whether their budgets suffice."""

    pairs: tyro.conf.Positional[tuple[str, ...]]
    """Shipped names or paths."""
    seeds: int = 3
    """Seeds of each."""
    workers: int = 1
    """Runs at once."""
    store: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Folder of runs and results."""


def main() -> int:
    """Verify and print; returns 1 if a pair falls short."""
    options = tyro.cli(Verify, description=__doc__)
    table = Table("pair", "scratch: last score", "last returns", "half-way", "source: last returns", "needs", "minutes")
    short = False
    for name in options.pairs:
        try:
            row, enough = _verify(name, options)
        except RLTransferError as error:
            print(f"{name}: {error}", file=sys.stderr)
            short = True
            continue
        table.add_row(name, *row)
        short |= not enough
    Console(width=160).print(table)
    return int(short)


def _verify(name: str, options: Verify) -> tuple[list[str], bool]:
    whole = _plan(name, options)
    roles = [run for run in whole.runs if run.spec.role == "source" or run.arm == "scratch"]
    wanted = [run for run in roles if run.seed < options.seeds]
    chosen = Plan(whole.study, tuple(wanted), whole.notes)
    store = Store(options.store.absolute())
    store.open()
    folders = assign_folders(chosen, store)
    failures = execute(chosen, store, folders, workers=options.workers, observer=Silent())
    if failures:
        raise RLTransferError("; ".join(f"{failure.run}: {failure.message}" for failure in failures))
    pair = whole.study.pairs[0].config
    scratch = [run for run in wanted if run.arm == "scratch"]
    last = {run.key: _last_tenth(read_curve(folders[run.key] / "curve.csv")) for run in wanted}
    lasts = [last[run.key] for run in scratch]
    scores = [_score(pair.score, value) for value in lasts]
    minutes = median(read_json(folders[run.key] / "costs.json")["wall_seconds"] / 60 for run in scratch)
    known = pair.sources.values()
    sources = [[last[run.key] for run in wanted if run.arm == one.arm] for one in known]
    missed = [any(value < one.threshold_return for value in found) for one, found in zip(known, sources, strict=True)]
    enough = fmean(scores) >= _HALF_WAY
    row = [
        f"{fmean(scores):.2f} ({', '.join(f'{score:.2f}' for score in scores)})",
        ", ".join(f"{value:.1f}" for value in lasts),
        "yes" if enough else "NO",
        "; ".join(", ".join(f"{value:.1f}" for value in found) or "none" for found in sources),
        "; ".join(f"{one.threshold_return:g}{' MISSED' * low}" for one, low in zip(known, missed, strict=True)),
        f"{minutes:.1f}",
    ]
    return row, enough and not any(missed)


def _plan(name: str, options: Verify) -> Plan:
    """A study with an arm for every source of the pair."""
    seeds = f"seeds={max(options.seeds, 6)}"  # fewer are no study
    sources = plan(name, [seeds], store=options.store).study.pairs[0].config.sources
    arms = {source: {"methods": ["fine_tune"], "sources": [source]} for source in sources}
    return plan(name, [seeds, f"arms={json.dumps(arms)}"], store=options.store)


def _score(anchors: ScoreConfig, value: float) -> float:
    return max(value - anchors.random, anchors.worst - anchors.random) / (anchors.reference - anchors.random)


def _last_tenth(curve: dict[int, list[float]]) -> float:
    """Mean return over the evaluations in the last tenth of the budget."""
    return fmean(fmean(returns) for step, returns in curve.items() if step >= 0.9 * max(curve))


if __name__ == "__main__":
    sys.exit(main())
