"""What each of the wrappers between agent and environment promises, those of the reward aside."""

import itertools
import math

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scripted_env import Scripted, play

from rl_transfer_envs.wrappers.delay_actions import DelayActions
from rl_transfer_envs.wrappers.delay_observations import DelayObservations
from rl_transfer_envs.wrappers.discrete_actions import DiscreteActions
from rl_transfer_envs.wrappers.extra_observations import ExtraObservations
from rl_transfer_envs.wrappers.masked_observations import MaskedObservations
from rl_transfer_envs.wrappers.missing_observations import MissingObservations
from rl_transfer_envs.wrappers.permute_observations import PermuteObservations
from rl_transfer_envs.wrappers.repeat_actions import RepeatActions
from rl_transfer_envs.wrappers.rescale_observations import RescaleObservations
from rl_transfer_envs.wrappers.sticky_actions import StickyActions

quick = settings(deadline=None, max_examples=40)
DICT = spaces.Dict({"a": spaces.Box(-1, 1, (2,), np.float32)})
IMAGE = spaces.Box(0, 255, (2, 2, 3), np.uint8)
VECTOR = spaces.Box(np.array([-1, -2, -3], np.float32), np.array([1, 2, math.inf], np.float32))


def counting(steps, action_space=None):
    """Shows the number of the step."""
    return Scripted([np.full(2, step, np.float32) for step in range(steps + 1)], action_space=action_space)


def shown(wrapper, observation, space=None, **kwargs):
    """The first observation through a wrapper, and the wrapper."""
    env = wrapper(Scripted([observation, observation], observation_space=space), **kwargs)
    return env.reset(seed=0)[0], env


def received(env, actions):
    """What reaches the environment in one episode."""
    play(env, actions)
    return env.unwrapped.received


# extra_observations


def extras(steps, seed=0, **kwargs):
    return np.array(play(ExtraObservations(counting(steps), **kwargs), seed=seed)[0])[:, 2:].astype(float)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_are_appended_and_the_rest_stays(dtype):
    observation = np.array([1, 2], dtype)
    space = spaces.Box(-3, 3, (2,), dtype)
    longer, env = shown(ExtraObservations, observation, space, count=3)
    assert longer.dtype == dtype
    assert longer.shape == (5,)
    np.testing.assert_array_equal(longer[:2], observation)
    np.testing.assert_array_equal(env.observation_space.low, np.array([-3, -3, *[-np.inf] * 3], dtype))
    np.testing.assert_array_equal(env.observation_space.high, np.array([3, 3, *[np.inf] * 3], dtype))


@pytest.mark.parametrize("persistence", [0.0, 0.5, 0.9])
def test_numbers_have_their_spread_and_their_persistence(persistence):
    numbers = extras(400, count=100, scale=2.0, persistence=persistence)
    # Numbers that persist count for fewer: (1 - p²) / (1 + p²) of them for a variance.
    enough = numbers.size * (1 - persistence**2) / (1 + persistence**2)
    assert np.mean(numbers**2) == pytest.approx(4.0, abs=5 * 4.0 * math.sqrt(2 / enough))
    assert np.mean(numbers[0] ** 2) == pytest.approx(4.0, abs=5 * 4.0 * math.sqrt(2 / 100))
    together = np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())[0, 1]
    assert together == pytest.approx(persistence, abs=5 / math.sqrt(enough))
    apart = np.corrcoef(numbers[:, :50].ravel(), numbers[:, 50:].ravel())[0, 1]
    assert apart == pytest.approx(0.0, abs=5 / math.sqrt(enough / 2))


def test_full_persistence_keeps_the_numbers_for_an_episode_and_not_longer():
    env = ExtraObservations(counting(5), count=2, persistence=1.0)
    first, second = (np.array(play(env, seed=seed)[0])[:, 2:] for seed in (1, None))
    assert (first == first[0]).all()
    assert (second == second[0]).all()
    assert (first[0] != second[0]).all()


def test_numbers_follow_the_seed_and_are_not_the_environments():
    np.testing.assert_array_equal(extras(5, seed=3, count=2), extras(5, seed=3, count=2))
    assert (extras(5, seed=3, count=2) != extras(5, seed=4, count=2)).all()
    env = ExtraObservations(ExtraObservations(counting(5), count=2), count=2)
    both = np.array(play(env, seed=3)[0])[:, 2:]
    assert (both[:, :2] != both[:, 2:]).all()
    own = np.random.default_rng(3).normal(size=2).astype(np.float32)
    assert (extras(5, seed=3, count=2)[0] != own).all()


# missing_observations, masked_observations, permute_observations


def test_components_are_left_out_with_their_bounds():
    observation = np.array([0.5, 1.5, 2.5], np.float32)
    for remove, kept in [([1], [0, 2]), ([2, 0], [1]), ([], [0, 1, 2])]:
        shorter, env = shown(MissingObservations, observation, VECTOR, remove=remove)
        np.testing.assert_array_equal(shorter, observation[kept])
        assert env.observation_space == spaces.Box(VECTOR.low[kept], VECTOR.high[kept])


def test_masked_components_show_the_value_and_bounds_make_room_for_it():
    observation = np.array([0.5, 1.5, 2.5], np.float32)
    masked, env = shown(MaskedObservations, observation, VECTOR, indices=[0, 2], value=-5.0)
    np.testing.assert_array_equal(masked, np.array([-5, 1.5, -5], np.float32))
    np.testing.assert_array_equal(env.observation_space.low, np.array([-5, -2, -5], np.float32))
    np.testing.assert_array_equal(env.observation_space.high, VECTOR.high)
    np.testing.assert_array_equal(observation, np.array([0.5, 1.5, 2.5], np.float32))
    assert shown(MaskedObservations, observation, VECTOR, indices=[0, 1, 2])[1].observation_space == VECTOR


@quick
@given(data=st.data(), dtype=st.sampled_from([np.uint8, np.float32]))
def test_any_shape_is_masked_and_permuted_through_its_flat_order(data, dtype):
    picture = data.draw(hnp.arrays(dtype, hnp.array_shapes(max_dims=3, max_side=3), elements=st.integers(0, 200)))
    bounds = np.arange(picture.size, dtype=dtype).reshape(picture.shape)
    space = spaces.Box(picture - np.minimum(picture, bounds), picture + np.minimum(50, bounds), dtype=dtype)
    order = data.draw(st.permutations(range(picture.size)))
    permuted, env = shown(PermuteObservations, picture, space, permutation=order)
    assert permuted in env.observation_space
    assert list(permuted.ravel()) == [picture.ravel()[index] for index in order]
    assert list(env.observation_space.high.ravel()) == [space.high.ravel()[index] for index in order]
    back = PermuteObservations(env, permutation=[order.index(index) for index in range(picture.size)])
    np.testing.assert_array_equal(back.reset()[0], picture)
    assert back.observation_space == space
    indices = order[: data.draw(st.integers(0, picture.size))]
    masked, env = shown(MaskedObservations, picture, space, indices=indices, value=7)
    assert masked in env.observation_space
    expected = [7 if index in indices else number for index, number in enumerate(picture.ravel())]
    assert list(masked.ravel()) == expected
    assert (masked.shape, masked.dtype) == (picture.shape, picture.dtype)


@pytest.mark.parametrize("indices", [[3], [-1], [0, 0], [0.0], [True], "01", 0, None, {0: 1}])
@pytest.mark.parametrize(("wrapper", "setting"), [(MissingObservations, "remove"), (MaskedObservations, "indices")])
def test_what_is_no_list_of_indices_is_refused(wrapper, setting, indices):
    with pytest.raises(ValueError, match=f"{setting} must be a list of different indices from 0 to 2, got "):
        shown(wrapper, np.zeros(3, np.float32), **{setting: indices})


def test_something_must_be_left():
    with pytest.raises(ValueError, match="remove must leave at least one of the 3 components"):
        shown(MissingObservations, np.zeros(3, np.float32), remove=[0, 1, 2])


@pytest.mark.parametrize(
    ("dtype", "value"), [(np.uint8, -1), (np.uint8, 256), (np.uint8, 0.5), (np.float32, 1e39), (np.bool_, 2)]
)
def test_a_mask_that_the_dtype_can_not_hold_is_refused(dtype, value):
    with pytest.raises(ValueError, match=f"value must be a number that {np.dtype(dtype)} can hold"):
        shown(MaskedObservations, np.zeros(2, dtype), spaces.Box(0, 1, (2,), dtype), indices=[0], value=value)


@pytest.mark.parametrize("permutation", [[0, 1], [0, 0, 1], [1, 2, 3], "012", None])
def test_a_permutation_of_observations_that_is_none_is_refused(permutation):
    with pytest.raises(ValueError, match="permutation must hold each of 0 to 2 once, got "):
        shown(PermuteObservations, np.zeros(3, np.float32), permutation=permutation)


# rescale_observations


def test_numbers_and_bounds_move_together():
    scaled, env = shown(
        RescaleObservations, np.array([0.5, 1.5, 2.5], np.float32), VECTOR, scale=[2.0, -1.0, 4.0], shift=1.0
    )
    np.testing.assert_array_equal(scaled, np.array([2.0, -0.5, 11.0], np.float32))
    np.testing.assert_array_equal(env.observation_space.low, np.array([-1, -1, -11], np.float32))
    np.testing.assert_array_equal(env.observation_space.high, np.array([3, 3, math.inf], np.float32))


@quick
@given(
    observation=hnp.arrays(np.float32, (2, 2), elements=st.floats(-1e6, 1e6, width=32)),
    scale=st.floats(-1e3, 1e3).filter(bool),
    shift=st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4),
)
def test_what_is_at_a_bound_stays_at_it(observation, scale, shift):
    for space in (spaces.Box(observation, np.inf), spaces.Box(-np.inf, observation), spaces.Box(-1e6, 1e6, (2, 2))):
        scaled, env = shown(RescaleObservations, observation, space, scale=scale, shift=shift)
        assert scaled in env.observation_space
        exact = observation.astype(float) * scale + np.reshape(shift, (2, 2))
        np.testing.assert_allclose(scaled, exact, rtol=1e-6, atol=1e-37)


def test_gymnasiums_own_rescaling_agrees():
    # Its version maps the bounds 0 to 4 onto -1 to 1.
    space = spaces.Box(0, 4, (3,), np.float32)
    observation = np.array([0.0, 1.0, 4.0], np.float32)
    theirs = gymnasium.wrappers.RescaleObservation(
        Scripted([observation, observation], observation_space=space), np.float32(-1), np.float32(1)
    )
    ours, env = shown(RescaleObservations, observation, space, scale=0.5, shift=-1.0)
    np.testing.assert_allclose(ours, theirs.reset()[0])
    assert env.observation_space == theirs.observation_space


@pytest.mark.parametrize("setting", ["scale", "shift"])
@pytest.mark.parametrize("value", [[1.0], [1.0] * 4, [1.0, 1.0, "1"], math.nan, [1.0, 1.0, math.inf], "111", None])
def test_a_scale_or_shift_that_is_none_is_refused(setting, value):
    with pytest.raises(ValueError, match=setting + r".* must be a (finite )?number"):
        shown(RescaleObservations, np.zeros(3, np.float32), **{setting: value})


@pytest.mark.parametrize("scale", [0.0, [1.0, 0.0, 1.0]])
def test_a_scale_of_zero_is_refused(scale):
    with pytest.raises(ValueError, match="scale must not be 0"):
        shown(RescaleObservations, np.zeros(3, np.float32), scale=scale)


# Spaces that observation wrappers can't do anything with


@pytest.mark.parametrize(
    ("wrapper", "settings_", "bad"),
    [
        (ExtraObservations, {"count": 1}, [DICT, IMAGE, spaces.Box(-1, 1, (2, 2), np.float32), spaces.Discrete(3)]),
        (MissingObservations, {"remove": [0]}, [DICT, IMAGE, spaces.Discrete(3)]),
        (MaskedObservations, {"indices": [0]}, [DICT, spaces.Discrete(3)]),
        (PermuteObservations, {"permutation": [0]}, [DICT, spaces.Discrete(3)]),
        (RescaleObservations, {"scale": 2.0}, [DICT, spaces.Discrete(3)]),
    ],
)
def test_other_observation_spaces_are_refused_by_name(wrapper, settings_, bad):
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in wrapper.__name__)[1:]
    for space in bad:
        with pytest.raises(ValueError, match=rf"{name} needs a .*Box observation space, got "):
            shown(wrapper, np.zeros(2, np.float32), space, **settings_)


# delay_observations


@quick
@given(length=st.integers(1, 8), steps=st.integers(0, 10))
def test_observations_come_late_and_the_first_one_is_shown_till_then(length, steps):
    env = DelayObservations(counting(length), steps=steps)
    for _ in range(2):
        observations, _, infos = play(env)
        assert [int(observation[0]) for observation in observations] == [max(0, t - steps) for t in range(length + 1)]
        assert infos == [{"step": t + 1} for t in range(length)]


def test_a_delayed_observation_is_a_copy():
    class Reused(Scripted):
        def step(self, action):
            returned = super().step(action)
            self.observations[0][:] = returned[0]
            return self.observations[0], *returned[1:]

    plain = counting(4)
    env = DelayObservations(Reused(plain.observations), steps=2)
    assert [float(observation[0]) for observation in play(env)[0]] == [0, 0, 0, 1, 2]


def test_any_observation_can_be_late():
    env = Scripted([{"a": np.full(2, step, np.float32)} for step in range(4)], observation_space=DICT)
    assert [int(seen["a"][0]) for seen in play(DelayObservations(env, steps=1))[0]] == [0, 0, 1, 2]


# delay_actions


@quick
@given(actions=st.lists(st.integers(0, 9), min_size=1, max_size=8), steps=st.integers(0, 10))
def test_actions_come_late(actions, steps):
    held = DelayActions(counting(len(actions)), steps=steps)
    chosen = DelayActions(counting(len(actions)), steps=steps, first_action=7)
    for _ in range(2):
        assert received(held, actions) == ([actions[0]] * steps + actions)[: len(actions)]
        assert received(chosen, actions) == ([7] * steps + actions)[: len(actions)]


def test_a_box_takes_a_list_as_its_first_action():
    space = spaces.Box(-1, 1, (2,), np.float32)
    env = DelayActions(counting(3, space), steps=1, first_action=[0, 0.5])
    actions = [np.full(2, number, np.float32) for number in (0.1, 0.2, 0.3)]
    reached = received(env, actions)
    assert all(action in space for action in reached)
    np.testing.assert_array_equal(reached, np.array([[0, 0.5], actions[0], actions[1]], np.float32))


@pytest.mark.parametrize(
    ("space", "first"),
    [
        (spaces.Discrete(3), 3),
        (spaces.Discrete(3), True),
        (spaces.Discrete(3), 1.0),
        (spaces.Discrete(3), [1]),
        (spaces.Box(-1, 1, (2,), np.float32), [0.0]),
        (spaces.Box(-1, 1, (2,), np.float32), [0.0, 2.0]),
        (spaces.Box(-1, 1, (2,), np.float32), ["left", "right"]),
    ],
)
def test_a_first_action_that_is_none_is_refused(space, first):
    with pytest.raises(ValueError, match="first_action must be in "):
        DelayActions(counting(1, space), steps=1, first_action=first)


@pytest.mark.parametrize("wrapper", [DelayActions, DelayObservations])
@pytest.mark.parametrize("steps", [-1, 1.0, "1", None, True])
def test_a_delay_that_is_none_is_refused(wrapper, steps):
    with pytest.raises(ValueError, match="steps must be a whole number of at least 0"):
        wrapper(counting(1), steps=steps)


# repeat_actions


@pytest.mark.parametrize(("count", "sums", "seen"), [(1, [1, 2, 4, 8, 16], 5), (2, [3, 12, 16], 3), (7, [31], 1)])
def test_actions_are_repeated_to_the_end_of_the_episode_and_rewards_summed(count, sums, seen):
    env = RepeatActions(Scripted(counting(5).observations, [1, 2, 4, 8, 16]), count=count)
    observations, rewards, _ = play(env, list(range(seen)))
    assert rewards == sums
    assert [int(observation[0]) for observation in observations] == [min(count * i, 5) for i in range(seen + 1)]
    assert env.unwrapped.received == [step // count for step in range(5)]


def test_a_time_limit_inside_counts_the_environments_steps_and_one_outside_the_agents():
    assert len(play(RepeatActions(TimeLimit(counting(100), 12), count=5))[1]) == 3
    assert len(play(TimeLimit(RepeatActions(counting(100), count=5), 12))[1]) == 12


@pytest.mark.parametrize("count", [0, 1.0, "1", None, True])
def test_a_count_that_is_none_is_refused(count):
    with pytest.raises(ValueError, match="count must be a whole number of at least 1"):
        RepeatActions(counting(1), count=count)


# sticky_actions


def test_actions_stick_as_often_as_said_and_hold_what_was_received():
    actions = list(range(10)) * 400
    reached = received(StickyActions(counting(4000), probability=0.25), actions)
    stuck = [now == before for before, now in itertools.pairwise(reached)]
    # Five standard errors of 4,000 draws; the agent's own actions never repeat.
    assert np.mean(stuck) == pytest.approx(0.25, abs=5 * math.sqrt(0.25 * 0.75 / 4000))
    assert reached[0] == actions[0]
    assert all(stick or now == wanted for stick, now, wanted in zip(stuck, reached[1:], actions[1:], strict=True))


def test_a_certain_stick_holds_each_episodes_first_action():
    env = StickyActions(counting(4), probability=1.0)
    assert received(env, [3, 1, 2, 5]) == [3] * 4
    assert received(env, [6, 1, 2, 5]) == [6] * 4


def test_sticking_follows_the_seed_and_runs_on_without_one():
    env = StickyActions(counting(200), probability=0.5)
    actions = list(range(10)) * 20

    def reached(seed):
        play(env, actions, seed)
        return env.unwrapped.received

    first, following = reached(1), reached(None)
    assert first != following
    assert [reached(1), reached(None)] == [first, following]
    assert reached(2) != first


def test_a_sticky_step_before_the_first_reset_is_refused():
    with pytest.raises(RuntimeError, match="reset the environment"):
        StickyActions(counting(1)).step(0)


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan, "0.5", None, True])
def test_a_probability_that_is_none_is_refused(probability):
    with pytest.raises(ValueError, match=r"probability must be a finite number in \[0, 1\]"):
        StickyActions(counting(1), probability=probability)


# discrete_actions


@pytest.mark.parametrize(("bins", "values"), [(2, [-2, 2]), (3, [-2, 0, 2]), (5, [-2, -1, 0, 1, 2])])
def test_actions_are_spaced_from_bound_to_bound(bins, values):
    space = spaces.Box(-2, 2, (1,), np.float32)
    env = DiscreteActions(counting(bins, space), bins=bins)
    assert env.action_space == spaces.Discrete(bins)
    reached = received(env, list(range(bins)))
    assert all(action in space for action in reached)
    assert [float(action[0]) for action in reached] == values


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_several_components_give_all_combinations(shape):
    space = spaces.Box(np.reshape([-1, 0], shape), np.reshape([1, 4], shape), dtype=np.float64)
    reached = received(DiscreteActions(counting(9, space), bins=3), list(range(9)))
    expected = [[x, y] for x in (-1, 0, 1) for y in (0, 2, 4)]
    assert [action.ravel().tolist() for action in reached] == expected
    assert all(action.shape == shape for action in reached)


@quick
@given(bounds=hnp.arrays(np.float32, (2, 2), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_the_bounds_are_reached_exactly_and_never_left(bounds):
    low, high = bounds.min(axis=0), bounds.max(axis=0)
    space = spaces.Box(low, high)
    reached = received(DiscreteActions(counting(49, space), bins=7), list(range(49)))
    assert all(action in space for action in reached)
    np.testing.assert_array_equal(reached[0], low)
    np.testing.assert_array_equal(reached[-1], high)


def test_pendulum_swings_alike_with_numbered_torques():
    numbered = play(DiscreteActions(gymnasium.make("Pendulum-v1"), bins=5), [0, 1, 2, 3, 4] * 40)
    torques = [np.array([torque], np.float32) for torque in (-2, -1, 0, 1, 2)] * 40
    plain = play(gymnasium.make("Pendulum-v1"), torques)
    np.testing.assert_array_equal(numbered[0], plain[0])
    assert numbered[1] == plain[1]


@pytest.mark.parametrize(
    ("space", "bins", "words"),
    [
        (spaces.Discrete(2), 3, "discrete_actions needs a floating Box action space with finite bounds, got Discrete"),
        (spaces.Box(-1, np.inf, (1,), np.float32), 3, "discrete_actions needs a floating Box"),
        (spaces.Box(0, 9, (1,), np.int64), 3, "discrete_actions needs a floating Box"),
        (spaces.Box(-1, 1, (1,), np.float32), 1, "bins must be a whole number of at least 2"),
        (spaces.Box(-1, 1, (1,), np.float32), 2.0, "bins must be a whole number of at least 2"),
        (spaces.Box(-1, 1, (17,), np.float32), 3, r"at most 10000, got 3\*\*17"),
    ],
)
def test_actions_that_can_not_be_numbered_are_refused(space, bins, words):
    with pytest.raises(ValueError, match=words):
        DiscreteActions(counting(1, space), bins=bins)


@pytest.mark.parametrize("action", [-1, 3, 0.5])
def test_an_action_that_is_not_numbered_is_refused(action):
    env = DiscreteActions(counting(1, spaces.Box(-1, 1, (1,), np.float32)), bins=3)
    env.reset()
    with pytest.raises(ValueError, match="is not in Discrete"):
        env.step(action)


def test_a_hundred_bins_of_two_components_are_allowed():
    space = spaces.Box(-1, 1, (2,), np.float32)
    assert DiscreteActions(counting(1, space), bins=100).action_space == spaces.Discrete(10_000)
