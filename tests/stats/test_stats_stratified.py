import time
from itertools import combinations, product
from math import inf

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t, ttest_ind

from rl_transfer.stats import ShiftTest, StratifiedTest

SCORE = st.floats(-1.0, 2.0).map(lambda value: round(value, 3))
GROUP = st.lists(SCORE, min_size=2, max_size=3)
PAIRS = st.lists(st.tuples(GROUP, GROUP), min_size=1, max_size=3)
PAIRS_2 = st.lists(st.tuples(GROUP, GROUP), min_size=2, max_size=3)


def stratified(pairs):
    return StratifiedTest([baseline for baseline, _ in pairs], [arm for _, arm in pairs])


def skewed_pairs(seed, sizes):
    generator = np.random.default_rng(seed)
    return [(generator.gamma(1.0, 0.3, n), generator.gamma(1.0, 0.3 * (1 + place), m)) for place, (n, m) in sizes]


def numbered(*sizes):
    return list(enumerate(sizes))


def mean_and_variance(pairs):
    """Of the mean difference over pairs, by the book."""
    difference = np.mean([np.mean(arm) - np.mean(baseline) for baseline, arm in pairs])
    variance = sum(np.var(side, ddof=1) / len(side) for pair in pairs for side in pair) / len(pairs) ** 2
    return difference, variance


def squared_statistic(pairs):
    difference, variance = mean_and_variance(pairs)
    if variance < 1e-25:
        return 0.0 if abs(difference) < 1e-12 else inf
    return difference**2 / variance


def all_dealings(baseline, arm):
    pooled = np.concatenate([baseline, arm])
    for picked in combinations(range(len(pooled)), len(baseline)):
        chosen = np.zeros(len(pooled), dtype=bool)
        chosen[list(picked)] = True
        yield pooled[chosen], pooled[~chosen]


def listed_p(pairs, shift):
    """The stratified permutation test by the book: every pair's dealings with every other's."""
    moved = [(np.asarray(baseline), np.asarray(arm) - shift) for baseline, arm in pairs]
    observed = squared_statistic(moved)
    dealt = [squared_statistic(dealing) for dealing in product(*(list(all_dealings(*pair)) for pair in moved))]
    return np.mean(np.array(dealt) >= observed * (1 - 1e-9))


def welch_p(pairs, shift):
    difference, variance = mean_and_variance(pairs)
    if variance < 1e-25:
        return float(abs(difference - shift) < 1e-12)
    errors = [(np.var(side, ddof=1) / len(side), len(side) - 1) for pair in pairs for side in pair]
    freedom = sum(error for error, _ in errors) ** 2 / sum(error**2 / degrees for error, degrees in errors)
    return 2 * t.sf(abs(difference - shift) / variance**0.5, freedom)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(5, 5), (4, 7), (7, 3), (8, 8), (12, 12), (9, 20), (20, 40)])
def test_one_pair_is_the_shift_test(sizes):
    ((baseline, arm),) = skewed_pairs(1, numbered(sizes))
    found, expected = StratifiedTest([baseline], [arm]), ShiftTest(baseline, arm)
    assert found.difference == expected.difference
    for shift in (0.0, 0.1, -0.4):
        assert found.p_value(shift) == expected.p_value(shift)
    for level in (0.01, 0.05, 0.3):
        assert found.interval(level) == pytest.approx(expected.interval(level), rel=1e-9)


@given(GROUP, GROUP, SCORE, st.sampled_from([0.1, 0.34, 0.6]))
@settings(max_examples=50, deadline=None)
def test_one_pair_is_the_shift_test_with_ties_too(baseline, arm, shift, level):
    found, expected = StratifiedTest([baseline], [arm]), ShiftTest(baseline, arm)
    assert found.p_value(shift) == expected.p_value(shift)
    assert found.interval(level) == pytest.approx(expected.interval(level), abs=1e-9)


@given(PAIRS, SCORE)
@settings(max_examples=40, deadline=None)
@example([([0.0, 1.0], [0.5, 0.7]), ([0.0, 0.0], [1.0, 1.0])], 0.0)
@pytest.mark.slow
def test_p_value_counts_every_joint_arrangement(pairs, shift):
    listed, welch = listed_p(pairs, shift), welch_p(pairs, shift)
    if mean_and_variance(pairs)[1] < 1e-25 and abs(mean_and_variance(pairs)[0] - shift) > 1e-12:
        # Infinitely extreme are then all arrangements without spread, mirrored pairs among them.
        assert stratified(pairs).p_value(shift) >= listed * (1 - 1e-9)
    else:
        assert stratified(pairs).p_value(shift) == pytest.approx(max(listed, welch), rel=1e-6)


def test_drawn_arrangements_come_near_the_whole_count():
    """Far too many to be listed; with so many runs a normal approximation of their tail is close."""
    generator = np.random.default_rng(3)
    pairs = [(generator.normal(size=12), generator.normal(0.35, 1.0, 12)) for _ in range(4)]
    difference, variance = mean_and_variance(pairs)
    assert stratified(pairs).p_value() == pytest.approx(2 * norm.sf(difference / variance**0.5), rel=0.25)


def test_each_pair_is_dealt_independently_of_the_others():
    """Were pairs of one size dealt alike, six alike would be no more evidence than one."""
    generator = np.random.default_rng(4)
    values = generator.normal(size=24)
    alike = [(values[:12], values[12:])] * 6
    one, several = StratifiedTest([values[:12]], [values[12:]]), stratified(alike)
    assert several.difference == pytest.approx(one.difference)
    assert several.p_value(one.difference + 0.5) < one.p_value(one.difference + 0.5) ** 2


@given(PAIRS_2, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_runs_and_pairs_does_not_matter(pairs, random):
    shuffled = [(random.sample(baseline, len(baseline)), random.sample(arm, len(arm))) for baseline, arm in pairs]
    random.shuffle(shuffled)
    found, again = stratified(pairs), stratified(shuffled)
    assert found.difference == pytest.approx(again.difference, abs=1e-12)
    assert found.p_value(0.1) == pytest.approx(again.p_value(0.1), rel=1e-6)
    assert found.interval(0.2) == pytest.approx(again.interval(0.2), abs=1e-9)


def test_the_order_of_pairs_does_not_matter_where_arrangements_are_drawn():
    pairs = skewed_pairs(5, numbered((8, 8), (8, 8), (6, 9)))
    found = stratified(pairs)
    assert (found.p_value(), found.interval(0.05)) == (
        stratified(pairs[::-1]).p_value(),
        stratified(pairs[::-1]).interval(0.05),
    )


@given(PAIRS_2, SCORE, st.integers(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_constant_on_both_sides_of_a_pair_does_not_matter(pairs, constant, place):
    baseline, arm = pairs[place]
    moved = [*pairs[:place], (np.add(baseline, constant), np.add(arm, constant)), *pairs[place + 1 :]]
    assert stratified(moved).p_value(0.05) == pytest.approx(stratified(pairs).p_value(0.05), rel=1e-6)
    assert stratified(moved).interval(0.2) == pytest.approx(stratified(pairs).interval(0.2), abs=1e-6)


@given(PAIRS_2)
@settings(max_examples=40, deadline=None)
def test_swapping_arm_and_baseline_flips_the_sign(pairs):
    found, flipped = stratified(pairs), stratified([(arm, baseline) for baseline, arm in pairs])
    assert flipped.difference == pytest.approx(-found.difference, abs=1e-12)
    assert flipped.p_value() == pytest.approx(found.p_value(), rel=1e-6)
    low, high = found.interval(0.2)
    assert flipped.interval(0.2) == pytest.approx((-high, -low), abs=1e-9)


def test_swapping_flips_it_where_arrangements_are_drawn_too():
    pairs = skewed_pairs(6, numbered((8, 8), (7, 9), (9, 7)))
    found, flipped = stratified(pairs), stratified([(arm, baseline) for baseline, arm in pairs])
    low, high = found.interval(0.05)
    assert flipped.interval(0.05) == pytest.approx((-high, -low), rel=1e-9)
    assert flipped.p_value() == found.p_value()


@given(PAIRS_2.filter(lambda pairs: mean_and_variance(pairs)[1] > 1e-6), st.sampled_from([0.1, 0.2, 0.35]))
@settings(max_examples=40, deadline=None)
# Two pairs that can be mirrored: such arrangements keep their variance, and their polynomial is only a quadratic.
@example([([0.0, 0.1], [0.5, 0.9]), ([0.3, 0.2], [0.1, 0.4])], 0.2)
@example([([0.0, 0.0], [0.5, 0.5]), ([0.3, 0.2], [0.1, 0.4]), ([1.0, 2.0], [1.5, 2.5])], 0.1)
def test_interval_is_the_hull_over_a_fine_grid(pairs, level):
    test = stratified(pairs)
    found = test.interval(level)
    if test.smallest_reachable_p > level:
        assert found == (-inf, inf)
        return
    width = found.high - found.low
    assert found.low <= test.difference <= found.high
    beyond = np.linspace(1e-6, 3.0, 100) * width
    assert all(test.p_value(found.high + step) <= level for step in beyond)
    assert all(test.p_value(found.low - step) <= level for step in beyond)
    for end, inwards in ((found.low, 1.0), (found.high, -1.0)):
        assert max(test.p_value(end + inwards * hair * width) for hair in (0.0, 1e-9, 1e-7)) > level * (1 - 1e-6)


def test_interval_is_the_hull_where_arrangements_are_drawn():
    test = stratified(skewed_pairs(8, numbered((6, 6), (5, 8), (7, 7))))
    low, high = test.interval(0.05)
    hair = 1e-7 * (high - low)
    assert test.p_value(low + hair) > 0.05 >= test.p_value(low - hair)
    assert test.p_value(high - hair) > 0.05 >= test.p_value(high + hair)


def test_effects_that_cancel_leave_nothing_on_average():
    up, down = ([0.0, 0.01, 0.02, 0.03], [1.0, 1.01, 1.02, 1.03]), ([1.0, 1.01, 1.02, 1.03], [0.0, 0.01, 0.02, 0.03])
    assert stratified([up, down]).p_value() == 1.0
    assert stratified([up, up]).p_value() == 2 / 70**2
    assert stratified([up, up]).smallest_reachable_p == 2 / 70**2


def test_constant_groups():
    equal, apart = ([0.2] * 4, [0.2] * 4), ([0.2] * 4, [0.5] * 4)
    assert stratified([equal, equal]).p_value() == 1.0
    assert stratified([equal, equal]).interval(0.05) == (0.0, 0.0)
    assert stratified([apart, apart]).p_value() < 0.05
    assert stratified([apart, apart]).interval(0.05) == pytest.approx((0.3, 0.3))
    assert stratified([equal, apart]).difference == pytest.approx(0.15)


def test_one_run_on_a_side_decides_nothing():
    pairs = [([0.1, 0.2, 0.3], [0.9, 1.0, 1.1]), ([0.1], [0.9, 1.0, 1.1])]
    assert stratified(pairs).p_value() == 1.0
    assert stratified(pairs).smallest_reachable_p == 1.0
    assert stratified(pairs).interval(0.05) == (-inf, inf)


def test_pairs_of_a_block_are_averaged_seed_by_seed():
    generator = np.random.default_rng(9)
    baseline_NP, arm_MP = generator.normal(size=(6, 3)), generator.normal(0.5, 1.0, (7, 3))
    block, means = StratifiedTest([baseline_NP], [arm_MP]), ShiftTest(baseline_NP.mean(axis=1), arm_MP.mean(axis=1))
    assert block.p_value() == means.p_value()
    assert block.interval(0.05) == means.interval(0.05)


def test_a_block_weighs_as_many_pairs_as_it_holds():
    generator = np.random.default_rng(10)
    baseline_NP, arm_MP, single = generator.normal(size=(6, 3)), generator.normal(size=(5, 3)), generator.normal(size=8)
    test = StratifiedTest([baseline_NP, single[:4]], [arm_MP, single[4:]])
    by_pair = [*(arm_MP.mean(axis=0) - baseline_NP.mean(axis=0)), single[4:].mean() - single[:4].mean()]
    assert test.difference == pytest.approx(np.mean(by_pair))
    weighted = [
        (np.ravel(side) * weight * 2, weight)
        for side, weight in ((baseline_NP.mean(axis=1), 0.75), (arm_MP.mean(axis=1), 0.75))
    ]
    pairs = [(weighted[0][0], weighted[1][0]), (single[:4] * 0.5, single[4:] * 0.5)]
    assert test.p_value() == pytest.approx(stratified(pairs).p_value(), rel=1e-9)


def test_shared_runs_taken_for_new_ones_would_be_too_sure():
    """The same baseline on six pairs is one baseline."""
    generator = np.random.default_rng(11)
    baseline, arm_NP = generator.normal(size=8), generator.normal(1.2, 1.0, (8, 6))
    shared = StratifiedTest([np.repeat(baseline[:, None], 6, axis=1)], [arm_NP])
    as_if_new = StratifiedTest([baseline] * 6, list(arm_NP.T))
    assert shared.difference == pytest.approx(as_if_new.difference)
    assert as_if_new.p_value() < 0.2 * shared.p_value()
    assert shared.p_value() == pytest.approx(ttest_ind(arm_NP.mean(axis=1), baseline, equal_var=False).pvalue, rel=0.2)


def test_many_pairs_are_fast():
    start = time.perf_counter()
    test = stratified(skewed_pairs(12, numbered(*[(8, 8)] * 15)))
    test.p_value()
    test.interval(0.05)
    assert time.perf_counter() - start < 3.0


@pytest.mark.parametrize(
    ("baseline", "arm", "message"),
    [
        ([], [], "same blocks"),
        ([[0.1, 0.2]], [], "same blocks"),
        ([[0.1, 0.2]], [[0.1, np.nan]], "arm_B"),
        ([[[0.1, 0.2], [0.3, 0.4]]], [[0.1, 0.2]], "same pairs"),
        ([[]], [[0.1]], "baseline_B"),
    ],
)
def test_bad_blocks_are_refused(baseline, arm, message):
    with pytest.raises(ValueError, match=message):
        StratifiedTest(baseline, arm)


def test_bad_levels_are_refused():
    with pytest.raises(ValueError, match="level"):
        StratifiedTest([[0.1, 0.2]], [[0.3, 0.4]]).interval(1.0)
