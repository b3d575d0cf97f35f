"""Many p-values together."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_transfer.stats.checks import as_sample


def holm(p_K: ArrayLike) -> NDArray[np.float64]:
    """p-values that may be held against one error level all together, whatever their dependence.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics.

    Args:
        p_K: One p-value a question, shape (questions,), each in [0, 1].

    Returns:
        Adjusted p-values in the same order, shape (questions,): the smallest times the number of questions, the next
        times one less and so on, none below a smaller one's and none above 1.

    Raises:
        ValueError: If there is none, or one is not a number in [0, 1].
    """
    p = as_sample(p_K, "p_K")
    if p.min() < 0.0 or p.max() > 1.0:
        raise ValueError(f"p_K must lie between 0 and 1, not {p.tolist()}")
    order = np.argsort(p, kind="stable")
    adjusted_K = np.empty_like(p)
    adjusted_K[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted_K
