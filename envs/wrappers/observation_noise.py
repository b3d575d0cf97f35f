"""Gaussian noise on the observations."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs._checks import number
from rl_transfer_envs.wrappers._boxes import into, observation_box
from rl_transfer_envs.wrappers._own_generator import OwnGenerator


class ObservationNoise(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Adds independent Gaussian noise to every component of every observation, the first one included.

    The noise has its own generator: a seed given to `reset` reseeds it, a reset without one lets it run on, and the
    environment's generator is never touched. Noise can leave any bounds, so with `scale` above 0 the observation space
    is unbounded; whole numbers, such as an image's, are rounded and kept inside their bounds. With `scale` 0 nothing
    changes.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, scale: float) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a Box observation space.
            scale: Standard deviation of the noise, in the observation's units, finite and at least 0.

        Raises:
            ValueError: The observation space is of another kind, or `scale` is out of its range.
        """
        space = observation_box("observation_noise", env)
        self._space, self._scale = space, number("scale", scale, least=0.0)
        RecordConstructorArgs.__init__(self, scale=self._scale)
        gymnasium.ObservationWrapper.__init__(self, env)
        self._own = OwnGenerator(self, b"nois")
        if self._scale > 0 and space.dtype.kind == "f":
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
        self._own.reseed(seed)
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
        noise = self._own.numbers.normal(scale=self._scale, size=np.shape(observation))
        noisy: NDArray[Any] = into(self._space, observation + noise)
        return noisy
