"""The minibatches that a Stable-Baselines3 model learns from, told to an observer, with observations as they were."""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor

from rl_transfer.knowledge.experience import map_arrays
from rl_transfer.learner.losses import OWN, Minibatch
from rl_transfer.learner.sb3.between import Between
from rl_transfer.tasks import as_given

See = Callable[[Any, Minibatch], None]
"""Gets observations as the networks take them, and the minibatch."""


def see_samples(space: spaces.Space[Any], see: See, plain: Any, found: Any, source_B: NDArray[np.int64]) -> None:
    """Tell of a sample from a replay buffer.

    Args:
        space: The environments' observation space.
        see: Is told.
        plain: The sample, not normalised.
        found: The sample as the model learns from it.
        source_B: By sample where it comes from.
    """
    given = as_given(space, _arrays(plain.observations))
    see(found.observations, Minibatch(given, _array(found.actions), source_B))


class Rollouts:
    """Tells of every minibatch of a model's rollouts.

    The library's rollout holds observations as they were normalised when they were seen: later statistics are others,
    and what was clipped is lost. So those that the environments gave are kept beside it.

    Args:
        model: A model that learns from rollouts.
        between: Where its environments' observations go by.
        see: Is told.
    """

    def __init__(self, model: BaseAlgorithm, between: Between, see: See) -> None:
        self._buffer: Any = model.rollout_buffer  # type: ignore[attr-defined]
        self._between, self._see = between, see
        self._rows: list[Any] = []
        self._observation_TN: Any = None
        vars(self._buffer).update(add=self._add, _get_samples=self._get_samples)

    def _add(self, *arguments: Any, **named: Any) -> None:
        """Stands in for the buffer's own."""
        del self._rows[self._buffer.pos :]
        self._rows.append(map_arrays(self._between.observation_before_N, np.copy))
        self._observation_TN = None
        type(self._buffer).add(self._buffer, *arguments, **named)

    def _get_samples(self, index_B: NDArray[np.int64], *arguments: Any, **named: Any) -> Any:
        """Stands in for the buffer's own."""
        found = type(self._buffer)._get_samples(self._buffer, index_B, *arguments, **named)
        if self._observation_TN is None:
            self._observation_TN = _stacked(self._rows)
        # The library lays a rollout out member after member.
        member_B, time_B = np.divmod(index_B, len(self._rows))
        observation_B = map_arrays(self._observation_TN, lambda array: array[time_B, member_B])
        self._see(found.observations, Minibatch(observation_B, _array(found.actions), np.full(len(index_B), OWN)))
        return found


def _stacked(rows: list[Any]) -> Any:
    if isinstance(rows[0], dict):
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    return np.stack(rows)


def _array(tensor: Tensor) -> NDArray[Any]:
    found: NDArray[Any] = tensor.detach().cpu().numpy()
    return found


def _arrays(tensors: Any) -> Any:
    return {key: _array(tensor) for key, tensor in tensors.items()} if isinstance(tensors, dict) else _array(tensors)
