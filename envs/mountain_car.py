"""The mountain car with every constant, the start and the goal a setting."""

import math
from typing import Any

import numpy as np
from gymnasium.envs.classic_control.mountain_car import MountainCarEnv
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import number
from rl_transfer_envs._hills import HILL_FREQUENCY, checked_road


class MountainCar(MountainCarEnv):
    """Drive out of a valley with an engine too weak for the hill: left (0), no push (1), right (2).

    The task of Moore, "Efficient memory-based learning for robot control" (1990), in Gymnasium's implementation. Every
    default is the value fixed in Gymnasium's `MountainCar-v0`, and with the defaults the two give the same trajectories
    bit for bit. `reset` takes Gymnasium's `low` and `high` options, which then replace `start_low` and `start_high`.

    Observation (float32): position and velocity of the car, in the task's own units of length and length a step.
    Reward: -1 a step. The car rests in the valley at -pi / (2 x `hill_frequency`), where the road is lowest.
    """

    def __init__(
        self,
        *,
        force: float = 0.001,
        gravity: float = 0.0025,
        hill_frequency: float = HILL_FREQUENCY,
        goal_position: float = 0.5,
        goal_velocity: float = 0.0,
        min_position: float = -1.2,
        max_position: float = 0.6,
        max_speed: float = 0.07,
        start_low: float = -0.6,
        start_high: float = -0.4,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            force: What a push adds to the velocity, above 0 (the wrapper `reverse_actions` swaps left and right).
            gravity: What the steepest road takes from it, finite. At 0 the road is flat; below 0 hills are valleys.
            hill_frequency: The road's height is the sine of this times the position; above 0. (Drawn with
                another one, the car leans as on Gymnasium's road.)
            goal_position: The episode ends at this position and beyond; above `start_high`, at most `max_position`.
            goal_velocity: The least velocity that counts as an arrival, at most `max_speed`.
            min_position: The left end of the road, a wall that stops the car.
            max_position: The right end, above `min_position`.
            max_speed: Velocities are clipped to ± this, above 0.
            start_low: The first position is uniform from here; on the road.
            start_high: Up to here; from `start_low` to `max_position`.
            render_mode: None, "human" or "rgb_array"; the last two need pygame.

        Raises:
            ValueError: A setting is out of its range.
        """
        road = checked_road(min_position, max_position, max_speed, start_low, start_high, goal_velocity)
        super().__init__(render_mode=render_mode, goal_velocity=road.goal_velocity)
        self.min_position, self.max_position, self.max_speed = road.min_position, road.max_position, road.max_speed
        self.start_low, self.start_high = road.start_low, road.start_high
        self.goal_position = road.goal(goal_position)
        self.force = number("force", force, above=0.0)
        self.gravity = number("gravity", gravity)
        self.hill_frequency = number("hill_frequency", hill_frequency, above=0.0)
        observations = road.observations()
        self.observation_space = observations
        self.low, self.high = observations.low, observations.high

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

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One step; see `gymnasium.Env.step`.

        Args:
            action: 0, 1 or 2.

        Returns:
            Observation, shape (2,), reward, whether the car has arrived, False and an empty dict.
        """
        if self.hill_frequency != HILL_FREQUENCY:
            # Gymnasium's step subtracts its own road's slope before anything is clipped.
            position, velocity = self.state
            slope = math.cos(self.hill_frequency * position) - math.cos(HILL_FREQUENCY * position)
            self.state = (position, velocity - self.gravity * slope)
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, info

    def _height(self, xs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The road as Gymnasium draws it."""
        return super()._height(xs * self.hill_frequency / HILL_FREQUENCY)  # type: ignore[no-any-return, no-untyped-call]


ENVIRONMENTS = (
    EnvSpec(
        "transfer/MountainCar-v0",
        entry_point=f"{__name__}:{MountainCar.__name__}",
        vector_entry_point="rl_transfer_envs.vector.mountain_car:MountainCars",
        reward_threshold=-110.0,
        max_episode_steps=200,
    ),
)
