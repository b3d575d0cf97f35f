"""The parametrised cart-pole: Gymnasium's own with the defaults, the textbook's equations with anything else."""

import copy
import math
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer_envs.cartpole import INTEGRATORS, CartPole

ID = "rl_transfer_envs:transfer/CartPole-v0"

CONSTANTS = st.fixed_dictionaries(
    {
        "gravity": st.floats(-20, 40),
        "masscart": st.floats(0.1, 10),
        "masspole": st.floats(0.01, 5),
        "length": st.floats(0.05, 5),
        "force_mag": st.floats(0.1, 100),
        "tau": st.floats(0.001, 0.1),
        "kinematics_integrator": st.sampled_from(INTEGRATORS),
    }
)


def trajectory(env, seed, steps=60, episodes=3):
    """Bytes of all observations and everything else returned, over seeded and unseeded resets."""
    actions = np.random.default_rng(seed)
    record = []
    for episode in range(episodes):
        observation, info = env.reset(seed=seed if episode == 0 else None)
        record.append((observation.dtype, observation.tobytes(), info))
        for _ in range(steps):
            observation, reward, terminated, truncated, info = env.step(int(actions.integers(2)))
            record.append((observation.dtype, observation.tobytes(), type(reward), reward, terminated, truncated, info))
            if terminated or truncated:
                break
    return record


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), barto=st.booleans())
def test_defaults_are_gymnasiums_cartpole_bit_for_bit(seed, barto):
    ours = gymnasium.make(ID, sutton_barto_reward=barto)
    theirs = gymnasium.make("CartPole-v1", sutton_barto_reward=barto)
    assert trajectory(ours, seed) == trajectory(theirs, seed)
    assert ours.unwrapped.np_random.bit_generator.state == theirs.unwrapped.np_random.bit_generator.state


def test_defaults_have_gymnasiums_attributes_spaces_and_limits():
    ours, theirs = gymnasium.make(ID), gymnasium.make("CartPole-v1")
    attributes = vars(theirs.unwrapped).keys() - {"spec"}
    assert {name: getattr(ours.unwrapped, name) for name in attributes} == {
        name: getattr(theirs.unwrapped, name) for name in attributes
    }
    assert ours.metadata == theirs.metadata
    assert ours.spec.max_episode_steps == theirs.spec.max_episode_steps == 500
    assert ours.spec.reward_threshold == theirs.spec.reward_threshold


def test_the_time_limit_truncates_at_500():
    env = gymnasium.make(ID, gravity=0.0, force_mag=1e-9, start_spread=0.0)
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(500)]
    assert ends == [(False, False)] * 499 + [(False, True)]


@settings(deadline=None, max_examples=40)
@given(constants=CONSTANTS, seed=st.integers(0, 1000))
def test_changed_constants_are_gymnasiums_with_its_attributes_set_by_hand(constants, seed):
    theirs = CartPoleEnv()
    for name, value in constants.items():
        setattr(theirs, name, value)
    theirs.total_mass = theirs.masspole + theirs.masscart
    theirs.polemass_length = theirs.masspole * theirs.length
    ours = CartPole(**constants)
    assert trajectory(ours, seed) == trajectory(theirs, seed)


@settings(deadline=None, max_examples=40)
@given(constants=CONSTANTS, action=st.integers(0, 1), seed=st.integers(0, 1000))
def test_one_step_follows_barto_sutton_anderson_1983(constants, action, seed):
    env = CartPole(**constants, start_spread=0.2)
    env.reset(seed=seed)
    x, v, angle, spin = env.state
    after, *_ = env.step(action)
    g, m, half, tau = (constants[k] for k in ("gravity", "masspole", "length", "tau"))
    total = m + constants["masscart"]
    force = constants["force_mag"] * (1 if action else -1)
    sin, cos = math.sin(angle), math.cos(angle)
    spin_rate = (g * sin + cos * (-force - m * half * spin**2 * sin) / total) / (half * (4 / 3 - m * cos**2 / total))
    v_rate = (force + m * half * (spin**2 * sin - spin_rate * cos)) / total
    new_v, new_spin = v + tau * v_rate, spin + tau * spin_rate
    moving = (v, spin) if constants["kinematics_integrator"] == "euler" else (new_v, new_spin)
    expected = [x + tau * moving[0], new_v, angle + tau * moving[1], new_spin]
    np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(theta=st.floats(0.01, math.pi), x=st.floats(0.01, 1e6))
def test_thresholds_move_the_observation_space_and_the_end_of_the_episode(theta, x):
    env = CartPole(theta_threshold=theta, x_threshold=x, start_spread=0.0)
    assert env.observation_space.high[[0, 2]] == pytest.approx([2 * x, 2 * theta])
    np.testing.assert_array_equal(env.observation_space.low, -env.observation_space.high)
    for state, ends in [
        ([0.99 * x, 0, 0, 0], False),
        ([1.01 * x, 0, 0, 0], True),
        ([0, 0, -0.99 * theta, 0], False),
        ([0, 0, -1.01 * theta, 0], True),
    ]:
        env.reset(seed=0)
        env.state = np.array(state)
        observation, _, terminated, *_ = env.step(0)
        assert terminated is ends
        assert observation in env.observation_space


@settings(deadline=None, max_examples=25)
@given(spread=st.floats(0, 0.2), seed=st.integers(0, 1000))
def test_start_spread_bounds_the_start_and_options_replace_it(spread, seed):
    env = CartPole(start_spread=spread)
    standard = CartPoleEnv()
    assert np.all(np.abs(env.reset(seed=seed)[0]) <= np.float32(spread))
    for options in ({"low": -spread, "high": spread}, {"low": -0.3, "high": 0.1}):
        ours, theirs = env.reset(seed=seed, options=options)[0], standard.reset(seed=seed, options=options)[0]
        assert ours.tobytes() == theirs.tobytes()
    only_low = env.reset(seed=seed, options={"low": -0.3})[0]
    assert only_low.tobytes() == standard.reset(seed=seed, options={"low": -0.3, "high": spread})[0].tobytes()


def test_parameters_live_in_the_instance():
    heavy, normal = CartPole(masspole=2.0, tau=0.1), CartPole()
    assert (heavy.total_mass, heavy.polemass_length, heavy.metadata["render_fps"]) == (3.0, 1.0, 10)
    assert (normal.total_mass, normal.polemass_length, normal.metadata["render_fps"]) == (1.1, 0.05, 50)
    assert CartPole.metadata["render_fps"] == CartPoleEnv.metadata["render_fps"] == 50


@pytest.mark.parametrize(("tau", "fps"), [(0.02, 50), (0.05, 20), (10.0, 1), (1e-9, 1000), (5e-324, 1000)])
def test_render_fps_is_real_time_within_what_can_be_shown(tau, fps):
    assert CartPole(tau=tau).metadata["render_fps"] == fps


def test_copies_pickles_and_specs_carry_the_parameters():
    env = gymnasium.make(ID, gravity=20.0, length=1.0)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    for other in (copy.deepcopy(env), pickle.loads(pickle.dumps(env)), again):
        assert trajectory(other, 3) == trajectory(env, 3) != trajectory(gymnasium.make(ID), 3)


POSITIVE = ("masscart", "masspole", "length", "force_mag", "tau", "theta_threshold", "x_threshold")


@pytest.mark.parametrize("name", [*POSITIVE, "gravity", "start_spread"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "9.8", None, True, [1.0]])
def test_what_is_no_finite_number_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be a finite number in [\[(].*got "):
        CartPole(**{name: value})


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("value", [0, 0.0, -1.0])
def test_what_must_be_positive_is(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be a finite number in \(0, "):
        CartPole(**{name: value})


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"theta_threshold": 12}, r"theta_threshold .* \(0, 3.14159\], got 12"),
        ({"x_threshold": 1e39}, r"x_threshold .* \(0, 1.70141e\+38\], got 1e\+39"),
        ({"start_spread": -0.01}, r"start_spread .* \[0, 0.20944\], got -0.01"),
        ({"start_spread": 0.3}, r"start_spread .* \[0, 0.20944\], got 0.3"),
        ({"start_spread": 0.3, "theta_threshold": 1.0, "x_threshold": 0.2}, r"start_spread .* \[0, 0.2\], got 0.3"),
        ({"kinematics_integrator": "rk4"}, "kinematics_integrator must be one of 'euler', 'semi-implicit euler', got"),
    ],
)
def test_ranges_are_named(setting, words):
    with pytest.raises(ValueError, match=words):
        CartPole(**setting)


def test_gymnasium_make_passes_the_message_on():
    with pytest.raises(ValueError, match="masspole must be"):
        gymnasium.make(ID, masspole=-1)


def test_integers_and_numpy_numbers_are_numbers():
    env = CartPole(gravity=20, masscart=np.float64(2.0), masspole=np.float32(0.5), length=np.int64(1))
    assert (env.gravity, env.total_mass, env.polemass_length) == (20.0, 2.5, 0.5)
    assert all(type(value) is float for value in (env.gravity, env.masscart, env.masspole, env.length))


@pytest.mark.parametrize("value", ["false", math.nan, 1, None])
def test_a_reward_rule_that_is_neither_true_nor_false_is_refused(value):
    with pytest.raises(ValueError, match="sutton_barto_reward must be true or false"):
        gymnasium.make(ID, sutton_barto_reward=value)
