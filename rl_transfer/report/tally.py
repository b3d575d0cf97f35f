"""How far a study has got, and how long it will take."""

from dataclasses import dataclass, field
from typing import Self

from rl_transfer.report.wording import duration
from rl_transfer.study import RunName


@dataclass
class Running:
    """A run on its way; a run that is continued starts to count where it was."""

    steps: int
    since: float
    step: int = 0
    first_step: int | None = None
    first_time: float = 0.0
    mean_return: float | None = None
    score: float | None = None

    def note(self, now: float, step: int, mean_return: float | None, score: float | None) -> None:
        """Take note of how far it got."""
        if self.first_step is None:
            self.first_step, self.first_time = step, now
        self.step, self.mean_return, self.score = step, mean_return, score

    @property
    def trained(self) -> int:
        """Steps since the first report."""
        return 0 if self.first_step is None else self.step - self.first_step

    def complete(self) -> None:
        """Count the steps after the last report too: reports are rare, and a short run may give only its first."""
        if self.first_step is not None:
            self.step = self.steps

    def steps_per_second(self, now: float) -> float | None:
        """Speed since the first report; None while it is not known."""
        elapsed = now - self.first_time
        return self.trained / elapsed if self.trained and elapsed > 0 else None


@dataclass
class Tally:
    """How much there is, how much is behind us, and how fast it went."""

    runs: int = 0
    stored_runs: int = 0
    steps: int = 0
    stored_steps: int = 0
    since: float = 0.0
    waiting_runs: int = 0
    waiting_steps: float = 0.0
    trained: int = 0
    first_report: float | None = None
    last_report: float = 0.0
    running: dict[RunName, Running] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: int, stored_runs: int, steps: int, stored_steps: int, now: float) -> Self:
        """Before the first run."""
        return cls(runs, stored_runs, steps, stored_steps, now, runs - stored_runs, steps - stored_steps)

    @property
    def ended(self) -> int:
        """Runs that are behind us, stored ones included."""
        return self.stored_runs + sum(self.outcomes.values())

    @property
    def steps_left(self) -> float:
        """Steps of waiting runs, and what the running ones have before them."""
        return self.waiting_steps + sum(run.steps - run.step for run in self.running.values())

    def seconds_left(self, now: float) -> float | None:
        """Time left at the speed so far, which is that of all workers together; None while it is not known.

        The speed is that from the first report to the last one: what starting took before comes once, and steps
        since the last one are not known yet. Their time is taken off what is left.
        """
        if self.ended == self.runs:
            return 0.0
        trained = self.trained + sum(run.trained for run in self.running.values())
        if self.first_report is None or not trained or self.last_report <= self.first_report:
            return None
        seconds_per_step = (self.last_report - self.first_report) / trained
        return max(self.steps_left * seconds_per_step - (now - self.last_report), 0.0)

    def time_left(self, now: float) -> str:
        """The same in words."""
        seconds = self.seconds_left(now)
        if self.ended == self.runs:
            return "done"
        return "time left not known yet" if seconds is None else f"about {duration(seconds)} left"

    def start(self, run: RunName, steps: int, now: float) -> None:
        """A run starts."""
        self.running[run] = Running(steps, now)
        self.waiting_runs -= 1
        self.waiting_steps -= steps

    def note(self, run: RunName, now: float, step: int, mean_return: float | None, score: float | None) -> Running:
        """Take note of how far a run got; returns what is known of it."""
        running = self.running[run]
        running.note(now, step, mean_return, score)
        if self.first_report is None:
            self.first_report = now
        self.last_report = now
        return running

    def end(self, run: RunName, outcome: str, now: float) -> Running | None:
        """A run ended; returns what is known of it, nothing if it never started."""
        running = self.running.pop(run, None)
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if running is None:
            self.leave_out()
            return None
        if outcome == "completed":
            running.complete()
        if running.first_step is not None:
            self.last_report = now
        self.trained += running.trained
        return running

    def leave_out(self) -> None:
        """Take a run off the waiting ones that is not going to start; its budget is not told, so the average's."""
        self.waiting_steps -= self.waiting_steps / max(self.waiting_runs, 1)
        self.waiting_runs -= 1
