"""The optimizer's memory: what it keeps for each tensor (Adam's moments, say), by role and name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from rl_transfer.errors import StoreError
from rl_transfer.store import write_bytes

OptimizerState = Mapping[str, Mapping[str, NDArray[Any]]]
"""By ``role/name`` of a tensor: what is kept for it, by the library's own names (``exp_avg``, ``step``, ...)."""


def write_optimizer(path: Path, state: OptimizerState) -> None:
    """Write it as one safetensors file; arrays are named ``role/name|what``."""
    arrays = {
        f"{tensor}|{what}": np.asarray(array, order="C")
        for tensor, kept in state.items()
        for what, array in kept.items()
    }
    write_bytes(path, save(arrays))


def read_optimizer(path: Path) -> OptimizerState:
    """Read what :func:`write_optimizer` wrote.

    Raises:
        StoreError: If the file is missing or damaged, or holds numbers that are not finite.
    """
    try:
        arrays = load(path.read_bytes())
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{path}: can't be read as an optimizer's state: {error}") from error
    state: dict[str, dict[str, NDArray[Any]]] = {}
    for key, array in sorted(arrays.items()):
        tensor, bar, what = key.rpartition("|")
        if not bar or not np.isfinite(array).all():
            raise StoreError(f"{path}: {key!r} holds NaN or infinity, or belongs to no tensor")
        state.setdefault(tensor, {})[what] = array
    return state
