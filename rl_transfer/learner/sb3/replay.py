"""A Stable-Baselines3 replay buffer as arrays: reading, filling, saving what was added."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer

from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.knowledge import Transitions
from rl_transfer.store import write_bytes

_COLUMNS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
Rows = dict[str, NDArray[Any]]


def mark_end_truncated(buffer: ReplayBuffer) -> None:
    """Cut the newest transition of every environment, so that n-step returns don't reach over the gap after it."""
    newest = (buffer.pos - 1) % buffer.buffer_size
    running = buffer.dones[newest] == 0
    buffer.dones[newest][running] = 1.0
    buffer.timeouts[newest][running] = 1.0


def newest_rows(buffer: ReplayBuffer, count: int) -> Rows:
    """The newest rows (one transition per environment), oldest first, at most as many as the buffer holds."""
    count = min(count, buffer.size())
    index = np.arange(buffer.pos - count, buffer.pos) % buffer.buffer_size
    return {name: getattr(buffer, name)[index] for name in _COLUMNS}


def save_rows(buffer: ReplayBuffer, path: Path, *, before: int, added: int) -> None:
    """Write the rows added since the last time.

    Args:
        buffer: The buffer.
        path: An ``.npz`` file.
        before: Rows ever added before these.
        added: Rows added since, those that are already overwritten included.
    """
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, before=before, added=added, **newest_rows(buffer, added))
    write_bytes(path, content.getvalue())


def load_rows(buffer: ReplayBuffer, path: Path) -> None:
    """Put rows back where they were; call it for each file, in the order in which they were written.

    Raises:
        StoreError: If the file can't be read.
    """
    try:
        # The handle is ours: NumPy leaves its own open when a file is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            rows = dict(arrays)
        end, kept = int(rows["before"] + rows["added"]), len(rows["rewards"])
        index = np.arange(end - kept, end) % buffer.buffer_size
        for name in _COLUMNS:
            getattr(buffer, name)[index] = rows[name]
    except Exception as error:
        raise StoreError(f"{path}: the checkpoint can't be read: {error}") from error
    buffer.pos = end % buffer.buffer_size
    buffer.full = end >= buffer.buffer_size


def read_transitions(buffer: ReplayBuffer) -> Transitions:
    """All transitions, environment after environment, each in the order of time."""
    rows = newest_rows(buffer, buffer.size())
    count, n_envs = rows["rewards"].shape

    def flat(array: NDArray[Any]) -> NDArray[Any]:
        return np.swapaxes(array, 0, 1).reshape(count * n_envs, *array.shape[2:])

    truncated = rows["timeouts"].astype(bool)
    return Transitions(
        observation_N=flat(rows["observations"]),
        action_N=flat(rows["actions"]),
        reward_N=flat(rows["rewards"]),
        next_observation_N=flat(rows["next_observations"]),
        terminated_N=flat(rows["dones"].astype(bool) & ~truncated),
        truncated_N=flat(truncated),
        time_N=np.tile(np.arange(count), n_envs),
    )


def add_transitions(buffer: ReplayBuffer, transitions: Transitions) -> int:
    """Add transitions, a whole number of rows, and cut the last of each column.

    Returns:
        The number of rows added.

    Raises:
        ConfigError: If observations or actions have other shapes than the buffer's.
    """
    for ours, theirs, what in (
        (buffer.observations, transitions.observation_N, "observations"),
        (buffer.actions, transitions.action_N, "actions"),
    ):
        if ours.shape[2:] != theirs.shape[1:]:
            raise ConfigError(f"the source's {what} have shape {theirs.shape[1:]}, the target's {ours.shape[2:]}")
    count = len(transitions) // buffer.n_envs
    kept = transitions.map(lambda array: array[: count * buffer.n_envs].reshape(buffer.n_envs, count, *array.shape[1:]))
    for row in range(count):
        buffer.add(
            kept.observation_N[:, row],
            kept.next_observation_N[:, row],
            kept.action_N[:, row],
            kept.reward_N[:, row],
            kept.terminated_N[:, row] | kept.truncated_N[:, row],
            [{"TimeLimit.truncated": bool(cut)} for cut in kept.truncated_N[:, row]],
        )
        if row + 1 == count:
            mark_end_truncated(buffer)
    return count
