"""Feature extraction: the source's features and bodies, frozen, under new heads."""

from collections.abc import Collection, Sequence
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import Knowledge, KnowledgeKind, Role, TensorFate
from rl_transfer.learner import (
    LOSS_PATHS,
    Copying,
    Recipient,
    carry_statistics,
    copy_roles,
    exploration_fates,
    refuse_frozen_paths,
)
from rl_transfer.methods._method import Method

_CARRIED: tuple[Role, ...] = ("features", "policy_body", "value_body")


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class FeatureExtraction(Method):
    """Copies all layers but the last ones and freezes them for ever; the heads are new and learn alone.

    What it shows is how far the source's representation goes (Yosinski et al., "How transferable are features in deep
    neural networks?", NeurIPS 2014; in reinforcement learning Rusu et al. 2016, the baselines of section 4). Its
    control is ``random_features``: random layers, frozen too, are often not bad. Running statistics are carried.
    """

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"networks"})
    algorithms: ClassVar[tuple[str, ...]] = tuple(name for name in LOSS_PATHS if name != "trpo")

    @property
    def frozen_roles(self) -> Collection[Role]:
        """All but the heads."""
        return _CARRIED

    def check(self, algorithm: str) -> None:
        """Refuse what can't be frozen."""
        refuse_frozen_paths(algorithm, _CARRIED)

    def transfer(self, learner: Recipient, knowledge: Knowledge) -> Sequence[TensorFate]:
        """Copy features and bodies.

        Raises:
            ConfigError: If a tensor does not fit.
        """
        fates = copy_roles(learner, knowledge, Copying(_CARRIED, frozen=dict.fromkeys(_CARRIED, "for ever")))
        fates += exploration_fates(learner.algorithm, kept=False)
        return fates + carry_statistics(learner, knowledge, "carry", blend_steps=1)

    def attach(
        self,
        learner: Recipient,
        knowledge: Knowledge,  # noqa: ARG002 - a hook
        generator: np.random.Generator,  # noqa: ARG002
    ) -> None:
        """Freeze them."""
        learner.freeze(_CARRIED)
