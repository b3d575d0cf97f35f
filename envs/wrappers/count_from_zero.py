"""Discrete actions and observations counted from 0."""

from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs


class CountFromZero(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Counts Discrete actions and observations from 0, where the environment's spaces start elsewhere.

    Learners count so; what is of another kind, or starts at 0, stays as it is.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        """Wraps an environment.

        Args:
            env: The environment.
        """
        RecordConstructorArgs.__init__(self)
        gymnasium.Wrapper.__init__(self, env)
        self._first_action, self._first_observation = _start(env.action_space), _start(env.observation_space)
        if self._first_action:
            self.action_space = _from_zero(env.action_space)
        if self._first_observation:
            self.observation_space = _from_zero(env.observation_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Handed to the environment.
            options: Handed to the environment.

        Returns:
            The first observation, and the environment's info.
        """
        observation, info = self.env.reset(seed=seed, options=options)
        return self._shown(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes a step; see `gymnasium.Env.step`.

        Args:
            action: An element of this wrapper's action space.

        Returns:
            What the environment gives, with its observation counted from 0.
        """
        taken = action + self._first_action if self._first_action else action
        observation, reward, terminated, truncated, info = self.env.step(taken)
        return self._shown(observation), reward, terminated, truncated, info

    def _shown(self, observation: Any) -> Any:
        return observation - self._first_observation if self._first_observation else observation


def _start(space: spaces.Space[Any]) -> int:
    return int(space.start) if isinstance(space, spaces.Discrete) else 0


def _from_zero(space: spaces.Space[Any]) -> spaces.Space[Any]:
    assert isinstance(space, spaces.Discrete)
    return spaces.Discrete(int(space.n), dtype=space.dtype.type)
