"""Probe environments: so small that what a learner must find in them is known exactly.

Importing this registers them; tests and worker processes name them ``probes:Name-v0``.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

INSTANCES: list["Probe"] = []
"""Every probe made since a test cleared the list, in the order of making; see :func:`watched`."""
WATCHING = False


class Probe(gymnasium.Env[Any, Any]):
    """Base: counts its own steps and remembers the seeds that it was reset with."""

    observation_space: gymnasium.Space[Any] = spaces.Box(-10.0, 10.0, (1,), np.float32)
    action_space: gymnasium.Space[Any] = spaces.Discrete(2)

    def __init__(self, continuous: bool = False) -> None:
        box = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.action_space = box if continuous else type(self).action_space
        self.steps = 0
        self.seeds: list[int] = []
        self.time = 0
        if WATCHING:
            INSTANCES.append(self)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.seeds.append(seed)
        self.time = 0
        return self.look(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        self.time += 1
        reward, terminated = self.outcome(action)
        return self.look(), reward, terminated, False, {}

    def look(self) -> Any:
        return np.zeros(1, np.float32)

    def outcome(self, action: Any) -> tuple[float, bool]:
        return 1.0, True


def chosen(action: Any) -> int:
    """0 or 1, of a Box action its sign."""
    return int(action[0] > 0) if np.ndim(action) else int(action)


class ConstantReward(Probe):
    """One step, reward 1: the value is 1."""


class SeenReward(Probe):
    """One step, the reward is the observation, -1 or 1: so is the value."""

    def look(self) -> Any:
        self._seen = float(self.np_random.choice([-1.0, 1.0])) if self.time == 0 else self._seen
        return np.full(1, self._seen, np.float32)

    def outcome(self, action: Any) -> tuple[float, bool]:
        return self._seen, True


class ActedReward(Probe):
    """One step, action 1 gives 1, action 0 gives -1: the policy takes action 1."""

    def outcome(self, action: Any) -> tuple[float, bool]:
        return (1.0 if chosen(action) == 1 else -1.0), True


class SeenActedReward(SeenReward):
    """One step, 1 if the action tells the observation's sign, else -1."""

    def outcome(self, action: Any) -> tuple[float, bool]:
        return (1.0 if (chosen(action) == 1) == (self._seen > 0) else -1.0), True


class TwoSteps(Probe):
    """Two steps, the second gives 1: the values are gamma and 1."""

    def look(self) -> Any:
        return np.full(1, self.time, np.float32)

    def outcome(self, action: Any) -> tuple[float, bool]:
        return (1.0, True) if self.time == 2 else (0.0, False)


class Dial(Probe):
    """One step; the observation is 1, the reward is the action: a deterministic return shows the policy's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Box(-10.0, 10.0, (1,), np.float32)

    def look(self) -> Any:
        return np.ones(1, np.float32)

    def outcome(self, action: Any) -> tuple[float, bool]:
        return float(action[0]), True


class Walk(Probe):
    """Ten steps at most, random everywhere: for what must be equal byte for byte.

    Args:
        goal: The action that is right where the first coordinate is positive.
        quits: Chance of a termination at each step; 0 leaves only the time limit.
        continuous: Box actions, the sign of which is the action.
        reward: A constant reward instead of one for the right action.
    """

    observation_space = spaces.Box(-10.0, 10.0, (2,), np.float32)

    def __init__(
        self, goal: int = 1, quits: float = 0.05, continuous: bool = False, reward: float | None = None
    ) -> None:
        super().__init__()
        self.goal, self.quits, self.constant, self.continuous = goal, quits, reward, continuous
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32) if continuous else spaces.Discrete(2)
        self._seen = np.zeros(2, np.float32)

    def look(self) -> Any:
        self._seen = self.np_random.normal(size=2).clip(-10, 10).astype(np.float32)
        return self._seen

    def outcome(self, action: Any) -> tuple[float, bool]:
        chosen = int(action[0] > 0) if self.continuous else int(action)
        right = self.goal if self._seen[0] > 0 else 1 - self.goal
        reward = float(chosen == right) if self.constant is None else self.constant
        return reward, bool(self.np_random.random() < self.quits)


class Told(Walk):
    """A walk without chance in its outcomes, which tells them of transitions that are given to it.

    Args:
        goal: As for the walk.
        continuous: Box actions.
        worth: What the right action is worth.
    """

    def __init__(self, goal: int = 1, continuous: bool = False, worth: float = 1.0) -> None:
        super().__init__(goal=goal, quits=0.0, continuous=continuous)
        self.worth = worth

    def outcome(self, action: Any) -> tuple[float, bool]:
        reward_B, over_B = self.outcomes_of(self._seen[None], np.asarray(action)[None], None)
        return float(reward_B[0]), bool(over_B[0])

    def outcomes_of(self, observation_B: Any, action_B: Any, _: Any) -> tuple[Any, Any]:
        chosen_B = action_B[:, 0] > 0 if self.continuous else action_B == 1
        right_B = chosen_B == ((observation_B[:, 0] > 0) == (self.goal == 1))
        return np.where(right_B, self.worth, 0.0), observation_B[:, 1] > 1.5


class Fails(Walk):
    """A walk that fails at a step of its life (not of an episode).

    Args:
        at: The step, from 1; 0 fails in the first reset.
        how: What happens then.
        continuous: Box actions.
    """

    def __init__(self, at: int = 5, how: str = "raise", continuous: bool = False) -> None:
        super().__init__(quits=0.0, continuous=continuous)
        self.at, self.how = at, how

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        if self.at == 0:
            raise RuntimeError("no way in")
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        if self.steps < self.at:
            return observation, reward, terminated, truncated, info
        match self.how:
            case "raise":
                raise RuntimeError("the floor gave way")
            case "nan observation":
                return observation * np.nan, reward, terminated, truncated, info
            case "infinite observation":
                return observation + np.inf, reward, terminated, truncated, info
            case "nan reward":
                return observation, float("nan"), terminated, truncated, info
            case "no reward":
                return observation, None, terminated, truncated, info
            case "no observation":
                return None, reward, terminated, truncated, info
            case "four values":
                return observation, reward, terminated, info
        raise ValueError(self.how)


def _register() -> None:
    for cls in (ConstantReward, SeenReward, ActedReward, SeenActedReward, TwoSteps, Dial, Walk, Told, Fails):
        name = f"{cls.__name__}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=f"{__name__}:{cls.__name__}", max_episode_steps=10)
    if "Endless-v0" not in gymnasium.registry:
        gymnasium.register("Endless-v0", entry_point=f"{__name__}:Walk")


_register()
