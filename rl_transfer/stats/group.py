"""The runs of one side of a comparison."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """One group's runs in rising order, so that the order in which they are given can't matter.

    Attributes:
        mean: Mean over the runs.
        centred_N: One number a run, the mean subtracted, rising, shape (runs,).
    """

    mean: float
    centred_N: Floats

    @classmethod
    def of(cls, values_N: Floats) -> "Group":
        """Sort and centre.

        Args:
            values_N: One finite number a run, shape (runs,), at least one.
        """
        ordered_N = np.sort(values_N)
        # The mean of equal numbers is not always that number; a constant group must have no spread at all.
        mean = float(ordered_N[0] if ordered_N[0] == ordered_N[-1] else ordered_N.mean())
        return cls(mean, ordered_N - mean)

    @property
    def size(self) -> int:
        """Number of runs."""
        return len(self.centred_N)

    @property
    def squared_error(self) -> float:
        """Squared standard error of the mean; of at least two runs."""
        return float(self.centred_N @ self.centred_N) / (self.size * (self.size - 1))
