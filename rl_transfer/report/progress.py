"""How a study goes on, while it goes on: for people."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import RLock
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rl_transfer.analysis import Comparison
from rl_transfer.report.table import STYLES
from rl_transfer.report.tally import Running, Tally
from rl_transfer.report.wording import count, duration, signed
from rl_transfer.study import RunName

_VERBS = {"completed": "finished", "not run": "left out"}
_WIDE = 100
"""Columns of a terminal from which on there is room for steps and returns."""


class LiveProgress:
    """Shows people how a study goes on: live on a terminal, one line an ended run and a judged arm elsewhere.

    A context manager with the methods of `rl_transfer.execute.Observer`; they may be called from several threads.

    Args:
        console: Where to; standard error by default.
        clock: Seconds from some fixed time on.
        live: False for lines on a terminal too.
    """

    def __init__(
        self, console: Console | None = None, clock: Callable[[], float] = time.monotonic, *, live: bool = True
    ) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._live = live and self._console.is_terminal and not self._console.is_dumb_terminal
        self._stage = ""
        self._tally = Tally()
        self._lock = RLock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        """Stop showing what went on; on a terminal, say how it ended."""
        self._stack.close()
        with self._lock:
            outcomes = ", ".join(f"{number} {outcome}" for outcome, number in self._tally.outcomes.items())
            elapsed = self._clock() - self._tally.since
        if self._live and outcomes:
            self._say(f"{self._stage}ran {outcomes} in {duration(elapsed)}")

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int, stage: str = "") -> None:
        """Say how much there is to do; on a terminal, start to show it."""
        self._close()
        with self._lock:
            self._stage = f"{stage}: " if stage else ""
            self._tally = Tally.of(runs, stored_runs, steps, stored_steps, self._clock())
        if runs == stored_runs:
            self._say(self._stage + ("the one run is stored" if runs == 1 else f"all {runs} runs are stored"))
        elif not self._live:
            self._say(f"{self._stage}{count(runs, 'run')}, {stored_runs} stored, {runs - stored_runs} to go")
        else:
            live = Live(console=self._console, get_renderable=self._render, transient=True, redirect_stdout=False)
            self._stack.enter_context(live)

    def run_started(self, run: RunName, steps: int) -> None:
        """Take note of a run that starts."""
        with self._lock:
            self._tally.start(run, steps, self._clock())

    def run_progress(self, run: RunName, step: int, mean_return: float | None, score: float | None) -> None:
        """Take note of how far a run got."""
        with self._lock:
            self._tally.note(run, self._clock(), step, mean_return, score)

    def run_ended(self, run: RunName, outcome: str) -> None:
        """Take note of a run's end; say so where it failed or where there is no terminal."""
        with self._lock:
            tally, now = self._tally, self._clock()
            running = tally.end(run, outcome, now)
            took = "" if running is None else f", {_reached(running)}{duration(now - running.since)}"
            line = f"{_VERBS.get(outcome, 'failed')} {tally.ended}/{tally.runs} {run} ({outcome}{took})"
            left = tally.time_left(now)
        if not self._live:
            self._say(f"{line}, {left}")
        elif outcome != "completed":
            self._say(line)

    def arm_judged(self, comparisons: Sequence[Comparison]) -> None:
        """Say an arm's verdicts, in one line."""
        self._say(_verdicts(comparisons))

    def _say(self, line: str | Text) -> None:
        self._console.print(Text(line) if isinstance(line, str) else line, soft_wrap=True)
        self._console.file.flush()

    def _render(self) -> RenderableType:
        with self._lock:
            now, tally = self._clock(), self._tally
            table = _running_table(tally, now, wide=self._console.width >= _WIDE)
            whole = Table.grid(padding=(0, 2, 0, 0))
            whole.add_row(
                ProgressBar(total=max(tally.steps, 1), completed=tally.steps - tally.steps_left, width=30),
                f"{self._stage}{tally.ended}/{tally.runs} runs",
                tally.time_left(now),
            )
        return Group(table, whole)


def _running_table(tally: Tally, now: float, *, wide: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("run", overflow="fold")
    for title in ("steps" if wide else "done", "return", "score", "steps/s"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, run in tally.running.items():
        speed = run.steps_per_second(now)
        table.add_row(
            Text(str(name)),
            _how_far(run, wide=wide),
            "" if run.mean_return is None else f"{run.mean_return:.1f}",
            "" if run.score is None else f"{run.score:.2f}",
            "" if speed is None else f"{speed:,.0f}",
        )
    return table


def _how_far(run: Running, *, wide: bool) -> str:
    if run.first_step is None:
        return "starting"
    return f"{run.step:,}/{run.steps:,}" if wide else f"{100 * run.step / run.steps:.0f} %"


def _reached(run: Running) -> str:
    """The last score of a run that ended, where one is known."""
    return "" if run.score is None else f"score {run.score:.2f}, "


def _verdicts(comparisons: Sequence[Comparison]) -> Text:
    first = comparisons[0]
    look = f" (look {max(one.look for one in comparisons)} of {first.looks})" if first.looks > 1 else ""
    line = Text(f"verdict {first.pair}/{first.transfer_arm}{look}: ")
    for place, one in enumerate(comparisons):
        line.append(f"{', ' if place else ''}{one.family} ").append(one.verdict, STYLES[one.verdict])
        if one.difference is not None:
            line.append(f" {signed(one.difference)}")
    return line
