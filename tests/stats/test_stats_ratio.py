"""The interval of a ratio of means, against Fieller's formula."""

import numpy as np
import pytest
from scipy import stats

from rl_transfer.stats import ratio_interval


def test_it_is_fiellers_with_welchs_freedom():
    generator = np.random.default_rng(1)
    top, bottom = generator.normal(80, 20, 7), generator.normal(110, 25, 6)
    ratio = np.linspace(0.2, 2.0, 40_001)
    errors = top.var(ddof=1) / 7 + ratio**2 * bottom.var(ddof=1) / 6
    freedom = errors**2 / ((top.var(ddof=1) / 7) ** 2 / 6 + (ratio**2 * bottom.var(ddof=1) / 6) ** 2 / 5)
    t = np.abs(top.mean() - ratio * bottom.mean()) / np.sqrt(errors)
    kept = ratio[t < stats.t.ppf(0.975, freedom)]
    low, high = ratio_interval(top, bottom, level=0.05)
    # The permutation test may only widen it.
    assert kept[0] - 0.03 < low < kept[0] + 2e-4 and kept[-1] - 2e-4 < high < kept[-1] + 0.03
    assert low < top.mean() / bottom.mean() < high


def test_it_does_not_depend_on_the_unit():
    generator = np.random.default_rng(2)
    top, bottom = generator.normal(80, 20, 7), generator.normal(110, 25, 6)
    once, scaled = ratio_interval(top, bottom, level=0.05), ratio_interval(1000 * top, 1000 * bottom, level=0.05)
    assert scaled == pytest.approx(once, rel=1e-3)


def test_too_few_runs_reject_nothing():
    assert ratio_interval([50.0, 51.0, 52.0], [100.0, 101.0, 102.0], level=0.05) == (0.0, np.inf)


@pytest.mark.slow
def test_it_covers_the_true_ratio_as_often_as_it_says():
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        low, high = ratio_interval(generator.normal(80, 25, 8), generator.normal(100, 12, 6), level=0.1)
        covered += low <= 0.8 <= high
    assert 0.87 <= covered / 400 <= 0.95


@pytest.mark.parametrize(("top", "bottom"), [([-1.0, -2.0], [1.0, 2.0]), ([1.0, 2.0], [-3.0, 1.0])])
def test_means_that_are_not_positive_are_refused(top, bottom):
    with pytest.raises(ValueError, match="above 0"):
        ratio_interval(top, bottom, level=0.05)
