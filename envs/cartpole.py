"""The cart-pole with every physical constant a setting."""

import math
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import choice, flag, number

INTEGRATORS = ("euler", "semi-implicit euler")

# In Gymnasium's order of operations: any other differs in the last bit.
_TWELVE_DEGREES = 12 * 2 * math.pi / 360
# The observation space reaches to twice the threshold and is stored in float32.
_LARGEST_X_THRESHOLD = float(np.finfo(np.float32).max) / 2


class CartPole(CartPoleEnv):
    """Balance a pole on a cart by pushing the cart left (0) or right (1).

    The task of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control
    problems" (1983), in Gymnasium's implementation without friction. Every default is the value fixed in Gymnasium's
    `CartPole-v1`, and with the defaults the two give the same trajectories bit for bit. `reset` takes Gymnasium's
    `low` and `high` options, which then replace `start_spread`.

    Observation (float32): cart position (m), cart velocity (m/s), pole angle from the vertical (rad), pole angular
    velocity (rad/s). Position and angle are bounded by twice their thresholds. Reward: 1 a step.
    """

    def __init__(
        self,
        *,
        gravity: float = 9.8,
        masscart: float = 1.0,
        masspole: float = 0.1,
        length: float = 0.5,
        force_mag: float = 10.0,
        tau: float = 0.02,
        kinematics_integrator: str = "euler",
        theta_threshold: float = _TWELVE_DEGREES,
        x_threshold: float = 2.4,
        start_spread: float = 0.05,
        sutton_barto_reward: bool = False,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            gravity: Gravitational acceleration, m/s², finite. At 0 nothing pulls the pole; below 0 it stands by itself.
            masscart: Mass of the cart, kg, above 0.
            masspole: Mass of the pole, kg, above 0.
            length: Half the pole's length, m, above 0.
            force_mag: Size of the push, N, above 0 (the wrapper `reverse_actions` swaps left and right).
            tau: Time between two steps, s, above 0.
            kinematics_integrator: One of `INTEGRATORS`.
            theta_threshold: The episode ends when the pole leans further than this, rad, in (0, pi].
            x_threshold: The episode ends when the cart's centre is further than this from the middle, m, above 0.
            start_spread: Each of the four start values is uniform in ± this; from 0 to the smaller threshold, so that
                no episode starts beyond one.
            sutton_barto_reward: As in Gymnasium: 0 a step and -1 for the fall, in place of 1 a step.
            render_mode: None, "human" or "rgb_array"; the last two need pygame.

        Raises:
            ValueError: A setting is out of its range.
        """
        super().__init__(sutton_barto_reward=flag("sutton_barto_reward", sutton_barto_reward), render_mode=render_mode)
        self.gravity = number("gravity", gravity)
        self.masscart = number("masscart", masscart, above=0.0)
        self.masspole = number("masspole", masspole, above=0.0)
        self.total_mass = self.masspole + self.masscart
        self.length = number("length", length, above=0.0)
        self.polemass_length = self.masspole * self.length
        self.force_mag = number("force_mag", force_mag, above=0.0)
        self.tau = number("tau", tau, above=0.0)
        self.kinematics_integrator = choice("kinematics_integrator", kinematics_integrator, INTEGRATORS)
        # Radians: a threshold given in degrees is beyond pi and refused.
        self.theta_threshold_radians = number("theta_threshold", theta_threshold, above=0.0, most=math.pi)
        self.x_threshold = number("x_threshold", x_threshold, above=0.0, most=_LARGEST_X_THRESHOLD)
        smaller_threshold = min(self.theta_threshold_radians, self.x_threshold)
        self.start_spread = number("start_spread", start_spread, least=0.0, most=smaller_threshold)
        self.observation_space = _observation_space(self.x_threshold, self.theta_threshold_radians)
        self.metadata = {**CartPoleEnv.metadata, "render_fps": _real_time_fps(self.tau)}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: `low` and `high` replace -`start_spread` and `start_spread`.

        Returns:
            The first observation, shape (4,), and an empty dict.
        """
        bounds = {"low": -self.start_spread, "high": self.start_spread} | (options or {})
        observation, info = super().reset(seed=seed, options=bounds)
        return observation, info


def _observation_space(x_threshold: float, theta_threshold: float) -> spaces.Box[np.float32]:
    high = np.array([x_threshold * 2, np.inf, theta_threshold * 2, np.inf], dtype=np.float32)
    return spaces.Box(-high, high, dtype=np.float32)


def _real_time_fps(tau: float) -> int:
    return round(min(max(1.0 / tau, 1.0), 1000.0))


ENVIRONMENTS = (
    EnvSpec(
        "transfer/CartPole-v0",
        entry_point=f"{__name__}:{CartPole.__name__}",
        vector_entry_point="rl_transfer_envs.vector.cartpole:CartPoles",
        reward_threshold=475.0,
        max_episode_steps=500,
    ),
)
