"""Experience: the transitions that an off-policy agent has in its replay buffer."""

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.errors import StoreError
from rl_transfer.store import write_bytes

Observations = NDArray[Any] | dict[str, NDArray[Any]]
"""One array, or for a Dict observation one by key."""


def map_arrays(column: Observations, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
    """The same change made to a column's array, or to the array of each key."""
    return {key: change(array) for key, array in column.items()} if isinstance(column, dict) else change(column)


def named_arrays(name: str, column: Observations) -> dict[str, NDArray[Any]]:
    """A column's array by its name; those of a Dict observation are named ``name/key``."""
    return {f"{name}/{key}": array for key, array in column.items()} if isinstance(column, dict) else {name: column}


@dataclass(frozen=True)
class Transitions:
    """N transitions, those of one environment one after the other in the order of time.

    Attributes:
        observation_N: Observations, N x observation shape; for a Dict observation by key.
        action_N: Actions as the learner stores them, N x action shape.
        reward_N: Rewards.
        next_observation_N: Next observations; at an episode's end the last one, not the next episode's first.
        terminated_N: True where the task ended.
        truncated_N: True where the episode was cut (time limit, or the last transition before a gap).
        time_N: Vector step of each transition, rising within an environment; says which are the newest.
    """

    observation_N: Observations
    action_N: NDArray[Any]
    reward_N: NDArray[Any]
    next_observation_N: Observations
    terminated_N: NDArray[np.bool_]
    truncated_N: NDArray[np.bool_]
    time_N: NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {name: len(array) for name, array in self.arrays().items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"all arrays must have one length, not {lengths}")
        keys, next_keys = (
            set(column) if isinstance(column, dict) else set()
            for column in (self.observation_N, self.next_observation_N)
        )
        if keys != next_keys:
            raise ValueError(f"observations and next observations must have the same keys, not {keys} and {next_keys}")

    def __len__(self) -> int:
        return len(self.reward_N)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name; those of a Dict observation as ``observation_N/key`` and ``next_observation_N/key``."""
        return {
            name: array
            for field in fields(self)
            for name, array in named_arrays(field.name, getattr(self, field.name)).items()
        }

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> "Transitions":
        """The same change made to every array."""
        return Transitions(*(map_arrays(getattr(self, field.name), change) for field in fields(self)))

    def newest(self, count: int) -> "Transitions":
        """The newest transitions, at most this many, in the order they had."""
        chosen = np.sort(np.argsort(-self.time_N, kind="stable")[:count])
        return self.map(lambda array: array[chosen])

    @property
    def episode_end_N(self) -> NDArray[np.bool_]:
        """Where an episode ends, or what there is of it: also at the last transition of each environment."""
        found: NDArray[np.bool_] = self.terminated_N | self.truncated_N | np.append(np.diff(self.time_N) <= 0, True)
        return found

    def best_episodes(self, share: float) -> "Transitions":
        """The episodes with the highest returns, in the order they had; of equal ones the newer.

        An episode lasts until it was terminated or truncated, for whatever reason: what a full buffer kept of its
        oldest episode counts as one. The last transition of each is cut where it did not terminate.

        Args:
            share: Of all episodes; rounded up.
        """
        if share >= 1 or not len(self):
            return self
        end_N = self.episode_end_N
        episode_N: NDArray[np.int64] = np.cumsum(end_N) - end_N
        return_E = np.bincount(episode_N, weights=self.reward_N)
        newest_E = self.time_N[end_N]
        count = math.ceil(share * len(return_E))
        best = np.lexsort((-newest_E, -return_E))[:count]
        ended = replace(self, truncated_N=self.truncated_N | (end_N & ~self.terminated_N))
        chosen_N = np.isin(episode_N, best)
        return ended.map(lambda array: array[chosen_N])

    def with_outcomes(self, reward_N: NDArray[Any], terminated_N: NDArray[np.bool_]) -> "Transitions":
        """The same transitions with other rewards and terminations; what ended and terminates no longer was cut."""
        ended_N = self.terminated_N | self.truncated_N
        return replace(self, reward_N=reward_N, terminated_N=terminated_N, truncated_N=ended_N & ~terminated_N)

    def write(self, path: Path) -> None:
        """Write the arrays as one uncompressed ``.npz`` file."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self.arrays())
        write_bytes(path, buffer.getvalue())

    @staticmethod
    def read(path: Path) -> "Transitions":
        """Read what :meth:`write` wrote; pickled objects are refused.

        Raises:
            StoreError: If the file is missing or damaged, or holds numbers that are not finite.
        """
        try:
            # The handle is ours: NumPy leaves its own open when a file is damaged.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                columns = {field.name: _column(arrays, field.name) for field in fields(Transitions)}
            found = Transitions(**columns)
            for name, array in found.arrays().items():
                if not np.isfinite(array).all():
                    raise ValueError(f"{name} holds NaN or infinity")
            return found
        except Exception as error:  # a damaged file makes NumPy raise almost anything
            raise StoreError(f"{path}: can't be read as transitions: {error}") from error


def _column(arrays: Mapping[str, NDArray[Any]], name: str) -> Any:
    """What :func:`named_arrays` named."""
    if name in arrays or not name.endswith("observation_N"):
        return arrays[name]
    keys = [key.partition("/")[2] for key in arrays if key.startswith(f"{name}/")]
    return {key: arrays[f"{name}/{key}"] for key in keys} or arrays[name]
