"""The bipedal walker with its physical constants as settings."""

import math
from typing import Any

import numpy as np
from Box2D.b2 import fixtureDef, polygonShape  # type: ignore[import-untyped]
from gymnasium.envs.box2d import bipedal_walker
from gymnasium.utils import EzPickle
from numpy.typing import NDArray

from rl_transfer_envs._box2d.constants import with_constants
from rl_transfer_envs._checks import flag, number, whole

_SCALE = 30.0


class BipedalWalker(bipedal_walker.BipedalWalker):
    """Walk over uneven ground on two legs with four motors.

    Gymnasium's `BipedalWalker-v3` (by Oleg Klimov) with the constants of its physics as settings; with the defaults the
    two give the same trajectories bit for bit. The constants live in the instance: neither Gymnasium's module nor
    another instance sees them.

    Observation (float32, shape (24,)): hull angle and velocities, joint angles and speeds, contact of the legs, ten
    lidar ranges. Action: four motor settings in [-1, 1]. As in Gymnasium, joint speeds are reported relative to
    `hip_speed` and `knee_speed`, the cost of motor use grows with `motor_torque`, and the reward for the whole way is
    300 at the default `terrain_length`.
    """

    def __init__(
        self,
        *,
        hardcore: bool = False,
        gravity: float = -10.0,
        motor_torque: float = 80.0,
        hip_speed: float = 4.0,
        knee_speed: float = 6.0,
        lidar_range: float = 160 / _SCALE,
        friction: float = 2.5,
        terrain_roughness: float = 1.0,
        terrain_length: int = 200,
        terrain_startpad: int = 20,
        terrain_grass: int = 10,
        initial_random: float = 5.0,
        leg_width: float = 8 / _SCALE,
        leg_height: float = 34 / _SCALE,
        hull_density: float = 5.0,
        leg_density: float = 1.0,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            hardcore: Ladders, stumps and pitfalls.
            gravity: Vertical acceleration, m/s², -50 to 0.
            motor_torque: Largest torque of each motor, N m, at least 0.
            hip_speed: Speed of the hip motors, rad/s, above 0.
            knee_speed: Speed of the knee motors, rad/s, above 0.
            lidar_range: How far the lidar sees, m, above 0.
            friction: Friction of the ground, at least 0.
            terrain_roughness: Factor on the random changes of the ground's slope, at least 0; at 0 the ground is flat.
            terrain_length: Length of the course, in terrain steps of 14/30 m, longer than `terrain_startpad` and
                `terrain_grass` together.
            terrain_startpad: Flat ground at the start, in terrain steps, at least 3.
            terrain_grass: The longest stretch between two obstacles and the length of the finish, in terrain steps, at
                least 4.
            initial_random: The walker starts with a random push of up to this force, N, at least 0.
            leg_width: Width of a leg's parts, m, above 0.
            leg_height: Length of each of a leg's two parts, m, above 0.
            hull_density: Density of the hull, kg/m², above 0.
            leg_density: Density of the legs, kg/m², above 0.
            render_mode: None, "human" or "rgb_array"; the last two need pygame.

        Raises:
            ValueError: A setting is out of its range.
        """
        settings = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__(render_mode=render_mode, hardcore=flag("hardcore", hardcore))
        # Pickles and copies are built again from these.
        EzPickle.__init__(self, **settings)
        self.world.gravity = (0.0, number("gravity", gravity, least=-50.0, most=0.0))
        self.fd_polygon.friction = self.fd_edge.friction = number("friction", friction, least=0.0)
        constants = {
            "MOTORS_TORQUE": number("motor_torque", motor_torque, least=0.0),
            "SPEED_HIP": number("hip_speed", hip_speed, above=0.0),
            "SPEED_KNEE": number("knee_speed", knee_speed, above=0.0),
            "LIDAR_RANGE": number("lidar_range", lidar_range, above=0.0),
            "INITIAL_RANDOM": number("initial_random", initial_random, least=0.0),
            "HULL_FD": _of_density(bipedal_walker.HULL_FD, number("hull_density", hull_density, above=0.0)),
            **_course(terrain_length, terrain_startpad, terrain_grass),
            **_legs(leg_width, leg_height, leg_density),
        }
        self._reset = with_constants(bipedal_walker.BipedalWalker.reset, constants)
        self._step = with_constants(bipedal_walker.BipedalWalker.step, constants)
        self._clouds = with_constants(bipedal_walker.BipedalWalker._generate_clouds, constants)
        roughness = number("terrain_roughness", terrain_roughness, least=0.0)
        # The method that makes the ground uses SCALE for one thing only: to divide the random changes of its slope.
        rough = {"SCALE": _SCALE / roughness if roughness > 0 else math.inf}
        self._terrain = with_constants(bipedal_walker.BipedalWalker._generate_terrain, constants | rough)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: Not used, as in Gymnasium.

        Returns:
            The first observation, shape (24,), and an empty dict.
        """
        observation, info = self._reset(self, seed=seed, options=options)
        return observation, info

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Walks for a fiftieth of a second; see `gymnasium.Env.step`.

        Args:
            action: Motor settings in [-1, 1], shape (4,).

        Returns:
            Observation, reward, terminated, truncated (always false) and an empty dict.
        """
        observation, reward, terminated, truncated, info = self._step(self, action)
        return observation, reward, terminated, truncated, info

    def _generate_terrain(self, hardcore: bool) -> None:
        self._terrain(self, hardcore)

    def _generate_clouds(self) -> None:
        self._clouds(self)


def _course(length: int, startpad: int, grass: int) -> dict[str, object]:
    # The walker stands in the middle of the start pad and must not touch the left end with its hull.
    startpad = whole("terrain_startpad", startpad, least=3)
    # Half of it is the shortest stretch of grass, and the longest must be longer.
    grass = whole("terrain_grass", grass, least=4)
    length = whole("terrain_length", length, least=startpad + grass + 1)
    return {"TERRAIN_LENGTH": length, "TERRAIN_STARTPAD": startpad, "TERRAIN_GRASS": grass}


def _legs(width: float, height: float, density: float) -> dict[str, object]:
    width = number("leg_width", width, above=0.0)
    height = number("leg_height", height, above=0.0)
    density = number("leg_density", density, above=0.0)
    upper = polygonShape(box=(width / 2, height / 2))
    lower = polygonShape(box=(0.8 * width / 2, height / 2))
    return {
        "LEG_W": width,
        "LEG_H": height,
        "LEG_FD": _of_density(bipedal_walker.LEG_FD, density, upper),
        "LOWER_FD": _of_density(bipedal_walker.LOWER_FD, density, lower),
    }


def _of_density(fixture: fixtureDef, density: float, shape: polygonShape | None = None) -> fixtureDef:
    return fixtureDef(
        shape=fixture.shape if shape is None else shape,
        density=density,
        friction=fixture.friction,
        restitution=fixture.restitution,
        categoryBits=fixture.categoryBits,
        maskBits=fixture.maskBits,
    )
