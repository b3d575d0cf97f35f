"""Tasks whose environments can be stepped side by side as arrays, with the same results to the last bit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

import rl_transfer_envs
from rl_transfer.errors import EnvironmentFailedError
from rl_transfer.study import TaskConfig
from rl_transfer.tasks.make import Env
from rl_transfer.tasks.meter import Meter, refuse_unusable

Members = VectorEnv[NDArray[Any], NDArray[Any], NDArray[Any]]

_OURS = f"{rl_transfer_envs.__name__}.vector."
_CLASSIC = "gymnasium.envs.classic_control"
# Gymnasium's environments that ours are with their defaults, and the keywords that the two share.
_STAND_INS: Mapping[str, tuple[str, frozenset[str]]] = {
    f"{_CLASSIC}.cartpole:CartPoleEnv": ("transfer/CartPole-v0", frozenset({"sutton_barto_reward"})),
    f"{_CLASSIC}.mountain_car:MountainCarEnv": ("transfer/MountainCar-v0", frozenset()),
    f"{_CLASSIC}.acrobot:AcrobotEnv": ("transfer/Acrobot-v0", frozenset()),
    f"{_CLASSIC}.pendulum:PendulumEnv": ("transfer/Pendulum-v0", frozenset()),
}


def vector_environment(task: TaskConfig, members: int, mode: AutoresetMode) -> Members | None:
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
    # A list is the value of one keyword to the single environment, and one value for each member to the other.
    if found is None or any(isinstance(value, list | dict) for value in task.kwargs.values()):
        return None
    env_id, limit = found
    try:
        env: Members = gymnasium.make_vec(
            env_id,
            num_envs=members,
            vectorization_mode="vector_entry_point",
            max_episode_steps=limit,
            autoreset_mode=mode,
            **task.kwargs,
        )
    except Exception:
        return None
    return env


def _twin(task: TaskConfig) -> tuple[str, int] | None:
    """The id of the environment whose members a task's are, and the task's time limit."""
    module, _, name = task.id.rpartition(":")
    if module not in ("", rl_transfer_envs.__name__):
        return None
    spec = gymnasium.registry.get(name)
    limit = task.max_episode_steps or (spec and spec.max_episode_steps)
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

    def __init__(self, env: Members, meter: Meter) -> None:
        assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        self.env = env
        self.meter = meter

    def reset(self, seeds: Sequence[int | None]) -> NDArray[Any]:
        """Start an episode in every member.

        Raises:
            EnvironmentFailedError: If it raises or gives an observation that is not finite.
        """
        observation_N = reset_members(self.env, seeds)
        if not np.isfinite(observation_N).all():
            for observation in observation_N:
                refuse_unusable(self.meter.steps, observation, 0.0)
        return observation_N

    def step(self, actions: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], Any]:
        """Take a step in every member and charge them.

        Returns:
            Observations, rewards, terminations, truncations, and the last observations of episodes that ended (an
            array of objects; None where none ended).

        Raises:
            EnvironmentFailedError: If it raises or gives something that is not finite.
        """
        observation_N, reward_N, terminated_N, truncated_N, infos = step_members(self.env, actions, self.meter.steps)
        last_N = infos.get("final_obs")
        usable = np.isfinite(reward_N).all() and np.isfinite(observation_N).all()
        if not usable or (last_N is not None and not np.isfinite(np.stack(last_N[infos["_final_obs"]])).all()):
            self._find_unusable(observation_N, reward_N, last_N)
        self.meter.steps += self.env.num_envs
        return observation_N, reward_N, terminated_N, truncated_N, last_N

    def close(self) -> None:
        """Close the members."""
        self.env.close()

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
    """

    def __init__(self, task: TaskConfig, meter: Meter, factory: Callable[[], Env], count: int) -> None:
        self._task, self._meter = task, meter
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
        """All of them as arrays; None where the task has no such form."""
        env = vector_environment(self._task, len(self), AutoresetMode.SAME_STEP)
        return None if env is None else ChargedMembers(env, self._meter)


def reset_members(env: Members, seeds: Sequence[int | None]) -> NDArray[Any]:
    """Reset every member with its seed.

    Raises:
        EnvironmentFailedError: If it raises.
    """
    try:
        observation_N, _ = env.reset(seed=list(seeds))  # type: ignore[arg-type]
    except Exception as error:
        raise EnvironmentFailedError(f"reset raised {type(error).__name__}: {error}") from error
    return observation_N


def step_members(
    env: Members, actions: NDArray[Any], steps: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
    """Step every member.

    Raises:
        EnvironmentFailedError: If it raises; it says after how many steps.
    """
    try:
        return env.step(actions)
    except Exception as error:
        raise EnvironmentFailedError(f"step {steps} raised {type(error).__name__}: {error}") from error
