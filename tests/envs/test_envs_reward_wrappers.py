"""What each of the reward wrappers promises."""

import itertools
import math

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_env import Scripted, play

from rl_transfer_envs.wrappers import wrapper_class
from rl_transfer_envs.wrappers.action_penalty import ActionPenalty
from rl_transfer_envs.wrappers.delayed_reward import DelayedReward
from rl_transfer_envs.wrappers.scale_reward import ScaleReward
from rl_transfer_envs.wrappers.shift_reward import ShiftReward
from rl_transfer_envs.wrappers.sparse_reward import SparseReward

quick = settings(deadline=None, max_examples=40)
some_rewards = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=12)
ACROBOT = "Acrobot-v1"


def rewards_of(wrapper, rewards, actions=None, **kwargs):
    return play(wrapper(Scripted(rewards=rewards), **kwargs), actions)[1]


# scale_reward and shift_reward


@quick
@given(rewards=some_rewards, number=st.integers(-5, 5))
def test_each_reward_is_multiplied_or_shifted(rewards, number):
    assert rewards_of(ScaleReward, rewards, factor=number) == [number * reward for reward in rewards]
    assert rewards_of(ShiftReward, rewards, amount=number) == [reward + number for reward in rewards]


@pytest.mark.parametrize(("wrapper", "setting"), [(ScaleReward, "factor"), (ShiftReward, "amount")])
@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, True])
def test_a_factor_or_amount_that_is_no_number_is_refused(wrapper, setting, value):
    with pytest.raises(ValueError, match=f"{setting} must be a finite number"):
        wrapper(Scripted(rewards=[1.0]), **{setting: value})


def test_gymnasiums_own_transformation_of_rewards_agrees():
    ours = ScaleReward(gymnasium.make("Pendulum-v1"), factor=-0.5)
    theirs = gymnasium.wrappers.TransformReward(gymnasium.make("Pendulum-v1"), lambda reward: -0.5 * reward)
    action = [np.array([1.0], np.float32)]
    assert play(ours, action)[1] == play(theirs, action)[1]


# delayed_reward


@pytest.mark.parametrize(
    ("steps", "paid"),
    [
        (1, [1, 2, 4, 8, 16]),
        (2, [0, 3, 0, 12, 16]),
        (3, [0, 0, 7, 0, 24]),
        (5, [0, 0, 0, 0, 31]),
        (9, [0, 0, 0, 0, 31]),
        (None, [0, 0, 0, 0, 31]),
    ],
)
def test_rewards_are_paid_every_few_steps_and_at_the_end(steps, paid):
    env = DelayedReward(Scripted(rewards=[1, 2, 4, 8, 16]), steps=steps)
    assert play(env)[1] == paid
    assert play(env)[1] == paid


@quick
@given(rewards=some_rewards, steps=st.none() | st.integers(1, 6))
def test_delays_keep_the_return(rewards, steps):
    assert sum(rewards_of(DelayedReward, rewards, steps=steps)) == sum(rewards)


def test_what_is_left_is_paid_where_a_time_limit_cuts_off_and_forgotten_at_a_reset():
    env = DelayedReward(TimeLimit(Scripted(rewards=[1.0] * 9), 5), steps=3)
    assert play(env)[1] == [0, 0, 3, 0, 2]
    env.reset()
    env.step(0)
    assert play(env)[1] == [0, 0, 3, 0, 2]


@pytest.mark.parametrize("steps", [0, -1, 1.5, "2", True])
def test_a_delay_of_the_reward_that_is_none_is_refused(steps):
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1"):
        DelayedReward(Scripted(rewards=[1.0]), steps=steps)


# sparse_reward


def test_steps_above_the_threshold_pay_one():
    assert rewards_of(SparseReward, [0.5, 1.0, 1.5, -3.0, 2.0], threshold=1.0) == [0, 0, 1, 0, 1]


@pytest.mark.parametrize(("rewards", "paid"), [([3, -1, 2], [0, 0, 0]), ([3, -1, 2.5], [0, 0, 1]), ([5, -9], [0, 0])])
def test_an_episode_pays_at_its_end_if_its_return_is_above_the_threshold(rewards, paid):
    assert rewards_of(SparseReward, rewards, threshold=4.0, of="episode") == paid


def test_each_episode_counts_alone_and_a_time_limit_ends_one():
    env = SparseReward(TimeLimit(Scripted(rewards=[1.0] * 9), 5), threshold=4.0, of="episode")
    assert [play(env)[1] for _ in range(2)] == [[0, 0, 0, 0, 1]] * 2
    env = SparseReward(TimeLimit(Scripted(rewards=[1.0] * 9), 5), threshold=5.0, of="episode")
    assert [play(env)[1] for _ in range(2)] == [[0] * 5] * 2


def test_acrobots_goal_is_the_only_success():
    for seed in range(3):
        make_it, sparse = gymnasium.make(ACROBOT), SparseReward(gymnasium.make(ACROBOT), threshold=-0.5)
        plain = play(make_it, [0, 2] * 250, seed)[1]
        assert play(sparse, [0, 2] * 250, seed)[1] == [float(reward == 0) for reward in plain]


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"threshold": math.nan}, "threshold must be a finite number"),
        ({"threshold": "1"}, "threshold must be a finite number"),
        ({"threshold": 1.0, "of": "steps"}, "of must be one of 'step', 'episode', got 'steps'"),
    ],
)
def test_what_is_no_success_is_refused(settings_, words):
    with pytest.raises(ValueError, match=words):
        SparseReward(Scripted(rewards=[1.0]), **settings_)


# action_penalty


def test_discrete_actions_cost_the_same_but_for_the_free_one():
    actions = [0, 1, 2, 1, 0]
    assert rewards_of(ActionPenalty, [10.0] * 5, actions, coefficient=2.0) == [8] * 5
    assert rewards_of(ActionPenalty, [10.0] * 5, actions, coefficient=2.0, free_action=1) == [8, 10, 8, 10, 8]
    assert rewards_of(ActionPenalty, [10.0] * 2, [np.int64(1)] * 2, coefficient=2.0, free_action=1) == [10] * 2


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_box_actions_cost_the_squares_of_their_components(shape):
    env = Scripted(rewards=[1.0, 1.0], action_space=spaces.Box(-9, 9, shape, np.float32))
    actions = [np.array([3.0, -4.0], np.float32).reshape(shape), np.zeros(shape, np.float32)]
    assert play(ActionPenalty(env, coefficient=0.5), actions)[1] == [1 - 0.5 * 25, 1.0]


def test_pendulums_own_price_of_torque_is_found_again():
    # Its reward is -(angle² + .1 velocity² + .001 torque²): a price of .009 more makes the last factor .01.
    class Dearer(gymnasium.envs.classic_control.PendulumEnv):
        def step(self, action):
            observation, reward, *rest = super().step(action)
            return observation, reward + 0.001 * action[0] ** 2 - 0.01 * action[0] ** 2, *rest

    actions = [np.array([torque], np.float32) for torque in np.linspace(-2, 2, 200)]
    ours = play(ActionPenalty(gymnasium.make("Pendulum-v1"), coefficient=0.009), actions)[1]
    assert ours == pytest.approx(play(TimeLimit(Dearer(), 200), actions)[1], abs=1e-6)


@pytest.mark.parametrize("price", [-1.0, math.nan, math.inf, "1", None, True])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(ValueError, match=r"coefficient must be a finite number in \[0, inf\)"):
        ActionPenalty(Scripted(rewards=[1.0]), coefficient=price)


@pytest.mark.parametrize(
    ("space", "free", "words"),
    [
        (spaces.Discrete(3), 3, "free_action must be a whole number of at least 0 and at most 2"),
        (spaces.Discrete(3, start=-1), 2, "free_action must be a whole number of at least -1 and at most 1"),
        (spaces.Discrete(3), True, "free_action must be a whole number"),
        (spaces.Box(-1, 1, (1,), np.float32), 0, "free_action is for Discrete action spaces"),
        (spaces.MultiBinary(2), None, "action_penalty needs a Discrete or a numeric Box action space"),
        (spaces.Box(0, 1, (1,), np.bool_), None, "action_penalty needs a Discrete or a numeric Box action space"),
    ],
)
def test_actions_without_a_price_are_refused(space, free, words):
    with pytest.raises(ValueError, match=words):
        ActionPenalty(Scripted(rewards=[1.0], action_space=space), coefficient=1.0, free_action=free)


# All of them


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("action_penalty", {"coefficient": 1.0}),
        ("delayed_reward", {"steps": 3}),
        ("scale_reward", {"factor": -1.0}),
        ("shift_reward", {"amount": 1.0}),
        ("sparse_reward", {"threshold": 0.5}),
    ],
)
def test_only_the_reward_changes(name, kwargs):
    changed, plain = gymnasium.make(ACROBOT), gymnasium.make(ACROBOT)
    changed = wrapper_class(name)(changed, **kwargs)
    assert (changed.observation_space, changed.action_space) == (plain.observation_space, plain.action_space)
    actions = list(itertools.islice(itertools.cycle([0, 2, 2, 1]), 600))
    ours, theirs = play(changed, actions), play(plain, actions)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[2] == theirs[2]
    assert ours[1] != theirs[1]
