"""What methods and runs may ask of a learner, whatever its algorithm and engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import gymnasium
from numpy.typing import NDArray

from rl_transfer.knowledge import Networks, Role, Transitions
from rl_transfer.study import LearnerConfig
from rl_transfer.tasks import Meter

EnvFactory = Callable[[], gymnasium.Env[Any, Any]]
Watch = Callable[[int, int], None]


class Learner(ABC):
    """One agent that learns one task.

    Everything that methods do to it before training (loading, adding transitions) is part of its state and survives a
    checkpoint; what changes how it trains (freezing) is set again in every segment.
    """

    algorithm: str
    meter: Meter

    @abstractmethod
    def networks(self) -> Networks:
        """Copies of its parameters by role; every role is there, some are empty."""

    @abstractmethod
    def load_networks(self, networks: Networks) -> None:
        """Overwrite the named tensors of the named roles; copies that follow them (target networks) are synchronised.

        Raises:
            ConfigError: If a tensor is unknown or has another shape.
        """

    @abstractmethod
    def freeze(self, roles: Collection[Role]) -> None:
        """Leave the roles' tensors, running statistics included, out of training for the rest of the segment."""

    @abstractmethod
    def experience(self) -> Transitions | None:
        """The transitions in its replay buffer; None for an algorithm without one."""

    @abstractmethod
    def add_experience(self, transitions: Transitions) -> int:
        """Put transitions into the replay buffer, oldest first.

        Returns:
            How many fitted: the buffer takes whole rows of one transition per environment.

        Raises:
            ConfigError: If the algorithm has no replay buffer, or the transitions have other shapes.
        """

    @abstractmethod
    def act(self, observations: Any, *, deterministic: bool) -> NDArray[Any]:
        """Actions for a batch of observations.

        Args:
            observations: B x observation shape.
            deterministic: The mode of the policy, or a sample.

        Raises:
            DivergedError: If the networks' outputs are not finite.
        """

    @abstractmethod
    def isolated(self, seed: int) -> AbstractContextManager[None]:
        """A context in which everything random is seeded anew, and after which training's randomness is as before."""

    @abstractmethod
    def train(self, *, until: int, horizon: int, seed: int, watch: Watch) -> None:
        """Train until the meter shows this many steps, with randomness seeded anew.

        Args:
            until: Charged steps at which to stop; a rollout that would cross it is not used.
            horizon: The whole budget, which schedules follow.
            seed: Seed of everything random from here on.
            watch: Called before every rollout with the charged steps now and after that rollout.

        Raises:
            EnvironmentFailedError: If the environment fails.
            DivergedError: If parameters or the networks' outputs stop being finite.
        """

    @abstractmethod
    def refuse_divergence(self) -> None:
        """Look whether every parameter is a finite number.

        Raises:
            DivergedError: If one is not.
        """

    @abstractmethod
    def save_state(self, folder: Path, segment: int) -> None:
        """Write all that training needs to go on, given what earlier segments wrote to the folder."""

    @abstractmethod
    def load_state(self, folder: Path, segment: int) -> None:
        """Read back what :meth:`save_state` wrote."""

    @abstractmethod
    def save_agent(self, folder: Path) -> None:
        """Write the agent in its library's own format, for that library's users."""

    @abstractmethod
    def record(self, tag: str, value: float, step: int) -> None:
        """Add a number to its TensorBoard log, where it has one."""

    @property
    @abstractmethod
    def carried_transitions(self) -> int:
        """Transitions that were put into its replay buffer."""

    @property
    @abstractmethod
    def gradient_steps(self) -> int:
        """Minibatch updates so far."""

    @abstractmethod
    def close(self) -> None:
        """Close its environments and log files."""


def build_learner(
    config: LearnerConfig,
    environments: Sequence[EnvFactory],
    meter: Meter,
    *,
    seed: int,
    device: str = "cpu",
    log_folder: Path | None = None,
) -> Learner:
    """Make a learner with freshly initialised networks.

    Args:
        config: Algorithm, architecture and hyperparameters.
        environments: One factory for each training environment.
        meter: Counts the environments' steps.
        seed: Seed of the initial networks.
        device: Torch device.
        log_folder: Folder for TensorBoard events; None for none.
    """
    from rl_transfer.learner.sb3.engine import SB3Learner

    return SB3Learner(config, environments, meter, seed=seed, device=device, log_folder=log_folder)
