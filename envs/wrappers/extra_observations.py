"""Random numbers beside the observation that mean nothing."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs._checks import number, whole
from rl_transfer_envs.wrappers._boxes import observation_box
from rl_transfer_envs.wrappers._own_generator import OwnGenerator


class ExtraObservations(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Appends random numbers to every observation, each normally distributed with mean 0 and unbounded.

    Each number is a first-order autoregressive process: the next one is `persistence` times the last plus fresh noise,
    scaled so that the standard deviation is `scale` at every step. Every episode starts anew. The numbers have their
    own generator: a seed given to `reset` reseeds it, a reset without one lets it run on.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, count: int, scale: float = 1.0, persistence: float = 0.0
    ) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a one-dimensional floating Box observation space.
            count: How many numbers, at least 0; with 0 nothing changes.
            scale: Their standard deviation, finite and at least 0.
            persistence: Correlation of a number with the one a step earlier, in [0, 1]: 0 for independent numbers, .99
                for a slow drift, 1 for numbers that stay the same throughout an episode.

        Raises:
            ValueError: The observation space is of another kind, or a setting is out of its range.
        """
        space = observation_box("extra_observations", env, floating=True, flat=True)
        self._count = whole("count", count, least=0)
        self._scale = number("scale", scale, least=0.0)
        self._persistence = number("persistence", persistence, least=0.0, most=1.0)
        RecordConstructorArgs.__init__(self, count=self._count, scale=self._scale, persistence=self._persistence)
        gymnasium.ObservationWrapper.__init__(self, env)
        self._own = OwnGenerator(self, b"extr")
        self._last_C: NDArray[np.float64] | None = None
        if self._count:
            unbounded_C = np.full(self._count, np.inf, space.dtype)
            low_N, high_N = np.append(space.low, -unbounded_C), np.append(space.high, unbounded_C)
            self.observation_space = spaces.Box(low_N, high_N, dtype=space.dtype)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment and the numbers.
            options: Handed to the environment.

        Returns:
            The first observation with the numbers, and the environment's info.
        """
        observation, info = self.env.reset(seed=seed, options=options)
        self._own.reseed(seed)
        self._last_C = None
        return self.observation(observation), info

    def observation(self, observation: Any) -> NDArray[Any]:
        """An observation with the next numbers.

        Args:
            observation: An observation of the environment, shape (N,).

        Returns:
            Shape (N + count,), in the observation space's dtype; the very same array if `count` is 0.

        Raises:
            RuntimeError: The environment was never reset.
        """
        if not self._count:
            return np.asarray(observation)
        fresh_C = self._own.numbers.normal(scale=self._scale, size=self._count)
        if self._last_C is not None:
            fresh_C = self._persistence * self._last_C + np.sqrt(1 - self._persistence**2) * fresh_C
        self._last_C = fresh_C
        return np.append(observation, fresh_C).astype(self.observation_space.dtype)
