"""The knowledge of one source agent, as methods get it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from rl_transfer.knowledge.anchors import Anchors
from rl_transfer.knowledge.experience import Transitions
from rl_transfer.knowledge.networks import Networks, Role, read_networks, write_networks
from rl_transfer.knowledge.optimizer import OptimizerState, read_optimizer, write_optimizer
from rl_transfer.knowledge.statistics import Statistics
from rl_transfer.knowledge.teacher import Teacher
from rl_transfer.study import ONLY_SOURCE

KnowledgeKind = Literal["networks", "experience", "fisher", "teacher", "demonstrations"]
_NETWORKS = "networks.safetensors"
_STATISTICS = "statistics.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_EXPERIENCE = "experience.npz"


@dataclass(frozen=True)
class Knowledge:
    """What one source agent left behind; parts that it has not, or that no method of the arm needs, are None.

    Attributes:
        algorithm: The source's; empty where it is unknown.
        networks: In the target's shapes, where the pair has a mapping.
        statistics: Running statistics that its networks' inputs were normalised with.
        optimizer: What its optimizer kept for each tensor.
        experience: Transitions.
        fisher: Estimated diagonal of the Fisher information of its networks, tensor for tensor.
        teacher: The source agent itself, to be asked.
        demonstrations: Transitions of the trained source on its own task.
        anchors: What the target's scores are measured by, where a method of the arm asks.
        resized: Shapes that tensors had before the mapping laid them out, by ``role/name``; ``()`` for none.
        unmapped: Shapes of the source's tensors of which the mapping takes nothing, by ``role/name``.
        misfits: Roles that can't be carried into this target, and why.
        reading: What the numbers of each role, and of ``optimizer``, mean besides their names: activation, scaling of
            pixels, kind. What is unknown is not there.
        name: What the pair calls the source, where the run has several.
        others: What further sources left behind, by name, in the pair's order; they have no others of their own.
    """

    algorithm: str = ""
    networks: Networks | None = None
    statistics: Statistics | None = None
    optimizer: OptimizerState | None = None
    experience: Transitions | None = None
    fisher: Networks | None = None
    teacher: Teacher | None = None
    demonstrations: Transitions | None = None
    anchors: Anchors | None = None
    resized: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    unmapped: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    misfits: Mapping[Role, str] = field(default_factory=dict)
    reading: Mapping[str, str] = field(default_factory=dict)
    name: str = ONLY_SOURCE
    others: Mapping[str, "Knowledge"] = field(default_factory=dict)

    @property
    def each(self) -> tuple["Knowledge", ...]:
        """That of every source by itself, this one's first."""
        return (replace(self, others={}), *self.others.values())

    def of_kinds(self, kinds: frozenset[KnowledgeKind]) -> "Knowledge":
        """The same with these kinds alone; statistics and optimizer belong to the networks."""
        found = replace(self, others={name: other.of_kinds(kinds) for name, other in self.others.items()})
        found = found if "experience" in kinds else replace(found, experience=None)
        found = found if "fisher" in kinds else replace(found, fisher=None)
        found = found if "teacher" in kinds else replace(found, teacher=None)
        found = found if "demonstrations" in kinds else replace(found, demonstrations=None)
        return found if "networks" in kinds else replace(found, networks=None, statistics=None, optimizer=None)


def read_knowledge(agent: Path, kinds: frozenset[KnowledgeKind], *, algorithm: str) -> Knowledge:
    """Read the named kinds of knowledge that lie in a finished run's ``agent`` folder: networks and experience.

    Raises:
        StoreError: If a file is missing or damaged.
    """
    wants_networks = "networks" in kinds
    statistics, optimizer = agent / _STATISTICS, agent / _OPTIMIZER
    return Knowledge(
        algorithm=algorithm,
        networks=read_networks(agent / _NETWORKS) if wants_networks else None,
        statistics=Statistics.read(statistics) if wants_networks and statistics.exists() else None,
        optimizer=read_optimizer(optimizer) if wants_networks and optimizer.exists() else None,
        experience=Transitions.read(agent / _EXPERIENCE) if "experience" in kinds else None,
    )


def has_experience(agent: Path) -> bool:
    """Whether a finished run's ``agent`` folder holds transitions."""
    return (agent / _EXPERIENCE).exists()


def write_knowledge(agent: Path, knowledge: Knowledge) -> None:
    """Write what there is into an ``agent`` folder."""
    if knowledge.networks is not None:
        write_networks(agent / _NETWORKS, knowledge.networks)
    if knowledge.statistics is not None:
        knowledge.statistics.write(agent / _STATISTICS)
    if knowledge.optimizer is not None:
        write_optimizer(agent / _OPTIMIZER, knowledge.optimizer)
    if knowledge.experience is not None:
        knowledge.experience.write(agent / _EXPERIENCE)
