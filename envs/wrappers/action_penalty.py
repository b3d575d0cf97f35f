"""Actions that cost something."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from rl_transfer_envs._checks import number, whole


class ActionPenalty(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Takes a price for each action off the reward.

    Box: `coefficient` times the sum of the squares of its components, as the agent gave them. Discrete: `coefficient`,
    for every action but the free one.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, coefficient: float, free_action: int | None = None) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a Discrete or an integer or floating Box action space.
            coefficient: The price, in rewards, finite and at least 0; with 0 nothing changes.
            free_action: The Discrete action that costs nothing; null where each costs the same. Not for a Box, where
                doing nothing is free anyway.

        Raises:
            ValueError: The action space is of another kind, or a setting is out of its range.
        """
        space = env.action_space
        self._coefficient = number("coefficient", coefficient, least=0.0)
        self._free_action = None if free_action is None else _checked(free_action, space)
        if not isinstance(space, spaces.Discrete) and not (isinstance(space, spaces.Box) and space.dtype.kind in "iuf"):
            raise ValueError(f"action_penalty needs a Discrete or a numeric Box action space, got {space}")
        RecordConstructorArgs.__init__(self, coefficient=self._coefficient, free_action=self._free_action)
        gymnasium.Wrapper.__init__(self, env)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes a step; see `gymnasium.Env.step`.

        Args:
            action: The action.

        Returns:
            What the environment returns, the price taken off its reward.
        """
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, float(reward) - self._coefficient * self._amount(action), terminated, truncated, info

    def _amount(self, action: Any) -> float:
        if isinstance(self.env.action_space, spaces.Box):
            return float(np.sum(np.square(np.asarray(action, np.float64))))
        return float(self._free_action is None or int(action) != self._free_action)


def _checked(free_action: object, space: spaces.Space[Any]) -> int:
    if not isinstance(space, spaces.Discrete):
        raise ValueError(f"free_action is for Discrete action spaces, got {free_action!r} for {space}")
    first = int(space.start)
    checked: int = whole("free_action", free_action, least=first, most=first + int(space.n) - 1)
    return checked
