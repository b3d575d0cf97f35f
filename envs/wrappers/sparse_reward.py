"""A reward for success only."""

from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from rl_transfer_envs._checks import choice, number

SUCCESSES = ("step", "episode")


class SparseReward(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Pays 1 for a success and 0 for everything else.

    A success is a step whose own reward is greater than a threshold (Acrobot's goal: -0.5, since every other step pays
    -1), or the last step of an episode whose return is (a cart-pole that stood for more than 195 steps: 195; a car that
    reached the goal before the time limit of 200: -200). The end is also where the time limit inside of this wrapper
    cuts the episode off.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, threshold: float, of: str = "step") -> None:
        """Wraps an environment.

        Args:
            env: The environment.
            threshold: What the reward or return must be greater than, in the environment's units, finite.
            of: "step" for each step's reward, "episode" for the return, paid for at the end.

        Raises:
            ValueError: A setting is out of its range.
        """
        self._threshold = number("threshold", threshold)
        self._of = choice("of", of, SUCCESSES)
        RecordConstructorArgs.__init__(self, threshold=self._threshold, of=self._of)
        gymnasium.Wrapper.__init__(self, env)
        self._return = 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment.
            options: Handed to the environment.

        Returns:
            The environment's first observation and info.
        """
        self._return = 0.0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes a step; see `gymnasium.Env.step`.

        Args:
            action: The action.

        Returns:
            What the environment returns, its reward replaced by 1 or 0.
        """
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._return += float(reward)
        if self._of == "step":
            success = float(reward) > self._threshold
        else:
            success = (terminated or truncated) and self._return > self._threshold
        return observation, float(success), terminated, truncated, info
