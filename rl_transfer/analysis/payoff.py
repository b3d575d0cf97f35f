"""What an arm costs and gives back: when its source has paid off, and what its agents keep of the source task."""

from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from rl_transfer.analysis.load import PairData, RunData
from rl_transfer.stats import Interval, mean_interval, steps_to_threshold, welch_interval

Floats = NDArray[np.float64]

_LEVEL = 0.05


@dataclass(frozen=True)
class Payoff:
    """Target steps that an arm saves until the threshold, against what training its source took.

    Attributes:
        steps_saved: Restricted mean time to threshold from scratch minus that of the arm, in target steps.
        interval: Its 95 % interval (Welch), not adjusted for the number of arms.
        source_steps: Steps that training the source took, on average.
        total_steps: Target steps of a run and those of its source together.
        targets: Number of targets after which the source's steps are saved; None where no saving is shown (the
            interval reaches 0) or no source was trained.
        targets_interval: The same at the ends of the interval, fewest first.
    """

    steps_saved: float
    interval: Interval
    source_steps: float
    total_steps: float
    targets: float | None
    targets_interval: Interval | None


@dataclass(frozen=True)
class Retention:
    """What agents that went on to the target still get on the source task, against the agents they came from.

    Attributes:
        before: Mean last return of the source agents on the source task.
        after: Mean return of the final agents there.
        difference: after - before, seed by seed.
        interval: Its 95 % interval (Student, over seeds), not adjusted; infinite for a single run.
    """

    before: float
    after: float
    difference: float
    interval: Interval


def payoff(pair: PairData, arm: str) -> Payoff | None:
    """What an arm's lead is worth.

    Args:
        pair: The pair.
        arm: The arm.

    Returns:
        None where the arm or the baseline has no finished run, or no steps were charged.
    """
    sides = [pair.of_arm(name) for name in (arm, pair.entry.baseline)]
    if not all(sides) or not all("target_steps" in run.costs for run in sides[0]):
        return None
    arm_R, baseline_R = (_times(pair, runs) for runs in sides)
    low, high = (-end for end in welch_interval(baseline_R, arm_R, _LEVEL)[::-1])
    source_steps = fmean(run.costs.get("source_steps", 0.0) for run in sides[0])
    saved, pays = float(baseline_R.mean() - arm_R.mean()), low > 0.0 and source_steps > 0.0
    return Payoff(
        steps_saved=saved,
        interval=Interval(low, high),
        source_steps=source_steps,
        total_steps=source_steps + fmean(run.costs["target_steps"] for run in sides[0]),
        targets=source_steps / saved if pays else None,
        targets_interval=Interval(source_steps / high, source_steps / low) if pays else None,
    )


def retention(pair: PairData, arm: str) -> Retention | None:
    """What an arm's agents forgot of the source task.

    Args:
        pair: The pair.
        arm: The arm.

    Returns:
        None where no final agent could be evaluated on the source task, or no source agent was evaluated.
    """
    last = {source.path: float(source.return_T[-1]) for source in pair.sources if len(source.return_T)}
    known = [
        (last[run.source_path], run.retained_return)
        for run in pair.of_arm(arm)
        if run.retained_return is not None and run.source_path in last
    ]
    if not known:
        return None
    before_R, after_R = np.array(known, dtype=np.float64).T
    interval = mean_interval(after_R - before_R, _LEVEL)
    return Retention(float(before_R.mean()), float(after_R.mean()), float((after_R - before_R).mean()), interval)


def _times(pair: PairData, runs: tuple[RunData, ...]) -> Floats:
    step_R, _ = steps_to_threshold(np.stack([run.score_T for run in runs]), pair.entry.grid, pair.entry.threshold_score)
    return step_R
