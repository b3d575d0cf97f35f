"""Tasks whose environments can be stepped side by side as arrays, with the same results to the last bit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import gymnasium
import numpy as np
from gymnasium.error import Error as GymnasiumError
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

import rl_transfer_envs
from rl_transfer.study import TaskConfig
from rl_transfer.tasks.make import Env
from rl_transfer.tasks.meter import Episode, Meter, refuse_unusable, reset_failed, step_failed
from rl_transfer_envs.vector import MembersEnv

# Fewer are stepped faster one after the other; the results are the same.
FEWEST_MEMBERS = 4

Steps = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]

_OURS = f"{rl_transfer_envs.__name__}.vector."
_CLASSIC = "gymnasium.envs.classic_control"
# Gymnasium's environments that ours are with their defaults, and the keywords that the two share.
_STAND_INS: Mapping[str, tuple[str, frozenset[str]]] = {
    f"{_CLASSIC}.cartpole:CartPoleEnv": ("transfer/CartPole-v0", frozenset({"sutton_barto_reward"})),
    f"{_CLASSIC}.mountain_car:MountainCarEnv": ("transfer/MountainCar-v0", frozenset()),
    f"{_CLASSIC}.acrobot:AcrobotEnv": ("transfer/Acrobot-v0", frozenset()),
    f"{_CLASSIC}.pendulum:PendulumEnv": ("transfer/Pendulum-v0", frozenset()),
}


def vector_environment(task: TaskConfig, members: int, mode: AutoresetMode) -> MembersEnv | None:
    """A task's environment many times, stepped as arrays; each member as :func:`make`'s with the same seed.

    Args:
        task: The task.
        members: How many.
        mode: What follows an episode's end.

    Returns:
        None where only single environments will do: the id has no vectorised twin, there are wrappers, or it can't
        be made at all (which :func:`make` explains).
    """
    found = None if task.wrappers else _twin(task)
    if found is None:
        return None
    env_id, limit = found
    # A list may be the value of one keyword; said once for each member, it can't be taken for the members' values.
    settings: dict[str, Any] = {name: [value] * members for name, value in task.kwargs.items()}
    try:
        env = gymnasium.make_vec(
            env_id,
            num_envs=members,
            vectorization_mode="vector_entry_point",
            max_episode_steps=limit,
            autoreset_mode=mode,
            **settings,
        )
    except (GymnasiumError, TypeError, ValueError):
        return None  # a setting is wrong
    assert isinstance(env, MembersEnv)
    return env


def _twin(task: TaskConfig) -> tuple[str, int] | None:
    """The id of the environment whose members a task's are, and the task's time limit."""
    module, _, name = task.id.rpartition(":")
    if module not in ("", rl_transfer_envs.__name__):
        return None
    spec = gymnasium.registry.get(name)
    limit = task.max_episode_steps or (None if spec is None else spec.max_episode_steps)
    if spec is None or limit is None or spec.kwargs or spec.additional_wrappers:
        return None
    if isinstance(spec.vector_entry_point, str) and spec.vector_entry_point.startswith(_OURS):
        return name, limit
    stand_in, keywords = _STAND_INS.get(str(spec.entry_point), ("", frozenset()))
    return (stand_in, limit) if stand_in in gymnasium.registry and task.kwargs.keys() <= keywords else None


class ChargedMembers:
    """Charges every member's steps as :class:`Charged` does around single environments that take turns.

    Args:
        env: Members that are reset on the step that ends their episode.
        meter: Where steps are counted.
    """

    def __init__(self, env: MembersEnv, meter: Meter) -> None:
        assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        self.env = env
        self.meter = meter
        self._reward_sum_N = np.zeros(env.num_envs)
        self._length_N = np.zeros(env.num_envs, np.int64)

    def reset(self, seeds: Sequence[int | None]) -> NDArray[Any]:
        """Start an episode in every member.

        Raises:
            EnvironmentFailedError: If it raises or gives an observation that is not finite.
        """
        try:
            observation_N: NDArray[Any] = self.env.reset(seed=list(seeds))[0]
        except Exception as error:
            raise reset_failed(error) from error
        if not np.isfinite(observation_N).all():
            for observation in observation_N:
                refuse_unusable(self.meter.steps, observation, 0.0)
        self._reward_sum_N[:] = self._length_N[:] = 0
        return observation_N

    def step(self, actions: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], Any]:
        """Take a step in every member and charge them.

        Returns:
            Observations, rewards, terminations, truncations, and the last observations of episodes that ended (an
            array of objects; None where none ended).

        Raises:
            EnvironmentFailedError: If it raises or gives something that is not finite.
        """
        observation_N, reward_N, terminated_N, truncated_N, infos = self._take(actions)
        last_N = infos.get("final_obs")
        usable = np.isfinite(reward_N).all() and np.isfinite(observation_N).all()
        if not usable or (last_N is not None and not np.isfinite(np.stack(last_N[infos["_final_obs"]])).all()):
            self._find_unusable(observation_N, reward_N, last_N)
        self._reward_sum_N += reward_N
        self._length_N += 1
        if last_N is not None:
            self._end_episodes(terminated_N | truncated_N)
        self.meter.steps += self.env.num_envs
        return observation_N, reward_N, terminated_N, truncated_N, last_N

    def close(self) -> None:
        """Close the members."""
        self.env.close()

    def _take(self, actions: NDArray[Any]) -> Steps:
        try:
            taken: Steps = self.env.step(actions)
        except Exception as error:
            # Where one member is to blame, those before it have taken their step.
            self.meter.steps += getattr(error, "member", 0)
            raise step_failed(self.meter.steps, error) from error
        return taken

    def _end_episodes(self, over_N: NDArray[Any]) -> None:
        """Tell the meter of the members whose episode is over: each ended on its own step."""
        for member in np.flatnonzero(over_N).tolist():
            ended = self.meter.steps + member + 1, float(self._reward_sum_N[member]), int(self._length_N[member])
            self.meter.episodes.append(Episode(*ended))
        self._reward_sum_N[over_N], self._length_N[over_N] = 0.0, 0

    def _find_unusable(self, observation_N: NDArray[Any], reward_N: NDArray[Any], last_N: Any) -> None:
        """Charge the members one after the other, up to the first that failed."""
        before = self.meter.steps
        for member in range(self.env.num_envs):
            self.meter.steps = before + member + 1
            last = None if last_N is None else last_N[member]
            refuse_unusable(self.meter.steps, observation_N[member] if last is None else last, reward_N[member])
            refuse_unusable(self.meter.steps, observation_N[member], 0.0)


class TaskEnvironments(Sequence[Callable[[], Env]]):
    """Factories of environments for training on a task; side by side, the task's members stand for all of them.

    Whoever needs single environments, to put something around each, takes the factories.

    Args:
        task: The task.
        meter: Where steps are counted.
        factory: Makes one environment: the task's, charged.
        count: How many.
        fewest: Fewer than this are not taken side by side; the default is from where that is faster.
    """

    def __init__(
        self, task: TaskConfig, meter: Meter, factory: Callable[[], Env], count: int, *, fewest: int = FEWEST_MEMBERS
    ) -> None:
        self._task, self._meter, self._fewest = task, meter, fewest
        self._factories = [factory] * count

    @overload
    def __getitem__(self, index: int) -> Callable[[], Env]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Callable[[], Env]]: ...

    def __getitem__(self, index: int | slice) -> Callable[[], Env] | Sequence[Callable[[], Env]]:
        return self._factories[index]

    def __len__(self) -> int:
        return len(self._factories)

    def side_by_side(self) -> ChargedMembers | None:
        """All of them as arrays; None where the task has no such form, or they are too few for it to be faster."""
        if len(self) < self._fewest:
            return None
        env = vector_environment(self._task, len(self), AutoresetMode.SAME_STEP)
        return None if env is None else ChargedMembers(env, self._meter)
