"""What methods have in common that hold parameters near the source's while they are trained."""

from collections.abc import Collection, Mapping
from typing import ClassVar

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, Role
from rl_transfer.learner import LOSS_PATHS, Recipient, misfitting_roles, refuse_without_optimizer
from rl_transfer.methods._method import Method

HELD: tuple[Role, ...] = ("features", "policy_body", "policy_head", "value_body", "value_head")
"""The roles that they hold by default."""


class Penalty(Method):
    """A method with the setting ``roles``: those that are drawn to the source's, by an optimizer."""

    roles: tuple[Role, ...]

    algorithms: ClassVar[tuple[str, ...]] = tuple(name for name in LOSS_PATHS if name != "trpo")

    @property
    def named_roles(self) -> Collection[Role]:
        """Those that differ from the default were named."""
        return () if self.roles == HELD else self.roles

    @property
    def carried_roles(self) -> Collection[Role]:
        """Those to draw to the source's."""
        return self.roles

    def check(self, algorithm: str) -> None:
        """Refuse roles that no optimizer trains, and a penalty on nothing."""
        refuse_without_optimizer(algorithm, self.roles, key="roles")
        if not self.roles:
            raise ConfigError("names no role: leave the method out", key="roles")

    def misfits(self, learner: Recipient, knowledge: Knowledge, whose: str = "the source") -> Mapping[Role, str]:
        """The roles that the source has no counterpart of, and why.

        Raises:
            ConfigError: If that is true of all.
        """
        found = misfitting_roles(learner, knowledge, self.roles)
        if len(found) == len(self.roles):
            raise ConfigError(f"no role of {whose} fits the target: {'; '.join(found.values())}", key="roles")
        return found
