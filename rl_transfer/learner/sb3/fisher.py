"""The diagonal of the Fisher information of a Stable-Baselines3 model's parameters."""

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor
from torch.distributions import Categorical, Distribution

from rl_transfer.knowledge import Networks
from rl_transfer.learner.sb3.networks import algorithm_name, as_arrays, by_role


def fisher_diagonal(model: BaseAlgorithm, observations: Any, *, temperature: float) -> Networks:
    """The mean over observations of the squared gradients of all that the model says of one.

    That is the log-probability of an action drawn from its policy, and each of its values, as the mean of a Gaussian
    of variance 1. A deterministic policy's action is such a mean too, in units of the bounds; a value learner's policy
    is the softmax of its values, and these count for no more.

    Args:
        model: The model; torch's global generator draws the actions.
        observations: B x observation shape, normalised if the model is used to that; an environment's, or experience's.
        temperature: What a value learner's values are divided by before the softmax.

    Returns:
        By role and name, of the parameters' shapes; 0 for tensors that no gradient reaches.
    """
    model.policy.set_training_mode(False)
    batch = model.policy.obs_to_tensor(_without_columns(model.observation_space, observations))[0]
    count = len(next(iter(batch.values())) if isinstance(batch, dict) else batch)
    tensors = by_role(model)
    trained = [tensor for found in tensors.values() for tensor in found.values() if tensor.requires_grad]
    sums = {tensor: torch.zeros_like(tensor, dtype=torch.float64) for tensor in trained}
    for row in range(count):
        for output in _outputs(model, _row(batch, row), temperature):
            gradients = torch.autograd.grad(output, trained, retain_graph=True, allow_unused=True)
            for tensor, gradient in zip(trained, gradients, strict=True):
                if gradient is not None:
                    sums[tensor] += gradient.double() ** 2
    return as_arrays(
        {
            role: {
                name: (sums[tensor] / count).to(tensor.dtype) if tensor in sums else torch.zeros_like(tensor)
                for name, tensor in found.items()
            }
            for role, found in tensors.items()
        }
    )


def _outputs(model: BaseAlgorithm, one: Any, temperature: float) -> list[Tensor]:
    """Numbers whose squared gradients add up to the Fisher information at one observation."""
    policy: Any = model.policy
    match algorithm_name(model):
        case "ppo" | "a2c" | "trpo":
            found = policy.get_distribution(one).distribution
            parts = found if isinstance(found, list) else [found]  # one for each of several discrete actions
            chosen = torch.stack([_log_probability(part)[0] for part in parts])
            return [chosen.sum(), policy.predict_values(one)[0, 0]]
        case "dqn":
            return [_log_probability(Categorical(logits=policy.q_net(one) / temperature))[0]]
        case "qrdqn":
            return [_log_probability(Categorical(logits=policy.quantile_net(one).mean(dim=1) / temperature))[0]]
        case "sac" | "tqc":
            mean, log_std, more = policy.actor.get_action_dist_params(one)
            found = policy.actor.action_dist.proba_distribution(mean, log_std, **more).distribution
            before_squashing = found.sample()
            return [_log_probability(found, before_squashing)[0], *_critics(policy, one, before_squashing.tanh())]
        case _:
            action = policy.actor(one)
            return [*action[0], *_critics(policy, one, action.detach())]


def _log_probability(distribution: Distribution, sample: Tensor | None = None) -> Tensor:
    """Of a sample for each row of a batch; B."""
    sample = distribution.sample() if sample is None else sample
    return distribution.log_prob(sample).reshape(len(sample), -1).sum(dim=1)


def _critics(policy: Any, one: Any, action: Tensor) -> list[Tensor]:
    """Each critic's value of an action; where there are quantiles, their mean."""
    found = policy.critic(one, action)
    return [values.mean() for values in (found[0] if isinstance(found, Tensor) else found)]


def _without_columns(space: spaces.Space[Any], observations: Any) -> Any:
    """Experience holds a number as a column of width 1, which the library does not take for a batch."""
    if isinstance(space, spaces.Dict):
        return {key: _without_columns(inner, observations[key]) for key, inner in space.spaces.items()}
    return observations.reshape(-1) if isinstance(space, spaces.Discrete) else observations


def _row(batch: Any, row: int) -> Any:
    if isinstance(batch, dict):
        return {key: tensor[row : row + 1] for key, tensor in batch.items()}
    return batch[row : row + 1]
