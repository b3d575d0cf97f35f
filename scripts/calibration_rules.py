"""Rules that call an arm better or worse than its baseline: this project's, and others in use.

A rule takes many splits at once: a baseline of shape (splits, baseline runs), an arm of shape (splits, arm runs) and a
two-sided error level. It returns +1 (better), -1 (worse) or 0 for each split, shape (splits,).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]  # scipy ships no types
from scipy.stats import mannwhitneyu, ttest_ind_from_stats  # type: ignore[import-untyped]

from rl_transfer.analysis.judge import decide
from rl_transfer.stats import ShiftTest

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Signs = NDArray[np.int8]
Rule = Callable[[Floats, Floats, float], Signs]

MARGIN = 0.10
EQUIVALENT = 2
"""Stands beside +1, -1 and 0 (inconclusive) where a verdict may be "equivalent"."""

_CODES = {"positive": 1, "negative": -1, "equivalent": EQUIVALENT, "inconclusive": 0}
_RESAMPLES = 2000
_SLACK = 1e-9
"""Rounding may not make a screen throw away what the rule itself would have kept."""


class Rate(NamedTuple):
    """A share of splits with its 95 % Wilson interval."""

    share: float
    low: float
    high: float

    @classmethod
    def of(cls, hit_S: Flags) -> "Rate":
        """The share of splits that are hit."""
        return cls(float(np.mean(hit_S)), *wilson_interval(int(np.sum(hit_S)), np.size(hit_S)))

    def __str__(self) -> str:
        """In percent."""
        return f"{100 * self.share:.1f} ({100 * self.low:.1f} to {100 * self.high:.1f})"


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share; Wilson (1927), Journal of the American Statistical Association 22.

    Args:
        hits: How often it happened.
        trials: Out of how many times.
    """
    squared = 1.959963984540054**2
    centre = (hits + squared / 2.0) / (trials + squared)
    reach = np.sqrt(squared * (hits * (trials - hits) / trials + squared / 4.0)) / (trials + squared)
    return max(0.0, float(centre - reach)), min(1.0, float(centre + reach))


def verdicts(baseline_SN: Floats, arm_SM: Floats, level: float, equivalence: bool = True) -> Signs:
    """This project's verdict of each split, exactly as `rl_transfer.analysis.judge` gives it.

    The rule's interval contains Welch's, which costs nothing: only where that excludes 0, or lies inside the margin,
    can a verdict be anything but inconclusive, and only there the rule itself is asked. All arms count as learned.

    Args:
        baseline_SN: Mean scores of the baseline, shape (splits, baseline runs).
        arm_SM: Mean scores of the arm, shape (splits, arm runs).
        level: Two-sided error level.
        equivalence: Whether "equivalent" is to be told from inconclusive.

    Returns:
        +1, -1, `EQUIVALENT` or 0 (inconclusive), shape (splits,).
    """
    low_S, high_S = welch_intervals(baseline_SN, arm_SM, level)
    slack = _SLACK * max(float(np.abs(group).max(initial=MARGIN)) for group in (baseline_SN, arm_SM))
    differs_S = ~((low_S <= -slack) & (high_S >= slack))
    narrow_S = ~((low_S <= -MARGIN - slack) | (high_S >= MARGIN + slack)) & equivalence
    code_S = np.zeros(len(low_S), dtype=np.int8)
    for split in np.flatnonzero(differs_S):
        code_S[split] = ShiftTest(baseline_SN[split], arm_SM[split]).side(level)
    for split in np.flatnonzero(narrow_S & (code_S == 0)):
        interval = ShiftTest(baseline_SN[split], arm_SM[split]).interval(level)
        code_S[split] = _CODES[decide(interval, MARGIN, learned=True)]
    return code_S


def this_rule(baseline_SN: Floats, arm_SM: Floats, level: float) -> Signs:
    """Positive or negative by `verdicts`; shapes as in the module's text."""
    return verdicts(baseline_SN, arm_SM, level, equivalence=False)


def fragile(baseline_SN: Floats, arm_SM: Floats, level: float, worst: float) -> Flags:
    """Whether the verdict of each split, which must be positive or negative, carries the word "fragile".

    Args:
        baseline_SN: Mean scores of the baseline, shape (splits, baseline runs).
        arm_SM: Mean scores of the arm, shape (splits, arm runs).
        level: Two-sided error level.
        worst: The score of a failed run.

    Returns:
        Shape (splits,). Again Welch's interval settles most splits: what it doesn't call after the best run has
        failed, the rule doesn't either.
    """
    failed_SM = np.concatenate([np.sort(arm_SM, axis=1)[:, :-1], np.full((len(arm_SM), 1), worst)], axis=1)
    low_S, high_S = welch_intervals(baseline_SN, failed_SM, level)
    better_S = arm_SM.mean(axis=1) > baseline_SN.mean(axis=1)
    fragile_S = np.where(better_S, low_S < -_SLACK, high_S > _SLACK)
    for split in np.flatnonzero(~fragile_S):
        side = ShiftTest(baseline_SN[split], failed_SM[split]).side(level)
        fragile_S[split] = side != (1 if better_S[split] else -1)
    return fragile_S


def welch_intervals(baseline_SN: Floats, arm_SM: Floats, level: float) -> tuple[Floats, Floats]:
    """Both ends of each split's Welch interval, shape (splits,) each; NaN where there is no spread at all."""
    squared_2S = np.stack([group.var(axis=1, ddof=1) / group.shape[1] for group in (baseline_SN, arm_SM)])
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom_2 = np.array([[baseline_SN.shape[1] - 1], [arm_SM.shape[1] - 1]])
        freedom_S = squared_2S.sum(axis=0) ** 2 / (squared_2S**2 / freedom_2).sum(axis=0)
        reach_S = np.sqrt(squared_2S.sum(axis=0)) * -stdtrit(freedom_S, level / 2.0)
    difference_S = arm_SM.mean(axis=1) - baseline_SN.mean(axis=1)
    return difference_S - reach_S, difference_S + reach_S


def welch(baseline_SN: Floats, arm_SM: Floats, level: float) -> Signs:
    """Welch's t-test alone: this project's rule without its permutation test."""
    low_S, high_S = welch_intervals(baseline_SN, arm_SM, level)
    return (low_S > 0.0).astype(np.int8) - (high_S < 0.0)


def iqm_bootstrap(baseline_SN: Floats, arm_SM: Floats, level: float) -> Signs:
    """The percentile bootstrap interval of the difference of interquartile means excludes 0."""
    return _bootstrap(baseline_SN, arm_SM, level, trimmed=0.25)


def mean_bootstrap(baseline_SN: Floats, arm_SM: Floats, level: float) -> Signs:
    """The percentile bootstrap interval of the difference of means excludes 0."""
    return _bootstrap(baseline_SN, arm_SM, level, trimmed=0.0)


def _bootstrap(baseline_SN: Floats, arm_SM: Floats, level: float, trimmed: float) -> Signs:
    generator, ends = np.random.default_rng(0), (level / 2.0, 1.0 - level / 2.0)
    sign_S = np.zeros(len(arm_SM), dtype=np.int8)
    for start in range(0, len(arm_SM), 500):
        part = slice(start, start + 500)
        arm_SB, baseline_SB = (_resampled_means(generator, group[part], trimmed) for group in (arm_SM, baseline_SN))
        low_S, high_S = np.quantile(arm_SB - baseline_SB, ends, axis=1)
        sign_S[part] = (low_S > 0.0).astype(np.int8) - (high_S < 0.0)
    return sign_S


def _resampled_means(generator: np.random.Generator, value_SN: Floats, trimmed: float) -> Floats:
    """Trimmed means of bootstrap resamples, shape (splits, resamples): the same resamples for all splits."""
    runs = value_SN.shape[1]
    cut = int(trimmed * runs)
    # Positions in sorted values: a resample is sorted once its positions are.
    kept_BK = np.sort(generator.integers(0, runs, (_RESAMPLES, runs)), axis=1)[:, cut : runs - cut]
    weight_BN = (kept_BK[:, :, None] == np.arange(runs)).mean(axis=1)
    return np.asarray(np.sort(value_SN, axis=1) @ weight_BN.T)


def mann_whitney(baseline_SN: Floats, arm_SM: Floats, level: float) -> Signs:
    """Mann and Whitney's rank test, exact or not as scipy chooses."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = mannwhitneyu(arm_SM, baseline_SN, axis=1)
    ahead_S = np.sign(found.statistic - arm_SM.shape[1] * baseline_SN.shape[1] / 2.0)
    return np.where(found.pvalue <= level, ahead_S, 0).astype(np.int8)


def student(baseline_SN: Floats, arm_SM: Floats, level: float) -> Signs:
    """Student's t-test with one pooled variance."""
    sides = [(group.mean(axis=1), group.std(axis=1, ddof=1), group.shape[1]) for group in (arm_SM, baseline_SN)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = ttest_ind_from_stats(*sides[0], *sides[1], equal_var=True)
    return np.where(found.pvalue <= level, np.sign(found.statistic), 0).astype(np.int8)


def intervals_apart(baseline_SN: Floats, arm_SM: Floats, level: float) -> Signs:
    """The t intervals of the two means don't overlap."""
    (low_S, high_S), (other_low_S, other_high_S) = (_mean_interval(group, level) for group in (arm_SM, baseline_SN))
    return (low_S > other_high_S).astype(np.int8) - (high_S < other_low_S).astype(np.int8)


def _mean_interval(value_SN: Floats, level: float) -> tuple[Floats, Floats]:
    runs = value_SN.shape[1]
    reach_S = -stdtrit(runs - 1, level / 2.0) * value_SN.std(axis=1, ddof=1) / np.sqrt(runs)
    return value_SN.mean(axis=1) - reach_S, value_SN.mean(axis=1) + reach_S


def ratio_rule(baseline_SN: Floats, arm_SM: Floats, level: float) -> Signs:  # noqa: ARG001  # it has no error level
    """Worse below 0.9 times the baseline's mean, better above it divided by 0.9."""
    baseline_S, arm_S = baseline_SN.mean(axis=1), arm_SM.mean(axis=1)
    return np.asarray((arm_S > baseline_S / 0.9).astype(np.int8) - (arm_S < 0.9 * baseline_S))


OTHER_RULES: dict[str, Rule] = {
    "bootstrap of the IQM": iqm_bootstrap,
    "bootstrap of the mean": mean_bootstrap,
    "Mann-Whitney": mann_whitney,
    "Student's t": student,
    "Welch's t": welch,
    "t intervals apart": intervals_apart,
    "0.9 x baseline": ratio_rule,
}
