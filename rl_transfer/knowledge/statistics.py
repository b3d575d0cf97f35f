"""Running statistics of observations and rewards, which networks that saw normalised observations can't do without."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from rl_transfer.errors import StoreError
from rl_transfer.store import write_bytes

_REWARD = "reward"
_OBSERVATION = "observation"


@dataclass(frozen=True)
class Moments:
    """Mean and variance (float64, both of the observation's shape) of so many samples."""

    mean: NDArray[np.float64]
    var: NDArray[np.float64]
    count: float

    def __post_init__(self) -> None:
        if self.mean.shape != self.var.shape:
            raise ValueError(f"mean has shape {self.mean.shape}, variance {self.var.shape}")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.var).all() and np.isfinite(self.count)):
            raise ValueError("statistics hold NaN or infinity")
        if (self.var < 0).any() or self.count < 0:
            raise ValueError("statistics hold a negative variance or count")


@dataclass(frozen=True)
class Statistics:
    """Running statistics as VecNormalize keeps them.

    Attributes:
        observation: By key of a Dict observation; under the empty key those of any other observation. Empty where
            observations are not normalised.
        reward: Those of the discounted return that rewards are divided by; None where rewards are not normalised.
    """

    observation: Mapping[str, Moments]
    reward: Moments | None = None

    def map(self, change: Callable[[Moments], Moments]) -> "Statistics":
        """The same change made to all moments."""
        return Statistics(
            {key: change(moments) for key, moments in self.observation.items()},
            None if self.reward is None else change(self.reward),
        )

    def write(self, path: Path) -> None:
        """Write one safetensors file."""
        parts = {f"{_OBSERVATION}/{key}": moments for key, moments in self.observation.items()}
        if self.reward is not None:
            parts[_REWARD] = self.reward
        arrays: dict[str, NDArray[np.float64]] = {}
        for name, moments in parts.items():
            arrays |= {f"{name}|mean": moments.mean, f"{name}|var": moments.var}
            arrays[f"{name}|count"] = np.array(moments.count, dtype=np.float64)
        write_bytes(path, save({name: np.asarray(array, order="C") for name, array in arrays.items()}))

    @staticmethod
    def read(path: Path) -> "Statistics":
        """Read what :meth:`write` wrote.

        Raises:
            StoreError: If the file is missing or damaged, or holds numbers that can't be statistics.
        """
        try:
            arrays = load(path.read_bytes())
            found = {name: _moments(arrays, name) for name in sorted({key.rpartition("|")[0] for key in arrays})}
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise StoreError(f"{path}: can't be read as statistics: {error}") from error
        reward = found.pop(_REWARD, None)
        return Statistics({name.partition("/")[2]: moments for name, moments in found.items()}, reward)


def _moments(arrays: Mapping[str, NDArray[Any]], name: str) -> Moments:
    return Moments(
        np.asarray(arrays[f"{name}|mean"], np.float64),
        np.asarray(arrays[f"{name}|var"], np.float64),
        float(arrays[f"{name}|count"]),
    )
