"""Between two tasks whose spaces differ: what of the one stands where in the other.

An observation's entry j says that target index j is source index ``index``, multiplied by ``scale`` on its way to the
source's networks. Source index i sees the mean over all target indices that are mapped to it (for the
states of discrete spaces the sum: two target states that are one source state show it fully), 0 where none is. The
other way round, target index j is source index ``index`` divided by ``scale``, 0 where there is none.

An action's entry j says that target action (or action dimension) j is the source's, multiplied by ``scale``. Where
two target actions are one source action, the first is taken. A source action that no target action is mapped to
becomes the first target action that has a source. Dimensions without a source are in the middle of their bounds (0
where there are none); everything is clipped to the bounds. All of it in the environments' own units.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.study import (
    ChannelsConfig,
    Entries,
    KeyConfig,
    MappingConfig,
    ObservationConfig,
    channels_first,
    image_shape,
    is_byte_image,
)
from rl_transfer.tasks.spaces import (
    HasSpaces,
    action_count,
    as_type,
    dimension_of,
    extent,
    form,
    from_rows,
    is_one_hot,
    keys,
    refuse_other_kind,
    refuse_unmapped,
    short,
    to_rows,
)

_OBSERVATION = "mapping.observation"
_ACTION = "mapping.action"
Observations = NDArray[Any] | dict[str, NDArray[Any]]


@dataclass(frozen=True)
class IndexMap:
    """S source indices and T target indices; all methods work on an array's last axis.

    Attributes:
        source_size: S.
        index: By target index the source index, or None.
        scale: By target index the factor.
        averaged: Whether several target indices of one source index are averaged, not added up.
    """

    source_size: int
    index: tuple[int | None, ...]
    scale: tuple[float, ...]
    averaged: bool = True

    @property
    def identity(self) -> bool:
        """Whether it changes nothing."""
        return self.index == tuple(range(self.source_size)) and all(scale == 1 for scale in self.scale)

    @cached_property
    def index_T(self) -> NDArray[np.int64]:
        """The source index of each target index, -1 where there is none."""
        return np.array([-1 if index is None else index for index in self.index], np.int64)

    @property
    def known_T(self) -> NDArray[np.bool_]:
        """Which target indices have a source."""
        return self.index_T >= 0

    @cached_property
    def weight_T(self) -> NDArray[np.float64]:
        """What each target index adds to its source index, for each unit of its own."""
        share = np.bincount(self.index_T[self.known_T], minlength=self.source_size)[self.index_T]
        return np.asarray(self.scale) / np.maximum(share, 1) if self.averaged else np.asarray(self.scale)

    def to_source(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """... x T to ... x S."""
        assert values.shape[-1] == len(self.index), f"{values.shape} does not end in {len(self.index)}"
        source = np.zeros((self.source_size, *values.shape[:-1]))
        np.add.at(source, self.index_T[self.known_T], np.moveaxis(values * self.weight_T, -1, 0)[self.known_T])
        return np.moveaxis(source, 0, -1)

    def to_target(self, values: NDArray[Any], power: int = 1, missing: float = 0.0) -> NDArray[np.float64]:
        """... x S to ... x T, divided by this power of the scale; ``missing`` where there is no source."""
        return self._taken(values, np.asarray(self.scale) ** -power, missing)

    def scaled(self, values: NDArray[Any], missing: float = 0.0) -> NDArray[np.float64]:
        """... x S to ... x T, multiplied by the scale: how actions go."""
        return self._taken(values, np.asarray(self.scale), missing)

    def weights(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Weights on S inputs to those on T inputs that give the same sum as on :meth:`to_source`'s; NaN for none."""
        return self._taken(values, self.weight_T, np.nan)

    def _taken(self, values: NDArray[Any], factor_T: NDArray[np.float64], missing: float) -> NDArray[np.float64]:
        assert values.shape[-1] == self.source_size, f"{values.shape} does not end in {self.source_size}"
        return np.where(self.known_T, values[..., self.index_T] * factor_T, missing)


def resize_matrix(length: int, new_length: int) -> NDArray[np.float64]:
    """Linear interpolation along one axis, new x old: rows add up to 1; when shrinking, wide enough to skip nothing."""
    ratio = length / new_length
    centre = (np.arange(new_length) + 0.5) * ratio - 0.5
    weight = np.clip(1 - abs(np.arange(length) - centre[:, None]) / max(1.0, ratio), 0, None)
    normalised: NDArray[np.float64] = weight / weight.sum(axis=1, keepdims=True)
    return normalised


def resize(images: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Bilinear: ... x H x W to ... x height x width."""
    if images.shape[-2:] == (height, width):
        return images
    resized: NDArray[Any] = resize_matrix(images.shape[-2], height) @ images @ resize_matrix(images.shape[-1], width).T
    return resized


@dataclass(frozen=True)
class Part:
    """An observation, or one key of a Dict observation, that has a source.

    Attributes:
        key: The target's key; empty where observations are no Dict.
        source_key: The source's.
        source: The source's space.
        target: The target's space.
        indices: Flattened indices, or an image's channels.
    """

    key: str
    source_key: str
    source: Space[Any]
    target: Space[Any]
    indices: IndexMap

    @property
    def identity(self) -> bool:
        """Whether it changes nothing."""
        return self.indices.identity and self.key == self.source_key and form(self.source) == form(self.target)

    @property
    def is_image(self) -> bool:
        """Whether its indices are channels."""
        return image_shape(self.source) is not None

    def to_source(self, batch: NDArray[Any], *, stored: bool = False) -> NDArray[Any]:
        """A batch of the target's observations as the source's; ``stored`` as in :class:`SpaceMapping`."""
        if self.is_image:
            return _image(batch, self.target, self.source, self.indices.to_source, stored=stored)
        return from_rows(self.source, self.indices.to_source(to_rows(self.target, batch)), like=batch)

    def to_target(self, batch: NDArray[Any], *, stored: bool = False) -> NDArray[Any]:
        """A batch of the source's observations as the target's."""
        if self.is_image:
            return _image(batch, self.source, self.target, self.indices.to_target, stored=stored)
        return from_rows(self.target, self.indices.to_target(to_rows(self.source, batch)), like=batch)

    def moments(self, values: NDArray[Any], power: int, missing: float) -> NDArray[np.float64]:
        """A mean (power 1) or variance (power 2) of the source's observations as the target's."""

        def change(array: NDArray[Any]) -> NDArray[np.float64]:
            return self.indices.to_target(array, power, missing)

        if not self.is_image:
            flat: NDArray[np.float64] = change(values.reshape(-1)).reshape(self.target.shape or ())
            return flat
        # Learners don't normalise images of bytes, and have all others as the environment gives them.
        images = _image_numbers(values[None], self.source, self.target, change, stored=False)
        return images.reshape(images.shape[1:])


_Change = Callable[[NDArray[Any]], NDArray[np.float64]]


def _image(batch: NDArray[Any], old: Space[Any], new: Space[Any], channels: _Change, *, stored: bool) -> NDArray[Any]:
    """Images of one space as those of another: other channels, then another size."""
    assert new.dtype is not None
    return as_type(_image_numbers(batch, old, new, channels, stored=stored), new.dtype)


def _image_numbers(
    batch: NDArray[Any], old: Space[Any], new: Space[Any], channels: _Change, *, stored: bool
) -> NDArray[np.float64]:
    shape = image_shape(new)
    assert shape is not None
    channels_last = np.moveaxis(batch, 1, -1) if _has_channels_first(old, stored) else batch
    changed = resize(np.moveaxis(channels(channels_last.astype(np.float64)), -1, 1), *shape[1:])
    return changed if _has_channels_first(new, stored) else np.moveaxis(changed, 1, -1)


def _has_channels_first(space: Space[Any], stored: bool) -> bool:
    return channels_first(space) or (stored and is_byte_image(space))


@dataclass(frozen=True)
class SpaceMapping:
    """Translates observations and actions between a source's and a target's spaces; see the module.

    Attributes:
        parts: What of the target's observation has a source.
        actions: Actions of a Discrete space, dimensions of any other.
    """

    source_observation: Space[Any]
    target_observation: Space[Any]
    source_action: Space[Any]
    target_action: Space[Any]
    parts: tuple[Part, ...]
    actions: IndexMap

    @property
    def identity(self) -> bool:
        """Whether networks fit as they are; the bounds of boxes may differ, see :attr:`same_action_bounds`."""
        return self.observation_identity and self.actions.identity

    @property
    def observation_identity(self) -> bool:
        """Whether observations are the same."""
        if form(self.source_observation) != form(self.target_observation):
            return False
        return len(self.parts) == len(self.target_keys) and all(part.identity for part in self.parts)

    @property
    def same_action_bounds(self) -> bool:
        """Whether an action scaled to its bounds, as off-policy learners store it, means the same in both tasks."""
        ours, theirs = self.source_action, self.target_action
        if not (isinstance(ours, spaces.Box) and isinstance(theirs, spaces.Box)):
            return True
        return np.array_equal(ours.low, theirs.low) and np.array_equal(ours.high, theirs.high)

    @property
    def target_keys(self) -> dict[str, Space[Any]]:
        """The spaces of the target's observation by key; under the empty key where it is no Dict."""
        return keys(self.target_observation)

    def part(self, key: str) -> Part | None:
        """The part for a key of the target; None where it has no source."""
        return next((part for part in self.parts if part.key == key), None)

    def observation(self, batch: Observations, *, stored: bool = False) -> Observations:
        """A batch of the target's observations as the source's networks may see them.

        Args:
            batch: Observations; by key where they are a Dict.
            stored: Whether they are a learner's, which has images of bytes with their channels first, or an
                environment's.
        """
        if self.observation_identity:
            return batch
        found = {part.source_key: part.to_source(_at(batch, part.key), stored=stored) for part in self.parts}
        return _complete(self.source_observation, found, batch, stored=stored)

    def observation_to_target(self, batch: Observations, *, stored: bool = False) -> Observations:
        """A batch of the source's observations as the target's; undoes :meth:`observation` where that loses nothing."""
        if self.observation_identity:
            return batch
        found = {part.key: part.to_target(_at(batch, part.source_key), stored=stored) for part in self.parts}
        return _complete(self.target_observation, found, batch, stored=stored)

    def action(self, batch: NDArray[Any]) -> NDArray[Any]:
        """A batch of a source policy's actions as the target's."""
        return self.action_to_target(batch)[0]

    def action_to_target(self, batch: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """A batch of the source's actions as the target's, and which of them have a counterpart there.

        Only those of a Discrete space may have none. Actions may be flattened, and stay so.
        """
        space = self.target_action
        if isinstance(space, spaces.Discrete):
            known = np.isin(batch.reshape(len(batch), -1)[:, 0], self.actions.index_T)
            return self._first_target_S[batch.astype(np.int64)].astype(batch.dtype), known
        values = self.actions.scaled(batch.reshape(len(batch), -1))
        if isinstance(space, spaces.Box):
            centred = np.where(self.actions.known_T, values, _middle(space))
            values = np.asarray(np.clip(centred, space.low.ravel(), space.high.ravel()))
        if batch.shape[1:] == self.source_action.shape:
            values = values.reshape(len(batch), *(space.shape or ()))
        return values.astype(batch.dtype), np.ones(len(batch), np.bool_)

    @cached_property
    def _first_target_S(self) -> NDArray[np.int64]:
        """By source action the first target action that is mapped to it, else the first that is mapped at all."""
        known = np.flatnonzero(self.actions.known_T)
        first_S = np.full(self.actions.source_size, known[0] if len(known) else 0)
        for target in known[::-1]:
            first_S[self.actions.index_T[target]] = target
        return first_S


def _middle(space: spaces.Box) -> NDArray[np.float64]:
    """The middle of each dimension's bounds, 0 where one is missing."""
    low, high = space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
    bounded = np.isfinite(low) & np.isfinite(high)
    return np.where(bounded, (np.where(bounded, low, 0) + np.where(bounded, high, 0)) / 2, 0.0)


def _at(batch: Observations, key: str) -> NDArray[Any]:
    return batch[key] if isinstance(batch, dict) else batch


def _complete(space: Space[Any], found: dict[str, NDArray[Any]], batch: Observations, *, stored: bool) -> Observations:
    """All keys of a space in its order, zeros for those that were not found."""
    if not isinstance(space, spaces.Dict):
        return found[""]
    assert isinstance(batch, dict)
    count = len(next(iter(batch.values())))
    return {key: found[key] if key in found else _zeros(inner, count, stored) for key, inner in space.spaces.items()}


def _zeros(space: Space[Any], count: int, stored: bool) -> NDArray[Any]:
    shape = space.shape or ((1,) if stored else ())  # replay holds a state as one column
    image = image_shape(space)
    if image is not None and _has_channels_first(space, stored):
        shape = image
    return np.zeros((count, *shape), space.dtype)


def map_spaces(config: MappingConfig | None, source: HasSpaces, target: HasSpaces) -> SpaceMapping:
    """What a pair's mapping means for its two tasks.

    Args:
        config: The pair's mapping; where it says nothing, the spaces must have the same form.
        source: The source task.
        target: The target task.

    Raises:
        ConfigError: Names the entry that does not fit, relative to the pair (``mapping.observation.2``). Where an entry
            is needed and there is none, it shows both spaces and a mapping to start from.
    """
    config = config or MappingConfig()
    refuse_unmapped(config, source, target)
    return SpaceMapping(
        source.observation_space,
        target.observation_space,
        source.action_space,
        target.action_space,
        _parts(config.observation, source.observation_space, target.observation_space),
        _actions(config.action, source.action_space, target.action_space),
    )


def _parts(config: ObservationConfig | None, source: Space[Any], target: Space[Any]) -> tuple[Part, ...]:
    if config is None:
        return tuple(Part(key, key, space, keys(target)[key], _same(space)) for key, space in keys(source).items())
    if isinstance(config, dict) and isinstance(target, spaces.Dict) and isinstance(source, spaces.Dict):
        return _dict_parts(config, source, target)
    if isinstance(target, spaces.Dict) != isinstance(source, spaces.Dict):
        problem = f"{short(source)} and {short(target)} can't be mapped, only one has keys: choose another source"
        raise ConfigError(problem, key=_OBSERVATION)
    if isinstance(config, dict) or isinstance(target, spaces.Dict):
        needs = "needs {key: {from: key}}" if isinstance(target, spaces.Dict) else "has no keys: write [0, 1, ...]"
        raise ConfigError(f"an observation of {short(target)} {needs}", key=_OBSERVATION)
    refuse_other_kind(source, target, _OBSERVATION)
    entries, channels = (config.channels, True) if isinstance(config, ChannelsConfig) else (config, False)
    key = f"{_OBSERVATION}.channels" if channels else _OBSERVATION
    return (Part("", "", source, target, _indices(entries, source, target, key, channels=channels)),)


def _dict_parts(config: Mapping[str, KeyConfig | None], source: spaces.Dict, target: spaces.Dict) -> tuple[Part, ...]:
    parts: dict[str, Part] = {}
    for name, chosen in config.items():
        key = f"{_OBSERVATION}.{name}"
        if name not in target.spaces:
            raise ConfigError(f"the target's observation has no such key; {nearest(name, target.spaces)}", key=key)
        if chosen is None:
            continue
        if chosen.source not in source.spaces:
            hint = nearest(chosen.source, source.spaces)
            raise ConfigError(f"the source's observation has no key {chosen.source!r}; {hint}", key=key)
        if (other := parts.get(chosen.source)) is not None:
            raise ConfigError(f"{other.key!r} takes {chosen.source!r} already: one of them must take another", key=key)
        pair = source.spaces[chosen.source], target.spaces[name]
        parts[chosen.source] = Part(name, chosen.source, *pair, _key_indices(chosen, *pair, key))
    return tuple(parts.values())


def _key_indices(chosen: KeyConfig, source: Space[Any], target: Space[Any], key: str) -> IndexMap:
    refuse_other_kind(source, target, key)
    if chosen.index is not None:
        return _indices(chosen.index, source, target, f"{key}.index", channels=False)
    if chosen.channels is not None:
        return _indices(chosen.channels, source, target, f"{key}.channels", channels=True)
    if extent(source) != extent(target):
        word = "channels" if image_shape(target) else "index"
        raise ConfigError(f"{short(source)} and {short(target)} differ: say which by {word}: [0, ...]", key=key)
    return _same(source)


def _same(space: Space[Any]) -> IndexMap:
    count = extent(space)
    return IndexMap(count, tuple(range(count)), (1.0,) * count, averaged=not is_one_hot(space))


def _indices(entries: Entries, source: Space[Any], target: Space[Any], key: str, *, channels: bool) -> IndexMap:
    if channels != (image_shape(target) is not None):
        needs = "{channels: [0, ...]}: it is an image" if not channels else "a list of indices: it is no image"
        raise ConfigError(f"{short(target)} needs {needs}", key=key)
    what = "channels" if channels else "states" if is_one_hot(target) else "numbers"
    made = _index_map(entries, extent(source), extent(target), what, key, scaled=isinstance(target, spaces.Box))
    if isinstance(target, spaces.MultiDiscrete):
        _refuse_merged(made.index, dimension_of(source), dimension_of(target), key)
    return replace(made, averaged=not is_one_hot(target))


def _refuse_merged(index: tuple[int | None, ...], source: list[int], target: list[int], key: str) -> None:
    """A dimension of the source that took states of two of the target's would be in two states at once."""
    taken: dict[int, int] = {}
    for state, entry in enumerate(index):
        if entry is not None and taken.setdefault(source[entry], target[state]) != target[state]:
            problem = (
                f"dimension {source[entry]} of the source takes states of dimension {taken[source[entry]]} already"
            )
            raise ConfigError(f"{problem}: one dimension can take those of one", key=f"{key}.{state}")


def _actions(config: Entries | None, source: Space[Any], target: Space[Any]) -> IndexMap:
    dimensions = action_count(source)
    if config is None:
        return IndexMap(dimensions, tuple(range(dimensions)), (1.0,) * dimensions)
    refuse_other_kind(source, target, _ACTION)
    what = "actions" if isinstance(target, spaces.Discrete) else "action dimensions"
    scaled = isinstance(target, spaces.Box)
    made = _index_map(config, dimensions, action_count(target), what, _ACTION, scaled=scaled)
    if isinstance(source, spaces.MultiDiscrete) and isinstance(target, spaces.MultiDiscrete):
        for dimension, index in enumerate(made.index):
            if index is not None and source.nvec[index] != target.nvec[dimension]:
                problem = (
                    f"{source.nvec[index]} choices in the source, {target.nvec[dimension]} in the target: write null"
                )
                raise ConfigError(problem, key=f"{_ACTION}.{dimension}")
    return made


def _index_map(entries: Entries, have: int, need: int, what: str, key: str, *, scaled: bool) -> IndexMap:
    if len(entries) != need:
        raise ConfigError(f"needs {need} entries, one for each of the target's {what}, not {len(entries)}", key=key)
    for target, entry in enumerate(entries):
        if entry is not None and entry.index >= have:
            problem = f"the source has {have} {what}, 0 to {have - 1}: {entry.index} is none of them"
            raise ConfigError(problem, key=f"{key}.{target}")
        if entry is not None and entry.scale != 1 and not scaled:
            raise ConfigError(f"{what} can't be scaled: leave scale out", key=f"{key}.{target}")
    index = tuple(None if entry is None else entry.index for entry in entries)
    return IndexMap(have, index, tuple(1.0 if entry is None else entry.scale for entry in entries))
