"""The newest observations and episodes of a learner's training, seen between model and environments."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rl_transfer.knowledge.experience import map_arrays
from rl_transfer.learner.recent import RecentEpisodes

State = dict[str, Any]
_OBSERVATIONS = 256
_EPISODES = 32
_COLUMNS = ("first", "last", "return", "rest")


class Witness:
    """Keeps the newest observations that were acted on, and of the newest episodes that ended what tests a value.

    Args:
        n_envs: Environments side by side.
        discount: The factor by which a reward one step later counts less.
    """

    def __init__(self, n_envs: int, discount: float) -> None:
        self._discount = discount
        self._rows: deque[Any] = deque(maxlen=-(-_OBSERVATIONS // n_envs))
        self._ended: deque[tuple[Any, Any, float, float]] = deque(maxlen=_EPISODES)
        self._first_N: list[Any] = [None] * n_envs
        self._return_N, self._factor_N = np.zeros(n_envs), np.ones(n_envs)

    def begin(self, observation_N: Any, members: Sequence[int]) -> None:
        """Episodes begin in these members with what all of them show now."""
        for member in members:
            self._first_N[member] = _of(observation_N, member)
            self._return_N[member], self._factor_N[member] = 0.0, 1.0

    def see(
        self, observation_N: Any, reward_N: NDArray[Any], ended: Sequence[int], infos: Sequence[dict[str, Any]]
    ) -> None:
        """A step was taken.

        Args:
            observation_N: What was acted on.
            reward_N: The rewards to learn from.
            ended: The members whose episode ended with it.
            infos: What the environments tell besides.
        """
        is_dict = isinstance(observation_N, dict)
        self._rows.append(map_arrays(observation_N, np.copy) if is_dict else observation_N.copy())
        self._return_N += self._factor_N * reward_N
        self._factor_N *= self._discount
        for member in ended:
            info = infos[member]
            rest = float(self._factor_N[member]) if info.get("TimeLimit.truncated", False) else 0.0
            last = map_arrays(info["terminal_observation"], np.copy)
            self._ended.append((self._first_N[member], last, float(self._return_N[member]), rest))

    @property
    def observations(self) -> Any:
        """B x observation shape, the newest last; None before the first step."""
        if not self._rows:
            return None
        together = map_arrays(_stacked(list(self._rows)), lambda array: array.reshape(-1, *array.shape[2:]))
        return map_arrays(together, lambda array: array[-_OBSERVATIONS:])

    @property
    def episodes(self) -> RecentEpisodes | None:
        """The newest episodes; None before the first one ended."""
        if not self._ended:
            return None
        first, last, return_E, rest_E = zip(*self._ended, strict=True)
        return RecentEpisodes(_stacked(first), _stacked(last), np.array(return_E), np.array(rest_E))

    def state(self) -> State:
        """What a checkpoint must keep: episodes that are not over end with it."""
        columns = zip(*self._ended, strict=True) if self._ended else ((),) * len(_COLUMNS)
        stacked = {name: _stacked(column) if column else None for name, column in zip(_COLUMNS, columns, strict=True)}
        return {name: _as_tensors(array) for name, array in stacked.items()} | {
            "rows": _as_tensors(_stacked(list(self._rows)) if self._rows else None)
        }

    def load_state(self, state: State) -> None:
        """Go on from what :meth:`state` gave."""
        self._rows.extend(_split(state["rows"]))
        columns = [_split(state[name]) for name in _COLUMNS]
        self._ended.extend(
            (first, last, float(return_), float(rest)) for first, last, return_, rest in zip(*columns, strict=True)
        )


def _of(observation_N: Any, member: int) -> Any:
    return map_arrays(observation_N, lambda array: np.copy(array[member]))


def _stacked(items: Sequence[Any]) -> Any:
    if isinstance(items[0], dict):
        return {key: np.stack([item[key] for item in items]) for key in items[0]}
    return np.stack(items)


def _as_tensors(column: Any) -> Any:
    if column is None:
        return None
    return map_arrays(column, torch.as_tensor)  # type: ignore[arg-type]


def _split(column: Any) -> list[Any]:
    """The items of which a column was stacked."""
    if column is None:
        return []
    if isinstance(column, dict):
        parts = {key: _split(tensor) for key, tensor in column.items()}
        return [dict(zip(parts, items, strict=True)) for items in zip(*parts.values(), strict=True)]
    return list(column.numpy())
