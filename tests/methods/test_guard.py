"""The guard against negative transfer: when it raises the alarm, by hand-worked numbers and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from rl_transfer.errors import ConfigError
from rl_transfer.methods import build_methods
from rl_transfer.stats import prediction_p
from rl_transfer.study import Named
from rl_transfer.tasks import Episode

REFERENCES = (10.0, 12.0, 14.0)
"""Their mean is 12, their standard deviation 2: behind is below 12 - 2.92 * 2 * sqrt(4 / 3) = 5.26."""


class Recorder:
    """Stands where the learner does: a guard only writes to its log."""

    def __init__(self):
        self.records = []

    def record(self, tag, value, step):
        self.records.append((tag, step, value))


def guard(**settings):
    (method,) = build_methods([Named(name="guard", settings=settings)], "ppo")
    return method


def log(*reward_sums, width=10):
    """One episode at the end of each window; None for a window without any."""
    return [
        Episode(width * number, reward_sum, 5)
        for number, reward_sum in enumerate(reward_sums, start=1)
        if reward_sum is not None
    ]


def alarms(method, own, references=None, *, windows=None):
    """At which reviews the alarm is raised."""
    windows = windows or len(own)
    steps = [10 * number for number in range(1, windows + 1)]
    theirs = [log(*[level] * windows) for level in REFERENCES] if references is None else references
    reviews = (method.review(Recorder(), steps[:n], own, theirs) for n in range(1, windows + 1))
    return [number for number, reason in enumerate(reviews, start=1) if reason is not None]


def test_behind_in_three_checks_in_a_row_raises_it():
    assert alarms(guard(), log(5.0, 5.0, 5.0)) == [3]
    assert alarms(guard(), log(5.5, 5.5, 5.5)) == []
    assert alarms(guard(), log(5.0, 5.0, 30.0, 5.0, 5.0, 5.0)) == [6]
    assert alarms(guard(patience=1), log(30.0, 5.0)) == [2]
    assert alarms(guard(patience=2), log(5.0, 5.0, 5.0)) == [2, 3]


def test_being_ahead_raises_none():
    assert alarms(guard(), log(100.0, 100.0, 100.0, 100.0)) == []


def test_a_stricter_level_needs_a_longer_lag():
    assert alarms(guard(level=0.01), log(5.0, 5.0, 5.0)) == []
    assert alarms(guard(level=0.01), log(-5.0, -5.0, -5.0)) == [3]


def test_a_check_without_episodes_counts_for_nothing():
    assert alarms(guard(), log(5.0, None, 5.0, 5.0), windows=4) == [4]
    assert alarms(guard(), [], windows=6) == []


def test_too_few_references_with_episodes_count_for_nothing():
    silent = [log(10.0, 10.0, 10.0), [], []]
    assert alarms(guard(), log(-9.0, -9.0, -9.0), silent) == []
    assert alarms(guard(), log(-9.0, -9.0, -9.0), [*silent[1:], *silent[:1] * 2]) == [3], "these two agree exactly"


def test_only_episodes_of_the_window_count_and_each_once():
    # Ends of windows belong to the window before: of 10 and 20 only 20 is in the second.
    own = [Episode(10, -100.0, 5), Episode(11, 4.0, 5), Episode(20, 6.0, 5), Episode(21, 500.0, 5)]
    recorder = Recorder()
    guard().review(recorder, [10, 20], own, [log(level, level) for level in REFERENCES])
    expected = ttest_ind([5.0], REFERENCES, alternative="less").pvalue
    assert recorder.records == [("guard/p_value", 20, pytest.approx(expected))]


def test_the_reason_says_what_was_seen():
    reason = guard().review(Recorder(), [10, 20, 30], log(5.0, 5.0, 4.0), [log(*[level] * 3) for level in REFERENCES])
    assert reason == (
        "behind scratch in 3 checks in a row: a mean return of 4 in training from step 20 to 30, against 12 (standard "
        "deviation 2) of 3 from-scratch runs"
    )


def test_checks_are_spread_over_the_watched_share():
    method = guard(share=0.5, checks=4)
    assert list(method.review_steps(1000)) == [125, 250, 375, 500]
    assert (method.references(1000).runs, method.references(1000).steps) == (5, 500)
    assert list(guard(share=0.9, checks=4).review_steps(100)) == [22, 45, 68, 90]


def test_more_patience_than_checks_only_watches():
    method, recorder = guard(checks=3, patience=4), Recorder()
    theirs = [log(level, level, level) for level in REFERENCES]
    assert all(method.review(recorder, [10, 20, 30][:n], log(-9.0, -9.0, -9.0), theirs) is None for n in (1, 2, 3))
    assert len(recorder.records) == 3


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"reference_runs": 1}, "reference_runs"),
        ({"reference_runs": 101}, "reference_runs"),
        ({"share": 1.0}, "share"),
        ({"share": 0.0}, "share"),
        ({"share": 1.1}, "share"),
        ({"checks": 0}, "checks"),
        ({"patience": 0}, "patience"),
        ({"level": 1.0}, "level"),
    ],
)
def test_settings_out_of_range_are_refused(settings, key):
    with pytest.raises(ConfigError) as caught:
        guard(**settings)
    assert caught.value.key == f"0.guard.{key}"


@given(st.floats(-50, 50), st.lists(st.floats(-50, 50), min_size=2, max_size=8))
@settings(deadline=None)
def test_the_prediction_is_students_test_with_one_run_on_a_side(value, sample):
    if np.std(sample) < 1e-6:
        return
    expected = ttest_ind([value], sample, equal_var=True, alternative="less").pvalue
    assert prediction_p(value, sample) == pytest.approx(expected, abs=1e-9)


def test_a_from_scratch_run_is_called_behind_as_often_as_the_level_says():
    generator = np.random.default_rng(0)
    called = [prediction_p(generator.normal(), generator.normal(size=5)) <= 0.05 for _ in range(20_000)]
    assert 0.045 < np.mean(called) < 0.055


def test_a_sample_without_spread_has_only_below_and_not_below():
    assert [prediction_p(value, [2.0, 2.0]) for value in (1.9, 2.0, 2.1)] == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("bad", [[1.0], [1.0, np.nan], []])
def test_samples_that_say_nothing_are_refused(bad):
    with pytest.raises(ValueError, match="sample_R"):
        prediction_p(0.0, bad)
