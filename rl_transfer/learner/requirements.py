"""What each algorithm needs of a task, and which roles its losses train; known without importing the library."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Role
from rl_transfer.study import (
    ALGORITHMS,
    LEARNERS,
    EvaluationConfig,
    ImageConfig,
    LearnerConfig,
    choose_architectures,
    has_parameters,
    image_shape,
)

_PATHS: dict[str, tuple[Role, ...]] = {
    "policy": ("policy_body", "policy_head"),
    "value": ("value_body", "value_head"),
}
LOSS_PATHS: dict[str, dict[str, tuple[Role, ...]]] = {
    name: {part: _PATHS[part] for part in LEARNERS[name].parts} for name in ALGORITHMS
}
"""By algorithm: the roles that each of its losses trains, besides the features."""
VALUE_LEARNERS = tuple(name for name in ALGORITHMS if "policy" not in LOSS_PATHS[name])
"""Algorithms that have no policy apart from their value."""
POLICY_ROLES: tuple[Role, ...] = ("features", "policy_body", "policy_head", "exploration")
"""What the policy's actions depend on."""

_ANY_ACTION = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
_ACTION_SPACES: dict[str, tuple[type[Space[Any]], ...]] = {
    name: (spaces.Discrete,) if name in VALUE_LEARNERS else (spaces.Box,) if LEARNERS[name].off_policy else _ANY_ACTION
    for name in ALGORITHMS
}
_COUNTING = "give the task the wrapper count_from_zero"
_OBSERVATION_SPACES = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


def reading(config: LearnerConfig, observation_space: Space[Any]) -> dict[str, str]:
    """What the numbers of a learner's roles mean besides their names; equal texts can be copied into each other."""
    chosen = choose_architectures(config.features, observation_space).values()
    images = [one for one in chosen if isinstance(one, ImageConfig)]
    found = dict.fromkeys(("policy_body", "value_body"), f"{config.activation} layers")
    found["optimizer"] = "rmsprop" if getattr(config, "use_rms_prop", False) else "adam"
    if images:
        found["features"] = f"pixels scaled as {' and '.join(sorted({one.input for one in images}))}"
    return found


def refuse_frozen_paths(algorithm: str, frozen: Collection[Role]) -> None:
    """Refuse to freeze for ever what can't be frozen: every layer that a loss trains, or a policy without optimizer.

    Raises:
        ConfigError: If nothing would be left for one of the algorithm's losses to train, or for TRPO's policy.
    """
    for loss, roles in LOSS_PATHS[algorithm].items():
        if set(roles) <= set(frozen):
            what = f"freezing {' and '.join(roles)} leaves {algorithm}'s {loss} loss nothing to train"
            raise ConfigError(f"{what}: thaw one of them", key="freeze")
    refuse_without_optimizer(algorithm, frozen, key="freeze")


def refuse_without_optimizer(algorithm: str, roles: Collection[Role], *, key: str) -> None:
    """Refuse to change how TRPO trains its policy: it is moved by a line search of its own, through no optimizer.

    Raises:
        ConfigError: Names the roles that can't be changed.
    """
    bound = [role for role in roles if role in POLICY_ROLES]
    if algorithm == "trpo" and bound:
        what = f"trpo's policy uses no optimizer, so {' and '.join(bound)} can't be frozen, delayed or scaled"
        raise ConfigError(f"{what}: leave these out, or use ppo", key=key)


def refuse_empty_roles(
    config: LearnerConfig,
    observation_space: Space[Any],
    action_space: Space[Any],
    *,
    named: Collection[Role],
    carried: Collection[Role],
) -> None:
    """Refuse settings that name roles in which this learner has nothing on this task.

    Args:
        config: The learner.
        observation_space: The task's.
        action_space: The task's.
        named: Roles to freeze or scale: none may be empty.
        carried: Roles to copy: not all may be empty.

    Raises:
        ConfigError: Names the role and says why it is empty.
    """
    algorithm = config.algorithm
    empty: dict[Role, str] = {}
    if algorithm in VALUE_LEARNERS:
        empty |= dict.fromkeys(("policy_body", "policy_head"), f"{algorithm} has no policy apart from its value")
    if not has_parameters(config.features, observation_space):
        empty["features"] = "observations go straight into the bodies"
    if not config.off_policy and not isinstance(action_space, spaces.Box):
        empty["exploration"] = f"{algorithm} explores by its policy's own probabilities"
    if carried and empty.keys() >= set(carried):
        raise ConfigError(f"this learner has nothing in {' and '.join(carried)}: nothing would be carried", key="roles")
    for role in named:
        if role in empty:
            raise ConfigError(f"this learner has no {role} to freeze or scale ({empty[role]}): leave it out")


def refuse_idle_learning(config: LearnerConfig, budget_steps: int) -> None:
    """Refuse settings with which nothing would ever be learned.

    Raises:
        ConfigError: Names the setting.
    """
    if getattr(config, "normalize_advantage", False) and config.rollout_steps < 2:
        raise ConfigError(f"{config.algorithm} can't learn from rollouts of one step: raise n_steps", key="n_steps")
    starts = getattr(config, "learning_starts", 0)
    if starts >= budget_steps:
        what = f"learning would start after {starts} steps, the budget has {budget_steps}"
        raise ConfigError(f"{what}: lower it", key="learning_starts")


def refuse_random_evaluation(config: LearnerConfig, evaluation: EvaluationConfig) -> None:
    """Refuse to evaluate a value learner's exploration: it changes while training goes on, the curve would show that.

    Raises:
        ConfigError: Says to evaluate the greedy policy.
    """
    if not evaluation.deterministic and config.algorithm in VALUE_LEARNERS:
        what = f"{config.algorithm}'s policy is the greedy one: evaluate with deterministic: true"
        raise ConfigError(what, key="deterministic")


def refuse_missing_device(device: str) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        ConfigError: Says to take the CPU.
    """
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ConfigError("torch sees no CUDA device on this machine: use device: cpu", key="device")


def refuse_unsuitable_spaces(config: LearnerConfig, observation_space: Space[Any], action_space: Space[Any]) -> None:
    """Refuse a task whose spaces the learner can't learn in.

    Raises:
        ConfigError: Names the space and the algorithms that could.
    """
    algorithm = config.algorithm
    if not isinstance(action_space, _ACTION_SPACES[algorithm]):
        able = [name for name, kinds in _ACTION_SPACES.items() if isinstance(action_space, kinds)]
        hint = f"learner.algorithm could be {' or '.join(able)}" if able else "no algorithm here can"
        raise ConfigError(f"{algorithm} can't act in {action_space}: {hint}")
    for space in _parts(observation_space):
        if not isinstance(space, _OBSERVATION_SPACES):
            kinds = ", ".join(kind.__name__ for kind in (*_OBSERVATION_SPACES, spaces.Dict))
            raise ConfigError(f"{algorithm} can't learn from {space}: only from {kinds}")
    for space in (action_space, *_parts(observation_space)):
        if np.any(getattr(space, "start", 0)):
            raise ConfigError(f"{algorithm} counts from 0, {space} does not: {_COUNTING}")
    _refuse_unsuitable_actions(config, action_space)
    _refuse_unsuitable_observations(config, observation_space)


def _refuse_unsuitable_actions(config: LearnerConfig, space: Space[Any]) -> None:
    if isinstance(space, spaces.Box):
        if not space.is_bounded():
            raise ConfigError(f"{config.algorithm} needs bounded actions, not {space}: wrap the task in bounds")
    elif getattr(config, "use_sde", False):
        raise ConfigError(f"use_sde explores in continuous actions, not {space}: set it to false")


def _refuse_unsuitable_observations(config: LearnerConfig, space: Space[Any]) -> None:
    if isinstance(space, spaces.Dict) and getattr(config, "n_step_returns", 1) > 1:
        raise ConfigError("n_step_returns above 1 do not go together with Dict observations: set it to 1")
    choose_architectures(config.features, space)
    if config.normalize.observation and not any(map(_can_be_normalized, _parts(space))):
        raise ConfigError(f"only Box observations that are no images can be normalised, not {space}")


def _can_be_normalized(space: Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and image_shape(space) is None


def _parts(space: Space[Any]) -> Iterator[Space[Any]]:
    if isinstance(space, spaces.Dict):
        yield from space.values()
    else:
        yield space
