"""The pixel games frame by frame as worked out by hand, what they share, and the wrappers that show images."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer_envs.breakout import Breakout
from rl_transfer_envs.catch import Catch
from rl_transfer_envs.collect import Collect
from rl_transfer_envs.dodge import Dodge
from rl_transfer_envs.wrappers import wrapper_class

pytestmark = pytest.mark.slow

GAMES = {"Breakout": Breakout, "Catch": Catch, "Collect": Collect, "Dodge": Dodge}
PLAYER, FRIENDS, FOES, TRAIL = range(4)
STAY, UP, DOWN, LEFT, RIGHT = range(5)

every_game = pytest.mark.parametrize("name", GAMES)


def make(name, **settings):
    return gymnasium.make(f"rl_transfer_envs:transfer/{name}-v0", **settings)


def trajectory(env, seed, steps=200, actions=None):
    """Everything an environment returns, over one seeded reset and then unseeded ones, and its generator's state."""
    actions = np.random.default_rng(seed).integers(5, size=steps) if actions is None else actions
    record = [env.reset(seed=seed)[0].tobytes()]
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(int(action))
        record.append((observation.tobytes(), reward, terminated, truncated))
        if terminated or truncated:
            record.append(env.reset()[0].tobytes())
    return record, env.unwrapped.np_random.bit_generator.state


def cells(observation, channel):
    """Where a channel of an image is lit, as rows and columns."""
    return sorted((int(row), int(column)) for row, column in np.argwhere(observation[channel]))


# Catch


def test_a_ball_is_caught_frame_by_frame():
    env = Catch(size=5, interval=4, balls=2, paddle_width=1)
    observation, _ = env.reset(seed=0)
    [(row, column)] = cells(observation, FRIENDS)
    [(bottom, paddle)] = cells(observation, PLAYER)
    assert (row, bottom, cells(observation, TRAIL)) == (0, 4, [])
    towards = RIGHT if column > paddle else LEFT
    for step in range(1, 4):
        observation, reward, over, _, _ = env.step(towards if paddle != column else STAY)
        paddle += np.sign(column - paddle)
        assert (reward, over) == (0.0, False)
        assert cells(observation, PLAYER) == [(4, paddle)]
        assert cells(observation, FRIENDS) == [(step, column)]
        assert cells(observation, TRAIL) == [(step - 1, column)]
    observation, reward, over, _, _ = env.step(towards if paddle != column else STAY)
    paddle += np.sign(column - paddle)
    assert reward == (1.0 if paddle == column else -1.0)
    assert not over
    assert [row for row, _ in cells(observation, FRIENDS)] == [0]


def test_a_missed_ball_costs_one_and_the_last_ends_the_game():
    env = Catch(size=6, balls=3, interval=5, paddle_width=1)
    env.reset(seed=1)
    rewards, over = [], False
    while not over:
        _, reward, over, _, _ = env.step(LEFT)
        rewards.append(reward)
    assert len(rewards) == 3 * 5
    assert all(reward == 0 for step, reward in enumerate(rewards, 1) if step % 5)
    assert set(rewards[4::5]) <= {-1.0, 1.0}


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1000), width=st.integers(2, 9))
def test_with_the_defaults_every_ball_can_be_caught(seed, width):
    env = make("Catch", paddle_width=width)
    observation, _ = env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        columns, balls = [c for _, c in cells(observation, PLAYER)], cells(observation, FRIENDS)
        target = balls[-1][1] if balls else 5
        action = RIGHT if target > columns[-1] else LEFT if target < columns[0] else STAY
        observation, reward, over, _, _ = env.step(action)
        total += reward
    assert total == 10


@pytest.mark.parametrize(("speed", "steps"), [(1, 9), (2, 5), (3, 3), (8, 2)])
def test_speed_is_in_cells_a_step(speed, steps):
    env = Catch(speed=speed, interval=100, balls=1)
    observation, _ = env.reset(seed=0)
    for step in range(1, steps):
        observation, *_ = env.step(STAY)
        assert [row for row, _ in cells(observation, FRIENDS)] == [step * speed]
    assert env.step(STAY)[2]


def test_drift_moves_balls_sideways_by_one():
    env = Catch(size=20, drift=1.0, balls=1)
    observation, _ = env.reset(seed=2)
    before = cells(observation, FRIENDS)[0][1]
    for _ in range(17):
        observation, *_ = env.step(STAY)
        [(_, column)] = cells(observation, FRIENDS)
        assert abs(column - before) == 1 or column in (0, 19)
        before = column


# Dodge


def test_stones_fall_by_one_row_and_a_step_survived_is_worth_one():
    env = Dodge(size=6, density=0.4, reach=1)
    observation, _ = env.reset(seed=3)
    assert not observation[FOES].any()
    for _ in range(200):
        stones, (_, column) = observation[FOES], cells(observation, PLAYER)[0]
        observation, reward, over, _, _ = env.step(STAY)
        np.testing.assert_array_equal(observation[FOES][1:], stones[:-1])
        np.testing.assert_array_equal(observation[TRAIL], stones)
        # The stone that was right above the player has fallen on it.
        assert over == bool(stones[4, column])
        assert reward == float(not over)
        if over:
            break
    assert over


def test_walking_into_a_stone_is_as_deadly():
    env = Dodge(size=6, density=0.0, reach=2)
    env.reset(seed=0)
    env._stones_YX[5, 3] = True
    env._row, env._column = 5, 2
    _, reward, over, _, _ = env.step(RIGHT)
    assert (reward, over) == (0.0, True)


def test_fast_stones_hit_what_they_pass():
    env = Dodge(size=8, density=0.0, speed=3)
    for row in range(8):
        env.reset(seed=0)
        env._stones_YX[row, :] = True
        # From row 7, the player's: it is there already, or falls past or onto it from at most three rows above.
        assert env.step(STAY)[2] == (row >= 4)


def test_the_player_stays_within_reach():
    env = Dodge(density=0.0, reach=3)
    observation, _ = env.reset(seed=0)
    rows, columns = set(), set()
    for action in np.random.default_rng(0).integers(5, size=500):
        observation, *_ = env.step(int(action))
        [(row, column)] = cells(observation, PLAYER)
        rows.add(row)
        columns.add(column)
    assert rows == {7, 8, 9}
    assert columns == set(range(10))


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_density_is_the_share_of_stones(density):
    env = Dodge(size=36, density=density, reach=1)
    env.reset(seed=0)
    rows = []
    for _ in range(30):
        rows.append(env.step(STAY)[0][FOES][0] > 0)
    assert np.mean(rows) == pytest.approx(density, abs=5 * np.sqrt(0.25 / (36 * 30)))


# Collect


def test_food_is_worth_one_and_reappears_elsewhere():
    env = Collect(size=5, food=1, foes=0)
    observation, _ = env.reset(seed=4)
    eaten = 0
    for _ in range(100):
        [(row, column)], [(food_row, food_column)] = cells(observation, PLAYER), cells(observation, FRIENDS)
        action = (DOWN if food_row > row else UP) if food_row != row else RIGHT if food_column > column else LEFT
        distance = abs(row - food_row) + abs(column - food_column)
        observation, reward, over, _, _ = env.step(action)
        assert reward == float(distance == 1)
        assert cells(observation, TRAIL) == [(row, column)]
        assert cells(observation, PLAYER) != cells(observation, FRIENDS)
        assert (cells(observation, FRIENDS) != [(food_row, food_column)]) == (distance == 1)
        assert not over
        eaten += reward
    assert eaten > 20


def test_touching_a_foe_ends_the_game():
    env = Collect(size=5, food=1, foes=3, foe_reward=-2.5)
    ends = 0
    for seed in range(30):
        observation, _ = env.reset(seed=seed)
        foes = cells(observation, FOES)
        for action in np.random.default_rng(seed).integers(5, size=20):
            observation, reward, over, _, _ = env.step(int(action))
            assert cells(observation, FOES) == foes
            assert over == (cells(observation, PLAYER)[0] in foes) == (reward == -2.5)
            ends += over
            if over:
                break
    assert ends > 10


def test_foes_walk_to_neighbouring_free_cells():
    env = Collect(size=6, food=3, foes=3, foe_speed=1.0)
    walked = 0
    for seed in range(20):
        env.reset(seed=seed)
        for _ in range(10):
            before = list(env._foes)
            observation, _, over, _, _ = env.step(STAY)
            for old, new in zip(before, env._foes, strict=True):
                assert abs(old[0] - new[0]) + abs(old[1] - new[1]) <= 1
                walked += old != new
            assert len(cells(observation, FOES)) == 3
            assert not set(cells(observation, FOES)) & set(cells(observation, FRIENDS))
            if over:
                break
    assert walked > 100


# Breakout


def test_the_ball_bounces_as_worked_out_by_hand():
    env = Breakout(size=6, brick_rows=1, top_gap=0, paddle_width=2)
    env.reset(seed=0)
    env._ball, env._down, env._right, env._paddle = (1, 4), 1, 1, 2
    bricks = [(0, column) for column in range(6)]
    # (action, ball, trail, reward): off the right side, off the paddle's left half, off a brick of the top row.
    frames = [
        (STAY, (2, 5), (1, 4), 0.0),
        (STAY, (3, 4), (2, 5), 0.0),
        (STAY, (4, 3), (3, 4), 0.0),
        (STAY, (4, 2), (4, 3), 0.0),
        (STAY, (3, 1), (4, 2), 0.0),
        (STAY, (2, 0), (3, 1), 0.0),
        (STAY, (1, 1), (2, 0), 0.0),
        (STAY, (1, 2), (1, 1), 1.0),
        (LEFT, (2, 3), (1, 2), 0.0),
    ]
    for action, ball, trail, reward in frames:
        observation, earned, over, _, _ = env.step(action)
        assert (cells(observation, FRIENDS), cells(observation, TRAIL)) == ([ball], [trail])
        assert (earned, over) == (reward, False)
        if reward:
            bricks.remove((0, 2))
        assert cells(observation, FOES) == bricks
    assert cells(observation, PLAYER) == [(5, 1), (5, 2)]


@pytest.mark.parametrize(("width", "directions"), [(2, [-1, 1]), (3, [-1, 1, 1]), (4, [-1, -1, 1, 1])])
def test_the_paddles_halves_send_the_ball_to_their_sides(width, directions):
    for offset, direction in enumerate(directions):
        env = Breakout(paddle_width=width)
        env.reset(seed=0)
        env._paddle, env._ball, env._down, env._right = 3, (8, 2 + offset), 1, 1
        env.step(STAY)
        assert (env._down, env._right) == (-1, direction)


def test_a_ball_that_passes_the_paddle_ends_the_game():
    env = Breakout()
    env.reset(seed=0)
    env._paddle, env._ball, env._down, env._right = 0, (8, 4), 1, 1
    observation, reward, over, _, _ = env.step(STAY)
    assert (reward, over) == (0.0, True)
    assert cells(observation, FRIENDS) == [(9, 5)]


def test_the_last_brick_brings_all_of_them_back():
    env = Breakout(brick_rows=2, top_gap=1)
    env.reset(seed=0)
    env._bricks_YX[:] = False
    env._bricks_YX[2, 5] = True
    env._ball, env._down, env._right = (3, 4), -1, 1
    observation, reward, over, _, _ = env.step(STAY)
    assert (reward, over) == (1.0, False)
    assert cells(observation, FOES) == [(row, column) for row in (1, 2) for column in range(10)]


# What all games share

CHANGES = {
    "Breakout": [{"size": 12}, {"paddle_width": 4}, {"brick_rows": 2}, {"top_gap": 2}],
    "Catch": [{"size": 8}, {"paddle_width": 4}, {"speed": 2}, {"interval": 4}, {"balls": 3}, {"drift": 0.3}],
    "Collect": [{"size": 8}, {"food": 3}, {"foes": 1}, {"foe_speed": 0.5}, {"foe_reward": -5}],
    "Dodge": [{"size": 8}, {"speed": 2}, {"density": 0.3}, {"reach": 5}],
}
LOOKS = [{"channel_order": [1, 0, 3, 2]}, {"brightness": 100}, {"background": 20}, {"observation": "vector"}]


@pytest.mark.parametrize(
    ("name", "changed"), [(name, changed) for name in GAMES for changed in [*CHANGES[name], *LOOKS]], ids=str
)
def test_every_keyword_changes_the_trajectory(name, changed):
    assert trajectory(make(name, **changed), 0) != trajectory(make(name), 0)


@every_game
@pytest.mark.parametrize("look", [*LOOKS, {"background": 255, "brightness": 0}], ids=str)
def test_looks_change_what_is_seen_and_nothing_else(name, look):
    plain, other = trajectory(make(name), 3), trajectory(make(name, **look), 3)
    assert [step[1:] for step in plain[0] if isinstance(step, tuple)] == [
        step[1:] for step in other[0] if isinstance(step, tuple)
    ]
    assert plain[1] == other[1]


@every_game
def test_looks_are_as_they_are_called(name):
    plain, swapped, inverted = (
        make(name, **look) for look in ({}, {"channel_order": [2, 0, 1, 3]}, {"background": 255, "brightness": 0})
    )
    for action in [None, RIGHT, STAY, UP]:
        expected, other, dark = (
            (env.reset(seed=1) if action is None else env.step(action))[0] for env in (plain, swapped, inverted)
        )
        assert set(np.unique(expected)) <= {0, 255}
        np.testing.assert_array_equal(other[[2, 0, 1, 3]], expected)
        np.testing.assert_array_equal(dark, 255 - expected)


@every_game
@pytest.mark.parametrize("observation", ["pixels", "vector"])
def test_the_contract_holds_for_both_kinds_of_observation_and_other_sizes(name, observation):
    env = make(name, size=13, observation=observation)
    check_env(env.unwrapped, skip_render_check=True)
    for seed in range(3):
        seen, _ = env.reset(seed=seed)
        for action in np.random.default_rng(seed).integers(5, size=100):
            assert seen in env.observation_space
            seen, _, terminated, truncated, _ = env.step(int(action))
            if terminated or truncated:
                seen, _ = env.reset()


@every_game
def test_all_games_have_one_shape_and_the_same_actions(name):
    env = make(name)
    assert env.observation_space == spaces.Box(0, 255, (4, 10, 10), np.uint8)
    assert env.action_space == spaces.Discrete(5)


@every_game
def test_the_vector_tells_states_apart_as_the_pixels_do(name):
    pixels, vectors = make(name), make(name, observation="vector")
    seen = {}
    for seed in range(5):
        image, vector = pixels.reset(seed=seed)[0], vectors.reset(seed=seed)[0]
        for action in np.random.default_rng(seed).integers(5, size=60):
            # Without the trail: it shows where things were.
            assert seen.setdefault(vector.tobytes(), image[:TRAIL].tobytes()) == image[:TRAIL].tobytes()
            image, _, terminated, truncated, _ = pixels.step(int(action))
            vector = vectors.step(int(action))[0]
            if terminated or truncated:
                break
    assert len(seen) > 20


@every_game
def test_the_picture_shows_the_player_and_does_not_depend_on_looks(name):
    env, other = make(name, render_mode="rgb_array"), make(name, render_mode="rgb_array", background=9, size=10)
    image, _ = env.reset(seed=0)
    other.reset(seed=0)
    picture = env.render()
    assert (picture.shape, picture.dtype) == ((160, 160, 3), np.uint8)
    np.testing.assert_array_equal(picture, other.render())
    blue = (picture[::16, ::16] == (70, 130, 240)).all(axis=2)
    np.testing.assert_array_equal(blue, image[PLAYER] > 0)
    assert make(name).unwrapped.render() is None


@every_game
def test_specs_copies_and_pickles_build_it_again(name):
    env = make(name, size=9, channel_order=[3, 2, 1, 0], observation="pixels")
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    env.reset(seed=1)
    env.step(RIGHT)
    for other in (again, copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert trajectory(other, 2) == trajectory(env, 2)


@every_game
@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"size": 4}, "size must be a whole number of at least"),
        ({"size": 37}, "and at most 36"),
        ({"observation": "rgb"}, "observation must be one of 'pixels', 'vector'"),
        ({"channel_order": [0, 1, 2]}, "channel_order must hold each of 0 to 3 once"),
        ({"channel_order": [0, 1, 2, 2]}, "channel_order must hold"),
        ({"channel_order": [False, True, 2, 3]}, "channel_order must hold"),
        ({"channel_order": "0123"}, "channel_order must hold"),
        ({"brightness": 256}, "brightness must be a whole number of at least 0 and at most 255"),
        ({"background": -1}, "background must be"),
        ({"background": 255}, "background must be other than brightness"),
        ({"render_mode": "human"}, "render_mode must be one of 'rgb_array'"),
    ],
)
def test_a_shared_setting_out_of_range_is_named(name, keywords, words):
    with pytest.raises(ValueError, match=words):
        GAMES[name](**keywords)


@every_game
@pytest.mark.parametrize("keyword", ["foo", "state_length"])
def test_an_unknown_keyword_is_refused_in_the_games_name(name, keyword):
    with pytest.raises(TypeError, match=f"^{name} takes no keyword '{keyword}'"):
        make(name, **{keyword: 5})


@pytest.mark.parametrize(
    ("name", "keyword", "values"),
    [
        ("Breakout", "paddle_width", [0, 10]),
        ("Breakout", "brick_rows", [0, 6]),
        ("Breakout", "top_gap", [-1, 6]),
        ("Catch", "paddle_width", [0, 10]),
        ("Catch", "speed", [0, 9, 1.5]),
        ("Catch", "interval", [0, 101]),
        ("Catch", "balls", [0, 51]),
        ("Catch", "drift", [-0.1, 1.1]),
        ("Collect", "food", [0, 9]),
        ("Collect", "foes", [-1, 9]),
        ("Collect", "foe_speed", [-0.1, 1.1]),
        ("Collect", "foe_reward", [np.inf, "1"]),
        ("Dodge", "speed", [0, 10]),
        ("Dodge", "density", [-0.1, 1.1]),
        ("Dodge", "reach", [0, 10]),
    ],
)
def test_a_games_own_setting_out_of_range_is_named(name, keyword, values):
    for value in values:
        with pytest.raises(ValueError, match=f"^{keyword} must be "):
            GAMES[name](**{keyword: value})


@every_game
@pytest.mark.parametrize("action", [-1, 5, 1.5])
def test_an_action_that_there_is_not_is_refused(name, action):
    env = GAMES[name]()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action must be one of 0 to 4"):
        env.step(action)


# Wrappers that show images


class Gradient(gymnasium.Env):
    """Shows and draws a picture whose first pixel counts the steps."""

    def __init__(self, picture, observation=None, render_mode="rgb_array"):
        self.metadata = {"render_modes": ["rgb_array"]}
        self.picture, self.render_mode = picture, render_mode
        shape = picture.shape if observation is None else observation
        self.observation_space = spaces.Box(0, 255, shape, np.uint8)
        self.action_space = spaces.Discrete(2)

    def _observe(self):
        return self.picture.copy().reshape(self.observation_space.shape)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.picture[0, 0] = 0
        return self._observe(), {}

    def step(self, action):
        self.picture[0, 0] += 1
        return self._observe(), 0.0, False, False, {}

    def render(self):
        return self.picture.copy()


def colours(height, width, seed=0):
    return np.random.default_rng(seed).integers(200, size=(height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["image_observation", "render_observation"])
def test_pixels_are_means_of_what_falls_into_them(name):
    env = wrapper_class(name)(Gradient(colours(6, 9)), size=3, grayscale=False)
    small, _ = env.reset()
    picture = env.unwrapped.picture.astype(float)
    for row in range(3):
        for column in range(3):
            block = picture[2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
            assert small[:, row, column].tolist() == np.rint(block.mean(axis=(0, 1))).tolist()
    assert env.observation_space == spaces.Box(0, 255, (3, 3, 3), np.uint8)


@pytest.mark.parametrize("name", ["image_observation", "render_observation"])
def test_pixels_are_repeated_where_there_are_too_few(name):
    env = wrapper_class(name)(Gradient(colours(4, 4)), size=8, grayscale=False)
    large, _ = env.reset()
    np.testing.assert_array_equal(large, env.unwrapped.picture.transpose(2, 0, 1).repeat(2, axis=1).repeat(2, axis=2))


@pytest.mark.parametrize("name", ["image_observation", "render_observation"])
def test_brightness_is_that_of_gymnasiums_grayscale(name):
    picture = colours(8, 8)
    env = wrapper_class(name)(Gradient(picture), size=8, grayscale=True)
    theirs = gymnasium.wrappers.GrayscaleObservation(Gradient(picture.copy()))
    # Gymnasium rounds down.
    np.testing.assert_allclose(env.reset()[0][0].astype(int), theirs.reset()[0].astype(int), atol=1)


@pytest.mark.parametrize("name", ["image_observation", "render_observation"])
def test_the_last_images_are_shown_the_newest_last(name):
    env = wrapper_class(name)(Gradient(np.zeros((4, 4, 3), np.uint8)), size=4, grayscale=True, frames=3)
    shown = [env.reset()[0][:, 0, 0].tolist(), *(env.step(0)[0][:, 0, 0].tolist() for _ in range(4))]
    assert shown == [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]
    assert env.reset()[0][:, 0, 0].tolist() == [0, 0, 0]
    assert env.observation_space.shape == (3, 4, 4)


@pytest.mark.parametrize(
    ("observation", "channels"), [((6, 9), 1), ((6, 9, 3), 3), ((3, 6, 9), 3), ((6, 9, 1), 1), ((4, 4, 4), 4)]
)
def test_image_observations_may_have_their_channels_anywhere(observation, channels):
    values = np.random.default_rng(0).integers(255, size=observation, dtype=np.uint8)
    env = wrapper_class("image_observation")(Gradient(values), size=2)
    image, _ = env.reset()
    assert image.shape == (channels, 2, 2) == env.observation_space.shape
    values = values if observation in ((3, 6, 9), (4, 4, 4)) else np.moveaxis(values.reshape(6, 9, channels), -1, 0)
    halves = values[:, : values.shape[1] // 2, : values.shape[2] // 2]
    assert image[:, 0, 0].tolist() == np.rint(halves.mean(axis=(1, 2))).tolist()


@pytest.mark.parametrize("name", ["image_observation", "render_observation"])
def test_a_wrapped_game_keeps_its_rewards_and_can_be_built_again(name):
    plain = make("Catch")
    env = wrapper_class(name)(make("Catch", render_mode="rgb_array"), size=5, frames=2, grayscale=name[0] == "r")
    assert [s[1:] for s in trajectory(env, 1)[0] if isinstance(s, tuple)] == [
        s[1:] for s in trajectory(plain, 1)[0] if isinstance(s, tuple)
    ]
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    for other in (again, copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert trajectory(other, 2) == trajectory(env, 2)
    other = copy.deepcopy(env)
    assert [env.step(RIGHT)[0].tolist() for _ in range(3)] == [other.step(RIGHT)[0].tolist() for _ in range(3)]


def test_a_cart_pole_is_seen_as_it_is_drawn():
    pytest.importorskip("pygame")
    env = wrapper_class("render_observation")(
        gymnasium.make("rl_transfer_envs:transfer/CartPole-v0", render_mode="rgb_array"), size=16
    )
    image, _ = env.reset(seed=0)
    assert image in env.observation_space
    # Dark cart and track on white.
    assert image.min() < 150 < image.max() == 255


@pytest.mark.parametrize(
    ("name", "inner", "keywords", "words"),
    [
        ("render_observation", make("Catch"), {}, "made with render_mode: rgb_array, got None"),
        ("image_observation", make("Catch", observation="vector"), {}, "needs images of bytes"),
        ("image_observation", make("Catch"), {"grayscale": True}, "grayscale must be false for pictures of 4 channels"),
        ("image_observation", make("Catch"), {"grayscale": 1}, "grayscale must be true or false"),
        ("image_observation", make("Catch"), {"size": 0}, "size must be a whole number"),
        ("image_observation", make("Catch"), {"frames": 0}, "frames must be a whole number"),
    ],
)
def test_what_cannot_be_shown_is_refused(name, inner, keywords, words):
    with pytest.raises(ValueError, match=words):
        wrapper_class(name)(inner, **keywords)


def test_a_step_before_the_first_reset_is_refused():
    env = wrapper_class("image_observation")(Gradient(colours(4, 4)), size=2)
    with pytest.raises(RuntimeError, match="reset the environment"):
        env.step(0)
