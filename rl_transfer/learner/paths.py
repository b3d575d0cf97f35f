"""Which roles the losses of each algorithm train."""

from collections.abc import Collection

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Role

LOSS_PATHS: dict[str, dict[str, tuple[Role, ...]]] = {
    "ppo": {"policy": ("policy_body", "policy_head"), "value": ("value_body", "value_head")},
    "dqn": {"value": ("value_body", "value_head")},
}


def refuse_frozen_paths(algorithm: str, frozen: Collection[Role]) -> None:
    """Refuse to freeze every layer that a loss trains.

    Raises:
        ConfigError: If nothing would be left for one of the algorithm's losses to train.
    """
    for loss, roles in LOSS_PATHS[algorithm].items():
        if set(roles) <= set(frozen):
            raise ConfigError(
                f"freezing {' and '.join(roles)} leaves {algorithm}'s {loss} loss nothing to train: thaw one",
                key="freeze",
            )
