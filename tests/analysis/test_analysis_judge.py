import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer.analysis import judge, judge_family
from rl_transfer.errors import RLTransferError
from rl_transfer.stats import interval

LOW, HIGH = [0.10, 0.12, 0.14, 0.16, 0.18], [0.60, 0.62, 0.64, 0.66, 0.68]
GROUP = st.lists(st.floats(0, 1).map(lambda value: round(value, 2)), min_size=1, max_size=5)


def test_faster_and_slower():
    better, worse = judge(LOW, HIGH), judge(HIGH, LOW)
    assert (better.verdict, worse.verdict) == ("positive", "negative")
    assert better.difference == pytest.approx(0.5)
    assert better.interval == interval(LOW, HIGH, 0.05) == better.interval_95
    assert better.p == 2 / 252
    assert better.effect == pytest.approx(0.5 / np.std(LOW, ddof=1))
    assert (better.n, better.n_baseline, better.level) == (5, 5, 0.05)
    assert better.seeds_to_decide is None
    low, high = better.interval
    by = f"than its baseline, by 0.500 ({low:.3f} to {high:.3f} at error level 0.05, "
    assert f"more {by}" in better.text
    assert f"less {by}" in worse.text


def test_comparisons_divide_the_level_but_not_the_95_interval():
    verdict = judge(LOW, HIGH, comparisons=4)
    assert verdict.level == 0.0125
    assert verdict.interval == interval(LOW, HIGH, 0.0125)
    assert verdict.interval_95 == interval(LOW, HIGH, 0.05)
    assert judge(LOW, HIGH, comparisons=10).verdict == "inconclusive"


def test_equal_within_the_margin_is_equivalent():
    verdict = judge(LOW, np.add(LOW, 0.01))
    assert (verdict.verdict, verdict.negligible) == ("equivalent", False)
    assert judge(LOW, np.add(LOW, 0.01), margin=0.02).verdict == "inconclusive"


def test_off_zero_but_inside_the_margin_is_negligible():
    verdict = judge(np.multiply(LOW, 0.1), np.multiply(LOW, 0.1) + 0.05)
    assert (verdict.verdict, verdict.negligible) == ("positive", True)
    assert "but negligible" in verdict.text


def test_nobody_learned():
    verdict = judge(LOW, LOW, final_baseline=[0.2] * 5, final_arm=[0.24] * 5)
    assert (verdict.verdict, verdict.seeds_to_decide) == ("inconclusive", None)
    assert "nobody learned" in verdict.text
    assert judge(LOW, LOW, final_baseline=[0.2] * 5, final_arm=[0.25] * 5).verdict == "equivalent"
    assert judge(LOW, HIGH, final_baseline=[0.2] * 5, final_arm=[0.2] * 5).verdict == "positive"


def test_scores_at_the_ceiling_are_named():
    verdict = judge(LOW, LOW, final_baseline=[1.0] * 5, final_arm=[0.99] * 5)
    assert verdict.ceiling
    assert "ceiling" in verdict.text
    assert not judge(LOW, LOW, final_baseline=[1.0] * 5, final_arm=[0.98] * 5).ceiling


def test_a_verdict_that_hangs_on_the_best_run_is_fragile():
    sturdy = judge(LOW, HIGH)
    fragile = judge(LOW, HIGH, worst=-3.0)
    assert (sturdy.fragile, fragile.fragile) == (False, True)
    assert "fragile" in fragile.text


def test_undecided_says_how_many_seeds_would_do():
    baseline, arm = [0.1, 0.9, 0.5, 0.3, 0.1], [0.2, 0.8, 0.9, 0.3, 0.7]
    verdict = judge(baseline, arm)
    assert verdict.verdict == "inconclusive"
    assert 5 < verdict.seeds_to_decide < 100
    assert f"{verdict.seeds_to_decide} seeds" in verdict.text
    assert verdict.text.endswith("in a new study planned with that many fresh seeds.")
    hopeless = judge([0, 10, 0, 10, 0], [0.05, 10.05, 0.05, 10.05, 0.05])
    assert hopeless.seeds_to_decide is None
    assert "not even 1000 seeds" in hopeless.text
    assert "new study" not in hopeless.text


def test_too_few_runs_say_so():
    three = judge(LOW[:3], HIGH[:3])
    assert (three.verdict, three.seeds_to_decide) == ("inconclusive", 4)
    assert "can't reach" in three.text
    one = judge(LOW, HIGH[:1])
    assert (one.verdict, one.p, one.seeds_to_decide) == ("inconclusive", 1.0, None)
    assert "no spread" in one.text
    assert judge(LOW[:1], HIGH[:1]).effect is None


@pytest.mark.parametrize("constant", [0.0, 0.1, 0.3, -7.0])
@pytest.mark.parametrize("sizes", [(5, 5), (4, 9), (2, 2), (1, 5)])
def test_runs_that_all_return_the_same_are_never_called_different(constant, sizes):
    baseline, arm = ([constant] * size for size in sizes)
    verdict = judge(baseline, arm)
    assert verdict.verdict in ("equivalent", "inconclusive")
    assert (verdict.difference, verdict.effect, verdict.p, verdict.fragile) == (0.0, None, 1.0, False)


@given(GROUP, GROUP, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_verdict_and_interval_agree_for_any_runs(baseline, arm, comparisons):
    verdict = judge(baseline, arm, comparisons=comparisons)
    low, high = verdict.interval
    assert (verdict.verdict == "positive") == (low > 0)
    assert (verdict.verdict == "negative") == (high < 0)
    assert low <= verdict.difference <= high
    assert verdict.verdict in ("equivalent", "inconclusive") or verdict.p <= verdict.level
    assert verdict.text.startswith(verdict.verdict.capitalize())


def test_family_divides_the_level_among_its_arms():
    verdicts = judge_family(LOW, {"near": LOW, "far": HIGH})
    assert {name: verdict.verdict for name, verdict in verdicts.items()} == {"near": "equivalent", "far": "positive"}
    assert verdicts["far"] == judge(LOW, HIGH, comparisons=2)
    planned = judge_family(LOW, {"far": HIGH}, comparisons=6, final_baseline=LOW, final_arms={"far": HIGH})
    assert planned["far"].level == 0.05 / 6
    with pytest.raises(RLTransferError, match="2 arms"):
        judge_family(LOW, {"near": LOW, "far": HIGH}, comparisons=1)


@pytest.mark.parametrize(
    ("baseline", "arm", "settings", "match"),
    [
        ([], HIGH, {}, "baseline"),
        (LOW, [HIGH], {}, "arm"),
        (LOW, [0.1, np.nan], {}, "worst score instead"),
        (LOW, ["a"], {}, "arm"),
        (LOW, HIGH, {"alpha": 0.0}, "alpha"),
        (LOW, HIGH, {"alpha": np.nan}, "alpha"),
        (LOW, HIGH, {"margin": 0.0}, "margin"),
        (LOW, HIGH, {"margin": np.inf}, "margin"),
        (LOW, HIGH, {"comparisons": 0}, "comparisons"),
        (LOW, HIGH, {"worst": np.nan}, "worst"),
        (LOW, HIGH, {"final_arm": HIGH}, "both"),
        (LOW, HIGH, {"final_arm": HIGH[:2], "final_baseline": LOW}, "2 numbers for 5 runs"),
    ],
)
def test_bad_arguments_are_refused(baseline, arm, settings, match):
    with pytest.raises(RLTransferError, match=match):
        judge(baseline, arm, **settings)


@pytest.mark.slow
def test_the_room_needs_no_learning_library():
    code = "import sys, rl_transfer.analysis; print([m for m in ('torch', 'stable_baselines3') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
