"""Entropy and agreement of policies, against numbers worked by hand and SciPy's."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from rl_transfer.knowledge import Categorical, Deterministic, Gaussian, agreement, entropy


def squashed_entropy(mean, std):
    """Of tanh of a normal variable: its own entropy and the expected logarithm of the slope, integrated."""
    normal = stats.norm(mean, std)
    slope = quad(lambda u: normal.pdf(u) * -2 * np.log(np.cosh(u)), mean - 8 * std, mean + 8 * std, limit=500)[0]
    return normal.entropy() + slope


class TestEntropy:
    def test_of_choices_it_is_their_sum(self):
        logits = np.log([[0.5, 0.5, 0.1, 0.2, 0.7], [0.9, 0.1, 1 / 3, 1 / 3, 1 / 3]])
        by_row = [stats.entropy([p, 1 - p]) + stats.entropy(q) for p, q in ((0.5, [0.1, 0.2, 0.7]), (0.9, [1, 1, 1]))]
        assert entropy(Categorical(logits + 7, (2, 3))) == pytest.approx(np.mean(by_row))

    def test_what_is_never_chosen_adds_nothing(self):
        assert entropy(Categorical(np.array([[0.0, 0.0, -np.inf]]), (3,))) == pytest.approx(np.log(2))

    def test_of_gaussians_it_is_scipy_s(self):
        policy = Gaussian(np.zeros((3, 2)), np.tile(np.log([0.5, 2.0]), (3, 1)), squashed=False)
        assert entropy(policy) == pytest.approx(stats.norm(0, 0.5).entropy() + stats.norm(0, 2).entropy())

    @pytest.mark.parametrize(("mean", "std"), [(0.0, 0.1), (0.0, 1.0), (1.5, 0.5), (-3.0, 1.0), (0.5, 3.0)])
    def test_squashed_it_is_that_of_the_action(self, mean, std):
        found = entropy(Gaussian(np.array([[mean]]), np.log([[std]]), squashed=True))
        assert found == pytest.approx(squashed_entropy(mean, std), abs=1e-3)

    def test_a_deterministic_policy_has_none(self):
        assert entropy(Deterministic(np.zeros((2, 1)))) is None


class TestAgreement:
    def test_of_choices_it_is_the_share_that_is_the_same(self):
        ours = Categorical(np.array([[1.0, 0, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]), (2, 2))
        theirs = Categorical(np.array([[9.0, 0, 1, 0], [1, 0, 1, 0], [np.nan, np.nan, 0, 1]]), (2, 2))
        assert agreement(ours, theirs) == pytest.approx(4 / 5), "what one says nothing of is left out"

    def test_an_alternative_that_is_unknown_is_never_taken(self):
        ours, theirs = Categorical(np.array([[0.0, 1.0]]), (2,)), Categorical(np.array([[-3.0, -np.inf]]), (2,))
        assert agreement(ours, theirs) == 0.0

    def test_of_boxes_it_is_the_mean_distance_in_shares_of_the_range(self):
        ours = Gaussian(np.array([[0.0, np.arctanh(0.5)]]), np.zeros((1, 2)), squashed=True)
        theirs = Gaussian(np.array([[1.0, -2.0]]), np.zeros((1, 2)), squashed=False)  # clipped to 1 and -1
        assert agreement(ours, theirs) == pytest.approx(1 - (1.0 + 1.5) / 2 / 2)
        assert agreement(ours, Deterministic(np.array([[np.nan, 0.5]]))) == pytest.approx(1.0)

    def test_nothing_in_common_is_none(self):
        box, choice = Deterministic(np.zeros((1, 1))), Categorical(np.zeros((1, 2)), (2,))
        assert agreement(box, choice) is None
        assert agreement(box, Deterministic(np.full((1, 1), np.nan))) is None
