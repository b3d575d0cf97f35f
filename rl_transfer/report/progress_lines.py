"""How a study goes on, while it goes on: for programs."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import isfinite
from threading import RLock
from types import TracebackType
from typing import IO, Any, Self

from rl_transfer.analysis import Comparison
from rl_transfer.report.tally import Tally
from rl_transfer.study import RunName


class JsonLines:
    """Writes one JSON object a line for everything that happens; docs/terminal.md lists the fields.

    A context manager with the methods of `rl_transfer.execute.Observer`; they may be called from several threads.

    Args:
        stream: Where to.
        clock: Seconds from some fixed time on.
    """

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._tally = Tally()
        self._stage = ""
        self._lock = RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is left to be written."""

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int, stage: str = "") -> None:
        """How much there is."""
        with self._lock:
            self._stage = stage
            self._tally = Tally.of(runs, stored_runs, steps, stored_steps, self._clock())
            self._write("begin", runs=runs, stored_runs=stored_runs, steps=steps, stored_steps=stored_steps)

    def run_started(self, run: RunName, steps: int) -> None:
        """A run starts."""
        with self._lock:
            self._tally.start(run, steps, self._clock())
            self._write("run_started", run, steps=steps)

    def run_progress(self, run: RunName, step: int, mean_return: float | None, score: float | None) -> None:
        """How far a run got."""
        with self._lock:
            now = self._clock()
            running = self._tally.note(run, now, step, mean_return, score)
            self._write(
                "run_progress",
                run,
                step=step,
                steps=running.steps,
                mean_return=mean_return,
                score=score,
                steps_per_second=running.steps_per_second(now),
            )

    def run_ended(self, run: RunName, outcome: str) -> None:
        """A run ended."""
        with self._lock:
            now, tally = self._clock(), self._tally
            running = tally.end(run, outcome, now)
            self._write(
                "run_ended",
                run,
                outcome=outcome,
                mean_return=None if running is None else running.mean_return,
                score=None if running is None else running.score,
                seconds=None if running is None else now - running.since,
                ended=tally.ended,
                runs=tally.runs,
                seconds_left=tally.seconds_left(now),
            )

    def arm_judged(self, comparisons: Sequence[Comparison]) -> None:
        """An arm's verdicts."""
        with self._lock:
            for one in comparisons:
                fields = ("family", "baseline", "verdict", "difference", "interval", "p", "level", "n", "n_baseline")
                found = one.to_dict()
                self._write(
                    "verdict",
                    pair=one.pair,
                    arm=one.transfer_arm,
                    look=one.look,
                    looks=one.looks,
                    **{field: found[field] for field in fields},
                )

    def _write(self, event: str, run: RunName | None = None, **fields: Any) -> None:
        entry: dict[str, Any] = {"event": event, "time": datetime.now(UTC).isoformat(timespec="milliseconds")}
        if self._stage:
            entry["stage"] = self._stage
        if run is not None:
            entry |= {"pair": run.pair, "arm": run.arm, "seed": run.seed}
            entry |= {} if run.trial is None else {"trial": run.trial}
        self._stream.write(json.dumps(entry | {name: _number(value) for name, value in fields.items()}) + "\n")
        self._stream.flush()


def _number(value: Any) -> Any:
    """What JSON can hold: numbers that are not finite become null, others are as long as they need to be."""
    if isinstance(value, float):
        return round(value, 6) if isfinite(value) else None
    return value
