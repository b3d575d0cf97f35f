"""From a pair's configured mapping to what it means for the spaces of its two tasks; misfits are refused by name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gymnasium import Space, spaces

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.study import (
    ChannelsConfig,
    Entries,
    KeyConfig,
    MappingConfig,
    ObservationConfig,
    image_shape,
)
from rl_transfer.tasks.index_map import IndexMap
from rl_transfer.tasks.mapping import Part, SpaceMapping
from rl_transfer.tasks.spaces import (
    HasSpaces,
    action_count,
    dimension_of,
    extent,
    is_one_hot,
    keys,
    refuse_other_kind,
    refuse_unmapped,
    short,
)

_OBSERVATION = "mapping.observation"
_ACTION = "mapping.action"


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
    if config == ():
        return ()
    if config is None:
        return tuple(Part(key, key, space, keys(target)[key], _same(space)) for key, space in keys(source).items())
    if isinstance(config, dict) and isinstance(target, spaces.Dict) and isinstance(source, spaces.Dict):
        return _dict_parts(config, source, target)
    if isinstance(target, spaces.Dict) != isinstance(source, spaces.Dict):
        problem = f"{short(source)} and {short(target)} can't be mapped, only one has keys: write [] (nothing)"
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
    if not config:
        count = action_count(target)
        return IndexMap(dimensions, (None,) * count, (1.0,) * count)
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
