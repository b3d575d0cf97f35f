"""Where hyperparameters are looked for: by algorithm, nothing that changes shapes, rollouts or evaluation points.

The ranges are those of rl-baselines3-zoo 2.9.2 (Raffin 2020, ``rl_zoo3/hyperparams_opt.py``), less what would change
the networks (``net_arch``, ``activation_fn``), the rollout (``n_steps``, ``train_freq``) or the charge for a step
(``gradient_steps``). Batch sizes start at 32, since smaller ones are slow.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rl_transfer.study import ChoicesConfig, LearnerConfig, RangeConfig

Dimension = RangeConfig | ChoicesConfig
Space = dict[str, Dimension]

_DIGITS = 3
_LEARNING_RATE = RangeConfig(low=1e-5, high=2e-3, log=True)
_FROM_1 = {
    "gamma": RangeConfig(low=1e-4, high=0.03, log=True),
    "gae_lambda": RangeConfig(low=1e-4, high=0.1, log=True),
}
"""Hyperparameters near 1, which are drawn by their distance from it."""
_ENTROPY = RangeConfig(low=1e-8, high=0.1, log=True)
_GRADIENT = RangeConfig(low=0.3, high=2.0)
_TAU = RangeConfig(low=1e-3, high=0.08, log=True)
_ON_POLICY_BATCHES = ChoicesConfig(choices=(32, 64, 128, 256, 512, 1024))
_OFF_POLICY_BATCHES = ChoicesConfig(choices=(32, 64, 128, 256, 512, 1024, 2048))
_A2C: Space = {"ent_coef": _ENTROPY, "max_grad_norm": _GRADIENT}
_PPO: Space = {
    **_A2C,
    "batch_size": _ON_POLICY_BATCHES,
    "n_epochs": ChoicesConfig(choices=(1, 5, 10, 20)),
    "clip_range": ChoicesConfig(choices=(0.1, 0.2, 0.3, 0.4)),
}
_TRPO: Space = {
    "batch_size": _ON_POLICY_BATCHES,
    "n_critic_updates": ChoicesConfig(choices=(5, 10, 20, 30)),
    "cg_max_steps": ChoicesConfig(choices=(5, 10, 15, 20, 30)),
    "target_kl": RangeConfig(low=1e-3, high=0.1, log=True),
}
_Q_LEARNER: Space = {
    "batch_size": _OFF_POLICY_BATCHES,
    "exploration_fraction": RangeConfig(low=0.01, high=0.5),
    "exploration_final_eps": RangeConfig(low=0.0, high=0.2),
    "target_update_interval": ChoicesConfig(choices=(1, 10, 100, 300, 1000, 3000, 10_000, 20_000)),
}
_SAC: Space = {"batch_size": _OFF_POLICY_BATCHES, "tau": _TAU}
_NOISY: Space = {
    **_SAC,
    "noise_type": ChoicesConfig(choices=(None, "normal", "ornstein-uhlenbeck")),
    "noise_std": RangeConfig(low=0.01, high=0.5),
}
_OWN: dict[str, Space] = {
    "ppo": _PPO,
    "a2c": _A2C,
    "trpo": _TRPO,
    "dqn": _Q_LEARNER,
    "qrdqn": _Q_LEARNER,
    "sac": _SAC,
    "tqc": _SAC,
    "td3": _NOISY,
    "ddpg": _NOISY,
}


@dataclass(frozen=True)
class _Scale:
    """Between a hyperparameter and the number that is drawn for it.

    Attributes:
        name: What is drawn.
        there: From the hyperparameter's value.
        back: To it, rounded so that a file with it can be read.
    """

    name: str
    there: Callable[[Any], Any]
    back: Callable[[Any], Any]


def _scale(name: str, learner: LearnerConfig) -> _Scale:
    """How a hyperparameter is drawn; a schedule that falls goes on falling."""
    if name in _FROM_1:
        return _Scale(f"one_minus_{name}", lambda value: 1 - value, lambda drawn: round(1 - _rounded(drawn), 7))
    if isinstance(value := getattr(learner, name), str) and value.startswith("lin_"):
        return _Scale(name, lambda text: float(text.removeprefix("lin_")), lambda drawn: f"lin_{_rounded(drawn)}")
    return _Scale(name, lambda value: value, _rounded)


def _rounded(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _names(algorithm: str) -> Space:
    """By hyperparameter where it is looked for, before anything is known of the defaults."""
    on_policy = {} if algorithm not in ("ppo", "a2c", "trpo") else {"gae_lambda": _FROM_1["gae_lambda"]}
    return {"learning_rate": _LEARNING_RATE, "gamma": _FROM_1["gamma"], **on_policy, **_OWN[algorithm]}


def search_space(learners: Sequence[LearnerConfig], budget: int) -> Space:
    """Where the hyperparameters of some learners of one algorithm are looked for, the same for all.

    Args:
        learners: The defaults: ranges are widened until they hold them.
        budget: Steps on the target; what would act less than twice in it is left out.

    Returns:
        By name of what is drawn, the range or the choices.
    """
    space: Space = {}
    for name, dimension in _names(learners[0].algorithm).items():
        drawn = [_scale(name, learner).there(getattr(learner, name)) for learner in learners]
        if isinstance(dimension, RangeConfig):
            space[_scale(name, learners[0]).name] = _widened(dimension, drawn)
        else:
            fitting = [value for value in dimension.choices if _fits(name, value, learners, budget)]
            space[name] = ChoicesConfig(choices=tuple(dict.fromkeys([*fitting, *drawn])))
    return {name: one for name, one in space.items() if not isinstance(one, ChoicesConfig) or len(one.choices) > 1}


def _widened(dimension: RangeConfig, defaults: Sequence[float]) -> RangeConfig:
    """A range that holds the defaults too; where it is drawn by its logarithm, 0 counts as its lowest."""
    known = [value for value in defaults if not dimension.log or value > 0]
    low, high = min([dimension.low, *known]), max([dimension.high, *known])
    return RangeConfig(low=float(low), high=float(high), log=dimension.log)


def _fits(name: str, value: Any, learners: Sequence[LearnerConfig], budget: int) -> bool:
    if name == "batch_size" and not learners[0].off_policy:
        return all(learner.rollout_steps % value == 0 for learner in learners)
    return name != "target_update_interval" or 2 * value <= budget


def to_drawn(learner: LearnerConfig, space: Space) -> dict[str, Any]:
    """The point of the space that stands for a learner."""
    point = {}
    for name in _names(learner.algorithm):
        scale = _scale(name, learner)
        dimension = space.get(scale.name)
        if isinstance(dimension, RangeConfig):
            value = float(scale.there(getattr(learner, name)))
            point[scale.name] = min(max(value, dimension.low), dimension.high)
        elif dimension is not None:
            point[scale.name] = scale.there(getattr(learner, name))
    return point


def to_hyperparameters(drawn: dict[str, Any], default: LearnerConfig) -> dict[str, Any]:
    """The hyperparameters that a point of the space stands for, under the learner's own names.

    Args:
        drawn: The point.
        default: The learner that they are laid over.

    Returns:
        What differs from the default.
    """
    scales = {name: _scale(name, default) for name in _names(default.algorithm)}
    values = {name: scale.back(drawn[scale.name]) for name, scale in scales.items() if scale.name in drawn}
    return {name: value for name, value in values.items() if not _same(value, getattr(default, name))}


def _same(value: Any, default: Any) -> bool:
    numbers = all(isinstance(one, int | float) for one in (value, default))
    return math.isclose(value, default, rel_tol=1e-9) if numbers else bool(value == default)
