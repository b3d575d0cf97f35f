"""Student's t distribution, with the infinite values that constant samples need."""

from collections.abc import Iterable

from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped]  # scipy ships no types


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
