"""The tensors of a Stable-Baselines3 model by role: reading, loading, synchronising targets."""

from collections.abc import Callable, Mapping

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Networks, Role
from rl_transfer.learner.sb3.features import Picture
from rl_transfer.learner.sb3.roles import assign_roles, twin_features

_TARGETS = ("q_net", "quantile_net", "actor", "critic")
_OUTPUTS = ("action_net", "value_net", "q_net", "quantile_net", "actor.mu", "critic")
# Learned by SAC and TQC beside the policy; no part of its state dictionary.
_ENTROPY = "log_ent_coef"
_ACTIVATIONS = {"Tanh": "tanh", "ReLU": "relu", "ELU": "elu", "LeakyReLU": "leaky_relu"}


def algorithm_name(model: BaseAlgorithm) -> str:
    """Lower-case name of a model's algorithm."""
    return type(model).__name__.lower()


def by_role(model: BaseAlgorithm) -> dict[Role, dict[str, Tensor]]:
    """The model's own tensors (no copies) by role and name."""
    shared = getattr(model.policy, "share_features_extractor", True)
    found = _sort(algorithm_name(model), model.policy.state_dict(keep_vars=True), shared)
    if (entropy := getattr(model, _ENTROPY, None)) is not None:
        found["exploration"][_ENTROPY] = entropy
    return found


def sort_by_role(
    algorithm: str, tensors: Mapping[str, Tensor], variables: Mapping[str, Tensor]
) -> dict[Role, dict[str, Tensor]]:
    """The tensors of a saved model by role and name, without aliases and target networks.

    Args:
        algorithm: Lower-case name of the algorithm.
        tensors: The policy's state dictionary.
        variables: What was saved beside it.

    Raises:
        KeyError: If a tensor has no role.
    """
    shared = all(torch.equal(tensors[ours], tensors[theirs]) for ours, theirs in twin_features(tensors))
    found = _sort(algorithm, tensors, shared)
    if (entropy := variables.get(_ENTROPY)) is not None:
        found["exploration"][_ENTROPY] = entropy
    return found


def _sort(algorithm: str, tensors: Mapping[str, Tensor], shared: bool) -> dict[Role, dict[str, Tensor]]:
    found: dict[Role, dict[str, Tensor]] = {role: {} for role in ROLES}
    for tensor, place in assign_roles(algorithm, tensors, shared_features=shared).items():
        if place is not None:
            found[place[0]][place[1]] = tensors[tensor]
    return found


def reading(model: BaseAlgorithm) -> dict[str, str]:
    """What the numbers of a model's roles mean besides their names, in the words of :func:`..requirements.reading`."""
    activation = getattr(getattr(model.policy, "activation_fn", None), "__name__", "")
    layers = f"{_ACTIVATIONS.get(activation, activation)} layers"
    scalings = {module.scaling for module in model.policy.modules() if isinstance(module, Picture)}
    if not scalings:
        scalings = {"unit" if model.policy.normalize_images else "raw"}
    return {
        "policy_body": layers,
        "value_body": layers,
        "features": f"pixels scaled as {' and '.join(sorted(scalings))}",
    }


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
    for name in _TARGETS:
        target = getattr(model.policy, f"{name}_target", None)
        if target is not None:
            target.load_state_dict(getattr(model.policy, name).state_dict())


def is_finite(model: BaseAlgorithm) -> bool:
    """Whether every parameter is a finite number."""
    return all(bool(torch.isfinite(tensor).all()) for role in by_role(model).values() for tensor in role.values())


def watch_outputs(model: BaseAlgorithm, on_not_finite: Callable[[], None]) -> None:
    """Have a function called whenever the policy or the value gives something that is not finite.

    Weights can still be finite then: the sum of two huge terms is not.
    """

    def look(_: torch.nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
        for tensor in output if isinstance(output, tuple) else (output,):
            if not bool(torch.isfinite(tensor).all()):
                on_not_finite()

    modules = dict(model.policy.named_modules())
    for name in _OUTPUTS:
        if name in modules:
            modules[name].register_forward_hook(look)


def extra_variables(model: BaseAlgorithm) -> dict[str, Tensor]:
    """What the library leaves out of a model's parameters, though it restores their optimizer (#391, #1403)."""
    entropy = getattr(model, _ENTROPY, None)
    return {} if entropy is None else {_ENTROPY: entropy.detach().clone()}


def load_extra_variables(model: BaseAlgorithm, variables: Mapping[str, Tensor]) -> None:
    """Read back what :func:`extra_variables` gave."""
    with torch.no_grad():
        for name, tensor in variables.items():
            getattr(model, name).copy_(tensor)
