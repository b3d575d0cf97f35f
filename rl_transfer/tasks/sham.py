"""The sham source's task: the same states, but nothing in them says what is good."""

from typing import Any, SupportsFloat

import gymnasium
import numpy as np

_MEMORY = 10_000


class Sham(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Replaces each reward by one drawn from those seen so far, and hides terminations as truncations.

    Shuffling alone would change nothing where every reward is the same (CartPole, MountainCar): there the task is told
    by *when* an episode ends. A truncated episode is bootstrapped by the learner, so its end says nothing either.

    Args:
        env: The task's environment.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._rewards: list[SupportsFloat] = []
        self._generator = np.random.default_rng()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset; with a seed, the shuffling starts anew from it."""
        if seed is not None:
            self._generator = np.random.default_rng(np.random.SeedSequence([seed, 1]))
            self._rewards = []
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step with a reward from another moment."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        seen = self._rewards or [reward]
        drawn = seen[int(self._generator.integers(len(seen)))]
        if len(self._rewards) < _MEMORY:
            self._rewards.append(reward)
        else:
            self._rewards[int(self._generator.integers(_MEMORY))] = reward
        return observation, drawn, False, truncated or terminated, info
