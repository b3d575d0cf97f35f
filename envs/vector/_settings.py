"""Settings of many members: each keyword one value for all, or one for each."""

from collections.abc import Collection, Mapping
from typing import Any

import gymnasium
import numpy as np


def single_environments(
    single: type[gymnasium.Env[Any, Any]], members: int, settings: Mapping[str, Any], sequences: Collection[str] = ()
) -> list[gymnasium.Env[Any, Any]]:
    """The single environment of every member; members with the same settings share one.

    The single environment's own checks are the checks, and its attributes are the members' parameters.

    Args:
        single: The class of the single environment.
        members: Number of members.
        settings: By keyword one value, or a list, tuple or array with one value for each member.
        sequences: Keywords whose one value is a sequence of numbers.

    Raises:
        TypeError: The single environment does not take a keyword.
        ValueError: A setting has another number of values than there are members, or one is out of its range.
    """
    columns = {name: _column(name, value, members, int(name in sequences)) for name, value in settings.items()}
    made: dict[tuple[Any, ...], gymnasium.Env[Any, Any]] = {}
    found = []
    for row in zip(*columns.values(), strict=True) if columns else [()] * members:
        key = tuple(map(_key, row))
        if key not in made:
            made[key] = single(**dict(zip(columns, row, strict=True)))
        found.append(made[key])
    return found


def _column(name: str, value: Any, members: int, depth: int) -> list[Any]:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if _depth(value) <= depth:
        return [value] * members
    if len(value) != members:
        raise ValueError(f"{name} must be one value, or one for each of the {members} members, got {len(value)} values")
    return list(value)


def _depth(value: Any) -> int:
    """How deep sequences are nested: 0 for a number."""
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list | tuple) else 0


def _key(value: Any) -> tuple[type, str]:
    """Tells values apart that compare equal: 1 and True, 0.0 and -0.0."""
    return type(value), repr(value)
