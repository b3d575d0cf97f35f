import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer.stats import (
    asymptotic_score,
    jumpstart,
    mean_score,
    restricted_mean_time,
    seeds_to_decide,
    smallest_reachable_p,
    steps_to_threshold,
    to_score,
    transfer_ratio,
    welch_interval,
)

STEP_T = [0, 100, 200, 400, 1000]
CURVES = np.array([[0.0, 0.5, 0.5, 0.5, 1.0], [0.2, 0.2, 0.2, 0.2, 0.2], [0.0, 0.9, 0.1, 0.9, 0.9]])


def test_mean_score_is_the_area_over_the_budget():
    by_hand = (0.25 * 100 + 0.5 * 100 + 0.5 * 200 + 0.75 * 600) / 1000
    assert mean_score(CURVES, STEP_T)[:2] == pytest.approx([by_hand, 0.2])


@given(st.floats(-5, 5), st.floats(-5, 5))
@settings(max_examples=30, deadline=None)
def test_mean_score_follows_shift_and_scale(shift, scale):
    moved = mean_score(scale * CURVES + shift, STEP_T)
    assert moved == pytest.approx(scale * mean_score(CURVES, STEP_T) + shift, abs=1e-9)


def test_jumpstart_is_the_score_before_the_first_step():
    assert jumpstart(CURVES, STEP_T).tolist() == [0.0, 0.2, 0.0]


def test_asymptotic_score_is_the_last_tenth_or_at_least_the_last_point():
    assert asymptotic_score(CURVES, STEP_T).tolist() == [1.0, 0.2, 0.9]
    fine = np.arange(0, 101, 5)
    assert asymptotic_score(np.arange(21.0)[None], fine) == pytest.approx([19.0])


def test_threshold_needs_three_evaluations_in_a_row():
    step_R, reached_R = steps_to_threshold(CURVES, STEP_T, 0.5)
    assert step_R.tolist() == [100, 1000, 1000]
    assert reached_R.tolist() == [True, False, False]
    assert restricted_mean_time(CURVES, STEP_T, 0.5) == pytest.approx((700.0, 1 / 3))


def test_threshold_is_met_at_it_and_from_step_0():
    step_R, reached_R = steps_to_threshold(CURVES[1:2], STEP_T, 0.2)
    assert (step_R.tolist(), reached_R.tolist()) == ([0.0], [True])


def test_too_few_evaluations_never_reach():
    step_R, reached_R = steps_to_threshold([[1.0, 1.0]], [0, 50], 0.5)
    assert (step_R.tolist(), reached_R.tolist()) == ([50.0], [False])


@pytest.mark.parametrize("metric", [mean_score, jumpstart, asymptotic_score])
@pytest.mark.parametrize(
    ("score_RT", "step_T", "match"),
    [
        (CURVES[0], STEP_T, "2 axes"),
        (CURVES, STEP_T[:-1], "5 columns"),
        (CURVES, [-1, 2, 3, 4, 5], "from 0 or later"),
        (CURVES, [0, 2, 2, 4, 5], "rise"),
        (CURVES * np.nan, STEP_T, "NaN"),
        (np.zeros((0, 5)), STEP_T, "at least one"),
        ([[1.0]], [0], "two steps"),
    ],
)
def test_bad_curves_are_refused(metric, score_RT, step_T, match):
    with pytest.raises(ValueError, match=match):
        metric(score_RT, step_T)


def test_a_curve_that_begins_late_is_averaged_over_what_it_covers():
    assert mean_score([[1.0, 1.0, 0.0]], [20, 30, 40]).tolist() == [0.75]
    assert asymptotic_score([[1.0, 1.0, 0.0]], [20, 30, 40]).tolist() == [0.0]
    assert steps_to_threshold([[1.0, 1.0, 1.0]], [20, 30, 40], 0.5)[0].tolist() == [20.0]
    with pytest.raises(ValueError, match="no jumpstart without an evaluation at step 0, the first is at 20"):
        jumpstart([[1.0, 1.0, 0.0]], [20, 30, 40])


def test_transfer_ratio_only_over_a_clearly_positive_baseline():
    assert transfer_ratio([0.6, 0.6], [0.4, 0.41, 0.39]) == pytest.approx(0.5)
    assert transfer_ratio([0.6, 0.6], [0.4, 0.4]) == pytest.approx(0.5)
    assert transfer_ratio([0.6, 0.6], [0.9, 0.01, 0.02]) is None
    assert transfer_ratio([0.6, 0.6], [-0.4, -0.41, -0.39]) is None
    assert transfer_ratio([0.6, 0.6], [0.0, 0.0]) is None
    assert transfer_ratio([0.6, 0.6], [0.4]) is None


def test_score_is_anchored_and_floored():
    score, floored = to_score([[22.0, 500.0], [8.0, 3.0]], random=22.0, reference=500.0, worst=8.0)
    assert score == pytest.approx(np.array([[0.0, 1.0], [-14 / 478, -14 / 478]]))
    assert floored.tolist() == [[False, False], [False, True]]
    below, _ = to_score([-150.0, -90.0], random=-200.0, reference=-100.0, worst=-300.0)
    assert below == pytest.approx([0.5, 1.1])


@pytest.mark.parametrize("anchors", [(1.0, 1.0, 0.0), (1.0, 0.0, 0.0), (1.0, 2.0, 1.5), (1.0, np.nan, 0.0)])
def test_anchors_out_of_order_are_refused(anchors):
    with pytest.raises(ValueError, match="anchors"):
        to_score([1.0], *anchors)
    with pytest.raises(ValueError, match="NaN"):
        to_score([np.nan], 0.0, 1.0, 0.0)


def two_runs_with(mean, spread, seeds):
    """Values with exactly this mean and standard deviation."""
    values = np.linspace(-1, 1, seeds)
    return mean + spread * values / values.std(ddof=1)


@pytest.mark.parametrize(("difference", "spreads"), [(0.3, (0.3, 0.2)), (0.02, (0.1, 0.4)), (-0.2, (0.0, 0.2))])
def test_seeds_to_decide_is_the_first_number_that_decides(difference, spreads):
    seeds = seeds_to_decide(difference, *spreads, level=0.025, margin=0.1, seeds_so_far=3)

    def decides(count):
        low, high = welch_interval(
            two_runs_with(0.0, spreads[0], count), two_runs_with(difference, spreads[1], count), 0.025
        )
        return low > 0 or high < 0 or (low > -0.1 and high < 0.1)

    assert decides(seeds)
    assert not decides(seeds - 1)


def test_seeds_to_decide_waits_for_the_permutation_test():
    assert seeds_to_decide(0.5, 0.0, 0.0, level=0.05, margin=0.1, seeds_so_far=2) == 4
    assert smallest_reachable_p(3, 3) > 0.05 >= smallest_reachable_p(4, 4)
    assert seeds_to_decide(0.1, 0.4, 0.4, level=0.05, margin=0.1, seeds_so_far=2) < 1000
    assert seeds_to_decide(0.1, 40.0, 40.0, level=0.05, margin=0.1, seeds_so_far=2) is None
    assert seeds_to_decide(0.5, 0.1, 0.1, level=1e-6, margin=0.1, seeds_so_far=2) is None
    with pytest.raises(ValueError, match="negative"):
        seeds_to_decide(0.5, -0.1, 0.1, level=0.05, margin=0.1, seeds_so_far=2)
