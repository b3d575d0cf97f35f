"""What a mapping of observations and actions does to single layers: other columns, other rows, other kernels."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import Space
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.study import channels_first, image_shape, is_byte_image
from rl_transfer.tasks import IndexMap, Part, feature_count, resize_matrix

Array = NDArray[Any]
Tensors = Mapping[str, Array]
Step = Callable[[Array, tuple[int, ...]], Array]
"""Changes a tensor; is given the shape that the target has."""
Columns = Callable[[Array, int], Array]
"""Makes outputs x target columns of outputs x source columns; is given how many the target has."""


# A value that the mapping does not give is NaN until the fresh learner's takes its place.
@dataclass(frozen=True)
class Change:
    """How one of the target's tensors is made.

    Attributes:
        source: The source's tensor; None where there is none, and all values are fresh ones.
        steps: What is done to it, one after the other.
    """

    source: str | None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Block:
    """Columns of a layer that sees several inputs side by side.

    Attributes:
        start: Where the source's columns start; None where it has none.
        sizes: The source's and the target's number of columns.
        change: What is done to the source's.
    """

    start: int | None
    sizes: tuple[int, int]
    change: Columns


class Extractor:
    """The tensors of what stands between one observation (or one key of it) and the bodies."""

    def __init__(self, features: Tensors, prefix: str) -> None:
        self.prefix = prefix
        self.tensors = {name: array for name, array in features.items() if name.startswith(prefix)}
        self.linear = matrices(self.tensors, "")
        self.convolutions = sorted((name for name, array in self.tensors.items() if array.ndim == 4), key=_natural)

    def width(self, space: Space[Any]) -> int | None:
        """How many features it gives; None where its tensors don't tell."""
        if not self.tensors:
            return feature_count(space)
        combined = "extractors." in self.prefix
        return self.tensors[self.linear[-1]].shape[0] if self.linear and combined else None

    def changes(self, part: Part, fresh: "Extractor") -> Iterator[tuple[str, Change]]:
        """How the target's tensors, whose names have another prefix, are made."""
        for name in self.tensors:
            new_name = fresh.prefix + name.removeprefix(self.prefix)
            yield new_name, Change(name, self._steps(name, part, fresh.tensors.get(new_name)))

    def _steps(self, name: str, part: Part, fresh: Array | None) -> tuple[Step, ...]:
        if self.convolutions[:1] == [name] and not part.indices.identity:
            return (lambda kernel, _: _channels(kernel, part.indices),)
        if self.linear[:1] == [name] and fresh is not None and fresh.ndim == 2:
            sizes = self.tensors[name].shape[1], fresh.shape[1]
            change = self._flat_change(part, sizes)
            return () if change is unchanged else (lambda weight, _: change(weight, sizes[1]),)
        return ()

    def output_change(self, part: Part, sizes: tuple[int, int]) -> Columns:
        """What the layer after it sees otherwise: nothing where a layer of its own took care of it."""
        return unchanged if self.linear else self._flat_change(part, sizes)

    def _flat_change(self, part: Part, sizes: tuple[int, int]) -> Columns:
        """For columns that see the flattened observation, or what convolutions made of it."""
        if part.identity or (self.convolutions and sizes[0] == sizes[1]):
            return unchanged
        if not part.is_image:
            return lambda weight, _: part.indices.weights(weight)
        if not self.convolutions:
            return lambda weight, _: _pixels(weight, part)
        channels = self.tensors[self.convolutions[-1]].shape[0]
        return lambda weight, count: _grid(weight, count, channels, part)


def refuse_shared_layers(features: Tensors, branch: str) -> None:
    """Every layer must be one key's; what sees several at once has columns that can't be told apart."""
    for name in features:
        if name.startswith(branch) and not name.startswith(f"{branch}extractors."):
            raise ConfigError(f"features/{name} belongs to no key of the observation: this extractor can't be mapped")


def unchanged(weight: Array, _: int) -> Array:
    """Columns as they are."""
    return weight


def block_columns(weight: Array, block: Block) -> Array:
    """The target's columns of one block; NaN where the source has none."""
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


def head_rows(values: Array, rows: IndexMap) -> Array:
    """Rows of a head's weights or biases; several blocks of them where each action has many (quantiles x actions)."""
    count = rows.source_size
    if len(values) % count:
        raise ConfigError(f"a head has {len(values)} rows for {count} actions: this learner's head can't be mapped")
    blocks = values.reshape(len(values) // count, count, *values.shape[1:])
    mapped = np.moveaxis(rows.scaled(np.moveaxis(blocks, 1, -1), np.nan), -1, 1)
    return mapped.reshape(-1, *values.shape[1:])


def prefix_of(branch: str, key: str) -> str:
    """What the names of an extractor's tensors begin with."""
    return f"{branch}extractors.{key}." if key else branch


def critic_of(name: str) -> str:
    """The critic that a tensor belongs to, as ``qf0.``; empty for any other network."""
    match = re.match(r"qf\d+\.", name)
    return match[0] if match else ""


def matrices(tensors: Tensors, critic: str) -> list[str]:
    """Names of linear layers' weights, those of one critic, from the input on."""
    names = [name for name, array in tensors.items() if array.ndim == 2 and critic_of(name) == critic]
    return sorted(names, key=_natural)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers inside a name by their value."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in name.split(".")]
