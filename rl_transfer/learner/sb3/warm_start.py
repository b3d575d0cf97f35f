"""Starting one's own Stable-Baselines3 model from another, without a study."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.knowledge import ROLES, Networks, Role, TensorFate, read_networks
from rl_transfer.learner.copying import copy_roles
from rl_transfer.learner.requirements import LOSS_PATHS, refuse_frozen_paths
from rl_transfer.learner.sb3 import networks


@dataclass(frozen=True)
class _Model:
    """A user's model, as far as copying needs a learner."""

    model: BaseAlgorithm

    def networks(self) -> Networks:
        return networks.copy_out(self.model)

    def load_networks(self, networks_: Networks) -> None:
        networks.copy_in(self.model, networks_)


def warm_start(
    model: BaseAlgorithm,
    source: BaseAlgorithm | Path | str,
    *,
    roles: Sequence[Role] = ROLES,
    freeze: Sequence[Role] = (),
) -> list[TensorFate]:
    """Start a model's networks from another agent's, in place.

    Tensors are copied by role and name, never by position; target networks follow. The optimizer is left alone: call
    this before ``learn``. Nothing from a file is executed: only tensors are read.

    Args:
        model: A Stable-Baselines3 model, of an algorithm that rl_transfer knows.
        source: Another model of the same algorithm, the ``.zip`` that its ``save`` wrote, or the folder of a run
            that rl_transfer stored.
        roles: What to copy: features, policy_body, policy_head, exploration, value_body, value_head.
        freeze: Roles that training then leaves alone.

    Returns:
        What became of each tensor.

    Raises:
        ConfigError: If a role is unknown, the source can't be read, a tensor does not fit or is not finite, or nothing
            would be left to train; the model is unchanged then.
        StoreError: If a stored run's networks can't be read.
    """
    algorithm = networks.algorithm_name(model)
    if algorithm not in LOSS_PATHS:
        raise ConfigError(f"no roles are known for {type(model).__name__}; known: {', '.join(LOSS_PATHS)}")
    for role in (*roles, *freeze):
        if role not in get_args(Role):
            raise ConfigError(f"no role is called {role!r}; {nearest(str(role), ROLES)}")
    refuse_frozen_paths(algorithm, freeze)
    found = _read(source, algorithm)
    _refuse_non_finite(found)
    fates = copy_roles(_Model(model), found, roles, freeze)
    networks.freeze(model, freeze)
    return fates


def _read(source: BaseAlgorithm | Path | str, algorithm: str) -> Networks:
    if isinstance(source, BaseAlgorithm):
        if networks.algorithm_name(source) != algorithm:
            raise ConfigError(f"the source is a {type(source).__name__}, the model a {algorithm.upper()}: use the same")
        return networks.copy_out(source)
    path = Path(source)
    if path.is_dir():
        return read_networks(path / "agent" / "networks.safetensors")
    return _read_zip(path, algorithm)


def _read_zip(path: Path, algorithm: str) -> Networks:
    tensors = _read_tensors(path)
    if _has_two_extractors(tensors):
        raise ConfigError("policy and value have feature extractors of their own: no role stands for two", file=path)
    try:
        return networks.as_arrays(networks.sort_by_role(algorithm, tensors))
    except KeyError as error:
        raise ConfigError(f"is no {algorithm} agent of a layout known here: {error.args[0]}", file=path) from error


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("policy.pth")
        tensors = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception as error:  # a damaged file makes the readers raise almost anything
        raise ConfigError(f"can't be read as a Stable-Baselines3 agent: {error}", file=path) from error
    if not isinstance(tensors, dict) or not tensors:
        raise ConfigError("can't be read as a Stable-Baselines3 agent: policy.pth holds no tensors", file=path)
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise ConfigError(f"policy.pth holds {name!r}, which is no tensor", file=path)
    return tensors


def _has_two_extractors(tensors: dict[str, torch.Tensor]) -> bool:
    """Whether the value has other features than the policy; a shared extractor is listed under both names."""
    for name, tensor in tensors.items():
        if name.startswith("vf_features_extractor."):
            shared = tensors.get(name.removeprefix("vf_"))
            if shared is None or not torch.equal(tensor, shared):
                return True
    return False


def _refuse_non_finite(source: Networks) -> None:
    for role, tensors in source.items():
        for name, array in tensors.items():
            if not np.isfinite(array).all():
                raise ConfigError(f"the source's {role}/{name} holds NaN or infinity")
