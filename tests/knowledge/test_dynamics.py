"""The model of a target's dynamics: by hand, against brute force, and what it tells apart."""

import gymnasium
import numpy as np
import pytest
from scipy.stats import norm

import rl_transfer_envs  # noqa: F401 - registers
from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Transitions
from rl_transfer.knowledge.dynamics import DynamicsModel, likeliest, rows_of


def transitions(observation_N, action_N, next_observation_N):
    count = len(action_N)
    return Transitions(
        observation_N=observation_N,
        action_N=action_N,
        reward_N=np.zeros(count, np.float32),
        next_observation_N=next_observation_N,
        terminated_N=np.zeros(count, bool),
        truncated_N=np.zeros(count, bool),
        time_N=np.arange(count),
    )


def pushed(count, push, seed, spread=1.0, noise=0.01):
    """A point on a line that its action moves by so much."""
    generator = np.random.default_rng(seed)
    place = generator.normal(0.0, spread, (count, 1)).astype(np.float32)
    action = generator.integers(0, 2, (count, 1))
    moved = place + push * (2 * action - 1) + generator.normal(0.0, noise, (count, 1))
    return transitions(place, action, moved.astype(np.float32))


def joined(*parts):
    names = ("observation_N", "action_N", "reward_N", "next_observation_N", "terminated_N", "truncated_N", "time_N")
    return Transitions(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class TestRows:
    def test_by_hand(self):
        box = transitions(
            np.array([[1.0, 2.0]], np.float32), np.array([[0.5]], np.float32), np.array([[1.5, 0.0]], np.float32)
        )
        ((inputs, outputs),) = rows_of(box)
        assert inputs.tolist() == [[1.0, 2.0, 0.5]]
        assert outputs.tolist() == [[0.5, -2.0]]

    def test_discrete_actions_have_a_column_each_whichever_batch_has_them(self):
        one = transitions(np.zeros((2, 1), np.float32), np.array([[0], [2]]), np.zeros((2, 1), np.float32))
        other = transitions(np.zeros((1, 1), np.float32), np.array([[1]]), np.ones((1, 1), np.float32))
        (first, _), (second, _) = rows_of(one, other)
        assert first.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
        assert second.tolist() == [[0, 0, 1, 0]]

    @pytest.mark.parametrize(
        ("observations", "message"),
        [
            ({"a": np.zeros((1, 2), np.float32)}, "observations by key"),
            (np.zeros((1, 8, 8, 3), np.uint8), "observations of uint8"),
            (np.zeros((1, 1), np.int64), "observations of int64"),
            (np.zeros((1, 101), np.float32), "observations of 101 numbers"),
        ],
    )
    def test_what_it_is_no_model_of_is_refused(self, observations, message):
        with pytest.raises(ConfigError, match=f"no model of the dynamics of {message}, only of vectors"):
            rows_of(transitions(observations, np.zeros((1, 1), np.int64), observations))


class TestModel:
    def test_the_density_is_that_of_normal_distributions(self):
        ((inputs, outputs),) = rows_of(pushed(300, 1.0, seed=0, noise=0.1))
        model = DynamicsModel(inputs, outputs)
        # At the very place and action that it has seen so often: what follows is +-1 with deviation 0.1.
        at = np.array([[0.0, 0.0, 1.0]])
        found = [model.log_likelihood(at, np.array([[value]]))[0] for value in (1.0, 1.1, 1.2)]
        # In units of the outputs' deviation.
        spread = outputs.std()
        expected = [norm.logpdf(value, 1.0, 0.1) + np.log(spread) for value in (1.0, 1.1, 1.2)]
        assert found == pytest.approx(expected, abs=0.4)
        assert found[0] - found[2] == pytest.approx(2.0, rel=0.35)

    def test_the_noise_is_what_each_is_missed_by_when_left_out(self):
        ((inputs, outputs),) = rows_of(pushed(40, 1.0, seed=3, noise=0.3))
        model = DynamicsModel(inputs, outputs)
        feature_NF = model._features(inputs)
        scaled = (outputs - outputs.mean(axis=0)) / outputs.std(axis=0)
        penalty = 1e-5 * np.trace(feature_NF.T @ feature_NF) / feature_NF.shape[1]
        missed = []
        for out in range(40):
            rest = np.arange(40) != out
            square = feature_NF[rest].T @ feature_NF[rest] + penalty * np.eye(feature_NF.shape[1])
            weights = np.linalg.solve(square, feature_NF[rest].T @ scaled[rest])
            missed.append(scaled[out] - feature_NF[out] @ weights)
        assert model._noise_O == pytest.approx(np.mean(np.square(missed), axis=0), rel=1e-4)

    def test_it_is_unsure_where_the_target_never_was(self):
        ((inputs, outputs), (near, moved), (far, too)) = rows_of(
            pushed(400, 1.0, seed=0), pushed(50, 1.0, seed=1), pushed(50, 1.0, seed=1, spread=30.0)
        )
        model = DynamicsModel(inputs, outputs)
        assert np.median(model.log_likelihood(near, moved)) > np.median(model.log_likelihood(far, too)) + 1.0

    def test_numbers_that_never_change_do_no_harm(self):
        still = transitions(np.ones((20, 2), np.float32), np.zeros((20, 1), np.int64), np.ones((20, 2), np.float32))
        other = transitions(np.ones((1, 2), np.float32), np.zeros((1, 1), np.int64), np.full((1, 2), 1.5, np.float32))
        chosen = likeliest(joined(other, still), still, 0.5)
        assert len(chosen) == 11
        assert 0 not in chosen
        assert len(likeliest(still, other, 0.5)) == 10, "one transition is enough for a model"


class TestChoice:
    def test_the_share_is_rounded_up(self):
        some = pushed(1, 1.0, seed=0)
        same = joined(*[some] * 5)
        assert likeliest(same, pushed(30, 1.0, seed=1), 0.5).shape == (3,)
        assert likeliest(same, pushed(30, 1.0, seed=1), 1.0).tolist() == [0, 1, 2, 3, 4]

    def test_those_of_the_target_s_dynamics_are_kept(self):
        source = joined(pushed(100, 1.5, seed=0), pushed(100, 1.0, seed=1))
        assert (likeliest(source, pushed(200, 1.0, seed=2), 0.5) >= 100).mean() > 0.98

    @pytest.mark.parametrize(
        ("name", "changed", "at_least"),
        [
            ("transfer/CartPole-v0", {"length": 1.0}, 0.98),
            ("transfer/CartPole-v0", {"gravity": 20.0}, 0.9),
            ("transfer/Pendulum-v0", {"m": 2.0}, 0.9),
            ("transfer/MountainCar-v0", {"gravity": 0.003}, 0.95),
        ],
    )
    def test_of_real_tasks_too(self, name, changed, at_least):
        source = joined(walked(name, 600, 1, **changed), walked(name, 600, 2))
        assert (likeliest(source, walked(name, 500, 3), 0.5) >= 600).mean() > at_least


def walked(name, steps, seed, **kwargs):
    env = gymnasium.make(name, **kwargs)
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed)
    rows = []
    for _ in range(steps):
        action = env.action_space.sample()
        following, _, terminated, truncated, _ = env.step(action)
        rows.append((observation, np.atleast_1d(action), following))
        observation = env.reset()[0] if terminated or truncated else following
    env.close()
    return transitions(*(np.array(column) for column in zip(*rows, strict=True)))
