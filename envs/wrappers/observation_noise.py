"""Gaussian noise on the observations."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs._checks import number

# Keeps the noise's random numbers apart from all others that descend from the same seed.
_SEED_BRANCH = 0x6E6F6973


class ObservationNoise(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Adds independent Gaussian noise to every component of every observation, the first one included.

    The noise has its own generator: a seed given to `reset` reseeds it, a reset without one lets it run on, and the
    environment's generator is never touched. Noise can leave any bounds, so with `scale` above 0 the observation space
    is unbounded; with `scale` 0 nothing changes.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, scale: float) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a floating Box observation space.
            scale: Standard deviation of the noise, in the observation's units, finite and at least 0.

        Raises:
            ValueError: The observation space is of another kind, or `scale` is out of its range.
        """
        space = env.observation_space
        if not isinstance(space, spaces.Box) or space.dtype.kind != "f":
            raise ValueError(f"observation_noise needs a floating Box observation space, got {space}")
        self._scale = number("scale", scale, least=0.0)
        RecordConstructorArgs.__init__(self, scale=self._scale)
        gymnasium.ObservationWrapper.__init__(self, env)
        self._generator: np.random.Generator | None = None
        if self._scale > 0:
            self.observation_space = spaces.Box(-np.inf, np.inf, shape=space.shape, dtype=space.dtype)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment and the noise.
            options: Handed to the environment.

        Returns:
            The first observation with noise, and the environment's info.
        """
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is not None or self._generator is None:
            branch = (_SEED_BRANCH, _noise_wrappers_in(self.env))
            self._generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=branch))
        return self.observation(observation), info

    def observation(self, observation: Any) -> NDArray[Any]:
        """An observation with fresh noise added.

        Args:
            observation: An observation of the environment.

        Returns:
            The same shape, in the observation space's dtype; the very same array if `scale` is 0.

        Raises:
            RuntimeError: The environment was never reset.
        """
        if self._scale == 0:
            return np.asarray(observation)
        if self._generator is None:
            raise RuntimeError("reset the environment before its first step")
        noise = self._generator.normal(scale=self._scale, size=np.shape(observation))
        return np.asarray(observation + noise, dtype=self.observation_space.dtype)


def _noise_wrappers_in(env: gymnasium.Env[Any, Any]) -> int:
    """Counts the noise wrappers further in, so that two of them draw different noise from one seed."""
    count = 0
    while isinstance(env, gymnasium.Wrapper):
        count += isinstance(env, ObservationNoise)
        env = env.env
    return count
