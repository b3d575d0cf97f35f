"""Indices of a source and a target: which is which, with a factor; and images of one size as those of another."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
