"""How often is the test over several pairs wrong where nothing differs? Few runs, spreads and numbers that differ."""

import numpy as np
import pytest

from rl_transfer.stats import ShiftTest, StratifiedTest
from rl_transfer.stats.permutation import PermutationTest

pytestmark = pytest.mark.slow

LEVEL = 0.05
STUDIES = 2000
# Three standard errors of a rate of .05 over so many studies.
BOUND = LEVEL + 3 * (LEVEL * (1 - LEVEL) / STUDIES) ** 0.5

# By pair: runs of the baseline, runs of the arm, mean of both, spread of the baseline, spread of the arm.
PAIRS = ((3, 3, 0.0, 0.05, 0.05), (4, 3, 1.0, 0.3, 0.3), (3, 3, 0.4, 1.0, 1.0))
LOPSIDED = ((7, 2, 0.0, 0.1, 0.1), (2, 7, 1.0, 0.1, 0.1))
UNEQUAL_SPREAD = ((6, 3, 0.0, 0.1, 1.0),) * 2
FEW_ARM_RUNS = ((10, 2, 0.0, 1.0, 1.0),) * 2


def normal(generator, size):
    return generator.normal(size=size)


def skewed(generator, size):
    return generator.gamma(1.0, 1.0, size) - 1.0


def rarely_failing(generator, size):
    """One run in five fails."""
    return 0.1 * generator.normal(size=size) - 10.0 * (generator.random(size) < 0.2)


def false_alarms(p_value, draw, pairs=PAIRS, studies=STUDIES):
    """Share of studies without any effect in which the mean effect over pairs is called different from 0."""
    generator = np.random.default_rng(21)
    alarms = 0
    for _ in range(studies):
        baseline_P = [mean + spread * draw(generator, size) for size, _, mean, spread, _ in pairs]
        arm_P = [mean + spread * draw(generator, size) for _, size, mean, _, spread in pairs]
        alarms += p_value(baseline_P, arm_P) <= LEVEL
    return alarms / studies


def stratified(baseline_P, arm_P):
    return StratifiedTest(baseline_P, arm_P).p_value()


def pooled(baseline_P, arm_P):
    """What it would be to throw all runs together: pairs differ, and the two sides hold them in different shares."""
    return ShiftTest(np.concatenate(baseline_P), np.concatenate(arm_P)).p_value()


def test_false_alarms_stay_within_the_level():
    assert false_alarms(stratified, normal) <= BOUND


def test_skew_does_not_change_that():
    assert false_alarms(stratified, skewed) <= BOUND


def test_unequal_spread_is_held_by_the_welch_half(monkeypatch):
    assert false_alarms(stratified, normal, UNEQUAL_SPREAD) <= BOUND
    monkeypatch.setattr(StratifiedTest, "_welch_p", lambda self, offset: 0.0)
    assert false_alarms(stratified, normal, UNEQUAL_SPREAD) > 1.3 * BOUND


def test_rare_failures_are_held_by_the_permutation_half(monkeypatch):
    assert false_alarms(stratified, rarely_failing, FEW_ARM_RUNS) <= BOUND
    monkeypatch.setattr(PermutationTest, "p_value", lambda self, offset: 0.0)
    assert false_alarms(stratified, rarely_failing, FEW_ARM_RUNS) > 2 * BOUND


def test_pooling_all_runs_would_not_pass():
    assert false_alarms(stratified, normal, LOPSIDED) <= BOUND
    assert false_alarms(pooled, normal, LOPSIDED, studies=100) > 4 * BOUND


def shared_baseline(as_block):
    """False alarms where two pairs have one and the same baseline, taken as one block or as two pairs of their own."""
    generator = np.random.default_rng(23)
    alarms = 0
    for _ in range(STUDIES):
        baseline, arm_NP = generator.normal(size=4), generator.normal(size=(4, 2))
        both = np.repeat(baseline[:, None], 2, axis=1)
        test = StratifiedTest([both], [arm_NP]) if as_block else StratifiedTest(list(both.T), list(arm_NP.T))
        alarms += test.p_value() <= LEVEL
    return alarms / STUDIES


def test_a_shared_baseline_is_no_new_evidence():
    assert shared_baseline(as_block=True) <= BOUND
    assert shared_baseline(as_block=False) > BOUND


def test_a_mean_effect_among_unlike_effects_is_found():
    """The mean effect is .5, the pairs' own are 0, .5 and 1."""
    generator = np.random.default_rng(24)
    found = 0
    for _ in range(50):
        baseline_P = [generator.normal(0.0, 0.3, 5) for _ in range(3)]
        arm_P = [generator.normal(effect, 0.3, 5) for effect in (0.0, 0.5, 1.0)]
        found += StratifiedTest(baseline_P, arm_P).p_value() <= LEVEL
    assert found / 50 > 0.85
