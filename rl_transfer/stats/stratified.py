"""The test behind statements over several pairs: runs are compared within their pair only."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb, inf, prod, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_transfer.stats.arrangements import DRAWN_ARRANGEMENTS, are_exhaustive, joint_arrangements
from rl_transfer.stats.checks import as_block, check_level
from rl_transfer.stats.group import Group
from rl_transfer.stats.permutation import PermutationTest
from rl_transfer.stats.shift_test import EQUAL, Interval
from rl_transfer.stats.student import critical_value, satterthwaite, two_sided_p

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Stratum:
    """One block of pairs: each side's runs, averaged over the block's pairs, and the block's share of all pairs."""

    baseline: Group
    arm: Group
    share: float

    @classmethod
    def of(cls, baseline_NP: Floats, arm_MP: Floats, pairs: int) -> "_Stratum":
        # A single pair's runs are taken as they are: even dividing by 1 is then no matter.
        sides = [block.mean(axis=1) if block.shape[1] > 1 else block[:, 0] for block in (baseline_NP, arm_MP)]
        return cls(Group.of(sides[0]), Group.of(sides[1]), baseline_NP.shape[1] / pairs)

    @property
    def difference(self) -> float:
        return self.arm.mean - self.baseline.mean

    @property
    def in_order(self) -> tuple[Group, Group]:
        """The group dealt first: always the smaller one, and for equal sizes a choice that ignores names."""
        baseline, arm = ((group.size, group.centred_N.tolist()) for group in (self.baseline, self.arm))
        return (self.arm, self.baseline) if baseline > arm else (self.baseline, self.arm)

    @property
    def sign(self) -> float:
        return 1.0 if self.in_order[0] is self.baseline else -1.0

    @property
    def sizes(self) -> tuple[int, int]:
        first, second = self.in_order
        return first.size, second.size

    @property
    def place(self) -> tuple[object, ...]:
        """What strata are sorted by, so that neither their order nor which side is the arm can matter."""
        values = [group.centred_N.tolist() for group in self.in_order]
        return self.sizes, values, self.share, self.sign * self.difference


class StratifiedTest:
    """The mean effect over several pairs: Welch's test and the permutation test on its statistic, as `ShiftTest` has.

    The statistic is the mean over pairs of the differences mean(arm) - mean(baseline), divided by its standard error
    from the spreads within the pairs. The p-value of a shift d (null hypothesis: that mean is d) is the larger of two:
    a t-test with Satterthwaite's degrees of freedom, and the permutation test that deals the runs of each pair anew to
    arm and baseline, within that pair only, after moving every arm by -d. Where all effects are d and all runs of a
    pair alike, the permutation test is exact, whatever distributions the pairs have; elsewhere it holds as the number
    of runs grows. With a single pair both are `ShiftTest`'s.

    Pairs may share runs (one baseline on one target) or source agents; runs of one seed are then dependent. Such pairs
    form a block: the runs of a seed stay together, their mean over the block's pairs counts as one value.

    Sources: Pauly, Brunner and Konietschke (2015), Asymptotic permutation tests in general factorial designs, JRSS B
    77, for permuting a studentised contrast of several groups; Satterthwaite (1946); and those of `ShiftTest`.

    Args:
        baseline_B: Of each block the baseline's numbers, shape (seeds, pairs of the block); shape (runs,) for a single
            pair.
        arm_B: The arm's, in the same order of blocks; as many pairs, but not necessarily as many seeds.

    Raises:
        ValueError: If there is no block, the two sides differ in blocks or pairs, or a block is empty or not finite.
    """

    def __init__(self, baseline_B: Sequence[ArrayLike], arm_B: Sequence[ArrayLike]) -> None:
        if not len(baseline_B) == len(arm_B) > 0:
            raise ValueError(f"both sides need the same blocks, at least one, not {len(baseline_B)} and {len(arm_B)}")
        blocks = [
            (as_block(baseline, "baseline_B"), as_block(arm, "arm_B"))
            for baseline, arm in zip(baseline_B, arm_B, strict=True)
        ]
        if any(baseline.shape[1] != arm.shape[1] for baseline, arm in blocks):
            raise ValueError("a block must have the same pairs on both sides")
        pairs = sum(baseline.shape[1] for baseline, _ in blocks)
        self._strata = sorted((_Stratum.of(*block, pairs) for block in blocks), key=lambda stratum: stratum.place)
        self._groups = [group for stratum in self._strata for group in (stratum.baseline, stratum.arm)]
        self._scale = max(float(np.abs(group.centred_N).max()) for group in self._groups) or 1.0

    @property
    def difference(self) -> float:
        """Mean over pairs of mean(arm) - mean(baseline)."""
        return float(sum(stratum.share * stratum.difference for stratum in self._strata))

    @property
    def smallest_reachable_p(self) -> float:
        """The smallest p-value that groups of these sizes can give; 1 where a side of a block has a single run."""
        if not self._defined:
            return 1.0
        sizes = [stratum.sizes for stratum in self._strata]
        if not are_exhaustive(sizes):
            return 1.0 / (DRAWN_ARRANGEMENTS + 1)
        mirrored = all(first == second for first, second in sizes)
        return (2 if mirrored else 1) / prod(comb(first + second, first) for first, second in sizes)

    def p_value(self, shift: float = 0.0) -> float:
        """Two-sided p-value of the hypothesis that the mean over pairs of the differences is ``shift``.

        Args:
            shift: The mean difference under test.

        Returns:
            A probability, above 0; 1 where a side of a block has a single run.
        """
        if not self._defined:
            return 1.0
        offset = self._offset(shift)
        return max(self._welch_p(offset), self._permutation.p_value(offset / self._scale))

    def interval(self, level: float) -> Interval:
        """Hull of all mean differences that are not rejected; see `ShiftTest.interval`.

        Args:
            level: Two-sided error level in (0, 1).

        Returns:
            The interval; infinite where nothing is rejected.

        Raises:
            ValueError: If the level is outside (0, 1).
        """
        check_level(level)
        if self.smallest_reachable_p > level:
            return Interval(-inf, inf)
        if self._standard_error == 0.0:
            return Interval(self.difference, self.difference)
        reach = self._standard_error * critical_value(level, self._freedom) / self._scale
        low, high = (self._permutation.last_kept(level, side * reach) for side in (-1.0, 1.0))
        return Interval(self.difference + low * self._scale, self.difference + high * self._scale)

    @property
    def _defined(self) -> bool:
        return min(group.size for group in self._groups) > 1

    @property
    def _errors(self) -> list[tuple[float, int]]:
        """Squared standard error of each group's part in the mean difference, in scales, and its degrees of freedom."""
        return [
            (stratum.share**2 * (group.squared_error / self._scale**2), group.size - 1)
            for stratum in self._strata
            for group in (stratum.baseline, stratum.arm)
        ]

    @cached_property
    def _standard_error(self) -> float:
        squared = [one.share**2 * (one.baseline.squared_error + one.arm.squared_error) for one in self._strata]
        return sqrt(sum(squared))

    @cached_property
    def _freedom(self) -> float:
        return satterthwaite(self._errors)

    def _offset(self, shift: float) -> float:
        """How far, on average, the arms lie below their baselines once they have been moved by ``-shift``."""
        offset = shift - self.difference
        size = max(abs(shift), *(abs(group.mean) for group in self._groups))
        return 0.0 if abs(offset) <= EQUAL * size else offset

    def _welch_p(self, offset: float) -> float:
        if offset == 0.0:
            return 1.0
        return 0.0 if self._standard_error == 0.0 else two_sided_p(offset / self._standard_error, self._freedom)

    @cached_property
    def _permutation(self) -> PermutationTest:
        return _joined(self._strata, self.difference, self._scale)


def _joined(strata: Sequence[_Stratum], difference: float, scale: float) -> PermutationTest:
    """One permutation test of all strata, in the offset of the baselines above the arms on average.

    A stratum's first group lies ``sign * (offset + apart)`` above its second one, where ``apart`` is by how much its
    own difference falls short of the mean one. What it adds to the statistic is its share of the pairs times its
    difference of means, and that is the first group's sum divided by the stratum's weight.
    """
    tests = [PermutationTest.of(*(group.centred_N / scale for group in stratum.in_order)) for stratum in strata]
    apart_B = [(difference - stratum.difference) / scale for stratum in strata]
    part_B = np.array([stratum.share / test.weight for stratum, test in zip(strata, tests, strict=True)])
    part_B /= part_B.sum()
    joint_BA = joint_arrangements([stratum.sizes for stratum in strata])
    sum_2A, variance_3A = np.zeros((2, joint_BA.shape[1])), np.zeros((3, joint_BA.shape[1]))
    for stratum, test, apart, part, picked_A in zip(strata, tests, apart_B, part_B, joint_BA, strict=True):
        own_sum_2A, own_variance_3A = _moved(test, stratum.sign, apart)
        sum_2A += part * own_sum_2A[:, picked_A]
        variance_3A += stratum.share**2 * own_variance_3A[:, picked_A]
    return PermutationTest(
        sum_2A=sum_2A,
        variance_3A=variance_3A,
        same_A=_same(tests, joint_BA),
        variance=sum(stratum.share**2 * test.variance for stratum, test in zip(strata, tests, strict=True)),
        spread=sum(test.spread + test.weight * apart**2 for test, apart in zip(tests, apart_B, strict=True)),
        weight=float(part_B @ [test.weight for test in tests]),
        largest_share=max(test.largest_share for test in tests),
        unlisted=0 if are_exhaustive([stratum.sizes for stratum in strata]) else 1,
    )


def _same(tests: Sequence[PermutationTest], joint_BA: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether all strata are as observed, or all of them are mirrored; some mirrored and some not is another matter."""
    kept_B = [(test.same_A & (test.sum_2A[1] > 0.0))[picked_A] for test, picked_A in zip(tests, joint_BA, strict=True)]
    mirror_B = [
        (test.same_A & (test.sum_2A[1] < 0.0))[picked_A] for test, picked_A in zip(tests, joint_BA, strict=True)
    ]
    return np.asarray(np.all(kept_B, axis=0) | np.all(mirror_B, axis=0))


def _moved(test: PermutationTest, sign: float, apart: float) -> tuple[Floats, Floats]:
    """A stratum's polynomials in the mean offset o instead of its own, ``sign * (o + apart)``.

    Returns:
        Coefficients of its difference of sums, baseline above arm, shape (2, arrangements), and of its squared standard
        error, shape (3, arrangements).
    """
    (constant_A, linear_A), (v0_A, v1_A, v2_A) = test.sum_2A, test.variance_3A
    # Unchanged and mirrored groups keep their variance whatever the offset; rounding must not say otherwise.
    v0_A = np.where(test.same_A, test.variance, v0_A)
    v1_A, v2_A = np.where(test.same_A, 0.0, v1_A), np.where(test.same_A, 0.0, v2_A)
    sum_2A = np.stack([sign * constant_A + linear_A * apart, linear_A])
    return sum_2A, np.stack([v0_A + sign * v1_A * apart + v2_A * apart**2, sign * v1_A + 2.0 * v2_A * apart, v2_A])
