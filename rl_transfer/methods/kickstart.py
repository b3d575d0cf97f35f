"""Kickstarting: a loss towards the source's action distribution on the learner's own data."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import (
    Anchors,
    Categorical,
    Deterministic,
    Distribution,
    Gaussian,
    Knowledge,
    KnowledgeKind,
    Teacher,
    TensorFate,
    split_choices,
)
from rl_transfer.learner import LOSS_PATHS, VALUE_LEARNERS, Learner, Minibatch, PolicyLoss, ValuesLoss
from rl_transfer.methods._method import Method

Array = NDArray[np.float64]

# An action this near to its bounds can't be taken back to what tanh made it of.
_LARGEST = 0.999


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Kickstart(Method):
    """Adds to the policy's loss the cross-entropy of its action distribution to the source's, with a falling weight.

    Schmitt et al., "Kickstarting deep reinforcement learning", 2018: lambda times H(pi_T || pi_S), at the observations
    of each minibatch (in the paper all the student's own; with ``replay`` in the arm a share is the source's). They let
    population-based training find the weight; the schedules here are ours.

    Discrete actions: -sum of pi_T log pi_S, for a value learner, as source or as target, of the softmax of its Q over
    ``temperature``. Gaussians: the same in closed form, of SAC and TQC before tanh. Where only one of both is squashed
    that way, or the source has a deterministic policy, its deterministic action (taken back through tanh, where the
    target's is squashed) is the mean of a Gaussian of standard deviation ``teacher_std``. A deterministic policy (TD3,
    DDPG) is drawn to the source's deterministic action by half the squared distance. All actions are in units of their
    bounds. Of action dimensions that the pair's mapping takes no source for nothing is learned; a discrete action
    without one has the source's probability 0. TRPO moves its policy through no optimizer, so that nothing can be added
    to its loss.

    The source is asked about every sample of every minibatch (``teacher_calls`` in the costs). Of several sources each
    has an equal part of the weight, which falls by its own score.

    Attributes:
        coefficient: The weight lambda to begin with; 0 is training from scratch.
        decay: How the weight falls. ``schedule``: linearly to 0. ``score``: it is ``coefficient`` times what the
            learner lacks to the source, 1 - its score / the source's, never below 0 or above 1. ``none``: not at all.
            The learner's score is the mean over its last charged training episodes, 0 before the first; the source's
            is of its last evaluation, on its own task, by the target's anchors. Both are (return - random) /
            (reference - random), which unlike returns can be divided. That says something where both tasks have
            rewards of one kind. A source's score above 1 counts as 1; one with a score of 0 or less is not learned
            from, which the transfer table says. A placebo's score is that of the source that was scrambled. Episodes
            that a guide takes part in count as the learner's own.
        decay_steps: Charged steps until the schedule's weight is 0; by default the whole budget.
        window: Training episodes that the learner's score is averaged over.
        temperature: What a value learner's Q is divided by before the softmax, source and target alike. About the
            difference in Q between good and bad actions; much more makes all actions look alike.
        teacher_std: Standard deviation that stands for the source's where it has none that can be compared, in units of
            the bounds (before tanh where the target's policy is squashed).
    """

    coefficient: Annotated[float, Field(ge=0)] = 1.0
    decay: Literal["schedule", "score", "none"] = "schedule"
    decay_steps: PositiveInt | None = None
    window: PositiveInt = 20
    temperature: PositiveFloat = 1.0
    teacher_std: PositiveFloat = 1.0

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    keeps: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    needs_actions: ClassVar[bool] = True
    algorithms: ClassVar[tuple[str, ...]] = tuple(name for name in LOSS_PATHS if name != "trpo")
    several: ClassVar[str | None] = "the mean of the losses towards each, with a weight of its own"

    @property
    def needs_anchors(self) -> bool:
        """Only where scores are compared."""
        return self.decay == "score"

    def check(self, algorithm: str) -> None:  # noqa: ARG002 - a hook
        """Refuse a schedule's setting where there is none."""
        if self.decay_steps is not None and self.decay != "schedule":
            raise ConfigError(f"there is no schedule with decay: {self.decay}: leave it out", key="decay_steps")
        if self.decay != "score":
            self.refuse_idle("window", why=f"no score is taken with decay: {self.decay}: leave it out")

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:  # noqa: ARG002 - a hook
        """Say what the sources are used for."""
        if not self.coefficient:
            return ()
        return [self._fate(one, knowledge) for one in knowledge.each]

    def _fate(self, one: Knowledge, knowledge: Knowledge) -> TensorFate:
        part = self.coefficient / len(knowledge.each)
        name = f"source agent {one.name}" if knowledge.others else "source agent"
        if one.teacher is not None and knowledge.anchors is not None:
            score = knowledge.anchors.mean_score([one.teacher.evaluation_return])
            if score <= 0:
                why = f"not learned from: its score, {score:.3g}, is not above that of random actions"
                return TensorFate(name, "teacher", None, None, "dropped", "no", why)
        why = f"a loss towards its actions' distribution with weight {part:g}, decay: {self.decay}"
        return TensorFate(name, "teacher", None, None, "copied", "no", why)

    def attach(
        self,
        learner: Learner,
        knowledge: Knowledge,
        generator: np.random.Generator,  # noqa: ARG002 - a hook
    ) -> None:
        """Add the losses."""
        if not self.coefficient:
            return
        cls = _ToSoftmax if learner.algorithm in VALUE_LEARNERS else _ToPolicy
        part = 1 / len(knowledge.each)
        for one in knowledge.each:
            assert one.teacher is not None
            learner.add_loss(cls(self, one.teacher, Weight(self, learner, one.teacher, knowledge.anchors, part)))


class Weight:
    """The weight of the loss, by the learner's charged steps and training episodes alone.

    Args:
        settings: The method.
        learner: Who learns.
        teacher: Who is learned from.
        anchors: What scores are measured by, for those who decay by them.
        part: This teacher's part of the coefficient.
    """

    def __init__(
        self, settings: Kickstart, learner: Learner, teacher: Teacher, anchors: Anchors | None, part: float = 1.0
    ) -> None:
        self._settings, self._learner, self._anchors, self._part = settings, learner, anchors, part
        self._goal = 0.0 if anchors is None else min(anchors.mean_score([teacher.evaluation_return]), 1.0)

    def now(self) -> float:
        """The present weight."""
        settings, learner = self._settings, self._learner
        match settings.decay:
            case "none":
                left = 1.0
            case "schedule":
                steps = settings.decay_steps
                left = 1.0 - (learner.progress if steps is None else min(learner.meter.steps / steps, 1.0))
            case "score":
                left = self._lacking([episode.reward_sum for episode in learner.meter.episodes[-settings.window :]])
        return settings.coefficient * self._part * left

    def _lacking(self, returns: Sequence[float]) -> float:
        """What the learner lacks to its teacher, from 0 to 1."""
        assert self._anchors is not None
        if self._goal <= 0:
            return 0.0
        own = self._anchors.mean_score(returns) if returns else 0.0
        return float(np.clip(1.0 - own / self._goal, 0.0, 1.0))


class _ToPolicy(PolicyLoss):
    """Draws a policy to the teacher's."""

    name = "kickstart"

    def __init__(self, settings: Kickstart, teacher: Teacher, weight: Weight) -> None:
        self._settings, self._teacher, self._weight = settings, teacher, weight

    def of_policy(self, batch: Minibatch, policy: Distribution) -> tuple[float, Distribution] | None:
        """The cross-entropy times the weight."""
        weight = self._weight.now()
        if not weight:
            return None
        settings = self._settings
        teacher = self._teacher.distribution_of(batch.observation_B, temperature=settings.temperature)
        loss, gradient = cross_entropy(teacher, policy, teacher_std=settings.teacher_std)
        return weight * loss, policy.like(tuple(weight * array for array in gradient.arrays))


class _ToSoftmax(ValuesLoss):
    """Draws the softmax of Q over the temperature to the teacher's distribution."""

    name = "kickstart"

    def __init__(self, settings: Kickstart, teacher: Teacher, weight: Weight) -> None:
        self._temperature, self._teacher, self._weight = settings.temperature, teacher, weight

    def of_values(self, batch: Minibatch, q_BA: Array) -> tuple[float, Array] | None:
        """The cross-entropy times the weight."""
        weight = self._weight.now()
        if not weight:
            return None
        teacher = self._teacher.distribution_of(batch.observation_B, temperature=self._temperature)
        student = Categorical(q_BA / self._temperature, (q_BA.shape[1],))
        loss, gradient = cross_entropy(teacher, student, teacher_std=1.0)
        return weight * loss, weight / self._temperature * gradient.arrays[0]


def cross_entropy(teacher: Distribution, student: Distribution, *, teacher_std: float) -> tuple[float, Distribution]:
    """The mean over B observations of a student's cross-entropy to its teacher, and the gradient for the student.

    Args:
        teacher: What is drawn to; NaN for what it says nothing of, which counts for nothing.
        student: What is drawn.
        teacher_std: For a teacher without a standard deviation that can be compared.
    """
    if isinstance(student, Categorical):
        assert isinstance(teacher, Categorical)
        return _of_choices(teacher, student)
    assert not isinstance(teacher, Categorical)
    if isinstance(student, Deterministic):
        far_BD = np.nan_to_num(student.action_BD - deterministic_action(teacher))
        return float(0.5 * (far_BD**2).sum() / len(far_BD)), Deterministic(far_BD / len(far_BD))
    return _of_gaussians(_comparable(teacher, squashed=student.squashed, std=teacher_std), student)


def deterministic_action(policy: Gaussian | Deterministic) -> Array:
    """What a policy does without chance, in units of the bounds; B x D."""
    if isinstance(policy, Deterministic):
        return policy.action_BD
    return np.tanh(policy.mean_BD) if policy.squashed else np.clip(policy.mean_BD, -1.0, 1.0)


def _comparable(teacher: Gaussian | Deterministic, *, squashed: bool, std: float) -> Gaussian:
    """The teacher as a Gaussian of the student's kind."""
    if isinstance(teacher, Gaussian) and teacher.squashed == squashed:
        return teacher
    action_BD = deterministic_action(teacher)
    mean_BD = np.arctanh(np.clip(action_BD, -_LARGEST, _LARGEST)) if squashed else action_BD
    return Gaussian(mean_BD, np.full_like(mean_BD, np.log(std)), squashed)


def _of_gaussians(teacher: Gaussian, student: Gaussian) -> tuple[float, Gaussian]:
    known_BD, count = ~np.isnan(teacher.mean_BD), len(teacher.mean_BD)
    variance_BD = np.exp(2 * student.log_std_BD)
    far_BD = student.mean_BD - teacher.mean_BD
    square_BD = (far_BD**2 + np.exp(2 * teacher.log_std_BD)) / variance_BD
    loss_BD = 0.5 * (np.log(2 * np.pi) + square_BD) + student.log_std_BD
    parts = (np.where(known_BD, array, 0.0) for array in (loss_BD, far_BD / variance_BD, 1 - square_BD))
    loss, of_mean, of_log_std = (array / count for array in parts)
    return float(loss.sum()), Gaussian(of_mean, of_log_std, student.squashed)


def _of_choices(teacher: Categorical, student: Categorical) -> tuple[float, Categorical]:
    count, total, gradients = len(student.logits_BK), 0.0, []
    blocks = (split_choices(one.logits_BK, student.sizes) for one in (teacher, student))
    for theirs, ours in zip(*blocks, strict=True):
        if np.isnan(theirs).any():  # a choice that the teacher says nothing of
            gradients.append(np.zeros_like(ours))
            continue
        p_BK, log_q_BK = np.exp(_log_softmax(theirs)), _log_softmax(ours)
        total -= float((p_BK * log_q_BK).sum()) / count
        gradients.append((np.exp(log_q_BK) - p_BK) / count)
    return total, Categorical(np.concatenate(gradients, axis=1), student.sizes)


def _log_softmax(logits_BK: Array) -> Array:
    shifted: Array = logits_BK - logits_BK.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
