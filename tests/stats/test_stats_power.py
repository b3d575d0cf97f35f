"""Power against published numbers and against simulated studies."""

import numpy as np
import pytest

from rl_transfer.analysis import judge
from rl_transfer.stats import ShiftTest, detectable_difference, detection_power, equivalence_power


@pytest.mark.parametrize(
    ("effect", "n", "power"),
    # Cohen (1988), table 2.3.5 (two-sided .05): the group sizes for a power of .80.
    [(0.2, 393, 0.80), (0.5, 64, 0.80), (0.8, 26, 0.80), (1.0, 17, 0.80), (1.2, 12, 0.80)],
)
def test_cohens_table(effect, n, power):
    assert detection_power(effect, 1.0, n_baseline=n, n_arm=n, level=0.05) == pytest.approx(power, abs=0.02)
    assert detectable_difference(1.0, n_baseline=n, n_arm=n, level=0.05) == pytest.approx(effect, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize(("n_baseline", "n_arm", "level"), [(4, 4, 0.05), (6, 6, 0.0025), (12, 6, 0.05), (8, 8, 0.025)])
def test_what_is_detectable_is_found_that_often_by_the_rule(n_baseline, n_arm, level):
    rng = np.random.default_rng(7)
    spread, sizes = 0.12, {"n_baseline": n_baseline, "n_arm": n_arm, "level": level}
    difference = detectable_difference(spread, **sizes)
    tests = [ShiftTest(rng.normal(0, spread, n_baseline), rng.normal(difference, spread, n_arm)) for _ in range(300)]
    found = [test.difference > 0 and test.p_value() <= level for test in tests]
    assert np.mean(found) == pytest.approx(0.80, abs=0.07)
    assert detection_power(difference, spread, **sizes) == pytest.approx(0.80, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "level", "margin"), [(5, 0.05, 0.2), (6, 0.01, 0.3)])
def test_equivalence_is_found_that_often_by_the_rule(n, level, margin):
    rng = np.random.default_rng(1)
    expected = equivalence_power(margin, 0.10, n_baseline=n, n_arm=n, level=level)
    found = [
        judge(rng.normal(0, 0.1, n), rng.normal(0, 0.1, n), alpha=level, margin=margin).verdict for _ in range(300)
    ]
    assert found.count("equivalent") / 300 == pytest.approx(expected, abs=0.08)
    assert 0.3 < expected < 0.95


def test_too_few_seeds_find_nothing_however_large():
    sizes = {"n_baseline": 3, "n_arm": 3, "level": 0.05}
    assert detection_power(100.0, 0.1, **sizes) == 0.0
    assert detectable_difference(0.1, **sizes) is None
    assert equivalence_power(100.0, 0.1, **sizes) == 0.0


def test_more_seeds_find_less():
    found = [detectable_difference(0.1, n_baseline=n, n_arm=n, level=0.025) for n in (5, 6, 12, 20, 100)]
    assert found == sorted(found, reverse=True)
    assert detectable_difference(0.2, n_baseline=6, n_arm=6, level=0.025) == pytest.approx(2 * found[1])


@pytest.mark.parametrize(
    "wrong", [{"spread": 0.0}, {"spread": float("nan")}, {"n_arm": 1}, {"level": 0.0}, {"level": 1.0}]
)
def test_nonsense_is_refused(wrong):
    settings = {"spread": 0.1, "n_baseline": 6, "n_arm": 6, "level": 0.05} | wrong
    with pytest.raises(ValueError, match=r"spread|runs|level"):
        detectable_difference(settings.pop("spread"), **settings)
