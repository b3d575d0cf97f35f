"""The taxi against Gymnasium's own, and other sizes against what must hold in any."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.envs.toy_text.taxi import TaxiEnv
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer_envs.taxi import Taxi

pytestmark = pytest.mark.slow

ID = "rl_transfer_envs:transfer/Taxi-v0"
SOUTH, NORTH, EAST, WEST, PICK_UP, DROP_OFF = range(6)


def trajectory(env, seed, steps=400):
    """Everything an environment returns, over one seeded reset and then unseeded ones, and its generator's state."""
    actions = np.random.default_rng(seed).integers(6, size=steps)
    observation, info = env.reset(seed=seed)
    record = [np.asarray(observation).tolist(), info["action_mask"].tolist()]
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(int(action))
        record.append((np.asarray(observation).tolist(), reward, terminated, truncated, info["prob"]))
        record.append(info["action_mask"].tolist())
        if terminated or truncated:
            record.append(np.asarray(env.reset()[0]).tolist())
    return record, env.unwrapped.np_random.bit_generator.state


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**31),
    keywords=st.fixed_dictionaries(
        {},
        optional={
            "is_rainy": st.booleans(),
            "rainy_probability": st.floats(0.1, 1.0),
            "fickle_passenger": st.booleans(),
            "fickle_probability": st.floats(0.0, 1.0),
        },
    ),
)
def test_with_gymnasiums_settings_it_is_gymnasiums_taxi(seed, keywords):
    assert trajectory(gymnasium.make(ID, **keywords), seed) == trajectory(gymnasium.make("Taxi-v4", **keywords), seed)


@pytest.mark.parametrize("is_rainy", [False, True])
def test_tables_layout_and_text_are_gymnasiums(is_rainy):
    ours, theirs = Taxi(is_rainy=is_rainy, render_mode="ansi"), TaxiEnv(is_rainy=is_rainy, render_mode="ansi")
    assert ours.P == theirs.P
    assert ours.locs == theirs.locs
    assert [ours.decode(state) for state in range(500)] == [theirs.decode(state) for state in range(500)]
    np.testing.assert_array_equal(ours.initial_state_distrib, theirs.initial_state_distrib)
    assert ours.observation_space == theirs.observation_space
    ours.reset(seed=3)
    theirs.reset(seed=3)
    assert ours.render() == theirs.render()


def test_gymnasiums_picture_is_drawn():
    pytest.importorskip("pygame")
    ours, theirs = (gymnasium.make(env_id, render_mode="rgb_array") for env_id in (ID, "Taxi-v4"))
    ours.reset(seed=3)
    theirs.reset(seed=3)
    np.testing.assert_array_equal(ours.render(), theirs.render())


def test_factored_observations_are_the_decoded_state():
    env, theirs = Taxi(observation="factored"), TaxiEnv()
    state, _ = theirs.reset(seed=5)
    observation, _ = env.reset(seed=5)
    for action in np.random.default_rng(5).integers(6, size=100):
        assert observation in env.observation_space
        assert tuple(observation) == theirs.decode(state)
        state, observation = theirs.step(action)[0], env.step(action)[0]
    assert env.observation_space == gymnasium.spaces.MultiDiscrete([5, 5, 5, 4])


def reachable(env):
    """The states that can follow from those where episodes start."""
    found = set(np.flatnonzero(env.initial_state_distrib))
    waiting = list(found)
    while waiting:
        for outcomes in env.P[waiting.pop()].values():
            for _, after, _, ended in outcomes:
                if after not in found and not ended:
                    found.add(after)
                    waiting.append(after)
    return found


def best_actions(env):
    """Each state's value and best action by value iteration without discount; for tables without chance."""
    after, reward, ended = (
        np.array([[outcomes[0][field] for outcomes in actions.values()] for actions in env.P.values()])
        for field in (1, 2, 3)
    )
    value = np.zeros(len(env.P))
    while True:
        q = reward + np.where(ended, 0, value[after])
        if np.array_equal(q.max(axis=1), value):
            return value, q.argmax(axis=1)
        value = q.max(axis=1)


@pytest.mark.parametrize("size", [3, 4, 5])
def test_every_size_can_be_played_from_every_start(size):
    env = Taxi(size=size)
    assert env.observation_space.n == size**2 * 20
    assert [env.encode(*env.decode(state)) for state in range(size**2 * 20)] == list(range(size**2 * 20))
    assert np.count_nonzero(env.initial_state_distrib) == size**2 * 12
    # All but those with the passenger waiting at its destination: a delivery ends the episode there.
    assert len(reachable(env)) == size**2 * 16
    value, _ = best_actions(env)
    starts = value[env.initial_state_distrib > 0]
    # Two calls at depots and a way of at most four crossings of the grid.
    assert 20 - 4 * 2 * size < starts.min() < starts.max() <= 20 - 2


@pytest.mark.parametrize("size", [3, 4, 7])
def test_the_mask_says_which_actions_change_the_state(size):
    env = Taxi(size=size)
    for state in reachable(env):
        changes = [env.P[state][action][0][1] != state for action in range(6)]
        assert env.action_mask(state).tolist() == changes


def test_a_walk_by_hand_through_three_by_three():
    env = Taxi(size=3, render_mode="ansi")
    env.reset(seed=0)
    # Red is walled off to the east in the first row, yellow and blue are side by side behind walls in the last.
    env.s = env.encode(0, 0, 0, 3)
    walk = [
        (EAST, (0, 0, 0), -1),
        (DROP_OFF, (0, 0, 0), -10),
        (PICK_UP, (0, 0, 4), -1),
        (NORTH, (0, 0, 4), -1),
        (SOUTH, (1, 0, 4), -1),
        (PICK_UP, (1, 0, 4), -10),
        (EAST, (1, 1, 4), -1),
        (SOUTH, (2, 1, 4), -1),
        (WEST, (2, 1, 4), -1),
        (SOUTH, (2, 1, 4), -1),
    ]
    for action, place, reward in walk:
        state, earned, terminated, truncated, _ = env.step(action)
        assert (env.decode(state), earned, terminated, truncated) == ((*place, 3), reward, False, False)
    assert env.step(DROP_OFF)[:4] == (env.encode(2, 1, 3, 3), 20, True, False)
    assert env.render().startswith("+-----+\n|R| :G|\n| : : |\n|Y|")


def test_walls_and_depots_are_where_they_are_put():
    env = Taxi(size=4, walls=[[1, 1]], depots=[[1, 1], [1, 2], [3, 3], [0, 0]])
    for column in range(4):
        for row in range(4):
            after_east = env.decode(env.P[env.encode(row, column, 4, 0)][EAST][0][1])[1]
            blocked = (row, column) == (1, 1) or column == 3
            assert after_east == column + (not blocked)
    picked = {
        (row, column)
        for row in range(4)
        for column in range(4)
        if env.P[env.encode(row, column, 1, 0)][PICK_UP][0][2] == -1
    }
    assert picked == {(1, 2)}


def test_rewards_are_the_ones_that_were_set_and_nothing_else_changes():
    keywords = {"step_reward": -0.5, "delivery_reward": 7.0, "illegal_reward": -2.0}
    names = {-1: -0.5, 20: 7.0, -10: -2.0}
    for is_rainy in (False, True):
        ours, theirs = Taxi(is_rainy=is_rainy, **keywords), TaxiEnv(is_rainy=is_rainy)
        for state, actions in theirs.P.items():
            for action, outcomes in actions.items():
                renamed = [(p, after, names[reward], ended) for p, after, reward, ended in outcomes]
                assert ours.P[state][action] == renamed


CHANGES = [
    {"size": 4},
    {"walls": []},
    {"depots": [[0, 0], [1, 1], [2, 2], [3, 3]]},
    {"step_reward": -2},
    {"delivery_reward": 1},
    {"illegal_reward": -1},
    {"is_rainy": True},
    {"is_rainy": True, "rainy_probability": 0.4},
    {"fickle_passenger": True, "fickle_probability": 1.0},
    {"observation": "factored"},
]


def play_well(env, episodes=20):
    """What the default grid's best policy meets: it delivers, which random actions hardly ever do."""
    best, record = best_actions(TaxiEnv())[1], []
    for seed in range(episodes):
        state, _ = env.reset(seed=seed)
        for _ in range(30):
            number = env.encode(*state) if isinstance(state, np.ndarray) else state
            state, reward, terminated, _, _ = env.step(int(best[number % 500]))
            record.append((np.asarray(state).tolist(), reward))
            if terminated:
                break
    return record


@pytest.mark.parametrize("keywords", CHANGES, ids=str)
def test_every_keyword_changes_the_trajectory(keywords):
    assert play_well(Taxi(**keywords)) != play_well(Taxi()) or trajectory(Taxi(**keywords), 0) != trajectory(Taxi(), 0)


def test_specs_copies_and_pickles_build_it_again():
    env = gymnasium.make(ID, size=3, walls=[[0, 1]], observation="factored", is_rainy=True)
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    env.reset(seed=1)
    for other in (again, copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert trajectory(other, 2) == trajectory(env, 2)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"size": 2}, "size must be a whole number of at least 3 and at most 10"),
        ({"size": 5.0}, "size must be"),
        ({"walls": [[0, 5]]}, r"walls must be a list of \[row, column\], each from 0 to 4"),
        ({"walls": "ab"}, "walls must be a list"),
        ({"walls": [[0]]}, "walls must be a list"),
        ({"walls": [[row, 1] for row in range(5)]}, "leave an opening between columns 1 and 2"),
        ({"depots": [[0, 0]] * 4}, "four different cells"),
        ({"depots": [[0, 0], [0, 1], [0, 2]]}, "four different cells"),
        ({"depots": [[0, 0], [0, 1], [0, 2], [True, 0]]}, "depots must be a list"),
        ({"step_reward": np.nan}, "step_reward must be a finite number"),
        ({"delivery_reward": "1"}, "delivery_reward must be"),
        ({"illegal_reward": None}, "illegal_reward must be"),
        ({"is_rainy": 1}, "is_rainy must be true or false"),
        ({"fickle_passenger": 0}, "fickle_passenger must be true or false"),
        ({"rainy_probability": 1.1}, r"rainy_probability must be a finite number in \[0, 1\]"),
        ({"fickle_probability": -0.1}, r"fickle_probability must be a finite number in \[0, 1\]"),
        ({"observation": "pixels"}, "observation must be one of 'state', 'factored'"),
        ({"size": 3, "render_mode": "rgb_array"}, "render_mode must be None or 'ansi'"),
    ],
)
def test_a_setting_out_of_range_is_named(keywords, words):
    with pytest.raises(ValueError, match=words):
        Taxi(**keywords)
