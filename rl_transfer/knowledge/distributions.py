"""What a policy says of B observations, in numbers that are the same whatever library computes them.

Actions of a Box are in units of their bounds: from -1 to 1. What a source says nothing of is NaN, and an alternative
that it does not know has the logit minus infinity.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Categorical:
    """One choice, or several independent ones, among so many alternatives.

    Attributes:
        logits_BK: Logarithms of the probabilities up to a constant for each choice, the alternatives of one choice
            after the other's; of MultiBinary actions those of 0 and of 1.
        sizes: How many alternatives each choice has.
    """

    logits_BK: Array
    sizes: tuple[int, ...]

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What it is made of."""
        return (self.logits_BK,)

    def like(self, arrays: tuple[Array, ...]) -> "Categorical":
        """The same made of other numbers."""
        return Categorical(arrays[0], self.sizes)


@dataclass(frozen=True)
class Gaussian:
    """Independent normal distributions, one for each of D numbers that an action is made of.

    Attributes:
        mean_BD: Their means.
        log_std_BD: Logarithms of their standard deviations.
        squashed: Whether tanh makes an action of what is drawn.
    """

    mean_BD: Array
    log_std_BD: Array
    squashed: bool

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What it is made of."""
        return (self.mean_BD, self.log_std_BD)

    def like(self, arrays: tuple[Array, ...]) -> "Gaussian":
        """The same made of other numbers."""
        return Gaussian(arrays[0], arrays[1], self.squashed)


@dataclass(frozen=True)
class Deterministic:
    """One action.

    Attributes:
        action_BD: The action.
    """

    action_BD: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What it is made of."""
        return (self.action_BD,)

    def like(self, arrays: tuple[Array, ...]) -> "Deterministic":
        """The same made of other numbers."""
        return Deterministic(arrays[0])


Distribution = Categorical | Gaussian | Deterministic


def split_choices(array_BK: NDArray[Any], sizes: tuple[int, ...]) -> list[NDArray[Any]]:
    """The columns of each choice of a :class:`Categorical`."""
    return np.split(array_BK, np.cumsum(sizes)[:-1], axis=1)
