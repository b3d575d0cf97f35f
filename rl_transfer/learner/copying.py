"""Copying roles from a source's networks into a learner's, with an account of every tensor."""

from collections.abc import Collection
from typing import Protocol

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Networks, Role, TensorFate


class HasNetworks(Protocol):
    """Whatever has networks that can be read and overwritten; every learner does."""

    def networks(self) -> Networks:
        """Copies of the parameters by role."""

    def load_networks(self, networks: Networks) -> None:
        """Overwrite the named tensors of the named roles."""


def copy_roles(
    learner: HasNetworks, source: Networks, roles: Collection[Role], frozen: Collection[Role]
) -> list[TensorFate]:
    """Copy roles by name; nothing is copied unless everything fits.

    Args:
        learner: The target.
        source: The source's networks.
        roles: Roles to copy; one that is empty on both sides is no fault.
        frozen: Roles that will be frozen, for the account.

    Returns:
        What became of each tensor of either side.

    Raises:
        ConfigError: If a role has other tensors in the source than in the target, or a tensor another shape.
    """
    ours = learner.networks()
    for role in roles:
        if source[role].keys() != ours[role].keys():
            raise ConfigError(
                f"the source's {role} has the tensors {', '.join(source[role]) or 'none'}, "
                f"the target's {', '.join(ours[role]) or 'none'}: give both the same net_arch or drop the role",
                key="roles",
            )
    learner.load_networks({role: source[role] for role in roles})
    return [
        _fate(role, name, source, ours, copied=role in roles, frozen=role in frozen)
        for role in ROLES
        for name in {**ours[role], **source[role]}
    ]


def _fate(role: Role, name: str, source: Networks, ours: Networks, *, copied: bool, frozen: bool) -> TensorFate:
    theirs, own = source[role].get(name), ours[role].get(name)
    return TensorFate(
        tensor=name,
        role=role,
        from_shape=None if theirs is None else theirs.shape,
        to_shape=None if own is None else own.shape,
        fate="copied" if copied else "initial" if own is not None else "dropped",
        frozen=frozen,
        why=f"{role} is {'among' if copied else 'not among'} the roles to copy",
    )
