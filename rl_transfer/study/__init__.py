"""The validated configuration: small frozen types, and the one place where files become them."""

from rl_transfer.study.base import Frozen, Many, Named
from rl_transfer.study.candidates import load_candidates
from rl_transfer.study.config import (
    ArmConfig,
    BudgetConfig,
    EvaluationConfig,
    PairConfig,
    ScoreConfig,
    ScratchConfig,
    StudyConfig,
)
from rl_transfer.study.features import (
    FeaturesConfig,
    FlattenConfig,
    ImageConfig,
    ImpalaCNNConfig,
    NatureCNNConfig,
    ResNetConfig,
    SmallCNNConfig,
    channels_first,
    choose_architectures,
    has_parameters,
    image_shape,
    is_byte_image,
)
from rl_transfer.study.learners import (
    ALGORITHMS,
    LEARNERS,
    OFF_POLICY,
    DQNConfig,
    LearnerConfig,
    PPOConfig,
)
from rl_transfer.study.load import load_study
from rl_transfer.study.load_pairs import checked_name
from rl_transfer.study.loaded import Cell, LoadedPair, LoadedStudy, Rung
from rl_transfer.study.looks import Look, LooksConfig
from rl_transfer.study.mapping import ChannelsConfig, Entries, EntryConfig, KeyConfig, MappingConfig, ObservationConfig
from rl_transfer.study.run_name import RunName
from rl_transfer.study.shipped import looks_like_path, shipped_names
from rl_transfer.study.sources import FIRST_SOURCE, ONLY_SOURCE, PairSource, SourceConfig, source_arm
from rl_transfer.study.spec import ImportedFile, OtherSourceSpec, RunSpec, SourceSpec
from rl_transfer.study.task import TaskConfig
from rl_transfer.study.texts import parse_features, parse_overrides, parse_task
from rl_transfer.study.tuning import FIRST_TUNING_SEED, ChoicesConfig, RangeConfig, TunedConfig, TuningConfig

__all__ = [
    "ALGORITHMS",
    "FIRST_SOURCE",
    "FIRST_TUNING_SEED",
    "LEARNERS",
    "OFF_POLICY",
    "ONLY_SOURCE",
    "ArmConfig",
    "BudgetConfig",
    "Cell",
    "ChannelsConfig",
    "ChoicesConfig",
    "DQNConfig",
    "Entries",
    "EntryConfig",
    "EvaluationConfig",
    "FeaturesConfig",
    "FlattenConfig",
    "Frozen",
    "ImageConfig",
    "ImpalaCNNConfig",
    "ImportedFile",
    "KeyConfig",
    "LearnerConfig",
    "LoadedPair",
    "LoadedStudy",
    "Look",
    "LooksConfig",
    "Many",
    "MappingConfig",
    "Named",
    "NatureCNNConfig",
    "ObservationConfig",
    "OtherSourceSpec",
    "PPOConfig",
    "PairConfig",
    "PairSource",
    "RangeConfig",
    "ResNetConfig",
    "RunName",
    "RunSpec",
    "Rung",
    "ScoreConfig",
    "ScratchConfig",
    "SmallCNNConfig",
    "SourceConfig",
    "SourceSpec",
    "StudyConfig",
    "TaskConfig",
    "TunedConfig",
    "TuningConfig",
    "channels_first",
    "checked_name",
    "choose_architectures",
    "has_parameters",
    "image_shape",
    "is_byte_image",
    "load_candidates",
    "load_study",
    "looks_like_path",
    "parse_features",
    "parse_overrides",
    "parse_task",
    "shipped_names",
    "source_arm",
]
