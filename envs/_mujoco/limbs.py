"""Robots with longer or shorter limbs."""

import mujoco  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from rl_transfer_envs._mujoco.factors import Factors, each

_HINGE, _SLIDE, _FREE = mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_FREE
_CAPSULE, _SPHERE = mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_SPHERE
# Kinematics round: a smaller change of height is none.
_NO_LIFT = 1e-9


def stretch_limbs(spec: mujoco.MjSpec, lengths: Factors) -> mujoco.MjModel:
    """Stretches limbs away from their joints; what hangs on them moves along, and the robot stands as high as it must.

    A limb's capsules get longer and keep their radius and density. What is attached to it, joints of the next limbs
    included, moves with the place where it is attached. A robot that is free to move up and down starts so that its
    lowest point is as high above the ground as before; where joints start outside of their limits, and so are thrown
    into them, the lowest point that they get to.

    Args:
        spec: The model's source; it is changed.
        lengths: Factors by the names of bodies or of their geoms; one for all limbs, which are the bodies with a
            capsule that turn about a single hinge.

    Returns:
        The compiled model.

    Raises:
        ValueError: No limb has the name.
    """
    before = spec.compile()
    stretchable = [body for body in spec.bodies[1:] if any(geom.type == _CAPSULE for geom in body.geoms)]
    names = {geom.name: body for body in stretchable for geom in body.geoms if geom.name}
    names |= {body.name: body for body in stretchable if body.name}
    limbs = [body for body in stretchable if _is_limb(body)]
    for body, factor in each("length", lengths, names, limbs):
        _stretch(body, factor, before)
    after = spec.compile()
    for root in spec.worldbody.bodies:
        lift = _lowest_point(before, root.id) - _lowest_point(after, root.id)
        if abs(lift) > _NO_LIFT:
            _lift(root, lift)
    return spec.compile()


def _is_limb(body: mujoco.MjsBody) -> bool:
    return len(body.joints) == 1 and body.joints[0].type == _HINGE


def _anchor(body: mujoco.MjsBody) -> NDArray[np.float64]:
    """Where a body hangs, in its own frame: its hinge, or its origin."""
    return np.array(body.joints[0].pos) if _is_limb(body) else np.zeros(3)


def _stretch(body: mujoco.MjsBody, factor: float, model: mujoco.MjModel) -> None:
    anchor = _anchor(body)
    for geom in body.geoms:
        if np.isnan(geom.fromto[0]):
            geom.pos = anchor + factor * (geom.pos - anchor)
            if geom.type == _CAPSULE:
                geom.size[1] *= factor
        else:
            ends = np.tile(anchor, 2)
            geom.fromto = ends + factor * (geom.fromto - ends)
    for site in body.sites:
        site.pos = anchor + factor * (site.pos - anchor)
    for child in body.bodies:
        turned = np.zeros(3)
        mujoco.mju_rotVecQuat(turned, _anchor(child), model.body_quat[child.id])
        attached = child.pos + turned
        child.pos = child.pos + (factor - 1.0) * (attached - anchor)


def _lowest_point(model: mujoco.MjModel, root: int) -> float:
    """Height of the lowest point of a robot in its reference pose, m, with each joint where its limits throw it."""
    data = mujoco.MjData(model)
    data.qpos[:] = _thrown(model)
    mujoco.mj_kinematics(model, data)
    heights = []
    for geom in np.flatnonzero(model.body_rootid[model.geom_bodyid] == root):
        # MuJoCo's enumerations equal Python's integers, but not always NumPy's.
        kind = int(model.geom_type[geom])
        radius = model.geom_size[geom, 0] if kind in (_SPHERE, _CAPSULE) else model.geom_rbound[geom]
        half_length = model.geom_size[geom, 1] if kind == _CAPSULE else 0.0
        # The last entry of the rotation matrix is the vertical part of the capsule's axis.
        heights.append(data.geom_xpos[geom, 2] - radius - half_length * abs(data.geom_xmat[geom, 8]))
    return float(min(heights, default=0.0))


def _thrown(model: mujoco.MjModel) -> NDArray[np.float64]:
    """The reference pose, in which what is outside of its limits has swung through them to the far end."""
    pose: NDArray[np.float64] = model.qpos0.copy()
    for joint in np.flatnonzero(model.jnt_limited & (model.jnt_type == int(_HINGE))):
        place, (low, high) = model.jnt_qposadr[joint], model.jnt_range[joint]
        if not low <= pose[place] <= high:
            pose[place] = high if pose[place] < low else low
    return pose


def _lift(root: mujoco.MjsBody, lift: float) -> None:
    moving = [joint for joint in root.joints if joint.type == _FREE or (joint.type == _SLIDE and joint.axis[2] != 0)]
    if not moving:
        return
    root.pos[2] += lift
    for joint in moving:
        # A joint with a reference reads the height above the ground; one without, the height above the start.
        if joint.ref != 0:
            joint.ref += lift
