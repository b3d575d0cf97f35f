"""Files of strangers as agents: what a learner can be made of; importing this needs no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gymnasium import Space

from rl_transfer.knowledge import Networks
from rl_transfer.study import FeaturesConfig, LearnerConfig


@dataclass(frozen=True)
class ForeignAgent:
    """What a stranger's file holds, in this project's words.

    Attributes:
        learner: The configuration that its networks belong to.
        networks: By role; a backbone fills ``features`` only.
        sha256: Digest of the file.
        release: The library's version that wrote it; None where the file does not say.
        steps: Environment steps that it was trained for, as the file says.
        notes: What could not be taken over, or had to be assumed.
    """

    learner: LearnerConfig
    networks: Networks
    sha256: str
    release: str | None = None
    steps: int | None = None
    notes: tuple[str, ...] = ()


def read_agent(path: Path, algorithm: str, observation_space: Space[Any], action_space: Space[Any]) -> ForeignAgent:
    """Read an agent that Stable-Baselines3 saved; nothing in the file is executed.

    The architecture follows from the tensors' shapes; what else the file says in plain text is taken where it is valid.

    Args:
        path: The ``.zip`` file.
        algorithm: Lower-case name of the algorithm that trained it.
        observation_space: Of the environment it was trained on.
        action_space: Of the environment it was trained on.

    Raises:
        ConfigError: If the file can't be read or is no agent of the algorithm; names the file.
    """
    from rl_transfer.learner.sb3 import foreign

    return foreign.read_agent(path, algorithm, observation_space, action_space)


def read_backbone(path: Path, features: FeaturesConfig, observation_space: Space[Any]) -> ForeignAgent:
    """Read a vision backbone from a safetensors or state-dictionary file; nothing in the file is executed.

    Args:
        path: The file.
        features: Its architecture.
        observation_space: Of the environment whose images it is to see.

    Raises:
        ConfigError: If the file can't be read or does not fit the architecture; names the file.
    """
    from rl_transfer.learner.sb3 import foreign

    return foreign.read_backbone(path, features, observation_space)
