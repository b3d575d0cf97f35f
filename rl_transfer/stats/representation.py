"""What a layer still tells apart: pure functions of its outputs on a batch."""

import numpy as np
from numpy.typing import NDArray

_UNCHANGED = 0.01
"""A unit whose outputs differ by less than this share of what is usual in its layer tells nothing apart."""


def dead_share(output_BU: NDArray[np.floating]) -> float:
    """The share of units that give the same for every observation: ReLU at 0, tanh saturated.

    A unit is dead if its largest and its smallest output differ by no more than 1 % of the mean difference of its
    layer's units. So it is scale-free and the same for every activation, as the score of dormant units is for ReLU
    (Sokar et al. 2023, "The dormant neuron phenomenon", who compare sizes where this compares changes).

    Args:
        output_BU: B observations x U units, both at least one.

    Returns:
        From 0 to 1; 1 where no unit changes.
    """
    range_U = np.ptp(output_BU, axis=0)
    return float(np.mean(range_U <= _UNCHANGED * range_U.mean()))


def effective_rank(output_BU: NDArray[np.floating]) -> float:
    """The exponential of the entropy of the normalised singular values.

    Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality", definition 1. Not centred.

    Args:
        output_BU: B observations x U units, both at least one.

    Returns:
        From 1 to the smaller of B and U; NaN where all is 0.
    """
    singular_K = np.linalg.svd(output_BU.astype(np.float64), compute_uv=False)
    total = singular_K.sum()
    if total == 0:
        return float("nan")
    share_K = singular_K / total
    share_K = share_K[share_K > 0]
    return float(np.exp(-np.sum(share_K * np.log(share_K))))
