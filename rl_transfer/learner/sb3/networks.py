"""The tensors of a Stable-Baselines3 model by role: reading, loading, freezing, synchronising targets."""

from collections.abc import Callable, Collection, Iterator, Mapping

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Networks, Role
from rl_transfer.learner.sb3.roles import assign_roles

_TARGETS = (("q_net", "q_net_target"),)
_OUTPUTS = ("action_net", "value_net", "q_net")


def algorithm_name(model: BaseAlgorithm) -> str:
    """Lower-case name of a model's algorithm."""
    return type(model).__name__.lower()


def by_role(model: BaseAlgorithm) -> dict[Role, dict[str, Tensor]]:
    """The model's own tensors (no copies) by role and name."""
    _refuse_separate_features(model)
    return sort_by_role(algorithm_name(model), model.policy.state_dict())


def sort_by_role(algorithm: str, tensors: Mapping[str, Tensor]) -> dict[Role, dict[str, Tensor]]:
    """A policy's state dictionary by role and name, without aliases and target networks."""
    found: dict[Role, dict[str, Tensor]] = {role: {} for role in ROLES}
    for tensor, place in assign_roles(algorithm, tensors).items():
        if place is not None:
            found[place[0]][place[1]] = tensors[tensor]
    return found


def _refuse_separate_features(model: BaseAlgorithm) -> None:
    """Two feature extractors don't fit one role; copying only one of them would be a silent loss."""
    policy = model.policy
    if isinstance(policy, ActorCriticPolicy) and policy.vf_features_extractor is not policy.pi_features_extractor:
        raise ConfigError("policy and value have feature extractors of their own: build the model with a shared one")


def copy_out(model: BaseAlgorithm) -> Networks:
    """Copies of the model's tensors as arrays by role."""
    return as_arrays(by_role(model))


def as_arrays(networks: Mapping[Role, Mapping[str, Tensor]]) -> Networks:
    """Copies of tensors as arrays."""
    return {
        role: {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}
        for role, tensors in networks.items()
    }


def copy_in(model: BaseAlgorithm, networks: Networks) -> None:
    """Overwrite tensors of the model, all or none, and synchronise its target networks.

    Raises:
        ConfigError: If a tensor is unknown or has another shape.
    """
    ours = by_role(model)
    pairs = []
    for role, arrays in networks.items():
        for name, array in arrays.items():
            tensor = ours[role].get(name)
            if tensor is None:
                raise ConfigError(
                    f"the target's {role} has no tensor {name!r}; it has {', '.join(ours[role]) or 'none'}"
                )
            if tuple(tensor.shape) != array.shape:
                raise ConfigError(
                    f"{role}/{name} has shape {array.shape} in the source, {tuple(tensor.shape)} in the target"
                )
            pairs.append((tensor, array))
    with torch.no_grad():
        for tensor, array in pairs:
            tensor.copy_(torch.as_tensor(array))
    synchronise_targets(model)


def synchronise_targets(model: BaseAlgorithm) -> None:
    """Make every target network equal to the network that it follows."""
    for name, target in _TARGETS:
        network = getattr(model.policy, name, None)
        if network is not None:
            getattr(model.policy, target).load_state_dict(network.state_dict())


def freeze(model: BaseAlgorithm, roles: Collection[Role]) -> None:
    """Take the roles' parameters out of training, and running statistics (batch normalisation) with them."""
    for parameter in _parameters(model, roles):
        parameter.requires_grad_(False)
    for tensor, place in assign_roles(algorithm_name(model), model.policy.state_dict()).items():
        layer, _, name = tensor.rpartition(".")
        if name == "running_mean" and place is not None and place[0] in roles:
            # The library puts the whole policy into training mode before each update.
            model.policy.get_submodule(layer).register_forward_pre_hook(_leave_training_mode)


def _leave_training_mode(layer: torch.nn.Module, _: object) -> None:
    layer.eval()


def _parameters(model: BaseAlgorithm, roles: Collection[Role]) -> Iterator[torch.nn.Parameter]:
    parameters = dict(model.policy.named_parameters())
    for name, place in assign_roles(algorithm_name(model), parameters).items():
        if place is not None and place[0] in roles:
            yield parameters[name]


def is_finite(model: BaseAlgorithm) -> bool:
    """Whether every parameter is a finite number."""
    return all(bool(torch.isfinite(parameter).all()) for parameter in model.policy.parameters())


def watch_outputs(model: BaseAlgorithm, on_not_finite: Callable[[], None]) -> None:
    """Have a function called whenever the policy or the value gives something that is not finite.

    Weights can still be finite then: the sum of two huge terms is not.
    """

    def look(_: torch.nn.Module, __: object, output: Tensor) -> None:
        if not bool(torch.isfinite(output).all()):
            on_not_finite()

    for name in _OUTPUTS:
        if (network := getattr(model.policy, name, None)) is not None:
            network.register_forward_hook(look)
