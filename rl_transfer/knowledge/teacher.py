"""A source agent as others may ask it: a function of the target's observations that never learns."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge.distributions import Distribution


class Teacher(ABC):
    """A source agent in the target's spaces. Asking it disturbs nobody's random state.

    Attributes:
        calls: Observations that it was asked about so far.
    """

    calls: int = 0

    @property
    @abstractmethod
    def episode_length(self) -> float:
        """Mean length of its episodes on its own task, at its last evaluation.

        Raises:
            ConfigError: If it was never evaluated.
        """

    @property
    @abstractmethod
    def evaluation_return(self) -> float:
        """Mean return of its episodes on its own task, at its last evaluation.

        Raises:
            ConfigError: If it was never evaluated.
        """

    @abstractmethod
    def act(
        self, observations: Any, *, deterministic: bool = True, generator: np.random.Generator | None = None
    ) -> NDArray[Any]:
        """Its actions, in the target's units.

        Args:
            observations: B x observation shape, as the target's environment gives them; by key where they are a Dict.
            deterministic: The mode of its policy, or a sample; a value learner is greedy either way.
            generator: Seeds a sample, for which it is needed.

        Raises:
            DivergedError: If its networks' outputs are not finite.
        """

    @abstractmethod
    def values_of(self, observations: Any) -> NDArray[np.float64]:
        """The discounted return that it expects from each of B observations, in its own task's rewards.

        V of an actor-critic, the largest Q of a value learner, else the smallest of its critics' Q at its action; what
        it learned from normalised rewards is scaled back.

        Args:
            observations: As for :meth:`act`.

        Raises:
            DivergedError: If its networks' outputs are not finite.
        """

    @abstractmethod
    def distribution_of(self, observations: Any, *, temperature: float = 1.0) -> Distribution:
        """What its policy says of B observations, about the target's actions.

        Args:
            observations: As for :meth:`act`.
            temperature: What a value learner's Q is divided by; their softmax is its policy.

        Raises:
            DivergedError: If its networks' outputs are not finite.
        """
