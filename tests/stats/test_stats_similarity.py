"""Representations, dynamics, values and returns, against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from rl_transfer.stats import dynamics_error, linear_cka, rank_agreement, returns_to_go

seeds = st.integers(0, 2**32 - 1)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


class TestLinearCKA:
    def test_by_hand(self):
        # Centred: (-1, 0, 1) and (-1, 2, -1): orthogonal. With (-1, 0, 1) beside it: 4 / (2 sqrt(4 + 36)).
        ours = np.array([[0.0], [1.0], [2.0]])
        assert linear_cka(ours, np.array([[0.0], [3.0], [0.0]])) == pytest.approx(0.0, abs=1e-12)
        both = np.array([[0.0, 0.0], [1.0, 3.0], [2.0, 0.0]])
        assert linear_cka(ours, both) == pytest.approx(4 / (2 * np.sqrt(4 + 36)))

    @settings(max_examples=30, deadline=None)
    @given(seeds, st.integers(2, 5), st.floats(0.01, 100), st.floats(-100, 100))
    def test_turning_scaling_and_shifting_change_nothing(self, seed, units, scale, shift):
        ours, theirs = normal(seed, 20, units), normal(seed + 1, 20, 3)
        turned = scale * ours @ ortho_group.rvs(units, random_state=seed) + shift
        assert linear_cka(ours, turned) == pytest.approx(1.0)
        found = linear_cka(ours, theirs)
        assert 0.0 <= found <= 1.0
        assert found == pytest.approx(linear_cka(turned, theirs)) == pytest.approx(linear_cka(theirs, ours))

    def test_stretching_one_direction_changes_it(self):
        ours = normal(0, 50, 2)
        assert linear_cka(ours, ours * [1.0, 10.0]) < 0.95

    @pytest.mark.parametrize("constant", [0.0, 3.7, 1e9])
    def test_what_never_changes_is_refused(self, constant):
        with pytest.raises(ValueError, match="does not change"):
            linear_cka(normal(0, 10, 2), np.full((10, 2), constant))

    def test_other_observations_are_refused(self):
        with pytest.raises(ValueError, match="N x P"):
            linear_cka(normal(0, 10, 2), normal(0, 9, 2))


class TestDynamics:
    def task(self, seed, sign=1.0, count=300):
        """A pendulum's kind: linear in the observation, a product with the action, a curved reward."""
        inputs = normal(seed, count, 3)
        change = np.stack([inputs[:, 1], sign * inputs[:, 2] - np.sin(inputs[:, 0])], axis=1)
        return inputs, np.concatenate([change, -(inputs[:, :1] ** 2)], axis=1)

    def test_a_task_predicts_itself_and_not_its_mirror_image(self):
        same = dynamics_error(*self.task(0), *self.task(1))
        mirrored = dynamics_error(*self.task(0, sign=-1.0), *self.task(1))
        assert same < 0.05
        # Of three outputs one has twice its signal as error: 4 Var(a) / (Var(a) + Var(sin)).
        assert mirrored == pytest.approx(4 / (1 + np.var(np.sin(normal(2, 9999)))) / 3, rel=0.25)

    def test_knowing_nothing_is_about_one(self):
        _, outputs = self.task(0)
        shuffled = outputs[np.random.default_rng(0).permutation(len(outputs))]
        assert 0.8 < dynamics_error(normal(5, 300, 3) * 1e-9, shuffled, *self.task(1)) < 1.3

    def test_units_do_not_matter(self):
        (inputs, outputs), (new, truth) = self.task(0), self.task(1)
        scaled = dynamics_error(inputs * 1000, outputs * [1, 50, 0.01], new * 1000, truth * [1, 50, 0.01])
        assert scaled == pytest.approx(dynamics_error(inputs, outputs, new, truth), rel=1e-6)

    def test_what_never_changes_is_measured_by_its_size(self):
        inputs = normal(0, 50, 2)
        ones, zeros = np.ones((50, 1)), np.zeros((50, 1))
        assert dynamics_error(inputs, ones, inputs, ones) == pytest.approx(0.0, abs=1e-12)
        assert dynamics_error(inputs, -ones, inputs, ones) == pytest.approx(4.0)
        assert dynamics_error(inputs, -ones, inputs, 2 * ones) == pytest.approx(9 / 4)
        assert dynamics_error(inputs, ones, inputs, zeros) == pytest.approx(1.0)

    def test_it_is_the_ridge_of_the_textbook(self):
        (inputs, outputs), (new, truth) = self.task(0, count=40), self.task(1, count=30)
        both = np.concatenate([inputs, new])
        z, x = (inputs - both.mean(0)) / both.std(0), (new - both.mean(0)) / both.std(0)
        gaps = np.linalg.norm(z[:, None] - z[None], axis=2)
        width = np.median(gaps[gaps > 0])

        def kernel(ours):
            far = np.linalg.norm(ours[:, None] - z[None], axis=2)
            return ours @ z.T / 3 + np.exp(-(far**2) / (2 * width**2))

        gram = kernel(z)
        weights = np.linalg.inv(gram + 1e-3 * np.trace(gram) / 40 * np.eye(40)) @ (outputs - outputs.mean(0))
        missed = kernel(x) @ weights + outputs.mean(0) - truth
        expected = np.mean((missed**2).mean(0) / truth.var(0))
        assert dynamics_error(inputs, outputs, new, truth) == pytest.approx(expected)

    @pytest.mark.parametrize(("inputs", "outputs"), [((0, 2), (0, 1)), ((5, 2), (4, 1)), ((5, 3), (5, 1))])
    def test_what_does_not_fit_is_refused(self, inputs, outputs):
        with pytest.raises(ValueError, match=r"needs|same"):
            dynamics_error(np.zeros(inputs), np.zeros(outputs), np.zeros((5, 2)), np.zeros((5, 1)))


class TestReturns:
    def test_by_hand(self):
        assert returns_to_go(np.array([1.0, 2.0, 4.0]), 0.5).tolist() == [3.0, 4.0, 4.0]
        assert returns_to_go(np.array([1.0, 1.0, 1.0]), 1.0).tolist() == [3.0, 2.0, 1.0]
        assert returns_to_go(np.zeros(0), 0.9).tolist() == []
        assert returns_to_go(np.array([1.0, 2.0, 4.0, 8.0]), 0.5, 2).tolist() == [2.0, 4.0, 8.0, 8.0]
        assert returns_to_go(np.array([1.0, 2.0]), 0.5, 9).tolist() == [2.0, 2.0]

    @settings(max_examples=30, deadline=None)
    @given(seeds, st.integers(1, 30), st.floats(0, 1))
    def test_each_is_its_reward_and_the_discounted_next(self, seed, length, discount):
        rewards = normal(seed, length)
        found = returns_to_go(rewards, discount)
        np.testing.assert_allclose(found, rewards + discount * np.append(found[1:], 0.0), atol=1e-9)


class TestAgreement:
    def test_by_hand(self):
        assert rank_agreement(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 400.0])) == pytest.approx(1.0)
        assert rank_agreement(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 0.0])) == pytest.approx(-1.0)
        assert rank_agreement(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])) == pytest.approx(0.5)

    @pytest.mark.parametrize(
        ("values", "returns", "message"),
        [
            ([1, 1, 1], [1, 2, 3], "all values are equal"),
            ([1, 2, 3], [5, 5, 5], "all returns are equal"),
            ([1, 2], [1, 2], "three states"),
        ],
    )
    def test_what_has_no_order_is_refused(self, values, returns, message):
        with pytest.raises(ValueError, match=message):
            rank_agreement(np.array(values, float), np.array(returns, float))
