"""The permutation test on the Welch statistic, for every shift of one group at once.

Dealing the pooled values to the groups anew gives a statistic whose ingredients are polynomials of the offset e between
the groups' means: sums are linear, variances quadratic. They are computed once; what any offset gives is then one
vectorised evaluation, and the offsets at which an arrangement stops being as extreme as the observed one are the roots
of a quartic.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from rl_transfer.stats.arrangements import DRAWN_ARRANGEMENTS, first_sums, is_exhaustive

Floats = NDArray[np.float64]

# Relative to the pooled spread. Far above rounding (about 1e-15), far below any difference that scores can carry.
_TIE_TOLERANCE = 1e-12
# Beyond this many spreads nothing changes any more, and squares would overflow.
_FAR = 1e60
_SHIFT_BY_ONE = np.array([[comb(power, term) for power in range(5)] for term in range(5)], dtype=np.float64)


@dataclass(frozen=True)
class PermutationTest:
    """Two groups with means 0 and 0, ready to be set any offset apart.

    With the pooled mean held at 0, an arrangement's first group has the sum ``sum_2A[0] + sum_2A[1] e``, and its
    squared standard error is ``variance_3A[0] + variance_3A[1] e + variance_3A[2] e^2``. It is as extreme as the
    observed arrangement where ``sum^2 * observed variance >= (observed sum)^2 * variance``: no division, so groups
    without spread need no special case.

    Attributes:
        sum_2A: Coefficients of the first group's sum, shape (2, arrangements).
        variance_3A: Coefficients of the squared standard error, shape (3, arrangements).
        same_A: Whether the arrangement is the observed one or, for equal sizes, its mirror: equally extreme always.
        variance: Squared standard error of the observed arrangement.
        spread: Total sum of squares within the observed groups.
        weight: n m / (n + m); the observed sum is ``weight * e``.
        largest_share: 1 / (n (n - 1)) of the smaller group, which bounds a standard error by the pooled spread.
        unlisted: 1 where arrangements are drawn, for the observed one, which counts beside the draws; else 0.
    """

    sum_2A: Floats
    variance_3A: Floats
    same_A: NDArray[np.bool_]
    variance: float
    spread: float
    weight: float
    largest_share: float
    unlisted: int

    @classmethod
    def of(cls, first_N: Floats, second_M: Floats) -> "PermutationTest":
        """Compute the polynomials.

        Args:
            first_N: The smaller group with its mean subtracted, shape (at least 2,).
            second_M: The other group with its mean subtracted, at least as large.

        Returns:
            The test.
        """
        n, m = len(first_N), len(second_M)
        weight, in_first, in_second = n * m / (n + m), m / (n + m), -n / (n + m)
        pooled_P = np.concatenate([first_N, second_M])
        place_P = np.repeat([in_first, in_second], [n, m])
        square_3P = np.stack([pooled_P**2, 2.0 * pooled_P * place_P, place_P**2])
        from_second_P = np.repeat([0.0, 1.0], [n, m])
        sum_6A = first_sums(np.stack([pooled_P, place_P, *square_3P, from_second_P]), n)
        sum_2A, square_3A, moved_A = sum_6A[:2], sum_6A[2:5], sum_6A[5]
        spread = float(square_3P[0].sum())
        share_first, share_second = 1.0 / (n * (n - 1)), 1.0 / (m * (m - 1))
        # var(first)/n + var(second)/m, where the second group's sums are what the pool leaves.
        of_sum = share_first / n + share_second / m
        pool_3 = np.array([spread, 0.0, weight])
        sum_squared_3A = np.stack([sum_2A[0] ** 2, 2.0 * sum_2A[0] * sum_2A[1], sum_2A[1] ** 2])
        variance_3A = (
            (share_first - share_second) * square_3A + share_second * pool_3[:, None] - of_sum * sum_squared_3A
        )
        variance = share_first * float(first_N @ first_N) + share_second * float(second_M @ second_M)
        return cls(
            sum_2A=sum_2A,
            variance_3A=variance_3A,
            same_A=(moved_A == 0) | ((moved_A == n) if n == m else np.zeros_like(moved_A, dtype=np.bool_)),
            variance=variance,
            spread=spread,
            weight=weight,
            largest_share=share_first,
            unlisted=0 if is_exhaustive(n, m) else 1,
        )

    @property
    def total(self) -> int:
        """Arrangements that a p-value counts over."""
        return self.same_A.size + self.unlisted

    def p_value(self, offset: float) -> float:
        """Share of arrangements at least as extreme as the observed one.

        Args:
            offset: How far the first group's mean lies above the second's.

        Returns:
            A probability, above 0.
        """
        e = float(np.clip(offset, -_FAR, _FAR))
        pooled = self.spread + self.weight * e * e
        sum_A = np.abs(self.sum_2A[0] + self.sum_2A[1] * e) + _TIE_TOLERANCE * pooled**0.5
        variance_A = self.variance_3A[0] + e * (self.variance_3A[1] + e * self.variance_3A[2])
        variance_A -= _TIE_TOLERANCE * pooled * self.largest_share
        extreme_A = sum_A**2 * self.variance >= (self.weight * e) ** 2 * variance_A
        return (int(extreme_A.sum()) + self.unlisted) / self.total

    def last_kept(self, level: float, start: float) -> float:
        """The offset farthest from 0, at or beyond ``start`` and on its side, that is not rejected.

        Args:
            level: Two-sided error level; an offset is rejected where its p-value is at or below it.
            start: Where to begin, not 0; returned where nothing beyond it is kept.

        Returns:
            The offset, or an infinity with the sign of ``start`` where none is ever rejected.
        """
        always = int(self.same_A.sum()) + self.unlisted
        if always / self.total > level:
            return float(np.copysign(np.inf, start))
        crossing_C, change_C = self._crossings(start)
        kept_C = (always + np.cumsum(change_C)) / self.total > level
        return start * (1.0 + float(crossing_C[np.argmax(kept_C)])) if kept_C.any() else start

    def _crossings(self, start: float) -> tuple[Floats, NDArray[np.int64]]:
        """Where, coming from afar, arrangements become as extreme as the observed one (+1) or cease to be (-1).

        Positions are multiples w > 0 of ``start`` beyond it: e = start (1 + w), farthest first.
        """
        quartic_5A = self._excess()[:, ~self.same_A] * (start ** np.arange(5.0))[:, None]
        beyond_5A = _SHIFT_BY_ONE @ quartic_5A
        # The leading coefficient is below 0; with no coefficient above 0 an arrangement is less extreme for all w > 0.
        crossing_5C = beyond_5A[:, (beyond_5A > 0.0).any(axis=0)]
        quartic_C = crossing_5C[4] != 0.0
        root_C4 = np.concatenate(
            [_quartic_roots(crossing_5C[:, quartic_C]), _quadratic_roots(crossing_5C[:3, ~quartic_C])]
        )
        position_C4 = np.where((root_C4.imag == 0.0) & (root_C4.real > 0.0), root_C4.real, -1.0)
        position_C4 = -np.sort(-position_C4, axis=1)
        real_C4 = position_C4 > 0.0
        change_C4 = np.broadcast_to(np.array([1, -1, 1, -1]), position_C4.shape)
        position_C, change_C = position_C4[real_C4], change_C4[real_C4]
        farthest_first_C = np.argsort(-position_C, kind="stable")
        return position_C[farthest_first_C], change_C[farthest_first_C]

    def _excess(self) -> Floats:
        """Coefficients in e of ``sum^2 * observed variance - (observed sum)^2 * variance``, shape (5, arrangements)."""
        (s0_A, s1_A), observed = self.sum_2A, self.variance
        excess_5A = np.zeros((5, s0_A.size))
        excess_5A[0], excess_5A[1], excess_5A[2] = s0_A**2 * observed, 2.0 * s0_A * s1_A * observed, s1_A**2 * observed
        excess_5A[2:] -= self.weight**2 * self.variance_3A
        return excess_5A


def smallest_reachable_p(baseline_runs: int, arm_runs: int) -> float:
    """The smallest p-value that groups of these sizes can give, however far apart they lie.

    Apart from the observed arrangement only its mirror, which exists for equal sizes, is as extreme.

    Args:
        baseline_runs: Runs of the baseline.
        arm_runs: Runs of the arm.

    Returns:
        A probability; 1 where a group has a single run (no variance, so no test).

    Raises:
        ValueError: If a group has no run.
    """
    if min(baseline_runs, arm_runs) < 1:
        raise ValueError(f"both groups need runs, not {baseline_runs} and {arm_runs}")
    if min(baseline_runs, arm_runs) == 1:
        return 1.0
    if not is_exhaustive(baseline_runs, arm_runs):
        return 1.0 / (DRAWN_ARRANGEMENTS + 1)
    return (2 if baseline_runs == arm_runs else 1) / comb(baseline_runs + arm_runs, arm_runs)


def _quartic_roots(coefficient_5C: Floats) -> NDArray[np.complex128]:
    """Roots of quartics given by rising powers, as eigenvalues of their companion matrices, shape (quartics, 4)."""
    companion_C44 = np.zeros((coefficient_5C.shape[1], 4, 4))
    companion_C44[:, 0, :] = (-coefficient_5C[3::-1] / coefficient_5C[4]).T
    companion_C44[:, [1, 2, 3], [0, 1, 2]] = 1.0
    return np.linalg.eigvals(companion_C44).astype(np.complex128)


def _quadratic_roots(coefficient_3C: Floats) -> NDArray[np.complex128]:
    """Roots of quadratics given by rising powers, with two of -1 beside them, shape (quadratics, 4)."""
    constant_C, linear_C, square_C = coefficient_3C.astype(np.complex128)
    root_C = np.sqrt(linear_C**2 - 4.0 * square_C * constant_C)
    root_C4 = np.full((coefficient_3C.shape[1], 4), -1.0 + 0.0j)
    root_C4[:, 0], root_C4[:, 1] = (-linear_C + root_C) / (2.0 * square_C), (-linear_C - root_C) / (2.0 * square_C)
    return root_C4
