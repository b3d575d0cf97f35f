"""Random features: the control of feature extraction, which carries nothing."""

from collections.abc import Collection
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import Knowledge, KnowledgeKind, Role
from rl_transfer.learner import LOSS_PATHS, Recipient, refuse_frozen_paths
from rl_transfer.methods._method import Method

_FROZEN: tuple[Role, ...] = ("features", "policy_body", "value_body")


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class RandomFeatures(Method):
    """Freezes features and bodies as they were initialised; the heads learn alone.

    What ``feature_extraction`` has to beat before its source's features are worth anything (random projections do well
    by themselves: Rahimi and Recht, NeurIPS 2008). It uses nothing of the source and so has no placebo.
    """

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset()
    algorithms: ClassVar[tuple[str, ...]] = tuple(name for name in LOSS_PATHS if name != "trpo")

    @property
    def frozen_roles(self) -> Collection[Role]:
        """All but the heads."""
        return _FROZEN

    def check(self, algorithm: str) -> None:
        """Refuse what can't be frozen."""
        refuse_frozen_paths(algorithm, _FROZEN)

    def attach(
        self,
        learner: Recipient,
        knowledge: Knowledge,  # noqa: ARG002 - a hook
        generator: np.random.Generator,  # noqa: ARG002
    ) -> None:
        """Freeze them."""
        learner.freeze(_FROZEN)
