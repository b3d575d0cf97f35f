"""Offline pretraining: gradient steps on the source's transitions before the first step."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import gymnasium
import numpy as np
from pydantic import ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import (
    Knowledge,
    KnowledgeKind,
    Statistics,
    TensorFate,
    Transitions,
    estimate_statistics,
)
from rl_transfer.learner import VALUE_LEARNERS, ConservativeCritics, ConservativeValues, Learner, Loss
from rl_transfer.methods._method import Method
from rl_transfer.study import OFF_POLICY
from rl_transfer.tasks import task_outcomes

_PAPER_VALUES, _PAPER_CRITICS = 1.0, 5.0


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class OfflinePretrain(Method):
    """Trains the learner on the source's transitions before its first step, with its own updates; then as from scratch.

    As DQfD does for 750,000 updates on Atari games (Hester et al., "Deep Q-learning from demonstrations", AAAI 2018)
    and AWAC for 25,000 in continuous control, the default here (Nair et al. 2020, and its code in rlkit), each with
    losses of its own; here it is the learner's, with CQL's conservative term as an option. Minibatches, learning rate
    (as at the start) and the rhythm of the target networks are the learner's. Its first step then finds networks and
    targets so trained, fresh optimizers, and schedules, exploration and replay as from scratch: add ``replay`` to keep
    the transitions in it. The updates are counted as ``offline_gradient_steps``. What other methods copy is there
    before, whatever their order; penalties and losses of theirs begin with the first step, and methods that freeze are
    refused.

    A learner that normalises starts from statistics of these transitions, as many samples as there are, unless another
    method has carried the source's: without any, its networks would see something else in its first steps.

    Attributes:
        gradient_steps: Updates before the first step; 0 is learning from scratch.
        transitions: How many of the newest to train on, at most; None takes all.
        best_episodes: Share of the source's episodes, those with the highest returns, to take transitions from.
        relabel: Whether they get the rewards and terminations that the target gives them, before episodes are chosen;
            as for ``replay``.
        exploration: ``anew`` as from scratch, with random actions, epsilon and entropy coefficient; ``keep`` as an
            agent that has learned already: the entropy coefficient as trained, which offline goes to next to nothing,
            epsilon at its final value and no random actions at the start.
        conservative: Whether the conservative term of CQL(H) is added to the loss of each critic, before the first step
            only: it pushes down the values of actions that the transitions do not show (Kumar et al., NeurIPS 2020).
        conservative_coefficient: What it is multiplied with. By default what the authors' code comes with: 1 for value
            learners (QR-DQN on a tenth of Atari's data), 5 where there is a policy (MuJoCo; they name 10 as well).
        conservative_samples: Uniform actions, and as many of the policy's, that it is estimated on for each observation
            where actions are Box (10 in the paper's appendix F); a deterministic policy has none to weigh by density,
            so for td3 and ddpg uniform ones stand alone.
    """

    gradient_steps: NonNegativeInt = 25_000
    transitions: NonNegativeInt | None = None
    best_episodes: Annotated[float, Field(gt=0, le=1)] = 1.0
    relabel: bool = False
    exploration: Literal["anew", "keep"] = "anew"
    conservative: bool = False
    conservative_coefficient: PositiveFloat | None = None
    conservative_samples: PositiveInt = 10

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"experience"})
    algorithms: ClassVar[tuple[str, ...]] = OFF_POLICY
    pretrains: ClassVar[bool] = True

    def check(self, algorithm: str) -> None:
        """Refuse a coefficient of nothing, and actions that nobody draws."""
        if self.conservative_coefficient is not None and not self.conservative:
            raise ConfigError("nothing is multiplied with it: set conservative: true", key="conservative_coefficient")
        if not self.conservative or algorithm in VALUE_LEARNERS:
            self.refuse_idle("conservative_samples", why="no actions are drawn here: leave it out")

    def check_target(self, env: gymnasium.Env[Any, Any]) -> None:
        """Refuse to relabel where the target can't."""
        if self.relabel:
            task_outcomes(env)

    def pretrain(self, learner: Learner, knowledge: Knowledge, generator: np.random.Generator) -> Sequence[TensorFate]:
        """Train on the transitions.

        Returns:
            How many there were, and how many are used; which statistics were estimated from them.

        Raises:
            ConfigError: If observations or actions have other shapes than the target's.
            DivergedError: If the learner diverges.
        """
        assert knowledge.experience is not None
        experience = knowledge.experience
        chosen = self._chosen(experience, learner) if self.gradient_steps else experience.newest(0)
        fates = [self._fate(found=len(experience), used=len(chosen))]
        if len(chosen):
            fates += _start_statistics(learner, chosen)
            losses, keep = self._losses(learner.algorithm, generator), self.exploration == "keep"
            learner.pretrain(chosen, self.gradient_steps, generator, losses, keep_entropy=keep)
            if keep:
                learner.keep_exploration()
        return fates

    def _losses(self, algorithm: str, generator: np.random.Generator) -> Sequence[Loss]:
        if not self.conservative:
            return ()
        if algorithm in VALUE_LEARNERS:
            return (ConservativeValues(self.conservative_coefficient or _PAPER_VALUES),)
        coefficient = self.conservative_coefficient or _PAPER_CRITICS
        return (ConservativeCritics(coefficient, self.conservative_samples, generator),)

    def _chosen(self, experience: Transitions, learner: Learner) -> Transitions:
        if self.relabel:
            experience = learner.relabelled(experience)
        best = experience.best_episodes(self.best_episodes)
        return best if self.transitions is None else best.newest(self.transitions)

    def _fate(self, *, found: int, used: int) -> TensorFate:
        why = f"{self.gradient_steps} updates on them before the first step"
        if self.relabel:
            why += "; with the target's rewards"
        if self.best_episodes < 1:
            why += f"; of the best {self.best_episodes:.0%} of the episodes"
        return TensorFate(
            tensor="transitions to pretrain on",
            role="experience",
            from_shape=(found,),
            to_shape=(used,),
            fate="copied" if used else "reinitialised",
            frozen="no",
            why=why,
        )


_BEFORE_ANY_SAMPLE = 1.0
"""Running statistics begin with a count below it."""


def _start_statistics(learner: Learner, transitions: Transitions) -> list[TensorFate]:
    """Give the learner statistics of the transitions where it has none of anything yet."""
    own = learner.statistics()
    if own is None:
        return []
    fresh = Statistics(
        {key: moments for key, moments in own.observation.items() if moments.count < _BEFORE_ANY_SAMPLE},
        own.reward if own.reward is not None and own.reward.count < _BEFORE_ANY_SAMPLE else None,
    )
    found = estimate_statistics(transitions, fresh, learner.discount)
    learner.load_statistics(found)
    named = {f"observation {key}".strip(): moments for key, moments in found.observation.items()}
    if found.reward is not None:
        named["reward"] = found.reward
    why = "estimated from the transitions to pretrain on"
    return [
        TensorFate(name, "statistics", None, moments.mean.shape, "copied", "no", why) for name, moments in named.items()
    ]
