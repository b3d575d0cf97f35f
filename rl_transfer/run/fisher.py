"""The Fisher information of a source's networks, estimated on what the source saw."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rl_transfer.knowledge import Networks, has_experience, read_knowledge
from rl_transfer.knowledge.experience import map_arrays
from rl_transfer.learner import Learner
from rl_transfer.methods import FisherEstimate
from rl_transfer.run.export import load_agent
from rl_transfer.store import read_spec
from rl_transfer.study import TaskConfig
from rl_transfer.tasks import Charged, Meter, as_batch, make


@dataclass(frozen=True)
class FoundFisher:
    """An estimate and what it cost.

    Attributes:
        fisher: By role and name, of the shapes of the source's parameters.
        samples: Observations that it is the mean over.
        steps: Environment steps that the source played to see them; 0 where it had experience.
    """

    fisher: Networks
    samples: int
    steps: int

    @property
    def costs(self) -> dict[str, int]:
        """For the run's account."""
        return {"fisher_samples": self.samples, "fisher_steps": self.steps}


def estimate_fisher(source: Path, wanted: FisherEstimate, generator: np.random.Generator) -> FoundFisher:
    """Estimate the Fisher information of a finished source's networks.

    The observations are drawn from the source's experience; one that left none plays its own task for as many steps,
    acting as it does while it is trained.

    Args:
        source: Folder of the source run.
        wanted: On how many observations, and how.
        generator: Draws observations and actions.

    Raises:
        ConfigError: If the source left no agent, or one that can't act.
        StoreError: If a file is missing or damaged.
        EnvironmentFailedError: If the source's task fails.
    """
    agent = source / "agent"
    learner = load_agent(source)
    try:
        if has_experience(agent):
            experience = read_knowledge(agent, frozenset({"experience"}), algorithm=learner.algorithm).experience
            assert experience is not None
            count = min(wanted.samples, len(experience))
            chosen = np.sort(generator.choice(len(experience), count, replace=False))
            observations, steps = map_arrays(experience.observation_N, lambda array: array[chosen]), 0
        else:
            observations = _played(read_spec(source).task, learner, wanted.samples, generator)
            count = steps = wanted.samples
        fisher = learner.fisher(observations, generator, temperature=wanted.temperature)
    finally:
        learner.close()
    return FoundFisher(fisher, count, steps)


def _played(task: TaskConfig, learner: Learner, steps: int, generator: np.random.Generator) -> Any:
    """What an agent sees in so many steps of a task, episode after episode."""
    learner.keep_exploration()  # a value learner's epsilon, as at the end of its training
    env = Charged(make(task), Meter())
    seen: list[Any] = []
    try:
        with learner.isolated(_seed(generator)):
            observation, _ = env.reset(seed=_seed(generator))
            while len(seen) < steps:
                seen.append(observation)
                (action,) = learner.act(as_batch([observation]), deterministic=False)
                observation, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    observation, _ = env.reset()
    finally:
        env.close()
    return as_batch(seen)


def _seed(generator: np.random.Generator) -> int:
    return int(generator.integers(2**31))
