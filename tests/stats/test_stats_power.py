"""Power against published numbers and against simulated studies."""

import numpy as np
import pytest

from rl_transfer.stats import ShiftTest, detectable_difference, detection_power, equivalence_power


@pytest.mark.parametrize(
    ("effect", "n", "power"),
    # Cohen (1988), table 2.3.5 (two-sided .05): the group sizes for a power of .80.
    [(0.2, 393, 0.80), (0.5, 64, 0.80), (0.8, 26, 0.80), (1.0, 17, 0.80), (1.2, 12, 0.80)],
)
def test_cohens_table(effect, n, power):
    assert detection_power(effect, 1.0, n_baseline=n, n_arm=n, level=0.05) == pytest.approx(power, abs=0.02)
    assert detectable_difference(1.0, n_baseline=n, n_arm=n, level=0.05) == pytest.approx(effect, abs=0.015)


def test_what_is_detectable_is_found_that_often_in_simulated_studies():
    rng = np.random.default_rng(0)
    spread, sizes = 0.12, {"n_baseline": 12, "n_arm": 6}
    difference = detectable_difference(spread, **sizes, level=0.05)
    found = 0
    for _ in range(400):
        test = ShiftTest(rng.normal(0, spread, 12), rng.normal(difference, spread, 6))
        found += test.welch_interval(0.05).low > 0
    assert found / 400 == pytest.approx(0.80, abs=0.06)


def test_equivalence_is_found_that_often_in_simulated_studies():
    rng = np.random.default_rng(1)
    expected = equivalence_power(0.10, 0.10, n_baseline=20, n_arm=20, level=0.05)
    inside = 0
    for _ in range(2000):
        low, high = ShiftTest(rng.normal(0, 0.1, 20), rng.normal(0, 0.1, 20)).welch_interval(0.05)
        inside += low > -0.10 and high < 0.10
    assert inside / 2000 == pytest.approx(expected, abs=0.05)
    assert 0.5 < expected < 0.95


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
