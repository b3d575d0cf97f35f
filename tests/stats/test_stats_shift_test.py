import time
from itertools import combinations
from math import comb, inf

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_ind

from rl_transfer.stats import ShiftTest, interval, p_value, smallest_reachable_p, welch_interval

SCORE = st.floats(-1.0, 2.0).map(lambda value: round(value, 3))
GROUP = st.lists(SCORE, min_size=2, max_size=5)


def skewed(seed, *sizes):
    generator = np.random.default_rng(seed)
    return [generator.gamma(1.0, 0.3, size) for size in sizes]


def squared_statistic(first, second):
    variance = np.var(first, ddof=1) / len(first) + np.var(second, ddof=1) / len(second)
    difference = np.mean(second) - np.mean(first)
    if variance < 1e-25:
        return 0.0 if abs(difference) < 1e-12 else inf
    return difference**2 / variance


def listed_p(baseline, arm, shift):
    """The permutation test by the book: one arrangement after the other."""
    moved = np.asarray(arm) - shift
    pooled = np.concatenate([baseline, moved])
    observed = squared_statistic(np.asarray(baseline), moved)
    extreme = 0
    for picked in combinations(range(len(pooled)), len(baseline)):
        chosen = np.zeros(len(pooled), dtype=bool)
        chosen[list(picked)] = True
        extreme += squared_statistic(pooled[chosen], pooled[~chosen]) >= observed * (1 - 1e-9)
    return extreme / comb(len(pooled), len(baseline))


@pytest.mark.parametrize(("sizes", "shift"), [((5, 5), 0.0), ((4, 7), 0.1), ((7, 3), -0.2), ((2, 6), 0.0)])
def test_p_value_is_the_larger_of_scipys_two(sizes, shift):
    baseline, arm = skewed(1, *sizes)

    def squared(first, second, axis):
        return ttest_ind(first, second, equal_var=False, axis=axis).statistic ** 2

    # Squared and one-sided: scipy's "two-sided" doubles a tail, which differs where the group sizes do.
    moved = (arm - shift, baseline)
    permuted = permutation_test(moved, squared, n_resamples=np.inf, vectorized=True, alternative="greater")
    expected = max(ttest_ind(arm - shift, baseline, equal_var=False).pvalue, permuted.pvalue)
    assert p_value(baseline, arm, shift) == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore:Precision loss")
@given(GROUP, GROUP, SCORE)
@settings(max_examples=30, deadline=None)
def test_p_value_counts_every_arrangement(baseline, arm, shift):
    spread = np.var(baseline) + np.var(arm)
    listed = listed_p(baseline, arm, shift)
    if spread > 0:
        welch = ttest_ind(np.asarray(arm) - shift, baseline, equal_var=False).pvalue
    else:
        welch = float(abs(np.mean(arm) - np.mean(baseline) - shift) < 1e-12)
    assert p_value(baseline, arm, shift) == pytest.approx(max(listed, welch), rel=1e-6)


@pytest.mark.parametrize("sizes", [(20, 40), (40, 20), (12, 12)])
def test_drawn_arrangements_agree_with_scipys(sizes):
    baseline, arm = skewed(3, *sizes)
    arm += 0.12

    def welch(first, second, axis):
        difference = first.mean(axis) - second.mean(axis)
        return difference / (first.var(axis, ddof=1) / len(arm) + second.var(axis, ddof=1) / len(baseline)) ** 0.5

    generator = np.random.default_rng(0)
    drawn = permutation_test((arm, baseline), welch, n_resamples=4999, vectorized=True, rng=generator).pvalue
    expected = max(drawn, ttest_ind(arm, baseline, equal_var=False).pvalue)
    assert p_value(baseline, arm) == pytest.approx(expected, abs=5 * (0.25 / 4999) ** 0.5)


def test_two_separated_groups_of_five_reach_2_in_252():
    assert p_value([0.1, 0.2, 0.3, 0.4, 0.5], [5.1, 5.2, 5.3, 5.4, 5.5]) == 2 / 252
    assert p_value([0.1] * 5, [0.3] * 5) == 2 / 252
    assert p_value([0.1] * 5, [0.1] * 5) == 1.0
    assert p_value([0.2] * 5, [0.3] * 5, shift=0.1) == 1.0


@pytest.mark.slow
def test_rounding_breaks_no_tie():
    generator = np.random.default_rng(2)
    for _ in range(20):
        tenths = generator.integers(0, 6, 5), generator.integers(0, 9, 6)
        for shift in (0, 1, 3):
            exact = p_value(*tenths, shift)
            assert p_value(tenths[0] * 0.1, tenths[1] * 0.1, shift * 0.1) == pytest.approx(exact, rel=1e-9)
            assert exact >= listed_p(*tenths, shift)


@pytest.mark.parametrize(("baseline_runs", "arm_runs"), [(2, 2), (2, 3), (3, 3), (4, 2), (5, 5), (3, 6)])
def test_smallest_reachable_p_is_what_far_groups_give(baseline_runs, arm_runs):
    generator = np.random.default_rng(0)
    far = listed_p(generator.normal(size=baseline_runs), generator.normal(size=arm_runs) + 1e4, 0.0)
    assert smallest_reachable_p(baseline_runs, arm_runs) == far


def test_smallest_reachable_p_has_a_floor_and_needs_two_runs():
    assert smallest_reachable_p(20, 40) == 1e-5
    assert smallest_reachable_p(1, 40) == 1.0
    far = np.arange(20.0), np.arange(20.0) + 1e6
    assert p_value(*far) == 1e-5
    with pytest.raises(ValueError, match="need runs"):
        smallest_reachable_p(0, 3)


def test_one_run_decides_nothing():
    assert p_value([0.1], [0.9, 1.0, 1.1]) == 1.0
    assert interval([0.1, 0.2], [0.9], 0.05) == (-inf, inf)
    assert welch_interval([0.1, 0.2], [0.9], 0.05) == (-inf, inf)


def test_welch_interval_is_scipys():
    baseline, arm = skewed(4, 6, 9)
    expected = ttest_ind(arm, baseline, equal_var=False).confidence_interval(0.98)
    assert welch_interval(baseline, arm, 0.02) == pytest.approx((expected.low, expected.high), rel=1e-9)


@given(
    GROUP.filter(lambda group: len(set(group)) > 1),
    GROUP,
    st.sampled_from([0.05, 0.2, 0.35]),
)
@settings(max_examples=30, deadline=None)
@example([0.0, 0.1, 0.2, 0.3, 5.0], [0.0, 0.0, 0.1], 0.2)
def test_interval_is_the_hull_over_a_fine_grid(baseline, arm, level):
    test = ShiftTest(baseline, arm)
    found, welch = test.interval(level), test.welch_interval(level)
    if smallest_reachable_p(len(baseline), len(arm)) > level:
        assert found == (-inf, inf)
        return
    width = found.high - found.low
    assert found.low <= test.difference <= found.high
    assert found.low <= welch.low + 1e-9 * width
    assert found.high >= welch.high - 1e-9 * width
    beyond = np.linspace(1e-6, 3.0, 150) * width
    assert all(test.p_value(found.high + step) <= level for step in beyond)
    assert all(test.p_value(found.low - step) <= level for step in beyond)
    for end, inwards in ((found.low, 1.0), (found.high, -1.0)):
        # Kept at the end itself or, where rounding puts that a hair outside, just inside.
        assert max(test.p_value(end + inwards * hair * width) for hair in (0.0, 1e-9, 1e-7)) > level * (1 - 1e-6)


@given(
    st.lists(st.integers(0, 4), min_size=4, max_size=6),
    st.lists(st.integers(0, 4), min_size=4, max_size=6),
    st.sampled_from([0.05, 0.1, 0.2]),
)
@example([2, 3, 2, 2, 3], [3, 3, 3, 3, 4], 0.05)
@settings(deadline=None)
def test_with_ties_too_what_is_not_rejected_lies_in_the_interval(baseline, arm, level):
    test = ShiftTest(baseline, arm)
    low, high = test.interval(level)
    assert low <= 0.0 <= high or test.p_value() <= level


@pytest.mark.slow
@given(
    st.lists(st.integers(0, 6) | SCORE, min_size=2, max_size=6),
    st.lists(st.integers(3, 9) | SCORE, min_size=2, max_size=6),
    st.sampled_from([0.02, 0.05, 0.1, 0.2]),
)
@example([0.4, 0.2], [-0.1, -2.3, 1.4, -2.3, -2.3, -2.3, -2.3, -2.3], 0.05)
@settings(max_examples=200, deadline=None)
def test_the_side_is_the_intervals(baseline, arm, level):
    test = ShiftTest(baseline, arm)
    low, high = test.interval(level)
    assert test.side(level) == int(low > 0.0) - int(high < 0.0)


def test_the_hull_reaches_over_a_gap():
    """The p-value can rise again away from the observed difference, so its first crossing is not the end."""
    test = ShiftTest([0.4, 0.2], [2.2, 0.0, 3.7, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert test.welch_interval(0.05).high < 2.1
    assert test.p_value(2.3) <= 0.05 < test.p_value(3.0)
    assert test.interval(0.05).high == pytest.approx(3.3)
    moved = ShiftTest([2.7, 2.5], [2.2, 0.0, 3.7, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert moved.p_value() <= 0.05
    assert moved.side(0.05) == 0


@given(GROUP, GROUP, SCORE, st.sampled_from([0.05, 0.3]))
@settings(max_examples=30, deadline=None)
def test_moving_the_arm_moves_the_interval(baseline, arm, shift, level):
    found = interval(baseline, arm, level)
    moved = interval(baseline, np.add(arm, shift), level)
    assert moved == pytest.approx((found.low + shift, found.high + shift), abs=1e-6)
    assert p_value(baseline, np.add(arm, shift), shift) == pytest.approx(p_value(baseline, arm), rel=1e-6)


@given(GROUP, GROUP, st.sampled_from([0.05, 0.3]))
@settings(max_examples=30, deadline=None)
def test_swapping_the_groups_flips_the_interval(baseline, arm, level):
    found, flipped = interval(baseline, arm, level), interval(arm, baseline, level)
    assert flipped == pytest.approx((-found.high, -found.low), rel=1e-12, abs=1e-12)  # the last digit may round
    assert p_value(baseline, arm) == p_value(arm, baseline)


def test_swapping_flips_it_where_arrangements_are_drawn_too():
    baseline, arm = skewed(6, 12, 12)
    found, flipped = interval(baseline, arm, 0.05), interval(arm, baseline, 0.05)
    assert flipped == (-found.high, -found.low)


@given(st.permutations(range(5)), st.permutations(range(7)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_runs_does_not_matter(first, second):
    baseline, arm = skewed(5, 5, 7)
    assert interval(baseline[first], arm[second], 0.05) == interval(baseline, arm, 0.05)
    assert p_value(baseline[first], arm[second]) == p_value(baseline, arm)


@given(GROUP, GROUP, st.floats(0.001, 0.9))
@settings(max_examples=50, deadline=None)
def test_the_interval_holds_the_difference(baseline, arm, level):
    test = ShiftTest(baseline, arm)
    found = test.interval(level)
    assert found.low <= test.difference <= found.high


@given(GROUP, GROUP)
@settings(max_examples=30, deadline=None)
def test_a_stricter_level_gives_a_wider_interval(baseline, arm):
    test = ShiftTest(baseline, arm)
    wide, narrow = test.interval(0.2), test.interval(0.4)
    assert wide.low <= narrow.low + 1e-9
    assert narrow.high <= wide.high + 1e-9


def test_scales_far_from_one_work():
    baseline, arm = skewed(7, 5, 6)
    found = interval(baseline, arm, 0.05)
    for scale in (1e-9, 1e9):
        assert interval(baseline * scale, arm * scale, 0.05) == pytest.approx(np.multiply(found, scale), rel=1e-6)


def test_twenty_against_forty_is_fast():
    baseline, arm = skewed(8, 20, 40)
    start = time.perf_counter()
    test = ShiftTest(baseline, arm)
    test.p_value()
    test.interval(0.05 / 3)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("bad", [[], [[0.1, 0.2]], [0.1, np.nan], [0.1, inf]])
def test_bad_groups_are_refused(bad):
    with pytest.raises(ValueError, match="arm_M"):
        p_value([0.1, 0.2], bad)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1])
def test_bad_levels_are_refused(level):
    with pytest.raises(ValueError, match="level"):
        interval([0.1, 0.2], [0.3, 0.4], level)
