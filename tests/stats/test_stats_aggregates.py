"""Interquartile mean, performance profile and probability of improvement, against rliable's and scipy's numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, mannwhitneyu, trim_mean

from rl_transfer.stats import (
    interquartile_band,
    interquartile_mean,
    mean_band,
    performance_profile,
    probability_of_improvement,
    profile_band,
)

# Runs in rows, pairs in columns; rounded so that there are ties.
BASELINE_NP = np.round(np.random.default_rng(2021).gamma(2.0, 0.3, (7, 4)), 1)
ARM_MP = np.array(
    [
        [1.0, 1.2, 0.5, 0.7],
        [0.7, 0.1, 0.2, 0.3],
        [1.1, 1.0, 0.5, 0.7],
        [0.7, 1.4, 0.5, 0.8],
        [1.0, 0.2, 0.7, 0.8],
        [0.6, 0.8, 0.4, 1.1],
        [0.8, 1.6, 0.4, 0.4],
        [0.4, 0.3, 2.1, 3.5],
        [0.9, 0.1, 1.1, 0.4],
    ]
)
THRESHOLDS = [-0.1, 0.0, 0.3, 0.5, 1.0, 2.0]

# What rliable 1.2.0 says of these two arrays (with arch 7.2.0, pandas 2.3.3: it does not import with pandas 3). Made in
# an environment of its own: python3 -m venv rliable; rliable/bin/pip install rliable 'pandas<3'; there, with the two
# arrays above as x and y and t = numpy.array(THRESHOLDS):
#   rliable.metrics.aggregate_iqm(x), rliable.metrics.aggregate_iqm(y)
#   rliable.metrics.probability_of_improvement(y, x)
#   rliable.library.create_performance_profile({"x": x, "y": y}, t, reps=20)[0]
#   rliable.library.get_interval_estimates({"x": x, "y": y}, lambda s: numpy.array([rliable.metrics.aggregate_iqm(s)]),
#                                          reps=50000, random_state=numpy.random.RandomState(0))[1]
RLIABLE_MEANS = (0.4214285714285714, 0.6944444444444444)
RLIABLE_BANDS = ((0.32857143, 0.53571429), (0.55555556, 0.85555556))
RLIABLE_IMPROVEMENT = 0.6845238095238095
RLIABLE_PROFILES = (
    [1.0, 1.0, 0.5357142857142857, 0.2857142857142857, 0.03571428571428571, 0.0],
    [1.0, 1.0, 0.8333333333333334, 0.6111111111111112, 0.2222222222222222, 0.05555555555555555],
)

SCORES = st.lists(st.floats(-1.0, 2.0).map(lambda value: round(value, 1)), min_size=1, max_size=7)
PAIRS = st.lists(SCORES, min_size=1, max_size=4)


def by_pair(score_RP):
    return list(score_RP.T)


def test_the_array_is_the_one_that_rliable_saw():
    assert BASELINE_NP.tolist()[0] == [0.5, 0.3, 0.5, 0.5]
    assert BASELINE_NP.sum() == pytest.approx(13.9)


@pytest.mark.parametrize("place", [0, 1])
def test_rliable_says_the_same(place):
    pairs = by_pair((BASELINE_NP, ARM_MP)[place])
    assert interquartile_mean(pairs) == pytest.approx(RLIABLE_MEANS[place], rel=1e-12)
    assert interquartile_band(pairs) == pytest.approx(RLIABLE_BANDS[place], abs=0.015)
    assert performance_profile(pairs, THRESHOLDS) == pytest.approx(RLIABLE_PROFILES[place], rel=1e-12)


def test_rliable_says_the_same_of_the_probability_of_improvement():
    found = probability_of_improvement(by_pair(BASELINE_NP), by_pair(ARM_MP))
    assert found == pytest.approx(RLIABLE_IMPROVEMENT, rel=1e-12)


@pytest.mark.slow
@given(PAIRS)
@settings(max_examples=100, deadline=None)
def test_interquartile_mean_is_scipys_trimmed_mean(pairs):
    assert interquartile_mean(pairs) == pytest.approx(trim_mean(np.concatenate(pairs), 0.25), abs=1e-12)


@pytest.mark.slow
@given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_probability_of_improvement_is_scipys_u(pairs):
    baseline_P, arm_P = ([pair[side] for pair in pairs] for side in (0, 1))
    expected = [mannwhitneyu(arm, baseline).statistic / (len(arm) * len(baseline)) for baseline, arm in pairs]
    found = probability_of_improvement(baseline_P, arm_P)
    assert found == pytest.approx(np.mean(expected), abs=1e-12)
    assert probability_of_improvement(arm_P, baseline_P) == pytest.approx(1.0 - found, abs=1e-12)


def test_every_pair_weighs_the_same_in_a_profile():
    assert performance_profile([[0.0] * 9, [1.0]], [0.5]) == pytest.approx([0.5])
    assert performance_profile([[[0.0, 1.0], [0.0, 1.0]], [1.0]], [0.5]) == pytest.approx([2 / 3])


def test_a_score_at_the_threshold_is_not_above_it():
    assert performance_profile([[0.5, 0.7]], [0.5]) == pytest.approx([0.5])


def test_bands_hold_their_numbers_and_are_the_same_every_time():
    low, high = interquartile_band(by_pair(ARM_MP))
    assert low < interquartile_mean(by_pair(ARM_MP)) < high
    assert interquartile_band(by_pair(ARM_MP)) == (low, high)
    low_T, high_T = profile_band(by_pair(ARM_MP), THRESHOLDS)
    profile_T = performance_profile(by_pair(ARM_MP), THRESHOLDS)
    assert ((low_T <= profile_T) & (profile_T <= high_T)).all()
    assert (low_T < high_T).sum() == 4
    assert interquartile_band([[0.3] * 4, [0.3] * 5]) == pytest.approx((0.3, 0.3))


def test_runs_that_belong_together_are_drawn_together():
    """One baseline that stands for six pairs is known no better than one that stands for one."""
    score = np.random.default_rng(1).gamma(2.0, 0.3, 8)
    one, six = interquartile_band([score]), interquartile_band([np.repeat(score[:, None], 6, axis=1)])
    as_if_new = interquartile_band([score] * 6)
    assert six == pytest.approx(one, abs=0.05)
    assert as_if_new[1] - as_if_new[0] < 0.6 * (six[1] - six[0])


@pytest.mark.parametrize("bad", [[], [[]], [[0.1, np.nan]], [[[[0.1]]]]])
def test_bad_scores_are_refused(bad):
    for measure in (interquartile_mean, interquartile_band, lambda score: performance_profile(score, [0.5])):
        with pytest.raises(ValueError, match="score_B"):
            measure(bad)


def test_bad_sides_levels_and_thresholds_are_refused():
    with pytest.raises(ValueError, match="same pairs"):
        probability_of_improvement([[0.1]], [])
    with pytest.raises(ValueError, match="arm_P"):
        probability_of_improvement([[0.1]], [[np.inf]])
    with pytest.raises(ValueError, match="level"):
        interquartile_band([[0.1, 0.2]], level=0.0)
    with pytest.raises(ValueError, match="tau_T"):
        performance_profile([[0.1]], [])


def test_the_band_of_the_mean_curve_is_the_percentile_bootstrap_at_each_step():
    low_T, high_T = mean_band(ARM_MP)
    for column, low, high in zip(ARM_MP.T, low_T, high_T, strict=True):
        found = bootstrap((column,), np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(1))
        assert (low, high) == pytest.approx(tuple(found.confidence_interval), abs=0.1 * column.std())
    low_T, high_T = mean_band([[0.25, 1.0]])
    assert low_T.tolist() == high_T.tolist() == [0.25, 1.0]
    with pytest.raises(ValueError, match="level"):
        mean_band(ARM_MP, level=0.0)
    with pytest.raises(ValueError, match="score_RT"):
        mean_band([0.1, 0.2])
