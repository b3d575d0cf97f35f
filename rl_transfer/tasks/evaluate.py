"""Evaluation: episodes in environments of its own, all of them in one batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.study import TaskConfig
from rl_transfer.tasks.make import make
from rl_transfer.tasks.meter import Charged, Meter

Act = Callable[[Any], NDArray[Any]]


@dataclass(frozen=True)
class Episodes:
    """Undiscounted returns and lengths of E evaluation episodes, and the environment steps they took."""

    return_E: NDArray[np.float64]
    length_E: NDArray[np.int64]

    @property
    def steps(self) -> int:
        """Environment steps of all episodes together."""
        return int(self.length_E.sum())


def evaluate(task: TaskConfig, act: Act, seeds: Sequence[int]) -> Episodes:
    """Play one episode a seed, in fresh environments, side by side.

    Args:
        task: The task, without anything that training puts around it.
        act: Maps a batch of observations to a batch of actions.
        seeds: One environment seed for each episode.

    Raises:
        EnvironmentFailedError: If the environment raises or returns something that is not finite.
    """
    envs: list[Charged] = []
    return_E = np.zeros(len(seeds))
    length_E = np.zeros(len(seeds), dtype=np.int64)
    try:
        envs.extend(Charged(make(task), Meter()) for _ in seeds)
        observations = [env.reset(seed=seed)[0] for env, seed in zip(envs, seeds, strict=True)]
        playing = list(range(len(envs)))
        while playing:
            actions = act(_batch([observations[index] for index in playing]))
            still = []
            for index, action in zip(playing, actions, strict=True):
                observations[index], reward, terminated, truncated, _ = envs[index].step(action)
                return_E[index] += float(reward)
                length_E[index] += 1
                if not (terminated or truncated):
                    still.append(index)
            playing = still
    finally:
        for env in envs:
            env.close()
    return Episodes(return_E, length_E)


def _batch(observations: Sequence[Any]) -> Any:
    """Observations side by side; those of a Dict space key by key."""
    if isinstance(observations[0], Mapping):
        return {key: _batch([observation[key] for observation in observations]) for key in observations[0]}
    return np.stack(observations)
