"""Who is told how a study goes on."""

from collections.abc import Sequence
from typing import Protocol

from rl_transfer.analysis import Comparison
from rl_transfer.study import RunName


class Observer(Protocol):
    """Who wants to know how a study goes on."""

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int, stage: str = "") -> None:
        """Before the first run, and before each look's: how much there is, and how much of it is stored already."""

    def run_started(self, run: RunName, steps: int) -> None:
        """A run starts, with this budget."""

    def run_progress(self, run: RunName, step: int, mean_return: float | None, score: float | None) -> None:
        """A run got to this step; its last evaluation had this mean return, and score where its pair has anchors."""

    def run_ended(self, run: RunName, outcome: str) -> None:
        """A run ended: ``completed``, ``diverged``, ``environment_failed``, ``crashed`` or ``not run``."""

    def arm_judged(self, comparisons: Sequence[Comparison]) -> None:
        """All runs of an arm, its controls and its baseline at a look are there: its comparisons on one pair."""


class Silent:
    """An observer that tells nobody."""

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int, stage: str = "") -> None:
        """Nothing."""

    def run_started(self, run: RunName, steps: int) -> None:
        """Nothing."""

    def run_progress(self, run: RunName, step: int, mean_return: float | None, score: float | None) -> None:
        """Nothing."""

    def run_ended(self, run: RunName, outcome: str) -> None:
        """Nothing."""

    def arm_judged(self, comparisons: Sequence[Comparison]) -> None:
        """Nothing."""
