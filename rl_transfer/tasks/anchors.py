"""The score anchors that can be measured without an agent: what random actions get, and the worst that happens."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rl_transfer.study import TaskConfig
from rl_transfer.tasks.evaluate import Episodes, evaluate
from rl_transfer.tasks.make import make


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
        episodes: Episodes of each policy; their seeds count from 0.

    Raises:
        ConfigError: If the task can't be made.
        EnvironmentFailedError: If it fails.
    """
    env = make(task)
    space = env.action_space
    env.close()
    space.seed(0)
    played = [_play(task, lambda count: np.array([space.sample() for _ in range(count)]), episodes)]
    if isinstance(space, gymnasium.spaces.Discrete):
        for action in range(int(space.start), int(space.start + space.n)):
            played.append(_play(task, partial(np.full, fill_value=action), episodes))
    returns = np.concatenate([one.return_E for one in played])
    lengths = np.concatenate([one.length_E for one in played])
    return Anchors(played[0].return_E, float(returns.min()), float(returns.max()), float(lengths.mean()))


def _play(task: TaskConfig, choose: Callable[[int], Any], episodes: int) -> Episodes:
    return evaluate(task, lambda batch: choose(_count(batch)), range(episodes))


def _count(batch: Any) -> int:
    return len(next(iter(batch.values()))) if isinstance(batch, dict) else len(batch)
