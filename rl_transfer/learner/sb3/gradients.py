"""The size of a Stable-Baselines3 model's gradients by role, before anything clips or changes them."""

from typing import Any, cast

from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor
from torch.optim import Optimizer

from rl_transfer.knowledge import ROLES, Role
from rl_transfer.learner.sb3.networks import by_role
from rl_transfer.learner.sb3.regime import optimizers

EVERY = 8
"""Of so many steps of an optimizer one is looked at: a look costs as much as a tenth of a small network's update."""


class GradientNorms:
    """Sums up squared gradient norms by tensor, of each optimizer's first step after a call and every eighth.

    The library clips between making gradients and the step, so that a hook of the step would come too late: the norms
    are taken as gradients are made. Those of a step count where it uses them: what is frozen has none.

    Args:
        model: The model.
    """

    def __init__(self, model: BaseAlgorithm) -> None:
        self._name = {
            tensor: f"{role}/{name}" for role, tensors in by_role(model).items() for name, tensor in tensors.items()
        }
        self._sums: dict[str, tuple[float, int]] = {}
        self._latest: dict[Tensor, float] = {}
        self._hooks: dict[Optimizer, list[Any]] = {}
        self._steps: dict[Optimizer, int] = {}
        for optimizer in optimizers(model):
            optimizer.register_step_pre_hook(self._before_step)
            optimizer.register_step_post_hook(self._after_step)
            self._steps[optimizer] = 0
            self._listen(optimizer)

    def take(self) -> dict[Role, float]:
        """By role the root mean square norm since the last call."""
        squares: dict[Role, list[float]] = {role: [] for role in ROLES}
        for name, (total, count) in self._sums.items():
            squares[cast(Role, name.partition("/")[0])].append(total / count)
        self._sums = {}
        for optimizer in self._steps.keys() - self._hooks.keys():
            self._listen(optimizer)
        return {role: sum(found) ** 0.5 for role, found in squares.items() if found}

    def state(self) -> dict[str, tuple[float, int]]:
        """What a checkpoint must keep."""
        return dict(self._sums)

    def load_state(self, state: dict[str, tuple[float, int]]) -> None:
        """Go on from what :meth:`state` gave."""
        self._sums = dict(state)

    def _listen(self, optimizer: Optimizer) -> None:
        """Have the norms of the next gradients taken."""
        self._hooks[optimizer] = [
            tensor.register_post_accumulate_grad_hook(self._look)  # type: ignore[no-untyped-call]
            for tensor in _parameters(optimizer)
            if tensor in self._name and tensor.requires_grad
        ]

    def _look(self, tensor: Tensor) -> None:
        assert tensor.grad is not None
        self._latest[tensor] = float(tensor.grad.norm())

    def _before_step(self, optimizer: Optimizer, *_: object) -> None:
        if not (hooks := self._hooks.pop(optimizer, None)):
            return
        for hook in hooks:
            hook.remove()
        for tensor in _parameters(optimizer):
            norm = self._latest.pop(tensor, None)
            if norm is not None and tensor.grad is not None:
                total, count = self._sums.get(self._name[tensor], (0.0, 0))
                self._sums[self._name[tensor]] = total + norm**2, count + 1

    def _after_step(self, optimizer: Optimizer, *_: object) -> None:
        self._steps[optimizer] += 1
        if self._steps[optimizer] % EVERY == 0:
            self._listen(optimizer)


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]
