"""How often is the test wrong where nothing differs? Few runs, skewed values, unequal numbers and spread."""

import numpy as np
import pytest

from rl_transfer.stats import ShiftTest

LEVEL = 0.05
SPLITS = 400
# Three standard errors of a rate of .05 over so many splits.
BOUND = LEVEL + 3 * (LEVEL * (1 - LEVEL) / SPLITS) ** 0.5


def skewed(generator, size):
    return generator.gamma(1.0, 1.0, size) - 1.0


def symmetric(generator, size):
    return generator.normal(size=size)


def false_alarms(says_different, draw, sizes, spreads=(1.0, 1.0)):
    generator = np.random.default_rng(11)
    alarms = 0
    for _ in range(SPLITS):
        baseline, arm = (spread * draw(generator, size) for spread, size in zip(spreads, sizes, strict=True))
        alarms += says_different(baseline, arm)
    return alarms / SPLITS


def interval_excludes_0(baseline, arm):
    low, high = ShiftTest(baseline, arm).interval(LEVEL)
    return not low <= 0.0 <= high


def bootstrap_excludes_0(baseline, arm):
    generator = np.random.default_rng(0)
    means = [generator.choice(group, (500, len(group))).mean(axis=1) for group in (baseline, arm)]
    low, high = np.quantile(means[1] - means[0], [LEVEL / 2, 1 - LEVEL / 2])
    return not low <= 0.0 <= high


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "sizes", "spreads"),
    [
        (skewed, (5, 5), (1, 1)),
        (skewed, (5, 10), (1, 1)),
        (symmetric, (6, 6), (1, 3)),
        (symmetric, (10, 5), (1, 3)),
    ],
)
def test_false_alarms_stay_within_the_level(draw, sizes, spreads):
    assert false_alarms(interval_excludes_0, draw, sizes, spreads) <= BOUND


def test_the_bootstrap_would_not_pass():
    assert false_alarms(bootstrap_excludes_0, skewed, (5, 5)) > BOUND


def test_skew_with_unequal_spread_is_a_known_limit():
    """Neither test holds its level here; `ShiftTest` says so."""
    assert BOUND < false_alarms(interval_excludes_0, skewed, (6, 6), (1, 3)) < 0.15


def test_a_real_difference_is_found():
    generator = np.random.default_rng(12)
    found = [interval_excludes_0(generator.normal(0, 1, 6), generator.normal(2.5, 1, 6)) for _ in range(100)]
    assert np.mean(found) > 0.85
