"""The lunar lander with its physical constants as settings."""

from typing import Any

import numpy as np
from gymnasium.envs.box2d import lunar_lander
from gymnasium.utils import EzPickle
from numpy.typing import NDArray

from rl_transfer_envs._box2d.constants import with_constants
from rl_transfer_envs._checks import flag, number


class LunarLander(lunar_lander.LunarLander):
    """Land a rocket on a pad with a main engine below and two engines at its sides.

    Gymnasium's `LunarLander-v3` (by Oleg Klimov) with the constants of its physics as settings; with the defaults
    the two give the same trajectories bit for bit. The constants live in the instance: neither Gymnasium's module nor
    another instance sees them. Lengths called *pixels* are thirtieths of a metre.

    Observation (float32, shape (8,)): position, velocity, angle, angular velocity, contact of the two legs, all scaled
    as in Gymnasium. Action: 0 nothing, 1 left engine, 2 main engine, 3 right engine, or with `continuous` the throttles
    of the main and the side engines. As in Gymnasium, a lander that flies off the top leaves the observation space.
    """

    def __init__(
        self,
        *,
        continuous: bool = False,
        gravity: float = -10.0,
        enable_wind: bool = False,
        wind_power: float = 15.0,
        turbulence_power: float = 1.5,
        main_engine_power: float = 13.0,
        side_engine_power: float = 0.6,
        initial_random: float = 1000.0,
        main_engine_y_location: float = 4.0,
        side_engine_height: float = 14.0,
        side_engine_away: float = 12.0,
        leg_away: float = 20.0,
        leg_down: float = 18.0,
        leg_width: float = 2.0,
        leg_height: float = 8.0,
        leg_spring_torque: float = 40.0,
        lander_size: float = 1.0,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            continuous: Throttles in place of four discrete actions.
            gravity: Vertical acceleration, m/s², -50 to 0 (Gymnasium allows -12 to 0).
            enable_wind: Wind and turbulence blow until a leg touches the ground.
            wind_power: Largest sideways force of the wind, N, at least 0; Gymnasium recommends at most 20.
            turbulence_power: Largest torque of the turbulence, N m, at least 0; Gymnasium recommends at most 2.
            main_engine_power: Strength of the main engine, at least 0.
            side_engine_power: Strength of the two side engines, at least 0.
            initial_random: The lander starts with a random push of up to this force along each axis, N, at least 0.
            main_engine_y_location: How far below the centre the main engine sits, pixels, at least 0. Its thrust grows
                with this distance.
            side_engine_height: How high the side engines sit, pixels, at least 0.
            side_engine_away: How far from the middle the side engines sit, pixels, at least 0. Their thrust grows with
                this distance.
            leg_away: How far from the middle the legs are, pixels, at least 0.
            leg_down: How far below the centre the legs are, pixels, at least 0.
            leg_width: Half the width of a leg, pixels, above 0.
            leg_height: Half the length of a leg, pixels, above 0.
            leg_spring_torque: Torque with which a leg resists bending, N m, at least 0.
            lander_size: Factor on the outline of the lander's body, above 0 and at most 5; its mass goes with the
                square.
            render_mode: None, "human" or "rgb_array"; the last two need pygame.

        Raises:
            ValueError: A setting is out of its range.
        """
        settings = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__(
            render_mode=render_mode,
            continuous=flag("continuous", continuous),
            enable_wind=flag("enable_wind", enable_wind),
        )
        # Pickles and copies are built again from these.
        EzPickle.__init__(self, **settings)
        self.gravity = number("gravity", gravity, least=-50.0, most=0.0)
        self.wind_power = number("wind_power", wind_power, least=0.0)
        self.turbulence_power = number("turbulence_power", turbulence_power, least=0.0)
        size = number("lander_size", lander_size, above=0.0, most=5.0)
        constants = {
            "MAIN_ENGINE_POWER": number("main_engine_power", main_engine_power, least=0.0),
            "SIDE_ENGINE_POWER": number("side_engine_power", side_engine_power, least=0.0),
            "INITIAL_RANDOM": number("initial_random", initial_random, least=0.0),
            "MAIN_ENGINE_Y_LOCATION": number("main_engine_y_location", main_engine_y_location, least=0.0),
            "SIDE_ENGINE_HEIGHT": number("side_engine_height", side_engine_height, least=0.0),
            "SIDE_ENGINE_AWAY": number("side_engine_away", side_engine_away, least=0.0),
            "LEG_AWAY": number("leg_away", leg_away, least=0.0),
            "LEG_DOWN": number("leg_down", leg_down, least=0.0),
            "LEG_W": number("leg_width", leg_width, above=0.0),
            "LEG_H": number("leg_height", leg_height, above=0.0),
            "LEG_SPRING_TORQUE": number("leg_spring_torque", leg_spring_torque, least=0.0),
            "LANDER_POLY": [(x * size, y * size) for x, y in lunar_lander.LANDER_POLY],
        }
        self._reset = with_constants(lunar_lander.LunarLander.reset, constants)
        self._step = with_constants(lunar_lander.LunarLander.step, constants)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: Not used, as in Gymnasium.

        Returns:
            The first observation, shape (8,), and an empty dict.
        """
        observation, info = self._reset(self, seed=seed, options=options)
        return observation, info

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Flies for a fiftieth of a second; see `gymnasium.Env.step`.

        Args:
            action: One of the four discrete actions, or two throttles.

        Returns:
            Observation, reward, terminated, truncated (always false) and an empty dict.
        """
        observation, reward, terminated, truncated, info = self._step(self, action)
        return observation, reward, terminated, truncated, info
