"""Networks by role: the same words for every algorithm, plain arrays, read without executing anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from rl_transfer.errors import StoreError
from rl_transfer.store import write_bytes

Role = Literal["features", "policy_body", "policy_head", "exploration", "value_body", "value_head"]
ROLES: tuple[Role, ...] = get_args(Role)

Networks = Mapping[Role, Mapping[str, NDArray[Any]]]
"""For each role its tensors by name; every role is present, some are empty."""

_NOT_WEIGHTS = ("running_mean", "running_var", "num_batches_tracked")


def is_weight(name: str) -> bool:
    """Whether a tensor is learned by gradients; running statistics of layers, and counters, are not.

    Args:
        name: Its name within its role.
    """
    return not name.endswith(_NOT_WEIGHTS)


Fate = Literal["copied", "resized", "reinitialised", "dropped"]


@dataclass(frozen=True)
class TensorFate:
    """What became of one tensor, or of what was carried beside them: a row of the transfer table.

    Attributes:
        role: Its role; ``experience`` for transitions, which are counted in the shapes; ``statistics`` for running
            statistics; ``optimizer`` for what the optimizer keeps for a tensor; ``teacher`` for the agent itself.
        from_shape: Its shape in the source; None where the source has no such tensor.
        to_shape: Its shape in the target; None where the target has none and it was dropped.
        fate: ``resized`` was laid out anew by the pair's mapping; ``reinitialised`` has the value that the target's
            learner started with.
        frozen: ``no``, ``for ever``, or until when.
        why: The reason, in a few words.
        unchanged: Whether its values are those of before; shrunk or perturbed ones are not.
    """

    tensor: str
    role: Role | Literal["experience", "statistics", "optimizer", "teacher"]
    from_shape: tuple[int, ...] | None
    to_shape: tuple[int, ...] | None
    fate: Fate
    frozen: str
    why: str
    unchanged: bool = True


def write_networks(path: Path, networks: Networks) -> None:
    """Write networks as one safetensors file; tensors are named ``role/name``."""
    tensors = {
        f"{role}/{name}": np.asarray(array, order="C") for role in ROLES for name, array in networks[role].items()
    }
    write_bytes(path, save(tensors))


def read_networks(path: Path) -> Networks:
    """Read networks from a safetensors file.

    Raises:
        StoreError: If the file is missing or damaged, has an unknown role, or holds numbers that are not finite.
    """
    try:
        tensors = load(path.read_bytes())
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{path}: can't be read as safetensors: {error}") from error
    networks: dict[Role, dict[str, NDArray[Any]]] = {role: {} for role in ROLES}
    for key, array in sorted(tensors.items()):  # safetensors gives them in a new order at every call
        role, _, name = key.partition("/")
        if role not in networks or not name:
            raise StoreError(f"{path}: tensor {key!r} has no known role")
        if not np.isfinite(array).all():
            raise StoreError(f"{path}: tensor {key!r} holds NaN or infinity")
        networks[role][name] = array
    return networks
