"""Shaping: rewards for steps towards states that the source values."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import Knowledge, KnowledgeKind, Teacher, TensorFate
from rl_transfer.learner import LOSS_PATHS, Learner, Reshape, Steps
from rl_transfer.methods._method import Claim, Method


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Shaping(Method):
    """Potential-based reward shaping: adds gamma * potential(next) - potential(now) to every training reward.

    Ng, Harada and Russell, "Policy invariance under reward transformations", ICML 1999: whatever the potential, the
    best policies stay the best, and the value of the task itself, which the source's stands for here, is the potential
    that they recommend. The potential is ``coefficient`` times the source's value, in the source task's rewards; that
    of a state in which the task ended is 0, and where an episode was cut it is that of its last observation. The
    learner's own gamma is taken. Of several sources it is the mean of their values, which is a function of the state
    like each of them, so that the best policies stay the best. Evaluation and charged episodes have the task's own
    rewards; replay, if there is any, the shaped ones.

    Attributes:
        coefficient: What the source's value, or the mean of several, is multiplied with; 0 shapes nothing.
    """

    coefficient: Annotated[float, Field(ge=0)] = 1.0

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    keeps: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    algorithms: ClassVar[tuple[str, ...]] = tuple(LOSS_PATHS)
    claims: ClassVar[frozenset[Claim]] = frozenset({"rewards"})
    several: ClassVar[str | None] = "the mean of their values is the potential"

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:  # noqa: ARG002 - a hook
        """Say what the source is used for."""
        if not self.coefficient:
            return ()
        if not knowledge.others:
            why = f"its value, times {self.coefficient:g}, is the potential that shapes rewards"
            return (TensorFate("source agent", "teacher", None, None, "copied", "no", why),)
        sources = knowledge.each
        why = f"its value, times {self.coefficient:g} / {len(sources)}, is part of the potential that shapes rewards"
        return [TensorFate(f"source agent {one.name}", "teacher", None, None, "copied", "no", why) for one in sources]

    def attach(
        self,
        learner: Learner,
        knowledge: Knowledge,
        generator: np.random.Generator,  # noqa: ARG002 - a hook
    ) -> None:
        """Shape the rewards."""
        teachers = [one.teacher for one in knowledge.each if one.teacher is not None]
        assert len(teachers) == len(knowledge.each)
        if self.coefficient:
            learner.reshape_rewards(_shaped(teachers, self.coefficient, learner.discount))


def _shaped(teachers: Sequence[Teacher], coefficient: float, discount: float) -> Reshape:
    def potential(observations: Any) -> NDArray[np.float64]:
        values = [coefficient * teacher.values_of(observations) for teacher in teachers]
        return values[0] if len(values) == 1 else np.asarray(np.mean(values, axis=0))

    def reshape(steps: Steps) -> NDArray[np.float64]:
        before_N, after_N = potential(steps.observation_N), potential(steps.next_observation_N)
        after_N[steps.terminated_N] = 0.0
        return steps.reward_N + discount * after_N - before_N

    return reshape
