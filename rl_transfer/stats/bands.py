"""Bands around mean curves, for the eye only."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_transfer.stats.checks import as_finite, check_level

Floats = NDArray[np.float64]


def pointwise_band(score_RT: ArrayLike, level: float = 0.95, draws: int = 2000, seed: int = 0) -> tuple[Floats, Floats]:
    """Percentile bootstrap band of the mean curve. Pointwise, for display; never for a verdict.

    Each step has its own interval; nothing is claimed for the curve as a whole. With few runs the band is too narrow:
    at five runs a nominal 95 % covers about 84 %. Verdicts come from `rl_transfer.stats.shift_test`.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.

    Args:
        score_RT: Score of each run at each step, shape (runs, steps).
        level: Nominal coverage at each step, in (0, 1).
        draws: Bootstrap samples of whole runs.
        seed: Seed of the resampling.

    Returns:
        Lower and upper edge, each of shape (steps,).

    Raises:
        ValueError: If the curves are empty, not two-dimensional or not finite, or a setting is out of range.
    """
    scores = as_finite(score_RT, "score_RT", axes=2)
    check_level(level)
    if draws < 1:
        raise ValueError(f"draws must be at least 1, not {draws}")
    runs = scores.shape[0]
    share_DR = np.random.default_rng(seed).multinomial(runs, np.full(runs, 1.0 / runs), size=draws) / runs
    low_T, high_T = np.quantile(share_DR @ scores, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    return low_T, high_T
