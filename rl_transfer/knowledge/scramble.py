"""Scrambling: the same numbers without what was learned, for the placebo control."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge.experience import Transitions
from rl_transfer.knowledge.networks import ROLES, Networks


def scramble_networks(networks: Networks, initial: Networks, generator: np.random.Generator) -> Networks:
    """Permute each tensor within itself.

    The distribution of each tensor's values stays; which unit they belong to is lost. A tensor of one element can't be
    permuted and takes an initial value instead.

    Args:
        networks: The source's networks.
        initial: A fresh learner's networks, for tensors of one element.
        generator: Where the permutations come from.
    """

    def scrambled(array: NDArray[Any], fresh: NDArray[Any] | None) -> NDArray[Any]:
        if array.size == 1:
            return fresh.copy() if fresh is not None and fresh.shape == array.shape else np.zeros_like(array)
        return generator.permutation(array.ravel()).reshape(array.shape)

    return {
        # Sorted, so that what each tensor draws does not depend on the order in which a file lists them.
        role: {name: scrambled(array, initial[role].get(name)) for name, array in sorted(networks[role].items())}
        for role in ROLES
    }


def scramble_transitions(transitions: Transitions, generator: np.random.Generator) -> Transitions:
    """Permute actions, (reward, terminated) pairs and next observations independently of each other.

    Every observation, action, reward and next observation is still there; which led to which is lost.
    """
    count = len(transitions)
    action, outcome, following = (generator.permutation(count) for _ in range(3))
    return replace(
        transitions,
        action_N=transitions.action_N[action],
        reward_N=transitions.reward_N[outcome],
        terminated_N=transitions.terminated_N[outcome],
        truncated_N=transitions.truncated_N & ~transitions.terminated_N[outcome],
        next_observation_N=transitions.next_observation_N[following],
    )
