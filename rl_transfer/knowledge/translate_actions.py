"""A mapping of actions in other units than the environments': those of their bounds, and those of a head's rows."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.tasks import IndexMap, SpaceMapping
from rl_transfer.tasks.spaces import choices

Array = NDArray[Any]


def row_map(mapping: SpaceMapping, actions: IndexMap) -> IndexMap:
    """From entries of a mapping of actions to a head's rows: one for each choice."""
    ours, theirs = choices(mapping.source_action), choices(mapping.target_action)
    starts = np.cumsum([0, *ours])
    rows = [
        (None if entry is None else int(starts[entry]) + choice, scale)
        for entry, scale, count in zip(actions.index, actions.scale, theirs, strict=True)
        for choice in range(count)
    ]
    index, scales = zip(*rows, strict=True)
    return IndexMap(sum(ours), index, scales)


def squashed_actions(mapping: SpaceMapping) -> IndexMap:
    """The mapping of actions in units of their bounds.

    Raises:
        ConfigError: If that needs a factor other than 1 and -1, or a shift.
    """
    actions = mapping.actions
    if actions.identity or not actions.known_T.any():
        return actions
    middle, half = bounds(mapping.source_action)
    middle_T, half_T = bounds(mapping.target_action)
    factors = []
    for target, (source, scale) in enumerate(zip(actions.index, actions.scale, strict=True)):
        factor = 1.0 if source is None else scale * half[source] / half_T[target]
        if not math.isclose(abs(factor), 1, rel_tol=1e-5):
            wanted = half_T[target] / half[source]
            problem = f"this learner's actions fill their bounds, so the scale must be {wanted:g} or {-wanted:g}"
            raise ConfigError(f"{problem}, not {scale:g}", key=f"mapping.action.{target}")
        if source is not None and not math.isclose(
            scale * middle[source], middle_T[target], abs_tol=1e-5 * half_T[target]
        ):
            problem = f"this learner's actions can't be shifted: scaled by {scale:g} the source's bounds are other than"
            raise ConfigError(f"{problem} the target's", key=f"mapping.action.{target}")
        factors.append(math.copysign(1.0, factor))
    return replace(actions, scale=tuple(factors))


def bounds(space: Space[Any]) -> tuple[Array, Array]:
    """Middle and half the width of a box's bounds, flattened.

    Raises:
        ConfigError: If they are not finite.
    """
    assert isinstance(space, spaces.Box)
    low, high = space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ConfigError("actions without finite bounds can't be scaled to them: bound the action space")
    return (low + high) / 2, (high - low) / 2
