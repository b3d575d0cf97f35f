"""Actions, or the components of an action vector, in another order."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs.wrappers._boxes import permutation_list


class PermuteActions(gymnasium.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Makes the agent's i-th action act as the environment's `permutation[i]`-th.

    Discrete: of the actions, counted from 0 whatever the space's `start`. Box of one dimension: of the components,
    whose bounds move with them.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, permutation: list[int]) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a Discrete or one-dimensional Box action space of n actions or components.
            permutation: Each of 0 to n - 1 once.

        Raises:
            ValueError: The action space is of another kind, or `permutation` is not one of its length.
        """
        space = env.action_space
        plain = permutation_list(permutation, _length(space))
        RecordConstructorArgs.__init__(self, permutation=plain)
        gymnasium.ActionWrapper.__init__(self, env)
        self._permutation_N = np.array(plain)
        if isinstance(space, spaces.Box):
            low_N, high_N = space.low[self._permutation_N], space.high[self._permutation_N]
            if not (np.array_equal(low_N, space.low) and np.array_equal(high_N, space.high)):
                self.action_space = spaces.Box(low_N, high_N, dtype=space.dtype)

    def action(self, action: Any) -> Any:
        """The environment's action for the agent's.

        Args:
            action: An element of this wrapper's action space.

        Returns:
            An element of the environment's action space.

        Raises:
            ValueError: The action is not one of the Discrete actions, or has the wrong shape for the Box.
        """
        space = self.env.action_space
        if isinstance(space, spaces.Discrete):
            if not space.contains(action):
                raise ValueError(f"action {action!r} is not in {space}")
            return space.dtype.type(int(self._permutation_N[int(action) - int(space.start)]) + int(space.start))
        return self._reordered(np.asarray(action))

    def _reordered(self, action_N: NDArray[Any]) -> NDArray[Any]:
        if action_N.shape != self._permutation_N.shape:
            raise ValueError(f"the action has shape {action_N.shape}, the action space {self._permutation_N.shape}")
        reordered_N = np.empty_like(action_N)
        reordered_N[self._permutation_N] = action_N
        return reordered_N


def _length(space: spaces.Space[Any]) -> int:
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return space.shape[0]
    raise ValueError(f"permute_actions needs a Discrete or a one-dimensional Box action space, got {space}")
