"""A source's transitions and statistics as a target whose spaces differ would have kept them."""

from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_transfer.knowledge.experience import Transitions
from rl_transfer.knowledge.statistics import Moments, Statistics
from rl_transfer.knowledge.translate_actions import bounds
from rl_transfer.study import is_byte_image
from rl_transfer.tasks import SpaceMapping

_FRESH_COUNT = 1e-4
"""The count that Stable-Baselines3's running statistics start with."""


def translate_transitions(transitions: Transitions, mapping: SpaceMapping) -> Transitions:
    """A source's experience as the target would have stored it.

    Actions of a Box are stored in units of the bounds, so that other bounds alone change them. Transitions whose
    action has no counterpart are dropped, and the one before each gap is cut, so that no return reaches over it.

    Raises:
        ConfigError: If actions can't be brought into units of the target's bounds.
    """
    if mapping.identity and mapping.same_action_bounds:
        return transitions
    actions, known = _stored_actions(transitions.action_N, mapping)
    gap = np.append(~known[1:] & (np.diff(transitions.time_N) > 0), False)
    translated = replace(
        transitions,
        action_N=actions,
        observation_N=mapping.observation_to_target(transitions.observation_N, stored=True),
        next_observation_N=mapping.observation_to_target(transitions.next_observation_N, stored=True),
        truncated_N=transitions.truncated_N | (gap & ~transitions.terminated_N),
    )
    return translated if known.all() else translated.map(lambda array: array[known])


def _stored_actions(actions: NDArray[Any], mapping: SpaceMapping) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    ours, theirs = mapping.source_action, mapping.target_action
    if not (isinstance(ours, spaces.Box) and isinstance(theirs, spaces.Box)):
        return mapping.action_to_target(actions)
    (middle, half), (middle_T, half_T) = bounds(ours), bounds(theirs)
    rows = actions.reshape(len(actions), -1).astype(np.float64)
    found, known = mapping.action_to_target(middle + half * rows)
    return ((found - middle_T) / half_T).astype(actions.dtype), known


def translate_statistics(statistics: Statistics, mapping: SpaceMapping) -> Statistics:
    """A source's running statistics as the target would have kept them.

    What has no source has mean 0 and variance 1, and where a whole observation has none the count of fresh statistics.
    """
    if mapping.observation_identity or not statistics.observation:
        return statistics
    observation = {}
    for key, space in mapping.target_keys.items():
        part = mapping.part(key)
        if part is None:
            if isinstance(space, spaces.Box) and not is_byte_image(space):
                observation[key] = Moments(np.zeros(space.shape), np.ones(space.shape), _FRESH_COUNT)
        elif part.source_key in statistics.observation:
            old = statistics.observation[part.source_key]
            mean, var = part.moments(old.mean, 1, 0.0), part.moments(old.var, 2, 1.0)
            observation[key] = Moments(mean, var, old.count)
    return replace(statistics, observation=observation)
