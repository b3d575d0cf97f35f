"""From a learner's configuration to a Stable-Baselines3 model."""

from typing import Any

import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from rl_transfer.study import DQNConfig, LearnerConfig, PPOConfig

_ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "elu": torch.nn.ELU, "leaky_relu": torch.nn.LeakyReLU}
_NOT_ARGUMENTS = {"algorithm", "n_envs", "net_arch", "activation", "n_step_returns"}
_SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf")


def build_model(config: LearnerConfig, env: VecEnv, *, seed: int, device: str) -> BaseAlgorithm:
    """Make the library's model; hyperparameters have the library's own names.

    Args:
        config: The learner's configuration.
        env: Vectorised training environment.
        seed: Seed of the initial networks.
        device: Torch device.
    """
    arguments: dict[str, Any] = {
        name: getattr(config, name) for name in type(config).model_fields if name not in _NOT_ARGUMENTS
    }
    for name in _SCHEDULES:
        if isinstance(arguments.get(name), str):
            arguments[name] = LinearSchedule(float(arguments[name].removeprefix("lin_")), 0.0, 1.0)
    policy = {"net_arch": list(config.net_arch), "activation_fn": _ACTIVATIONS[config.activation]}
    arguments |= {"policy_kwargs": policy, "seed": seed, "device": device}
    match config:
        case PPOConfig():
            return PPO("MlpPolicy", env, **arguments)
        case DQNConfig():
            return DQN("MlpPolicy", env, n_steps=config.n_step_returns, **arguments)
