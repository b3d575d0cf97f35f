"""Returns measured without an agent: what random actions get, and the worst that happens."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rl_transfer.errors import EnvironmentFailedError
from rl_transfer.study import TaskConfig
from rl_transfer.tasks.make import Env, make
from rl_transfer.tasks.meter import Charged, Meter

_PROBE_EPISODES = 2


@dataclass(frozen=True)
class Anchors:
    """Returns of policies that see nothing.

    Attributes:
        random_E: Of E episodes of uniformly random actions.
        worst: The lowest of an episode among those and every constant action (where actions can be counted).
        best: The highest, likewise.
        mean_length: Steps of an episode, on average over all of them.
    """

    random_E: NDArray[np.float64]
    worst: float
    best: float
    mean_length: float

    @property
    def random(self) -> float:
        """The mean return of random actions."""
        return float(self.random_E.mean())

    @property
    def standard_error(self) -> float:
        """Of that mean."""
        return float(self.random_E.std(ddof=1) / np.sqrt(len(self.random_E)))


def measure_anchors(task: TaskConfig, episodes: int) -> Anchors:
    """Play a task without looking.

    Args:
        task: The task.
        episodes: Episodes of random actions, at least 2; all constant actions together get about as many, each at
            least one. The seeds of each policy count from 0.

    Raises:
        ConfigError: If the task can't be made.
        EnvironmentFailedError: If it fails.
    """
    env = Charged(make(task), Meter())
    try:
        space = deepcopy(env.action_space)  # which others may share
        space.seed(0)
        random = _play(env, space.sample, episodes)
        constant = [
            played
            for action in _countable(space)
            for played in _play(env, lambda action=action: action, -(-episodes // len(_countable(space))))  # type: ignore[misc]
        ]
    finally:
        env.close()
    return_E, length_E = np.array(random + constant).T
    return Anchors(return_E[: len(random)], float(return_E.min()), float(return_E.max()), float(length_E.mean()))


def measure_anchors_within(task: TaskConfig, steps: int, seconds: float, episodes: tuple[int, int]) -> Anchors:
    """Play a task without looking, as long as steps and time allow.

    Args:
        task: The task.
        steps: Environment steps of random actions, about; those of constant actions come on top.
        seconds: Time for all, about: a slow environment gets fewer steps.
        episodes: The fewest and the most.

    Raises:
        ConfigError: If the task can't be made.
        EnvironmentFailedError: If it fails.
    """
    before = time.perf_counter()
    length = measure_anchors(task, _PROBE_EPISODES).mean_length
    step_seconds = (time.perf_counter() - before) / (2 * _PROBE_EPISODES * length)
    allowed = min(steps, seconds / (2 * step_seconds)) / length
    return measure_anchors(task, int(np.clip(allowed, *episodes)))


def _countable(space: gymnasium.Space[Any]) -> range:
    if not isinstance(space, gymnasium.spaces.Discrete):
        return range(0)
    return range(int(space.start), int(space.start + space.n))


def _play(env: Env, choose: Callable[[], Any], episodes: int) -> list[tuple[float, int]]:
    """Return and length of each episode."""
    return [_episode(env, choose, seed) for seed in range(episodes)]


def _episode(env: Env, choose: Callable[[], Any], seed: int) -> tuple[float, int]:
    env.reset(seed=seed)
    total, length, ended = 0.0, 0, False
    while not ended:
        _, reward, terminated, truncated, _ = env.step(choose())
        if np.shape(reward):  # type: ignore[call-overload]
            raise EnvironmentFailedError(f"step {length} of an episode gave the reward {reward}: it must be one number")
        total, length, ended = total + float(reward), length + 1, bool(terminated or truncated)
    return total, length
