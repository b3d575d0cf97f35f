"""Rewards in other units, or with their sign flipped."""

from typing import Any, SupportsFloat

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from rl_transfer_envs._checks import number


class ScaleReward(gymnasium.RewardWrapper[Any, Any], RecordConstructorArgs):
    """Multiplies every reward by a factor; a negative one flips its sign."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, factor: float) -> None:
        """Wraps an environment.

        Args:
            env: The environment.
            factor: Finite; with 1 nothing changes.

        Raises:
            ValueError: `factor` is no finite number.
        """
        self._factor = number("factor", factor)
        RecordConstructorArgs.__init__(self, factor=self._factor)
        gymnasium.RewardWrapper.__init__(self, env)

    def reward(self, reward: SupportsFloat) -> float:
        """The reward times the factor.

        Args:
            reward: The environment's reward.

        Returns:
            The agent's reward.
        """
        scaled: float = self._factor * float(reward)
        return scaled
