"""Fine-tuning: start from the source's networks instead of random ones."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import ROLES, Knowledge, KnowledgeKind, Role, TensorFate
from rl_transfer.learner import LOSS_PATHS, Learner, copy_roles, refuse_frozen_paths
from rl_transfer.methods._method import Method


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class FineTune(Method):
    """Copies the source's tensors into the target's learner by role and name, and may freeze some.

    The oldest way to carry a network on (Pratt, "Discriminability-based transfer between neural networks", 1993;
    in deep reinforcement learning Mnih et al. 2013 onwards; see Taylor and Stone, JMLR 2009, section 4). The optimizer
    starts fresh. An empty ``roles`` is learning from scratch.

    Attributes:
        roles: Roles to copy; the default is all of them. A role that is empty on both sides is no fault.
        freeze: Roles that training then leaves alone.
    """

    roles: tuple[Role, ...] = ROLES
    freeze: tuple[Role, ...] = ()

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"networks"})
    algorithms: ClassVar[tuple[str, ...]] = tuple(LOSS_PATHS)

    def check(self, algorithm: str) -> None:
        """Refuse to freeze all that a loss trains."""
        refuse_frozen_paths(algorithm, self.freeze)

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:
        """Copy the roles.

        Raises:
            ConfigError: If a tensor to be copied is missing in the source or has another shape.
        """
        assert knowledge.networks is not None
        return copy_roles(learner, knowledge.networks, self.roles, self.freeze)

    def attach(self, learner: Learner) -> None:
        """Freeze the roles."""
        learner.freeze(self.freeze)
