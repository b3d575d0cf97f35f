"""Rewards and terminations of given transitions, as the classic environments' steps compute them.

Observations are float32, the environments' own states mostly are not: at a threshold, to within that rounding, what is
told of a transition may differ from what the step said.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer_envs.mountain_car_continuous import _ACTION_COST, _GOAL_REWARD
from rl_transfer_envs.pendulum import ANGLE_COST, SPEED_COST, TORQUE_COST

Array = NDArray[Any]
Outcomes = Callable[[Array, Array, Array], tuple[Array, Array]]


def cartpole(env: Any) -> Outcomes:
    """1 a step, or Sutton and Barto's -1 for the fall; over where cart or pole is beyond its threshold."""

    def outcomes_of(_: Array, __: Array, following_B: Array) -> tuple[Array, Array]:
        beyond_B = np.abs(following_B[:, 0]) > env.x_threshold
        fallen_B = beyond_B | (np.abs(following_B[:, 2]) > env.theta_threshold_radians)
        if env._sutton_barto_reward:
            return np.where(fallen_B, -1.0, 0.0), fallen_B
        return np.ones(len(following_B)), fallen_B

    return outcomes_of


def mountain_car(env: Any) -> Outcomes:
    """-1 a step; over at the goal."""

    def outcomes_of(_: Array, __: Array, following_B: Array) -> tuple[Array, Array]:
        return np.full(len(following_B), -1.0), _arrived(env, following_B)

    return outcomes_of


def mountain_car_continuous(env: Any) -> Outcomes:
    """A reward at the goal, where it is over, less the cost of the push."""
    goal_reward = getattr(env, "goal_reward", _GOAL_REWARD)
    action_cost = getattr(env, "action_cost", _ACTION_COST)

    def outcomes_of(_: Array, action_B: Array, following_B: Array) -> tuple[Array, Array]:
        arrived_B = _arrived(env, following_B)
        return np.where(arrived_B, goal_reward, 0.0) - action_cost * action_B[:, 0].astype(np.float64) ** 2, arrived_B

    return outcomes_of


def _arrived(env: Any, following_B: Array) -> Array:
    # In float32, as the observation is: a goal between two of its numbers is reached at the nearest.
    goal = np.asarray((env.goal_position, env.goal_velocity), following_B.dtype)
    return np.asarray((following_B >= goal).all(axis=1))


def acrobot(env: Any) -> Outcomes:
    """-1 a step, 0 for the one that swings the tip above the goal, where it is over."""
    height = getattr(env, "goal_height", 1.0)

    def outcomes_of(_: Array, __: Array, following_B: Array) -> tuple[Array, Array]:
        cos_1, sin_1, cos_2, sin_2 = following_B[:, :4].astype(np.float64).T
        above_B = -cos_1 - (cos_1 * cos_2 - sin_1 * sin_2) > height
        return np.where(above_B, 0.0, -1.0), above_B

    return outcomes_of


def pendulum(env: Any) -> Outcomes:
    """Minus the costs of angle, speed and torque, all of before the step; never over."""
    goal = getattr(env, "goal_angle", 0.0)
    costs = [
        getattr(env, name, usual)
        for name, usual in (("angle_cost", ANGLE_COST), ("speed_cost", SPEED_COST), ("torque_cost", TORQUE_COST))
    ]

    def outcomes_of(observation_B: Array, action_B: Array, _: Array) -> tuple[Array, Array]:
        cos, sin, speed = observation_B.astype(np.float64).T
        angle = (np.arctan2(sin, cos) - goal + np.pi) % (2 * np.pi) - np.pi
        torque = np.clip(action_B[:, 0].astype(np.float64), -env.max_torque, env.max_torque)
        cost_B = costs[0] * angle**2 + costs[1] * speed**2 + costs[2] * torque**2
        return -cost_B, np.zeros(len(cost_B), np.bool_)

    return outcomes_of
