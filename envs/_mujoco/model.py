"""A MuJoCo model with changed physics."""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from rl_transfer_envs._checks import number
from rl_transfer_envs._mujoco.factors import Factors, Part, check_factors, each, named
from rl_transfer_envs._mujoco.limbs import stretch_limbs

_LONGEST, _SHORTEST = 10.0, 0.1


@dataclass(frozen=True)
class Changes:
    """What is changed in a model, checked as far as that goes without the model."""

    gravity: tuple[float, float, float]
    mass: Factors
    friction: Factors
    damping: Factors
    length: Factors
    strength: Factors
    disabled_joints: tuple[str, ...]


def check_changes(
    gravity: object,
    mass: object,
    friction: object,
    damping: object,
    length: object,
    strength: object,
    disabled_joints: object,
) -> Changes:
    """Checks the settings of a robot; they are described in `Robot`.

    Args:
        gravity: Vertical acceleration or a vector.
        mass: Factors on bodies.
        friction: Factors on geoms.
        damping: Factors on joints.
        length: Factors on limbs.
        strength: Factors on actuators.
        disabled_joints: Names of actuators.

    Returns:
        The changes.

    Raises:
        ValueError: A setting is out of its range.
    """
    return Changes(
        gravity=_vector(gravity),
        mass=check_factors("mass", mass),
        friction=check_factors("friction", friction, least=0.0),
        damping=check_factors("damping", damping, least=0.0),
        length=check_factors("length", length, least=_SHORTEST, most=_LONGEST),
        strength=check_factors("strength", strength, least=0.0),
        disabled_joints=_names(disabled_joints),
    )


def build_model(path: str, changes: Changes) -> mujoco.MjModel:
    """Compiles a model with changes.

    Args:
        path: The model's XML file.
        changes: What to change.

    Returns:
        The model; without changes the same, bit for bit, that MuJoCo loads from the file.

    Raises:
        ValueError: A change names something that the model does not have.
    """
    spec = mujoco.MjSpec.from_file(path)
    # MuJoCo wants a total mass to be set after compilation, and warns on screen and in a file where a model does not.
    total_mass = getattr(spec.compiler, "settotalmass", 0.0)
    if total_mass > 0:
        spec.compiler.settotalmass = -1.0
    model = spec.compile()
    if changes.length != 1.0:
        before, model = model, stretch_limbs(spec, changes.length)
        # What was not stretched keeps its mass.
        total_mass *= model.body_mass.sum() / before.body_mass.sum()
    if total_mass > 0:
        mujoco.mj_setTotalmass(model, total_mass)
    _change(model, changes)
    # What MuJoCo derives from masses and lengths, such as how much a contact gives way.
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


def _change(model: mujoco.MjModel, changes: Changes) -> None:
    model.opt.gravity[:] = changes.gravity
    for body, factor in each("mass", changes.mass, _bodies(model), range(1, model.nbody)):
        model.body_mass[body] *= factor
        model.body_inertia[body] *= factor
    for geoms, factor in each("friction", changes.friction, _surfaces(model), [np.arange(model.ngeom)]):
        model.geom_friction[geoms] *= factor
    for dofs, factor in each("damping", changes.damping, _joints(model), [np.arange(model.nv)]):
        model.dof_damping[dofs] *= factor
    actuators = _actuators(model)
    for actuator, factor in each("strength", changes.strength, actuators, range(model.nu)):
        model.actuator_gear[actuator] *= factor
    for name in changes.disabled_joints:
        model.actuator_gear[named("disabled_joints", name, actuators)] = 0.0


def _bodies(model: mujoco.MjModel) -> dict[str, int]:
    """Bodies by their names and, since some have none, by the names of their geoms."""
    geoms = {model.geom(geom).name: int(body) for geom, body in enumerate(model.geom_bodyid) if body > 0}
    bodies = {model.body(body).name: body for body in range(1, model.nbody)}
    return _without_nameless(geoms | bodies)


def _surfaces(model: mujoco.MjModel) -> dict[str, NDArray[np.intp]]:
    """Indices of geoms by their names, and by the name of the body they belong to."""
    geoms = {model.geom(geom).name: np.array([geom]) for geom in range(model.ngeom)}
    bodies = {model.body(body).name: np.flatnonzero(model.geom_bodyid == body) for body in range(1, model.nbody)}
    return _without_nameless(geoms | bodies)


def _joints(model: mujoco.MjModel) -> dict[str, NDArray[np.intp]]:
    """Indices of degrees of freedom by the name of their joint."""
    joints = {model.joint(joint).name: np.flatnonzero(model.dof_jntid == joint) for joint in range(model.njnt)}
    return _without_nameless(joints)


def _actuators(model: mujoco.MjModel) -> dict[str, int]:
    """Actuators by the names of the joints they move and, where they have them, by their own."""
    of_joints = model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT
    moved = {model.joint(model.actuator_trnid[index, 0]).name: int(index) for index in np.flatnonzero(of_joints)}
    return _without_nameless(moved | {model.actuator(index).name: index for index in range(model.nu)})


def _without_nameless(parts: dict[str, Part]) -> dict[str, Part]:
    return {name: part for name, part in parts.items() if name}


def _vector(gravity: object) -> tuple[float, float, float]:
    if isinstance(gravity, Sequence) and not isinstance(gravity, str):
        if len(gravity) != 3:
            raise ValueError(f"gravity must be a number or three of them, got {gravity!r}")
        x, y, z = (number("gravity", component) for component in gravity)
        return x, y, z
    return 0.0, 0.0, number("gravity", gravity)


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Sequence) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"disabled_joints must be a list of names, got {value!r}")
    return tuple(value)
