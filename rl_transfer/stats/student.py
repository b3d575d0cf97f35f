"""Student's t distribution, with the infinite values that constant samples need."""

from collections.abc import Iterable
from math import sqrt

from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped]  # scipy ships no types

from rl_transfer.stats.checks import as_sample


def two_sided_p(statistic: float, freedom: float) -> float:
    """Probability of a statistic at least this far from 0, in either direction.

    Args:
        statistic: The t statistic; may be infinite.
        freedom: Degrees of freedom, above 0.

    Returns:
        A probability in [0, 1].
    """
    return float(min(1.0, 2.0 * stdtr(freedom, -abs(statistic))))


def critical_value(level: float, freedom: float) -> float:
    """The statistic that is exceeded, in either direction, with probability ``level``.

    Args:
        level: Two-sided error level, in (0, 1).
        freedom: Degrees of freedom, above 0.

    Returns:
        A positive number.
    """
    return float(-stdtrit(freedom, level / 2.0))


def satterthwaite(squared_errors: Iterable[tuple[float, int]]) -> float:
    """Degrees of freedom of a sum of independent means, each with a spread of its own.

    Source: Satterthwaite (1946), An approximate distribution of estimates of variance components, Biometrics
    Bulletin 2.

    Args:
        squared_errors: Of each mean its squared standard error and the degrees of freedom of that; not all 0.

    Returns:
        A number between the smallest of the degrees and their sum.
    """
    known = list(squared_errors)
    return float(sum(error for error, _ in known) ** 2 / sum(error**2 / freedom for error, freedom in known))


def prediction_p(value: float, sample_R: ArrayLike) -> float:
    """How probably one more value of a sample's normal distribution would be as low as this one.

    Source: Hahn and Meeker (1991), Statistical Intervals, chapter 4, inverted.

    Args:
        value: The one value.
        sample_R: The sample, shape (at least 2,).

    Returns:
        A one-sided p-value in [0, 1]; where the sample has no spread 0 for a lower value, else 1.

    Raises:
        ValueError: If the sample has fewer than two values or is not finite.
    """
    values = as_sample(sample_R, "sample_R")
    runs = len(values)
    if runs < 2:
        raise ValueError(f"sample_R needs at least two values, not {runs}")
    below, spread = value - float(values.mean()), float(values.std(ddof=1))
    if spread == 0.0:
        return 0.0 if below < 0.0 else 1.0
    return float(stdtr(runs - 1, below / (spread * sqrt(1.0 + 1.0 / runs))))
