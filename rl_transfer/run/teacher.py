"""A finished source run as a teacher in the target's spaces."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.knowledge import (
    Distribution,
    Networks,
    Teacher,
    draw_orders,
    scramble_networks,
    translate_distribution,
)
from rl_transfer.learner import Learner
from rl_transfer.run.export import load_agent
from rl_transfer.tasks import SpaceMapping

# What the library adds to a variance that it divides by.
_EPSILON = 1e-8


class SourceTeacher(Teacher):
    """A source's learner behind the mapping between its spaces and the target's.

    Args:
        learner: The source's agent.
        mapping: Between the source's spaces and the target's.
        curve: The file of the source's evaluations.
    """

    def __init__(self, learner: Learner, mapping: SpaceMapping, curve: Path) -> None:
        self._learner, self._mapping, self._curve = learner, mapping, curve
        statistics = learner.statistics()
        reward = None if statistics is None else statistics.reward
        self._reward_scale = 1.0 if reward is None else float(np.sqrt(reward.var + _EPSILON))

    @property
    def episode_length(self) -> float:
        """Mean length of its episodes at its last evaluation."""
        return _last_mean(self._curve, "length", "its episodes' length is unknown: say how long")

    @property
    def evaluation_return(self) -> float:
        """Mean return of its episodes at its last evaluation."""
        return _last_mean(self._curve, "return", "how good it is is unknown: decay by schedule")

    def act(
        self, observations: Any, *, deterministic: bool = True, generator: np.random.Generator | None = None
    ) -> NDArray[Any]:
        """Its actions."""
        seen = self._seen(observations)
        if deterministic:
            return self._mapping.action(self._learner.act(seen, deterministic=True))
        assert generator is not None
        with self._learner.isolated(int(generator.integers(2**31))):
            return self._mapping.action(self._learner.act(seen, deterministic=False))

    def values_of(self, observations: Any) -> NDArray[np.float64]:
        """The returns that it expects."""
        return self._learner.values_of(self._seen(observations)) * self._reward_scale

    def distribution_of(self, observations: Any, *, temperature: float = 1.0) -> Distribution:
        """What its policy says."""
        found = self._learner.distribution_of(self._seen(observations), temperature=temperature)
        return translate_distribution(found, self._mapping)

    def _seen(self, observations: Any) -> Any:
        one = next(iter(observations.values())) if isinstance(observations, dict) else observations
        self.calls += len(one)
        return self._mapping.observation(observations)


def source_teacher(
    source: Path, mapping: SpaceMapping, initial: Networks, scrambler: np.random.Generator | None
) -> SourceTeacher:
    """The agent of a finished source run as a teacher.

    Args:
        source: The run's folder.
        mapping: Between its spaces and the target's.
        initial: A fresh target learner's networks, for what scrambling can't permute.
        scrambler: Scrambles its networks as those that are carried into a placebo, if it is as fresh as the one for
            them; None leaves them as they are.

    Raises:
        ConfigError: If the run left no agent that can act.
        StoreError: If the agent can't be read.
    """
    learner = load_agent(source)
    learner.close()  # the environments alone: it acts without them
    if scrambler is not None:
        networks = learner.networks()
        learner.load_networks(scramble_networks(networks, initial, draw_orders(networks, scrambler)))
    return SourceTeacher(learner, mapping, source / "curve.csv")


def _last_mean(curve: Path, column: str, consequence: str) -> float:
    """The mean of a column over the episodes of the last evaluation."""
    try:
        with curve.open(encoding="utf-8", newline="") as file:
            rows = [(int(row["step"]), float(row[column])) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{curve}: needs the columns step,{column} with numbers: {error}") from error
    if not rows:
        raise ConfigError(f"the source was never evaluated, so {consequence}")
    last = max(step for step, _ in rows)
    return float(np.mean([value for step, value in rows if step == last]))
