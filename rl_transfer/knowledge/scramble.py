"""Scrambling: the same numbers without what was learned, for the placebo control."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge.experience import Transitions, map_arrays
from rl_transfer.knowledge.networks import ROLES, Networks
from rl_transfer.knowledge.optimizer import OptimizerState

Orders = Mapping[str, NDArray[np.intp]]
"""By ``role/name`` of a tensor the order that its values are put into."""

_PER_UNIT = ("weight", "bias", "running_mean", "running_var")


def draw_orders(networks: Networks, generator: np.random.Generator) -> Orders:
    """Draw a permutation for each tensor; a normalisation layer's per-unit tensors share one.

    Args:
        networks: The networks to be scrambled.
        generator: Where the permutations come from.
    """
    orders: dict[str, NDArray[np.intp]] = {}
    for role in ROLES:
        shared: dict[str, NDArray[np.intp]] = {}
        # Sorted, so that what each tensor draws does not depend on the order in which a file lists them.
        for name, array in sorted(networks[role].items()):
            layer, _, parameter = name.rpartition(".")
            if array.size == 1:
                continue
            if f"{layer}.running_mean" in networks[role] and parameter in _PER_UNIT:
                if layer not in shared:
                    shared[layer] = generator.permutation(array.size)
                orders[f"{role}/{name}"] = shared[layer]
            else:
                orders[f"{role}/{name}"] = generator.permutation(array.size)
    return orders


def scramble_networks(networks: Networks, initial: Networks, orders: Orders) -> Networks:
    """Permute each tensor within itself.

    The distribution of each tensor's values stays; which unit they belong to is lost. A tensor of one element can't be
    permuted and takes an initial value instead.

    Args:
        networks: The source's networks.
        initial: A fresh learner's networks, for tensors of one element.
        orders: From :func:`draw_orders`.
    """

    def scrambled(key: str, array: NDArray[Any], fresh: NDArray[Any] | None) -> NDArray[Any]:
        if array.size == 1:
            return fresh.copy() if fresh is not None and fresh.shape == array.shape else np.zeros_like(array)
        return _in_order(array, orders[key])

    return {
        role: {
            name: scrambled(f"{role}/{name}", array, initial[role].get(name))
            for name, array in sorted(networks[role].items())
        }
        for role in ROLES
    }


def scramble_optimizer(state: OptimizerState, orders: Orders) -> OptimizerState:
    """Put what the optimizer keeps into the same order as the tensors that it belongs to."""
    return {
        tensor: {
            what: _in_order(array, orders[tensor]) if tensor in orders and array.size > 1 else array
            for what, array in kept.items()
        }
        for tensor, kept in state.items()
    }


def _in_order(array: NDArray[Any], order: NDArray[np.intp]) -> NDArray[Any]:
    return array.ravel()[order].reshape(array.shape)


def scramble_transitions(transitions: Transitions, generator: np.random.Generator) -> Transitions:
    """Permute actions, (reward, terminated) pairs and next observations independently of each other.

    Every observation, action, reward and next observation is still there; which led to which is lost. What a Dict
    observation holds under its keys stays together.
    """
    count = len(transitions)
    action, outcome, following = (generator.permutation(count) for _ in range(3))
    return replace(
        transitions,
        action_N=transitions.action_N[action],
        reward_N=transitions.reward_N[outcome],
        terminated_N=transitions.terminated_N[outcome],
        truncated_N=transitions.truncated_N & ~transitions.terminated_N[outcome],
        next_observation_N=map_arrays(transitions.next_observation_N, lambda array: array[following]),
    )
