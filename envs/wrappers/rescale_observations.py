"""Observations in other units."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs.wrappers._boxes import into, number_or_list, observation_box, spread


class RescaleObservations(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Shows `scale * observation + shift`; bounds move with the numbers.

    Computed in 64 bits and rounded to the observation's dtype; a result beyond it is infinite, so is then its bound.
    Whole numbers, such as an image's, are rounded and kept inside their bounds, which stay.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, scale: float | list[float] = 1.0, shift: float | list[float] = 0.0
    ) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a Box observation space of any shape and n components.
            scale: One factor, or n of them counted through the flattened observation; finite, not 0, may be negative.
            shift: What is added afterwards, in the new units: one number or n; finite.

        Raises:
            ValueError: The observation space is of another kind, or a setting is none of these.
        """
        space = observation_box("rescale_observations", env)
        size = int(np.prod(space.shape))
        scales, shifts = number_or_list("scale", scale, size), number_or_list("shift", shift, size)
        self._scale, self._shift = spread(scales, space.shape), spread(shifts, space.shape)
        if not self._scale.all():
            raise ValueError(f"scale must not be 0 (masked_observations hides components), got {scale!r}")
        RecordConstructorArgs.__init__(self, scale=scales, shift=shifts)
        gymnasium.ObservationWrapper.__init__(self, env)
        self._changes = bool((self._scale != 1).any() or self._shift.any())
        self._space = space
        if self._changes and space.dtype.kind == "f":
            ends = self.observation(space.low), self.observation(space.high)
            self.observation_space = spaces.Box(np.minimum(*ends), np.maximum(*ends), dtype=space.dtype)

    def observation(self, observation: Any) -> NDArray[Any]:
        """An observation in the new units.

        Args:
            observation: An observation of the environment.

        Returns:
            The same shape, in the observation space's dtype; the very same array if no setting changes anything.
        """
        if not self._changes:
            return np.asarray(observation)
        scaled: NDArray[Any] = into(self._space, np.asarray(observation, np.float64) * self._scale + self._shift)
        return scaled
