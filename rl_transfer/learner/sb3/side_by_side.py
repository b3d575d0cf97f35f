"""Members stepped as arrays, as the library's vectorised environment: just what it makes of single ones in turns."""

import time
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from rl_transfer.learner.interface import EnvFactory
from rl_transfer.tasks import ChargedMembers, TaskEnvironments


def training_environments(factories: Sequence[EnvFactory]) -> VecEnv:
    """The library's vectorised training environment, which also tells how each episode went.

    Args:
        factories: One for each environment; a task's own are taken side by side where that is possible and faster.
    """
    if isinstance(factories, TaskEnvironments):
        members = factories.side_by_side()
        if members is not None:
            return SideBySide(members)
    return DummyVecEnv([_monitored(factory) for factory in factories])


def _monitored(factory: EnvFactory) -> EnvFactory:
    return lambda: Monitor(factory())


class SideBySide(VecEnv):
    """A `DummyVecEnv` of single environments in a `Monitor`, for members stepped as arrays.

    Args:
        members: The members, charged.
    """

    def __init__(self, members: ChargedMembers) -> None:
        self._members = members
        env = members.env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self._started_at = time.time()
        self._length_N = np.zeros(env.num_envs, np.int64)
        self._reward_TN = np.zeros((1, env.num_envs))
        self._time = 0
        self._actions: NDArray[Any] = np.zeros(0)

    def reset(self) -> VecEnvObs:
        """Start an episode in every member, seeded if :meth:`seed` was called since the last time."""
        if any(self._options):
            raise ValueError("members stepped as arrays take no options at reset")
        observation_N = self._members.reset(self._seeds)
        self._reset_seeds()
        self._reset_options()
        self._length_N[:] = 0
        return observation_N

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step."""
        observation_N, reward_N, terminated_N, truncated_N, last_N = self._members.step(self._actions)
        self._remember(reward_N)
        cut_N = (truncated_N & ~terminated_N).tolist()
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": cut} for cut in cut_N]
        done_N = terminated_N | truncated_N
        if last_N is not None:
            for member in np.flatnonzero(done_N).tolist():
                infos[member] |= {"episode": self._episode(member), "terminal_observation": last_N[member]}
            self._length_N[done_N] = 0
        return observation_N, reward_N.astype(np.float32), done_N, infos

    def _remember(self, reward_N: NDArray[Any]) -> None:
        """Keep the rewards of the longest episode that is still going on, in a ring that grows."""
        self._length_N += 1
        longest = int(self._length_N.max())
        if longest > len(self._reward_TN):
            # Time goes on at the end of the unrolled ring.
            unrolled = np.roll(self._reward_TN, -self._time, axis=0)
            self._reward_TN = np.concatenate([unrolled, np.zeros_like(unrolled)])
            self._time = len(unrolled)
        self._reward_TN[self._time] = reward_N
        self._time = (self._time + 1) % len(self._reward_TN)

    def _episode(self, member: int) -> dict[str, Any]:
        """What a `Monitor` tells at an episode's end: its return is summed up in the same way."""
        length = int(self._length_N[member])
        rewards = self._reward_TN[np.arange(self._time - length, self._time) % len(self._reward_TN), member]
        seconds = round(time.time() - self._started_at, 6)
        return {"r": round(sum(rewards.tolist()), 6), "l": length, "t": seconds}

    def close(self) -> None:
        """Close the members."""
        self._members.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of all members together, once for each."""
        return [getattr(self._members.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, *_: Any, **__: Any) -> None:
        """Refused: there are no single environments.

        Raises:
            AttributeError: Always.
        """
        raise AttributeError(f"{attr_name}: members stepped as arrays have no attributes of their own")

    def env_method(self, method_name: str, *_: Any, **__: Any) -> list[Any]:
        """Refused: there are no single environments.

        Raises:
            AttributeError: Always.
        """
        raise AttributeError(f"{method_name}: members stepped as arrays have no methods of their own")

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Any = None
    ) -> list[bool]:
        """Whether episodes are watched as by this wrapper: they are as by a `Monitor`."""
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]
