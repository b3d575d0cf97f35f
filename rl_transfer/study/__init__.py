"""The validated configuration: small frozen types, and the one place where files become them."""

from rl_transfer.study.base import Frozen, Many, Named
from rl_transfer.study.config import (
    ArmConfig,
    BudgetConfig,
    EvaluationConfig,
    PairConfig,
    ScoreConfig,
    StudyConfig,
    TaskConfig,
)
from rl_transfer.study.learners import (
    ALGORITHMS,
    LEARNERS,
    OFF_POLICY,
    DQNConfig,
    LearnerConfig,
    PPOConfig,
)
from rl_transfer.study.load import LoadedPair, LoadedStudy, checked_name, load_study, parse_overrides
from rl_transfer.study.shipped import looks_like_path, shipped_names
from rl_transfer.study.spec import RunSpec, SourceSpec

__all__ = [
    "ALGORITHMS",
    "LEARNERS",
    "OFF_POLICY",
    "ArmConfig",
    "BudgetConfig",
    "DQNConfig",
    "EvaluationConfig",
    "Frozen",
    "LearnerConfig",
    "LoadedPair",
    "LoadedStudy",
    "Many",
    "Named",
    "PPOConfig",
    "PairConfig",
    "RunSpec",
    "ScoreConfig",
    "SourceSpec",
    "StudyConfig",
    "TaskConfig",
    "checked_name",
    "load_study",
    "looks_like_path",
    "parse_overrides",
    "shipped_names",
]
