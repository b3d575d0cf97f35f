"""Between a model and its training environments: observations as the environments give them, guides, other rewards."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from rl_transfer.knowledge.experience import map_arrays
from rl_transfer.learner.interface import EnvFactory
from rl_transfer.learner.sb3.witness import Witness
from rl_transfer.learner.seams import Guide, Reshape, Steps
from rl_transfer.tasks import as_batch

Count = Callable[[int], None]


class Between(VecEnvWrapper):
    """Directly around the environments, below what normalises or transposes; changes nothing until it is told to.

    Args:
        env: The vectorised environment.
    """

    def __init__(self, env: VecEnv) -> None:
        super().__init__(env)
        self._reshapes: list[Reshape] = []
        self._guide: Guide | None = None
        self._witness: Witness | None = None
        self._observation_N: Any = None
        self._observation_before_N: Any = None
        self._time_N = np.zeros(env.num_envs, np.int64)

    def reshape(self, reshape: Reshape) -> None:
        """Have the rewards changed, after what earlier calls change."""
        self._reshapes.append(reshape)

    @property
    def observation_before_N(self) -> Any:
        """What the environments showed before the last step."""
        return self._observation_before_N

    def tell(self, guide: Guide) -> None:
        """Tell a guide of every episode that begins."""
        self._guide = guide

    def show(self, witness: Witness) -> None:
        """Let a witness see all that goes by."""
        self._witness = witness

    def replace(self, env: VecEnv) -> None:
        """Go on with other environments, which must be of the same spaces and number and are still to be reset."""
        self.venv.close()
        self.venv = env

    def guided(self) -> tuple[NDArray[np.bool_], Any]:
        """Where the guide takes the next step, and the observations there."""
        assert self._guide is not None
        acts_N = np.array([self._guide.acts(member, time) for member, time in enumerate(self._time_N.tolist())])
        return acts_N, map_arrays(self._observation_N, lambda array: array[acts_N])

    def reset(self) -> VecEnvObs:
        """Reset all."""
        self._observation_N = self.venv.reset()
        self._begin(range(self.num_envs))
        return self._observation_N  # type: ignore[no-any-return]

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step that was begun."""
        observation_N, reward_N, done_N, infos = self.venv.step_wait()
        if self._reshapes:
            reward_N = self._reshaped(observation_N, reward_N, done_N, infos)
        ended = np.flatnonzero(done_N).tolist()
        if self._witness is not None:
            self._witness.see(self._observation_N, reward_N, ended, infos)
        self._observation_before_N, self._observation_N = self._observation_N, observation_N
        self._time_N += 1
        self._begin(ended)
        return observation_N, reward_N, done_N, infos

    def _begin(self, members: Sequence[int]) -> None:
        if self._witness is not None and members:
            self._witness.begin(self._observation_N, members)
        for member in members:
            self._time_N[member] = 0
            if self._guide is not None:
                self._guide.begin(member)

    def _reshaped(
        self, observation_N: Any, reward_N: NDArray[Any], done_N: NDArray[Any], infos: list[dict[str, Any]]
    ) -> NDArray[Any]:
        cut_N = np.array([info.get("TimeLimit.truncated", False) for info in infos])
        following_N = _with_last(observation_N, done_N, infos)
        for reshape in self._reshapes:
            steps = Steps(self._observation_N, following_N, reward_N, done_N & ~cut_N, done_N & cut_N)
            reward_N = reshape(steps)
        return reward_N.astype(np.float32)


def _with_last(observation_N: Any, done_N: NDArray[Any], infos: list[dict[str, Any]]) -> Any:
    """Observations after a step; where an episode ended its last one, not the next one's first."""
    if not done_N.any():
        return observation_N
    found = map_arrays(observation_N, np.copy)
    for member in np.flatnonzero(done_N).tolist():
        last = infos[member]["terminal_observation"]
        if isinstance(found, dict):
            for key, array in found.items():
                array[member] = last[key]
        else:
            found[member] = last
    return found


class LedIn(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A training environment whose episodes a guide begins, inside ``reset``; the learner sees what comes after.

    An episode that ends while the guide acts has nothing for the learner. In the next one the guide takes half as many
    steps at most, so that the learner's turn comes.

    Args:
        env: The environment, charged.
        guide: Who begins.
        member: The environment's place among the training environments.
        count: Called with the number of steps that the guide has taken.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], guide: Guide, member: int, count: Count) -> None:
        super().__init__(env)
        self._guide, self._member, self._count = guide, member, count

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset, and let the guide act."""
        most: float = np.inf
        while True:
            found = self.env.reset(seed=seed, options=options)
            self._guide.begin(self._member)
            time, over = 0, False
            while not over and time < most and self._guide.acts(self._member, time):
                observation, _, terminated, truncated, info = self.env.step(self._act(found[0]))
                found, over, time = (observation, info), terminated or truncated, time + 1
                self._count(1)
            if not over:
                return found
            seed, most = None, time // 2

    def _act(self, observation: Any) -> Any:
        return self._guide.act(as_batch([observation]), [self._member])[0]


def led_in(factories: Sequence[EnvFactory], guide: Guide, count: Count) -> VecEnv:
    """The library's vectorised environment of single ones whose episodes a guide begins."""

    def make(member: int) -> gymnasium.Env[Any, Any]:
        return Monitor(LedIn(factories[member](), guide, member, count))

    return DummyVecEnv([lambda member=member: make(member) for member in range(len(factories))])  # type: ignore[misc]


def let_act(model: OffPolicyAlgorithm, between: Between, guide: Guide, count: Count) -> None:
    """Let a guide replace an off-policy model's actions where it wants to; its transitions are stored like all others.

    The model draws its own actions all the same, so that its random numbers are those of training without a guide. Its
    class becomes one of the same name that differs in this alone: an attribute would end up in its files.
    """
    cls = type(model)

    def sample_action(self: OffPolicyAlgorithm, *arguments: Any, **named: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        action_N, stored_N = cls._sample_action(self, *arguments, **named)
        acts_N, observations = between.guided()
        if acts_N.any():
            chosen = guide.act(observations, np.flatnonzero(acts_N).tolist())
            action_N, stored_N = action_N.copy(), stored_N.copy()
            action_N[acts_N], stored_N[acts_N] = chosen, _as_stored(self, chosen)
            count(int(acts_N.sum()))
        return action_N, stored_N

    model.__class__ = type(cls.__name__, (cls,), {"__module__": cls.__module__, "_sample_action": sample_action})


def _as_stored(model: OffPolicyAlgorithm, actions: NDArray[Any]) -> NDArray[Any]:
    """Replay holds Box actions scaled to [-1, 1]."""
    if not isinstance(model.action_space, spaces.Box):
        return actions
    scaled: NDArray[Any] = model.policy.scale_action(actions)
    return scaled
