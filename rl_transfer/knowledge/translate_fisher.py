"""A source's Fisher information in the shapes of a target whose spaces differ."""

from collections.abc import Collection

import numpy as np

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge.networks import Networks
from rl_transfer.knowledge.translate_actions import squashed_actions
from rl_transfer.knowledge.translate_layers import critic_of
from rl_transfer.knowledge.translate_networks import as_networks_see
from rl_transfer.study import image_shape
from rl_transfer.tasks import IndexMap, SpaceMapping


def refuse_unmappable_fisher(fisher: Networks, mapping: SpaceMapping, *, normalized: Collection[str] = ()) -> None:
    """Refuse a mapping that does more than pick, leave out and turn round what the source's networks see and give.

    Then each of the target's parameters is one of the source's or its opposite, and has its Fisher information; where
    several share one, or one is scaled, what was measured on the source says nothing definite about theirs.

    Args:
        fisher: The source's.
        mapping: Between the two tasks.
        normalized: As for :func:`translate_networks`.

    Raises:
        ConfigError: Says what of the mapping does more.
    """
    mapping = as_networks_see(mapping, normalized)
    if mapping.identity:
        return
    for part in mapping.parts:
        what = f"observation.{part.key}".rstrip(".")
        _refuse(what, part.indices)
        ours, theirs = image_shape(part.source), image_shape(part.target)
        if ours is not None and theirs is not None and ours[1:] != theirs[1:]:
            raise ConfigError(f"Fisher information can't be carried to images of another size: {_HINT}", key="mapping")
    has_critics = any(critic_of(name) for role in ("value_body", "value_head") for name in fisher[role])
    _refuse("action", squashed_actions(mapping) if has_critics else mapping.actions)


_HINT = "use l2_start_point, or give the tasks the same spaces"


def _refuse(what: str, indices: IndexMap) -> None:
    known = indices.index_T[indices.known_T]
    if len(np.unique(known)) < len(known):
        problem = "where several of the target's indices are one of the source's"
    elif (np.abs(np.asarray(indices.scale)[indices.known_T]) != 1).any():
        problem = "where they are scaled"
    else:
        return
    raise ConfigError(f"Fisher information can't be carried {problem}: {_HINT}", key=f"mapping.{what}")
