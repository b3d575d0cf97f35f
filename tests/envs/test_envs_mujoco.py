"""The MuJoCo robots: Gymnasium's own with the defaults, Gymnasium's edited by hand with anything else."""

import copy
import importlib
import math
import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled

pytestmark = pytest.mark.slow

mujoco = pytest.importorskip("mujoco")

NAMES = ("Ant", "HalfCheetah", "Hopper", "Reacher", "Walker2d")
WALKING = tuple(name for name in NAMES if name != "Reacher")
SETTINGS = ("gravity", "mass", "friction", "damping", "length", "strength", "disabled_joints")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """MuJoCo writes its warnings about Gymnasium's own cheetah into the current folder."""
    monkeypatch.chdir(tmp_path)


def make(name, **kwargs):
    return gymnasium.make(f"rl_transfer_envs:transfer/{name}-v0", disable_env_checker=True, **kwargs).unwrapped


def public(name, **kwargs):
    return gymnasium.make(f"{name}-v5", disable_env_checker=True, **kwargs).unwrapped


def trajectory(env, seed=1, steps=40):
    """Everything an environment returns, bytes for arrays, over seeded and unseeded resets."""
    env.action_space.seed(seed)
    observation, info = env.reset(seed=seed)
    record = [(observation.dtype, observation.tobytes(), info)]
    for _ in range(steps):
        observation, *rest = env.step(env.action_space.sample())
        record.append((observation.dtype, observation.tobytes(), *rest))
        if rest[1]:
            record.append(env.reset()[0].tobytes())
    return record


def observations(env):
    return [entry[1] for entry in trajectory(env) if isinstance(entry, tuple)]


def arrays(model):
    found = {name: getattr(model, name) for name in dir(model) if not name.startswith("_")}
    return {name: value.tobytes() for name, value in found.items() if isinstance(value, np.ndarray)}


# Defaults


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 2**31])
def test_the_default_is_gymnasiums_version_5_bit_for_bit(name, seed):
    ours, theirs = make(name), public(name)
    assert trajectory(ours, seed, 60) == trajectory(theirs, seed, 60)
    assert ours.np_random.bit_generator.state == theirs.np_random.bit_generator.state
    assert (ours.observation_space, ours.action_space) == (theirs.observation_space, theirs.action_space)
    assert ours.metadata == theirs.metadata
    assert arrays(ours.model) == arrays(theirs.model)


@pytest.mark.parametrize("name", NAMES)
def test_time_limit_and_reward_threshold_are_gymnasiums(name):
    ours, theirs = gymnasium.spec(f"transfer/{name}-v0"), gymnasium.spec(f"{name}-v5")
    assert (ours.max_episode_steps, ours.reward_threshold) == (theirs.max_episode_steps, theirs.reward_threshold)


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("HalfCheetah", {"ctrl_cost_weight": 0.5, "exclude_current_positions_from_observation": False}),
        ("Hopper", {"healthy_z_range": [0.5, math.inf], "terminate_when_unhealthy": False}),
        ("Ant", {"include_cfrc_ext_in_observation": False, "frame_skip": 3}),
        ("Reacher", {"reward_dist_weight": 3.0}),
    ],
)
def test_version_5s_own_keywords_work(name, kwargs):
    assert trajectory(make(name, **kwargs)) == trajectory(public(name, **kwargs)) != trajectory(make(name))


def test_the_cheetah_is_made_without_a_warning_on_screen_or_in_a_file(capfd):
    make("HalfCheetah", length=1.2).reset(seed=0)
    assert capfd.readouterr() == ("", "")
    assert not list(Path.cwd().iterdir())


# A model edited by hand


def edit(env, **edits):
    """Multiplies arrays of a model by factors: `array=(rows, factor)`."""
    for array, (rows, factor) in edits.items():
        getattr(env.model, array)[rows] *= factor
    mujoco.mj_setConst(env.model, mujoco.MjData(env.model))
    return env


ALL = slice(None)
EDITS = [
    ("HalfCheetah", {"mass": 2.0}, {"body_mass": (ALL, 2.0), "body_inertia": (ALL, 2.0)}),
    ("HalfCheetah", {"mass": {"bshin": 3.0}}, {"body_mass": (3, 3.0), "body_inertia": (3, 3.0)}),
    ("Ant", {"mass": {"left_ankle_geom": 5.0}}, {"body_mass": (4, 5.0), "body_inertia": (4, 5.0)}),
    ("Reacher", {"mass": 9.0}, {"body_mass": (ALL, 9.0), "body_inertia": (ALL, 9.0)}),
    ("Walker2d", {"friction": 0.1}, {"geom_friction": (ALL, 0.1)}),
    ("Hopper", {"friction": 0.0}, {"geom_friction": (ALL, 0.0)}),
    ("HalfCheetah", {"friction": {"floor": 3.0}}, {"geom_friction": (0, 3.0)}),
    ("HalfCheetah", {"friction": {"torso": 9.0, "bfoot": 5}}, {"geom_friction": ([1, 2, 5], [[9], [9], [5]])}),
    ("Ant", {"friction": 0.2}, {"geom_friction": (ALL, 0.2)}),
    ("Hopper", {"damping": 3.0}, {"dof_damping": (ALL, 3.0)}),
    ("Ant", {"damping": {"ankle_1": 20.0}}, {"dof_damping": (7, 20.0)}),
    ("Reacher", {"damping": 0.0}, {"dof_damping": (ALL, 0.0)}),
    ("HalfCheetah", {"damping": {"ffoot": 0.5}}, {"dof_damping": (8, 0.5)}),
    ("Walker2d", {"strength": 0.5}, {"actuator_gear": (ALL, 0.5)}),
    ("HalfCheetah", {"strength": {"bshin": 0.2, "ffoot": 2}}, {"actuator_gear": ([1, 5], [[0.2], [2]])}),
    ("Ant", {"strength": {"hip_4": 0.0}}, {"actuator_gear": (0, 0.0)}),
    ("Reacher", {"strength": {"joint1": 0.5}}, {"actuator_gear": (1, 0.5)}),
    ("Ant", {"disabled_joints": ["ankle_1", "hip_1"]}, {"actuator_gear": ([2, 3], 0.0)}),
    ("HalfCheetah", {"disabled_joints": "bfoot"}, {"actuator_gear": (2, 0.0)}),
    ("Hopper", {"disabled_joints": ["foot_joint"]}, {"actuator_gear": (2, 0.0)}),
]


@pytest.mark.parametrize(("name", "kwargs", "edits"), EDITS, ids=lambda value: str(value)[:40])
def test_a_changed_robot_is_gymnasiums_edited_by_hand(name, kwargs, edits):
    ours, default = make(name, **kwargs), public(name)
    theirs = edit(public(name), **edits)
    assert arrays(ours.model) == arrays(theirs.model) != arrays(default.model)
    assert trajectory(ours, 3) == trajectory(theirs, 3) != trajectory(default, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gravity", [-3.0, [2.0, -1.0, -9.0]])
def test_gravity_is_the_models(name, gravity):
    theirs = public(name)
    theirs.model.opt.gravity[:] = gravity if isinstance(gravity, list) else [0, 0, gravity]
    assert trajectory(make(name, gravity=gravity)) == trajectory(theirs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_changes_the_trajectory_of_every_robot(name, setting):
    if (name, setting) == ("Reacher", "friction"):
        pytest.skip("refused: the reacher touches nothing")
    value = {"gravity": [3.0, 3.0, -5.0], "disabled_joints": [_first_joint(name)]}.get(setting, 1.5)
    assert trajectory(make(name, **{setting: value})) != trajectory(make(name))


def _first_joint(name):
    model = public(name).model
    return model.joint(model.actuator_trnid[0, 0]).name


# Physics


@pytest.mark.parametrize("name", ["HalfCheetah", "Hopper", "Walker2d", "Ant"])
@pytest.mark.parametrize("gravity", [-9.81, -3.0, 0.0])
def test_a_robot_high_up_falls_as_galilei_says(name, gravity):
    env = make(name, gravity=gravity, mass={"torso": 3.0}, length=1.2)
    env.reset(seed=0)
    position = env.init_qpos.copy()
    position[2 if name == "Ant" else 1] += 100
    env.set_state(position, np.zeros_like(env.init_qvel))
    steps = 10
    for _ in range(steps):
        env.step(np.zeros(env.action_space.shape))
    mujoco.mj_forward(env.model, env.data)
    mujoco.mj_subtreeVel(env.model, env.data)
    assert env.data.subtree_linvel[1][2] == pytest.approx(gravity * steps * env.dt, abs=1e-3)


def test_a_disabled_joints_action_does_nothing_but_cost():
    env = make("Ant", disabled_joints=["hip_1"])
    lame, other, cost = [np.zeros(8) for _ in range(3)]
    lame[2], other[3] = 1.0, 1.0

    def after(action):
        env.reset(seed=0)
        return env.step(action)

    assert after(lame)[0].tobytes() == after(cost)[0].tobytes() != after(other)[0].tobytes()
    assert after(cost)[1] - after(lame)[1] == pytest.approx(0.5)


def test_strength_is_torque():
    env = make("HalfCheetah", strength={"bthigh": 0.25, "fshin": 2.0})
    env.reset(seed=0)
    env.data.ctrl[:] = 1.0
    mujoco.mj_forward(env.model, env.data)
    assert list(env.data.qfrc_actuator[3:]) == pytest.approx([30, 90, 60, 120, 120, 30])


# Limbs


def anchors(env):
    """Positions of all joints and the lowest point of the feet, in the reference pose."""
    data = mujoco.MjData(env.model)
    mujoco.mj_forward(env.model, data)
    return {env.model.joint(index).name: data.xanchor[index] for index in range(env.model.njnt)}, data


def capsule_mass(density, radius, length):
    return density * (math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3)


@pytest.mark.parametrize("factor", [0.5, 1.3])
@pytest.mark.parametrize(
    ("name", "limb", "upper", "lower"),
    [
        ("HalfCheetah", "bshin", "bshin", "bfoot"),
        ("HalfCheetah", "fthigh", "fthigh", "fshin"),
        ("Hopper", "leg", "leg_joint", "foot_joint"),
        ("Walker2d", "thigh_left", "thigh_left_joint", "leg_left_joint"),
        ("Ant", "aux_2", "hip_2", "ankle_2"),
        ("Ant", "right_leg_geom", "hip_2", "ankle_2"),
        ("Reacher", "body0", "joint0", "joint1"),
    ],
)
def test_a_longer_limb_carries_the_next_joint_further_out(name, limb, upper, lower, factor):
    (before, _), (after, _) = anchors(public(name)), anchors(make(name, length={limb: factor}))
    np.testing.assert_allclose(after[lower] - after[upper], factor * (before[lower] - before[upper]), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_one_length_is_for_all_limbs_and_leaves_the_torso(name):
    ours, theirs = make(name, length=1.5).model, public(name).model
    for geom in range(theirs.ngeom):
        body = theirs.geom_bodyid[geom]
        limb = theirs.body_jntnum[body] == 1 and theirs.geom_type[geom] == mujoco.mjtGeom.mjGEOM_CAPSULE
        assert ours.geom_size[geom, 1] == pytest.approx((1.5 if limb else 1.0) * theirs.geom_size[geom, 1])
        assert ours.geom_size[geom, 0] == theirs.geom_size[geom, 0]


def test_the_reachers_tip_is_where_two_longer_links_put_it():
    env = make("Reacher", length={"body0": 2.0, "link1": 1.5})
    _, data = anchors(env)
    np.testing.assert_allclose(data.body("fingertip").xpos, [0.2 + 1.5 * 0.11, 0, 0.01], atol=1e-12)


def test_masses_follow_the_capsules():
    ours, theirs = make("Hopper", length={"thigh": 1.5}).model, public("Hopper").model
    assert ours.body("thigh").mass == pytest.approx(capsule_mass(1000, 0.05, 2 * 0.225 * 1.5), rel=1e-9)
    for other in ("torso", "leg", "foot"):
        assert ours.body(other).mass == pytest.approx(theirs.body(other).mass, rel=1e-12)


def test_the_cheetahs_fixed_total_mass_does_not_make_the_rest_lighter():
    ours, theirs = make("HalfCheetah", length={"bthigh": 2.0}).model, public("HalfCheetah").model
    assert theirs.body_mass.sum() == pytest.approx(14.0)
    for other in ("torso", "bshin", "ffoot"):
        assert ours.body(other).mass == pytest.approx(theirs.body(other).mass, rel=1e-12)
    ratio = capsule_mass(1000, 0.046, 2 * 0.145 * 2) / capsule_mass(1000, 0.046, 2 * 0.145)
    assert ours.body("bthigh").mass == pytest.approx(ratio * theirs.body("bthigh").mass, rel=1e-9)


@pytest.mark.parametrize(("name", "height"), [("Hopper", 1), ("Walker2d", 1), ("HalfCheetah", 1)])
@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_a_robot_stands_on_the_ground_with_longer_legs(name, height, factor):
    def lowest(env):
        _, data = anchors(env)
        capsules = np.flatnonzero(env.model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE)
        half, radius = env.model.geom_size[capsules, 1], env.model.geom_size[capsules, 0]
        axis = data.geom_xmat[capsules].reshape(-1, 3, 3)[:, :, 2]
        ends = data.geom_xpos[capsules, 2] - half * np.abs(axis[:, 2]) - radius
        return ends.min(), data.body("torso").xpos[2]

    ours, theirs = make(name, length=factor), public(name)
    (ground, torso), (usual_ground, usual_torso) = lowest(ours), lowest(theirs)
    assert ground == pytest.approx(usual_ground, abs=1e-9)
    assert (torso - usual_torso) * (factor - 1) > 0.01
    # The hopper and the walker observe the torso's height above the ground, the cheetah that above its start.
    reference = 0.0 if name == "HalfCheetah" else torso
    assert ours.init_qpos[height] == pytest.approx(reference, abs=1e-9)


def test_lengths_of_a_limb_and_of_what_hangs_on_it_multiply_nothing():
    both = anchors(make("Hopper", length={"leg": 0.5, "thigh": 2.0}))[0]
    usual = anchors(public("Hopper"))[0]
    for upper, lower, factor in (("thigh_joint", "leg_joint", 2.0), ("leg_joint", "foot_joint", 0.5)):
        np.testing.assert_allclose(both[lower] - both[upper], factor * (usual[lower] - usual[upper]), atol=1e-12)


# Goals


@pytest.mark.parametrize("name", WALKING)
@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_a_target_velocity_replaces_the_forward_reward_alone(name, weight):
    ours = make(name, target_velocity=0.5, forward_reward_weight=weight)
    theirs = public(name, forward_reward_weight=weight)
    for (one, reward, end, _, info), (other, usual, usual_end, _, usual_info) in zip(
        *(_steps(env) for env in (ours, theirs)), strict=True
    ):
        assert (one.tobytes(), end, info["x_velocity"]) == (other.tobytes(), usual_end, usual_info["x_velocity"])
        expected = usual - weight * info["x_velocity"] - weight * abs(info["x_velocity"] - 0.5)
        assert reward == pytest.approx(expected)
        assert info["reward_forward"] == pytest.approx(-weight * abs(info["x_velocity"] - 0.5))


@pytest.mark.parametrize("name", WALKING)
def test_backwards_the_forward_reward_has_the_other_sign(name):
    for (one, reward, *_, info), (other, usual, *_) in zip(
        _steps(make(name, direction=-1)), _steps(public(name)), strict=True
    ):
        assert one.tobytes() == other.tobytes()
        assert reward == pytest.approx(usual - 2 * info["x_velocity"])


def _steps(env, count=15):
    env.reset(seed=2)
    env.action_space.seed(2)
    return [env.step(env.action_space.sample()) for _ in range(count)]


# Instances


def test_instances_do_not_disturb_each_other_or_gymnasium():
    alone = [trajectory(make("Hopper", mass=2.0, length=1.2)), trajectory(make("Hopper"))]
    envs = [make("Hopper", mass=2.0, length=1.2), make("Hopper"), public("Hopper")]
    assert [trajectory(env) for env in envs] == [*alone, alone[1]]


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("HalfCheetah", {"length": {"bthigh": 1.2}, "direction": -1, "ctrl_cost_weight": 0.3}),
        ("Ant", {"disabled_joints": ["hip_1"], "target_velocity": 1.0, "gravity": [0.0, 1.0, -9.81]}),
        ("Reacher", {"length": 1.4, "strength": {"joint0": 0.5}}),
    ],
)
def test_copies_pickles_and_specs_carry_the_parameters(name, kwargs):
    env = gymnasium.make(f"rl_transfer_envs:transfer/{name}-v0", **kwargs)
    env.reset(seed=0)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    for other in (copy.deepcopy(env), pickle.loads(pickle.dumps(env)), again):
        assert trajectory(other.unwrapped, 3) == trajectory(env.unwrapped, 3) != trajectory(make(name), 3)


# What is refused


@pytest.mark.parametrize(
    ("name", "kwargs", "words"),
    [
        ("HalfCheetah", {"mass": {"torzo": 2.0}}, "mass: nothing is called 'torzo'; did you mean 'torso'.*bthigh"),
        ("HalfCheetah", {"mass": {"floor": 2.0}}, "mass: nothing is called 'floor'"),
        ("Ant", {"disabled_joints": ["ankle"]}, "disabled_joints: nothing is called 'ankle'; did you mean 'ankle_"),
        ("Ant", {"length": {"torso": 2.0}}, "length: nothing is called 'torso'"),
        (
            "Hopper",
            {"strength": {"thigh": 2.0}},
            "did you mean 'thigh_joint'.*Valid names: thigh_joint, leg_joint, foot",
        ),
        ("Walker2d", {"damping": {"foot_left": 1.0}}, "damping: .* did you mean 'foot_left_joint'"),
        ("Walker2d", {"friction": {"flor": 1.0}}, "friction: .* did you mean 'floor'"),
        ("Ant", {"mass": {"": 1.0}}, "mass: nothing is called ''"),
        ("Hopper", {"mass": 0.0}, r"mass must be a finite number in \(0, inf\), got 0"),
        ("Hopper", {"mass": {"leg": -1.0}}, r"mass of 'leg' must be a finite number in \(0, inf\), got -1"),
        ("Hopper", {"mass": [1.0]}, r"mass must be a finite number .* got \[1.0\]"),
        ("Hopper", {"friction": -1.0}, r"friction must be a finite number in \[0, inf\)"),
        ("Hopper", {"damping": math.nan}, r"damping must be a finite number in \[0, inf\)"),
        ("Hopper", {"strength": "1"}, r"strength must be a finite number in \[0, inf\)"),
        ("Hopper", {"length": 0.01}, r"length must be a finite number in \[0.1, 10\]"),
        ("Hopper", {"length": {"leg": 11.0}}, r"length of 'leg' must be a finite number in \[0.1, 10\]"),
        ("Hopper", {"gravity": math.inf}, "gravity must be a finite number"),
        ("Hopper", {"gravity": [0.0, 1.0]}, r"gravity must be a number or three of them, got \[0.0, 1.0\]"),
        ("Hopper", {"gravity": "abc"}, "gravity must be a finite number"),
        ("Hopper", {"disabled_joints": 3}, "disabled_joints must be a list of names, got 3"),
        ("Hopper", {"direction": 0}, "direction must be 1 or -1, got 0"),
        ("Hopper", {"direction": True}, "direction must be 1 or -1, got True"),
        ("Hopper", {"target_velocity": math.nan}, "target_velocity must be a finite number"),
        ("Hopper", {"target_velocity": 1.0, "direction": -1}, "direction must be 1 with a target_velocity"),
        ("Reacher", {"friction": 2.0}, "friction has no effect on the reacher"),
    ],
)
def test_wrong_settings_are_refused_with_the_nearest_name_or_the_range(name, kwargs, words):
    with pytest.raises(ValueError, match=words):
        make(name, **kwargs)


def test_an_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'gravty'"):
        make("HalfCheetah", gravty=1.0)


def test_without_mujoco_the_message_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("rl_transfer_envs._mujoco")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(DependencyNotInstalled, match=r"mujoco needs mujoco.*pip install 'rl-transfer\[mujoco\]'"):
        importlib.import_module("rl_transfer_envs._mujoco")
    with pytest.raises(DependencyNotInstalled, match=r"rl-transfer\[mujoco\]"):
        make("Hopper")


def test_the_package_is_imported_without_the_simulators():
    program = (
        "import rl_transfer_envs, sys\n"
        "heavy = {'mujoco', 'Box2D', 'glfw', 'OpenGL', 'pygame'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


@pytest.mark.slow
def test_pictures_are_gymnasiums(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "egl")
    program = (
        "import gymnasium, numpy as np\n"
        "def picture(name):\n"
        "    env = gymnasium.make(name, render_mode='rgb_array', width=600, height=500)\n"
        "    env.reset(seed=0)\n"
        "    return env.render()\n"
        "ours, theirs = picture('rl_transfer_envs:transfer/HalfCheetah-v0'), picture('HalfCheetah-v5')\n"
        "assert ours.shape == (500, 600, 3) and ours.std() > 0\n"
        "np.testing.assert_array_equal(ours, theirs)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if "Cannot initialize a EGL device display" in done.stderr or "Unable to load EGL" in done.stderr:
        pytest.skip("no EGL on this machine")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "length", "usable"), [("Walker2d", 0.4, [0.2, 2.0]), ("Hopper", 0.4, [0.2, 5.0])])
def test_a_robot_that_starts_fallen_is_refused_until_it_may_stand_there(name, length, usable):
    with pytest.raises(ValueError, match=r"fallen at its start: the height 0\.\d\d is not in healthy_z_range \("):
        gymnasium.make(f"transfer/{name}-v0", length=length)
    env = gymnasium.make(f"transfer/{name}-v0", length=length, healthy_z_range=usable)
    env.reset(seed=1)
    assert not env.step(np.zeros(env.action_space.shape, np.float32))[2]


@pytest.mark.parametrize(
    ("name", "kwargs", "says"),
    [
        ("Hopper", {"healthy_angle_range": (1, 2)}, "the angle 0.00 is not in healthy_angle_range (1 to 2):"),
        ("Hopper", {"healthy_state_range": (0.5, 9)}, "the state 0.00 is not in healthy_state_range (0.5 to 9):"),
        (
            "Ant",
            {"length": 2.0, "healthy_z_range": (0.2, 1.0)},
            "the height 1.28 is not in healthy_z_range (0.2 to 1)",
        ),
    ],
)
def test_the_condition_that_a_fallen_robot_breaks_is_named(name, kwargs, says):
    with pytest.raises(ValueError, match="counts as fallen") as caught:
        make(name, **kwargs)
    assert says in str(caught.value)
    assert str(caught.value).count(" is not in ") == 1


@pytest.mark.parametrize("length", [0.2, 1.0, 1.25, 1.5, 2.0, 3.0, 10.0, {"left_ankle_geom": 2.0}])
def test_an_ant_with_legs_of_any_length_that_does_nothing_stays_healthy_and_upright(length):
    env = make("Ant", length=length)
    for seed in range(3):
        env.reset(seed=seed)
        assert not any(env.step(np.zeros(8))[2] for _ in range(80))
        _, x, y, _ = env.data.qpos[3:7]
        assert 1 - 2 * (x**2 + y**2) > 0.5


def test_the_default_height_limit_grows_with_the_start_and_a_given_one_does_not():
    def limit(name, **kwargs):
        return make(name, **kwargs)._healthy_z_range

    assert limit("Ant") == public("Ant")._healthy_z_range == limit("Ant", length=0.5) == (0.2, 1.0)
    assert limit("Walker2d", length=2.0) == pytest.approx((0.8, 2.0 * make("Walker2d", length=2.0).init_qpos[1] / 1.25))
    assert limit("Ant", length=1.5, healthy_z_range=[0.1, 1.1]) == [0.1, 1.1]
    assert limit("Hopper", length=1.5) == (0.7, math.inf)
