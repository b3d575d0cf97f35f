"""Returns measured without an agent: what random actions get, and the worst that happens."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError, EnvironmentFailedError
from rl_transfer.study import TaskConfig
from rl_transfer.tasks.make import Env, make
from rl_transfer.tasks.meter import Charged, Meter

Clock = Callable[[], float]
"""Tells the time in seconds, from whenever."""


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
        """Of that mean; infinite for a single episode."""
        count = len(self.random_E)
        return float(self.random_E.std(ddof=1) / np.sqrt(count)) if count > 1 else math.inf


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
    return _measured(task, episodes, math.inf, math.inf, time.monotonic)


def measure_anchors_within(
    task: TaskConfig, steps: int, seconds: float, episodes: int, *, clock: Clock = time.monotonic
) -> Anchors:
    """Play a task without looking, as long as steps and time allow; only episodes that were finished count.

    Args:
        task: The task.
        steps: No episode of random actions begins after so many; as many are for constant actions.
        seconds: Time for all; random actions begin no episode after half of it.
        episodes: The most episodes of random actions.
        clock: Tells how much of the time is over.

    Raises:
        ConfigError: If the task can't be made, or no episode is finished in time.
        EnvironmentFailedError: If it fails.
    """
    return _measured(task, episodes, steps, seconds, clock)


@dataclass(frozen=True)
class _Bounds:
    """When playing stops.

    Attributes:
        steps: After so many no episode begins.
        last_start: At this moment neither.
        deadline: At this moment an episode is left as it is.
        clock: Tells the moment.
    """

    steps: float
    last_start: float
    deadline: float
    clock: Clock


_Choose = Callable[[], Any]


def _measured(task: TaskConfig, episodes: int, steps: float, seconds: float, clock: Clock) -> Anchors:
    env = Charged(make(task), Meter())
    start = clock()
    deadline = start + seconds
    try:
        space = deepcopy(env.action_space)  # which others may share
        space.seed(0)
        choices: list[tuple[_Choose, int]] = [(space.sample, seed) for seed in range(episodes)]
        random = list(_play(env, choices, _Bounds(steps, start + seconds / 2, deadline, clock)))
        if not random:
            problem = f"an episode of {task.id} takes more than {seconds:g} s"
            raise ConfigError(f"{problem}: give it a time limit that ends it sooner (max_episode_steps)")
        constant = list(_play(env, _constant(space, len(random)), _Bounds(steps, deadline, deadline, clock)))
    finally:
        env.close()
    return_E, length_E = np.array(random + constant).T
    return Anchors(return_E[: len(random)], float(return_E.min()), float(return_E.max()), float(length_E.mean()))


def _constant(space: gymnasium.Space[Any], episodes: int) -> list[tuple[_Choose, int]]:
    """About so many episodes of constant actions, where those can be counted: all with one seed before the next."""
    if not isinstance(space, gymnasium.spaces.Discrete):
        return []
    actions = range(int(space.start), int(space.start + space.n))
    seeds = range(-(-episodes // len(actions)))
    return [(lambda action=action: action, seed) for seed in seeds for action in actions]  # type: ignore[misc]


def _play(env: Env, episodes: Iterable[tuple[_Choose, int]], bounds: _Bounds) -> Iterator[tuple[float, int]]:
    """Return and length of each finished episode, given who chooses and the seed of each."""
    steps = 0
    for choose, seed in episodes:
        if steps >= bounds.steps or bounds.clock() >= bounds.last_start:
            return
        played = _episode(env, choose, seed, bounds)
        if played is None:
            return
        steps += played[1]
        yield played


def _episode(env: Env, choose: _Choose, seed: int, bounds: _Bounds) -> tuple[float, int] | None:
    """Return and length; None if it is not over at the deadline."""
    env.reset(seed=seed)
    total, length, ended = 0.0, 0, False
    while not ended:
        if bounds.clock() >= bounds.deadline:
            return None
        _, reward, terminated, truncated, _ = env.step(choose())
        if np.shape(reward):  # type: ignore[call-overload]
            raise EnvironmentFailedError(f"step {length} of an episode gave the reward {reward}: it must be one number")
        total, length, ended = total + float(reward), length + 1, bool(terminated or truncated)
    return total, length
