"""From a learner's configuration to a Stable-Baselines3 model."""

from importlib import import_module
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import ActionNoise, NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from rl_transfer.errors import ConfigError
from rl_transfer.learner.sb3.features import extractor_arguments
from rl_transfer.study import LearnerConfig

_ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "elu": torch.nn.ELU, "leaky_relu": torch.nn.LeakyReLU}
_SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf")
_NOISES = {"normal": NormalActionNoise, "ornstein-uhlenbeck": OrnsteinUhlenbeckActionNoise}
_CLASSES = {
    "stable_baselines3": ("PPO", "A2C", "DQN", "SAC", "TD3", "DDPG"),
    "sb3_contrib": ("TQC", "QRDQN", "TRPO"),
}
# What the library takes as arguments of the policy, and what is no argument at all.
_OF_THE_POLICY = ("ortho_init", "log_std_init", "share_features_extractor", "n_critics", "n_quantiles")
_NOT_ARGUMENTS = {
    *("algorithm", "n_envs", "net_arch", "activation", "features", "normalize"),
    *("n_step_returns", "noise_type", "noise_std", *_OF_THE_POLICY),
}


def model_class(algorithm: str) -> type[BaseAlgorithm]:
    """The library's class of an algorithm.

    Raises:
        ConfigError: If it belongs to a library that is not installed.
    """
    for library, names in _CLASSES.items():
        for name in names:
            if name.lower() == algorithm:
                return _import(library, name)
    raise KeyError(algorithm)


def _import(library: str, name: str) -> type[BaseAlgorithm]:
    try:
        found: type[BaseAlgorithm] = getattr(import_module(library), name)
    except ModuleNotFoundError as error:
        hint = "pip install 'rl-transfer[contrib]'"
        raise ConfigError(f"{name.lower()} needs {library}: {hint}", key="algorithm") from error
    return found


def build_model(config: LearnerConfig, env: VecEnv, *, seed: int, device: str) -> BaseAlgorithm:
    """Make the library's model; hyperparameters have the library's own names.

    Args:
        config: The learner's configuration.
        env: Vectorised training environment.
        seed: Seed of the initial networks.
        device: Torch device.

    Raises:
        ConfigError: If the algorithm's library is not installed, or the feature extractor does not fit the space.
    """
    fields = type(config).model_fields
    arguments: dict[str, Any] = {name: getattr(config, name) for name in fields if name not in _NOT_ARGUMENTS}
    for name in _SCHEDULES:
        if isinstance(arguments.get(name), str):
            arguments[name] = LinearSchedule(float(arguments[name].removeprefix("lin_")), 0.0, 1.0)
    if config.off_policy:
        arguments["n_steps"] = config.n_step_returns  # type: ignore[union-attr]
    if (noise := _noise(config, env.action_space)) is not None:
        arguments["action_noise"] = noise
    policy = {"net_arch": _layers(config), "activation_fn": _ACTIVATIONS[config.activation]}
    policy |= {name: getattr(config, name) for name in _OF_THE_POLICY if name in fields}
    policy |= extractor_arguments(config.features, env.observation_space)
    arguments |= {"policy_kwargs": policy, "seed": seed, "device": device}
    kind = "MultiInputPolicy" if isinstance(env.observation_space, spaces.Dict) else "MlpPolicy"
    return model_class(config.algorithm)(kind, env, **arguments)


def _layers(config: LearnerConfig) -> Any:
    arch = config.net_arch
    return list(arch) if isinstance(arch, tuple) else {name: list(layers) for name, layers in arch}


def _noise(config: LearnerConfig, action_space: spaces.Space[Any]) -> ActionNoise | None:
    kind = getattr(config, "noise_type", None)
    if kind is None:
        return None
    assert isinstance(action_space, spaces.Box)
    size = np.ones(action_space.shape)
    return _NOISES[kind](np.zeros_like(size), config.noise_std * size)  # type: ignore[union-attr, no-any-return]
