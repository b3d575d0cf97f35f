"""The learning engine behind one small interface; importing this needs no torch."""

from rl_transfer.learner.interface import EnvFactory, Learner, build_learner
from rl_transfer.learner.paths import LOSS_PATHS, refuse_frozen_paths

__all__ = ["LOSS_PATHS", "EnvFactory", "Learner", "build_learner", "refuse_frozen_paths"]
