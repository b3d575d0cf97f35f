"""A few evenly spaced actions in place of a continuous space."""

import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs._checks import whole

# A table of all combinations is made; more than this is no longer a small action space.
_MOST_ACTIONS = 10_000


class DiscreteActions(gymnasium.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Turns a Box action space into a Discrete one of evenly spaced actions, from bound to bound.

    Each component has the same number of values, the first its low bound and the last its high one, so that an odd
    number has the middle too. The actions are all combinations, the last component varying fastest. (Gymnasium's
    DiscretizeAction takes the centres of equal bins and never reaches the bounds.)
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, bins: int) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with a floating Box action space with finite bounds.
            bins: Values of each component, at least 2; with k components there are bins**k actions, 10,000 at most.

        Raises:
            ValueError: The action space is of another kind, or `bins` is out of its range.
        """
        space = env.action_space
        if not isinstance(space, spaces.Box) or space.dtype.kind != "f" or not space.is_bounded():
            raise ValueError(f"discrete_actions needs a floating Box action space with finite bounds, got {space}")
        bins = whole("bins", bins, least=2)
        size = int(np.prod(space.shape))
        if size * math.log(bins) > math.log(_MOST_ACTIONS) + 1e-9:
            raise ValueError(f"bins**components must be at most {_MOST_ACTIONS}, got {bins}**{size}")
        RecordConstructorArgs.__init__(self, bins=bins)
        gymnasium.ActionWrapper.__init__(self, env)
        self._bins = bins
        self.action_space = spaces.Discrete(bins**size)

    def action(self, action: Any) -> NDArray[Any]:
        """The environment's action for the agent's.

        Args:
            action: An element of the Discrete action space.

        Returns:
            An element of the environment's Box.

        Raises:
            ValueError: The action is not one of the Discrete actions.
        """
        if not self.action_space.contains(action):
            raise ValueError(f"action {action!r} is not in {self.action_space}")
        space = self.env.action_space
        assert isinstance(space, spaces.Box)
        steps = np.array(np.unravel_index(int(action), (self._bins,) * int(np.prod(space.shape)))).reshape(space.shape)
        fraction = steps / (self._bins - 1)
        # A weighted mean of the bounds: exact at both, and never beyond them by an overflow of their difference.
        mixed = (1 - fraction) * space.low.astype(np.float64) + fraction * space.high.astype(np.float64)
        return np.asarray(np.clip(mixed.astype(space.dtype), space.low, space.high))
