"""The learning engine behind one small interface; importing this needs no torch."""

from rl_transfer.learner.copying import copy_roles
from rl_transfer.learner.interface import EnvFactory, Learner, build_learner
from rl_transfer.learner.requirements import (
    LOSS_PATHS,
    refuse_frozen_paths,
    refuse_idle_learning,
    refuse_missing_device,
    refuse_random_evaluation,
    refuse_unsuitable_spaces,
)

__all__ = [
    "LOSS_PATHS",
    "EnvFactory",
    "Learner",
    "build_learner",
    "copy_roles",
    "refuse_frozen_paths",
    "refuse_idle_learning",
    "refuse_missing_device",
    "refuse_random_evaluation",
    "refuse_unsuitable_spaces",
]
