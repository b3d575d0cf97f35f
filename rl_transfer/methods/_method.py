"""What a method is: settings as dataclass fields, and two moments at which it acts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, KnowledgeKind, Role, TensorFate
from rl_transfer.learner import Learner
from rl_transfer.tasks import Episode


@dataclass(frozen=True)
class References:
    """From-scratch runs that a method compares its own run with; no verdict uses them, their steps are charged to it.

    Attributes:
        runs: How many for each run of the arm.
        steps: Charged steps that each is trained for.
    """

    runs: int
    steps: int


Claim = Literal["acting", "rewards", "demonstrations"]


@dataclass(frozen=True)
class FisherEstimate:
    """How to estimate the Fisher information that a method uses.

    Attributes:
        samples: Observations of the source's task to take the mean over.
        temperature: What a value learner's values are divided by before the softmax that stands for its policy.
    """

    samples: int
    temperature: float


class Method:
    """Base of all methods; a subclass is a frozen pydantic dataclass in a file of the method's name.

    A method speaks to the learner interface only. Strength zero must leave the learner exactly as it was.
    """

    needs: ClassVar[frozenset[KnowledgeKind]]
    """The kinds of knowledge it uses."""
    keeps: ClassVar[frozenset[KnowledgeKind]] = frozenset()
    """The kinds of them that it uses all through training, not in ``transfer`` alone."""
    algorithms: ClassVar[tuple[str, ...]]
    """The algorithms it is defined for."""
    needs_actions: ClassVar[bool] = False
    """Whether a teacher is asked what to do, so that the pair's mapping must take something of the actions."""
    claims: ClassVar[frozenset[Claim]] = frozenset()
    """What it decides and no other method of the arm may: who acts, what is rewarded, what the source shows."""

    pretrains: ClassVar[bool] = False
    """Whether it trains the learner before its first step, when nothing is frozen yet."""

    @property
    def frozen_roles(self) -> Collection[Role]:
        """Roles that it leaves out of training from the first step on; refused beside a method that pretrains."""
        return ()

    several: ClassVar[str | None] = None
    """What it does with several sources, as half a sentence; None takes one, and is refused where an arm has more."""

    @property
    def named_roles(self) -> Collection[Role]:
        """Roles that its settings freeze or scale; a plan in which one of them has no tensors is refused."""
        return ()

    @property
    def carried_roles(self) -> Collection[Role]:
        """Roles that it copies; a plan in which none of them has tensors is refused."""
        return ()

    @property
    def named_steps(self) -> Mapping[str, int]:
        """By setting the steps before which something is not trained or used; a budget that ends before is refused."""
        return {}

    @property
    def fisher_estimate(self) -> FisherEstimate | None:
        """How to estimate the Fisher information, for methods that need it; those of one arm must want the same."""
        return None

    @property
    def demonstration_steps(self) -> int:
        """Steps of its own task that the source is to play, for methods that need demonstrations."""
        return 0

    @property
    def needs_anchors(self) -> bool:
        """Whether it measures scores by the target's anchors, which are then part of the run's identity."""
        return False

    def refuse_idle(self, *settings: str, why: str) -> None:
        """Refuse settings that were given though they do nothing.

        Args:
            settings: Those that must have their defaults.
            why: What is said of one that has not.

        Raises:
            ConfigError: Names the setting.
        """
        for setting in settings:
            if getattr(self, setting) != getattr(type(self), setting):
                raise ConfigError(why, key=setting)

    @property
    def largest_share(self) -> float:
        """The largest share of a minibatch that it ever fills; those of one arm must not add up to more than all."""
        return 0.0

    def check_sources(self, count: int) -> None:
        """Refuse settings that can't work with so many sources, before anything is trained.

        Raises:
            ConfigError: Says which setting and what to do.
        """

    def check(self, algorithm: str) -> None:
        """Refuse settings that can't work with an algorithm, before anything is trained.

        Raises:
            ConfigError: Says which setting and what to do.
        """

    def check_target(self, env: gymnasium.Env[Any, Any]) -> None:
        """Refuse settings that can't work with the target's environment, before anything is trained.

        Args:
            env: The environment, made for this; not to be stepped.

        Raises:
            ConfigError: Says which setting and what to do.
        """

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:  # noqa: ARG002 - a hook
        """Change the learner once, before its first step; what it changes is part of the learner's state.

        Returns:
            What became of each tensor, and of the transitions, where they are the method's business.
        """
        return ()

    def pretrain(
        self,
        learner: Learner,  # noqa: ARG002 - a hook
        knowledge: Knowledge,  # noqa: ARG002
        generator: np.random.Generator,  # noqa: ARG002
    ) -> Sequence[TensorFate]:
        """Train the learner once, before its first step and after the ``transfer`` of all methods of the arm.

        Args:
            learner: The learner.
            knowledge: As ``transfer`` got it.
            generator: Where its random numbers come from; the method's own.

        Returns:
            As ``transfer``.
        """
        return ()

    def attach(self, learner: Learner, knowledge: Knowledge, generator: np.random.Generator) -> None:
        """Change how the learner trains; called at the start of every segment, after the learner's state is there.

        Args:
            learner: The learner.
            knowledge: Of what ``transfer`` got the kinds that a method of the arm keeps, further sources included.
            generator: Where the method's random numbers come from; its own in each segment.
        """

    def references(self, budget: int) -> References | None:  # noqa: ARG002 - a hook
        """The from-scratch runs that it wants to see, given the budget; one method of an arm may want some."""
        return None

    def review_steps(self, budget: int) -> Sequence[int]:  # noqa: ARG002 - a hook
        """Charged steps, rising, after each of which it is asked for a review, before the next rollout."""
        return ()

    def review(
        self,
        learner: Learner,  # noqa: ARG002 - a hook
        step_C: Sequence[int],  # noqa: ARG002
        own: Sequence[Episode],  # noqa: ARG002
        references: Sequence[Sequence[Episode]],  # noqa: ARG002
    ) -> str | None:
        """Say whether the run had better start anew; it does so once at most. The learner stays as it is.

        Args:
            learner: For records in its log.
            step_C: The review steps up to now.
            own: The run's training episodes up to now, those that ended after the last review step included.
            references: All training episodes of each reference run.

        Returns:
            Why the learner is to start anew, from scratch with what is left of the budget and without any of the arm's
            methods; None to go on.
        """
        return None
