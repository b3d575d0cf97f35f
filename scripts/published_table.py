"""A published transfer table again, with the shipped harness: CartPole with a pole of half-length 0.5 and 0.8, DQN.

The table is that of the repository Luca-Mueller/drl-transfer (cartpole/r_scores.txt): R = (A_transfer - A_scratch) /
A_transfer, A the area under the evaluation curve, for carrying the replay buffer, the network, or both. It counts
episodes where this project counts steps, so this script drives the learner by itself; docs/published.md has the result.

``python scripts/published_table.py`` trains what is missing, then prints the table. A finished run is never trained
again: stop it at will, or let it stop by itself with ``--minutes``.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from filelock import FileLock, Timeout
from numpy.typing import ArrayLike, NDArray
from published_run import ARMS, LENGTHS, PROTOCOLS, Cell, Protocol, carry_out, is_finished

from rl_transfer.analysis import judge
from rl_transfer.errors import RLTransferError
from rl_transfer.stats import Interval, ratio_interval

Floats = NDArray[np.float64]

PUBLISHED = {
    (0.5, "buffer"): 0.21,
    (0.5, "model"): 0.36,
    (0.5, "both"): 0.28,
    (0.8, "buffer"): 0.00,
    (0.8, "model"): 0.23,
    (0.8, "both"): 0.24,
}
"""By the target's pole and what was carried."""

_COLUMNS = (
    *("target", "carried", "published R", "our R", "95 % interval", "five of ours", "agrees"),
    *("mean return (scratch)", "verdict", "n"),
)


def read_curve(cell: Cell, runs: Path) -> Floats:
    """Mean return at each evaluation of a stored run, shape (evaluations,)."""
    table = np.loadtxt(cell.folder(runs) / "curve.csv", delimiter=",", skiprows=1)
    return np.array([table[table[:, 0] == point, 2].mean() for point in np.unique(table[:, 0])])


def area_ratio(scratch_N: ArrayLike, transfer_M: ArrayLike) -> float:
    """R = (A_transfer - A_scratch) / A_transfer of the mean areas of the runs of both arms."""
    return 1.0 - float(np.asarray(scratch_N).mean() / np.asarray(transfer_M).mean())


def area_ratio_interval(scratch_N: ArrayLike, transfer_M: ArrayLike) -> Interval:
    """All R that the runs don't reject at level 0.05; unbounded on the left where there are too few."""
    low, high = ratio_interval(scratch_N, transfer_M, level=0.05)
    return Interval(1.0 - high, 1.0 - low)


def spread_of_five(scratch_N: Floats, transfer_N: Floats) -> Interval:
    """Where R of five repetitions falls nineteen times in twenty, if our runs are all there is to draw from."""
    draw = np.random.default_rng(0).choice
    drawn = [draw(group, (20_000, 5)).mean(axis=1) for group in (scratch_N, transfer_N)]
    return Interval(*np.quantile(1.0 - drawn[0] / drawn[1], (0.025, 0.975)))


@dataclass(frozen=True)
class Table:
    """What is stored of one protocol.

    Attributes:
        protocol: The protocol.
        runs: Folder of its runs.
        seeds: Seeds to read, as far as they are finished.
    """

    protocol: Protocol
    runs: Path
    seeds: range

    @cached_property
    def curves(self) -> dict[tuple[float, str], Floats]:
        """The curves of each arm by length and arm, shape (runs, evaluations), in the order of their seeds."""
        found = {}
        for length, arm in product(LENGTHS, ARMS):
            cells = [Cell(length, arm, seed) for seed in self.seeds]
            done = [read_curve(cell, self.runs) for cell in cells if is_finished(self.protocol, cell, self.runs)]
            if len(done) > 1:
                found[length, arm] = np.array(done)
        return found

    def lines(self) -> Iterator[str]:
        """The table as Markdown."""
        yield f"| {' | '.join(_COLUMNS)} |"
        yield "|---" * len(_COLUMNS) + "|"
        for (length, arm), curves in self.curves.items():
            scratch = self.curves.get((length, "scratch"))
            if arm != "scratch" and scratch is not None:
                yield self._line(length, arm, scratch.mean(axis=1), curves.mean(axis=1))

    def _line(self, length: float, arm: str, scratch_N: Floats, arm_M: Floats) -> str:
        interval = area_ratio_interval(scratch_N, arm_M)
        five = spread_of_five(scratch_N, arm_M) if min(len(scratch_N), len(arm_M)) >= 5 else None
        limit = self.protocol.max_episode_steps
        verdict = judge(scratch_N / limit, arm_M / limit, comparisons=3, worst=0.0)
        published = PUBLISHED.get((length, arm.removesuffix("_new_head")))
        cells = (
            f"{length}",
            arm.replace("_", " "),
            "" if published is None else f"{published:.2f}",
            f"{area_ratio(scratch_N, arm_M):.2f}",
            f"{interval.low:.2f} to {interval.high:.2f}",
            "" if five is None else f"{five.low:.2f} to {five.high:.2f}",
            "" if five is None or published is None else "yes" if five.low <= published <= five.high else "no",
            f"{arm_M.mean():.0f} ({scratch_N.mean():.0f})",
            f"{verdict.verdict}{', fragile' if verdict.fragile else ''} {verdict.difference:+.2f}",
            f"{len(scratch_N)}, {len(arm_M)}",
        )
        return f"| {' | '.join(cells)} |"


def insert(table: str, name: str, document: str) -> str:
    """Put a table between the marks of its protocol in a Markdown document.

    Args:
        table: Its lines.
        name: The protocol.
        document: The document's text.

    Raises:
        RLTransferError: If the document has no such marks.
    """
    begin, end = f"<!-- table: {name} -->\n", f"<!-- end: {name} -->\n"
    before, found, rest = document.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise RLTransferError(f"the document needs the lines {begin!r} and {end!r}")
    return f"{before}{begin}\n{table}\n\n{end}{after}"


def draw(table: Table, file: Path) -> None:
    """Draw every run and the mean of each arm beside from-scratch learning."""
    from matplotlib.figure import Figure

    arms = [arm for arm in ARMS if arm != "scratch" and any(key[1] == arm for key in table.curves)]
    figure = Figure(figsize=(3.0 * len(arms) + 0.6, 5.2), layout="constrained")
    axes = figure.subplots(len(LENGTHS), len(arms), sharex=True, sharey=True, squeeze=False)
    for (row, length), (column, arm) in product(enumerate(LENGTHS), enumerate(arms)):
        panel = axes[row, column]
        for name, colour in (("scratch", "#000000"), (arm, "#0072b2")):
            curves = table.curves.get((length, name))
            if curves is not None:
                episodes = np.arange(curves.shape[1]) * table.protocol.evaluate_every
                panel.plot(episodes, curves.T, color=colour, alpha=0.22, linewidth=0.5)
                panel.plot(episodes, curves.mean(axis=0), color=colour, linewidth=1.8, label=name.replace("_", " "))
        panel.set_title(f"target {length}, {arm.replace('_', ' ')}", loc="left", fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8, loc="upper left")
        panel.set_ylim(0, table.protocol.max_episode_steps * 1.15)
    figure.supxlabel("training episodes", fontsize=9)
    figure.supylabel("mean return of 10 evaluation episodes", fontsize=9)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110, metadata={"Software": None})


@dataclass(frozen=True)
class Options:
    """Train what is missing, then print the table."""

    protocol: Literal["described", "code"] = "described"
    """The protocol as it is handed on, or as the published program has it."""
    arms: tuple[str, ...] = ("buffer", "model", "both")
    """What to carry; also model_new_head and both_new_head."""
    seeds: int = 10
    """Runs of each arm."""
    first_seed: int = 0
    """The first of them."""
    minutes: float = float("inf")
    """Begin no run that would probably end later than this."""
    runs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs/published")
    """Where finished runs are kept."""
    figure: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draw the learning curves into this file."""
    write: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Put the table between its marks in this Markdown file."""


def wanted(options: Options) -> list[Cell]:
    """All runs of the options, seed after seed, sources before what needs them."""
    numbers = range(options.first_seed, options.first_seed + options.seeds)
    return [Cell(length, arm, seed) for seed in numbers for arm in ("scratch", *options.arms) for length in LENGTHS]


def train_missing(options: Options) -> int:
    """Do the runs that are not stored; returns how many are still missing when the time is up.

    Several programs may share the folder: a run that another one is at, or whose source is not there yet, is left out.
    """
    protocol, runs = PROTOCOLS[options.protocol], options.runs / options.protocol
    began, done = time.monotonic(), 0
    for cell in wanted(options):
        spent = time.monotonic() - began
        if spent * (done + 1.5) > 60 * options.minutes * max(done, 1):
            break
        if _do(protocol, cell, runs):
            done += 1
            print(f"{options.protocol} {cell}: {time.monotonic() - began - spent:.0f} s", flush=True)
    return sum(not is_finished(protocol, cell, runs) for cell in wanted(options))


def _do(protocol: Protocol, cell: Cell, runs: Path) -> bool:
    """Do one run unless it is done, another program's, or its source's turn has not come; returns whether it did."""
    if is_finished(protocol, cell, runs) or not (cell.source is None or is_finished(protocol, cell.source, runs)):
        return False
    folder = cell.folder(runs)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            if is_finished(protocol, cell, runs):
                return False
            carry_out(protocol, cell, runs)
            return True
    except Timeout:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and print; returns 1 where runs are missing."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    for arm in options.arms:
        if arm not in ARMS or arm == "scratch":
            raise RLTransferError(f"no arm is called {arm!r}; there are {', '.join(list(ARMS)[1:])}")
    import torch

    torch.set_num_threads(1)  # the number of threads changes the weights
    missing = train_missing(options)
    numbers = range(options.first_seed, options.first_seed + options.seeds)
    table = Table(PROTOCOLS[options.protocol], options.runs / options.protocol, numbers)
    printed = "\n".join(table.lines())
    print(printed)
    if options.write is not None:
        document = insert(printed, options.protocol, options.write.read_text(encoding="utf-8"))
        options.write.write_text(document, encoding="utf-8")
    if options.figure is not None:
        draw(table, options.figure)
    if missing:
        print(f"{missing} runs are missing: run it again", file=sys.stderr)
    return int(missing > 0)


if __name__ == "__main__":
    sys.exit(main())
