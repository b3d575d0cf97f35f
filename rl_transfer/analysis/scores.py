"""Scores of a run's returns, as far as numbers that size can be judged."""

import numpy as np
from numpy.typing import NDArray

from rl_transfer.stats import to_score
from rl_transfer.study import ScoreConfig

LARGEST = 1e50
"""No score lies beyond this, in either direction: squares and fourth powers of scores must stay finite."""

Floats = NDArray[np.float64]


def scores_of(return_T: Floats, anchors: ScoreConfig) -> tuple[Floats, NDArray[np.bool_]]:
    """The scores of a run, and which returns were lifted to the worst anchor.

    Args:
        return_T: Its returns, shape (steps,).
        anchors: What they are measured by.

    Raises:
        ValueError: If a return is not finite, or its score is beyond `LARGEST`.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        score_T, floored_T = to_score(return_T, anchors.random, anchors.reference, anchors.worst)
    beyond_T = ~(np.abs(score_T) <= LARGEST)
    if beyond_T.any():
        raise ValueError(f"return {return_T[beyond_T][0]:g} is a score beyond +-{LARGEST:g}, which can't be judged")
    return score_T, floored_T
