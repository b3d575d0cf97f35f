"""Quadratic penalties on a Stable-Baselines3 model's parameters, beside the losses that train them."""

from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor
from torch.optim import Optimizer

from rl_transfer.knowledge import Networks
from rl_transfer.learner.sb3.networks import by_role


class Penalties:
    """Adds the gradients of penalties just before each optimizer step, and clips the sum as the library clips its own.

    Args:
        model: The model.
        optimizers: Its optimizers.
    """

    def __init__(self, model: BaseAlgorithm, optimizers: list[Optimizer]) -> None:
        self._model = model
        self._added: dict[Tensor, list[tuple[Tensor, Tensor]]] = {}
        for optimizer in optimizers:
            optimizer.register_step_pre_hook(self._before_step)

    def add(self, centre: Networks, strength: Networks) -> None:
        """Add half the sum of ``strength * (parameter - centre)**2``.

        Args:
            centre: Where each named tensor is drawn to.
            strength: How strongly, for the same tensors and of their shapes.
        """
        ours = by_role(self._model)
        for role, arrays in centre.items():
            for name, array in arrays.items():
                tensor = ours[role][name]
                pair = (torch.as_tensor(one).to(tensor) for one in (array, strength[role][name]))
                self._added.setdefault(tensor, []).append(tuple(pair))  # type: ignore[arg-type]

    def _before_step(self, optimizer: Optimizer, *_: object) -> None:
        if not self._added:
            return
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                for centre, strength in self._added.get(parameter, ()):
                    if parameter.grad is not None:
                        parameter.grad.add_(strength * (parameter.detach() - centre))
        limit: Any = getattr(self._model, "max_grad_norm", None)
        if limit is not None:
            torch.nn.utils.clip_grad_norm_(self._model.policy.parameters(), limit)
