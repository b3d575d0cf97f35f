"""Rank correlations within groups: hand-worked numbers, scipy as oracle, the interval's coverage by simulation."""

from math import asin, atanh, pi, sqrt, tanh

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from rl_transfer.stats import first_choice, partial_rank_correlation

floats = st.floats(-5, 5).map(lambda value: round(value, 1))


def measured(predicted, truth, groups):
    return partial_rank_correlation(np.array(predicted, float), np.array(truth, float), np.array(groups))


class TestCorrelation:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(floats, floats), min_size=4, max_size=15))
    def test_of_one_group_it_is_spearmans(self, cells):
        predicted, truth = map(list, zip(*cells, strict=True))
        found = measured(predicted, truth, [0] * len(cells))
        if len(set(predicted)) == 1 or len(set(truth)) == 1:
            assert found.value is None and (found.low, found.high) == (-1.0, 1.0)
        else:
            assert found.value == pytest.approx(spearmanr(predicted, truth).statistic)
            assert -1.0 <= found.low <= found.value <= found.high <= 1.0

    def test_of_several_groups_by_hand(self):
        # Centred ranks (-1, 0, 1) with (-1, 0, 1), and with (0, -1, 1): (2 + 1) / sqrt(4 x 4).
        found = measured([1, 2, 3, 1, 2, 3], [10, 20, 30, 8, 7, 9], [0, 0, 0, 1, 1, 1])
        assert found.value == pytest.approx(0.75)
        assert (found.cells, found.groups) == (6, 2)
        half = 1.959964 * sqrt((1 + 0.75**2 / 2) / (6 - 3 - 1))
        assert (found.low, found.high) == pytest.approx((tanh(atanh(0.75) - half), tanh(atanh(0.75) + half)))

    def test_differences_between_groups_do_not_count(self):
        # Between the groups both rise together; within them nothing goes with anything.
        predicted, truth = [1, 2, 3, 101, 102, 103], [1, 3, 2, 202, 201, 203]
        groups = [0, 0, 0, 1, 1, 1]
        assert spearmanr(predicted, truth).statistic > 0.8
        shifted = [value + 1000 * group for value, group in zip(truth, groups, strict=True)]
        assert measured(predicted, truth, groups) == measured(predicted, shifted, groups)
        assert measured(predicted, truth, groups).value == pytest.approx(0.5)

    def test_single_candidates_have_no_order(self):
        cells = ([1, 2, 3, 4, 9], [1, 2, 4, 3, 0], [0, 0, 0, 0, 1])
        assert measured(*cells) == measured(*(column[:4] for column in cells))

    @pytest.mark.parametrize("sign", [1, -1])
    def test_perfect_order_has_the_interval_of_one_exchange(self, sign):
        # Four ranks: sum of squares 5, so 1 - 1/5 is the largest correlation below 1 of each group of four.
        found = measured([1, 2, 3, 4], [sign * value for value in (1, 2, 3, 4)], [0] * 4)
        half = 1.959964 * sqrt(1.5 / 1)
        ends = sorted([sign * tanh(atanh(0.8) - half), float(sign)])
        assert found.value == pytest.approx(sign)
        assert (found.low, found.high) == pytest.approx(tuple(ends))

    @pytest.mark.parametrize("count", [2, 3])
    def test_few_cells_say_nothing(self, count):
        found = measured(range(count), range(count), [0] * count)
        assert found.value == pytest.approx(1.0)
        assert (found.low, found.high) == (-1.0, 1.0)

    def test_no_cells_have_no_correlation(self):
        assert measured([], [], []).value is None

    @pytest.mark.parametrize(("predicted", "truth"), [([1, 2], [1]), ([1, float("nan")], [1, 2])])
    def test_what_does_not_fit_is_refused(self, predicted, truth):
        with pytest.raises(ValueError, match=r"lengths|finite"):
            measured(predicted, truth, [0, 0])


def coverage(rho, groups, size, repeats=1000):
    """How often the interval holds the expected rank correlation of that many normal candidates (Moran 1948)."""
    truth = 6 / (pi * (size + 1)) * (asin(rho) + (size - 2) * asin(rho / 2))
    generator = np.random.default_rng(0)
    hits = 0
    labels = np.repeat(np.arange(groups), size)
    for _ in range(repeats):
        ours = generator.normal(size=groups * size)
        theirs = rho * ours + sqrt(1 - rho**2) * generator.normal(size=groups * size)
        shifts = 10 * generator.normal(size=(2, groups))[:, labels]
        found = partial_rank_correlation(ours + shifts[0], theirs + shifts[1], labels)
        hits += found.low <= truth <= found.high
    return hits / repeats


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
@pytest.mark.parametrize(("groups", "size"), [(1, 20), (4, 10), (6, 20)])
def test_the_interval_covers_as_it_says(rho, groups, size):
    assert 0.925 < coverage(rho, groups, size) < 0.985


@pytest.mark.slow
@pytest.mark.parametrize(("groups", "size"), [(6, 5), (3, 3)])
def test_chance_is_covered_with_few_ranks_too(groups, size):
    assert coverage(0.0, groups, size) > 0.925


class TestFirstChoice:
    def chosen(self, predicted, truth, groups):
        return first_choice(np.array(predicted, float), np.array(truth, float), np.array(groups))

    def test_by_hand(self):
        # The first group's choice is right; the second's is 0.3 behind.
        found = self.chosen([3, 1, 5, 6, 4], [0.5, 0.2, 0.4, 0.1, 0.0], [0, 0, 1, 1, 1])
        assert (found.right, found.loss, found.groups) == (0.5, pytest.approx(0.15), 2)

    def test_equal_predictions_are_a_random_choice(self):
        found = self.chosen([0, 0, 0, 0], [0.9, 0.3, 0.6, 0.6], [0] * 4)
        assert found.right == pytest.approx(1 / 4)
        assert found.loss == pytest.approx(0.9 - 0.6)

    def test_a_group_of_one_is_no_choice(self):
        assert self.chosen([1, 2], [1, 2], [0, 1]) is None
