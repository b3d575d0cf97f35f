"""The acrobot with every physical constant, the torques, the start and the goal a setting."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.acrobot import AcrobotEnv
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import choice, number

EQUATIONS = ("book", "nips")

# The value written into Gymnasium's equations.
STANDARD_GRAVITY = 9.8
# rad/s and rad/s². Gymnasium turns angles back by whole turns one at a time, for ever if they are huge.
DIVERGED = 1e6
# The observation space is stored in float32.
_LARGEST = float(np.finfo(np.float32).max)


class Acrobot(AcrobotEnv):
    """Swing the tip of a two-link arm above a line with a motor at the elbow only.

    The task of Sutton, "Generalization in reinforcement learning: Successful examples using sparse coarse coding"
    (1996), in Gymnasium's implementation. Every default is the value fixed in Gymnasium's `Acrobot-v1`, and with the
    defaults the two give the same trajectories bit for bit. `reset` takes Gymnasium's `low` and `high` options, which
    then replace `start_spread`.

    Observation (float32): cosine and sine of the first link's angle from hanging, cosine and sine of the second link's
    angle from the first, and the two angular velocities (rad/s). Action: which of `torques` to apply. Reward: -1 a step
    and 0 for the step that reaches the goal. The picture is Gymnasium's, with its line at the default goal.
    """

    def __init__(
        self,
        *,
        gravity: float = STANDARD_GRAVITY,
        link_length_1: float = 1.0,
        link_length_2: float = 1.0,
        link_mass_1: float = 1.0,
        link_mass_2: float = 1.0,
        link_com_pos_1: float = 0.5,
        link_com_pos_2: float = 0.5,
        link_moi: float = 1.0,
        max_vel_1: float = 4 * math.pi,
        max_vel_2: float = 9 * math.pi,
        torques: Sequence[float] = (-1.0, 0.0, 1.0),
        torque_noise_max: float = 0.0,
        dt: float = 0.2,
        book_or_nips: str = "book",
        goal_height: float = 1.0,
        start_spread: float = 0.1,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            gravity: Gravitational acceleration, m/s², finite. Below 0 the arm stands by itself.
            link_length_1: Length of the first link, m, above 0.
            link_length_2: Length of the second link, m, above 0. As in Gymnasium it is drawn, and changes nothing else:
                the motion depends on the second link's centre of mass.
            link_mass_1: Mass of the first link, kg, above 0.
            link_mass_2: Mass of the second link, kg, above 0.
            link_com_pos_1: Distance of the first link's centre of mass from the shoulder, m, at least 0.
            link_com_pos_2: Distance of the second link's centre of mass from the elbow, m, at least 0.
            link_moi: Moment of inertia of each link, kg m², above 0.
            max_vel_1: The first angular velocity is clipped to ± this, rad/s, above 0.
            max_vel_2: The second angular velocity is clipped to ± this, rad/s, above 0.
            torques: What each action applies, N m; one or more finite numbers, their count is the number of actions.
            torque_noise_max: Uniform noise in ± this is added to each torque, N m, at least 0.
            dt: Time between two steps, s, in (0, 1].
            book_or_nips: One of `EQUATIONS`: those of Sutton and Barto's book or of the paper.
            goal_height: An episode ends when the tip is higher than this above the shoulder, in links, in (-2, 2]; at 2
                it never is. As in Gymnasium both links count as 1 long, whatever their lengths.
            start_spread: Each of the four start values is uniform in ± this, rad and rad/s, at least 0, at most pi and
                the smaller maximal velocity.
            render_mode: None, "human" or "rgb_array"; the last two need pygame.

        Raises:
            ValueError: A setting is out of its range.
        """
        self.gravity = number("gravity", gravity)
        self.LINK_LENGTH_1 = number("link_length_1", link_length_1, above=0.0)
        self.LINK_LENGTH_2 = number("link_length_2", link_length_2, above=0.0)
        self.LINK_MASS_1 = number("link_mass_1", link_mass_1, above=0.0)
        self.LINK_MASS_2 = number("link_mass_2", link_mass_2, above=0.0)
        self.LINK_COM_POS_1 = number("link_com_pos_1", link_com_pos_1, least=0.0)
        self.LINK_COM_POS_2 = number("link_com_pos_2", link_com_pos_2, least=0.0)
        self.LINK_MOI = number("link_moi", link_moi, above=0.0)
        self.MAX_VEL_1 = number("max_vel_1", max_vel_1, above=0.0, most=_LARGEST)
        self.MAX_VEL_2 = number("max_vel_2", max_vel_2, above=0.0, most=_LARGEST)
        self.AVAIL_TORQUE = _torques(torques)
        self.actions_num = len(self.AVAIL_TORQUE)
        self.torque_noise_max = number("torque_noise_max", torque_noise_max, least=0.0)
        self.dt = number("dt", dt, above=0.0, most=1.0)
        self.book_or_nips = choice("book_or_nips", book_or_nips, EQUATIONS)
        self.goal_height = number("goal_height", goal_height, above=-2.0, most=2.0)
        widest = min(math.pi, self.MAX_VEL_1, self.MAX_VEL_2)
        self.start_spread = number("start_spread", start_spread, least=0.0, most=widest)
        # It makes the observation space from the velocities above.
        super().__init__(render_mode=render_mode)
        self.action_space = spaces.Discrete(self.actions_num)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: `low` and `high` replace -`start_spread` and `start_spread`.

        Returns:
            The first observation, shape (6,), and an empty dict.
        """
        bounds = {"low": -self.start_spread, "high": self.start_spread} | (options or {})
        observation, info = super().reset(seed=seed, options=bounds)
        return observation, info

    def _terminal(self) -> bool:
        assert self.state is not None, "reset comes before step"
        first, second = self.state[:2]
        return bool(-np.cos(first) - np.cos(second + first) > self.goal_height)

    def _dsdt(self, s_augmented: NDArray[np.floating[Any]]) -> tuple[float, ...]:
        """The rates of angles and velocities; gravity enters the accelerations linearly and alone at rest."""
        rates: tuple[float, ...] = super()._dsdt(s_augmented)  # type: ignore[no-untyped-call]
        if self.gravity != STANDARD_GRAVITY:
            at_rest = np.array([s_augmented[0], s_augmented[1], 0.0, 0.0, 0.0])
            excess = self.gravity / STANDARD_GRAVITY - 1.0
            falls = super()._dsdt(at_rest)  # type: ignore[no-untyped-call]
            rates = tuple(rate + excess * fall for rate, fall in zip(rates, falls, strict=True))
        if not all(abs(rate) < DIVERGED for rate in rates):
            raise FloatingPointError(
                f"Acrobot: with these settings a step of dt={self.dt:g} s diverges: make dt smaller"
            )
        return rates


def _torques(torques: object) -> list[float]:
    if isinstance(torques, str) or not isinstance(torques, Sequence | np.ndarray) or not len(torques):
        raise ValueError(f"torques must be a list of one or more finite numbers, got {torques!r}")
    return [number(f"torques[{action}]", torque) for action, torque in enumerate(torques)]


ENVIRONMENTS = (
    EnvSpec(
        "transfer/Acrobot-v0",
        entry_point=f"{__name__}:{Acrobot.__name__}",
        vector_entry_point="rl_transfer_envs.vector.acrobot:Acrobots",
        reward_threshold=-100.0,
        max_episode_steps=500,
    ),
)
