"""Knowledge in the target's shapes: networks, transitions and statistics of a source whose spaces differ.

Only tensors at the border change. A layer that takes observations gets other columns, so that it sees what the
source's would have seen; a layer that gives actions gets other rows. What the mapping gives no value takes the value
of the fresh target learner.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge.experience import Transitions
from rl_transfer.knowledge.networks import ROLES, Networks, Role
from rl_transfer.knowledge.statistics import Moments, Statistics
from rl_transfer.study import channels_first, image_shape, is_byte_image
from rl_transfer.tasks import IndexMap, Part, SpaceMapping, feature_count, resize_matrix

Array = NDArray[Any]
Tensors = Mapping[str, Array]
Step = Callable[[Array, tuple[int, ...]], Array]
"""Changes a tensor; is given the shape that the target has."""
Columns = Callable[[Array, int], Array]
"""Makes outputs x target columns of outputs x source columns; is given how many the target has."""
_FRESH_COUNT = 1e-4
"""The count that Stable-Baselines3's running statistics start with."""


# A value that the mapping does not give is NaN until the fresh learner's takes its place.
@dataclass(frozen=True)
class _Change:
    """How one of the target's tensors is made.

    Attributes:
        source: The source's tensor; None where there is none, and all values are fresh ones.
        steps: What is done to it, one after the other.
    """

    source: str | None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class _Block:
    """Columns of a layer that sees several inputs side by side.

    Attributes:
        start: Where the source's columns start; None where it has none.
        sizes: The source's and the target's number of columns.
        change: What is done to the source's.
    """

    start: int | None
    sizes: tuple[int, int]
    change: Columns


def translate_networks(
    source: Networks, initial: Networks, mapping: SpaceMapping, *, normalized: Collection[str] = ()
) -> tuple[Networks, dict[str, tuple[int, ...]]]:
    """A source's networks in the target's shapes.

    Layers that see observations (and actions: critics) get the columns with which they see of the target's what
    :meth:`SpaceMapping.observation` would have shown them; images' sizes change the linear layer after the
    convolutions only, as if its input had been resized. Heads get the rows of the actions that they are mapped to,
    Gaussian ones multiplied by the scale. A squashed head works in units of the bounds, where it can be turned round
    but not scaled. With equal spaces, or equal forms and other bounds, nothing changes.

    Args:
        source: The source's networks.
        initial: The fresh target learner's; of the same architecture, other than at the border.
        mapping: Between the two tasks.
        normalized: Keys of the source's observation (the empty one where it is no Dict) that its networks see
            normalised by running statistics: those follow the scale, so that of it only the sign is left to do.

    Returns:
        The networks, and the shape in the source of every tensor that is not the source's as it was, by ``role/name``;
        ``()`` for one that the source does not have.

    Raises:
        ConfigError: If the mapping can't be carried out on these networks.
    """
    mapping = _as_networks_see(mapping, normalized)
    if mapping.identity:
        return source, {}
    changes = _Plan(source, initial, mapping).changes()
    translated: dict[Role, dict[str, Array]] = {role: dict(source[role]) for role in ROLES}
    if isinstance(mapping.target_observation, spaces.Dict) and not mapping.observation_identity:
        translated["features"] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for (role, name), change in changes.items():
        old = None if change.source is None else source[role][change.source]
        if old is not None and not change.steps:
            translated[role][name] = old
            continue
        if name not in initial[role]:
            raise ConfigError(f"the target's {role} has no tensor {name!r}: give both learners the same architecture")
        translated[role][name] = _made(old, initial[role][name], change, f"{role}/{name}")
        shapes[f"{role}/{name}"] = () if old is None else old.shape
    return translated, shapes


def _as_networks_see(mapping: SpaceMapping, normalized: Collection[str]) -> SpaceMapping:
    def seen(part: Part) -> Part:
        signs = tuple(math.copysign(1.0, scale) for scale in part.indices.scale)
        return replace(part, indices=replace(part.indices, scale=signs)) if part.source_key in normalized else part

    return replace(mapping, parts=tuple(seen(part) for part in mapping.parts))


def _made(old: Array | None, fresh: Array, change: _Change, name: str) -> Array:
    if old is None:
        return fresh.copy()
    values = old.astype(np.float64)
    for step in change.steps:
        values = step(values, fresh.shape)
    if values.shape != fresh.shape:
        problem = f"{name} has shape {values.shape} once it is mapped, {fresh.shape} in the target"
        raise ConfigError(f"{problem}: give both learners the same architecture")
    return np.where(np.isnan(values), fresh, values).astype(fresh.dtype)


class _Plan:
    """Which tensors of a source's networks change, and how."""

    def __init__(self, source: Networks, initial: Networks, mapping: SpaceMapping) -> None:
        self.source, self.initial, self.mapping = source, initial, mapping
        names = [name for role in ("value_body", "value_head") for name in source[role]]
        self.has_action_critics = any(_critic(name) for name in names)
        self.actions = _squashed_actions(mapping) if self.has_action_critics else mapping.actions

    def changes(self) -> dict[tuple[Role, str], _Change]:
        found: dict[tuple[Role, str], _Change] = {}
        sides: tuple[tuple[str, Role, Role], ...] = (
            ("policy", "policy_body", "policy_head"),
            ("value", "value_body", "value_head"),
        )
        split = any(name.startswith(("policy.", "value.")) for name in self.source["features"])
        for side, body, head in sides:
            branch = f"{side}." if split else ""
            found |= {("features", name): change for name, change in self._feature_changes(branch)}
            for role, name in self._input_layers(body, head):
                if (step := self._columns(role, name, branch)) is not None:
                    found[role, name] = _Change(name, (step,))
        for role, name, step in self._output_rows():
            before = found[role, name].steps if (role, name) in found else ()
            found[role, name] = _Change(name, (*before, step))
        return found

    def _feature_changes(self, branch: str) -> Iterator[tuple[str, _Change]]:
        """Of one extractor (or the one of both sides); a Dict observation's are found by the target's keys."""
        if self.mapping.observation_identity:
            return
        if isinstance(self.mapping.target_observation, spaces.Dict):
            _refuse_shared_layers(self.source["features"], branch)
        for key in self.mapping.target_keys:
            part = self.mapping.part(key)
            theirs = _Extractor(self.initial["features"], _prefix(branch, key))
            if part is None:
                yield from ((name, _Change(None)) for name in theirs.tensors)
                continue
            ours = _Extractor(self.source["features"], _prefix(branch, part.source_key))
            yield from ours.changes(part, theirs)

    def _input_layers(self, body: Role, head: Role) -> Iterator[tuple[Role, str]]:
        """The layers that see the features: the first of each body, or where that is empty its head."""
        groups = sorted({_critic(name) for role in (body, head) for name in self.source[role]})
        for group in groups:
            first = _matrices(self.source[body], group)[:1]
            yield from ((body, name) for name in first)
            if not first:
                yield from ((head, name) for name in _matrices(self.source[head], group))
        if body == "policy_body" and groups and not _matrices(self.source[body], ""):
            exploration = self.source["exploration"]
            if getattr(exploration.get("log_std"), "ndim", 1) == 2 and not self.mapping.observation_identity:
                raise ConfigError("with gSDE and no hidden layers observations can't be mapped: add a hidden layer")
            if "log_std.weight" in exploration:
                yield "exploration", "log_std.weight"

    def _columns(self, role: Role, name: str, branch: str) -> Step | None:
        with_actions = bool(_critic(name))
        if self.mapping.observation_identity and (self.actions.identity or not with_actions):
            return None
        fresh = self.initial[role].get(name)
        if fresh is None or fresh.ndim != 2:
            raise ConfigError(f"the target's {role} has no layer {name!r}: give both learners the same architecture")
        blocks = self._blocks(branch, self.source[role][name].shape[1], fresh.shape[1], with_actions=with_actions)
        starts = np.cumsum([0, *(block.sizes[1] for block in blocks)]).tolist()
        in_place = (
            block.change is _unchanged and block.start == start for block, start in zip(blocks, starts, strict=False)
        )
        if self.source[role][name].shape == fresh.shape and all(in_place):
            return None
        return lambda weight, _: np.concatenate([_block_columns(weight, block) for block in blocks], axis=1)

    def _blocks(self, branch: str, ours: int, theirs: int, *, with_actions: bool) -> list[_Block]:
        """The parts that a layer of so many inputs is made of in the source and in the target."""
        counts = (self.actions.source_size, len(self.actions.index)) if with_actions else (0, 0)
        old = self._widths(self.source, self.mapping.source_observation, branch, ours - counts[0])
        new = self._widths(self.initial, self.mapping.target_observation, branch, theirs - counts[1])
        starts = dict(zip(old, np.cumsum([0, *old.values()]).tolist(), strict=False))
        blocks = []
        for key, width in new.items():
            part = self.mapping.part(key)
            if part is None:
                blocks.append(_Block(None, (0, width), _unchanged))
                continue
            sizes = old[part.source_key], width
            extractor = _Extractor(self.source["features"], _prefix(branch, part.source_key))
            blocks.append(_Block(starts[part.source_key], sizes, extractor.output_change(part, sizes)))
        if with_actions:
            # Critics see actions in units of the bounds, where each factor is 1 or -1: its own inverse.
            change = _unchanged if self.actions.identity else lambda weight, _: self.actions.weights(weight)
            blocks.append(_Block(ours - counts[0], counts, change))
        return blocks

    def _widths(self, networks: Networks, space: Space[Any], branch: str, total: int) -> dict[str, int]:
        """How many inputs each key of an observation has, in the order in which they stand side by side."""
        parts = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
        known = {key: _Extractor(networks["features"], _prefix(branch, key)).width(parts[key]) for key in parts}
        rest = total - sum(width for width in known.values() if width is not None)
        open_keys = [key for key, width in known.items() if width is None]
        if len(open_keys) > 1 or rest < 0 or (rest and not open_keys):
            raise ConfigError(
                f"a layer sees {total} numbers, which is not what the observation ({', '.join(parts) or space}) gives: "
                "this feature extractor can't be mapped"
            )
        return {key: rest if width is None else width for key, width in known.items()}

    def _output_rows(self) -> Iterator[tuple[Role, str, Step]]:
        if self.actions.identity:
            return
        rows = _row_map(self.mapping, self.actions)
        head: Role = "policy_head" if self.source["policy_head"] else "value_head"
        for name in self.source[head]:
            yield head, name, lambda values, _: _head_rows(values, rows)
        unscaled = replace(rows, scale=(1.0,) * len(rows.scale))
        shift = np.log(np.abs(rows.scale))
        for name in self.source["exploration"]:
            if name == "log_std":  # ... x actions
                yield "exploration", name, lambda values, _: unscaled.scaled(values, np.nan) + shift
            elif name in ("log_std.weight", "log_std.bias"):
                # Squashed: the factor is 1 or -1, which leaves deviations as they are.
                yield "exploration", name, lambda values, _: _head_rows(values, unscaled)


class _Extractor:
    """The tensors of what stands between one observation (or one key of it) and the bodies."""

    def __init__(self, features: Tensors, prefix: str) -> None:
        self.prefix = prefix
        self.tensors = {name: array for name, array in features.items() if name.startswith(prefix)}
        self.linear = _matrices(self.tensors, "")
        self.convolutions = sorted((name for name, array in self.tensors.items() if array.ndim == 4), key=_natural)

    def width(self, space: Space[Any]) -> int | None:
        """How many features it gives; None where its tensors don't tell."""
        if not self.tensors:
            return feature_count(space)
        combined = "extractors." in self.prefix
        return self.tensors[self.linear[-1]].shape[0] if self.linear and combined else None

    def changes(self, part: Part, fresh: "_Extractor") -> Iterator[tuple[str, _Change]]:
        """How the target's tensors, whose names have another prefix, are made."""
        for name in self.tensors:
            new_name = fresh.prefix + name.removeprefix(self.prefix)
            yield new_name, _Change(name, self._steps(name, part, fresh.tensors.get(new_name)))

    def _steps(self, name: str, part: Part, fresh: Array | None) -> tuple[Step, ...]:
        if self.convolutions[:1] == [name] and not part.indices.identity:
            return (lambda kernel, _: _channels(kernel, part.indices),)
        if self.linear[:1] == [name] and fresh is not None and fresh.ndim == 2:
            sizes = self.tensors[name].shape[1], fresh.shape[1]
            change = self._flat_change(part, sizes)
            return () if change is _unchanged else (lambda weight, _: change(weight, sizes[1]),)
        return ()

    def output_change(self, part: Part, sizes: tuple[int, int]) -> Columns:
        """What the layer after it sees otherwise: nothing where a layer of its own took care of it."""
        return _unchanged if self.linear else self._flat_change(part, sizes)

    def _flat_change(self, part: Part, sizes: tuple[int, int]) -> Columns:
        """For columns that see the flattened observation, or what convolutions made of it."""
        if part.identity or (self.convolutions and sizes[0] == sizes[1]):
            return _unchanged
        if not part.is_image:
            return lambda weight, _: part.indices.weights(weight)
        if not self.convolutions:
            return lambda weight, _: _pixels(weight, part)
        channels = self.tensors[self.convolutions[-1]].shape[0]
        return lambda weight, count: _grid(weight, count, channels, part)


def _refuse_shared_layers(features: Tensors, branch: str) -> None:
    """Every layer must be one key's; what sees several at once has columns that can't be told apart."""
    for name in features:
        if name.startswith(branch) and not name.startswith(f"{branch}extractors."):
            raise ConfigError(f"features/{name} belongs to no key of the observation: this extractor can't be mapped")


def _unchanged(weight: Array, _: int) -> Array:
    return weight


def _block_columns(weight: Array, block: _Block) -> Array:
    have, need = block.sizes
    if block.start is None:
        return np.full((len(weight), need), np.nan)
    return block.change(weight[:, block.start : block.start + have], need)


def _channels(kernel: Array, indices: IndexMap) -> Array:
    """Kernels, outputs x inputs x height x width, for other input channels."""
    return np.moveaxis(indices.weights(np.moveaxis(kernel, 1, -1)), -1, 1)


def _pixels(weight: Array, part: Part) -> Array:
    """Columns that see a flattened image."""
    ours, theirs = image_shape(part.source), image_shape(part.target)
    assert ours is not None and theirs is not None
    from_first, to_first = (channels_first(space) or is_byte_image(space) for space in (part.source, part.target))
    if part.key and not (from_first and to_first):
        raise ConfigError(f"{part.key!r} must have its channels first: an image without convolutions can't be mapped")
    images = weight.reshape(-1, *(ours if from_first else (*ours[1:], ours[0])))
    ordered = images if from_first else np.moveaxis(images, -1, 1)
    resized = _channels(_resized(ordered, theirs[1], theirs[2]), part.indices)
    return (resized if to_first else np.moveaxis(resized, 1, -1)).reshape(len(weight), -1)


def _grid(weight: Array, count: int, channels: int, part: Part) -> Array:
    """Columns that see the flattened output of convolutions, for an output of ``count`` numbers."""
    for shape in (image_shape(part.source), image_shape(part.target)):
        if shape is None or shape[1] != shape[2]:
            raise ConfigError(f"only square images can change their size, not {shape}: resize them with a wrapper")
    ours, theirs = (math.isqrt(size // channels) for size in (weight.shape[1], count))
    if (ours**2 * channels, theirs**2 * channels) != (weight.shape[1], count):
        problem = f"{weight.shape[1]} and {count} inputs are no squares of {channels} channels"
        raise ConfigError(f"{problem}: this feature extractor can't be mapped to other image sizes")
    grids = weight.reshape(len(weight), channels, ours, ours)
    return _resized(grids, theirs, theirs).reshape(len(weight), -1)


def _resized(weight: Array, height: int, width: int) -> Array:
    """Weights on a grid, ... x H x W, that give on a grid of another size what these give on that grid resized.

    The sum over a constant input stays as it was.
    """
    if weight.shape[-2:] == (height, width):
        return weight
    changed: Array = resize_matrix(height, weight.shape[-2]).T @ weight @ resize_matrix(width, weight.shape[-1])
    return changed


def _head_rows(values: Array, rows: IndexMap) -> Array:
    """Rows of a head's weights or biases; several blocks of them where each action has many (quantiles x actions)."""
    count = rows.source_size
    if len(values) % count:
        raise ConfigError(f"a head has {len(values)} rows for {count} actions: this learner's head can't be mapped")
    blocks = values.reshape(len(values) // count, count, *values.shape[1:])
    mapped = np.moveaxis(rows.scaled(np.moveaxis(blocks, 1, -1), np.nan), -1, 1)
    return mapped.reshape(-1, *values.shape[1:])


def _row_map(mapping: SpaceMapping, actions: IndexMap) -> IndexMap:
    """From action dimensions to a head's rows, of which MultiDiscrete spaces have one for each choice."""
    ours, theirs = mapping.source_action, mapping.target_action
    if not (isinstance(ours, spaces.MultiDiscrete) and isinstance(theirs, spaces.MultiDiscrete)):
        return actions
    starts = np.cumsum([0, *ours.nvec])
    index = [
        None if entry is None else int(starts[entry]) + choice
        for entry, count in zip(actions.index, theirs.nvec, strict=True)
        for choice in range(count)
    ]
    return IndexMap(int(ours.nvec.sum()), tuple(index), (1.0,) * len(index))


def _squashed_actions(mapping: SpaceMapping) -> IndexMap:
    """The mapping of actions in units of their bounds.

    Raises:
        ConfigError: If that needs a factor other than 1 and -1, or a shift.
    """
    actions = mapping.actions
    if actions.identity:
        return actions
    middle, half = _bounds(mapping.source_action)
    middle_T, half_T = _bounds(mapping.target_action)
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


def _bounds(space: Space[Any]) -> tuple[Array, Array]:
    """Middle and half the width of a box's bounds, flattened.

    Raises:
        ConfigError: If they are not finite.
    """
    assert isinstance(space, spaces.Box)
    low, high = space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ConfigError("actions without finite bounds can't be scaled to them: bound the action space")
    return (low + high) / 2, (high - low) / 2


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


def _stored_actions(actions: Array, mapping: SpaceMapping) -> tuple[Array, NDArray[np.bool_]]:
    ours, theirs = mapping.source_action, mapping.target_action
    if not (isinstance(ours, spaces.Box) and isinstance(theirs, spaces.Box)):
        return mapping.action_to_target(actions)
    (middle, half), (middle_T, half_T) = _bounds(ours), _bounds(theirs)
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


def _prefix(branch: str, key: str) -> str:
    return f"{branch}extractors.{key}." if key else branch


def _critic(name: str) -> str:
    """The critic that a tensor belongs to, as ``qf0.``; empty for any other network."""
    match = re.match(r"qf\d+\.", name)
    return match[0] if match else ""


def _matrices(tensors: Tensors, critic: str) -> list[str]:
    """Names of linear layers' weights, those of one critic, from the input on."""
    names = [name for name, array in tensors.items() if array.ndim == 2 and _critic(name) == critic]
    return sorted(names, key=_natural)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers inside a name by their value."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in name.split(".")]
