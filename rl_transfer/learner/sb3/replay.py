"""A Stable-Baselines3 replay buffer as arrays: reading, filling, saving what was added."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer

from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.knowledge import Transitions
from rl_transfer.knowledge.experience import Observations, map_arrays, named_arrays
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
    return {name: array[index] for name, array in _arrays(buffer).items()}


def _arrays(buffer: ReplayBuffer) -> Rows:
    """The buffer's own arrays (no copies) by name; those of a Dict observation as ``observations/key``."""
    return {name: array for column in _COLUMNS for name, array in named_arrays(column, getattr(buffer, column)).items()}


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
        for name, array in _arrays(buffer).items():
            array[index] = rows[name]
    except Exception as error:
        raise StoreError(f"{path}: the checkpoint can't be read: {error}") from error
    buffer.pos = end % buffer.buffer_size
    buffer.full = end >= buffer.buffer_size


def read_transitions(buffer: ReplayBuffer, newest: int | None = None) -> Transitions:
    """All transitions, or so many of the newest rounded down to rows, environment after environment, each in time."""
    n_envs = buffer.n_envs
    count = buffer.size() if newest is None else min(buffer.size(), newest // n_envs)
    index = np.arange(buffer.pos - count, buffer.pos) % buffer.buffer_size

    def flat(array: NDArray[Any]) -> NDArray[Any]:
        return np.swapaxes(array[index], 0, 1).reshape(count * n_envs, *array.shape[2:])

    truncated = flat(buffer.timeouts).astype(bool)
    return Transitions(
        observation_N=map_arrays(buffer.observations, flat),
        action_N=flat(buffer.actions),
        reward_N=flat(buffer.rewards),
        next_observation_N=map_arrays(buffer.next_observations, flat),
        terminated_N=flat(buffer.dones).astype(bool) & ~truncated,
        truncated_N=truncated,
        time_N=np.tile(np.arange(count), n_envs),
    )


def add_transitions(buffer: ReplayBuffer, transitions: Transitions) -> int:
    """Add transitions, a whole number of rows, and cut the last of each column.

    Returns:
        The number of rows added.

    Raises:
        ConfigError: If observations or actions have other shapes than the buffer's.
    """
    refuse_unsuitable(buffer, transitions)
    count = len(transitions) // buffer.n_envs
    kept = transitions.map(lambda array: array[: count * buffer.n_envs].reshape(buffer.n_envs, count, *array.shape[1:]))
    for row in range(count):
        buffer.add(
            _row(kept.observation_N, row),
            _row(kept.next_observation_N, row),
            kept.action_N[:, row],
            kept.reward_N[:, row],
            kept.terminated_N[:, row] | kept.truncated_N[:, row],
            [{"TimeLimit.truncated": bool(cut)} for cut in kept.truncated_N[:, row]],
        )
        if row + 1 == count:
            mark_end_truncated(buffer)
    return count


def fixed_buffer(like: ReplayBuffer, transitions: Transitions) -> ReplayBuffer:
    """A full buffer that holds just these transitions, as if one environment had made them.

    Args:
        like: A buffer of the same kind and spaces.
        transitions: At least one; they are not copied.

    Raises:
        ConfigError: If observations or actions have other shapes than that buffer's.
    """
    refuse_unsuitable(like, transitions)
    n_step: dict[str, Any] = (
        {"n_steps": like.n_steps, "gamma": like.gamma} if isinstance(like, NStepReplayBuffer) else {}
    )
    made = type(like)(1, like.observation_space, like.action_space, device=like.device, n_envs=1, **n_step)
    truncated_N = transitions.truncated_N
    columns: dict[str, Observations] = {
        "observations": transitions.observation_N,
        "next_observations": transitions.next_observation_N,
        "actions": transitions.action_N,
        "rewards": transitions.reward_N,
        "dones": transitions.terminated_N | truncated_N,
        "timeouts": truncated_N,
    }
    assert tuple(columns) == _COLUMNS
    for name, column in columns.items():
        setattr(made, name, _of_one_environment(column, getattr(like, name)))
    made.buffer_size, made.full = len(transitions), True
    return made


def _of_one_environment(column: Observations, like: Observations) -> Any:
    """A column with an axis for the environment, in the type of another."""
    if isinstance(column, dict):
        assert isinstance(like, dict)
        return {key: _of_one_environment(array, like[key]) for key, array in column.items()}
    assert not isinstance(like, dict)
    return np.asarray(column, like.dtype)[:, None]


def _row(column: Observations, row: int) -> Any:
    return map_arrays(column, lambda array: array[:, row])


def refuse_unsuitable(buffer: ReplayBuffer, transitions: Transitions) -> None:
    """Refuse transitions of other shapes than a buffer's.

    Raises:
        ConfigError: Says which.
    """
    _refuse_other_shapes("observations", buffer.observations, transitions.observation_N)
    _refuse_other_shapes("actions", buffer.actions, transitions.action_N)


def _refuse_other_shapes(what: str, ours: Observations, theirs: Observations) -> None:
    own, given = named_arrays(what, ours), named_arrays(what, theirs)
    if own.keys() != given.keys():
        raise ConfigError(f"the source's {what} are {', '.join(given)}, the target's {', '.join(own)}")
    for name, array in own.items():
        if array.shape[2:] != given[name].shape[1:]:
            raise ConfigError(f"the source's {name} have shape {given[name].shape[1:]}, the target's {array.shape[2:]}")
