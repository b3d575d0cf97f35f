"""Actions mirrored: the first becomes the last, the lowest the highest."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray


class ReverseActions(gymnasium.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Gives the environment the mirror image of every action; the action space stays as it is.

    Discrete: the k-th action becomes the k-th from the end. Box, by component: `low + high - action` where both bounds
    are finite, `-action` where neither is.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a Discrete or an integer or floating Box action space.

        Raises:
            ValueError: The action space is of another kind, or a Box component is bounded on one side only.
        """
        RecordConstructorArgs.__init__(self)
        gymnasium.ActionWrapper.__init__(self, env)
        space = env.action_space
        if isinstance(space, spaces.Box) and space.dtype.kind in "iuf":
            self._low_plus_high = _low_plus_high(space)
        elif not isinstance(space, spaces.Discrete):
            raise ValueError(f"reverse_actions needs a Discrete or a numeric Box action space, got {space}")

    def action(self, action: Any) -> Any:
        """The mirror image of an action.

        Args:
            action: An element of the action space.

        Returns:
            What the environment receives, in the action space's dtype.

        Raises:
            ValueError: The action is not one of the Discrete actions, or has the wrong shape for the Box.
        """
        space = self.env.action_space
        if isinstance(space, spaces.Discrete):
            if not space.contains(action):
                raise ValueError(f"action {action!r} is not in {space}")
            return space.dtype.type(2 * int(space.start) + int(space.n) - 1 - int(action))
        assert isinstance(space, spaces.Box)
        return self._mirrored(np.asarray(action), space)

    def _mirrored(self, action: NDArray[Any], space: spaces.Box[Any]) -> NDArray[Any]:
        if action.shape != space.shape:
            raise ValueError(f"the action has shape {action.shape}, the action space {space.shape}")
        # Integers may wrap around on the way: the result is right whenever it lies within the bounds.
        with np.errstate(over="ignore"):
            mirrored = np.asarray(self._low_plus_high - action.astype(self._low_plus_high.dtype)).astype(space.dtype)
        # Rounding must not carry a valid action out of the bounds; an action beyond them stays beyond them.
        valid = (space.low <= action) & (action <= space.high)
        return np.where(valid, np.clip(mirrored, space.low, space.high), mirrored)


def _low_plus_high(space: spaces.Box[Any]) -> NDArray[Any]:
    one_sided = np.argwhere(space.bounded_below != space.bounded_above)
    if one_sided.size:
        raise ValueError(
            "reverse_actions can't mirror Box components bounded on one side only: "
            f"{[tuple(map(int, index)) for index in one_sided]} of {space}"
        )
    wide = np.dtype(np.float64) if space.dtype.kind == "f" else space.dtype
    low = np.where(space.bounded_below, space.low, 0).astype(wide)
    high = np.where(space.bounded_above, space.high, 0).astype(wide)
    with np.errstate(over="ignore"):
        return np.asarray(low + high)
