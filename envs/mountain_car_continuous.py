"""The mountain car with a continuous engine; every constant, the start, the goal and the reward a setting."""

import math
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.continuous_mountain_car import Continuous_MountainCarEnv
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import number
from rl_transfer_envs._hills import HILL_FREQUENCY, checked_road

# Written into Gymnasium's step; other values are applied as the difference from these.
_GRAVITY = 0.0025
_GOAL_REWARD = 100.0
_ACTION_COST = 0.1
_LARGEST = float(np.finfo(np.float32).max)


class MountainCarContinuous(Continuous_MountainCarEnv):
    """Drive out of a valley with an engine too weak for the hill, pushing as much as one likes.

    Moore's mountain car (1990) with a continuous push, in Gymnasium's implementation. Every default is the value fixed
    in Gymnasium's `MountainCarContinuous-v0`, and with the defaults the two give the same trajectories bit for bit.
    `reset` takes Gymnasium's `low` and `high` options, which then replace `start_low` and `start_high`.

    Observation (float32): position and velocity of the car, in the task's own units of length and length a step.
    Action (float32): the push. Reward: minus `action_cost` times the squared action (as given, before it is clipped),
    and `goal_reward` for the arrival.
    """

    def __init__(
        self,
        *,
        power: float = 0.0015,
        gravity: float = _GRAVITY,
        hill_frequency: float = HILL_FREQUENCY,
        goal_position: float = 0.45,
        goal_velocity: float = 0.0,
        min_position: float = -1.2,
        max_position: float = 0.6,
        max_speed: float = 0.07,
        max_action: float = 1.0,
        start_low: float = -0.6,
        start_high: float = -0.4,
        goal_reward: float = _GOAL_REWARD,
        action_cost: float = _ACTION_COST,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            power: What a push of 1 adds to the velocity, above 0.
            gravity: What the steepest road takes from it, finite. At 0 the road is flat; below 0 hills are valleys.
            hill_frequency: The road's height is the sine of this times the position; above 0. (Drawn with
                another one, the car leans as on Gymnasium's road.)
            goal_position: The episode ends at this position and beyond; above `start_high`, at most `max_position`.
            goal_velocity: The least velocity that counts as an arrival, at most `max_speed`.
            min_position: The left end of the road, a wall that stops the car.
            max_position: The right end, above `min_position`.
            max_speed: Velocities are clipped to ± this, above 0.
            max_action: Pushes are clipped to ± this, above 0; the bounds of the action space.
            start_low: The first position is uniform from here; on the road.
            start_high: Up to here; from `start_low` to `max_position`.
            goal_reward: The reward for arriving, finite.
            action_cost: The cost of a push of 1, finite.
            render_mode: None, "human" or "rgb_array"; the last two need pygame.

        Raises:
            ValueError: A setting is out of its range.
        """
        road = checked_road(min_position, max_position, max_speed, start_low, start_high, goal_velocity)
        super().__init__(render_mode=render_mode, goal_velocity=road.goal_velocity)
        self.min_position, self.max_position, self.max_speed = road.min_position, road.max_position, road.max_speed
        self.start_low, self.start_high = road.start_low, road.start_high
        self.goal_position = road.goal(goal_position)
        self.power = number("power", power, above=0.0)
        self.gravity = number("gravity", gravity)
        self.hill_frequency = number("hill_frequency", hill_frequency, above=0.0)
        self.max_action = number("max_action", max_action, above=0.0, most=_LARGEST)
        self.min_action = -self.max_action
        self.goal_reward = number("goal_reward", goal_reward)
        self.action_cost = number("action_cost", action_cost)
        self.action_space = spaces.Box(self.min_action, self.max_action, shape=(1,), dtype=np.float32)
        observations = road.observations()
        self.observation_space = observations
        self.low_state, self.high_state = observations.low, observations.high

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: `low` and `high` replace `start_low` and `start_high`.

        Returns:
            The first observation, shape (2,), and an empty dict.
        """
        bounds = {"low": self.start_low, "high": self.start_high} | (options or {})
        observation, info = super().reset(seed=seed, options=bounds)
        return observation, info

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One step; see `gymnasium.Env.step`.

        Args:
            action: The push, shape (1,).

        Returns:
            Observation, shape (2,), reward, whether the car has arrived, False and an empty dict.
        """
        if (self.gravity, self.hill_frequency) != (_GRAVITY, HILL_FREQUENCY):
            # Gymnasium's step subtracts its own road's pull before anything is clipped.
            position = self.state[0]
            pull = self.gravity * math.cos(self.hill_frequency * position)
            self.state = self.state - np.array([0.0, pull - _GRAVITY * math.cos(HILL_FREQUENCY * position)])
        observation, reward, terminated, truncated, info = super().step(action)
        reward -= (self.action_cost - _ACTION_COST) * math.pow(action[0], 2)
        if terminated:
            reward += self.goal_reward - _GOAL_REWARD
        return observation, reward, terminated, truncated, info

    def _height(self, xs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The road as Gymnasium draws it."""
        return super()._height(xs * self.hill_frequency / HILL_FREQUENCY)  # type: ignore[no-any-return, no-untyped-call]


ENVIRONMENTS = (
    EnvSpec(
        "transfer/MountainCarContinuous-v0",
        entry_point=f"{__name__}:{MountainCarContinuous.__name__}",
        reward_threshold=90.0,
        max_episode_steps=999,
    ),
)
