"""Discrete and MultiDiscrete actions and observations counted from 0."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs


class CountFromZero(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Counts Discrete and MultiDiscrete actions and observations from 0, where their spaces start elsewhere.

    Learners count so. Of a Dict observation each part is counted; what is of another kind, or starts at 0, stays as it
    is.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        """Wraps an environment.

        Args:
            env: The environment.
        """
        RecordConstructorArgs.__init__(self)
        gymnasium.Wrapper.__init__(self, env)
        self.action_space = _space_from_zero(env.action_space)
        self.observation_space = _space_from_zero(env.observation_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Handed to the environment.
            options: Handed to the environment.

        Returns:
            The first observation, and the environment's info.
        """
        observation, info = self.env.reset(seed=seed, options=options)
        return _value_from_zero(self.env.observation_space, observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes a step; see `gymnasium.Env.step`.

        Args:
            action: An element of this wrapper's action space.

        Returns:
            What the environment gives, with its observation counted from 0.
        """
        inner = self.env.action_space
        taken = action + _start(inner) if _starts_elsewhere(inner) else action
        observation, reward, terminated, truncated, info = self.env.step(taken)
        return _value_from_zero(self.env.observation_space, observation), reward, terminated, truncated, info


def _space_from_zero(space: spaces.Space[Any]) -> spaces.Space[Any]:
    if isinstance(space, spaces.Dict):
        return spaces.Dict([(key, _space_from_zero(part)) for key, part in space.spaces.items()])
    if not _starts_elsewhere(space):
        return space
    if isinstance(space, spaces.Discrete):
        return spaces.Discrete(space.n, dtype=space.dtype.type)
    return spaces.MultiDiscrete(space.nvec, dtype=space.dtype.type)  # type: ignore[attr-defined, union-attr]


def _value_from_zero(space: spaces.Space[Any], value: Any) -> Any:
    if isinstance(space, spaces.Dict):
        return {key: _value_from_zero(part, value[key]) for key, part in space.spaces.items()}
    return value - _start(space) if _starts_elsewhere(space) else value


def _starts_elsewhere(space: spaces.Space[Any]) -> bool:
    return isinstance(space, spaces.Discrete | spaces.MultiDiscrete) and bool(np.any(space.start))


def _start(space: spaces.Space[Any]) -> Any:
    """The first number of a Discrete space, an array of those of a MultiDiscrete one."""
    return int(space.start) if isinstance(space, spaces.Discrete) else space.start  # type: ignore[attr-defined]
