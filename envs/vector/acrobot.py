"""Many acrobots at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.envs.classic_control.acrobot import rk4
from numpy.typing import NDArray

from rl_transfer_envs.acrobot import DIVERGED, STANDARD_GRAVITY, Acrobot
from rl_transfer_envs.vector._members import Flags, MembersEnv, Numbers, Observations
from rl_transfer_envs.vector._powers import squares


class Acrobots(MembersEnv):  # type: ignore[misc]
    """N acrobots as arrays; the settings, one for all or one for each member, are those of `Acrobot`.

    `torques` is one list for all, or one list for each member, all of the same length. Noise on torques is drawn
    member by member, and slow.
    """

    _single = Acrobot
    _width = _drawn = 4
    _sequences = ("torques",)

    def _read_parameters(self) -> None:
        self._spread = self._column("start_spread").tolist()
        self._torque_AN = self._column("AVAIL_TORQUE").T.copy()
        self._noise = self._column("torque_noise_max")
        self._dt = self._column("dt")
        self._max_velocity_2N = np.stack([self._column("MAX_VEL_1"), self._column("MAX_VEL_2")])
        self._goal_height = self._column("goal_height")
        excess = self._computed(lambda single: single.gravity / STANDARD_GRAVITY - 1.0)
        self._other_gravity = self._column("gravity") != STANDARD_GRAVITY
        self._others_gravity = bool(self._other_gravity.any())
        self._excess = np.where(self._other_gravity, excess, 0.0)
        self._read_constants()

    def _read_constants(self) -> None:
        """What Gymnasium's equations compute of the constants, in their order."""
        of = self._computed
        self._m2, self._inertia = self._column("LINK_MASS_2"), self._column("LINK_MOI")
        self._d1_first = of(lambda s: s.LINK_MASS_1 * s.LINK_COM_POS_1**2)
        self._d1_inner = of(lambda s: s.LINK_LENGTH_1**2 + s.LINK_COM_POS_2**2)
        self._d1_cos = of(lambda s: 2 * s.LINK_LENGTH_1 * s.LINK_COM_POS_2)
        self._d2_first = of(lambda s: s.LINK_COM_POS_2**2)
        self._d2_cos = of(lambda s: s.LINK_LENGTH_1 * s.LINK_COM_POS_2)
        self._phi2 = of(lambda s: s.LINK_MASS_2 * s.LINK_COM_POS_2 * STANDARD_GRAVITY)
        self._phi1_cos = of(
            lambda s: (s.LINK_MASS_1 * s.LINK_COM_POS_1 + s.LINK_MASS_2 * s.LINK_LENGTH_1) * STANDARD_GRAVITY
        )
        self._phi1_square = of(lambda s: -s.LINK_MASS_2 * s.LINK_LENGTH_1 * s.LINK_COM_POS_2)
        self._phi1_product = of(lambda s: 2 * s.LINK_MASS_2 * s.LINK_LENGTH_1 * s.LINK_COM_POS_2)
        self._divisor = of(lambda s: s.LINK_MASS_2 * s.LINK_COM_POS_2**2 + s.LINK_MOI)
        # The paper's equations lack the term.
        self._book = np.where(self._column("book_or_nips") == "book", -self._phi1_square, 0.0)

    def _draw_starts(self, generator: np.random.Generator, member: int, count: int) -> Numbers:
        spread = self._spread[member]
        return generator.uniform(-spread, spread, size=(count, 4))

    def _start_states(self, drawn_MW: Numbers) -> Numbers:
        return drawn_MW.T.astype(np.float32).astype(np.float64)

    def _dynamics(self, state: Numbers, action_N: NDArray[np.int64]) -> tuple[Numbers, Numbers, Flags]:
        torque_N = self._torque_AN[action_N, np.arange(self.num_envs)]
        if self._noise.any():
            self._add_noise(torque_N)
        # What is too large is refused below; what comes of it until then is nobody's warning.
        with np.errstate(over="ignore", invalid="ignore"):
            k1 = self._rates(state, torque_N)
            k2 = self._rates(state + self._dt / 2.0 * k1, torque_N)
            k3 = self._rates(state + self._dt / 2.0 * k2, torque_N)
            k4 = self._rates(state + self._dt * k3, torque_N)
            # Were a rate too large, so were the sum of squares.
            if not sum(float(np.vdot(k, k)) for k in (k1, k2, k3, k4)) < DIVERGED**2:
                self._refuse_divergence((k1, k2, k3, k4), state, torque_N)
        new = state + self._dt / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)
        new[:, self._idle_M] = 0.0
        _turn_back(new[:2])
        np.clip(new[2:], -self._max_velocity_2N, self._max_velocity_2N, out=new[2:])
        self._cosines = np.cos(new[:2])
        terminated_N = -self._cosines[0] - np.cos(new[1] + new[0]) > self._goal_height
        return new, np.where(terminated_N, 0.0, -1.0), terminated_N

    def _add_noise(self, torque_N: Numbers) -> None:
        noisy = self._noise > 0
        noisy[self._idle_M] = False
        for member in np.flatnonzero(noisy).tolist():
            most = float(self._noise[member])
            torque_N[member] += self._starts.lend(member).uniform(-most, most)

    def _rates(self, state: Numbers, torque_N: Numbers) -> Numbers:
        """The rates of angles and velocities, shape (4, N)."""
        theta1, theta2 = state[:2]
        cosines = np.empty((3, self.num_envs))
        cosines[0] = theta2
        np.add(theta1, theta2, out=cosines[1])
        cosines[1] -= np.pi / 2.0
        np.subtract(theta1, np.pi / 2, out=cosines[2])
        np.cos(cosines, out=cosines)
        sin_theta2 = np.sin(theta2)
        rates = np.empty_like(state)
        rates[:2] = state[2:]
        self._accelerate(cosines, sin_theta2, state[2:], torque_N, out=rates[2:])
        if self._others_gravity:
            falls = np.empty((2, self.num_envs))
            rest = np.zeros_like(falls)
            self._accelerate(cosines, sin_theta2, rest, rest[0], out=falls)
            rates[2:] = np.where(self._other_gravity, rates[2:] + self._excess * falls, rates[2:])
        return rates

    def _accelerate(
        self, cosines: Numbers, sin_theta2: Numbers, velocity_2N: Numbers, torque_N: Numbers, out: Numbers
    ) -> None:
        # Gymnasium's order of operations throughout: any other differs in the last bit.
        cos_theta2, cos_both, cos_first = cosines
        dtheta1, dtheta2 = velocity_2N
        d1 = self._d1_first + self._m2 * (self._d1_inner + self._d1_cos * cos_theta2) + self._inertia + self._inertia
        d2 = self._m2 * (self._d2_first + self._d2_cos * cos_theta2) + self._inertia
        dtheta1_square, dtheta2_square = squares(velocity_2N)
        phi2 = self._phi2 * cos_both
        phi1 = (
            self._phi1_square * dtheta2_square * sin_theta2
            - self._phi1_product * dtheta2 * dtheta1 * sin_theta2
            + self._phi1_cos * cos_first
            + phi2
        )
        book = self._book * dtheta1_square * sin_theta2
        np.divide(torque_N + d2 / d1 * phi1 - book - phi2, self._divisor - squares(d2) / d1, out=out[1])
        np.divide(-(d2 * out[1] + phi1), d1, out=out[0])

    def _refuse_divergence(self, rates: Sequence[Numbers], state: Numbers, torque_N: Numbers) -> None:
        """Let the single environment of the first member that diverged say so; idle ones do not count."""
        diverged = ~(np.abs(np.concatenate(rates)).max(axis=0) < DIVERGED)
        diverged[self._idle_M] = False
        for member in np.flatnonzero(diverged).tolist():
            single = self._singles[member]
            assert isinstance(single, Acrobot)
            try:
                augmented = np.append(state[:, member], torque_N[member])
                rk4(single._dsdt, augmented, [0, single.dt])  # type: ignore[no-untyped-call]
            except FloatingPointError as error:
                error.member = member  # type: ignore[attr-defined]
                raise

    def _observe(self, state: Numbers) -> Observations:
        if self._idle_M.size:
            self._cosines[:, self._idle_M] = np.cos(state[:2, self._idle_M])
        return _observations(self._cosines, state)

    def _observe_starts(self, state: Numbers) -> Observations:
        # Gymnasium's first state has single precision, and so have its sines.
        single = state.astype(np.float32)
        return _observations(np.cos(single[:2]), single)


def _observations(cosines: NDArray[Any], state: NDArray[Any]) -> Observations:
    observation = np.empty((state.shape[1], 6), np.float32)
    observation[:, 0:3:2] = cosines.T
    observation[:, 1:4:2] = np.sin(state[:2]).T
    observation[:, 4:] = state[2:].T
    return observation


def _turn_back(angles: Numbers) -> None:
    """To ± pi, one turn at a time as Gymnasium does."""
    turn = np.pi - -np.pi
    while (beyond := angles > np.pi).any():
        angles[beyond] -= turn
    while (beyond := angles < -np.pi).any():
        angles[beyond] += turn
