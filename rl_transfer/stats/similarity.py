"""How alike two networks, two tasks' dynamics, or values and returns are: pure functions of arrays."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist  # type: ignore[import-untyped]
from scipy.stats import spearmanr  # type: ignore[import-untyped]

Floats = NDArray[np.float64]

_PENALTY = 1e-3
"""Ridge penalty of the dynamics model, as a share of the kernel's mean diagonal."""
_MOST_DISTANCES = 500
"""Observations that the kernel's width is measured on."""
_ROUNDING = 1e-12
"""Below this share of its size a spread is rounding error."""


def linear_cka(ours_NP: Floats, theirs_NQ: Floats) -> float:
    """Linear centred kernel alignment of two representations of the same N observations.

    With X and Y centred by column: ||X'Y||^2 / (||X'X|| ||Y'Y||), in Frobenius norms. 1 where one is the other turned,
    mirrored, shifted or scaled as a whole; 0 where no column of the one says anything of a column of the other
    (Kornblith et al. 2019, "Similarity of neural network representations revisited").

    Args:
        ours_NP: N observations x P units.
        theirs_NQ: N observations x Q units.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: If the two are not of the same observations, or a representation does not change over them.
    """
    if ours_NP.ndim != 2 or theirs_NQ.ndim != 2 or len(ours_NP) != len(theirs_NQ):
        raise ValueError(f"needs N x P and N x Q, not {ours_NP.shape} and {theirs_NQ.shape}")
    ours, theirs = (_centred(array) for array in (ours_NP, theirs_NQ))
    if not ours.any() or not theirs.any():
        raise ValueError("a representation that does not change is like no other")
    shared = float(np.sum((ours.T @ theirs) ** 2))
    return shared / float(np.linalg.norm(ours.T @ ours) * np.linalg.norm(theirs.T @ theirs))


def _centred(array_NP: Floats) -> Floats:
    """Columns with mean 0 and the whole with size 1; all zeros where nothing but rounding would be left."""
    centred = array_NP - array_NP.mean(axis=0)
    size = float(np.abs(centred).max(initial=0.0))
    if size <= _ROUNDING * float(np.abs(array_NP).max(initial=0.0)):
        return np.zeros_like(centred)
    scaled: Floats = centred / size
    return scaled


def dynamics_error(input_NI: Floats, output_NO: Floats, target_input_MI: Floats, target_output_MO: Floats) -> float:
    """How badly a one-step model of a source task predicts a target task.

    The model is kernel ridge regression (Saunders et al. 1998) with the kernel x'y / I + exp(-|x - y|^2 / (2 w^2)): a
    linear part, which goes on where the source never was, and a local one; w is the median distance of the source's
    inputs. Inputs are standardised over both tasks together, so that one which hardly changes in the source alone is
    not blown up. The squared error of each output is divided by that output's variance on the target
    (where it never changes there, by its mean square; where it is always 0, by 1), then averaged over outputs.

    Args:
        input_NI: Observations and actions of N source transitions.
        output_NO: What followed: changes of the observation, and the reward.
        target_input_MI: The same of M target transitions.
        target_output_MO: What followed there.

    Returns:
        The error: 0 for perfect predictions, 1 for those no better than the target's own mean, without upper bound.

    Raises:
        ValueError: If the arrays do not fit together, or are empty.
    """
    if len(input_NI) != len(output_NO) or len(target_input_MI) != len(target_output_MO):
        raise ValueError("needs as many outputs as inputs")
    if input_NI.shape[1] != target_input_MI.shape[1] or output_NO.shape[1] != target_output_MO.shape[1]:
        raise ValueError("source and target need the same inputs and outputs")
    if not len(input_NI) or not len(target_input_MI):
        raise ValueError("needs transitions of both tasks")
    predicted_MO = _ridge(input_NI, output_NO, target_input_MI)
    square_O = np.mean((predicted_MO - target_output_MO) ** 2, axis=0)
    return float(np.mean(square_O / _scale(target_output_MO)))


def _ridge(input_NI: Floats, output_NO: Floats, new_MI: Floats) -> Floats:
    """Predictions of kernel ridge regression."""
    both = np.concatenate([input_NI, new_MI])
    mean_I, deviation_I = both.mean(axis=0), both.std(axis=0)
    deviation_I = np.where(deviation_I > _ROUNDING, deviation_I, 1.0)
    ours, new = (input_NI - mean_I) / deviation_I, (new_MI - mean_I) / deviation_I
    distances = cdist(ours[:_MOST_DISTANCES], ours[:_MOST_DISTANCES])
    width = float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0
    kernel = _kernel(ours, ours, width)
    kernel[np.diag_indices_from(kernel)] += _PENALTY * np.trace(kernel) / len(kernel)
    mean_O = output_NO.mean(axis=0)
    predicted: Floats = mean_O + _kernel(new, ours, width) @ np.linalg.solve(kernel, output_NO - mean_O)
    return predicted


def _kernel(ours: Floats, theirs: Floats, width: float) -> Floats:
    local: Floats = np.exp(-cdist(ours, theirs, "sqeuclidean") / (2.0 * width**2))
    kernel: Floats = local + ours @ theirs.T / ours.shape[1]
    return kernel


def _scale(output_MO: Floats) -> Floats:
    variance_O, square_O = output_MO.var(axis=0), np.mean(output_MO**2, axis=0)
    changing = variance_O > _ROUNDING * np.maximum(square_O, _ROUNDING)
    scale: Floats = np.where(changing, variance_O, np.where(square_O > 0.0, square_O, 1.0))
    return scale


def returns_to_go(reward_T: Floats, discount: float, steps: int | None = None) -> Floats:
    """The discounted sum of rewards from each step of an episode on.

    Args:
        reward_T: Rewards in the order of time.
        discount: Gamma.
        steps: How many rewards are added up; all to the episode's end by default, where it is nearer in any case.
    """
    found = np.zeros(len(reward_T))
    tail = 0.0
    for step in range(len(reward_T) - 1, -1, -1):
        found[step] = tail = float(reward_T[step]) + discount * tail
    if steps is None or steps >= len(reward_T):
        return found
    later = np.concatenate([found[steps:], np.zeros(steps)])
    return found - discount**steps * later


def rank_agreement(value_N: Floats, return_N: Floats) -> float:
    """Spearman's rank correlation of predicted values with the returns that were got.

    Args:
        value_N: Values of N states.
        return_N: Discounted returns from there on.

    Returns:
        From -1 to 1.

    Raises:
        ValueError: If there are fewer than three states, or all values or all returns are equal.
    """
    if len(value_N) != len(return_N) or len(value_N) < 3:
        raise ValueError(f"needs values and returns of the same three states or more: {len(value_N)}, {len(return_N)}")
    for what, array in (("values", value_N), ("returns", return_N)):
        if not _centred(np.asarray(array, np.float64)[:, None]).any():
            raise ValueError(f"all {what} are equal")
    return float(spearmanr(value_N, return_N).statistic)
