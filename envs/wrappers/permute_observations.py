"""Components of the observation in another order."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs.wrappers._boxes import observation_box, permutation_list


class PermuteObservations(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Shows the environment's `permutation[i]`-th component as the agent's i-th; bounds move with the components."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, permutation: list[int]) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a Box observation space of any shape and n components.
            permutation: Each of 0 to n - 1 once, counted through the flattened observation.

        Raises:
            ValueError: The observation space is of another kind, or `permutation` is not one of its length.
        """
        space = observation_box("permute_observations", env)
        plain = permutation_list(permutation, int(np.prod(space.shape)))
        RecordConstructorArgs.__init__(self, permutation=plain)
        gymnasium.ObservationWrapper.__init__(self, env)
        self._permutation_N = np.array(plain, np.int64)
        low, high = self.observation(space.low), self.observation(space.high)
        if not (np.array_equal(low, space.low) and np.array_equal(high, space.high)):
            self.observation_space = spaces.Box(low, high, dtype=space.dtype)

    def observation(self, observation: Any) -> NDArray[Any]:
        """An observation in the agent's order.

        Args:
            observation: An observation of the environment.

        Returns:
            The same shape and dtype.
        """
        plain = np.asarray(observation)
        return plain.reshape(-1)[self._permutation_N].reshape(plain.shape)
