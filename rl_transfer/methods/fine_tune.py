"""Fine-tuning: start from the source's networks instead of random ones."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Knowledge, KnowledgeKind, Role, TensorFate
from rl_transfer.learner import LOSS_PATHS, Learner, refuse_frozen_paths
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
        ours, theirs = learner.networks(), knowledge.networks
        for role in self.roles:
            if theirs[role].keys() != ours[role].keys():
                raise ConfigError(
                    f"the source's {role} has the tensors {', '.join(theirs[role]) or 'none'}, "
                    f"the target's {', '.join(ours[role]) or 'none'}: give both the same net_arch",
                    key="roles",
                )
        learner.load_networks({role: theirs[role] for role in self.roles})
        fates = []
        for role in ROLES:
            for name in {**ours[role], **theirs[role]}:
                source, target = theirs[role].get(name), ours[role].get(name)
                copied = role in self.roles
                fates.append(
                    TensorFate(
                        tensor=name,
                        role=role,
                        from_shape=None if source is None else source.shape,
                        to_shape=None if target is None else target.shape,
                        fate="copied" if copied else "initial" if target is not None else "dropped",
                        frozen=role in self.freeze,
                        why=f"{role} is among the roles" if copied else f"{role} is not among the roles",
                    )
                )
        return fates

    def attach(self, learner: Learner) -> None:
        """Freeze the roles."""
        learner.freeze(self.freeze)
