"""The test behind every verdict: by how much can an arm be moved before it no longer differs from its baseline?"""

from functools import cached_property
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_transfer.stats.checks import as_sample, check_level
from rl_transfer.stats.group import Group
from rl_transfer.stats.permutation import PermutationTest, smallest_reachable_p
from rl_transfer.stats.student import critical_value, satterthwaite, two_sided_p

__all__ = ["Interval", "ShiftTest", "interval", "mean_interval", "p_value", "smallest_reachable_p", "welch_interval"]

Floats = NDArray[np.float64]

# Means this close, relative to their size, are equal: 0.3 - 0.2 is not 0.1 in floating point.
EQUAL = 1e-12


class Interval(NamedTuple):
    """A closed interval; infinite ends where nothing bounds it."""

    low: float
    high: float


class ShiftTest:
    """Welch's t-test and the permutation test on its statistic together, for any shift between two groups.

    The p-value of a shift d (null hypothesis: mean(arm) - mean(baseline) = d) is the larger of the two tests' p-values
    after moving the arm by -d. Welch's test keeps its level under unequal spread and unequal numbers of runs, the
    permutation test under skew; alone, each fails where the other holds. Skew and unequal spread together fool both:
    with exponential runs, spreads 1 to 3 and six against six, about one in ten is called different at a level of 5 %.

    Sources: Welch (1947), Biometrika 34; Janssen (1997), Statistics & Probability Letters 36, for permuting a
    studentised statistic; Phipson and Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9, for counting the observed
    arrangement among drawn ones.

    Args:
        baseline_N: One number a run of the baseline, shape (baseline runs,).
        arm_M: One number a run of the arm, shape (arm runs,).

    Raises:
        ValueError: If a group is empty, not one-dimensional or not finite.
    """

    def __init__(self, baseline_N: ArrayLike, arm_M: ArrayLike) -> None:
        self._baseline = Group.of(as_sample(baseline_N, "baseline_N"))
        self._arm = Group.of(as_sample(arm_M, "arm_M"))
        self._scale = max(float(np.abs(group.centred_N).max()) for group in (self._baseline, self._arm)) or 1.0

    @property
    def difference(self) -> float:
        """mean(arm) - mean(baseline)."""
        return self._arm.mean - self._baseline.mean

    def p_value(self, shift: float = 0.0) -> float:
        """Two-sided p-value of the hypothesis that the means differ by ``shift``.

        Args:
            shift: The difference mean(arm) - mean(baseline) under test.

        Returns:
            A probability, above 0; 1 where a group has a single run.
        """
        if not self._defined:
            return 1.0
        offset = self._offset(shift)
        return max(self._welch_p(offset), self._permutation.p_value(self._sign * offset / self._scale))

    def interval(self, level: float) -> Interval:
        """Hull of all shifts that are not rejected.

        The permutation p-value is a step function of the shift that need not fall steadily; the hull's ends are the
        outermost of its steps, or the limits of Welch's interval where these lie farther out.

        Args:
            level: Two-sided error level in (0, 1); a shift is rejected where its p-value is at or below it.

        Returns:
            The interval; infinite where no shift is rejected.

        Raises:
            ValueError: If the level is outside (0, 1).
        """
        check_level(level)
        if smallest_reachable_p(self._baseline.size, self._arm.size) > level:
            return Interval(-inf, inf)
        reach = self._welch_reach(level) / self._scale
        if reach == 0.0:
            return Interval(self.difference, self.difference)
        ends = [self._permutation.last_kept(level, side * self._sign * reach) * self._sign for side in (-1.0, 1.0)]
        low, high = (self.difference + end * self._scale for end in ends)
        if self.p_value() > level:  # with ties an end may be 0 itself, and rounding put it on the other side
            low, high = min(low, 0.0), max(high, 0.0)
        return Interval(low, high)

    def side(self, level: float) -> int:
        """On which side of 0 `interval` lies, without the interval itself.

        Args:
            level: Two-sided error level in (0, 1).

        Returns:
            1 where all shifts that are not rejected are above 0, -1 where all are below, else 0.

        Raises:
            ValueError: If the level is outside (0, 1).
        """
        check_level(level)
        if self.p_value() > level:
            return 0
        start = self._sign * self._offset(0.0) / self._scale
        farther = self._standard_error > 0.0 and self._permutation.last_kept(level, start) != start
        return 0 if farther else int(np.sign(self.difference))

    def welch_interval(self, level: float) -> Interval:
        """Welch's own confidence interval, without the permutation test.

        Args:
            level: Two-sided error level in (0, 1).

        Returns:
            The interval; infinite where a group has a single run.

        Raises:
            ValueError: If the level is outside (0, 1).
        """
        check_level(level)
        reach = self._welch_reach(level) if self._defined else inf
        return Interval(self.difference - reach, self.difference + reach)

    @property
    def _defined(self) -> bool:
        return min(self._baseline.size, self._arm.size) > 1

    @property
    def _standard_error(self) -> float:
        return sqrt(self._baseline.squared_error + self._arm.squared_error)

    @property
    def _freedom(self) -> float:
        """Welch-Satterthwaite degrees of freedom."""
        groups = (self._baseline, self._arm)
        return satterthwaite([(group.squared_error / self._scale**2, group.size - 1) for group in groups])

    def _offset(self, shift: float) -> float:
        """How far the arm lies below the baseline once it has been moved by ``-shift``."""
        offset = shift - self.difference
        size = max(abs(self._arm.mean), abs(self._baseline.mean), abs(shift))
        return 0.0 if abs(offset) <= EQUAL * size else offset

    def _welch_p(self, offset: float) -> float:
        if offset == 0.0:
            return 1.0
        return 0.0 if self._standard_error == 0.0 else two_sided_p(offset / self._standard_error, self._freedom)

    def _welch_reach(self, level: float) -> float:
        if self._standard_error == 0.0:
            return 0.0
        return self._standard_error * critical_value(level, self._freedom)

    @cached_property
    def _swapped(self) -> bool:
        """Whether the arm is dealt first: always the smaller group, and for equal sizes a choice that ignores names."""
        baseline, arm = ((group.size, group.centred_N.tolist()) for group in (self._baseline, self._arm))
        return baseline > arm

    @property
    def _sign(self) -> float:
        return -1.0 if self._swapped else 1.0

    @cached_property
    def _permutation(self) -> PermutationTest:
        first, second = (self._arm, self._baseline) if self._swapped else (self._baseline, self._arm)
        return PermutationTest.of(first.centred_N / self._scale, second.centred_N / self._scale)


def p_value(baseline_N: ArrayLike, arm_M: ArrayLike, shift: float = 0.0) -> float:
    """Two-sided p-value of a shift between two groups of runs; see `ShiftTest`.

    Args:
        baseline_N: One number a run of the baseline, shape (baseline runs,).
        arm_M: One number a run of the arm, shape (arm runs,).
        shift: The difference mean(arm) - mean(baseline) under test.

    Returns:
        A probability, above 0; 1 where a group has a single run.

    Raises:
        ValueError: If a group is empty, not one-dimensional or not finite.
    """
    return ShiftTest(baseline_N, arm_M).p_value(shift)


def interval(baseline_N: ArrayLike, arm_M: ArrayLike, level: float) -> Interval:
    """Hull of all shifts between two groups of runs that are not rejected; see `ShiftTest.interval`.

    Args:
        baseline_N: One number a run of the baseline, shape (baseline runs,).
        arm_M: One number a run of the arm, shape (arm runs,).
        level: Two-sided error level in (0, 1), such as .05 divided by the number of comparisons.

    Returns:
        The interval; infinite where no shift is rejected.

    Raises:
        ValueError: If a group is empty, not one-dimensional or not finite, or the level is outside (0, 1).
    """
    return ShiftTest(baseline_N, arm_M).interval(level)


def welch_interval(baseline_N: ArrayLike, arm_M: ArrayLike, level: float) -> Interval:
    """Welch's confidence interval for mean(arm) - mean(baseline); see `ShiftTest.welch_interval`.

    Args:
        baseline_N: One number a run of the baseline, shape (baseline runs,).
        arm_M: One number a run of the arm, shape (arm runs,).
        level: Two-sided error level in (0, 1).

    Returns:
        The interval; infinite where a group has a single run.

    Raises:
        ValueError: If a group is empty, not one-dimensional or not finite, or the level is outside (0, 1).
    """
    return ShiftTest(baseline_N, arm_M).welch_interval(level)


def mean_interval(values_N: ArrayLike, level: float) -> Interval:
    """Student's confidence interval for the mean of one group of runs.

    Args:
        values_N: One number a run, shape (runs,).
        level: Two-sided error level in (0, 1).

    Returns:
        The interval; infinite for a single run.

    Raises:
        ValueError: If the group is empty, not one-dimensional or not finite, or the level is outside (0, 1).
    """
    check_level(level)
    values = as_sample(values_N, "values_N")
    mean, runs = float(values.mean()), len(values)
    if runs == 1:
        return Interval(-inf, inf)
    reach = critical_value(level, runs - 1) * float(values.std(ddof=1)) / sqrt(runs)
    return Interval(mean - reach, mean + reach)
