"""L2-SP: a penalty on the distance from the source's parameters."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import Knowledge, KnowledgeKind, Networks, Role, TensorFate
from rl_transfer.learner import Recipient
from rl_transfer.methods._penalty import HELD, Penalty

_Coefficient = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class L2StartPoint(Penalty):
    """Draws parameters to the source's while they are trained: half ``coefficient`` times the squared distance.

    Li, Grandvalet and Davoine, "Explicit inductive bias for transfer learning with convolutional networks", ICML 2018,
    equation 3 and the defaults of section 4: 0.1 towards the source's parameters, and 0.01 towards 0 for those that the
    source has no counterpart of. It copies nothing: put ``fine_tune`` before it to start from the source as they do.
    With Adam, unlike their momentum, the penalty's gradient is scaled with the loss's. Roles that don't fit the target
    are drawn to 0.

    Attributes:
        coefficient: Strength of the pull to the source's parameters; 0 is none.
        other_coefficient: Strength of the pull to 0, for the roles that don't fit.
        roles: Roles that are drawn to the source's.
    """

    coefficient: _Coefficient = 0.1
    other_coefficient: _Coefficient = 0.01
    roles: tuple[Role, ...] = HELD

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"networks"})
    keeps: ClassVar[frozenset[KnowledgeKind]] = frozenset({"networks"})

    def transfer(self, learner: Recipient, knowledge: Knowledge) -> Sequence[TensorFate]:
        """Say which roles are drawn where.

        Raises:
            ConfigError: If no role fits.
        """
        misfits = self.misfits(learner, knowledge)
        return [self._fate(role, misfits.get(role)) for role in self.roles if learner.networks()[role]]

    def attach(
        self,
        learner: Recipient,
        knowledge: Knowledge,
        generator: np.random.Generator,  # noqa: ARG002 - a hook
    ) -> None:
        """Add the penalty."""
        assert knowledge.networks is not None
        misfits = self.misfits(learner, knowledge)
        theirs, ours = knowledge.networks, learner.networks()
        fitting: Networks = {role: theirs[role] for role in self.roles if role not in misfits}
        others: Networks = {role: _filled(ours[role], 0.0) for role in misfits}
        for centre, coefficient in ((fitting, self.coefficient), (others, self.other_coefficient)):
            if coefficient:
                learner.add_penalty(centre, {role: _filled(centre[role], coefficient) for role in centre})

    def _fate(self, role: Role, misfit: str | None) -> TensorFate:
        if misfit is None:
            fate, why = "copied", f"drawn to the source's with strength {self.coefficient:g}"
        else:
            fate, why = "dropped", f"drawn to 0 with strength {self.other_coefficient:g}: {misfit}"
        return TensorFate(f"penalty on {role}", role, None, None, fate, "no", why)  # type: ignore[arg-type]


def _filled(tensors: Mapping[str, NDArray[Any]], value: float) -> dict[str, NDArray[Any]]:
    return {name: np.full_like(array, value) for name, array in tensors.items()}
