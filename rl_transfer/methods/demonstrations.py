"""Demonstrations: the source plays, and the learner is told that what it did is better than all else."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, KnowledgeKind, TensorFate
from rl_transfer.learner import VALUE_LEARNERS, Learner, Minibatch, ValuesLoss
from rl_transfer.methods._method import Claim, Method

Array = NDArray[np.float64]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Demonstrations(Method):
    """Lets the trained source play its own task, and learns from that with a large-margin loss too.

    Deep Q-learning from demonstrations (Hester et al., AAAI 2018). The transitions lie beside the replay buffer for
    ever and make up a share of every minibatch. Beside the algorithm's own loss their samples have the paper's margin
    loss: max over a of (Q(s, a) + margin * [a is not the source's]) - Q(s, the source's action), as a mean over the
    whole minibatch; a margin of 0.8 and a weight (their lambda_2) of 1 are theirs.

    The paper's other parts: n-step returns are a setting of the learner (``n_step_returns``), weight decay of its
    optimizer (or ``l2_start_point``). Priorities, by which they draw more from where there is more to learn, are not
    there: the share is fixed, as in its successor by Pohlen et al., "Observe and look further", 2018, who take a
    quarter. Nor is training on demonstrations alone before the first step. The source takes the mode of its policy; its
    steps are counted as ``demonstration_steps``. Rewards and dynamics are its own task's, and so is what is best: where
    the tasks differ, the learner is told something wrong.

    Of several sources each plays as many steps, and has an equal part of the share.

    Attributes:
        steps: How many steps the source plays; this number is ours.
        share: Share of every minibatch that comes from them.
        coefficient: Weight of the margin loss; 0 mixes the transitions in without it. With a share of 0 too it is
            learning from scratch.
        margin: By how much Q of the source's action is to exceed all others, in the rewards that the learner learns
            from.
    """

    steps: PositiveInt = 10_000
    share: Annotated[float, Field(ge=0, le=1)] = 0.25
    coefficient: NonNegativeFloat = 1.0
    margin: NonNegativeFloat = 0.8

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"demonstrations"})
    keeps: ClassVar[frozenset[KnowledgeKind]] = frozenset({"demonstrations"})
    algorithms: ClassVar[tuple[str, ...]] = VALUE_LEARNERS
    claims: ClassVar[frozenset[Claim]] = frozenset({"demonstrations"})
    several: ClassVar[str | None] = "each plays as many steps, and has an equal part of the share"

    @property
    def largest_share(self) -> float:
        """As the setting says."""
        return self.share

    @property
    def demonstration_steps(self) -> int:
        """0 where nothing is learned from them."""
        return self.steps if self.share else 0

    def check(self, algorithm: str) -> None:  # noqa: ARG002 - a hook
        """Refuse a loss on samples that there are none of."""
        if self.coefficient and not self.share:
            what = "without a share no sample has the margin loss"
            raise ConfigError(f"{what}: raise it, or set coefficient to 0 too", key="share")

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:  # noqa: ARG002 - a hook
        """Say how many transitions there are.

        Returns:
            One row for each source: how many steps it played, and how many have a counterpart in the target's actions.
        """
        if not self.share:
            return ()
        share = self.share / len(knowledge.each)
        why = f"{share:.3g} of every minibatch, with the margin loss times {self.coefficient:g}"
        fates = []
        for one in knowledge.each:
            assert one.demonstrations is not None
            name = f"demonstrations ({one.name})" if knowledge.others else "demonstrations"
            used = len(one.demonstrations)
            fates.append(TensorFate(name, "experience", (self.steps,), (used,), "copied", "no", why))
        return fates

    def attach(self, learner: Learner, knowledge: Knowledge, generator: np.random.Generator) -> None:
        """Mix the transitions into the minibatches, and add the loss."""
        if not self.share:
            return
        share = self.share / len(knowledge.each)
        for one in knowledge.each:
            assert one.demonstrations is not None
            number = learner.mix_experience(one.demonstrations, lambda _: share, generator)
            if self.coefficient and number is not None:
                learner.add_loss(_MarginLoss(number, self.coefficient, self.margin))


class _MarginLoss(ValuesLoss):
    """The margin loss on the samples of one source.

    Args:
        number: By which minibatches tell of them.
        coefficient: Weight.
        margin: By how much the demonstrated action is to be better.
    """

    name = "margin"

    def __init__(self, number: int, coefficient: float, margin: float) -> None:
        self._number, self._coefficient, self._margin = number, coefficient, margin

    def of_values(self, batch: Minibatch, q_BA: Array) -> tuple[float, Array] | None:
        """The loss as a mean over the minibatch."""
        shown = np.flatnonzero(batch.source_B == self._number)
        if not len(shown):
            return None
        weight = self._coefficient / len(batch)
        action_D = batch.action_B[shown].reshape(-1).astype(np.int64)
        loss, gradient_DA = margin_loss(q_BA[shown], action_D, self._margin)
        gradient_BA = np.zeros_like(q_BA)
        gradient_BA[shown] = weight * gradient_DA
        return weight * loss, gradient_BA


def margin_loss(q_DA: Array, action_D: NDArray[np.int64], margin: float) -> tuple[float, Array]:
    """The sum of max over a of (Q(a) + margin * [a is not the demonstrated]) - Q(the demonstrated), and its gradient.

    Args:
        q_DA: Q of each of A actions for D demonstrations.
        action_D: The demonstrated actions.
        margin: By how much they are to be better.
    """
    row_D = np.arange(len(q_DA))
    raised_DA = q_DA + margin
    raised_DA[row_D, action_D] = q_DA[row_D, action_D]
    best_D = raised_DA.argmax(axis=1)
    gradient_DA = np.zeros_like(q_DA)
    gradient_DA[row_D, best_D] += 1.0
    gradient_DA[row_D, action_D] -= 1.0
    return float((raised_DA[row_D, best_D] - q_DA[row_D, action_D]).sum()), gradient_DA
