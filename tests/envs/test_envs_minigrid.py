"""MiniGrid's rooms against minigrid's own environments through minigrid's own wrappers."""

import copy
import pickle
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

pytest.importorskip("minigrid")

from minigrid import wrappers
from minigrid.core.world_object import Wall
from minigrid.envs import CrossingEnv, DoorKeyEnv, EmptyEnv, FourRoomsEnv, LavaGapEnv, MultiRoomEnv

pytestmark = pytest.mark.slow

# Each room's minigrid class, minigrid's own id for the defaults, settings of ours and the same in minigrid's words.
ROOMS = {
    "Crossing": (CrossingEnv, "MiniGrid-LavaCrossingS9N1-v0"),
    "DoorKey": (DoorKeyEnv, "MiniGrid-DoorKey-8x8-v0"),
    "Empty": (EmptyEnv, "MiniGrid-Empty-8x8-v0"),
    "FourRooms": (FourRoomsEnv, "MiniGrid-FourRooms-v0"),
    "LavaGap": (LavaGapEnv, "MiniGrid-LavaGapS7-v0"),
    "MultiRoom": (MultiRoomEnv, "MiniGrid-MultiRoom-N2-S4-v0"),
}
SETTINGS = [
    (
        "Crossing",
        {"size": 11, "crossings": 3, "obstacle": "wall"},
        {"size": 11, "num_crossings": 3, "obstacle_type": Wall},
    ),
    ("DoorKey", {"size": 5, "max_steps": 60}, {"size": 5, "max_steps": 60}),
    (
        "Empty",
        {"size": 6, "start": [2, 3], "start_direction": 3},
        {"size": 6, "agent_start_pos": (2, 3), "agent_start_dir": 3},
    ),
    ("Empty", {"size": 5, "start": None}, {"size": 5, "agent_start_pos": None}),
    (
        "FourRooms",
        {"goal": [16, 3], "start": [2, 2], "max_steps": 50},
        {"goal_pos": (16, 3), "agent_pos": (2, 2), "max_steps": 50},
    ),
    ("LavaGap", {"size": 5, "obstacle": "wall"}, {"size": 5, "obstacle_type": Wall}),
    ("MultiRoom", {"rooms": 3, "largest_room": 5}, {"minNumRooms": 3, "maxNumRooms": 3, "maxRoomSize": 5}),
    ("Empty", {"view_size": 5}, {"agent_view_size": 5}),
]
VIEWS = {
    "symbolic": lambda env: env,
    "one_hot": wrappers.OneHotPartialObsWrapper,
    "full": wrappers.FullyObsWrapper,
    "rgb": lambda env: wrappers.RGBImgPartialObsWrapper(env, tile_size=4),
    "full_rgb": lambda env: wrappers.RGBImgObsWrapper(env, tile_size=4),
}


def ours(name, **settings):
    return gymnasium.make(f"rl_transfer_envs:transfer/MiniGrid{name}-v0", **settings)


def trajectory(env, seed, steps=150, prepare=lambda env: None):
    """Everything an environment returns, over one seeded reset and then unseeded ones, and its generator's state."""
    # Forward twice as often: it meets more.
    actions = np.random.default_rng(seed).choice([0, 1, 2, 2, 3, 5], size=steps)
    observation, _ = env.reset(seed=seed)
    record = [np.asarray(observation).tobytes()]
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(int(action))
        record.append((np.asarray(observation).tobytes(), reward, terminated, truncated))
        if terminated or truncated:
            record.append(np.asarray(env.reset()[0]).tobytes())
    return record, env.unwrapped.np_random.bit_generator.state


@pytest.mark.parametrize("name", ROOMS)
def test_with_the_defaults_it_is_minigrids(name):
    theirs = wrappers.ImgObsWrapper(gymnasium.make(ROOMS[name][1]))
    assert ours(name).observation_space == theirs.observation_space
    assert ours(name).action_space == theirs.action_space
    for seed in range(3):
        assert trajectory(ours(name), seed) == trajectory(theirs, seed)


@pytest.mark.parametrize(("name", "mine", "minigrids"), SETTINGS)
def test_settings_are_minigrids_own(name, mine, minigrids):
    theirs = wrappers.ImgObsWrapper(ROOMS[name][0](**minigrids))
    assert trajectory(ours(name, **mine), 4) == trajectory(theirs, 4)
    assert trajectory(ours(name, **mine), 4) != trajectory(ours(name), 4)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["DoorKey", "Empty"])
def test_observations_are_those_of_minigrids_wrappers(name, view):
    env = ours(name, size=6, observation=view, tile_size=4)
    theirs = wrappers.ImgObsWrapper(VIEWS[view](ROOMS[name][0](size=6)))
    for seed in range(2):
        observation, expected = env.reset(seed=seed)[0], theirs.reset(seed=seed)[0]
        for action in np.random.default_rng(seed).integers(6, size=40):
            assert observation in env.observation_space
            assert observation.dtype == env.observation_space.dtype
            np.testing.assert_array_equal(observation.ravel(), expected.ravel())
            observation, expected = env.step(int(action))[0], theirs.step(int(action))[0]
    if view != "one_hot":
        assert env.observation_space == theirs.observation_space
    assert env.unwrapped.tile_size == theirs.unwrapped.tile_size


def test_without_a_length_four_rooms_has_minigrids():
    assert ours("FourRooms", max_steps=None).unwrapped.max_steps == 100


def test_a_smaller_four_rooms_has_four_rooms():
    for size in (9, 11):
        env = ours("FourRooms", size=size, observation="full")
        image, _ = env.reset(seed=1)
        assert image.shape == (size, size, 3) == env.observation_space.shape
        walls = env.unwrapped.grid.encode()[:, :, 0] == 2
        middle = size // 2
        # A wall across the middle each way, with two gaps.
        assert walls[middle].sum() == walls[:, middle].sum() == size - 2
        assert walls.sum() == 4 * (size - 1) + 2 * (size - 4) - 1 - 2 + 2


@pytest.mark.parametrize(
    ("name", "settings", "cell"),
    [
        ("Empty", {"size": 6, "goal": [1, 4]}, (1, 4)),
        ("Empty", {"size": 6, "goal": [2, 2], "start": None}, (2, 2)),
        ("DoorKey", {"size": 6, "goal_row": 1}, (4, 1)),
        ("LavaGap", {"size": 6, "goal_row": 2}, (4, 2)),
        ("FourRooms", {"size": 9, "goal": [7, 1]}, (7, 1)),
    ],
)
def test_the_goal_is_where_it_is_put_and_nowhere_else(name, settings, cell):
    env = ours(name, **settings)
    for seed in range(20):
        env.reset(seed=seed)
        kinds = env.unwrapped.grid.encode()[:, :, 0]
        assert [tuple(place) for place in np.argwhere(kinds == 8)] == [cell]
        assert tuple(env.unwrapped.agent_pos) != cell


def test_a_moved_goal_is_reached_and_paid_as_minigrid_pays():
    env = ours("Empty", size=6, goal=[1, 4], max_steps=40)
    env.reset(seed=0)
    assert [env.step(action)[1:4] for action in (1, 2, 2)] == [(0.0, False, False)] * 3
    _, reward, terminated, truncated, _ = env.step(2)
    assert (reward, terminated, truncated) == (pytest.approx(1 - 0.9 * 4 / 40), True, False)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Empty", {"goal": [1, 4]}),
        ("Empty", {"observation": "full"}),
        ("Empty", {"max_steps": 20}),
        ("DoorKey", {"goal_row": 3}),
        ("LavaGap", {"goal_row": 2}),
        ("FourRooms", {"size": 9}),
    ],
)
def test_every_other_setting_changes_the_trajectory(name, settings):
    assert any(trajectory(ours(name, **settings), seed) != trajectory(ours(name), seed) for seed in range(3))


def test_an_episode_ends_after_max_steps():
    env = ours("Empty", size=25)
    env.reset(seed=0)
    ended = [any(env.step(0)[2:4]) for _ in range(4 * 25**2)]
    assert ended.index(True) == 4 * 25**2 - 1
    assert env.spec.max_episode_steps >= 10 * 25**2


@pytest.mark.parametrize("view", VIEWS)
def test_specs_copies_and_pickles_build_it_again(view):
    env = ours("DoorKey", size=5, observation=view, tile_size=2)
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    env.reset(seed=1)
    for other in (again, copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert trajectory(other, 2, 40) == trajectory(env, 2, 40)


def test_a_copy_sees_its_own_room():
    env = ours("Empty", observation="full")
    before, _ = env.reset(seed=1)
    other = copy.deepcopy(env)
    assert not np.array_equal(other.step(2)[0], before)
    np.testing.assert_array_equal(env.unwrapped._see(env.unwrapped.gen_obs()), before)


def test_it_is_drawn_as_minigrid_draws_it():
    env, theirs = ours("DoorKey", render_mode="rgb_array"), DoorKeyEnv(render_mode="rgb_array")
    env.reset(seed=1)
    theirs.reset(seed=1)
    np.testing.assert_array_equal(env.render(), theirs.render())


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("Empty", {"size": 4}, "size must be a whole number of at least 5 and at most 25"),
        ("Empty", {"goal": [0, 3]}, r"goal must be \[x, y\], each from 1 to 6, got \[0, 3\]"),
        ("Empty", {"goal": [1]}, "goal must be"),
        ("Empty", {"goal": "ab"}, "goal must be"),
        ("Empty", {"goal": [True, 2]}, "goal must be"),
        ("Empty", {"start": [7, 1]}, "start must be"),
        ("Empty", {"goal": [1, 1]}, "another cell than start"),
        ("Empty", {"start_direction": 4}, "start_direction must be"),
        ("Empty", {"max_steps": 0}, "max_steps must be a whole number of at least 1 and at most 6250"),
        ("Empty", {"observation": "image"}, "observation must be one of 'symbolic', 'one_hot'"),
        ("Empty", {"tile_size": 1}, "tile_size must be"),
        ("Empty", {"view_size": 6}, "view_size must be odd"),
        ("Empty", {"view_size": 17}, "view_size must be a whole number"),
        ("DoorKey", {"goal_row": 7}, "goal_row must be"),
        ("DoorKey", {"size": 30}, "size must be"),
        ("LavaGap", {"obstacle": "water"}, "obstacle must be one of 'lava', 'wall'"),
        ("LavaGap", {"goal_row": 0}, "goal_row must be"),
        ("Crossing", {"size": 8}, "size must be odd"),
        ("Crossing", {"crossings": 7}, "crossings must be"),
        ("FourRooms", {"size": 6}, "size must be"),
        ("FourRooms", {"goal": [9, 3]}, "goal must be in a room, not in the wall at 9"),
        ("FourRooms", {"goal": [3, 3], "start": [3, 3]}, "another cell than start"),
        ("MultiRoom", {"rooms": 7}, "rooms must be"),
        ("MultiRoom", {"largest_room": 3}, "largest_room must be"),
    ],
)
def test_a_setting_out_of_range_is_named(name, settings, words):
    with pytest.raises(ValueError, match=words):
        ours(name, **settings)


def test_without_minigrid_it_says_what_to_install():
    program = (
        "import sys, gymnasium\n"
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'minigrid' else find(name, *rest)\n"
        "import rl_transfer_envs\n"
        "assert not {'minigrid', 'pygame'} & set(sys.modules)\n"
        "gymnasium.make('transfer/MiniGridEmpty-v0')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "pip install 'rl-transfer[minigrid]'" in done.stderr.splitlines()[-1]
