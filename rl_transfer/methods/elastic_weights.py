"""Elastic weights: a penalty on leaving the source's parameters where they mattered to the source."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import Knowledge, KnowledgeKind, Networks, Role, TensorFate
from rl_transfer.learner import Recipient
from rl_transfer.methods._method import FisherEstimate
from rl_transfer.methods._penalty import HELD, Penalty


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class ElasticWeights(Penalty):
    """Draws each parameter to the source's as strongly as it mattered to the source.

    Elastic weight consolidation (Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS
    2017, equation 3): half ``coefficient`` times a parameter's Fisher information times the squared distance, with the
    400 of its Atari experiments. It was made to remember the source; here it is judged by
    what it does for the target. It copies nothing: put ``fine_tune`` before it to start from the source as they do.

    The diagonal of the Fisher information is estimated on what the source saw: observations from its experience, or of
    as many steps of its own task, played by it (``fisher_steps`` in the costs). Policies: squared gradients of the
    log-probability of an action drawn from the policy, of a deterministic one as if it were the mean of a Gaussian of
    variance 1. Values of actor-critics: squared gradients, as of such means. Value learners: the softmax of their
    values is the policy, so that only differences between actions count.

    Roles that don't fit the target are left alone, and mappings that scale or merge indices are refused. Several
    sources each draw by their own Fisher information: the penalties add up, as theirs do from task to task.

    Attributes:
        coefficient: Strength of the pull; 0 is none. How firmly it holds depends on the Fisher information, of which
            the transfer table shows the mean and the largest by role.
        samples: Observations that the Fisher information is estimated on.
        roles: Roles that are drawn to the source's.
        temperature: What a value learner's values are divided by before the softmax. Values far apart make it so
            sharp that nothing seems to matter; take about their spread between actions then.
    """

    coefficient: Annotated[float, Field(ge=0)] = 400.0
    samples: PositiveInt = 1000
    roles: tuple[Role, ...] = HELD
    temperature: PositiveFloat = 1.0

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"networks", "fisher"})
    keeps: ClassVar[frozenset[KnowledgeKind]] = frozenset({"networks", "fisher"})
    several: ClassVar[str | None] = "the sum of their penalties, each with its own Fisher information"

    @property
    def fisher_estimate(self) -> FisherEstimate:
        """As the settings say."""
        return FisherEstimate(self.samples, self.temperature)

    def transfer(self, learner: Recipient, knowledge: Knowledge) -> Sequence[TensorFate]:
        """Say which roles are drawn to the source's.

        Raises:
            ConfigError: If no role fits.
        """
        return [fate for one in knowledge.each for fate in self._fates(learner, one, several=bool(knowledge.others))]

    def attach(
        self,
        learner: Recipient,
        knowledge: Knowledge,
        generator: np.random.Generator,  # noqa: ARG002 - a hook
    ) -> None:
        """Add the penalties."""
        if not self.coefficient:
            return
        for one in knowledge.each:
            assert one.networks is not None
            assert one.fisher is not None
            misfits = self.misfits(learner, one)
            fitting = [role for role in self.roles if role not in misfits]
            strength: Networks = {
                role: {name: self.coefficient * array for name, array in one.fisher[role].items()} for role in fitting
            }
            learner.add_penalty({role: one.networks[role] for role in fitting}, strength)

    def _fates(self, learner: Recipient, knowledge: Knowledge, *, several: bool) -> Sequence[TensorFate]:
        misfits = self.misfits(learner, knowledge, f"the source {knowledge.name}" if several else "the source")
        ours, whose = learner.networks(), f" ({knowledge.name})" if several else ""
        fates = [self._fate(role, misfits.get(role), knowledge.fisher) for role in self.roles if ours[role]]
        return [replace(fate, tensor=fate.tensor + whose) for fate in fates]

    def _fate(self, role: Role, misfit: str | None, fisher: Networks | None) -> TensorFate:
        if misfit is None:
            fate, why = "copied", f"drawn to the source's with strength {self.coefficient:g} times Fisher information"
            if fisher is not None:  # it is known once the source is trained
                values = np.concatenate([array.ravel() for array in fisher[role].values()])
                why += f" (mean {values.mean():.2g}, largest {values.max():.2g})"
        else:
            fate, why = "dropped", f"left alone: {misfit}"
        return TensorFate(f"penalty on {role}", role, None, None, fate, "no", why)  # type: ignore[arg-type]
