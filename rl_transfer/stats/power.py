"""What a number of seeds could find, before there is any."""

from functools import lru_cache
from math import sqrt

import numpy as np
from scipy.special import nctdtr, nctdtrinc, ndtr  # type: ignore[import-untyped]  # scipy ships no types

from rl_transfer.stats.checks import check_level
from rl_transfer.stats.permutation import smallest_reachable_p
from rl_transfer.stats.shift_test import ShiftTest
from rl_transfer.stats.student import critical_value

POWER = 0.80
"""The usual power of a plan (Cohen, 1988)."""

# With a level of so many smallest p-values the permutation test costs next to nothing beside Welch's.
_COARSE = 20
_STUDIES = 400
_LARGEST_EFFECT = 50.0


def detection_power(difference: float, spread: float, *, n_baseline: int, n_arm: int, level: float) -> float:
    """Probability that a difference is called positive or negative, on the right side.

    For normal runs of equal spread on both sides. Where the permutation test has few p-values below the level, the
    whole rule is simulated (400 studies of a fixed generator); elsewhere Welch's test decides, and the noncentral t
    distribution gives its power (Cohen, 1988, Statistical Power Analysis for the Behavioral Sciences, chapter 2).

    Args:
        difference: True mean(arm) - mean(baseline), in score.
        spread: Standard deviation of the runs of each side, in score; above 0.
        n_baseline: Runs of the baseline, at least 2.
        n_arm: Runs of the arm, at least 2.
        level: Two-sided error level in (0, 1).

    Returns:
        A probability; 0 where so few runs can't reach the level.

    Raises:
        ValueError: If the level is outside (0, 1), the spread not above 0, or a side has fewer than 2 runs.
    """
    _check(spread, n_baseline, n_arm, level)
    effect = abs(difference) / spread
    if smallest_reachable_p(n_baseline, n_arm) > level:
        return 0.0
    if _is_coarse(n_baseline, n_arm, level):
        return _share_found(effect, n_baseline, n_arm, level)
    freedom, unit = n_baseline + n_arm - 2, sqrt(1.0 / n_baseline + 1.0 / n_arm)
    return 1.0 - float(nctdtr(freedom, effect / unit, critical_value(level, freedom)))


def detectable_difference(
    spread: float, *, n_baseline: int, n_arm: int, level: float, power: float = POWER
) -> float | None:
    """Smallest true difference that is found with a given power; see `detection_power`.

    Args:
        spread: Standard deviation of the runs of each side, in score; above 0.
        n_baseline: Runs of the baseline, at least 2.
        n_arm: Runs of the arm, at least 2.
        level: Two-sided error level in (0, 1).
        power: Probability of finding it, in (0, 1).

    Returns:
        The difference in score; None where so few runs can't reach the level.

    Raises:
        ValueError: If level or power are outside (0, 1), the spread not above 0, or a side has fewer than 2 runs.
    """
    _check(spread, n_baseline, n_arm, level)
    check_level(power)
    if smallest_reachable_p(n_baseline, n_arm) > level:
        return None
    if _is_coarse(n_baseline, n_arm, level):
        return _effect_found(n_baseline, n_arm, level, power) * spread
    freedom = n_baseline + n_arm - 2
    shift = float(nctdtrinc(freedom, 1.0 - power, critical_value(level, freedom)))
    return shift * spread * sqrt(1.0 / n_baseline + 1.0 / n_arm)


def equivalence_power(margin: float, spread: float, *, n_baseline: int, n_arm: int, level: float) -> float:
    """Probability that two arms that don't differ at all are called equivalent.

    For normal runs of equal spread; simulated where `detection_power` is, elsewhere with the width of Welch's interval
    at its expected value (Schuirmann, 1987, Journal of Pharmacokinetics and Biopharmaceutics 15, on two one-sided
    tests).

    Args:
        margin: Differences inside +-margin are negligible, in score.
        spread: Standard deviation of the runs of each side, in score; above 0.
        n_baseline: Runs of the baseline, at least 2.
        n_arm: Runs of the arm, at least 2.
        level: Two-sided error level in (0, 1).

    Returns:
        A probability; 0 where so few runs can't reach the level.

    Raises:
        ValueError: If the level is outside (0, 1), the spread not above 0, or a side has fewer than 2 runs.
    """
    _check(spread, n_baseline, n_arm, level)
    if smallest_reachable_p(n_baseline, n_arm) > level:
        return 0.0
    if _is_coarse(n_baseline, n_arm, level):
        edge = margin / spread
        inside = [max(test.p_value(edge), test.p_value(-edge)) <= level for test in _studies(n_baseline, n_arm)]
        return float(np.mean(inside))
    error = spread * sqrt(1.0 / n_baseline + 1.0 / n_arm)
    room = margin / error - critical_value(level, n_baseline + n_arm - 2)
    return max(0.0, float(2.0 * ndtr(room) - 1.0))


def _is_coarse(n_baseline: int, n_arm: int, level: float) -> bool:
    return level < _COARSE * smallest_reachable_p(n_baseline, n_arm)


@lru_cache(maxsize=8)
def _studies(n_baseline: int, n_arm: int) -> tuple[ShiftTest, ...]:
    """Studies of arms that don't differ, in spreads."""
    generator = np.random.default_rng(0)
    return tuple(ShiftTest(generator.normal(size=n_baseline), generator.normal(size=n_arm)) for _ in range(_STUDIES))


def _share_found(effect: float, n_baseline: int, n_arm: int, level: float) -> float:
    """Share of the studies in which an effect would be found: to move the arm is to move the hypothesis back."""
    tests = _studies(n_baseline, n_arm)
    return float(np.mean([test.difference + effect > 0.0 and test.p_value(-effect) <= level for test in tests]))


@lru_cache(maxsize=64)
def _effect_found(n_baseline: int, n_arm: int, level: float, power: float) -> float:
    low, high = 0.0, _LARGEST_EFFECT
    while high - low > 0.01:
        middle = (low + high) / 2.0
        low, high = (low, middle) if _share_found(middle, n_baseline, n_arm, level) >= power else (middle, high)
    return high


def _check(spread: float, n_baseline: int, n_arm: int, level: float) -> None:
    check_level(level)
    if not spread > 0.0:
        raise ValueError(f"a spread must be above 0, not {spread}")
    if min(n_baseline, n_arm) < 2:
        raise ValueError(f"each side needs at least 2 runs, not {n_baseline} and {n_arm}")
