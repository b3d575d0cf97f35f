"""What each algorithm needs of a task, and which roles its losses train; known without importing the library."""

from collections.abc import Collection
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Role
from rl_transfer.study import DQNConfig, EvaluationConfig, LearnerConfig, PPOConfig

LOSS_PATHS: dict[str, dict[str, tuple[Role, ...]]] = {
    "ppo": {"policy": ("policy_body", "policy_head"), "value": ("value_body", "value_head")},
    "dqn": {"value": ("value_body", "value_head")},
}

_ACTION_SPACES: dict[str, tuple[type[Space[Any]], ...]] = {
    "ppo": (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary),
    "dqn": (spaces.Discrete,),
}
_OBSERVATION_SPACES = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


def refuse_frozen_paths(algorithm: str, frozen: Collection[Role]) -> None:
    """Refuse to freeze every layer that a loss trains.

    Raises:
        ConfigError: If nothing would be left for one of the algorithm's losses to train.
    """
    for loss, roles in LOSS_PATHS[algorithm].items():
        if set(roles) <= set(frozen):
            what = f"freezing {' and '.join(roles)} leaves {algorithm}'s {loss} loss nothing to train"
            raise ConfigError(f"{what}: thaw one of them", key="freeze")


def refuse_idle_learning(config: LearnerConfig, budget_steps: int) -> None:
    """Refuse settings with which nothing would ever be learned.

    Raises:
        ConfigError: Names the setting.
    """
    if isinstance(config, PPOConfig) and config.rollout_steps < 2:
        raise ConfigError("ppo can't learn from rollouts of one step: raise n_steps", key="n_steps")
    if isinstance(config, DQNConfig) and config.learning_starts >= budget_steps:
        what = f"learning would start after {config.learning_starts} steps, the budget has {budget_steps}"
        raise ConfigError(f"{what}: lower it", key="learning_starts")


def refuse_random_evaluation(config: LearnerConfig, evaluation: EvaluationConfig) -> None:
    """Refuse to evaluate a value learner's exploration: it changes while training goes on, the curve would show that.

    Raises:
        ConfigError: Says to evaluate the greedy policy.
    """
    if not evaluation.deterministic and isinstance(config, DQNConfig):
        raise ConfigError("dqn's policy is the greedy one: evaluate with deterministic: true", key="deterministic")


def refuse_missing_device(device: str) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        ConfigError: Says to take the CPU.
    """
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ConfigError("torch sees no CUDA device on this machine: use device: cpu", key="device")


def refuse_unsuitable_spaces(algorithm: str, observation_space: Space[Any], action_space: Space[Any]) -> None:
    """Refuse a task whose spaces the algorithm can't learn in.

    Raises:
        ConfigError: Names the space and the algorithms that could.
    """
    if not isinstance(action_space, _ACTION_SPACES[algorithm]):
        able = [name for name, kinds in _ACTION_SPACES.items() if isinstance(action_space, kinds)]
        hint = f"learner.algorithm could be {' or '.join(able)}" if able else "no algorithm here can"
        raise ConfigError(f"{algorithm} can't act in {action_space}: {hint}")
    if not isinstance(observation_space, _OBSERVATION_SPACES):
        kinds = ", ".join(kind.__name__ for kind in _OBSERVATION_SPACES)
        raise ConfigError(f"{algorithm} can't learn from {observation_space}: only from {kinds}")
    for space in (action_space, observation_space):
        if np.any(getattr(space, "start", 0)):
            raise ConfigError(f"{algorithm} counts from 0, {space} does not")
