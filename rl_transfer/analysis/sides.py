"""One side of a comparison: the runs of an arm, and what counts as one among them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_transfer.analysis.load import SEPARATOR, PairData, RunData

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """The finished runs of one arm, and how many are missing.

    Runs that started from one source agent are alike beyond what their seeds explain: treated as independent runs they
    make a test far too sure. Where several sources have several runs each, a source is the unit: what is compared is
    the mean over its runs. Where a run has several sources, all of them together are its source.

    Attributes:
        arm: Name of the arm.
        runs: Its finished runs.
        missing: How many planned runs are not there.
        one_source: Whether all runs, though several, have a source agent in common.
    """

    arm: str
    runs: tuple[RunData, ...]
    missing: int
    one_source: bool

    @classmethod
    def of(cls, pair: PairData, arm: str, most: int | None = None) -> "Side":
        """The side of a pair's arm, with its first ``most`` seeds or with all of them."""
        seen = pair.first_seeds(arm, most)
        return cls(arm, seen.of_arm(arm), seen.missing_of_arm(arm), seen.shares_one_source(arm))

    @property
    def failed(self) -> int:
        """Runs that diverged or whose environment failed."""
        return sum(run.failed for run in self.runs)

    @property
    def score_RT(self) -> Floats:
        """Scores, shape (runs, steps)."""
        return np.stack([run.score_T for run in self.runs])

    @property
    def by_source(self) -> bool:
        """Whether the runs started from several source agents, but fewer than there are runs."""
        sources = {run.source_paths for run in self.runs}
        return () not in sources and 1 < len(sources) < len(self.runs)

    @property
    def unit(self) -> str:
        """What counts as one: "sources" or "runs"."""
        return "sources" if self.by_source else "runs"

    @property
    def count(self) -> int:
        """How many units there are."""
        return len({run.source_paths for run in self.runs}) if self.by_source else len(self.runs)

    def by_unit(self, number_R: ArrayLike) -> Floats:
        """Average the runs of each source, where a source is the unit.

        Args:
            number_R: One number a run, shape (runs,).

        Returns:
            One number a unit, shape (units,), units in the order of their first runs.

        Raises:
            ValueError: If there is not one number a run.
        """
        numbers = np.asarray(number_R, dtype=np.float64)
        if numbers.shape != (len(self.runs),):
            raise ValueError(f"number_R must have shape ({len(self.runs)},), not {numbers.shape}")
        if not self.by_source:
            return numbers
        source_R = np.array([SEPARATOR.join(run.source_paths) for run in self.runs])
        return np.array([numbers[source_R == source].mean() for source in dict.fromkeys(source_R.tolist())])

    def gap(self) -> str:
        """What is missing, in words; nothing where the side is complete."""
        if self.missing:
            return f"{self.missing} of {self.missing + len(self.runs)} runs of {self.arm} are missing"
        return "" if self.runs else f"no run of {self.arm} was planned"

    def grouping(self) -> str:
        """How many sources its runs count as, in words; nothing where a run is the unit."""
        return f"the {len(self.runs)} runs of {self.arm} count as their {self.count} sources" if self.by_source else ""
