"""Quadratic penalties on a Stable-Baselines3 model's parameters, beside the losses that train them."""

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor
from torch.optim import Optimizer

from rl_transfer.knowledge import Networks
from rl_transfer.learner.sb3.networks import by_role


class Penalties:
    """Adds the gradients of penalties just before each optimizer step.

    Args:
        model: The model.
    """

    def __init__(self, model: BaseAlgorithm) -> None:
        self._model = model
        self._added: dict[Tensor, list[tuple[Tensor, Tensor]]] = {}

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

    def add_gradients(self, optimizer: Optimizer) -> bool:
        """Add to the gradients that an optimizer is about to use; returns whether there are penalties."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                for centre, strength in self._added.get(parameter, ()):
                    if parameter.grad is not None:
                        parameter.grad.add_(strength * (parameter.detach() - centre))
        return bool(self._added)
