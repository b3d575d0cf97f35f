"""Rewards that are paid out late."""

from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from rl_transfer_envs._checks import whole


class DelayedReward(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Saves the rewards up and pays their sum every few steps, and what is left at the end of the episode.

    In between the reward is 0; an episode's return stays the same. The end is also where the time limit inside of this
    wrapper cuts the episode off.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, steps: int | None = None) -> None:
        """Wraps an environment.

        Args:
            env: The environment.
            steps: Steps from one payment to the next, at least 1; with 1 nothing changes, with null all is paid at the
                end of the episode.

        Raises:
            ValueError: `steps` is out of its range.
        """
        self._steps = None if steps is None else whole("steps", steps, least=1)
        RecordConstructorArgs.__init__(self, steps=self._steps)
        gymnasium.Wrapper.__init__(self, env)
        self._saved = 0.0
        self._waited = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode, with nothing saved; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment.
            options: Handed to the environment.

        Returns:
            The environment's first observation and info.
        """
        self._saved, self._waited = 0.0, 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes a step; see `gymnasium.Env.step`.

        Args:
            action: The action.

        Returns:
            What the environment returns, its reward replaced by the payment.
        """
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._saved += float(reward)
        self._waited += 1
        payment = 0.0
        if terminated or truncated or self._waited == self._steps:
            payment, self._saved, self._waited = self._saved, 0.0, 0
        return observation, payment, terminated, truncated, info
