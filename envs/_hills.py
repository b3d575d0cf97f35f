"""What the mountain cars have in common: the road, where it ends, where cars start and where they must arrive."""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from rl_transfer_envs._checks import number

# Where Gymnasium's cars drive: the valley's bottom is at -pi/6, the hill's top at pi/6.
HILL_FREQUENCY = 3.0
# Observation spaces are stored in float32.
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Road:
    """A stretch of road and how fast a car may drive on it; `checked_road` makes one.

    Attributes:
        min_position: Its left end, a wall.
        max_position: Its right end.
        max_speed: Velocities are clipped to ± this.
        start_low: The lowest start position.
        start_high: The highest.
        goal_velocity: The least velocity that counts at the goal.
    """

    min_position: float
    max_position: float
    max_speed: float
    start_low: float
    start_high: float
    goal_velocity: float

    def goal(self, goal_position: float) -> float:
        """A goal that no car starts at, on the road.

        Args:
            goal_position: Where it is.

        Returns:
            The same.

        Raises:
            ValueError: It is not right of `start_high` or beyond the road's end.
        """
        checked: float = number("goal_position", goal_position, above=self.start_high, most=self.max_position)
        return checked

    def observations(self) -> spaces.Box[np.float32]:
        """Position and velocity of a car, float32, shape (2,)."""
        low = np.array([self.min_position, -self.max_speed], dtype=np.float32)
        high = np.array([self.max_position, self.max_speed], dtype=np.float32)
        return spaces.Box(low, high, dtype=np.float32)


def checked_road(
    min_position: object,
    max_position: object,
    max_speed: object,
    start_low: object,
    start_high: object,
    goal_velocity: object = 0.0,
) -> Road:
    """The road with these settings.

    Args:
        min_position: See `Road`; finite in float32, as the next two.
        max_position: Above `min_position`.
        max_speed: Above 0.
        start_low: On the road.
        start_high: From `start_low` to `max_position`.
        goal_velocity: At most `max_speed`.

    Returns:
        The road.

    Raises:
        ValueError: A setting is out of its range.
    """
    left = number("min_position", min_position, least=-_LARGEST, most=_LARGEST)
    right = number("max_position", max_position, above=left, most=_LARGEST)
    fastest = number("max_speed", max_speed, above=0.0, most=_LARGEST)
    low = number("start_low", start_low, least=left, most=right)
    high = number("start_high", start_high, least=low, most=right)
    return Road(left, right, fastest, low, high, number("goal_velocity", goal_velocity, most=fastest))
