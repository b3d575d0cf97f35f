"""What the networks of a Stable-Baselines3 model say of a batch, as tensors that can be differentiated."""

from collections.abc import Callable
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor
from torch.distributions import Bernoulli, Normal
from torch.distributions import Distribution as TorchDistribution

from rl_transfer.knowledge import Categorical, Deterministic, Distribution, Gaussian
from rl_transfer.learner.sb3.networks import algorithm_name

Said = tuple[tuple[Tensor, ...], Callable[[tuple[Any, ...]], Distribution]]
"""Tensors, and what arrays of the same shapes would mean."""


def policy_says(model: BaseAlgorithm, batch: Any) -> Said:
    """The policy of a model that has one.

    Args:
        model: The model.
        batch: Observations as the model's networks take them.
    """
    policy: Any = model.policy
    match algorithm_name(model):
        case "ppo" | "a2c" | "trpo":
            return _distribution_says(policy.get_distribution(batch).distribution, model.action_space)
        case "sac" | "tqc":
            mean, log_std, more = policy.actor.get_action_dist_params(batch)
            found = policy.actor.action_dist.proba_distribution(mean, log_std, **more).distribution
            return (found.mean, found.stddev.log()), lambda arrays: Gaussian(arrays[0], arrays[1], squashed=True)
        case _:
            return (policy.actor(batch),), lambda arrays: Deterministic(arrays[0])


def _distribution_says(found: TorchDistribution | list[TorchDistribution], space: spaces.Space[Any]) -> Said:
    if isinstance(found, Normal):
        assert isinstance(space, spaces.Box)
        low, high = (torch.as_tensor(bound.ravel()).to(found.mean) for bound in (space.low, space.high))
        half = (high - low) / 2
        in_units = (found.mean - (low + high) / 2) / half, found.stddev.log() - half.log()
        return in_units, lambda arrays: Gaussian(arrays[0], arrays[1], squashed=False)
    if isinstance(found, Bernoulli):
        assert isinstance(space, spaces.MultiBinary)
        logits = torch.stack([torch.zeros_like(found.logits), found.logits], dim=2).flatten(start_dim=1)
        return (logits,), lambda arrays: Categorical(arrays[0], sizes=(2,) * (logits.shape[1] // 2))
    parts: list[Any] = found if isinstance(found, list) else [found]
    sizes = tuple(part.logits.shape[1] for part in parts)
    return (torch.cat([part.logits for part in parts], dim=1),), lambda arrays: Categorical(arrays[0], sizes=sizes)


def values_say(model: BaseAlgorithm, batch: Any) -> Tensor:
    """A value learner's Q of each action, where there are quantiles their mean; B x A."""
    policy: Any = model.policy
    q_BA: Tensor = policy.q_net(batch) if algorithm_name(model) == "dqn" else policy.quantile_net(batch).mean(dim=1)
    return q_BA


def critics_say(model: BaseAlgorithm, batch: Any, action_BKD: Tensor) -> Tensor:
    """What each critic says of K actions for each observation; critics x B x K.

    Args:
        model: A model with critics of actions.
        batch: Observations as the model's networks take them.
        action_BKD: Actions in units of the bounds.
    """
    policy: Any = model.policy
    count, further = action_BKD.shape[:2]
    repeated = _map(batch, lambda column: column.repeat_interleave(further, dim=0))
    found = policy.critic(repeated, action_BKD.flatten(end_dim=1))
    q_CN = found.mean(dim=2).T if isinstance(found, Tensor) else torch.stack([q[:, 0] for q in found])
    return q_CN.reshape(len(q_CN), count, further)


def _map(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    return {key: change(column) for key, column in batch.items()} if isinstance(batch, dict) else change(batch)
