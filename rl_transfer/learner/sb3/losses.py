"""Losses on the minibatches of a Stable-Baselines3 model, beside those that the library computes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor
from torch.optim import Optimizer

from rl_transfer.errors import ConfigError
from rl_transfer.learner.losses import CriticsLoss, Loss, Minibatch, PolicyLoss, ValuesLoss
from rl_transfer.learner.sb3.networks import algorithm_name
from rl_transfer.learner.sb3.saying import critics_say, policy_says, values_say

Arrays = tuple[NDArray[np.float64], ...]


class Losses:
    """Adds the gradients of losses just before each optimizer step; knows the minibatch that the step learns from.

    What the networks say is computed anew for that, as they act: no running statistics move, nothing is dropped out.

    Args:
        model: The model.
    """

    def __init__(self, model: BaseAlgorithm) -> None:
        self._model = model
        self._added: list[Loss] = []
        self._seen: tuple[Any, Minibatch] | None = None

    def add(self, loss: Loss) -> None:
        """Add a loss.

        Raises:
            ConfigError: If the model has no network, or no optimizer, of the kind that it is about.
        """
        algorithm = algorithm_name(self._model)
        kinds = _trained_by(algorithm)
        if not kinds:
            raise ConfigError(f"{algorithm}'s policy uses no optimizer, so no loss can be added to it: use ppo")
        if not isinstance(loss, tuple(kinds)):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise ConfigError(f"{algorithm} takes a {wanted}, {type(loss).__name__} is none")
        self._added.append(loss)

    @contextmanager
    def with_others(self, losses: Sequence[Loss]) -> Iterator[None]:
        """Other losses than those added so far, for a while.

        Raises:
            ConfigError: As :meth:`add`.
        """
        before, self._added = self._added, []
        try:
            for loss in losses:
                self.add(loss)
            yield
        finally:
            self._added, self._seen = before, None

    def see(self, observations: Any, batch: Minibatch) -> None:
        """Take note of the minibatch that the next optimizer steps learn from.

        Args:
            observations: As the networks take them: tensors, normalised.
            batch: What losses get of it.
        """
        self._seen = observations, batch

    def add_gradients(self, optimizer: Optimizer) -> bool:
        """Add to the gradients that an optimizer is about to use; returns whether there was anything to add."""
        if not self._added or self._seen is None:
            return False
        changed = False
        for kind, part in _trained_by(algorithm_name(self._model)).items():
            losses = [loss for loss in self._added if isinstance(loss, kind)]
            if losses and optimizer is _part(self._model, part).optimizer:
                changed |= self._add_of_kind(kind, losses, optimizer)
        return changed

    def _add_of_kind(self, kind: type[Loss], losses: Sequence[Any], optimizer: Optimizer) -> bool:
        policy = self._model.policy
        was_training = policy.training
        policy.set_training_mode(False)
        try:
            if kind is CriticsLoss:
                return self._of_critics(losses, optimizer)
            ask = self._of_policy if kind is PolicyLoss else self._of_values
            return ask(losses, optimizer)
        finally:
            policy.set_training_mode(was_training)

    def _of_policy(self, losses: Sequence[PolicyLoss], optimizer: Optimizer) -> bool:
        assert self._seen is not None
        observations, batch = self._seen
        tensors, meaning = policy_says(self._model, observations)
        said = meaning(_arrays(tensors))
        found = [self._taken(loss, loss.of_policy(batch, said)) for loss in losses]
        return _backward(tensors, [one.arrays for one in found if one is not None], optimizer)

    def _of_values(self, losses: Sequence[ValuesLoss], optimizer: Optimizer) -> bool:
        assert self._seen is not None
        observations, batch = self._seen
        q_BA = values_say(self._model, observations)
        found = [self._taken(loss, loss.of_values(batch, *_arrays((q_BA,)))) for loss in losses]
        return _backward((q_BA,), [(one,) for one in found if one is not None], optimizer)

    def _of_critics(self, losses: Sequence[CriticsLoss], optimizer: Optimizer) -> bool:
        changed = [self._add_of_critics(loss, optimizer) for loss in losses]  # each asks about actions of its own
        return any(changed)

    def _add_of_critics(self, loss: CriticsLoss, optimizer: Optimizer) -> bool:
        assert self._seen is not None
        observations, batch = self._seen
        with torch.no_grad():
            tensors, meaning = policy_says(self._model, observations)
        further = loss.further_actions(batch, meaning(_arrays(tensors)))
        own = np.asarray(batch.action_B).reshape(len(batch), 1, -1)
        action_BKD = own if further is None else np.concatenate([own, further], axis=1)
        asked = torch.as_tensor(action_BKD, dtype=torch.float32, device=self._model.device)
        q_CBK = critics_say(self._model, observations, asked)
        found = self._taken(loss, loss.of_critics(batch, *_arrays((q_CBK,))))
        return found is not None and _backward((q_CBK,), [(found,)], optimizer)

    def _taken(self, loss: Loss, found: tuple[float, Any] | None) -> Any:
        """The gradient of what a loss found; its value goes to the log."""
        if found is None:
            return None
        self._model.logger.record_mean(f"train/{loss.name}_loss", found[0])
        return found[1]


def _trained_by(algorithm: str) -> dict[type[Loss], str]:
    """By kind of loss the part of a model whose optimizer trains what the loss is about."""
    match algorithm:
        case "ppo" | "a2c":
            return {PolicyLoss: "policy"}
        case "dqn" | "qrdqn":
            return {ValuesLoss: "policy"}
        case "trpo":
            return {}  # its policy uses no optimizer
        case _:
            return {PolicyLoss: "actor", CriticsLoss: "critic"}


def _part(model: BaseAlgorithm, name: str) -> Any:
    return model.policy if name == "policy" else getattr(model, name)


def _arrays(tensors: tuple[Tensor, ...]) -> Arrays:
    return tuple(tensor.detach().cpu().numpy().astype(np.float64) for tensor in tensors)


def _backward(tensors: tuple[Tensor, ...], found: Sequence[Arrays], optimizer: Optimizer) -> bool:
    """Add to the gradients of an optimizer's parameters what gradients with respect to tensors mean for them."""
    trained = [tensor for tensor in tensors if tensor.requires_grad]
    if not found or not trained:
        return False
    total = [np.sum(arrays, axis=0) for arrays in zip(*found, strict=True)]
    given = [
        torch.as_tensor(array).to(tensor) for tensor, array in zip(tensors, total, strict=True) if tensor.requires_grad
    ]
    parameters = [one for group in optimizer.param_groups for one in group["params"] if one.requires_grad]
    gradients = torch.autograd.grad(trained, parameters, given, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
    return True


def change_gradients(
    model: BaseAlgorithm, optimizers: Sequence[Optimizer], changes: Sequence[Callable[[Optimizer], bool]]
) -> None:
    """Have gradients changed just before each optimizer step, and the sum clipped as the library clips its own.

    Args:
        model: The model.
        optimizers: Its optimizers.
        changes: Each changes the gradients that an optimizer is about to use, and says whether it has.
    """
    limit: Any = getattr(model, "max_grad_norm", None)

    def before_step(optimizer: Optimizer, *_: object) -> None:
        changed = [change(optimizer) for change in changes]
        if any(changed) and limit is not None:
            torch.nn.utils.clip_grad_norm_(model.policy.parameters(), limit)

    for optimizer in optimizers:
        optimizer.register_step_pre_hook(before_step)
