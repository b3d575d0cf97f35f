"""Gymnasium's MuJoCo robots, version 5, with settings for body, world and goal."""

from collections.abc import Sequence
from typing import Any

import mujoco  # type: ignore[import-untyped]
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv
from gymnasium.envs.mujoco.ant_v5 import AntEnv
from gymnasium.envs.mujoco.half_cheetah_v5 import HalfCheetahEnv
from gymnasium.envs.mujoco.hopper_v5 import HopperEnv
from gymnasium.envs.mujoco.reacher_v5 import ReacherEnv
from gymnasium.envs.mujoco.walker2d_v5 import Walker2dEnv
from gymnasium.utils import EzPickle

from rl_transfer_envs._checks import number
from rl_transfer_envs._mujoco.factors import Factors
from rl_transfer_envs._mujoco.model import build_model, check_changes

_DIRECTIONS = (1, -1)


class Robot(MujocoEnv, EzPickle):
    """Mixed into one of Gymnasium's MuJoCo environments, of version 5: changes its model before it is used.

    With the defaults the model is Gymnasium's bit for bit. Names are those of the model's XML file; a wrong one is
    refused with all that would do. Bodies and geoms share one list of names (a body comes first), since some bodies of
    the ant have no name of their own.
    """

    def __init__(
        self,
        *,
        gravity: float | Sequence[float] = -9.81,
        mass: Factors = 1.0,
        friction: Factors = 1.0,
        damping: Factors = 1.0,
        length: Factors = 1.0,
        strength: Factors = 1.0,
        disabled_joints: Sequence[str] = (),
        **version5: Any,
    ) -> None:
        """Builds the environment.

        Args:
            gravity: Vertical acceleration, m/s², or three numbers for a vector: a slope, or the pull on an arm that
                lies in a plane.
            mass: Factor on mass and inertia, above 0: one for all bodies, or a dictionary by body (geom) name.
            friction: Factor on friction, at least 0: one for everything, or a dictionary by geom or body name. A
                contact has the larger friction of the two geoms in touch, so the ground ("floor") matters too.
            damping: Factor on the joints' damping, at least 0: one for all, or a dictionary by joint name.
            length: Factor on limbs, 0.1 to 10: one for all bodies that turn about a single hinge, or a dictionary by
                body (geom) name. Capsules keep radius and density, the next limb moves to the new end, and the robot
                starts as far above the ground as before. Where it starts higher, the top of the default
                `healthy_z_range` is higher by the same factor; its bottom stays.
            strength: Factor on the actuators' gear, at least 0: one for all, or a dictionary by joint (actuator) name.
            disabled_joints: Names of joints whose actuator does nothing, as in Nagabandi et al., "Learning to adapt in
                dynamic, real-world environments through meta-reinforcement learning" (2019). The joint still bends,
                and the action still has its place and its cost.
            version5: Keywords of Gymnasium's environment, `render_mode` among them.

        Raises:
            ValueError: A setting is out of its range, or names something that the model does not have.
        """
        settings = {name: value for name, value in locals().items() if name not in ("self", "version5", "__class__")}
        self._changes = check_changes(**settings)
        super().__init__(**version5)
        # Pickles and copies are built again from these.
        EzPickle.__init__(self, **settings, **version5)

    def _initialize_simulation(self) -> tuple[mujoco.MjModel, mujoco.MjData]:
        model = build_model(self.fullpath, self._changes)
        # A picture as large as asked for has to fit into the buffer.
        buffer = model.vis.global_
        buffer.offwidth, buffer.offheight = max(buffer.offwidth, self.width), max(buffer.offheight, self.height)
        return model, mujoco.MjData(model)


class Goal(Robot):
    """A robot rewarded for its speed along x: the more the better, backwards, or as close as can be to a target.

    The target velocity and the direction are the goals of Finn, Abbeel and Levine, "Model-agnostic meta-learning for
    fast adaptation of deep networks" (2017), with Gymnasium's other rewards and costs left as they are.
    """

    _healthy_z_range: tuple[float, float]

    def __init__(self, *, target_velocity: float | None = None, direction: int = 1, **robot: Any) -> None:
        """Builds the environment.

        Args:
            target_velocity: With a target, m/s, the forward reward is -|velocity - target| in place of the velocity;
                `forward_reward_weight` applies as before. Finn et al. draw it from 0 to 2 (cheetah) or 3 (ant).
            direction: 1 rewards velocity along x, -1 against it; must be 1 with a target, whose sign says the same.
            robot: Settings of `Robot` and keywords of Gymnasium's environment.

        Raises:
            ValueError: A setting is out of its range, or the robot starts where an episode ends at once.
        """
        self._target = None if target_velocity is None else number("target_velocity", target_velocity)
        if isinstance(direction, bool) or direction not in _DIRECTIONS:
            raise ValueError(f"direction must be 1 or -1, got {direction!r}")
        if self._target is not None and direction != 1:
            raise ValueError("direction must be 1 with a target_velocity: the target's sign is the direction")
        self._direction = direction
        super().__init__(**robot)
        self._ezpickle_kwargs |= {"target_velocity": target_velocity, "direction": direction}
        if hasattr(self, "_healthy_z_range") and "healthy_z_range" not in robot:
            self._raise_healthy_top()
        # What can walk and fall has these two; every episode would be over after a step.
        if getattr(self, "_terminate_when_unhealthy", False) and not getattr(self, "is_healthy", True):
            raise ValueError(self._why_fallen())

    def _raise_healthy_top(self) -> None:
        """Moves the greatest healthy height up by as much, in proportion, as the robot starts higher than usual."""
        usual_height = mujoco.MjModel.from_xml_path(self.fullpath).qpos0[self._height_index]
        bottom, top = self._healthy_z_range
        self._healthy_z_range = bottom, top * max(self.init_qpos[self._height_index] / usual_height, 1.0)

    def _why_fallen(self) -> str:
        """Says which of the conditions of a healthy robot do not hold at the start."""
        conditions = {
            "healthy_z_range": ("the height", self.data.qpos[[self._height_index]]),
            "healthy_angle_range": ("the angle", self.data.qpos[[2]]),
            "healthy_state_range": ("the state", self.state_vector()[2:]),
        }
        broken = []
        for setting, (what, values) in conditions.items():
            low, high = getattr(self, f"_{setting}", (-np.inf, np.inf))
            outside = values[(values <= low) | (values >= high)]
            if outside.size:
                broken.append(f"{what} {outside[0]:.2f} is not in {setting} ({low:g} to {high:g})")
        return f"the robot counts as fallen at its start: {', '.join(broken)}: set a range around it"

    @property
    def _height_index(self) -> int:
        return 2 if self.model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE else 1

    def _get_rew(self, x_velocity: float, action: Any) -> tuple[float, dict[str, float]]:
        speed = self._direction * x_velocity if self._target is None else -abs(x_velocity - self._target)
        reward, parts = super()._get_rew(speed, action)  # type: ignore[misc]
        return reward, parts


class HalfCheetah(Goal, HalfCheetahEnv):
    """Run in a plane on a hind and a front leg: Gymnasium's `HalfCheetah-v5` with the settings of `Robot` and `Goal`.

    The robot of Wawrzyński, "A cat-like robot real-time learning to run" (2009). Bodies, joints and actuators:
    `bthigh`, `bshin`, `bfoot`, `fthigh`, `fshin`, `ffoot`; bodies also `torso`.
    """


class Hopper(Goal, HopperEnv):
    """Hop in a plane on one leg: Gymnasium's `Hopper-v5` with the settings of `Robot` and `Goal`.

    The robot of Erez, Tassa and Todorov, "Infinite-horizon model predictive control for periodic tasks with contacts"
    (2011). Bodies: `torso`, `thigh`, `leg`, `foot`; joints `thigh_joint`, `leg_joint`, `foot_joint`.
    """


class Walker2d(Goal, Walker2dEnv):
    """Walk in a plane on two legs: Gymnasium's `Walker2d-v5` with the settings of `Robot` and `Goal`.

    Bodies: `torso`, `thigh`, `leg`, `foot` and `thigh_left`, `leg_left`, `foot_left`; joints end in `_joint`.
    """


class Ant(Goal, AntEnv):
    """Walk on four legs: Gymnasium's `Ant-v5` with the settings of `Robot` and `Goal`.

    The robot of Schulman et al., "High-dimensional continuous control using generalized advantage estimation" (2016).
    Joints: `hip_1` to `hip_4` and `ankle_1` to `ankle_4`; bodies `aux_1` to `aux_4` are the upper legs, and the lower
    ones go by their geoms: `left_ankle_geom`, `right_ankle_geom`, `third_ankle_geom`, `fourth_ankle_geom`.
    """


class Reacher(Robot, ReacherEnv):
    """Bring the tip of a two-part arm to a target: Gymnasium's `Reacher-v5` with the settings of `Robot`.

    Bodies: `body0`, `body1`; joints `joint0`, `joint1`. The arm lies flat and touches nothing: vertical gravity does
    not move it (give `gravity` as a vector), and there is no friction to change.
    """

    def __init__(self, **settings: Any) -> None:
        """Builds the environment.

        Args:
            settings: Settings of `Robot`, of which friction has to stay 1, and keywords of Gymnasium's environment.

        Raises:
            ValueError: A setting is out of its range, names something that the model does not have, or is a friction
                other than 1.
        """
        if settings.get("friction", 1.0) != 1.0:
            raise ValueError("friction has no effect on the reacher: nothing touches anything")
        super().__init__(**settings)
