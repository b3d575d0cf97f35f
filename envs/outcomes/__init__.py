"""What a task says of transitions that are given to it: rewards and terminations, without a step being taken.

Any environment can say so by a method of this form, and so can a wrapper, of what is inside it::

    def outcomes_of(self, observation_B, action_B, next_observation_B) -> tuple[reward_B, terminated_B]

Observations and actions are those of its spaces, B of each. For the classic environments of Gymnasium, and for those
here that are made of them, `find_outcomes` knows the function. It lies apart from them, since what an environment does
does not depend on it.
"""

from collections.abc import Callable
from typing import Any

import gymnasium
from gymnasium.envs.classic_control.acrobot import AcrobotEnv
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.envs.classic_control.continuous_mountain_car import Continuous_MountainCarEnv
from gymnasium.envs.classic_control.mountain_car import MountainCarEnv
from gymnasium.envs.classic_control.pendulum import PendulumEnv
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

from rl_transfer_envs.acrobot import Acrobot
from rl_transfer_envs.cartpole import CartPole
from rl_transfer_envs.mountain_car import MountainCar
from rl_transfer_envs.mountain_car_continuous import MountainCarContinuous
from rl_transfer_envs.outcomes import _classic
from rl_transfer_envs.pendulum import Pendulum

Env = gymnasium.Env[Any, Any]
Outcomes = Callable[[Any, Any, Any], tuple[Any, Any]]
"""Rewards and terminations, B of each, of B observations, actions and next observations."""

# Exactly these: a class that was derived from one of them may do anything.
_KNOWN: dict[type[Env], Callable[[Any], Outcomes]] = {
    **dict.fromkeys((CartPoleEnv, CartPole), _classic.cartpole),
    **dict.fromkeys((MountainCarEnv, MountainCar), _classic.mountain_car),
    **dict.fromkeys((Continuous_MountainCarEnv, MountainCarContinuous), _classic.mountain_car_continuous),
    **dict.fromkeys((AcrobotEnv, Acrobot), _classic.acrobot),
    **dict.fromkeys((PendulumEnv, Pendulum), _classic.pendulum),
}
_TRANSPARENT = (TimeLimit, OrderEnforcing, PassiveEnvChecker)


def find_outcomes(env: Env, *, transparent: tuple[type[Any], ...] = ()) -> Outcomes:
    """The function of an environment that tells the rewards and terminations of given transitions.

    Args:
        env: The environment, with its wrappers.
        transparent: Wrappers, besides those that `gymnasium.make` adds, that change neither observations, actions,
            rewards nor terminations.

    Returns:
        The function.

    Raises:
        LookupError: If neither the environment nor a wrapper around it has one, or a wrapper hides it; says which.
    """
    while True:
        if callable(own := getattr(type(env), "outcomes_of", None)):
            return own.__get__(env)  # type: ignore[no-any-return]
        if not isinstance(env, gymnasium.Wrapper):
            break
        if type(env) not in (*_TRANSPARENT, *transparent):
            raise LookupError(f"the wrapper {type(env).__name__} has no outcomes_of")
        env = env.env
    if type(env) not in _KNOWN:
        raise LookupError(f"{type(env).__name__} has no outcomes_of")
    return _KNOWN[type(env)](env)
