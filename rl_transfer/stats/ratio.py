"""Confidence interval of a ratio of means."""

from math import inf

import numpy as np
from numpy.typing import ArrayLike

from rl_transfer.stats.checks import as_sample, check_level
from rl_transfer.stats.shift_test import Interval, p_value

# The hull is looked for within this factor of the observed ratio, in steps of about a tenth.
_REACH = 50.0
_STEPS = 42
_PRECISE = 1e-4


def ratio_interval(numerator_N: ArrayLike, denominator_M: ArrayLike, level: float) -> Interval:
    """All ratios of two positive means that the runs don't reject: `ShiftTest` inverted as Fieller inverts Student's.

    A ratio r says that the denominator's runs, each multiplied with r, have the numerator's mean. It is kept where the
    p-value of these two groups is above the level; the interval is the hull of what is kept.

    Source: Fieller (1954), "Some problems in interval estimation", JRSS B 16.

    Args:
        numerator_N: One number a run, shape (numerator runs,), with a mean above 0.
        denominator_M: One number a run, shape (denominator runs,), with a mean above 0.
        level: Two-sided error level in (0, 1).

    Returns:
        The interval, to a ten-thousandth of the observed ratio; from 0 or to infinity where nothing within 50 times
        the observed ratio is rejected.

    Raises:
        ValueError: If the level is outside (0, 1), a mean is not above 0, or a group is empty, not one-dimensional or
            not finite.
    """
    check_level(level)
    numerator, denominator = as_sample(numerator_N, "numerator_N"), as_sample(denominator_M, "denominator_M")
    if min(numerator.mean(), denominator.mean()) <= 0.0:
        raise ValueError("a ratio needs means above 0")
    observed = float(numerator.mean() / denominator.mean())

    def end(outermost: float) -> float | None:
        # From outside in: the first ratio that is kept is inside the hull; then halve the gap before it.
        outside = outermost
        for inside in np.geomspace(outermost, observed, _STEPS).tolist():
            if p_value(numerator, inside * denominator) > level:
                break
            outside = inside
        if inside == outermost:
            return None
        while abs(inside - outside) > _PRECISE * observed:
            middle = (inside + outside) / 2
            kept = p_value(numerator, middle * denominator) > level
            outside, inside = (outside, middle) if kept else (middle, inside)
        return float(inside)

    low, high = end(observed / _REACH), end(observed * _REACH)
    return Interval(0.0 if low is None else low, inf if high is None else high)
