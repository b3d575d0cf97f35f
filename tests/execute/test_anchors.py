"""Anchors against values worked out by hand and plain loops over Gymnasium."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from rl_transfer.errors import ConfigError, EnvironmentFailedError
from rl_transfer.execute.anchors import measure_anchors, measure_anchors_within
from rl_transfer.study import TaskConfig

LAKE = TaskConfig(id="FrozenLake-v1", kwargs={"is_slippery": False})


def chance_of_the_goal(steps=100):
    """Of a random walk over the 4 x 4 lake without slipping, by its transition matrix."""
    lake = "SFFFFHFHFFFHHFFG"
    walk = np.zeros((16, 16))
    for cell in range(16):
        row, column = divmod(cell, 4)
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            to = 4 * min(max(row + down, 0), 3) + min(max(column + right, 0), 3)
            walk[cell, cell if lake[cell] in "HG" else to] += 0.25
    return np.linalg.matrix_power(walk, steps)[0, 15]


@pytest.mark.slow
def test_frozen_lake_s_random_actions_reach_the_goal_as_often_as_its_matrix_says():
    found = measure_anchors(LAKE, 500)
    chance = chance_of_the_goal()
    assert abs(found.random - chance) < 4 * np.sqrt(chance * (1 - chance) / 500)
    assert (found.worst, found.best) == (0.0, 1.0)
    assert found.standard_error == pytest.approx(np.sqrt(found.random * (1 - found.random) / 499))


def test_cart_pole_s_constant_actions_are_its_worst():
    env = gymnasium.make("CartPole-v1")
    lengths = []
    for action in (0, 1):
        for seed in range(20):
            env.reset(seed=seed)
            lengths.append(1)
            while not env.step(action)[2]:
                lengths[-1] += 1
    found = measure_anchors(TaskConfig(id="CartPole-v1"), 40)
    assert found.worst == min(lengths)
    assert len(found.random_E) == 40
    assert 15 < found.random < 30
    assert found.best == max(*found.random_E, *lengths)
    assert found.mean_length == pytest.approx((sum(found.random_E) + sum(lengths)) / 80)


def test_each_measurement_is_the_same_and_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    first, second = (measure_anchors(TaskConfig(id="CartPole-v1"), 10) for _ in range(2))
    assert first.random_E.tolist() == second.random_E.tolist()
    assert len(set(first.random_E.tolist())) > 3
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


class Counted(gymnasium.Env):
    """Steps are counted in the class, and so is the time that they take. Episodes have ten."""

    observation_space = spaces.Discrete(2)
    action_space = spaces.Discrete(50)
    steps, made, time = 0, 0, 0

    def __init__(self, reward=1.0, seconds=0):
        type(self).made += 1
        self.seconds = seconds
        self.reward = np.array([1.0]) if reward == "array" else reward

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}

    def step(self, action):
        Counted.steps += 1
        Counted.time += self.seconds
        return 0, self.reward, False, False, {}


class Continuous(Counted):
    action_space = spaces.Box(-1, 1, (2,), np.float32)


class Parts(Counted):
    action_space = spaces.Dict({"x": spaces.Discrete(2), "y": spaces.Box(-1, 1, (2,), np.float32)})


for entry in (Counted, Continuous, Parts):
    if f"anchors/{entry.__name__}-v0" not in gymnasium.registry:
        gymnasium.register(f"anchors/{entry.__name__}-v0", entry, max_episode_steps=10)


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.setattr(Counted, "steps", 0)
    monkeypatch.setattr(Counted, "made", 0)
    monkeypatch.setattr(Counted, "time", 0)
    return TaskConfig(id="anchors/Counted-v0")


def test_many_actions_cost_no_more_than_random_ones(counted):
    assert measure_anchors(counted, 200).best == 10.0
    assert Counted.steps == 2 * 200 * 10
    assert Counted.made == 1


def test_steps_bound_the_episodes(counted):
    assert len(measure_anchors_within(counted, 1000, 1e6, 500).random_E) == 100
    assert Counted.steps == 2000
    assert len(measure_anchors_within(counted, 10_000, 1e6, 500).random_E) == 500


def test_long_episodes_are_as_few_as_fit(counted):
    long = counted.model_copy(update={"max_episode_steps": 5000})
    found = measure_anchors_within(long, 20_000, 1e6, 100)
    assert found.random_E.tolist() == [5000.0] * 4
    assert Counted.steps == 40_000


def slow(seconds, **settings):
    return TaskConfig(id="anchors/Counted-v0", kwargs={"seconds": seconds}, **settings)


def measured_within(task, seconds):
    return measure_anchors_within(task, 10**6, seconds, 1000, clock=lambda: Counted.time)


def test_time_is_a_bound_and_what_is_finished_counts(counted):
    found = measured_within(slow(1), 250)
    assert Counted.time == 250
    # Random ones begin at 0 to 120 of 125 seconds; constant ones from 130 on, twelve of which are over at 250.
    assert found.random_E.tolist() == [10.0] * 13
    assert found.mean_length == 10
    assert Counted.steps == 250


def test_an_episode_under_way_at_the_end_does_not_count(counted):
    found = measured_within(slow(1), 254)
    assert Counted.time == 254
    assert (len(found.random_E), found.mean_length) == (13, 10)


def test_one_episode_is_something_but_says_nothing_of_the_spread(counted):
    found = measured_within(slow(1, max_episode_steps=40), 60)
    assert (found.random, len(found.random_E), found.standard_error) == (40.0, 1, float("inf"))


def test_an_episode_that_does_not_end_in_time_is_an_error_that_says_so(counted):
    with pytest.raises(ConfigError, match=r"^an episode of anchors/Counted-v0 takes more than 300 s: .*max_episode_st"):
        measured_within(slow(1, max_episode_steps=10**9), 300)
    assert Counted.time == 300


def test_without_a_clock_of_ones_own_the_time_is_the_machines(counted):
    with pytest.raises(ConfigError, match=r"takes more than 0\.1 s"):
        measure_anchors_within(counted.model_copy(update={"max_episode_steps": 10**9}), 10**6, 0.1, 1)


@pytest.mark.parametrize("name", ["Continuous", "Parts"])
def test_actions_that_can_not_be_counted_are_only_random(name):
    found = measure_anchors(TaskConfig(id=f"anchors/{name}-v0"), 4)
    assert found.random_E.tolist() == [10.0] * 4
    assert (found.worst, found.best, found.mean_length) == (10.0, 10.0, 10.0)


def test_a_reward_that_is_no_number_is_an_error_that_says_so():
    with pytest.raises(EnvironmentFailedError, match=r"step 0 of an episode gave the reward \[1\.\]"):
        measure_anchors(TaskConfig(id="anchors/Counted-v0", kwargs={"reward": "array"}), 2)
