"""The 3-D mountain car: along each direction the 2-D car, stopped by its eastern and northern walls."""

import copy
import math
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.mountain_car import MountainCarEnv
from gymnasium.envs.registration import EnvSpec
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer_envs.mountain_car_3d import MountainCar3D

pytestmark = pytest.mark.slow

ID = "rl_transfer_envs:transfer/MountainCar3D-v0"
NEUTRAL, WEST, EAST, SOUTH, NORTH = range(5)
BOTTOM = -math.pi / 6


def started(state, **kwargs):
    env = MountainCar3D(**kwargs)
    env.reset(seed=0)
    env.state = np.array(state)
    return env


def energetic(state):
    """A policy that arrives: it pumps along the direction with less energy, in the direction of motion."""
    x, y, x_velocity, y_velocity = state
    heights = [velocity**2 / 0.005 + math.sin(3 * place) / 3 for place, velocity in ((x, x_velocity), (y, y_velocity))]
    along_x = y >= 0.5 or (x < 0.5 and heights[0] < heights[1])
    if along_x:
        return EAST if x_velocity >= 0 else WEST
    return NORTH if y_velocity >= 0 else SOUTH


@settings(deadline=None, max_examples=30)
@given(
    start=st.floats(-1.2, 0.4),
    other=st.floats(-1.2, 0.4),
    actions=st.lists(st.integers(0, 2), min_size=1, max_size=120),
    along_y=st.booleans(),
)
def test_pushed_along_one_direction_it_is_gymnasiums_2d_car_exactly(start, other, actions, along_y):
    flat = MountainCarEnv()
    flat.reset(seed=0)
    flat.state = (start, 0.0)
    bowl = started([other, start, 0, 0] if along_y else [start, other, 0, 0])
    pushes = (SOUTH, NEUTRAL, NORTH) if along_y else (WEST, NEUTRAL, EAST)
    for action in actions:
        expected, reward, arrived, *_ = flat.step(action)
        observation, own_reward, *_ = bowl.step(pushes[action])
        assert observation[along_y::2].tobytes() == expected.tobytes()
        assert (bowl.state[0 + along_y], bowl.state[2 + along_y]) == flat.state
        assert own_reward == reward == -1.0
        if arrived:
            break


@settings(deadline=None, max_examples=60)
@given(
    state=st.tuples(*[st.floats(-1.2, 0.6)] * 2, *[st.floats(-0.07, 0.07)] * 2),
    action=st.integers(0, 4),
    force=st.floats(0.0005, 0.01),
    gravity=st.floats(-0.01, 0.01),
    frequency=st.floats(1, 5),
)
def test_one_step_follows_taylor_kuhlmann_stone_2008(state, action, force, gravity, frequency):
    env = started(state, force=force, gravity=gravity, hill_frequency=frequency)
    observation, _, arrived, truncated, _ = env.step(action)
    pushes = {NEUTRAL: (0, 0), WEST: (-1, 0), EAST: (1, 0), SOUTH: (0, -1), NORTH: (0, 1)}[action]
    expected = []
    for place, velocity, push in zip(state[:2], state[2:], pushes, strict=True):
        velocity = min(max(velocity + push * force - gravity * math.cos(frequency * place), -0.07), 0.07)
        place = min(max(place + velocity, -1.2), 0.6)
        expected.append((place, 0.0 if place in (-1.2, 0.6) and velocity * place > 0 else velocity))
    np.testing.assert_allclose(observation, np.array(expected).T.ravel(), rtol=1e-6, atol=1e-9)
    assert arrived == (expected[0][0] >= 0.5 and expected[1][0] >= 0.5)
    assert truncated is False
    assert observation in env.observation_space


@pytest.mark.parametrize(("x", "y", "arrived"), [(0.55, 0.55, True), (0.55, 0.4, False), (0.4, 0.55, False)])
def test_it_must_be_east_and_north_at_once(x, y, arrived):
    assert started([x, y, 0.0, 0.0]).step(NEUTRAL)[2] is arrived


def test_a_goal_at_the_western_end_asks_for_the_north_only():
    assert started([-1.0, 0.55, 0.0, 0.0], goal_x=-1.2).step(NEUTRAL)[2] is True


@pytest.mark.parametrize("seed", range(5))
def test_a_policy_that_pumps_arrives_within_the_limit_and_idling_meets_it(seed):
    env = gymnasium.make(ID)
    observation, _ = env.reset(seed=seed)
    steps, ended = 0, False
    while not ended:
        observation, _, ended, truncated, _ = env.step(energetic(observation))
        assert not truncated
        steps += 1
    assert 150 < steps < 300
    env.reset()
    ends = [env.step(NEUTRAL)[2:4] for _ in range(1000)]
    assert ends == [(False, False)] * 999 + [(False, True)]


def test_it_starts_at_the_bottom_or_where_it_is_told():
    env, anywhere = MountainCar3D(), MountainCar3D(start_low=-1.2, start_high=0.4)
    starts = np.array([env.reset(seed=seed)[0] for seed in range(100)])
    assert np.all(np.abs(starts[:, :2] - BOTTOM) <= 0.00501)
    assert np.all(starts[:, 2:] == 0)
    assert len(np.unique(starts[:, :2])) == 200
    wide = np.array([anywhere.reset(seed=seed)[0] for seed in range(100)])
    assert wide[:, :2].min() < -1.0
    assert wide[:, :2].max() > 0.2
    for low, high in ((-0.3, -0.2), (0.0, 0.0)):
        place = env.reset(options={"low": low, "high": high})[0][:2]
        assert np.all((np.float32(low) <= place) & (place <= np.float32(high)))
    with pytest.raises(ValueError, match="must be lower"):
        env.reset(options={"low": 1.0, "high": -1.0})


CHANGES = {
    "force": 0.002,
    "gravity": 0.002,
    "hill_frequency": 2.5,
    "goal_x": 0.55,
    "goal_y": 0.55,
    "min_position": -0.6,
    "max_position": 0.52,
    "max_speed": 0.01,
    "start_low": -0.6,
    "start_high": -0.4,
}


def pumped(env, seed):
    observation, _ = env.reset(seed=seed)
    record = [observation.tobytes()]
    for _ in range(300):
        observation, *rest = env.step(energetic(observation))
        record.append((observation.tobytes(), *rest))
        if rest[1] or rest[2]:
            break
    return record


@pytest.mark.parametrize("setting", CHANGES)
def test_every_setting_changes_the_trajectory_and_is_kept(setting):
    # Where only x counts, its goal alone decides when the episode ends.
    beside = {"goal_y": -1.2} if setting == "goal_x" else {}
    changed = gymnasium.make(ID, **beside, **{setting: CHANGES[setting]})
    original = pumped(gymnasium.make(ID, **beside), 1)
    record = pumped(changed, 1)
    assert record != original
    again = gymnasium.make(EnvSpec.from_json(changed.spec.to_json()))
    for other in (again, copy.deepcopy(changed), pickle.loads(pickle.dumps(changed))):
        assert pumped(other, 1) == record


def test_copies_do_not_drive_each_others_cars():
    env = started([0.0, 0.0, 0.0, 0.0])
    other = copy.deepcopy(env)
    other.step(EAST)
    np.testing.assert_array_equal(env.state, np.zeros(4))
    assert other.state[0] != 0


def test_it_is_drawn_from_above():
    env = started([-1.2, 0.6, 0.0, 0.0], render_mode="rgb_array")
    image = env.render()
    assert (image.shape, image.dtype) == ((200, 200, 3), np.uint8)
    assert tuple(image[0, 0]) == (200, 0, 0)  # the car in the north-west
    assert tuple(image[0, -1]) == (0, 160, 0)  # the goal in the north-east
    assert image[-1, -1, 0] == image[-1, -1, 1]
    x_top, bottom = (round((place + 1.2) / 1.8 * 199) for place in (math.pi / 6, BOTTOM))
    assert image[199 - bottom, bottom, 0] < image[199 - bottom, x_top, 0]
    assert MountainCar3D().render() is None


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("value", [math.nan, "1", None, True])
def test_what_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be a finite number"):
        MountainCar3D(**{name: value})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"goal_x": -1.2, "goal_y": -1.0}, "goal_x or goal_y must be above start_high"),
        ({"goal_x": 0.7}, r"goal_x .* \[-1.2, 0.6\]"),
        ({"force": 0.0}, r"force .* \(0, "),
        ({"start_low": -2.0}, r"start_low .* \[-1.2, 0.6\]"),
        ({"render_mode": "human"}, "render_mode must be one of 'rgb_array'"),
    ],
)
def test_ranges_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        MountainCar3D(**wrong)


@pytest.mark.parametrize("action", [-1, 5, 1.5, "north"])
def test_actions_that_there_are_not_are_refused(action):
    env = MountainCar3D()
    env.reset(seed=1)
    with pytest.raises(ValueError, match="action must be one of 0 to 4"):
        env.step(action)
