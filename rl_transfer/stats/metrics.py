"""What a learning curve says in one number a run."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_transfer.stats.checks import as_curves, as_sample
from rl_transfer.stats.student import critical_value

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

EVALUATIONS_IN_A_ROW = 3


class RestrictedTime(NamedTuple):
    """How long it took to learn, where a run that never got there counts as the whole budget."""

    mean_steps: float
    reached_fraction: float


def mean_score(score_RT: ArrayLike, step_T: ArrayLike) -> Floats:
    """Area under each run's curve, divided by the steps it covers: the primary metric.

    The area follows the trapezoid rule. A study's curves begin before the first step, so that they cover the budget;
    where a curve begins later, what came before does not count. Taylor and Stone (2009), "Transfer learning for
    reinforcement learning domains: a survey", JMLR 10, call the area "total reward".

    Args:
        score_RT: Score of each run at each step, shape (runs, steps).
        step_T: Target steps of the evaluations, shape (steps,), up to the budget.

    Returns:
        One mean score a run, shape (runs,).

    Raises:
        ValueError: If the shapes disagree, a value is not finite, or the grid doesn't rise.
    """
    scores, steps = as_curves(score_RT, step_T)
    return np.asarray(np.trapezoid(scores, steps, axis=1) / (steps[-1] - steps[0]), dtype=np.float64)


def jumpstart(score_RT: ArrayLike, step_T: ArrayLike) -> Floats:
    """Score before the first step of training (Taylor and Stone, 2009).

    Args:
        score_RT: Score of each run at each step, shape (runs, steps).
        step_T: Target steps of the evaluations, shape (steps,), from 0 to the budget.

    Returns:
        One score a run, shape (runs,).

    Raises:
        ValueError: If the shapes disagree, a value is not finite, or the grid doesn't rise from 0.
    """
    scores, steps = as_curves(score_RT, step_T)
    if steps[0] != 0:
        raise ValueError(f"there is no jumpstart without an evaluation at step 0, the first is at {steps[0]:g}")
    return scores[:, 0].copy()


def asymptotic_score(score_RT: ArrayLike, step_T: ArrayLike) -> Floats:
    """Mean score over the evaluations in the last tenth of the budget (Taylor and Stone, 2009).

    Args:
        score_RT: Score of each run at each step, shape (runs, steps).
        step_T: Target steps of the evaluations, shape (steps,), up to the budget.

    Returns:
        One score a run, shape (runs,); the last evaluation where the last tenth holds no other.

    Raises:
        ValueError: If the shapes disagree, a value is not finite, or the grid doesn't rise.
    """
    scores, steps = as_curves(score_RT, step_T)
    return np.asarray(scores[:, 10.0 * steps >= 9.0 * steps[-1]].mean(axis=1), dtype=np.float64)


def steps_to_threshold(score_RT: ArrayLike, step_T: ArrayLike, threshold: float) -> tuple[Floats, Flags]:
    """When each run first held a score: the first of three evaluations in a row at or above it.

    Args:
        score_RT: Score of each run at each step, shape (runs, steps).
        step_T: Target steps of the evaluations, shape (steps,), up to the budget.
        threshold: The score to hold.

    Returns:
        Target steps, shape (runs,), censored at the budget; and whether the run got there, shape (runs,).

    Raises:
        ValueError: If the shapes disagree, a value is not finite, or the grid doesn't rise.
    """
    scores, steps = as_curves(score_RT, step_T)
    above_RT = scores >= threshold
    if len(steps) < EVALUATIONS_IN_A_ROW:
        return np.full(len(scores), steps[-1]), np.zeros(len(scores), dtype=np.bool_)
    window_RSW = np.lib.stride_tricks.sliding_window_view(above_RT, EVALUATIONS_IN_A_ROW, axis=1)
    held_RS: Flags = np.asarray(window_RSW.all(axis=2))
    reached_R: Flags = np.asarray(held_RS.any(axis=1))
    return np.where(reached_R, steps[held_RS.argmax(axis=1)], steps[-1]), reached_R


def restricted_mean_time(score_RT: ArrayLike, step_T: ArrayLike, threshold: float) -> RestrictedTime:
    """Mean time to a score over runs, those that never held it counted at the budget.

    Royston and Parmar (2013), BMC Medical Research Methodology 13, on restricted mean survival time.

    Args:
        score_RT: Score of each run at each step, shape (runs, steps).
        step_T: Target steps of the evaluations, shape (steps,), up to the budget.
        threshold: The score to hold for three evaluations in a row.

    Returns:
        The mean in target steps, and the fraction of runs that held the score.

    Raises:
        ValueError: If the shapes disagree, a value is not finite, or the grid doesn't rise.
    """
    step_R, reached_R = steps_to_threshold(score_RT, step_T, threshold)
    return RestrictedTime(float(step_R.mean()), float(reached_R.mean()))


def transfer_ratio(arm_R: ArrayLike, baseline_R: ArrayLike) -> float | None:
    """Gain in mean score relative to the baseline's (Taylor and Stone, 2009), where that is a fair number.

    Args:
        arm_R: Mean score of each run of the arm, shape (arm runs,).
        baseline_R: Mean score of each run of the baseline, shape (baseline runs,).

    Returns:
        (mean(arm) - mean(baseline)) / mean(baseline); None unless the 95 % t interval of the baseline's mean lies
        entirely above 0, since a ratio to something near or below 0 has no meaning.

    Raises:
        ValueError: If a group is empty, not one-dimensional or not finite.
    """
    arm, baseline = as_sample(arm_R, "arm_R"), as_sample(baseline_R, "baseline_R")
    if len(baseline) < 2:
        return None
    mean = float(baseline.mean())
    reach = critical_value(0.05, len(baseline) - 1) * float(baseline.std(ddof=1)) / len(baseline) ** 0.5
    return (float(arm.mean()) - mean) / mean if mean - reach > 0.0 else None


def to_score(return_: ArrayLike, random: float, reference: float, worst: float) -> tuple[Floats, Flags]:
    """Returns on the scale where a random policy scores 0 and the reference policy 1, floored at the worst anchor.

    Args:
        return_: Episode returns, any shape.
        random: Return of a random policy.
        reference: Return of a policy that has learned the task; above ``random``.
        worst: The lowest return that counts; at most ``random``.

    Returns:
        Scores (return - random) / (reference - random), of the same shape; and which of them were lifted to the floor.

    Raises:
        ValueError: If a value is not finite or the anchors are not in the order worst <= random < reference.
    """
    returns = np.asarray(return_, dtype=np.float64)
    if not np.isfinite(returns).all():
        raise ValueError("return_ holds NaN or infinite values")
    if not -np.inf < worst <= random < reference < np.inf:
        raise ValueError(
            f"anchors must satisfy worst <= random < reference, not worst {worst}, random {random}, "
            f"reference {reference}"
        )
    floored = returns < worst
    return np.asarray((np.maximum(returns, worst) - random) / (reference - random), dtype=np.float64), floored
