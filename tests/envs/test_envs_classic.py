"""The parametrised classic control tasks: Gymnasium's own with the defaults, textbook equations with anything else."""

import copy
import math
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.acrobot import AcrobotEnv
from gymnasium.envs.classic_control.continuous_mountain_car import Continuous_MountainCarEnv
from gymnasium.envs.classic_control.mountain_car import MountainCarEnv
from gymnasium.envs.classic_control.pendulum import PendulumEnv
from gymnasium.envs.registration import EnvSpec
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from rl_transfer_envs.acrobot import Acrobot
from rl_transfer_envs.mountain_car import MountainCar
from rl_transfer_envs.mountain_car_continuous import MountainCarContinuous
from rl_transfer_envs.pendulum import Pendulum

# Ours, Gymnasium's, and for every keyword a changed value.
TASKS = {
    "MountainCar": (
        "MountainCar-v0",
        {
            "force": 0.0008,
            "gravity": 0.002,
            "hill_frequency": 2.5,
            "goal_position": -0.39,
            "goal_velocity": 0.01,
            "min_position": -0.62,
            "max_position": 0.5,
            "max_speed": 0.004,
            "start_low": -0.9,
            "start_high": -0.5,
        },
    ),
    "MountainCarContinuous": (
        "MountainCarContinuous-v0",
        {
            "power": 0.001,
            "gravity": 0.002,
            "hill_frequency": 2.5,
            "goal_position": -0.39,
            "goal_velocity": 0.01,
            "min_position": -0.62,
            "max_position": 0.45,
            "max_speed": 0.004,
            "max_action": 0.5,
            "start_low": -0.9,
            "start_high": -0.5,
            "goal_reward": 10.0,
            "action_cost": 0.2,
        },
    ),
    "Acrobot": (
        "Acrobot-v1",
        {
            "gravity": 12.0,
            "link_length_1": 1.2,
            "link_mass_1": 1.5,
            "link_mass_2": 1.5,
            "link_com_pos_1": 0.6,
            "link_com_pos_2": 0.6,
            "link_moi": 1.1,
            "max_vel_1": 0.2,
            "max_vel_2": 0.2,
            "torques": [-2.0, 0.0, 1.0],
            "torque_noise_max": 0.1,
            "dt": 0.1,
            "book_or_nips": "nips",
            "goal_height": -1.9,
            "start_spread": 0.2,
        },
    ),
    "Pendulum": (
        "Pendulum-v1",
        {
            "g": 9.0,
            "m": 1.5,
            "l": 1.5,
            "dt": 0.04,
            "max_speed": 1.0,
            "max_torque": 1.0,
            "start_angle": 1.0,
            "start_speed": 0.5,
            "goal_angle": 0.3,
            "angle_cost": 2.0,
            "speed_cost": 0.2,
            "torque_cost": 0.01,
        },
    ),
}
NAMES = sorted(TASKS)
# What only an arrival shows is tried with a goal beside the start; the road's end with hills that throw the car there.
BESIDE = {
    "goal_velocity": {"goal_position": -0.39},
    "goal_reward": {"goal_position": -0.39},
    "max_position": {"gravity": -0.01},
}


def make(name, **kwargs):
    return gymnasium.make(f"rl_transfer_envs:transfer/{name}-v0", **kwargs)


def trajectory(env, seed, steps=100, episodes=2):
    """Bytes of all observations and everything else returned, over seeded and unseeded resets; actions repeat."""
    env.action_space.seed(seed)
    record = []
    for episode in range(episodes):
        observation, info = env.reset(seed=seed if episode == 0 else None)
        record.append((observation.dtype, observation.tobytes(), info))
        for step in range(steps):
            if step % 10 == 0:
                action = env.action_space.sample()
            observation, reward, terminated, truncated, info = env.step(action)
            record.append((observation.dtype, observation.tobytes(), type(reward), reward, terminated, truncated, info))
            if terminated or truncated:
                break
    return record


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_defaults_are_gymnasiums_bit_for_bit(name, seed):
    ours, theirs = make(name), gymnasium.make(TASKS[name][0])
    assert trajectory(ours, seed) == trajectory(theirs, seed)
    assert ours.unwrapped.np_random.bit_generator.state == theirs.unwrapped.np_random.bit_generator.state


@pytest.mark.parametrize("name", ["MountainCar", "MountainCarContinuous"])
def test_a_car_that_arrives_is_gymnasiums_too(name):
    ours, theirs = make(name), gymnasium.make(TASKS[name][0])
    returned = []
    for env in (ours, theirs):
        (_, velocity), _ = env.reset(seed=3)
        ended, record = False, []
        while not ended:
            push = 1 if velocity >= 0 else -1
            (position, velocity), reward, ended, truncated, _ = env.step(
                push + 1 if name == "MountainCar" else np.array([push], dtype=np.float32)
            )
            assert not truncated
            record.append((position, velocity, type(reward), reward))
        returned.append(record)
    assert returned[0] == returned[1]


@pytest.mark.parametrize("name", NAMES)
def test_defaults_have_gymnasiums_attributes_spaces_and_limits(name):
    ours, theirs = make(name), gymnasium.make(TASKS[name][0])
    for attribute in vars(theirs.unwrapped).keys() - {"spec"}:
        np.testing.assert_equal(getattr(ours.unwrapped, attribute), getattr(theirs.unwrapped, attribute))
    assert ours.metadata == theirs.metadata
    for attribute in ("max_episode_steps", "reward_threshold"):
        assert getattr(ours.spec, attribute) == getattr(theirs.spec, attribute)


@pytest.mark.parametrize(("name", "setting"), [(name, setting) for name in NAMES for setting in TASKS[name][1]])
def test_every_setting_changes_the_trajectory_is_kept_and_stays_in_the_spaces(name, setting):
    beside = BESIDE.get(setting, {})
    changed = make(name, **beside, **{setting: TASKS[name][1][setting]})
    original = trajectory(make(name, **beside), 5)
    record = trajectory(changed, 5)
    assert record != original
    again = gymnasium.make(EnvSpec.from_json(changed.spec.to_json()))
    for other in (again, copy.deepcopy(changed), pickle.loads(pickle.dumps(changed))):
        assert trajectory(other, 5) == record
    assert trajectory(make(name, **beside), 5) == original
    space = changed.observation_space
    assert all(np.frombuffer(entry[1], entry[0]) in space for entry in record)


ATTRIBUTES = {
    "MountainCar": (MountainCar, MountainCarEnv, ("force", "gravity", "goal_position", "max_speed")),
    "MountainCarContinuous": (
        MountainCarContinuous,
        Continuous_MountainCarEnv,
        ("power", "goal_position", "min_position", "max_speed"),
    ),
    "Pendulum": (Pendulum, PendulumEnv, ("g", "m", "l", "dt", "max_speed")),
    "Acrobot": (
        Acrobot,
        AcrobotEnv,
        (
            "link_length_1",
            "link_mass_1",
            "link_mass_2",
            "link_com_pos_1",
            "link_com_pos_2",
            "link_moi",
            "dt",
            "book_or_nips",
            "torque_noise_max",
        ),
    ),
}


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=8)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_changed_attributes_are_gymnasiums_set_by_hand(name, data, seed):
    ours, theirs, settings_ = ATTRIBUTES[name]
    changed = {key: TASKS[name][1][key] for key in data.draw(st.sets(st.sampled_from(settings_), min_size=1))}
    by_hand = theirs()
    for key, value in changed.items():
        constant = name == "Acrobot" and key.startswith("link")
        setattr(by_hand, key.upper() if constant else key, value)
    assert trajectory(ours(**changed), seed, steps=60) == trajectory(by_hand, seed, steps=60)


@settings(deadline=None, max_examples=60)
@given(
    position=st.floats(-1.2, 0.44),
    velocity=st.floats(-0.06, 0.06),
    action=st.integers(0, 2),
    gravity=st.floats(-0.01, 0.01),
    frequency=st.floats(0.5, 6),
    continuous=st.booleans(),
)
def test_cars_follow_the_hill_they_are_given(position, velocity, action, gravity, frequency, continuous):
    cls = MountainCarContinuous if continuous else MountainCar
    env = cls(gravity=gravity, hill_frequency=frequency)
    env.reset(seed=0)
    env.state = np.array([position, velocity])
    after, *_ = env.step(np.array([action - 1.0], dtype=np.float32) if continuous else action)
    engine = (action - 1) * (0.0015 if continuous else 0.001)
    new_velocity = min(max(velocity + engine - gravity * math.cos(frequency * position), -0.07), 0.07)
    new_position = min(max(position + new_velocity, -1.2), 0.6)
    if new_position == -1.2 and new_velocity < 0:
        new_velocity = 0.0
    np.testing.assert_allclose(after, [new_position, new_velocity], atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("cls", [MountainCar, MountainCarContinuous])
@pytest.mark.parametrize("frequency", [2.0, 3.0, 4.0])
def test_a_car_without_a_push_rests_at_the_bottom_that_the_docstring_names(cls, frequency):
    bottom = -math.pi / (2 * frequency)
    env = cls(hill_frequency=frequency, start_low=bottom, start_high=bottom)
    env.reset(seed=0)
    for _ in range(50):
        observation, *_ = env.step(np.zeros(1, np.float32) if cls is MountainCarContinuous else 1)
    np.testing.assert_allclose(observation, [bottom, 0], atol=1e-6)
    assert env._height(np.array([bottom]))[0] == pytest.approx(0.1)


@pytest.mark.parametrize("cls", [MountainCar, MountainCarContinuous])
def test_roads_move_the_observation_space_and_the_goal_ends_the_episode(cls):
    env = cls(min_position=-2.0, max_position=1.0, max_speed=0.5, goal_position=0.9, goal_velocity=0.1)
    np.testing.assert_array_equal(env.observation_space.low, np.array([-2.0, -0.5], np.float32))
    np.testing.assert_array_equal(env.observation_space.high, np.array([1.0, 0.5], np.float32))
    for state, ends in [((0.8, 0.2), True), ((0.8, 0.05), False), ((0.5, 0.3), False)]:
        env.reset(seed=0)
        env.state = np.array(state)
        assert env.step(np.zeros(1, np.float32) if cls is MountainCarContinuous else 1)[2] is ends


def test_the_continuous_car_is_paid_and_charged_as_it_is_told():
    env = MountainCarContinuous(goal_reward=7.0, action_cost=0.5, max_action=2.0, power=0.002)
    assert (env.action_space.low, env.action_space.high) == (-2.0, 2.0)
    env.reset(seed=0)
    env.state = np.array([0.449, 0.05])
    assert env.step(np.array([2.0], np.float32))[1:3] == (pytest.approx(7.0 - 0.5 * 4), True)
    env.reset(seed=0)
    assert env.step(np.array([1.0], np.float32))[1:3] == (pytest.approx(-0.5), False)


def double_pendulum(state, gravity, masses, centres, length, inertia, torque):
    """The accelerations from Lagrange's equations as a linear system (Spong and Vidyasagar 1989; from hanging)."""
    q1, q2, v1, v2 = state
    (m1, m2), (c1, c2) = masses, centres
    coupling = m2 * length * c2
    inertias = np.array(
        [
            [
                m1 * c1**2 + m2 * (length**2 + c2**2) + 2 * coupling * math.cos(q2) + 2 * inertia,
                m2 * c2**2 + coupling * math.cos(q2) + inertia,
            ],
            [m2 * c2**2 + coupling * math.cos(q2) + inertia, m2 * c2**2 + inertia],
        ]
    )
    whirl = coupling * math.sin(q2)
    moments = np.array(
        [
            whirl * (2 * v1 * v2 + v2**2)
            - gravity * ((m1 * c1 + m2 * length) * math.sin(q1) + m2 * c2 * math.sin(q1 + q2)),
            torque - whirl * v1**2 - gravity * m2 * c2 * math.sin(q1 + q2),
        ]
    )
    return np.concatenate([[v1, v2], np.linalg.solve(inertias, moments)])


@settings(deadline=None, max_examples=25)
@given(
    gravity=st.floats(-20, 40),
    masses=st.tuples(st.floats(0.3, 3), st.floats(0.3, 3)),
    torque=st.floats(-3, 3),
    start=st.lists(st.floats(-1, 1), min_size=4, max_size=4),
)
def test_the_acrobot_falls_as_the_double_pendulum_of_the_textbook(gravity, masses, torque, start):
    env = Acrobot(
        gravity=gravity, link_mass_1=masses[0], link_mass_2=masses[1], torques=[torque], dt=0.02, goal_height=2.0
    )
    env.reset(seed=0)
    env.state = np.array(start)
    env.step(0)
    solution = solve_ivp(
        lambda _, state: double_pendulum(state, gravity, masses, (0.5, 0.5), 1.0, 1.0, torque),
        (0, 0.02),
        start,
        rtol=1e-10,
        atol=1e-10,
    )
    np.testing.assert_allclose(env.state, solution.y[:, -1], atol=2e-4)


def test_the_acrobots_goal_torques_and_speeds_are_settings():
    env = Acrobot(torques=[-1, 0.5], goal_height=-0.5, max_vel_1=1.0, max_vel_2=2.0)
    assert env.action_space.n == 2
    np.testing.assert_array_equal(env.observation_space.high, np.array([1, 1, 1, 1, 1, 2], np.float32))
    for angle, ends in [(1.2, False), (1.4, True)]:  # the tip at -2 cos(angle): -0.72 and -0.34
        env.reset(seed=0)
        env.state = np.array([angle, 0.0, 0.0, 0.0])
        env.dt = 1e-9
        assert env.step(1)[1:3] == (0.0 if ends else -1.0, ends)


def test_the_acrobots_second_length_is_drawn_only():
    assert trajectory(make("Acrobot", link_length_2=3.0), 1) == trajectory(make("Acrobot"), 1)
    assert Acrobot(link_length_2=3.0).LINK_LENGTH_2 == 3.0
    assert AcrobotEnv.LINK_LENGTH_2 == AcrobotEnv.LINK_MASS_1 == 1.0


def test_an_acrobot_that_diverges_says_so():
    env = Acrobot(link_moi=1e-9, link_com_pos_2=0.0, dt=1.0)
    env.reset(seed=0)
    with pytest.raises(FloatingPointError, match="make dt smaller"):
        env.step(2)


@settings(deadline=None, max_examples=40)
@given(
    angle=st.floats(-7, 7),
    speed=st.floats(-7, 7),
    torque=st.floats(-3, 3, width=32),
    goal=st.floats(-math.pi, math.pi),
    costs=st.tuples(*[st.floats(0, 5)] * 3),
)
def test_the_pendulum_turns_as_a_rod_does_and_charges_what_it_is_told(angle, speed, torque, goal, costs):
    env = Pendulum(goal_angle=goal, angle_cost=costs[0], speed_cost=costs[1], torque_cost=costs[2], l=2.0, m=0.5)
    env.reset(seed=0)
    env.state = np.array([angle, speed])
    _, reward, *_ = env.step(np.array([torque], np.float32))
    torque = min(max(torque, -2), 2)
    from_goal = math.remainder(angle - goal, 2 * math.pi)
    assert reward == pytest.approx(-(costs[0] * from_goal**2 + costs[1] * speed**2 + costs[2] * torque**2), abs=1e-6)
    # A rod about its end: inertia m l²/3, gravity at its middle.
    acceleration = (0.5 * 10 * 1.0 * math.sin(angle) + torque) / (0.5 * 2.0**2 / 3)
    new_speed = min(max(speed + 0.05 * acceleration, -8), 8)
    np.testing.assert_allclose(env.state, [angle + 0.05 * new_speed, new_speed], rtol=1e-6, atol=1e-6)


def test_the_pendulums_ranges_are_its_spaces():
    env = Pendulum(max_speed=3.0, max_torque=0.5, start_angle=0.0, start_speed=0.0)
    assert (env.action_space.low, env.action_space.high) == (-0.5, 0.5)
    np.testing.assert_array_equal(env.observation_space.high, [1, 1, 3])
    np.testing.assert_array_equal(env.reset(seed=0)[0], [1, 0, 0])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("MountainCar", {"low": -1.0, "high": 0.0}),
        ("MountainCarContinuous", {"low": -0.7}),
        ("Acrobot", {"high": 0.5}),
        ("Pendulum", {"x_init": 0.3, "y_init": 0.1}),
        ("Pendulum", {"y_init": 0.1}),
    ],
)
def test_reset_takes_gymnasiums_options(name, options):
    ours = make(name).reset(seed=4, options=options)[0]
    assert ours.tobytes() == gymnasium.make(TASKS[name][0]).reset(seed=4, options=options)[0].tobytes()


@pytest.mark.parametrize(("name", "setting"), [(name, setting) for name in NAMES for setting in TASKS[name][1]])
@pytest.mark.parametrize("value", [math.nan, "9.8", None, True])
def test_what_is_no_value_is_refused_by_name(name, setting, value):
    with pytest.raises(ValueError, match=rf"^{setting} must be "):
        make(name, **{setting: value})


def test_torques_may_be_an_array():
    assert make("Acrobot", torques=np.array([-1.0, 1.0])).unwrapped.AVAIL_TORQUE == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("MountainCar", {"force": 0}, r"force .* \(0, "),
        ("MountainCar", {"start_low": -1.3}, r"start_low .* \[-1.2, 0.6\]"),
        ("MountainCar", {"start_high": -0.7}, r"start_high .* \[-0.6, 0.6\]"),
        ("MountainCar", {"goal_position": -0.4}, r"goal_position .* \(-0.4, 0.6\]"),
        ("MountainCar", {"goal_velocity": 0.08}, r"goal_velocity .* 0.07\]"),
        ("MountainCar", {"max_position": -2}, r"max_position .* \(-1.2, "),
        ("MountainCarContinuous", {"power": -1}, r"power .* \(0, "),
        ("MountainCarContinuous", {"max_action": 1e39}, r"max_action .*e\+38\]"),
        ("MountainCarContinuous", {"hill_frequency": 0}, r"hill_frequency .* \(0, "),
        ("Acrobot", {"dt": 2}, r"dt .* \(0, 1\]"),
        ("Acrobot", {"torques": []}, "torques must be a list of one or more"),
        ("Acrobot", {"torques": [1.0, "a"]}, r"torques\[1\] must be a finite number"),
        ("Acrobot", {"goal_height": 2.1}, r"goal_height .* \(-2, 2\]"),
        ("Acrobot", {"start_spread": 0.3, "max_vel_2": 0.2}, r"start_spread .* \[0, 0.2\]"),
        ("Acrobot", {"book_or_nips": "blog"}, "book_or_nips must be one of 'book', 'nips'"),
        ("Pendulum", {"start_angle": 180}, r"start_angle .* \[0, 3.14159\]"),
        ("Pendulum", {"start_speed": 9}, r"start_speed .* \[0, 8\]"),
        ("Pendulum", {"torque_cost": -1}, r"torque_cost .* \[0, "),
        ("Pendulum", {"l": 0}, r"l .* \(0, "),
    ],
)
def test_ranges_are_named(name, wrong, words):
    with pytest.raises(ValueError, match=words):
        make(name, **wrong)
