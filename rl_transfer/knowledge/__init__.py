"""What a source agent leaves behind: networks by role and experience; reading, writing, scrambling."""

from rl_transfer.knowledge.experience import Transitions
from rl_transfer.knowledge.networks import (
    ROLES,
    Networks,
    Role,
    TensorFate,
    read_networks,
    write_networks,
)
from rl_transfer.knowledge.scramble import scramble_networks, scramble_transitions
from rl_transfer.knowledge.source import Knowledge, KnowledgeKind, read_knowledge

__all__ = [
    "ROLES",
    "Knowledge",
    "KnowledgeKind",
    "Networks",
    "Role",
    "TensorFate",
    "Transitions",
    "read_knowledge",
    "read_networks",
    "scramble_networks",
    "scramble_transitions",
    "write_networks",
]
