"""Do predictions put candidates into the order that the truth has? Ranks are compared within groups only."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import atanh, sqrt, tanh

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class RankCorrelation:
    """A rank correlation within groups.

    Attributes:
        value: From -1 to 1; None where all predictions, or all truths, of every group are equal.
        low: Lower end of the 95 % interval; -1 where there are too few cells for any.
        high: Upper end.
        cells: Candidates that it was measured on: those of groups that have two or more.
        groups: Groups with two or more candidates.
    """

    value: float | None
    low: float
    high: float
    cells: int
    groups: int


def partial_rank_correlation(
    predicted_C: Floats, truth_C: Floats, group_C: Integers, *, level: float = 0.05
) -> RankCorrelation:
    """Spearman's rank correlation given the group: ranks within each group, centred there, pooled.

    The interval is Fisher's, z +- 1.96 s, with s^2 = (1 + r^2 / 2) / (C - 3 - k) for C cells and k = groups - 1
    variables that are held fixed (Bonett & Wright 2000, "Sample size requirements for estimating Pearson, Kendall and
    Spearman correlations", for rank correlations; Fisher 1924 for partial ones). A correlation of 1 or -1, which has no
    z, gets that of the largest correlation below 1 that so many ranks can have. What it covers is the correlation to be
    expected among that many candidates, which lies nearer to 0 than that of many.

    Args:
        predicted_C: Predictions for C candidates.
        truth_C: What they really were.
        group_C: The group of each candidate.
        level: One minus the interval's coverage.

    Raises:
        ValueError: If the arrays have different lengths, or hold something that is not finite.
    """
    groups = list(_groups(predicted_C, truth_C, group_C))
    cells = sum(len(group) for group in groups)
    pooled = [
        np.concatenate([_centred_ranks(array[group]) for group in groups]) if groups else np.zeros(0)
        for array in (predicted_C, truth_C)
    ]
    sizes = [float(ranks @ ranks) for ranks in pooled]
    if not all(sizes):
        return RankCorrelation(None, -1.0, 1.0, cells, len(groups))
    value = float(np.clip(pooled[0] @ pooled[1] / sqrt(sizes[0] * sizes[1]), -1.0, 1.0))
    low, high = _interval(value, [len(group) for group in groups], level)
    return RankCorrelation(value, low, high, cells, len(groups))


def _groups(predicted_C: Floats, truth_C: Floats, group_C: Integers) -> Iterator[NDArray[np.intp]]:
    """The places of each group's candidates; a single one has no order."""
    if not len(predicted_C) == len(truth_C) == len(group_C):
        raise ValueError(f"lengths differ: {len(predicted_C)}, {len(truth_C)}, {len(group_C)}")
    if not (np.isfinite(predicted_C).all() and np.isfinite(truth_C).all()):
        raise ValueError("predictions and truths must be finite")
    for group in np.unique(group_C):
        places = np.flatnonzero(group_C == group)
        if len(places) > 1:
            yield places


def _centred_ranks(array: Floats) -> Floats:
    ranks: Floats = rankdata(array) - (len(array) + 1) / 2
    return ranks


def _interval(value: float, sizes: list[int], level: float) -> tuple[float, float]:
    freedom = sum(sizes) - 3 - (len(sizes) - 1)
    # Two neighbours exchanged is the smallest disorder there is.
    largest = 1.0 - 12.0 / sum(size**3 - size for size in sizes)
    if freedom < 1 or largest <= 0.0:
        return -1.0, 1.0
    z = atanh(float(np.clip(value, -largest, largest)))
    half = float(norm.isf(level / 2)) * sqrt((1.0 + value**2 / 2.0) / freedom)
    # Ends beyond the substitute would leave a correlation of 1 outside its own interval.
    return min(tanh(z - half), value), max(tanh(z + half), value)


@dataclass(frozen=True)
class FirstChoice:
    """What following the first choice in every group comes to.

    Attributes:
        right: Share of groups in which it was the best; ties count as parts.
        loss: How much less than the best it was, mean over groups.
        groups: Groups with two or more candidates.
    """

    right: float
    loss: float
    groups: int


def first_choice(predicted_C: Floats, truth_C: Floats, group_C: Integers) -> FirstChoice | None:
    """What it comes to if in every group the candidate with the highest prediction is taken.

    Of candidates with equal predictions one is taken at random: what is returned is the mean over this. Equal
    predictions throughout are a random choice.

    Args:
        predicted_C: Predictions for C candidates.
        truth_C: What they really were.
        group_C: The group of each candidate.

    Returns:
        The outcome; None where no group has two candidates.

    Raises:
        ValueError: If the arrays have different lengths, or hold something that is not finite.
    """
    right, loss = [], []
    for places in _groups(predicted_C, truth_C, group_C):
        predicted, truth = predicted_C[places], truth_C[places]
        chosen = truth[predicted == predicted.max()]
        right.append(float(np.mean(chosen == truth.max())))
        loss.append(float(truth.max() - chosen.mean()))
    return FirstChoice(float(np.mean(right)), float(np.mean(loss)), len(right)) if right else None
