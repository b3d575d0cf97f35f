"""Evaluation: episodes in environments of its own, all of them in one batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from rl_transfer.study import TaskConfig
from rl_transfer.tasks.make import make
from rl_transfer.tasks.meter import Charged, Meter, refuse_unusable, reset_failed, step_failed
from rl_transfer.tasks.vector import FEWEST_MEMBERS, vector_environment
from rl_transfer_envs.vector import MembersEnv

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
    env = vector_environment(task, len(seeds), AutoresetMode.NEXT_STEP) if len(seeds) >= FEWEST_MEMBERS else None
    return _play_singles(task, act, seeds) if env is None else _play_members(env, act, seeds)


def _play_singles(task: TaskConfig, act: Act, seeds: Sequence[int]) -> Episodes:
    envs: list[Charged] = []
    return_E = np.zeros(len(seeds))
    length_E = np.zeros(len(seeds), dtype=np.int64)
    try:
        envs.extend(Charged(make(task), Meter()) for _ in seeds)
        observations = [env.reset(seed=seed)[0] for env, seed in zip(envs, seeds, strict=True)]
        playing = list(range(len(envs)))
        while playing:
            actions = act(as_batch([observations[index] for index in playing]))
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


def _play_members(env: MembersEnv, act: Act, seeds: Sequence[int]) -> Episodes:
    """As singles. A member whose episode is over is left alone."""
    return_E = np.zeros(len(seeds))
    length_E = np.zeros(len(seeds), dtype=np.int64)
    try:
        observation_E = _reset_members(env, seeds)
        playing = np.arange(len(seeds))
        while playing.size:
            chosen = np.asarray(act(observation_E[playing]))
            if len(chosen) != playing.size:
                raise ValueError(f"{playing.size} actions were asked for, {len(chosen)} given")
            action_E = np.zeros((len(seeds), *chosen.shape[1:]), chosen.dtype)
            action_E[playing] = chosen
            observation_E, reward_E, over_E = _step_members(env, action_E, playing, int(length_E[playing[0]]))
            length_E[playing] += 1
            return_E[playing] += reward_E[playing]
            env.leave(np.flatnonzero(over_E))
            playing = playing[~over_E[playing]]
    finally:
        env.close()
    return Episodes(return_E, length_E)


def _reset_members(env: MembersEnv, seeds: Sequence[int]) -> NDArray[Any]:
    try:
        observation_E: NDArray[Any] = env.reset(seed=list(seeds))[0]
    except Exception as error:
        raise reset_failed(error) from error
    _refuse_unusable(0, observation_E, np.zeros(len(seeds)))
    return observation_E


def _step_members(
    env: MembersEnv, action_E: NDArray[Any], playing: NDArray[np.intp], steps: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Observations, rewards and ends of episodes; those playing have taken as many steps before, each."""
    try:
        observation_E, reward_E, terminated_E, truncated_E, _ = env.step(action_E)
    except Exception as error:
        raise step_failed(steps, error) from error
    _refuse_unusable(steps + 1, observation_E[playing], reward_E[playing])
    return observation_E, reward_E, terminated_E | truncated_E


def _refuse_unusable(steps: int, observation_P: NDArray[Any], reward_P: NDArray[Any]) -> None:
    if not (np.isfinite(observation_P).all() and np.isfinite(reward_P).all()):
        for observation, reward in zip(observation_P, reward_P, strict=True):
            refuse_unusable(steps, observation, reward)


def as_batch(observations: Sequence[Any]) -> Any:
    """Observations side by side; those of a Dict space key by key."""
    if isinstance(observations[0], Mapping):
        return {key: as_batch([observation[key] for observation in observations]) for key in observations[0]}
    return np.stack(observations)
