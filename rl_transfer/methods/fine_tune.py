"""Fine-tuning: start from the source's networks instead of random ones."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Knowledge, KnowledgeKind, Role, TensorFate
from rl_transfer.learner import (
    LOSS_PATHS,
    POLICY_ROLES,
    VALUE_LEARNERS,
    Copying,
    Recipient,
    StatisticsChoice,
    acts_as_source,
    carry_optimizer,
    carry_statistics,
    copy_roles,
    exploration_fates,
    refuse_frozen_paths,
    refuse_without_optimizer,
)
from rl_transfer.methods._method import Method

_HEADS: tuple[Role, ...] = ("policy_head", "value_head")


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class FineTune(Method):
    """Copies the source's tensors into the target's learner by role and name, and says how they train on.

    The oldest way to carry a network on (Pratt, "Discriminability-based transfer between neural networks", 1993;
    in deep reinforcement learning Mnih et al. 2013 onwards; see Taylor and Stone, JMLR 2009, section 4). An empty
    ``roles`` is learning from scratch.

    Attributes:
        roles: Roles to copy; the default is all of them, as far as they fit where source and target have different
            algorithms. ``exploration`` is log_std, the entropy coefficient, and for off-policy algorithms whose acting
            head was copied that epsilon stays at its final value and no random actions open the training; left out,
            exploration starts anew.
        new_heads: Leave policy_head and value_head as the target's learner initialised them.
        freeze: Roles that training leaves alone.
        freeze_steps: For so many steps; for ever by default.
        gradual_unfreezing: Thaw the frozen layers one after the other, from the heads down and evenly spread over
            ``freeze_steps`` (Howard and Ruder, ACL 2018).
        learning_rate_scale: By role a multiple of the learner's learning rate (discriminative fine-tuning, same paper).
        shrink: What the copied weights are multiplied with.
        perturb: How much of the target's own initial weights is added to them (Ash and Adams, "On warm-starting
            neural network training", NeurIPS 2020: shrink 0.4 or so, and a little noise).
        optimizer: ``carry`` goes on with the source's moments where tensors were copied as they are, which shrunk or
            perturbed ones are not.
        critic_warmup_steps: For so many steps only the value learns: a carried policy beside a random critic is
            destroyed by the first updates.
        statistics: ``carry`` the running statistics of observations and rewards, ``reestimate`` them from nothing, or
            ``blend``: carry them with a small weight, so that the target's soon prevail.
        blend_steps: As how many samples blended statistics count, at most.
    """

    roles: tuple[Role, ...] = ROLES
    new_heads: bool = False
    freeze: tuple[Role, ...] = ()
    freeze_steps: PositiveInt | None = None
    gradual_unfreezing: bool = False
    learning_rate_scale: dict[Role, PositiveFloat] = Field(default_factory=dict)
    shrink: Annotated[float, Field(ge=0, le=1)] = 1.0
    perturb: NonNegativeFloat = 0.0
    optimizer: Literal["fresh", "carry"] = "fresh"
    critic_warmup_steps: NonNegativeInt = 0
    statistics: StatisticsChoice = "carry"
    blend_steps: PositiveInt = 10_000

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"networks"})
    algorithms: ClassVar[tuple[str, ...]] = tuple(LOSS_PATHS)

    @property
    def named_roles(self) -> Collection[Role]:
        """Those to freeze and to scale."""
        return (*self.freeze, *self.learning_rate_scale)

    @property
    def frozen_roles(self) -> Collection[Role]:
        """Those to freeze, for a time or for ever."""
        return self.freeze

    @property
    def carried_roles(self) -> Collection[Role]:
        """Those to copy."""
        return self._copied

    @property
    def named_steps(self) -> Mapping[str, int]:
        """How long roles stay frozen, and how long the value learns alone."""
        return {"freeze_steps": self.freeze_steps or 0, "critic_warmup_steps": self.critic_warmup_steps}

    @property
    def _copied(self) -> tuple[Role, ...]:
        return tuple(role for role in self.roles if not (self.new_heads and role in _HEADS))

    def check(self, algorithm: str) -> None:
        """Refuse to freeze what can't be frozen, and settings that contradict each other."""
        if self.freeze_steps is None:
            refuse_frozen_paths(algorithm, self.freeze)
        refuse_without_optimizer(algorithm, self.freeze, key="freeze")
        refuse_without_optimizer(algorithm, self.learning_rate_scale, key="learning_rate_scale")
        if self.freeze_steps is not None and not self.freeze:
            raise ConfigError("nothing is frozen: say what with freeze", key="freeze_steps")
        if self.gradual_unfreezing and self.freeze_steps is None:
            raise ConfigError("say over how many steps with freeze_steps", key="gradual_unfreezing")
        if self.critic_warmup_steps:
            if algorithm in VALUE_LEARNERS:
                raise ConfigError(f"{algorithm} has no policy apart from its value", key="critic_warmup_steps")
            refuse_without_optimizer(algorithm, POLICY_ROLES, key="critic_warmup_steps")

    def transfer(self, learner: Recipient, knowledge: Knowledge) -> Sequence[TensorFate]:
        """Copy the roles, and what belongs to them.

        Raises:
            ConfigError: If something does not fit.
        """
        roles = self._copied
        other = knowledge.algorithm not in ("", learner.algorithm)
        how = Copying(
            roles,
            if_fitting=other and set(self.roles) == set(ROLES),
            shrink=self.shrink,
            perturb=self.perturb,
            frozen=self._frozen(),
        )
        fates = copy_roles(learner, knowledge, how)
        keeps = "exploration" in roles and acts_as_source(learner.algorithm, fates)
        if keeps:
            learner.keep_exploration()
        fates += exploration_fates(learner.algorithm, kept=keeps)
        if roles:
            fates += carry_statistics(learner, knowledge, self.statistics, self.blend_steps)
        if roles and self.optimizer == "carry":
            fates += carry_optimizer(learner, knowledge, fates)
        return fates

    def attach(
        self,
        learner: Recipient,
        knowledge: Knowledge,  # noqa: ARG002 - a hook
        generator: np.random.Generator,  # noqa: ARG002
    ) -> None:
        """Freeze and scale."""
        learner.freeze(self.freeze, self.freeze_steps, gradual=self.gradual_unfreezing)
        learner.scale_learning_rate(self.learning_rate_scale)
        learner.freeze_policy(self.critic_warmup_steps)

    def _frozen(self) -> dict[Role, str]:
        """For the account."""
        found: dict[Role, str] = {}
        if self.critic_warmup_steps:
            found |= dict.fromkeys(POLICY_ROLES, f"until {self.critic_warmup_steps}")
        until = "for ever" if self.freeze_steps is None else f"until {self.freeze_steps}"
        if self.gradual_unfreezing:
            until += " at the latest, layer by layer"
        return found | dict.fromkeys(self.freeze, until)
