"""Components of the observation that show a constant."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs._checks import number
from rl_transfer_envs.wrappers._boxes import index_list, observation_box


class MaskedObservations(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Shows a constant in place of components of the observation; the shape stays, as with a broken sensor.

    Bounds that the constant lies outside of move to it. To leave components out, see `missing_observations`.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, indices: list[int], value: float = 0.0) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a Box observation space of any shape.
            indices: The components, counted through the flattened observation; with none nothing changes.
            value: What they show, in the observation's units; a number that the observation's dtype can hold.

        Raises:
            ValueError: The observation space is of another kind, `indices` is no list of its indices, or `value` does
                not fit the dtype.
        """
        space = observation_box("masked_observations", env)
        plain = index_list("indices", indices, int(np.prod(space.shape)))
        constant = _fitting(number("value", value), space.dtype)
        RecordConstructorArgs.__init__(self, indices=plain, value=float(value))
        gymnasium.ObservationWrapper.__init__(self, env)
        self._indices_M = np.array(plain, np.int64)
        self._constant = constant
        low = self._with(np.minimum(space.low, constant), space.low)
        high = self._with(np.maximum(space.high, constant), space.high)
        if not (np.array_equal(low, space.low) and np.array_equal(high, space.high)):
            self.observation_space = spaces.Box(low, high, dtype=space.dtype)

    def observation(self, observation: Any) -> NDArray[Any]:
        """An observation with the constant in it.

        Args:
            observation: An observation of the environment.

        Returns:
            A copy in the same shape and dtype.
        """
        plain = np.asarray(observation)
        return self._with(np.full_like(plain, self._constant), plain)

    def _with(self, source: NDArray[Any], base: NDArray[Any]) -> NDArray[Any]:
        """The base with its masked components taken from the source."""
        flat = base.flatten()
        flat[self._indices_M] = source.flatten()[self._indices_M]
        return flat.reshape(base.shape)


def _fitting(value: float, dtype: np.dtype[Any]) -> Any:
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype) if dtype.kind in "iu" else None
    low, high = (0, 1) if limits is None else (limits.min, limits.max)
    if not float(low) <= value <= float(high) or (dtype.kind != "f" and not value.is_integer()):
        raise ValueError(f"value must be a number that {dtype} can hold, got {value!r}")
    return dtype.type(value)
