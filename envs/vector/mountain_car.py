"""Many mountain cars at once."""

import math

import numpy as np
from numpy.typing import NDArray

from rl_transfer_envs._hills import HILL_FREQUENCY
from rl_transfer_envs.mountain_car import MountainCar
from rl_transfer_envs.vector._members import Flags, MembersEnv, Numbers, Observations


class MountainCars(MembersEnv):  # type: ignore[misc]
    """N mountain cars as arrays; the settings, one for all or one for each member, are those of `MountainCar`."""

    _single = MountainCar
    _width, _drawn = 2, 1

    def _read_parameters(self) -> None:
        self._force = self._column("force")
        self._gravity = self._column("gravity")
        self._hill_frequency = self._column("hill_frequency")
        self._other_road_M = np.flatnonzero(self._hill_frequency != HILL_FREQUENCY)
        self._min_position = self._column("min_position")
        self._max_position = self._column("max_position")
        self._max_speed = self._column("max_speed")
        self._goal_position = self._column("goal_position")
        self._goal_velocity = self._column("goal_velocity")
        self._bounds = list(zip(self._column("start_low").tolist(), self._column("start_high").tolist(), strict=True))

    def _draw_starts(self, generator: np.random.Generator, member: int, count: int) -> Numbers:
        return generator.uniform(*self._bounds[member], size=(count, 1))

    def _start_states(self, drawn_MW: Numbers) -> Numbers:
        return np.stack([drawn_MW[:, 0], np.zeros(len(drawn_MW))])

    def _dynamics(self, state: Numbers, action_N: NDArray[np.int64]) -> tuple[Numbers, Numbers, Flags]:
        # The single environments' order of operations throughout: any other differs in the last bit.
        position, velocity = state
        slope = _cosines(HILL_FREQUENCY * position)
        if (other := self._other_road_M).size:
            own_slope = _cosines(self._hill_frequency[other] * position[other])
            velocity = velocity.copy()
            velocity[other] -= self._gravity[other] * (own_slope - slope[other])
        velocity = velocity + ((action_N - 1) * self._force + slope * -self._gravity)
        velocity = np.clip(velocity, -self._max_speed, self._max_speed)
        position = np.clip(position + velocity, self._min_position, self._max_position)
        velocity[(position == self._min_position) & (velocity < 0)] = 0.0
        terminated_N = (position >= self._goal_position) & (velocity >= self._goal_velocity)
        return np.stack([position, velocity]), np.full(self.num_envs, -1.0), terminated_N

    def _observe(self, state: Numbers) -> Observations:
        return state.T.astype(np.float32, order="C")


def _cosines(angles: Numbers) -> Numbers:
    """By the routine that Gymnasium's environment calls: NumPy's own may differ from it in the last bit."""
    return np.fromiter(map(math.cos, angles.tolist()), np.float64, angles.size)
