"""Components of the observation left out."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs.wrappers._boxes import index_list, observation_box


class MissingObservations(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Leaves components of the observation out, so that it gets shorter; the others stay in their order.

    To keep the shape, see `masked_observations`; for the keys of a Dict, Gymnasium's FilterObservation.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, remove: list[int]) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a one-dimensional Box observation space.
            remove: Indices of the components to leave out, not all; with none nothing changes.

        Raises:
            ValueError: The observation space is of another kind, or `remove` is no list of its indices.
        """
        space = observation_box("missing_observations", env, flat=True)
        plain = index_list("remove", remove, space.shape[0])
        if len(plain) == space.shape[0]:
            raise ValueError(f"remove must leave at least one of the {len(plain)} components, got {remove!r}")
        RecordConstructorArgs.__init__(self, remove=plain)
        gymnasium.ObservationWrapper.__init__(self, env)
        self._kept_K = np.setdiff1d(np.arange(space.shape[0]), np.array(plain, np.int64))
        if plain:
            low_K, high_K = space.low[self._kept_K], space.high[self._kept_K]
            self.observation_space = spaces.Box(low_K, high_K, dtype=space.dtype)

    def observation(self, observation: Any) -> NDArray[Any]:
        """What is left of an observation.

        Args:
            observation: An observation of the environment, shape (N,).

        Returns:
            The components that are kept, shape (K,).
        """
        return np.asarray(np.asarray(observation)[self._kept_K])
