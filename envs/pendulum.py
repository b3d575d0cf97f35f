"""The pendulum with every physical constant, the start and the cost a setting."""

import math
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.pendulum import PendulumEnv, angle_normalize
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import number

# What Gymnasium's step charges; other weights are charged as the difference from these.
ANGLE_COST, SPEED_COST, TORQUE_COST = 1.0, 0.1, 0.001
# Spaces are stored in float32.
_LARGEST = float(np.finfo(np.float32).max)


class Pendulum(PendulumEnv):
    """Swing a pendulum up with a motor too weak to lift it, and hold it there.

    The task of Doya, "Reinforcement learning in continuous time and space" (2000), in Gymnasium's implementation.
    Every default is the value fixed in Gymnasium's `Pendulum-v1`, and with the defaults the two give the same
    trajectories bit for bit. `reset` takes Gymnasium's `x_init` and `y_init` options, which then replace `start_angle`
    and `start_speed`.

    Observation (float32): cosine and sine of the angle from the upright, angular velocity (rad/s). Action (float32):
    torque (N m). Reward: minus `angle_cost` times the squared angle from the goal, minus `speed_cost` times the squared
    angular velocity, minus `torque_cost` times the squared torque. An episode ends by its time limit only. The picture
    is Gymnasium's: the rod is drawn with one length whatever `l`, and `goal_angle` is not marked.
    """

    def __init__(
        self,
        *,
        g: float = 10.0,
        m: float = 1.0,
        l: float = 1.0,  # noqa: E741 - Gymnasium's name
        dt: float = 0.05,
        max_speed: float = 8.0,
        max_torque: float = 2.0,
        start_angle: float = math.pi,
        start_speed: float = 1.0,
        goal_angle: float = 0.0,
        angle_cost: float = ANGLE_COST,
        speed_cost: float = SPEED_COST,
        torque_cost: float = TORQUE_COST,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            g: Gravitational acceleration, m/s², finite. At 0 nothing pulls the pendulum; below 0 it stands by itself.
            m: Mass of the rod, kg, above 0.
            l: Length of the rod, m, above 0.
            dt: Time between two steps, s, above 0.
            max_speed: Angular velocities are clipped to ± this, rad/s, above 0.
            max_torque: Torques are clipped to ± this, N m, above 0; the bounds of the action space.
            start_angle: The first angle is uniform in ± this, rad, in [0, pi]; 0 is upright.
            start_speed: The first angular velocity is uniform in ± this, rad/s, in [0, `max_speed`].
            goal_angle: Where the angle costs nothing, rad, in [-pi, pi]; 0 is upright. The default motor can hold
                angles up to 0.41 from the upright or from hanging.
            angle_cost: Cost of a squared radian, 1/rad², at least 0.
            speed_cost: Cost of a squared angular velocity, s²/rad², at least 0.
            torque_cost: Cost of a squared torque, 1/(N m)², at least 0.
            render_mode: None, "human" or "rgb_array"; the last two need pygame.

        Raises:
            ValueError: A setting is out of its range.
        """
        super().__init__(render_mode=render_mode, g=number("g", g))
        self.m = number("m", m, above=0.0)
        self.l = number("l", l, above=0.0)
        self.dt = number("dt", dt, above=0.0)
        self.max_speed = number("max_speed", max_speed, above=0.0, most=_LARGEST)
        self.max_torque = number("max_torque", max_torque, above=0.0, most=_LARGEST)
        self.start_angle = number("start_angle", start_angle, least=0.0, most=math.pi)
        self.start_speed = number("start_speed", start_speed, least=0.0, most=self.max_speed)
        self.goal_angle = number("goal_angle", goal_angle, least=-math.pi, most=math.pi)
        self.angle_cost = number("angle_cost", angle_cost, least=0.0)
        self.speed_cost = number("speed_cost", speed_cost, least=0.0)
        self.torque_cost = number("torque_cost", torque_cost, least=0.0)
        high = np.array([1.0, 1.0, self.max_speed], dtype=np.float32)
        self.action_space = spaces.Box(-self.max_torque, self.max_torque, shape=(1,), dtype=np.float32)
        self.observation_space = spaces.Box(-high, high, dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: `x_init` and `y_init` replace `start_angle` and `start_speed`.

        Returns:
            The first observation, shape (3,), and an empty dict.
        """
        bounds = {"x_init": self.start_angle, "y_init": self.start_speed} | (options or {})
        observation, info = super().reset(seed=seed, options=bounds)
        return observation, info

    def step(self, u: NDArray[np.float32]) -> tuple[NDArray[np.float32], Any, bool, bool, dict[str, Any]]:
        """One step; see `gymnasium.Env.step`.

        Args:
            u: The torque, N m, shape (1,).

        Returns:
            Observation, shape (3,), reward, False, False and an empty dict.
        """
        angle, speed = self.state
        observation, reward, terminated, truncated, info = super().step(u)  # type: ignore[no-untyped-call]
        # Nothing with the defaults: each term is then exactly 0.
        extra = self.angle_cost * _turned_back(angle - self.goal_angle) ** 2 - ANGLE_COST * _turned_back(angle) ** 2
        extra += (self.speed_cost - SPEED_COST) * speed**2
        extra += (self.torque_cost - TORQUE_COST) * float(self.last_u) ** 2
        return observation, reward - extra, terminated, truncated, info


def _turned_back(angle: float) -> float:
    return float(angle_normalize(angle))  # type: ignore[no-untyped-call]


ENVIRONMENTS = (
    EnvSpec(
        "transfer/Pendulum-v0",
        entry_point=f"{__name__}:{Pendulum.__name__}",
        vector_entry_point="rl_transfer_envs.vector.pendulum:Pendulums",
        max_episode_steps=200,
    ),
)
