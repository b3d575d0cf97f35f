"""A loss on the current minibatch, told by its gradient, which an engine adds to that of its algorithm's own.

A loss gets what the learner's networks say of the minibatch, as NumPy arrays, and gives its value and its gradient with
respect to these numbers; the engine takes that through the networks, in the optimizer step that uses the minibatch.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge import Distribution

Array = NDArray[np.float64]

OWN = -1
"""In :attr:`Minibatch.source_B`: a sample of the learner's own."""


@dataclass(frozen=True)
class Minibatch:
    """The B samples that an optimizer step learns from, the algorithm's own losses and others alike.

    Attributes:
        observation_B: As the environment gives them, not normalised: B x observation shape; by key where they are a
            Dict.
        action_B: Actions as the learner stores them: off-policy learners scale those of a Box to [-1, 1].
        source_B: For each sample :data:`OWN`, or the number of the transitions that it comes from, as
            :meth:`~rl_transfer.learner.Learner.mix_experience` gave it.
    """

    observation_B: Any
    action_B: NDArray[Any]
    source_B: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.action_B)


class Loss(ABC):
    """A loss beside the algorithm's own. Each subclass is about one kind of network.

    Its functions return None where there is nothing to add to a step, which is then just as without it. Averaging over
    the minibatch is the loss's own business.

    Attributes:
        name: What it is called in the log.
    """

    name: str


class PolicyLoss(Loss):
    """A loss on what an actor-critic's policy says; asked at each step of the policy's optimizer."""

    @abstractmethod
    def of_policy(self, batch: Minibatch, policy: Distribution) -> tuple[float, Distribution] | None:
        """The loss and its gradient.

        Args:
            batch: The minibatch.
            policy: The learner's policy at its observations.

        Returns:
            The loss, and by how much it grows with each number of ``policy``, in the same form.
        """


class ValuesLoss(Loss):
    """A loss on what a value learner's Q-network says; asked at each step of its optimizer."""

    @abstractmethod
    def of_values(self, batch: Minibatch, q_BA: Array) -> tuple[float, Array] | None:
        """The loss and its gradient.

        Args:
            batch: The minibatch.
            q_BA: Q of each of the A actions, where there are quantiles their mean.

        Returns:
            The loss, and its gradient with respect to ``q_BA``.
        """


class CriticsLoss(Loss):
    """A loss on what the critics of a policy with Box actions say; asked at each step of their optimizer."""

    def further_actions(self, batch: Minibatch, policy: Distribution) -> Array | None:  # noqa: ARG002 - a hook
        """Actions besides the minibatch's own that the critics are to judge.

        Args:
            batch: The minibatch.
            policy: The learner's policy at its observations; nothing is learned through it.

        Returns:
            B x any number x D, in units of the bounds; None for no more.
        """
        return None

    @abstractmethod
    def of_critics(self, batch: Minibatch, q_CBK: Array) -> tuple[float, Array] | None:
        """The loss and its gradient.

        Args:
            batch: The minibatch.
            q_CBK: What each of C critics says of the minibatch's action, then of the further ones; where there are
                quantiles their mean.

        Returns:
            The loss, and its gradient with respect to ``q_CBK``.
        """
