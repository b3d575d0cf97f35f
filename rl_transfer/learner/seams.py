"""What a method may put between a learner and its training environments: a guide that acts, other rewards."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge import Teacher


class Guide(ABC):
    """A teacher that takes some steps of a learner's training episodes in its stead.

    Args:
        teacher: Who acts.
        deterministic: Whether it takes the mode of its policy, or samples.
        generator: Where its random numbers come from.
    """

    def __init__(self, teacher: Teacher, *, deterministic: bool, generator: np.random.Generator) -> None:
        self._teacher, self._deterministic, self._generator = teacher, deterministic, generator

    @abstractmethod
    def begin(self, member: int) -> None:
        """An episode begins.

        Args:
            member: In which of the training environments.
        """

    @abstractmethod
    def acts(self, member: int, time: int) -> bool:
        """Whether the guide takes the next step; asked once before each step, until it says no where it only leads in.

        Args:
            member: In which of the training environments.
            time: Steps of the episode so far.
        """

    def act(self, observations: Any, members: Sequence[int]) -> NDArray[Any]:  # noqa: ARG002 - for those that differ
        """Its actions, in the environment's units.

        Args:
            observations: B x observation shape, as the environments give them.
            members: In which of the training environments each of them was made.
        """
        return self._teacher.act(observations, deterministic=self._deterministic, generator=self._generator)


@dataclass(frozen=True)
class Steps:
    """One step in each of N training environments, as the environments tell of it.

    Attributes:
        observation_N: Observations before, N x observation shape; by key where they are a Dict.
        next_observation_N: Observations after; where an episode ended its last one.
        reward_N: The task's rewards.
        terminated_N: Where the task ended.
        truncated_N: Where the episode was cut.
    """

    observation_N: Any
    next_observation_N: Any
    reward_N: NDArray[np.floating[Any]]
    terminated_N: NDArray[np.bool_]
    truncated_N: NDArray[np.bool_]


Reshape = Callable[[Steps], NDArray[np.float64]]
"""The rewards to learn from."""
