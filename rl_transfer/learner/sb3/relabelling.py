"""Stored transitions with the rewards and terminations that another task gives them."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Transitions
from rl_transfer.tasks import as_given
from rl_transfer_envs.outcomes import Outcomes


def relabel(
    transitions: Transitions, outcomes: Outcomes, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]
) -> Transitions:
    """The same transitions with other rewards and terminations.

    Args:
        transitions: As a replay buffer stores them.
        outcomes: Tells them, of observations and actions as environments have them.
        observation_space: The environments'.
        action_space: The environments'.

    Raises:
        ConfigError: If something else is told than a finite reward and a yes or no for each.
    """
    reward_N, terminated_N = map(
        np.asarray,
        outcomes(
            as_given(observation_space, transitions.observation_N),
            _as_taken(action_space, transitions.action_N),
            as_given(observation_space, transitions.next_observation_N),
        ),
    )
    count = len(transitions)
    if reward_N.shape != (count,) or terminated_N.shape != (count,) or not np.isfinite(reward_N).all():
        what = f"of {count} transitions the target's outcomes_of gave rewards of shape {reward_N.shape}"
        raise ConfigError(f"{what}, terminations of shape {terminated_N.shape}: needs a finite number of each for each")
    return transitions.with_outcomes(reward_N.astype(transitions.reward_N.dtype), terminated_N.astype(np.bool_))


def _as_taken(space: spaces.Space[Any], stored: NDArray[Any]) -> NDArray[Any]:
    """Actions in the environments' own units; those of a Box are stored scaled to [-1, 1]."""
    if isinstance(space, spaces.Box):
        taken: NDArray[Any] = space.low + 0.5 * (stored + 1.0) * (space.high - space.low)
        return taken.astype(space.dtype)
    return stored.reshape(-1) if isinstance(space, spaces.Discrete) else stored
