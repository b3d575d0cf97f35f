"""How a Stable-Baselines3 model trains: what is frozen until when, and how fast each role moves."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor
from torch.optim import Optimizer

from rl_transfer.knowledge import Role
from rl_transfer.learner.sb3.networks import algorithm_name, by_role

_OPTIMIZERS = ("policy.optimizer", "actor.optimizer", "critic.optimizer", "ent_coef_optimizer")
_WHOLE = "groups before the split"
_DEPTH: dict[Role, int] = {
    "exploration": 0,
    "policy_head": 0,
    "value_head": 0,
    "policy_body": 1,
    "value_body": 1,
    "features": 2,
}


def optimizers(model: BaseAlgorithm) -> list[Optimizer]:
    """All optimizers of a model."""
    found: list[Optimizer] = []
    for path in _OPTIMIZERS:
        thing: Any = model
        for name in path.split("."):
            thing = getattr(thing, name, None)
        if thing is not None and all(thing is not other for other in found):
            found.append(thing)
    return found


class Regime:
    """What training leaves alone and how fast it moves the rest; acts just before each optimizer step.

    The library overwrites the learning rate of every parameter group before each update, so a rate of its own is set
    only for the step itself: before and after it, an optimizer has the one group that the library's files know.
    A frozen parameter gets no gradient. Where that would leave an optimizer without any, its gradients are dropped
    before the step instead. What is frozen until a step stays as it is in all updates that use the steps up to it, and
    moves again from the second minibatch after it.

    Args:
        model: The model; its count of steps is the clock.
    """

    def __init__(self, model: BaseAlgorithm) -> None:
        self._model = model
        self._until: dict[Tensor, float] = {}
        self._scale: dict[Tensor, float] = {}
        self._held: set[Tensor] = set()
        self._watched: set[torch.nn.Module] = set()
        for optimizer in optimizers(model):
            optimizer.register_step_pre_hook(self._before_step)
            optimizer.register_step_post_hook(self._after_step)

    def freeze(self, roles: Collection[Role], until: int | None = None, *, gradual: bool = False) -> None:
        """Freeze roles, running statistics (batch normalisation) included.

        Args:
            roles: What to freeze.
            until: The last step whose updates leave them alone; None freezes for ever.
            gradual: Thaw layer after layer from the heads down, evenly spread, the last one at ``until``.
        """
        ours = by_role(self._model)
        depths = {(role, name): depth for role in roles for name, depth in _depths(role, list(ours[role])).items()}
        layers = sorted(set(depths.values()))
        for (role, name), depth in depths.items():
            share = (layers.index(depth) + 1) / len(layers) if gradual else 1.0
            self._hold(ours[role][name], math.inf if until is None else until * share)
        self._leave_running_statistics()
        self._hold_now()

    def freeze_policy(self, until: int) -> None:
        """Freeze all that the policy's actions depend on, until a step."""
        for role, name, tensor in self._tensors():
            of_the_value = role.startswith("value") or (role == "features" and name.startswith("value."))
            if not of_the_value:
                self._hold(tensor, until)
        self._leave_running_statistics()
        self._hold_now()

    def scale_learning_rate(self, scales: Mapping[Role, float]) -> None:
        """Let roles move with a multiple of the learning rate that the library's schedule says."""
        for role, _, tensor in self._tensors():
            if role in scales:
                self._scale[tensor] = scales[role]

    def _tensors(self) -> Iterator[tuple[Role, str, Tensor]]:
        for role, tensors in by_role(self._model).items():
            for name, tensor in tensors.items():
                yield role, name, tensor

    def _hold(self, tensor: Tensor, until: float) -> None:
        if until > 0:
            self._until[tensor] = max(until, self._until.get(tensor, 0.0))

    def _hold_now(self) -> None:
        """Bring what gets gradients up to date with the clock."""
        held = {tensor for tensor, until in self._until.items() if self._model.num_timesteps <= until}
        if held == self._held:
            return
        self._held = held
        groups = [set(_parameters(optimizer)) for optimizer in optimizers(self._model)]
        # TRPO's value has a loss of its own, which must keep something to differentiate, beside a policy in one group.
        alone = algorithm_name(self._model) == "trpo"
        idle = set().union(*(group for group in groups if alone or group <= held))
        for parameter in set().union(*groups) & self._until.keys():
            parameter.requires_grad_(parameter not in held or parameter in idle)

    def _before_step(self, optimizer: Optimizer, *_: object) -> None:
        if self._until:
            self._hold_now()
            for parameter in _parameters(optimizer):
                if parameter in self._held:
                    parameter.grad = None
        if self._scale:
            # Another regime of the same model may have split them already: the original travels with the parts.
            whole = optimizer.param_groups[0].get(_WHOLE, optimizer.param_groups)
            optimizer.param_groups = [
                group | {"params": parameters, "lr": group["lr"] * scale, _WHOLE: whole}
                for group in optimizer.param_groups
                for scale, parameters in self._by_scale(group["params"]).items()
            ]

    def _after_step(self, optimizer: Optimizer, *_: object) -> None:
        optimizer.param_groups = optimizer.param_groups[0].get(_WHOLE, optimizer.param_groups)

    def _by_scale(self, parameters: Collection[Tensor]) -> dict[float, list[Tensor]]:
        found: dict[float, list[Tensor]] = {}
        for parameter in parameters:
            found.setdefault(self._scale.get(parameter, 1.0), []).append(parameter)
        return found

    def _leave_running_statistics(self) -> None:
        for layer in self._model.policy.modules():
            # The library puts the whole policy into training mode before each update.
            if getattr(layer, "running_mean", None) in self._until and layer not in self._watched:
                self._watched.add(layer)
                layer.register_forward_pre_hook(self._evaluation_mode)

    def _evaluation_mode(self, layer: torch.nn.Module, _: object) -> None:
        if layer.running_mean in self._held:
            layer.eval()


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _depths(role: Role, names: list[str]) -> dict[str, tuple[int, int]]:
    """How far below the heads each tensor is: the part of the network, then the layer in it, counted from its top."""
    stacks: dict[str, list[str]] = {}
    places = {}
    for name in names:
        stack, layer = _stack_and_layer(name)
        layers = stacks.setdefault(stack, [])
        if layer not in layers:
            layers.append(layer)
        places[name] = (stack, layer)
    return {
        name: (_DEPTH[role], len(stacks[stack]) - 1 - stacks[stack].index(layer) if _DEPTH[role] else 0)
        for name, (stack, layer) in places.items()
    }


def _stack_and_layer(name: str) -> tuple[str, str]:
    """Critics, and the feature extractors of policy and value, are stacks of layers side by side."""
    stack = match[0] if (match := re.match(r"(?:qf\d+|policy|value)\.", name)) else ""
    return stack, name.removeprefix(stack).rpartition(".")[0]
