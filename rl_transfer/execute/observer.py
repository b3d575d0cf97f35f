"""Who is told how a study goes on."""

from typing import Protocol


class Observer(Protocol):
    """Who wants to know how a study goes on."""

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int, stage: str = "") -> None:
        """Before the first run, and before each look's: how much there is, and how much of it is stored already."""

    def run_started(self, run: str, steps: int) -> None:
        """A run starts, with this budget."""

    def run_progress(self, run: str, step: int, mean_return: float | None) -> None:
        """A run got to this step; its last evaluation had this mean return."""

    def run_ended(self, run: str, outcome: str) -> None:
        """A run ended: ``completed``, ``diverged``, ``environment_failed``, ``crashed`` or ``not run``."""


class Silent:
    """An observer that tells nobody."""

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int, stage: str = "") -> None:
        """Nothing."""

    def run_started(self, run: str, steps: int) -> None:
        """Nothing."""

    def run_progress(self, run: str, step: int, mean_return: float | None) -> None:
        """Nothing."""

    def run_ended(self, run: str, outcome: str) -> None:
        """Nothing."""
