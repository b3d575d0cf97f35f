"""What a source agent leaves behind: networks by role and experience; reading, writing, scrambling."""

from rl_transfer.knowledge.anchors import Anchors
from rl_transfer.knowledge.distributions import Categorical, Deterministic, Distribution, Gaussian, split_choices
from rl_transfer.knowledge.dynamics import likeliest, refuse_unmodelled
from rl_transfer.knowledge.estimate import estimate_statistics
from rl_transfer.knowledge.experience import Transitions
from rl_transfer.knowledge.foreign import AgentFile, read_agent_file
from rl_transfer.knowledge.foreign_statistics import StatisticsFile, read_statistics_file
from rl_transfer.knowledge.foreign_tensors import read_tensors
from rl_transfer.knowledge.networks import (
    ROLES,
    Fate,
    Networks,
    Role,
    TensorFate,
    is_weight,
    read_networks,
    write_networks,
)
from rl_transfer.knowledge.optimizer import OptimizerState, read_optimizer, write_optimizer
from rl_transfer.knowledge.policies import agreement, entropy
from rl_transfer.knowledge.scramble import draw_orders, scramble_networks, scramble_optimizer, scramble_transitions
from rl_transfer.knowledge.source import Knowledge, KnowledgeKind, has_experience, read_knowledge, write_knowledge
from rl_transfer.knowledge.statistics import Moments, Statistics
from rl_transfer.knowledge.teacher import Teacher
from rl_transfer.knowledge.translate_distribution import translate_distribution
from rl_transfer.knowledge.translate_experience import translate_statistics, translate_transitions
from rl_transfer.knowledge.translate_fisher import refuse_unmappable_fisher
from rl_transfer.knowledge.translate_networks import translate_networks

__all__ = [
    "ROLES",
    "AgentFile",
    "Anchors",
    "Categorical",
    "Deterministic",
    "Distribution",
    "Fate",
    "Gaussian",
    "Knowledge",
    "KnowledgeKind",
    "Moments",
    "Networks",
    "OptimizerState",
    "Role",
    "Statistics",
    "StatisticsFile",
    "Teacher",
    "TensorFate",
    "Transitions",
    "agreement",
    "draw_orders",
    "entropy",
    "estimate_statistics",
    "has_experience",
    "is_weight",
    "likeliest",
    "read_agent_file",
    "read_knowledge",
    "read_networks",
    "read_optimizer",
    "read_statistics_file",
    "read_tensors",
    "refuse_unmappable_fisher",
    "refuse_unmodelled",
    "scramble_networks",
    "scramble_optimizer",
    "scramble_transitions",
    "split_choices",
    "translate_distribution",
    "translate_networks",
    "translate_statistics",
    "translate_transitions",
    "write_knowledge",
    "write_networks",
    "write_optimizer",
]
