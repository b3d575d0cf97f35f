"""Spaces as networks see them: what their shapes depend on, and batches of them as rows of numbers."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.study import MappingConfig, image_shape


class HasSpaces(Protocol):
    """An environment, or what is known of a task."""

    @property
    def observation_space(self) -> Space[Any]:
        """What it shows."""

    @property
    def action_space(self) -> Space[Any]:
        """What can be done in it."""


def form(space: Space[Any]) -> object:
    """What a network's shape depends on: not the bounds of a box, which variants of a task may change."""
    if isinstance(space, spaces.Discrete):
        return ("Discrete", int(space.n), int(space.start))
    if isinstance(space, spaces.Box):
        return ("Box", space.shape, str(space.dtype))
    if isinstance(space, spaces.Dict):
        return ("Dict", *((key, form(inner)) for key, inner in space.spaces.items()))
    return repr(space)


def short(space: Space[Any]) -> str:
    """A space in a few words, without the bounds of boxes."""
    if isinstance(space, spaces.Box):
        return f"Box({', '.join(map(str, space.shape))}) of {space.dtype}"
    return " ".join(str(space).split())


def keys(space: Space[Any]) -> dict[str, Space[Any]]:
    """The parts of a Dict space by key; any other space under the empty key."""
    return dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}


def kind(space: Space[Any]) -> str:
    """Which spaces can be mapped to each other: those of one kind.

    Raises:
        ConfigError: If no mapping is defined for the space.
    """
    if image_shape(space) is not None:
        # Learners divide the former by 255.
        return "image up to 255" if np.max(space.high) == 255 else "image"  # type: ignore[attr-defined]
    for known in (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary):
        if isinstance(space, known) and not np.any(getattr(space, "start", 0)):
            return known.__name__
    raise ConfigError(f"{short(space)} can't be mapped")


def feature_count(space: Space[Any]) -> int:
    """How many numbers a network sees of an observation: one for each state of a discrete one."""
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return int(space.nvec.sum())
    return int(np.prod(space.shape or ()))


def is_one_hot(space: Space[Any]) -> bool:
    """Whether networks see a space's elements as one-hot codes."""
    return isinstance(space, spaces.Discrete | spaces.MultiDiscrete)


def to_rows(space: Space[Any], batch: NDArray[Any]) -> NDArray[np.float64]:
    """A batch of N elements as networks see them: N x :func:`feature_count`."""
    if not is_one_hot(space):
        return np.asarray(batch, np.float64).reshape(len(batch), -1)
    columns = np.asarray(batch, np.int64).reshape(len(batch), -1)
    return np.concatenate(
        [np.eye(count)[column] for count, column in zip(_counts(space), columns.T, strict=True)], axis=1
    )


def from_rows(space: Space[Any], rows: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """Undo :func:`to_rows`; what is not quite one-hot takes the state with the largest number, the first if none has.

    Args:
        space: The space.
        rows: N x :func:`feature_count`.
        like: A batch whose number of axes the states of a Discrete space get.
    """
    if not is_one_hot(space):
        assert space.shape is not None and space.dtype is not None
        return as_type(rows.reshape(len(rows), *space.shape), space.dtype)
    blocks = np.split(rows, np.cumsum(_counts(space))[:-1], axis=1)
    states = np.stack([block.argmax(axis=1) for block in blocks], axis=1)
    return states[:, 0] if isinstance(space, spaces.Discrete) and like.ndim == 1 else states


def as_type(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Numbers in another type; where that holds whole numbers only, rounded and kept inside its range."""
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    rounded: NDArray[Any] = np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return rounded


def dimension_of(space: Space[Any]) -> list[int]:
    """The dimension of a one-hot space that each state belongs to."""
    return [dimension for dimension, count in enumerate(_counts(space)) for _ in range(count)]


def extent(space: Space[Any]) -> int:
    """How many entries a mapping of an observation has: channels of an image, numbers that networks see of others."""
    shape = image_shape(space)
    return feature_count(space) if shape is None else shape[0]


def action_count(space: Space[Any]) -> int:
    """How many entries a mapping of actions has: actions of a Discrete space, dimensions of others."""
    return int(space.n) if isinstance(space, spaces.Discrete) else int(np.prod(space.shape or ()))


def refuse_other_kind(source: Space[Any], target: Space[Any], key: str) -> None:
    """Refuse spaces that no mapping brings together.

    Raises:
        ConfigError: If they are of two kinds, or of one that can't be mapped.
    """
    if kind(source) != kind(target):
        problem = f"{short(source)} and {short(target)} can't be mapped to each other: write [] (nothing)"
        raise ConfigError(problem, key=key)


def refuse_unmapped(config: MappingConfig, source: HasSpaces, target: HasSpaces) -> None:
    """Refuse spaces of different forms that the mapping does not mention.

    Raises:
        ConfigError: Shows the spaces side by side and a mapping to start from.
    """
    pairs = {
        "observation": (source.observation_space, target.observation_space),
        "action": (source.action_space, target.action_space),
    }
    different = [
        what for what, (ours, theirs) in pairs.items() if getattr(config, what) is None and form(ours) != form(theirs)
    ]
    if not different:
        return
    try:
        lines = mapping_template({what: pairs[what] for what in different})
        advice = ["say which source index each target index takes (null: none), for instance:", "", *lines]
    except ConfigError as error:
        advice = [error.message]
    names = " and ".join(f"{what} spaces" for what in different)
    table = _side_by_side({what: pair for what, pair in pairs.items() if what in different})
    text = "\n".join([f"source and target have different {names}", *table, *advice])
    raise ConfigError(text, key="mapping" if len(different) == 2 else f"mapping.{different[0]}")


def _side_by_side(pairs: dict[str, tuple[Space[Any], Space[Any]]]) -> list[str]:
    rows = [["", "source", "target"]]
    for what, (source, target) in pairs.items():
        ours, theirs = keys(source), keys(target)
        for key in {**theirs, **ours}:
            rows.append([f"{what} {key}".strip(), *(short(s[key]) if key in s else "-" for s in (ours, theirs))])
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def mapping_template(pairs: Mapping[str, tuple[Space[Any], Space[Any]]]) -> list[str]:
    """Lines of YAML that map spaces to each other by position; nothing of those that are of two kinds.

    Args:
        pairs: The source's space and the target's under ``observation``, ``action`` or both.

    Raises:
        ConfigError: If one of the spaces can't be mapped at all.
    """
    return ["mapping:", *(line for what, pair in pairs.items() for line in _template(what, *pair))]


def _template(what: str, source: Space[Any], target: Space[Any]) -> list[str]:
    with_keys = [isinstance(space, spaces.Dict) for space in (source, target)]
    if any(with_keys) != all(with_keys) or (not any(with_keys) and kind(source) != kind(target)):
        return [f"  {what}: []  # nothing: {short(source)} and {short(target)} have nothing in common"]
    if what == "action":
        return [f"  action: {_positions(action_count(source), action_count(target))}"]
    if not isinstance(source, spaces.Dict) or not isinstance(target, spaces.Dict):
        entries = _positions(extent(source), extent(target))
        return [f"  observation: {entries if image_shape(target) is None else f'{{channels: {entries}}}'}"]
    return ["  observation:", *(f"    {key}: {_key(key, source, space)}" for key, space in target.spaces.items())]


def _key(key: str, source: spaces.Dict, target: Space[Any]) -> str:
    ours = source.spaces.get(key)
    if ours is None or kind(ours) != kind(target):
        return "null"
    word = "index" if image_shape(target) is None else "channels"
    more = "" if extent(ours) == extent(target) else f", {word}: {_positions(extent(ours), extent(target))}"
    return f"{{from: {key}{more}}}"


def _positions(have: int, need: int) -> str:
    return f"[{', '.join(str(index) if index < have else 'null' for index in range(need))}]"


def _counts(space: Space[Any]) -> list[int]:
    """States of each dimension of a one-hot space."""
    return [int(space.n)] if isinstance(space, spaces.Discrete) else [int(count) for count in space.nvec]  # type: ignore[attr-defined]
