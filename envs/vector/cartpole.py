"""Many cart-poles at once."""

import numpy as np
from numpy.typing import NDArray

from rl_transfer_envs.cartpole import CartPole
from rl_transfer_envs.vector._members import Flags, MembersEnv, Numbers, Observations


class CartPoles(MembersEnv):  # type: ignore[misc]
    """N cart-poles as arrays; the settings, one for all or one for each member, are those of `CartPole`."""

    _single = CartPole
    _width = _drawn = 4

    def _read_parameters(self) -> None:
        self._gravity = self._column("gravity")
        self._masspole = self._column("masspole")
        self._total_mass = self._column("total_mass")
        self._length = self._column("length")
        self._polemass_length = self._column("polemass_length")
        self._force_mag = self._column("force_mag")
        self._tau = self._column("tau")
        self._threshold_2N = np.stack([self._column("x_threshold"), self._column("theta_threshold_radians")])
        self._euler = self._column("kinematics_integrator") == "euler"
        self._all_euler = bool(self._euler.all())
        sutton_barto = self._column("_sutton_barto_reward")
        self._reward, self._last_reward = np.where(sutton_barto, 0.0, 1.0), np.where(sutton_barto, -1.0, 1.0)
        self._all_ones = not sutton_barto.any()
        self._spread = self._column("start_spread").tolist()

    def _draw_starts(self, generator: np.random.Generator, member: int, count: int) -> Numbers:
        spread = self._spread[member]
        return generator.uniform(-spread, spread, size=(count, 4))

    def _dynamics(self, state: Numbers, action_N: NDArray[np.int64]) -> tuple[Numbers, Numbers, Flags]:
        # Gymnasium's order of operations throughout: any other differs in the last bit.
        theta, theta_dot = state[2], state[3]
        costheta, sintheta = np.cos(theta), np.sin(theta)
        force = np.where(action_N == 1, self._force_mag, -self._force_mag)
        temp = (force + self._polemass_length * np.square(theta_dot) * sintheta) / self._total_mass
        theta_acceleration = (self._gravity * sintheta - costheta * temp) / (
            self._length * (4.0 / 3.0 - self._masspole * np.square(costheta) / self._total_mass)
        )
        new = np.empty_like(state)
        new[1] = temp - self._polemass_length * theta_acceleration * costheta / self._total_mass
        new[3] = theta_acceleration
        new[1::2] *= self._tau
        new[1::2] += state[1::2]
        velocity = state[1::2] if self._all_euler else np.where(self._euler, state[1::2], new[1::2])
        np.multiply(self._tau, velocity, out=new[::2])
        new[::2] += state[::2]
        outside = np.abs(new[::2]) > self._threshold_2N
        terminated_N = outside[0] | outside[1]
        if self._all_ones:
            return new, self._reward.copy(), terminated_N
        return new, np.where(terminated_N, self._last_reward, self._reward), terminated_N

    def _observe(self, state: Numbers) -> Observations:
        return state.T.astype(np.float32, order="C")
