"""Demonstrations: what a source does on its own task, as transitions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rl_transfer.knowledge import Transitions
from rl_transfer.learner import Learner
from rl_transfer.run.export import load_agent
from rl_transfer.store import read_spec
from rl_transfer.study import RunSpec
from rl_transfer.tasks import Charged, Meter, Sham, as_batch, as_stored, make


@dataclass(frozen=True)
class FoundDemonstrations:
    """Demonstrations and what they cost.

    Attributes:
        transitions: As a learner of the source's task would have stored them.
    """

    transitions: Transitions

    @property
    def costs(self) -> dict[str, int]:
        """For the run's account."""
        return {"demonstration_steps": len(self.transitions)}


def demonstrate(source: Path, steps: int, generator: np.random.Generator) -> FoundDemonstrations:
    """Let a finished source play its own task, taking the mode of its policy.

    Args:
        source: Folder of the source run, which has discrete actions.
        steps: How many steps.
        generator: Seeds the environment.

    Raises:
        ConfigError: If the source left no agent, or one that can't act.
        StoreError: If a file is missing or damaged.
        EnvironmentFailedError: If the source's task fails.
    """
    learner = load_agent(source)
    try:
        return FoundDemonstrations(_played(read_spec(source), learner, steps, generator))
    finally:
        learner.close()


def _played(spec: RunSpec, learner: Learner, steps: int, generator: np.random.Generator) -> Transitions:
    """Episode after episode of the task that the source was trained on, a sham one's too; the last one is cut."""
    task = make(spec.task)
    env = Charged(Sham(task) if spec.sham else task, Meter())
    columns: list[list[object]] = [[] for _ in range(6)]
    try:
        observation, _ = env.reset(seed=int(generator.integers(2**31)))
        for time in range(steps):
            (action,) = learner.act(as_batch([observation]), deterministic=True)
            following, reward, terminated, truncated, _ = env.step(action)
            cut = not terminated and (truncated or time == steps - 1)
            row = (observation, action, np.float32(np.asarray(reward).item()), following, terminated, cut)
            for column, value in zip(columns, row, strict=True):
                column.append(value)
            observation = env.reset()[0] if terminated or truncated else following
    finally:
        env.close()
    observations, actions, rewards, followings, terminated_N, truncated_N = columns
    space = env.observation_space
    return Transitions(
        observation_N=as_stored(space, as_batch(observations)),
        action_N=np.asarray(actions).reshape(steps, -1),
        reward_N=np.asarray(rewards, np.float32),
        next_observation_N=as_stored(space, as_batch(followings)),
        terminated_N=np.asarray(terminated_N, np.bool_),
        truncated_N=np.asarray(truncated_N, np.bool_),
        time_N=np.arange(steps),
    )
