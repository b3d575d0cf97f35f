"""Policy reuse: the source's policy acts with a probability that decays within each episode."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import Knowledge, KnowledgeKind, Teacher, TensorFate
from rl_transfer.learner import Guide, Learner
from rl_transfer.methods._method import Claim, Method
from rl_transfer.study import OFF_POLICY

_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class PolicyReuse(Method):
    """Lets the source act in training with probability psi, which falls by the factor upsilon at every step.

    Fernandez and Veloso, "Probabilistic policy reuse in a reinforcement learning agent", AAMAS 2006, their
    pi-reuse exploration with its psi = 1 and upsilon = 0.95; otherwise the learner's own policy acts, exploring as it
    does from scratch (theirs is the greedier the less it reuses). Their PRQ-learning chooses in each episode between
    the own policy and the old ones by the returns they brought, ever more greedily. With one source a schedule stands
    for that here, which is ours: the probability that an episode reuses at all falls linearly from ``reuse`` to 0 over
    the first ``reuse_share`` of the budget. All transitions go into the replay buffer, so the algorithm has to be
    off-policy.

    Attributes:
        psi: Probability that the source takes the first step of an episode that reuses; 0 is training from scratch.
        upsilon: What it is multiplied with at every step of the episode.
        reuse: Probability that an episode reuses, at the beginning of training.
        reuse_share: Share of the budget over which that falls to 0.
        deterministic: Whether the source takes the mode of its policy, as theirs does, or samples from it.
    """

    psi: _Share = 1.0
    upsilon: _Share = 0.95
    reuse: _Share = 1.0
    reuse_share: _Share = 0.5
    deterministic: bool = True

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    keeps: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    algorithms: ClassVar[tuple[str, ...]] = OFF_POLICY
    claims: ClassVar[frozenset[Claim]] = frozenset({"acting"})

    @property
    def _is_on(self) -> bool:
        return min(self.psi, self.reuse, self.reuse_share) > 0

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:  # noqa: ARG002 - a hook
        """Say what the source is used for."""
        if not self._is_on:
            return ()
        why = f"acts in training with probability {self.psi:g} * {self.upsilon:g}^time"
        return (TensorFate("source agent", "teacher", None, None, "copied", "no", why),)

    def attach(self, learner: Learner, knowledge: Knowledge, generator: np.random.Generator) -> None:
        """Let the source act now and then."""
        assert knowledge.teacher is not None
        if self._is_on:
            learner.guide(_Reuse(learner, self, knowledge.teacher, generator))


class _Reuse(Guide):
    """Acts with a falling probability in the episodes that reuse.

    Args:
        learner: Whose episodes they are.
        settings: The method.
        teacher: Who acts.
        generator: Draws episodes, steps and samples.
    """

    def __init__(
        self, learner: Learner, settings: PolicyReuse, teacher: Teacher, generator: np.random.Generator
    ) -> None:
        super().__init__(teacher, deterministic=settings.deterministic, generator=generator)
        self._learner, self._settings = learner, settings
        self._reuses: dict[int, bool] = {}

    def begin(self, member: int) -> None:
        """Draw whether the episode reuses."""
        left = max(1.0 - self._learner.progress / self._settings.reuse_share, 0.0)
        self._reuses[member] = bool(self._generator.random() < self._settings.reuse * left)

    def acts(self, member: int, time: int) -> bool:
        """Draw whether the source takes the step."""
        psi = self._settings.psi * self._settings.upsilon**time
        return self._reuses[member] and bool(self._generator.random() < psi)
