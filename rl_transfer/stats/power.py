"""What a number of seeds could find, before there is any."""

from math import sqrt

from scipy.special import nctdtr, nctdtrinc, ndtr  # type: ignore[import-untyped]  # scipy ships no types

from rl_transfer.stats.checks import check_level
from rl_transfer.stats.permutation import smallest_reachable_p
from rl_transfer.stats.student import critical_value

POWER = 0.80
"""The usual power of a plan (Cohen, 1988)."""


def detection_power(difference: float, spread: float, *, n_baseline: int, n_arm: int, level: float) -> float:
    """Probability that a difference is called positive or negative, on the right side.

    For normal runs of equal spread on both sides, by the noncentral t distribution (Cohen, 1988, Statistical Power
    Analysis for the Behavioral Sciences, chapter 2). The permutation test costs a little of it.

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
    if smallest_reachable_p(n_baseline, n_arm) > level:
        return 0.0
    freedom = n_baseline + n_arm - 2
    shift = abs(difference) / (spread * sqrt(1.0 / n_baseline + 1.0 / n_arm))
    return 1.0 - float(nctdtr(freedom, shift, critical_value(level, freedom)))


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
    freedom = n_baseline + n_arm - 2
    shift = float(nctdtrinc(freedom, 1.0 - power, critical_value(level, freedom)))
    return shift * spread * sqrt(1.0 / n_baseline + 1.0 / n_arm)


def equivalence_power(margin: float, spread: float, *, n_baseline: int, n_arm: int, level: float) -> float:
    """Probability that two arms that don't differ at all are called equivalent.

    Normal runs of equal spread; the interval's width is taken at its expected value (Schuirmann, 1987, Journal of
    Pharmacokinetics and Biopharmaceutics 15, on two one-sided tests).

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
    error = spread * sqrt(1.0 / n_baseline + 1.0 / n_arm)
    room = margin / error - critical_value(level, n_baseline + n_arm - 2)
    return max(0.0, float(2.0 * ndtr(room) - 1.0))


def _check(spread: float, n_baseline: int, n_arm: int, level: float) -> None:
    check_level(level)
    if not spread > 0.0:
        raise ValueError(f"a spread must be above 0, not {spread}")
    if min(n_baseline, n_arm) < 2:
        raise ValueError(f"each side needs at least 2 runs, not {n_baseline} and {n_arm}")
