"""One arm against one baseline: positive, negative, equivalent or inconclusive, at a stated error level."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_transfer.analysis.scores import LARGEST
from rl_transfer.analysis.verdict import LEARNED, Verdict, sentence
from rl_transfer.errors import RLTransferError
from rl_transfer.stats import Interval, ShiftTest, seeds_to_decide

Floats = NDArray[np.float64]

CEILING = 0.99


def judge(
    baseline: ArrayLike,
    arm: ArrayLike,
    *,
    alpha: float = 0.05,
    margin: float = 0.10,
    comparisons: int = 1,
    final_baseline: ArrayLike | None = None,
    final_arm: ArrayLike | None = None,
    worst: float | None = None,
    units: tuple[str, str] = ("runs", "runs"),
) -> Verdict:
    """Judge an arm against its baseline on one number a run, such as the mean score over the budget.

    The means are compared by `rl_transfer.stats.ShiftTest`, at level alpha / comparisons (Bonferroni: the only common
    correction whose intervals hold together). The interval entirely above 0 is positive, entirely below negative,
    inside +-margin equivalent; anything else is inconclusive.

    Args:
        baseline: One number a run of the baseline, shape (baseline runs,).
        arm: One number a run of the arm, shape (arm runs,).
        alpha: Error level of the whole family of comparisons.
        margin: Differences inside +-margin are negligible; in score.
        comparisons: Arms that are compared in the family, fixed beforehand.
        final_baseline: Final score of each run of the baseline, same shape as ``baseline``. Together with ``final_arm``
            it tells "equal" from "nobody learned"; without both that is not checked.
        final_arm: Final score of each run of the arm, same shape as ``arm``.
        worst: The score of a failed run, for `Verdict.fragile`; the lowest of all given numbers by default.
        units: What is counted in ``arm`` and in ``baseline``, for the text: "runs", or "sources" where each number is
            the mean over the runs of one source.

    Returns:
        The verdict.

    Raises:
        RLTransferError: If an argument is out of range, or numbers are missing, not finite or not one-dimensional.
    """
    _check_settings(alpha, margin, comparisons, worst)
    baseline_N, arm_M = _numbers(baseline, "baseline"), _numbers(arm, "arm")
    finals = _final_means(final_baseline, len(baseline_N), final_arm, len(arm_M))
    learned, ceiling = not finals or max(finals) >= LEARNED, bool(finals) and min(finals) >= CEILING
    level = alpha / comparisons
    test = ShiftTest(baseline_N, arm_M)
    interval = test.interval(level)
    decision = decide(interval, margin, learned)
    lowest = float(min(baseline_N.min(), arm_M.min())) if worst is None else worst
    undecided = decision == "inconclusive" and learned
    verdict = Verdict(
        verdict=decision,
        text="",
        difference=test.difference,
        interval=interval,
        interval_95=test.interval(0.05),
        p=test.p_value(),
        level=level,
        effect=_effect(test.difference, baseline_N, arm_M),
        n=len(arm_M),
        n_baseline=len(baseline_N),
        fragile=decide(_interval_after_failure(baseline_N, arm_M, lowest, level), margin, learned) != decision,
        negligible=decision in ("positive", "negative") and within(interval, margin),
        seeds_to_decide=_seeds(test.difference, baseline_N, arm_M, level, margin) if undecided else None,
        ceiling=ceiling,
        units=units,
    )
    return replace(verdict, text=sentence(verdict, margin, learned))


def judge_family(
    baseline: ArrayLike,
    arms: Mapping[str, ArrayLike],
    *,
    alpha: float = 0.05,
    margin: float = 0.10,
    comparisons: int | None = None,
    final_baseline: ArrayLike | None = None,
    final_arms: Mapping[str, ArrayLike] | None = None,
    worst: float | None = None,
) -> dict[str, Verdict]:
    """Judge several arms against one baseline, so that all verdicts together hold at level alpha.

    Args:
        baseline: One number a run of the baseline, shape (baseline runs,).
        arms: One number a run of each arm, by the arm's name.
        alpha: Probability that any of the arms is called positive or negative without being so, or equivalent without
            lying inside the margin.
        margin: Differences inside +-margin are negligible; in score.
        comparisons: Arms in the family; as many as are given by default. More where others were planned.
        final_baseline: Final score of each run of the baseline.
        final_arms: Final scores of each arm's runs, by the arm's name.
        worst: The score of a failed run.

    Returns:
        The verdict of each arm.

    Raises:
        RLTransferError: If an argument is out of range, or numbers are missing, not finite or not one-dimensional.
    """
    count = len(arms) if comparisons is None else comparisons
    if count < len(arms):
        raise RLTransferError(f"comparisons is {count}, but {len(arms)} arms are to be judged")
    return {
        name: judge(
            baseline,
            arm,
            alpha=alpha,
            margin=margin,
            comparisons=count,
            final_baseline=final_baseline,
            final_arm=None if final_arms is None else final_arms.get(name),
            worst=worst,
        )
        for name, arm in arms.items()
    }


def _check_settings(alpha: float, margin: float, comparisons: int, worst: float | None) -> None:
    if not 0.0 < alpha < 1.0:
        raise RLTransferError(f"alpha must lie strictly between 0 and 1, not {alpha}")
    if not (margin > 0.0 and isfinite(margin)):
        raise RLTransferError(f"margin must be a finite score above 0, not {margin}")
    if comparisons < 1:
        raise RLTransferError(f"comparisons must be at least 1, not {comparisons}")
    if worst is not None and not abs(worst) <= LARGEST:
        raise RLTransferError(f"worst must be a finite score inside +-{LARGEST:g}, not {worst}")


def _numbers(values: ArrayLike, name: str) -> Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RLTransferError(f"{name}: needs one number a run ({error})") from error
    if array.ndim != 1 or array.size == 0:
        raise RLTransferError(f"{name}: needs a list of one number a run, at least one, not shape {array.shape}")
    if not np.isfinite(array).all():
        raise RLTransferError(f"{name}: holds NaN or infinite numbers; give a failed run the worst score instead")
    if np.abs(array).max() > LARGEST:
        raise RLTransferError(f"{name}: holds scores beyond +-{LARGEST:g}, which can't be judged")
    return array


def _final_means(
    final_baseline: ArrayLike | None, n_baseline: int, final_arm: ArrayLike | None, n: int
) -> tuple[float, ...]:
    """Mean final score of the baseline and of the arm; nothing where none were given."""
    if final_baseline is None and final_arm is None:
        return ()
    if final_baseline is None or final_arm is None:
        raise RLTransferError("final scores are needed of both the baseline and the arm, or of neither")
    means = []
    for values, name, runs in ((final_baseline, "final_baseline", n_baseline), (final_arm, "final_arm", n)):
        numbers = _numbers(values, name)
        if len(numbers) != runs:
            raise RLTransferError(f"{name}: holds {len(numbers)} numbers for {runs} runs")
        means.append(float(numbers.mean()))
    return tuple(means)


def within(interval: Interval, margin: float) -> bool:
    """Whether all differences of an interval are negligible."""
    return -margin < interval.low and interval.high < margin


def decide(interval: Interval, margin: float, learned: bool) -> str:
    """The verdict that an interval licenses; where nobody learned, no difference says nothing."""
    if interval.low > 0.0:
        return "positive"
    if interval.high < 0.0:
        return "negative"
    return "equivalent" if within(interval, margin) and learned else "inconclusive"


def _interval_after_failure(baseline_N: Floats, arm_M: Floats, worst: float, level: float) -> Interval:
    """The interval if the arm's best run had failed."""
    return ShiftTest(baseline_N, np.append(np.sort(arm_M)[:-1], worst)).interval(level)


def _effect(difference: float, baseline_N: Floats, arm_M: Floats) -> float | None:
    freedom = len(baseline_N) + len(arm_M) - 2
    squares = sum(float(np.square(group - group.mean()).sum()) for group in (baseline_N, arm_M) if np.ptp(group) > 0.0)
    return difference / sqrt(squares / freedom) if squares > 0.0 else None


def _seeds(difference: float, baseline_N: Floats, arm_M: Floats, level: float, margin: float) -> int | None:
    fewest = min(len(baseline_N), len(arm_M))
    if fewest == 1:
        return None
    spreads = [float(group.std(ddof=1)) for group in (baseline_N, arm_M)]
    return seeds_to_decide(difference, *spreads, level=level, margin=margin, seeds_so_far=fewest)
