"""The mountain car between hills in two directions, of Taylor, Kuhlmann and Stone (2008)."""

import math
from typing import Any

import numpy as np
from gymnasium import Env, spaces
from gymnasium.envs.classic_control.utils import maybe_parse_reset_bounds
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import choice, number
from rl_transfer_envs._hills import HILL_FREQUENCY, Road, checked_road
from rl_transfer_envs.mountain_car import MountainCar

_BOTTOM = -math.pi / (2 * HILL_FREQUENCY)
_RENDER_MODES = ("rgb_array",)
# What each action does along x and along y, in the 2-D car's words: 0 back, 1 nothing, 2 forth.
_PUSHES = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
_PIXELS = 200


class MountainCar3D(Env[NDArray[np.float32], np.int64]):
    """Drive out of a bowl: neutral (0), west (1), east (2), south (3), north (4).

    The task of Taylor, Kuhlmann and Stone, "Autonomous transfer for reinforcement learning" (AAMAS 2008), with their
    state, actions, surface sin(3x) + sin(3y), goal and reward. Along each of the two directions the car moves as the
    2-D car does (this class drives two of them), but a step pushes along one direction only, and it must be far enough
    east and north at once. Unlike in 2-D the right ends are walls that stop the car too, as in the program that Taylor
    published: a car that waits there for the other direction must not keep its speed.

    They start every episode at the bottom of the bowl, moved by at most 0.005 (once for all episodes; here anew in each
    and for x and y apart, so that evaluations see more than one start); their harder-to-miss variant starts anywhere:
    `start_low=-1.2, start_high=0.4`. They end an episode after 5000 steps. The limit registered here is 1000: a policy
    that pumps along one direction after the other arrives in under 300, and a deep learner's budget should see many
    episodes; `max_episode_steps=5000` in a task or in `gymnasium.make` gives theirs.

    Observation (float32): x, y, velocity along x, velocity along y. Reward: -1 a step. `reset` takes `low` and `high`
    options, which then replace `start_low` and `start_high`. Rendered from above: brighter is higher, the goal is
    green, the car red.
    """

    metadata = {"render_modes": list(_RENDER_MODES), "render_fps": 30}  # noqa: RUF012 - typed by Gymnasium

    def __init__(
        self,
        *,
        force: float = 0.001,
        gravity: float = 0.0025,
        hill_frequency: float = HILL_FREQUENCY,
        goal_x: float = 0.5,
        goal_y: float = 0.5,
        min_position: float = -1.2,
        max_position: float = 0.6,
        max_speed: float = 0.07,
        start_low: float = _BOTTOM - 0.005,
        start_high: float = _BOTTOM + 0.005,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            force: What a push adds to the velocity in its direction, above 0.
            gravity: What the steepest slope takes from it, finite.
            hill_frequency: The surface's height is the sine of this times x plus the sine of this times y; above 0.
            goal_x: The episode ends with x at least this and y at least `goal_y`; on the surface. At `min_position`
                only y counts, which is the 2-D car's goal.
            goal_y: The same along y. One of the two must be above `start_high`.
            min_position: The western and southern end, a wall.
            max_position: The eastern and northern end, a wall.
            max_speed: Each velocity is clipped to ± this, above 0.
            start_low: The first x and y are uniform from here; on the surface.
            start_high: Up to here; from `start_low` to `max_position`.
            render_mode: None or "rgb_array".

        Raises:
            ValueError: A setting is out of its range.
        """
        road = checked_road(min_position, max_position, max_speed, start_low, start_high)
        self.goal_x = number("goal_x", goal_x, least=road.min_position, most=road.max_position)
        self.goal_y = number("goal_y", goal_y, least=road.min_position, most=road.max_position)
        if max(self.goal_x, self.goal_y) <= road.start_high:
            raise ValueError(
                f"goal_x or goal_y must be above start_high ({road.start_high:g}), got {goal_x!r} and {goal_y!r}"
            )
        if render_mode is not None:
            choice("render_mode", render_mode, _RENDER_MODES)
        self.render_mode = render_mode
        self.road = road
        self._cars = tuple(_car(road, force, gravity, hill_frequency) for _ in range(2))
        one = road.observations()
        self.observation_space = spaces.Box(one.low.repeat(2), one.high.repeat(2), dtype=np.float32)
        self.action_space = spaces.Discrete(len(_PUSHES))

    @property
    def state(self) -> NDArray[np.float64]:
        """X, y, velocity along x, velocity along y; shape (4,). Can be set."""
        (x, x_velocity), (y, y_velocity) = (car.state for car in self._cars)
        return np.array([x, y, x_velocity, y_velocity], dtype=np.float64)

    @state.setter
    def state(self, state: NDArray[np.float64]) -> None:
        for car, position, velocity in zip(self._cars, state[:2], state[2:], strict=True):
            car.state = (position, velocity)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: `low` and `high` replace `start_low` and `start_high`.

        Returns:
            The first observation, shape (4,), and an empty dict.
        """
        super().reset(seed=seed)
        low, high = maybe_parse_reset_bounds(options, self.road.start_low, self.road.start_high)
        x, y = self.np_random.uniform(low, high, size=2)
        self.state = np.array([x, y, 0.0, 0.0])
        return self.state.astype(np.float32), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One step; see `gymnasium.Env.step`.

        Args:
            action: 0 to 4.

        Returns:
            Observation, shape (4,), reward, whether the car has arrived, False and an empty dict.

        Raises:
            ValueError: There is no such action.
        """
        if action not in self.action_space:
            raise ValueError(f"action must be one of 0 to {len(_PUSHES) - 1}, got {action!r}")
        for car, push in zip(self._cars, _PUSHES[action], strict=True):
            car.step(push)
            position, velocity = car.state
            if position == self.road.max_position and velocity > 0:
                car.state = (position, 0.0)
        state = self.state
        arrived = bool(state[0] >= self.goal_x and state[1] >= self.goal_y)
        return state.astype(np.float32), -1.0, arrived, False, {}

    def render(self) -> NDArray[np.uint8] | None:
        """The surface from above, north up.

        Returns:
            An image, shape (200, 200, 3); None without a render mode.
        """
        if self.render_mode is None:
            return None
        along = np.linspace(self.road.min_position, self.road.max_position, _PIXELS)
        car = self._cars[0]
        heights = np.sin(car.hill_frequency * along[None, :]) + np.sin(car.hill_frequency * along[::-1, None])
        image = np.repeat(((heights + 2) * 55 + 30).astype(np.uint8)[:, :, None], 3, axis=2)
        image[(along[::-1, None] >= self.goal_y) & (along[None, :] >= self.goal_x)] = (0, 160, 0)
        column, row = (int(np.abs(along - position).argmin()) for position in self.state[:2])
        top = _PIXELS - 1 - row
        image[max(top - 3, 0) : top + 4, max(column - 3, 0) : column + 4] = (200, 0, 0)
        return image


def _car(road: Road, force: float, gravity: float, hill_frequency: float) -> MountainCar:
    """A 2-D car on one of the two roads; whether it arrived is not asked of it, so its own goal is the road's end."""
    return MountainCar(
        force=force,
        gravity=gravity,
        hill_frequency=hill_frequency,
        goal_position=road.max_position,
        min_position=road.min_position,
        max_position=road.max_position,
        max_speed=road.max_speed,
        start_low=road.min_position,
        start_high=road.min_position,
    )


ENVIRONMENTS = (
    EnvSpec("transfer/MountainCar3D-v0", entry_point=f"{__name__}:{MountainCar3D.__name__}", max_episode_steps=1000),
)
