"""Experience: the transitions that an off-policy agent has in its replay buffer."""

import io
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.errors import StoreError
from rl_transfer.store import write_bytes


@dataclass(frozen=True)
class Transitions:
    """N transitions, those of one environment one after the other in the order of time.

    Attributes:
        observation_N: Observations, N x observation shape.
        action_N: Actions as the learner stores them, N x action shape.
        reward_N: Rewards.
        next_observation_N: Next observations; at an episode's end the last one, not the next episode's first.
        terminated_N: True where the task ended.
        truncated_N: True where the episode was cut (time limit, or the last transition before a gap).
        time_N: Vector step of each transition, rising within an environment; says which are the newest.
    """

    observation_N: NDArray[Any]
    action_N: NDArray[Any]
    reward_N: NDArray[Any]
    next_observation_N: NDArray[Any]
    terminated_N: NDArray[np.bool_]
    truncated_N: NDArray[np.bool_]
    time_N: NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"all arrays must have one length, not {lengths}")

    def __len__(self) -> int:
        return len(self.reward_N)

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> "Transitions":
        """The same change made to every array."""
        return Transitions(*(change(getattr(self, field.name)) for field in fields(self)))

    def newest(self, count: int) -> "Transitions":
        """The newest transitions, at most this many, in the order they had."""
        chosen = np.sort(np.argsort(-self.time_N, kind="stable")[:count])
        return self.map(lambda array: array[chosen])

    def write(self, path: Path) -> None:
        """Write the arrays as one uncompressed ``.npz`` file."""
        buffer = io.BytesIO()
        np.savez(buffer, **{field.name: getattr(self, field.name) for field in fields(self)})
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
                found = {field.name: arrays[field.name] for field in fields(Transitions)}
            for name, array in found.items():
                if not np.isfinite(array).all():
                    raise ValueError(f"{name} holds NaN or infinity")
            return Transitions(**found)
        except Exception as error:  # a damaged file makes NumPy raise almost anything
            raise StoreError(f"{path}: can't be read as transitions: {error}") from error
