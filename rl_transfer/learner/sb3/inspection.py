"""What a Stable-Baselines3 model says of a batch of observations besides its actions: hidden layer, values, policy."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor, nn

from rl_transfer.knowledge import Categorical, Distribution
from rl_transfer.learner.sb3.networks import algorithm_name
from rl_transfer.learner.sb3.saying import policy_says, values_say

_HEADS = {
    "ppo": "action_net",
    "a2c": "action_net",
    "trpo": "action_net",
    "dqn": "q_net.q_net",
    "qrdqn": "quantile_net.quantile_net",
    "sac": "actor.mu",
    "tqc": "actor.mu",
    "td3": "actor.mu",
    "ddpg": "actor.mu",
}
"""By algorithm the module that ends in the layer which the actions, or their values, are read from."""


def last_hidden(model: BaseAlgorithm, observations: Any) -> NDArray[np.float64]:
    """What goes into the last linear layer of the policy, of a value learner into that of its Q-network.

    Args:
        model: The model.
        observations: B x observation shape, normalised if the model is used to that.

    Returns:
        B x units.
    """
    seen: list[Tensor] = []

    def look(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])

    head = _last_linear(model.policy.get_submodule(_HEADS[algorithm_name(model)]))
    hook = head.register_forward_pre_hook(look)
    try:
        with torch.no_grad():
            model.policy._predict(_as_tensor(model, observations), deterministic=True)
    finally:
        hook.remove()
    return seen[0].cpu().numpy().astype(np.float64)


def values(model: BaseAlgorithm, observations: Any) -> NDArray[np.float64]:
    """The value of each observation.

    V of an actor-critic; the largest Q of a value learner; of SAC, TD3, DDPG and TQC the smallest of the critics' Q at
    the deterministic policy's action. Where there are quantiles, their mean.

    Args:
        model: The model.
        observations: B x observation shape, normalised if the model is used to that.

    Returns:
        B values.
    """
    policy: Any = model.policy
    with torch.no_grad():
        tensor = _as_tensor(model, observations)
        match algorithm_name(model):
            case "ppo" | "a2c" | "trpo":
                found = policy.predict_values(tensor)[:, 0]
            case "dqn":
                found = policy.q_net(tensor).max(dim=1).values
            case "qrdqn":
                found = policy.quantile_net(tensor).mean(dim=1).max(dim=1).values
            case algorithm:
                q_CB = _critics(policy, tensor, of_quantiles=algorithm == "tqc")
                found = q_CB.min(dim=0).values
    values_B: NDArray[np.float64] = found.cpu().numpy().astype(np.float64)
    return values_B


def distribution(model: BaseAlgorithm, observations: Any, temperature: float) -> Distribution:
    """What the policy says; of a value learner the softmax of Q over a temperature.

    Args:
        model: The model.
        observations: B x observation shape, normalised if the model is used to that.
        temperature: What a value learner's Q is divided by.
    """
    with torch.no_grad():
        batch = _as_tensor(model, observations)
        if algorithm_name(model) in ("dqn", "qrdqn"):
            q_BA = _array(values_say(model, batch))
            return Categorical(q_BA / temperature, (q_BA.shape[1],))
        tensors, meaning = policy_says(model, batch)
        return meaning(tuple(map(_array, tensors)))


def _array(tensor: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = tensor.cpu().numpy().astype(np.float64)
    return found


def _critics(policy: Any, tensor: Tensor, *, of_quantiles: bool) -> Tensor:
    """Each critic's Q at the deterministic policy's action; critics x B."""
    found = policy.critic(tensor, policy._predict(tensor, deterministic=True))
    if of_quantiles:
        return found.mean(dim=2).T  # type: ignore[no-any-return]
    return torch.stack([q[:, 0] for q in found])


def _as_tensor(model: BaseAlgorithm, observations: Any) -> Any:
    model.policy.set_training_mode(False)
    return model.policy.obs_to_tensor(observations)[0]


def _last_linear(module: nn.Module) -> nn.Module:
    """The module itself, or the last linear layer inside it."""
    return [part for part in module.modules() if isinstance(part, nn.Linear)][-1]
