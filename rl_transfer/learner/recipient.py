"""What methods may change in an agent that knowledge is carried into, whatever its algorithm and engine."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

from rl_transfer.knowledge import Networks, OptimizerState, Role, Statistics


class Recipient(ABC):
    """An agent that knowledge can be carried into: what methods may change in it."""

    algorithm: str

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
    def reading(self) -> Mapping[str, str]:
        """What the numbers of its roles and of its optimizer mean besides their names, as text."""

    @abstractmethod
    def optimizer_state(self) -> OptimizerState:
        """Copies of what its optimizers keep for each tensor; empty before the first update."""

    @abstractmethod
    def load_optimizer_state(self, state: OptimizerState) -> None:
        """Let its optimizers go on from a state; tensors that it says nothing of start fresh.

        Raises:
            ConfigError: If it is another kind of optimizer's.
        """

    @abstractmethod
    def statistics(self) -> Statistics | None:
        """Copies of its running statistics; None for a learner that normalises nothing."""

    @abstractmethod
    def load_statistics(self, statistics: Statistics) -> None:
        """Go on from these running statistics; parts that it does not keep are ignored.

        Raises:
            ConfigError: If they have other shapes.
        """

    @abstractmethod
    def freeze(self, roles: Collection[Role], until: int | None = None, *, gradual: bool = False) -> None:
        """Leave the roles' tensors, running statistics of layers included, out of training.

        Args:
            roles: What to freeze.
            until: The last charged step whose updates leave them alone; None freezes for ever.
            gradual: Thaw layer after layer, from the heads down and evenly spread, the last one at ``until``.
        """

    @abstractmethod
    def freeze_policy(self, until: int) -> None:
        """Leave all that the policy's actions depend on out of training until a charged step; the value learns."""

    @abstractmethod
    def scale_learning_rate(self, scales: Mapping[Role, float]) -> None:
        """Let roles move with a multiple of the scheduled learning rate."""

    @abstractmethod
    def add_penalty(self, centre: Networks, strength: Networks) -> None:
        """Add half the sum of ``strength * (parameter - centre)**2`` over the named tensors to what trains them.

        Its gradient joins the algorithm's just before each optimizer step, and is clipped together with it where the
        algorithm clips. What no optimizer trains stays as it is.

        Args:
            centre: By role and name what each tensor is drawn to.
            strength: How strongly, of the same names and shapes.
        """

    @abstractmethod
    def keep_exploration(self) -> None:
        """Explore as an agent that has learned already: epsilon at its final value, no random actions at the start.

        Part of the learner's state, unlike what changes how it trains.
        """
