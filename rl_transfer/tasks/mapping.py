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

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from rl_transfer.study import channels_first, image_shape, is_byte_image
from rl_transfer.tasks.index_map import IndexMap, resize
from rl_transfer.tasks.spaces import as_type, form, from_rows, keys, to_rows

Observations = NDArray[Any] | dict[str, NDArray[Any]]


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

        Only those of a Discrete space may have none, or all where the mapping takes nothing of the actions. Actions may
        be flattened, and stay so.
        """
        space = self.target_action
        if not self.actions.known_T.any():
            return _actions_of_nothing(space, batch), np.zeros(len(batch), np.bool_)
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


def _actions_of_nothing(space: Space[Any], batch: NDArray[Any]) -> NDArray[Any]:
    """As many actions of a space as a batch has: the first, or the middle of the bounds."""
    if not isinstance(space, spaces.Box):
        return np.zeros((len(batch), *(space.shape or ())), space.dtype)
    return np.tile(_middle(space).reshape(space.shape), (len(batch), *(1 for _ in space.shape))).astype(space.dtype)


def _at(batch: Observations, key: str) -> NDArray[Any]:
    return batch[key] if isinstance(batch, dict) else batch


def _complete(space: Space[Any], found: dict[str, NDArray[Any]], batch: Observations, *, stored: bool) -> Observations:
    """All keys of a space in its order, zeros for those that were not found."""
    count = len(next(iter(batch.values())) if isinstance(batch, dict) else batch)
    if not isinstance(space, spaces.Dict):
        return found[""] if "" in found else _zeros(space, count, stored)
    return {key: found[key] if key in found else _zeros(inner, count, stored) for key, inner in space.spaces.items()}


def _zeros(space: Space[Any], count: int, stored: bool) -> NDArray[Any]:
    shape = space.shape or ((1,) if stored else ())  # replay holds a state as one column
    image = image_shape(space)
    if image is not None and _has_channels_first(space, stored):
        shape = image
    return np.zeros((count, *shape), space.dtype)
