"""The Box2D tasks: Gymnasium's own with the defaults, Gymnasium's with its module changed with anything else."""

import copy
import importlib
import math
import pickle
import sys
from contextlib import contextmanager

import gymnasium
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("Box2D")

from Box2D.b2 import fixtureDef, polygonShape
from gymnasium.envs.box2d import bipedal_walker, lunar_lander

from rl_transfer_envs._box2d.bipedal_walker import BipedalWalker
from rl_transfer_envs._box2d.constants import with_constants
from rl_transfer_envs._box2d.lunar_lander import LunarLander

pytestmark = pytest.mark.slow

LANDER, WALKER = "rl_transfer_envs:transfer/LunarLander-v0", "rl_transfer_envs:transfer/BipedalWalker-v0"
MODULES = {LANDER: lunar_lander, WALKER: bipedal_walker}
CLASSES = {LANDER: LunarLander, WALKER: BipedalWalker}
PUBLIC = {LANDER: "LunarLander-v3", WALKER: "BipedalWalker-v3"}


def trajectory(env, seed=1, steps=50):
    """Everything an environment returns, bytes for arrays, over seeded and unseeded resets."""
    return list(walk(env, seed, steps))


def walk(env, seed, steps):
    env.action_space.seed(seed)
    observation, info = env.reset(seed=seed)
    yield observation.dtype, observation.tobytes(), info
    for _ in range(steps):
        observation, *rest = env.step(env.action_space.sample())
        yield observation.dtype, observation.tobytes(), *rest
        if rest[1] or rest[2]:
            yield env.reset()[0].tobytes()


@contextmanager
def changed(module, constants):
    """Gymnasium's module with other constants: what the environments under test never do."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in constants.items():
            patch.setattr(module, name, value)
        yield


# Defaults


@settings(deadline=None, max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), continuous=st.booleans(), wind=st.booleans())
def test_the_default_lander_is_gymnasiums_bit_for_bit(seed, continuous, wind):
    kwargs = {"continuous": continuous, "enable_wind": wind}
    ours, theirs = gymnasium.make(LANDER, **kwargs), gymnasium.make("LunarLander-v3", **kwargs)
    assert trajectory(ours, seed, 120) == trajectory(theirs, seed, 120)
    assert ours.unwrapped.np_random.bit_generator.state == theirs.unwrapped.np_random.bit_generator.state
    assert (ours.observation_space, ours.action_space) == (theirs.observation_space, theirs.action_space)


@settings(deadline=None, max_examples=4)
@given(seed=st.integers(0, 2**32 - 1), hardcore=st.booleans())
def test_the_default_walker_is_gymnasiums_bit_for_bit(seed, hardcore):
    ours, theirs = gymnasium.make(WALKER, hardcore=hardcore), gymnasium.make("BipedalWalker-v3", hardcore=hardcore)
    assert trajectory(ours, seed, 100) == trajectory(theirs, seed, 100)
    assert ours.unwrapped.np_random.bit_generator.state == theirs.unwrapped.np_random.bit_generator.state
    assert ours.unwrapped.terrain_poly == theirs.unwrapped.terrain_poly
    assert ours.unwrapped.cloud_poly == theirs.unwrapped.cloud_poly
    assert (ours.observation_space, ours.action_space) == (theirs.observation_space, theirs.action_space)


@pytest.mark.parametrize("env_id", [LANDER, WALKER])
def test_time_limit_and_reward_threshold_are_gymnasiums(env_id):
    ours, theirs = gymnasium.spec(env_id.split(":")[1]), gymnasium.spec(PUBLIC[env_id])
    assert (ours.max_episode_steps, ours.reward_threshold) == (theirs.max_episode_steps, theirs.reward_threshold)


# Changed constants


def legs(width=8 / 30, height=34 / 30, density=1.0):
    parts = {
        name: fixtureDef(
            shape=polygonShape(box=(factor * width / 2, height / 2)),
            density=density,
            restitution=0.0,
            categoryBits=0x0020,
            maskBits=0x001,
        )
        for name, factor in (("LEG_FD", 1.0), ("LOWER_FD", 0.8))
    }
    return {"LEG_W": width, "LEG_H": height, **parts}


HULL = [(-30, 9), (6, 9), (34, 1), (34, -8), (-30, -8)]
HEAVY_HULL = fixtureDef(
    shape=polygonShape(vertices=[(x / 30, y / 30) for x, y in HULL]),
    density=8.0,
    friction=0.1,
    categoryBits=0x0020,
    maskBits=0x001,
    restitution=0.0,
)
BIG_LANDER = [(-21, 25.5), (-25.5, 0), (-25.5, -15), (25.5, -15), (25.5, 0), (21, 25.5)]

CONSTANTS = [
    (LANDER, {"main_engine_power": 5.0}, {"MAIN_ENGINE_POWER": 5.0}),
    (LANDER, {"side_engine_power": 2}, {"SIDE_ENGINE_POWER": 2.0}),
    (LANDER, {"initial_random": 0.0}, {"INITIAL_RANDOM": 0.0}),
    (LANDER, {"main_engine_y_location": 8.0}, {"MAIN_ENGINE_Y_LOCATION": 8}),
    (LANDER, {"side_engine_height": 3.0}, {"SIDE_ENGINE_HEIGHT": 3}),
    (LANDER, {"side_engine_away": 20.0}, {"SIDE_ENGINE_AWAY": 20}),
    (LANDER, {"leg_away": 30.0}, {"LEG_AWAY": 30}),
    (LANDER, {"leg_down": 10.0}, {"LEG_DOWN": 10}),
    (LANDER, {"leg_width": 5.0}, {"LEG_W": 5}),
    (LANDER, {"leg_height": 16.0}, {"LEG_H": 16}),
    (LANDER, {"leg_spring_torque": 5.0}, {"LEG_SPRING_TORQUE": 5}),
    (LANDER, {"lander_size": 1.5}, {"LANDER_POLY": BIG_LANDER}),
    (WALKER, {"motor_torque": 40.0}, {"MOTORS_TORQUE": 40}),
    (WALKER, {"hip_speed": 2.0}, {"SPEED_HIP": 2}),
    (WALKER, {"knee_speed": 12.0}, {"SPEED_KNEE": 12}),
    (WALKER, {"lidar_range": 2.5}, {"LIDAR_RANGE": 2.5}),
    (WALKER, {"friction": 0.05}, {"FRICTION": 0.05}),
    (WALKER, {"initial_random": 500.0}, {"INITIAL_RANDOM": 500}),
    (WALKER, {"terrain_length": 90}, {"TERRAIN_LENGTH": 90}),
    (WALKER, {"terrain_startpad": 8}, {"TERRAIN_STARTPAD": 8}),
    (WALKER, {"terrain_grass": 30}, {"TERRAIN_GRASS": 30}),
    (WALKER, {"leg_width": 0.5}, legs(width=0.5)),
    (WALKER, {"leg_height": 0.8}, legs(height=0.8)),
    (WALKER, {"leg_density": 4.0}, legs(density=4.0)),
    (WALKER, {"hull_density": 8.0}, {"HULL_FD": HEAVY_HULL}),
]


@pytest.mark.parametrize(("env_id", "kwargs", "constants"), CONSTANTS, ids=lambda value: str(value)[-40:])
def test_a_changed_constant_is_gymnasiums_with_its_module_changed(env_id, kwargs, constants):
    flags = {"hardcore": True} if "terrain_grass" in kwargs else {}
    ours = trajectory(CLASSES[env_id](**flags, **kwargs))
    with changed(MODULES[env_id], constants):
        theirs = trajectory(gymnasium.make(PUBLIC[env_id], disable_env_checker=True, **flags).unwrapped)
    assert ours == theirs
    assert ours != trajectory(CLASSES[env_id](**flags))


def test_every_setting_is_in_one_of_these_tests():
    names = {name for env_id, kwargs, _ in CONSTANTS for name in kwargs if env_id == LANDER}
    names |= {"gravity", "enable_wind", "wind_power", "turbulence_power", "continuous", "render_mode"}
    assert names == set(LunarLander()._ezpickle_kwargs)
    names = {name for env_id, kwargs, _ in CONSTANTS for name in kwargs if env_id == WALKER}
    assert names | {"gravity", "hardcore", "terrain_roughness", "render_mode"} == set(BipedalWalker()._ezpickle_kwargs)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"gravity": -4.0},
        {"enable_wind": True, "wind_power": 5.0},
        {"enable_wind": True, "turbulence_power": 0.3},
        {"enable_wind": True},
    ],
)
def test_gymnasiums_own_keywords_do_what_they_do_there(kwargs):
    ours = trajectory(LunarLander(**kwargs))
    assert ours == trajectory(gymnasium.make("LunarLander-v3", disable_env_checker=True, **kwargs).unwrapped)
    assert ours != trajectory(LunarLander(enable_wind=kwargs.get("enable_wind", False) and len(kwargs) > 1))


def test_the_walkers_gravity_is_its_worlds():
    theirs = gymnasium.make("BipedalWalker-v3", disable_env_checker=True).unwrapped
    theirs.world.gravity = (0, -4.0)
    assert trajectory(BipedalWalker(gravity=-4.0)) == trajectory(theirs) != trajectory(BipedalWalker())


@pytest.mark.parametrize("hardcore", [False, True])
def test_roughness_scales_what_is_random_in_the_slope(hardcore):
    class Rough(bipedal_walker.BipedalWalker):
        def _generate_terrain(self, hardcore):
            with changed(bipedal_walker, {"SCALE": 30 / 3.0}):
                super()._generate_terrain(hardcore)

    ours, theirs = BipedalWalker(terrain_roughness=3.0, hardcore=hardcore), Rough(hardcore=hardcore)
    smooth = BipedalWalker(hardcore=hardcore)
    assert trajectory(ours) == trajectory(theirs)
    smooth.reset(seed=1)
    assert ours.terrain_y == theirs.terrain_y != smooth.terrain_y
    flat = BipedalWalker(terrain_roughness=0.0)
    flat.reset(seed=1)
    assert set(flat.terrain_y) == {bipedal_walker.TERRAIN_HEIGHT}


# Physics


@pytest.mark.parametrize("gravity", [-10.0, -1.62, -30.0, 0.0])
def test_the_lander_falls_as_galilei_says(gravity):
    env = LunarLander(gravity=gravity, initial_random=0.0)
    env.reset(seed=0)
    # `reset` ends with a first step; below 3 m the legs could touch the ground.
    for steps in range(2, 30):
        env.step(0)
        bodies = [env.lander, *env.legs]
        momentum = sum(body.mass * body.linearVelocity[1] for body in bodies)
        assert momentum / sum(body.mass for body in bodies) == pytest.approx(gravity * steps / 50, rel=1e-4, abs=1e-6)


def test_masses_follow_size_and_density():
    def masses(env, *names):
        env.reset(seed=0)
        return [getattr(env, name).mass for name in names] + [leg.mass for leg in env.legs]

    lander, half = masses(LunarLander(), "lander"), masses(LunarLander(lander_size=0.5), "lander")
    assert half == pytest.approx([lander[0] / 4, *lander[1:]], rel=1e-5)
    walker = masses(BipedalWalker(), "hull")
    dense = masses(BipedalWalker(hull_density=10.0, leg_density=3.0), "hull")
    assert dense == pytest.approx([2 * walker[0], *(3 * mass for mass in walker[1:])], rel=1e-5)
    long = masses(BipedalWalker(leg_height=68 / 30), "hull")
    assert long == pytest.approx([walker[0], *(2 * mass for mass in walker[1:])], rel=0.02)


# Instances


def test_interleaved_instances_disturb_neither_each_other_nor_gymnasium():
    kwargs = [{"main_engine_power": 5.0, "leg_down": 30.0}, {"gravity": -2.0, "side_engine_power": 3.0}, {}]
    makers = [lambda settings=settings: LunarLander(**settings) for settings in kwargs]
    makers += [lunar_lander.LunarLander, bipedal_walker.BipedalWalker]
    makers += [lambda: BipedalWalker(motor_torque=10.0, terrain_roughness=4.0, leg_height=0.9), BipedalWalker]
    before = {module: dict(vars(module)) for module in MODULES.values()}
    alone = [trajectory(make()) for make in makers]
    walks = [walk(make(), 1, 50) for make in makers]
    together = [[] for _ in makers]
    done = object()
    while any(walks):
        for index, running in enumerate(walks):
            entry = next(running, done) if running else done
            if entry is done:
                walks[index] = None
            else:
                together[index].append(entry)
    assert together == alone
    assert len({tuple(map(str, entries)) for entries in alone}) == 5  # two pairs are the same: ours and Gymnasium's
    assert {module: dict(vars(module)) for module in MODULES.values()} == before


@pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        (LANDER, {"continuous": True, "main_engine_power": 8.0, "gravity": -3.7}),
        (WALKER, {"hardcore": True, "motor_torque": 40.0, "terrain_roughness": 2.0}),
    ],
)
def test_copies_pickles_and_specs_carry_the_parameters(env_id, kwargs):
    env = gymnasium.make(env_id, **kwargs)
    env.reset(seed=0)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    for other in (copy.deepcopy(env), pickle.loads(pickle.dumps(env)), again):
        assert trajectory(other, 3) == trajectory(env, 3) != trajectory(gymnasium.make(env_id), 3)


def test_pictures_are_gymnasiums():
    pytest.importorskip("pygame")
    for env_id, cls in CLASSES.items():
        ours, theirs = cls(render_mode="rgb_array"), gymnasium.make(PUBLIC[env_id], render_mode="rgb_array").unwrapped
        for env in (ours, theirs):
            env.action_space.seed(0)
            env.reset(seed=0)
            env.step(env.action_space.sample())
        np.testing.assert_array_equal(ours.render(), theirs.render())


# What is refused

ABOVE_ZERO = [(LunarLander, "leg_width"), (LunarLander, "leg_height"), (LunarLander, "lander_size")]
ABOVE_ZERO += [(BipedalWalker, name) for name in ("hip_speed", "knee_speed", "lidar_range", "leg_width", "leg_height")]
ABOVE_ZERO += [(BipedalWalker, "hull_density"), (BipedalWalker, "leg_density")]
FROM_ZERO = [(LunarLander, name) for name in ("wind_power", "turbulence_power", "main_engine_power", "leg_away")]
FROM_ZERO += [(LunarLander, name) for name in ("side_engine_power", "initial_random", "main_engine_y_location")]
FROM_ZERO += [(LunarLander, name) for name in ("side_engine_height", "side_engine_away", "leg_down")]
FROM_ZERO += [(LunarLander, "leg_spring_torque"), (BipedalWalker, "motor_torque"), (BipedalWalker, "friction")]
FROM_ZERO += [(BipedalWalker, "terrain_roughness"), (BipedalWalker, "initial_random")]


@pytest.mark.parametrize(("cls", "name"), ABOVE_ZERO + FROM_ZERO)
def test_numbers_out_of_range_are_refused_by_name(cls, name):
    zero = [0.0] if (cls, name) in ABOVE_ZERO else []
    for value in [*zero, -1.0, math.nan, math.inf, "1", None, True]:
        with pytest.raises(ValueError, match=rf"^{name} must be a finite number in [\[(]0, "):
            cls(**{name: value})


@pytest.mark.parametrize(
    ("cls", "kwargs", "words"),
    [
        (LunarLander, {"gravity": 1.0}, r"gravity must be a finite number in \[-50, 0\], got 1"),
        (BipedalWalker, {"gravity": -51.0}, r"gravity must be a finite number in \[-50, 0\], got -51"),
        (LunarLander, {"continuous": 1}, "continuous must be true or false, got 1"),
        (LunarLander, {"enable_wind": "no"}, "enable_wind must be true or false"),
        (LunarLander, {"lander_size": 6.0}, r"lander_size must be a finite number in \(0, 5\]"),
        (BipedalWalker, {"hardcore": 0}, "hardcore must be true or false"),
        (BipedalWalker, {"terrain_length": 30}, "terrain_length must be a whole number of at least 31, got 30"),
        (BipedalWalker, {"terrain_startpad": 2}, "terrain_startpad must be a whole number of at least 3"),
        (BipedalWalker, {"terrain_grass": 3.5}, "terrain_grass must be a whole number of at least 4"),
    ],
)
def test_ranges_are_named(cls, kwargs, words):
    with pytest.raises(ValueError, match=words):
        cls(**kwargs)


def test_a_constant_that_the_module_does_not_have_is_refused():
    with pytest.raises(ValueError, match="lunar_lander has no constants MAIN_ENGIN_POWER"):
        with_constants(lunar_lander.LunarLander.step, {"MAIN_ENGIN_POWER": 1.0})


def test_without_box2d_the_message_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("rl_transfer_envs._box2d")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "Box2D", None)
    with pytest.raises(DependencyNotInstalled, match=r"box2d needs Box2D.*pip install 'rl-transfer\[box2d\]'"):
        importlib.import_module("rl_transfer_envs._box2d")
    with pytest.raises(DependencyNotInstalled, match=r"rl-transfer\[box2d\]"):
        gymnasium.make(LANDER)
