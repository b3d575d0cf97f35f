"""What several pairs look like together, for display: no error level belongs to any of these numbers.

Source of all: Agarwal et al. (2021), Deep reinforcement learning at the edge of the statistical precipice, NeurIPS 34.
A block is an array of shape (seeds, pairs), or (runs,) for a single pair: pairs whose runs of one seed depend on each
other, since they share runs or source agents, form one block.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_transfer.stats.checks import as_block, as_finite, as_sample, check_level
from rl_transfer.stats.shift_test import Interval

Floats = NDArray[np.float64]

RESAMPLES = 2000
_SEED = 20_210_830


def interquartile_mean(score_B: Sequence[ArrayLike]) -> float:
    """Mean of the middle half of all runs, pooled over pairs.

    Args:
        score_B: Scores of each block, shape (seeds, pairs of the block) or (runs,).

    Returns:
        The mean after the highest and the lowest quarter of the runs, rounded down, are left out.

    Raises:
        ValueError: If there is no block, or one is empty or not finite.
    """
    return float(_middle_mean(np.concatenate([block.ravel() for block in _blocks(score_B)])))


def interquartile_band(score_B: Sequence[ArrayLike], level: float = 0.05) -> Interval:
    """Bootstrap band of the interquartile mean, to be shown and not to decide anything: with few runs it is too narrow.

    Args:
        score_B: Scores of each block, shape (seeds, pairs of the block) or (runs,). Seeds are drawn anew within their
            block, whole rows of it.
        level: Share of resamples left outside, both ends together.

    Returns:
        Percentiles over `RESAMPLES` resamples from a fixed generator.

    Raises:
        ValueError: If there is no block, one is empty or not finite, or the level is outside (0, 1).
    """
    mean_S = _middle_mean(np.concatenate([drawn.reshape(RESAMPLES, -1) for drawn in _resampled(score_B)], axis=1))
    return Interval(*_percentiles(mean_S, level).tolist())


def performance_profile(score_B: Sequence[ArrayLike], tau_T: ArrayLike) -> Floats:
    """Share of runs that score above each of some thresholds, as a mean over pairs.

    Args:
        score_B: Scores of each block, shape (seeds, pairs of the block) or (runs,).
        tau_T: The thresholds, shape (thresholds,).

    Returns:
        Shares, shape (thresholds,).

    Raises:
        ValueError: If there is no block or no threshold, or one is empty or not finite.
    """
    block_B = _blocks(score_B)
    share_1T = _share_above(block_B, [np.full((1, len(block)), 1.0 / len(block)) for block in block_B], tau_T)
    profile_T: Floats = share_1T.reshape(-1)
    return profile_T


def profile_band(score_B: Sequence[ArrayLike], tau_T: ArrayLike, level: float = 0.05) -> tuple[Floats, Floats]:
    """Bootstrap band of the performance profile, at each threshold by itself; see `interquartile_band`.

    Args:
        score_B: Scores of each block, shape (seeds, pairs of the block) or (runs,).
        tau_T: The thresholds, shape (thresholds,).
        level: Share of resamples left outside, both ends together.

    Returns:
        The lower and the upper end, each of shape (thresholds,).

    Raises:
        ValueError: If there is no block or no threshold, one is empty or not finite, or the level is outside (0, 1).
    """
    block_B, generator = _blocks(score_B), np.random.default_rng(_SEED)
    weight_B = []
    for block in block_B:
        drawn_SN = generator.multinomial(len(block), np.full(len(block), 1.0 / len(block)), RESAMPLES)
        weight_B.append(drawn_SN / len(block))
    low_T, high_T = _percentiles(_share_above(block_B, weight_B, tau_T), level)
    return low_T, high_T


def mean_band(score_RT: ArrayLike, level: float = 0.05) -> tuple[Floats, Floats]:
    """Bootstrap band of the mean learning curve, at each step by itself; see `interquartile_band`.

    Args:
        score_RT: Score of each run at each step, shape (runs, steps).
        level: Share of resamples left outside, both ends together.

    Returns:
        The lower and the upper end, each of shape (steps,).

    Raises:
        ValueError: If there is no run or no step, a score is not finite, or the level is outside (0, 1).
    """
    score = as_finite(score_RT, "score_RT", 2)
    runs = len(score)
    weight_SR = np.random.default_rng(_SEED).multinomial(runs, np.full(runs, 1.0 / runs), RESAMPLES) / runs
    low_T, high_T = _percentiles(weight_SR @ score, level)
    return low_T, high_T


def probability_of_improvement(baseline_P: Sequence[ArrayLike], arm_P: Sequence[ArrayLike]) -> float:
    """How often a run of the arm scores more than one of the baseline on the same pair, as a mean over pairs.

    Args:
        baseline_P: Scores of the baseline on each pair, shape (runs,) each.
        arm_P: The arm's, in the same order of pairs.

    Returns:
        Mean over pairs of Mann and Whitney's U / (n m): ties count half.

    Raises:
        ValueError: If there is no pair, the two sides differ in pairs, or a sample is empty or not finite.
    """
    if not len(baseline_P) == len(arm_P) > 0:
        raise ValueError(f"both sides need the same pairs, at least one, not {len(baseline_P)} and {len(arm_P)}")
    wins_P = []
    for baseline, arm in zip(baseline_P, arm_P, strict=True):
        ahead_MN = as_sample(arm, "arm_P")[:, None] - as_sample(baseline, "baseline_P")[None, :]
        wins_P.append(np.mean((np.sign(ahead_MN) + 1.0) / 2.0))
    return float(np.mean(wins_P))


def _blocks(score_B: Sequence[ArrayLike]) -> list[Floats]:
    if not len(score_B):
        raise ValueError("score_B must hold at least one block")
    return [as_block(block, "score_B") for block in score_B]


def _middle_mean(score: Floats) -> Floats:
    """Interquartile mean over the last axis."""
    cut = score.shape[-1] // 4
    return np.asarray(np.sort(score, axis=-1)[..., cut : score.shape[-1] - cut].mean(axis=-1))


def _share_above(block_B: Sequence[Floats], weight_B: Sequence[Floats], tau_T: ArrayLike) -> Floats:
    """Share above each threshold, shape (resamples, thresholds), as a mean over the pairs of all blocks.

    Args:
        block_B: Scores, shape (seeds, pairs of the block) each.
        weight_B: How much each seed counts in each resample, shape (resamples, seeds) each.
        tau_T: The thresholds, shape (thresholds,).
    """
    taus = as_sample(tau_T, "tau_T")
    pairs = sum(block.shape[1] for block in block_B)
    share_ST = sum(
        weight_SN @ (block[:, :, None] > taus).sum(axis=1) / pairs
        for block, weight_SN in zip(block_B, weight_B, strict=True)
    )
    return np.asarray(share_ST, dtype=np.float64)


def _resampled(score_B: Sequence[ArrayLike]) -> list[Floats]:
    """Blocks with their seeds drawn anew, shape (resamples, seeds, pairs) each."""
    generator = np.random.default_rng(_SEED)
    return [block[generator.integers(0, len(block), (RESAMPLES, len(block)))] for block in _blocks(score_B)]


def _percentiles(value_S: Floats, level: float) -> Floats:
    """Both ends of what the resamples (first axis) give, shape (2, ...)."""
    check_level(level)
    return np.asarray(np.quantile(value_S, (level / 2.0, 1.0 - level / 2.0), axis=0), dtype=np.float64)
