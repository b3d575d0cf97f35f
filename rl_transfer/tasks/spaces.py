"""Spaces as networks see them: what their shapes depend on, and batches of them as rows of numbers."""

import json
from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import isclose, isfinite
from typing import Any, Protocol

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.study import MappingConfig, channels_first, image_shape, is_byte_image
from rl_transfer.study.yaml_file import dump_yaml

_SAME_BOUND = 1e-6  # Of the width between the bounds, which environments often hold in single precision.


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


def choices(space: Space[Any]) -> list[int]:
    """By entry of a mapping of actions how many choices it has: a MultiDiscrete dimension's; 1 of all others."""
    return _counts(space) if isinstance(space, spaces.MultiDiscrete) else [1] * action_count(space)


def as_stored(space: Space[Any], given: Any) -> Any:
    """Observations as learners store them.

    They hold images of bytes with their channels first, and a number as a column of width 1.

    Args:
        space: An environment's observation space.
        given: B x observation shape, as the environment gives them; by key where they are a Dict.
    """
    if isinstance(space, spaces.Dict):
        return {key: as_stored(inner, given[key]) for key, inner in space.spaces.items()}
    if is_byte_image(space) and not channels_first(space):
        return np.moveaxis(given, -1, 1)
    return given.reshape(-1, 1) if isinstance(space, spaces.Discrete) else given


def as_given(space: Space[Any], stored: Any) -> Any:
    """Observations as environments give them; undoes :func:`as_stored`.

    Args:
        space: The environment's observation space.
        stored: B x shape in a learner's store; by key where they are a Dict.
    """
    if isinstance(space, spaces.Dict):
        return {key: as_given(inner, stored[key]) for key, inner in space.spaces.items()}
    if is_byte_image(space) and not channels_first(space):
        return np.moveaxis(stored, 1, -1)
    return stored.reshape(-1) if isinstance(space, spaces.Discrete) else stored


def quoted(key: str) -> str:
    """A key of a Dict space as YAML in one line, in quotes where it would be read as something else."""
    return key if dump_yaml([key]) == f"[{key}]\n" else json.dumps(key, ensure_ascii=False)


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
        return [f"  action: {_listed(_action_entries(source, target))}"]
    if not isinstance(source, spaces.Dict) or not isinstance(target, spaces.Dict):
        entries = _listed(map(_entry, _positions(source, target)))
        return [f"  observation: {entries if image_shape(target) is None else f'{{channels: {entries}}}'}"]
    keys_of_target = (f"    {quoted(key)}: {_key(key, source, space)}" for key, space in target.spaces.items())
    return ["  observation:", *keys_of_target]


def _key(key: str, source: spaces.Dict, target: Space[Any]) -> str:
    ours = source.spaces.get(key)
    if ours is None or kind(ours) != kind(target):
        return "null"
    positions, word = _positions(ours, target), "index" if image_shape(target) is None else "channels"
    same = positions == list(range(extent(ours)))
    return f"{{from: {quoted(key)}{'' if same else f', {word}: {_listed(map(_entry, positions))}'}}}"


def _positions(source: Space[Any], target: Space[Any]) -> list[int | None]:
    """For each entry of the target's observation the source's in the same place: of one-hot codes the same state."""
    have, need = (_counts(space) if is_one_hot(space) else [extent(space)] for space in (source, target))
    starts = [0, *accumulate(have)]
    return [
        starts[block] + place if block < len(have) and place < have[block] else None
        for block, count in enumerate(need)
        for place in range(count)
    ]


def _action_entries(source: Space[Any], target: Space[Any]) -> list[str]:
    """For each entry of the target's actions the source's in the same place, where there is one that fits."""
    if isinstance(source, spaces.Box) and isinstance(target, spaces.Box):
        bounds = (np.ravel(bound).tolist() for bound in (source.low, source.high, target.low, target.high))
        factors = [_factor(*of_dimension) for of_dimension in zip(*bounds, strict=False)]
    else:
        both = zip(choices(source), choices(target), strict=False)
        factors = [1.0 if ours == theirs else None for ours, theirs in both]
    fitting = [_entry(place, factor) for place, factor in enumerate(factors)]
    return fitting + ["null"] * (action_count(target) - len(fitting))


def _factor(low: float, high: float, low_T: float, high_T: float) -> float | None:
    """What takes the source's bounds to the target's; None where no factor does, 1 where there are no bounds."""
    width, width_T = high - low, high_T - low_T
    if not isfinite(width + width_T):
        return 1.0
    factor = width_T / width if width else 0.0
    return factor if factor and isclose(factor * low, low_T, abs_tol=_SAME_BOUND * width_T) else None


def _entry(index: int | None, scale: float | None = 1.0) -> str:
    if index is None or scale is None:
        return "null"
    factor = f"{scale:.9g}"
    return str(index) if factor == "1" else f"{{index: {index}, scale: {factor}}}"


def _listed(entries: Iterable[str]) -> str:
    return f"[{', '.join(entries)}]"


def _counts(space: Space[Any]) -> list[int]:
    """States of each dimension of a one-hot space."""
    return [int(space.n)] if isinstance(space, spaces.Discrete) else [int(count) for count in space.nvec]  # type: ignore[attr-defined]
