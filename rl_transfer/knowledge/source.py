"""The knowledge of one source agent, as methods get it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rl_transfer.knowledge.experience import Transitions
from rl_transfer.knowledge.networks import Networks, read_networks

KnowledgeKind = Literal["networks", "experience"]


@dataclass(frozen=True)
class Knowledge:
    """What one source agent left behind; parts that no method of the arm needs are None."""

    networks: Networks | None = None
    experience: Transitions | None = None


def read_knowledge(agent: Path, kinds: frozenset[KnowledgeKind]) -> Knowledge:
    """Read the named kinds of knowledge from a finished run's ``agent`` folder.

    Raises:
        StoreError: If a file is missing or damaged.
    """
    return Knowledge(
        networks=read_networks(agent / "networks.safetensors") if "networks" in kinds else None,
        experience=Transitions.read(agent / "experience.npz") if "experience" in kinds else None,
    )
