"""A source's networks in the shapes of a target whose spaces differ.

Only tensors at the border change. A layer that takes observations gets other columns, so that it sees what the
source's would have seen; a layer that gives actions gets other rows. What the mapping gives no value takes the value
of the fresh target learner.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge.networks import ROLES, Networks, Role
from rl_transfer.knowledge.translate_actions import row_map, squashed_actions
from rl_transfer.knowledge.translate_layers import (
    Array,
    Block,
    Change,
    Extractor,
    Step,
    block_columns,
    critic_of,
    head_rows,
    matrices,
    prefix_of,
    refuse_shared_layers,
    unchanged,
)
from rl_transfer.tasks import Part, SpaceMapping


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
    mapping = as_networks_see(mapping, normalized)
    if mapping.identity:
        return source, {}
    changes = _Plan(source, initial, mapping).changes()
    translated: dict[Role, dict[str, Array]] = {role: dict(source[role]) for role in ROLES}
    if not mapping.parts or (isinstance(mapping.target_observation, spaces.Dict) and not mapping.observation_identity):
        translated["features"] = {}
    if not mapping.actions.known_T.any():
        # The other algorithms' exploration (an entropy coefficient) is of no action in particular.
        translated["exploration"] = {
            name: array for name, array in source["exploration"].items() if not name.startswith("log_std")
        }
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


def as_networks_see(mapping: SpaceMapping, normalized: Collection[str]) -> SpaceMapping:
    """The mapping between what networks see; ``normalized`` as for :func:`translate_networks`."""

    def seen(part: Part) -> Part:
        signs = tuple(math.copysign(1.0, scale) for scale in part.indices.scale)
        return replace(part, indices=replace(part.indices, scale=signs)) if part.source_key in normalized else part

    return replace(mapping, parts=tuple(seen(part) for part in mapping.parts))


def _made(old: Array | None, fresh: Array, change: Change, name: str) -> Array:
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
        self.has_action_critics = any(critic_of(name) for name in names)
        self.actions = squashed_actions(mapping) if self.has_action_critics else mapping.actions

    def changes(self) -> dict[tuple[Role, str], Change]:
        found: dict[tuple[Role, str], Change] = {}
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
                    found[role, name] = Change(name, (step,))
        for role, name, step in self._output_rows():
            before = found[role, name].steps if (role, name) in found else ()
            found[role, name] = Change(None) if step is None else Change(name, (*before, step))
        return found

    def _feature_changes(self, branch: str) -> Iterator[tuple[str, Change]]:
        """Of one extractor (or the one of both sides); a Dict observation's are found by the target's keys."""
        if self.mapping.observation_identity:
            return
        if isinstance(self.mapping.target_observation, spaces.Dict):
            refuse_shared_layers(self.source["features"], branch)
        for key in self.mapping.target_keys:
            part = self.mapping.part(key)
            theirs = Extractor(self.initial["features"], prefix_of(branch, key))
            if part is None:
                yield from ((name, Change(None)) for name in theirs.tensors)
                continue
            ours = Extractor(self.source["features"], prefix_of(branch, part.source_key))
            yield from ours.changes(part, theirs)

    def _input_layers(self, body: Role, head: Role) -> Iterator[tuple[Role, str]]:
        """The layers that see the features: the first of each body, or where that is empty its head."""
        groups = sorted({critic_of(name) for role in (body, head) for name in self.source[role]})
        for group in groups:
            first = matrices(self.source[body], group)[:1]
            yield from ((body, name) for name in first)
            if not first:
                yield from ((head, name) for name in matrices(self.source[head], group))
        if body == "policy_body" and groups and not matrices(self.source[body], ""):
            exploration = self.source["exploration"]
            if getattr(exploration.get("log_std"), "ndim", 1) == 2 and not self.mapping.observation_identity:
                raise ConfigError("with gSDE and no hidden layers observations can't be mapped: add a hidden layer")
            if "log_std.weight" in exploration:
                yield "exploration", "log_std.weight"

    def _columns(self, role: Role, name: str, branch: str) -> Step | None:
        with_actions = bool(critic_of(name))
        if self.mapping.observation_identity and (self.actions.identity or not with_actions):
            return None
        fresh = self.initial[role].get(name)
        if fresh is None or fresh.ndim != 2:
            raise ConfigError(f"the target's {role} has no layer {name!r}: give both learners the same architecture")
        blocks = self._blocks(branch, self.source[role][name].shape[1], fresh.shape[1], with_actions=with_actions)
        starts = np.cumsum([0, *(block.sizes[1] for block in blocks)]).tolist()
        in_place = (
            block.change is unchanged and block.start == start for block, start in zip(blocks, starts, strict=False)
        )
        if self.source[role][name].shape == fresh.shape and all(in_place):
            return None
        return lambda weight, _: np.concatenate([block_columns(weight, block) for block in blocks], axis=1)

    def _blocks(self, branch: str, ours: int, theirs: int, *, with_actions: bool) -> list[Block]:
        """The parts that a layer of so many inputs is made of in the source and in the target."""
        counts = (self.actions.source_size, len(self.actions.index)) if with_actions else (0, 0)
        old = self._widths(self.source, self.mapping.source_observation, branch, ours - counts[0])
        new = self._widths(self.initial, self.mapping.target_observation, branch, theirs - counts[1])
        starts = dict(zip(old, np.cumsum([0, *old.values()]).tolist(), strict=False))
        blocks = []
        for key, width in new.items():
            part = self.mapping.part(key)
            if part is None:
                blocks.append(Block(None, (0, width), unchanged))
                continue
            sizes = old[part.source_key], width
            extractor = Extractor(self.source["features"], prefix_of(branch, part.source_key))
            blocks.append(Block(starts[part.source_key], sizes, extractor.output_change(part, sizes)))
        if with_actions:
            # Critics see actions in units of the bounds, where each factor is 1 or -1: its own inverse.
            change = unchanged if self.actions.identity else lambda weight, _: self.actions.weights(weight)
            blocks.append(Block(ours - counts[0], counts, change))
        return blocks

    def _widths(self, networks: Networks, space: Space[Any], branch: str, total: int) -> dict[str, int]:
        """How many inputs each key of an observation has, in the order in which they stand side by side."""
        parts = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
        known = {key: Extractor(networks["features"], prefix_of(branch, key)).width(parts[key]) for key in parts}
        rest = total - sum(width for width in known.values() if width is not None)
        open_keys = [key for key, width in known.items() if width is None]
        if len(open_keys) > 1 or rest < 0 or (rest and not open_keys):
            raise ConfigError(
                f"a layer sees {total} numbers, which is not what the observation ({', '.join(parts) or space}) gives: "
                "this feature extractor can't be mapped"
            )
        return {key: rest if width is None else width for key, width in known.items()}

    def _output_rows(self) -> Iterator[tuple[Role, str, Step | None]]:
        if self.actions.identity:
            return
        rows = row_map(self.mapping, self.actions)
        head: Role = "policy_head" if self.source["policy_head"] else "value_head"
        for name in self.source[head]:
            yield head, name, lambda values, _: head_rows(values, rows)
        if not self.actions.known_T.any():
            spreads = (name for name in self.initial["exploration"] if name.startswith("log_std"))
            yield from (("exploration", name, None) for name in spreads)
            return
        unscaled = replace(rows, scale=(1.0,) * len(rows.scale))
        shift = np.log(np.abs(rows.scale))
        for name in self.source["exploration"]:
            if name == "log_std":  # ... x actions
                yield "exploration", name, lambda values, _: unscaled.scaled(values, np.nan) + shift
            elif name in ("log_std.weight", "log_std.bias"):
                # Squashed: the factor is 1 or -1, which leaves deviations as they are.
                yield "exploration", name, lambda values, _: head_rows(values, unscaled)
