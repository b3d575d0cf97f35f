"""How a study goes on, while it goes on."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import RLock
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rl_transfer.report.wording import count, duration

_VERBS = {"completed": "finished", "not run": "left out"}


@dataclass
class _Running:
    """A run on its way; a run that is continued starts to count where it was."""

    steps: int
    since: float
    step: int = 0
    first_step: int | None = None
    first_time: float = 0.0
    mean_return: float | None = None

    @property
    def trained(self) -> int:
        return 0 if self.first_step is None else self.step - self.first_step

    def complete(self) -> None:
        """Count the steps after the last report too: reports are rare, and a short run may give only its first."""
        if self.first_step is not None:
            self.step = self.steps

    def cells(self, now: float) -> tuple[str, str, str]:
        """Steps, last return and speed as text."""
        elapsed = now - self.first_time
        return (
            f"{self.step}/{self.steps}",
            "" if self.mean_return is None else f"{self.mean_return:.1f}",
            f"{self.trained / elapsed:.0f}" if self.trained and elapsed > 0 else "",
        )


@dataclass
class _Tally:
    """How much there is, how much is behind us, and how fast it went."""

    runs: int = 0
    stored_runs: int = 0
    steps: int = 0
    stored_steps: int = 0
    since: float = 0.0
    waiting_runs: int = 0
    waiting_steps: float = 0.0
    trained: int = 0
    running: dict[str, _Running] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        return self.stored_runs + sum(self.outcomes.values())

    @property
    def steps_left(self) -> float:
        return self.waiting_steps + sum(run.steps - run.step for run in self.running.values())

    def time_left(self, now: float) -> str:
        """Time left at the speed so far, which is that of all workers together."""
        trained = self.trained + sum(run.trained for run in self.running.values())
        if self.ended == self.runs:
            return "done"
        if not trained or now <= self.since:
            return "time left not known yet"
        return f"about {duration(self.steps_left * (now - self.since) / trained)} left"

    def leave_out(self) -> None:
        """Take a run off the waiting ones that is not going to start; its budget is not told, so the average's."""
        self.waiting_steps -= self.waiting_steps / max(self.waiting_runs, 1)
        self.waiting_runs -= 1


class LiveProgress:
    """Shows people how a study goes on: live on a terminal, one line an ended run elsewhere.

    A context manager with the methods of `rl_transfer.execute.Observer`; they may be called from several threads.

    Args:
        console: Where to; standard error by default.
        clock: Seconds from some fixed time on.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._stage = ""
        self._tally = _Tally()
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
            self._tally = _Tally(
                runs, stored_runs, steps, stored_steps, self._clock(), runs - stored_runs, steps - stored_steps
            )
        if runs == stored_runs:
            self._say(self._stage + ("the one run is stored" if runs == 1 else f"all {runs} runs are stored"))
        elif not self._live:
            self._say(f"{self._stage}{count(runs, 'run')}, {stored_runs} stored, {runs - stored_runs} to go")
        else:
            live = Live(console=self._console, get_renderable=self._render, transient=True, redirect_stdout=False)
            self._stack.enter_context(live)

    def run_started(self, run: str, steps: int) -> None:
        """Take note of a run that starts."""
        with self._lock:
            self._tally.running[run] = _Running(steps, self._clock())
            self._tally.waiting_runs -= 1
            self._tally.waiting_steps -= steps

    def run_progress(self, run: str, step: int, mean_return: float | None) -> None:
        """Take note of how far a run got."""
        with self._lock:
            running = self._tally.running[run]
            if running.first_step is None:
                running.first_step, running.first_time = step, self._clock()
            running.step, running.mean_return = step, mean_return

    def run_ended(self, run: str, outcome: str) -> None:
        """Take note of a run's end; say so where it failed or where there is no terminal."""
        with self._lock:
            tally, now = self._tally, self._clock()
            running = tally.running.pop(run, None)
            tally.outcomes[outcome] = tally.outcomes.get(outcome, 0) + 1
            if running is None:
                tally.leave_out()
            else:
                if outcome == "completed":
                    running.complete()
                tally.trained += running.trained
            took = "" if running is None else f", {duration(now - running.since)}"
            line = f"{_VERBS.get(outcome, 'failed')} {tally.ended}/{tally.runs} {run} ({outcome}{took})"
            left = tally.time_left(now)
        if not self._live:
            self._say(f"{line}, {left}")
        elif outcome != "completed":
            self._say(line)

    def _say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)
        self._console.file.flush()

    def _render(self) -> RenderableType:
        with self._lock:
            now, tally = self._clock(), self._tally
            table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
            table.add_column("run", overflow="fold")
            for title in ("steps", "last return", "steps/s"):
                table.add_column(title, justify="right", no_wrap=True)
            for name, run in tally.running.items():
                table.add_row(Text(name), *run.cells(now))
            whole = Table.grid(padding=(0, 2, 0, 0))
            whole.add_row(
                ProgressBar(total=max(tally.steps, 1), completed=tally.steps - tally.steps_left, width=30),
                f"{self._stage}{tally.ended}/{tally.runs} runs",
                tally.time_left(now),
            )
        return Group(table, whole)
