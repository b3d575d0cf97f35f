"""What a model's optimizers keep for each tensor, by role and name."""

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor
from torch.optim import Optimizer

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import OptimizerState
from rl_transfer.learner.sb3.networks import by_role
from rl_transfer.learner.sb3.regime import optimizers

_ADAM = {"exp_avg", "exp_avg_sq", "step"}
_RMSPROP = {"square_avg", "step"}
_KEPT = {"Adam": _ADAM, "AdamW": _ADAM, "RMSprop": _RMSPROP, "RMSpropTFLike": _RMSPROP}


def main_optimizer(model: BaseAlgorithm) -> Optimizer:
    """The one whose steps are counted: each minibatch update has one, of the value where the policy has its own."""
    critic = getattr(model.policy, "critic", None)
    found: Optimizer = model.policy.optimizer if critic is None else critic.optimizer
    return found


def kind(model: BaseAlgorithm) -> str:
    """What keeps the same for each tensor has one name."""
    name = type(main_optimizer(model)).__name__.lower()
    return "rmsprop" if name.startswith("rmsprop") else name


def copy_out(model: BaseAlgorithm) -> OptimizerState:
    """Copies of what the optimizers keep for each tensor."""
    found = {}
    for tensor, (name, optimizer) in _owners(model).items():
        if kept := optimizer.state.get(tensor):
            found[name] = {what: torch.as_tensor(value).cpu().numpy().copy() for what, value in kept.items()}
    return found


def copy_in(model: BaseAlgorithm, state: OptimizerState) -> None:
    """Let the optimizers go on from a state; tensors that it says nothing of start fresh.

    Raises:
        ConfigError: If it is another kind of optimizer's, or does not fit a tensor; nothing has changed then.
    """
    pairs = []
    for tensor, (name, optimizer) in _owners(model).items():
        if kept := state.get(name):
            expected = _KEPT.get(type(optimizer).__name__)
            if expected is None:
                kind = type(optimizer).__name__
                raise ConfigError(f"the state of {kind} can't be carried: use optimizer: fresh", key="optimizer")
            if kept.keys() != expected:
                raise ConfigError(
                    f"the source's optimizer keeps {', '.join(sorted(kept))}, the target's "
                    f"{', '.join(sorted(expected))}: use optimizer: fresh",
                    key="optimizer",
                )
            if any(array.size > 1 and array.shape != tensor.shape for array in kept.values()):
                raise ConfigError(f"the source's optimizer state of {name} has another shape", key="optimizer")
            pairs.append((optimizer, tensor, kept))
    for optimizer, tensor, kept in pairs:
        # Adam's own count of steps stays on the CPU.
        optimizer.state[tensor] = {
            what: torch.tensor(array, device=None if what == "step" else tensor.device) for what, array in kept.items()
        }


def _owners(model: BaseAlgorithm) -> dict[Tensor, tuple[str, Optimizer]]:
    """Each trained tensor's ``role/name`` and optimizer."""
    names = {tensor: f"{role}/{name}" for role, tensors in by_role(model).items() for name, tensor in tensors.items()}
    return {
        parameter: (names[parameter], optimizer)
        for optimizer in reversed(optimizers(model))
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter in names
    }
