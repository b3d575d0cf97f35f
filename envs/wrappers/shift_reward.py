"""A constant on top of every reward."""

from typing import Any, SupportsFloat

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from rl_transfer_envs._checks import number


class ShiftReward(gymnasium.RewardWrapper[Any, Any], RecordConstructorArgs):
    """Adds a constant to the reward of every step.

    Where episodes can end early this changes what is best: a constant above 0 pays for lasting, one below for ending.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, amount: float) -> None:
        """Wraps an environment.

        Args:
            env: The environment.
            amount: What is added in each step, finite; with 0 nothing changes.

        Raises:
            ValueError: `amount` is no finite number.
        """
        self._amount = number("amount", amount)
        RecordConstructorArgs.__init__(self, amount=self._amount)
        gymnasium.RewardWrapper.__init__(self, env)

    def reward(self, reward: SupportsFloat) -> float:
        """The reward with the constant.

        Args:
            reward: The environment's reward.

        Returns:
            The agent's reward.
        """
        shifted: float = float(reward) + self._amount
        return shifted
