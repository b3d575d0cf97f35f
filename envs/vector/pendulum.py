"""Many pendulums at once."""

from typing import Any

import numpy as np
from gymnasium.envs.classic_control.pendulum import angle_normalize
from numpy.typing import NDArray

from rl_transfer_envs.pendulum import ANGLE_COST, SPEED_COST, TORQUE_COST, Pendulum
from rl_transfer_envs.vector._members import Flags, MembersEnv, Numbers, Observations
from rl_transfer_envs.vector._powers import scalar_squares, squares


class Pendulums(MembersEnv):  # type: ignore[misc]
    """N pendulums as arrays; the settings, one for all or one for each member, are those of `Pendulum`.

    Actions have shape (N, 1). As with the single environment, their precision is that of what is computed with them.
    """

    _single = Pendulum
    _width = _drawn = 2

    def _read_parameters(self) -> None:
        self._dt = self._column("dt")
        self._max_speed = self._column("max_speed")
        self._max_torque = self._column("max_torque")
        self._pull = self._computed(lambda single: 3 * single.g / (2 * single.l))
        self._push = self._computed(lambda single: 3.0 / (single.m * single.l**2))
        self._high_N2 = np.stack([self._column("start_angle"), self._column("start_speed")], axis=1)
        self._goal = self._column("goal_angle")
        self._angle_cost = self._column("angle_cost")
        self._speed_cost = self._computed(lambda single: single.speed_cost - SPEED_COST)
        self._torque_cost = self._computed(lambda single: single.torque_cost - TORQUE_COST)
        self._usual = not (
            self._goal.any()
            or (self._angle_cost != ANGLE_COST).any()
            or self._speed_cost.any()
            or self._torque_cost.any()
        )

    def _draw_starts(self, generator: np.random.Generator, member: int, count: int) -> Numbers:
        high = self._high_N2[member]
        return generator.uniform(-high, high, size=(count, 2))

    def _usable(self, actions: Any) -> NDArray[Any]:
        action_N1 = np.asarray(actions)
        if action_N1.shape != (self.num_envs, 1) or action_N1.dtype.kind not in "iuf":
            raise AssertionError(f"actions must be numbers of shape ({self.num_envs}, 1), got {actions!r}")
        return action_N1 if action_N1.dtype.kind == "f" else action_N1.astype(np.float64)

    def _dynamics(self, state: Numbers, action_N: NDArray[np.floating[Any]]) -> tuple[Numbers, Numbers, Flags]:
        # Gymnasium's order of operations and precision throughout: any other differs in the last bit.
        angle, speed = state
        precision = action_N.dtype
        most = self._max_torque.astype(precision)
        torque = np.clip(action_N[:, 0], -most, most)
        angle_square, speed_square = squares(np.stack([_normalized(angle), speed]))
        torque_cost = precision.type(TORQUE_COST) * scalar_squares(torque)
        cost = angle_square + 0.1 * speed_square + torque_cost
        new = np.empty_like(state)
        push = self._push.astype(precision) * torque
        new[1] = speed + (self._pull * np.sin(angle) + push) * self._dt
        np.clip(new[1], -self._max_speed, self._max_speed, out=new[1])
        new[0] = angle + new[1] * self._dt
        reward_N = -cost if self._usual else -cost - self._extra(angle, angle_square, speed_square, torque)
        return new, reward_N, np.zeros(self.num_envs, np.bool_)

    def _extra(self, angle: Numbers, angle_square: Numbers, speed_square: Numbers, torque: NDArray[Any]) -> Numbers:
        """What other costs than Gymnasium's add to these."""
        from_goal_square, torque_square = squares(np.stack([_normalized(angle - self._goal), torque]))
        extra = self._angle_cost * from_goal_square - ANGLE_COST * angle_square
        extra += self._speed_cost * speed_square
        extra += self._torque_cost * torque_square
        return extra

    def _observe(self, state: Numbers) -> Observations:
        angle, speed = state
        observation = np.empty((angle.size, 3), np.float32)
        observation[:, 0] = np.cos(angle)
        observation[:, 1] = np.sin(angle)
        observation[:, 2] = speed
        return observation


def _normalized(angle: Numbers) -> Numbers:
    """Gymnasium's `angle_normalize`, with a type."""
    found: Numbers = angle_normalize(angle)  # type: ignore[no-untyped-call]
    return found
