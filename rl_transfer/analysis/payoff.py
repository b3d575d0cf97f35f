"""What an arm costs and gives back: when its source has paid off, and what its agents keep of the source task."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rl_transfer.analysis.comparisons import Comparison, runs_at_look
from rl_transfer.analysis.load import PairData
from rl_transfer.analysis.manifest import Manifest, PairEntry
from rl_transfer.analysis.sides import Side
from rl_transfer.stats import Interval, mean_interval, steps_to_threshold, welch_interval

Floats = NDArray[np.float64]

_LEVEL = 0.05


@dataclass(frozen=True)
class Payoff:
    """Target steps that an arm saves until the threshold, against what training its source took.

    Where several sources have several runs each, every mean is one over sources, as in the arm's comparisons.

    Attributes:
        steps_saved: Restricted mean time to threshold from scratch minus that of the arm, in target steps.
        interval: Its 95 % interval (Welch), not adjusted for the number of arms.
        source_steps: Steps that training the source took, on average; None where a source does not say.
        total_steps: Target steps of a run, those of its references and of its source together; None where the source's
            are not known.
        targets: Number of targets after which the source's steps are saved, each target's references paid for; None
            where no saving is shown (the interval reaches 0), no source was trained or its steps are not known.
        targets_interval: The same at the ends of the interval, fewest first.
    """

    steps_saved: float
    interval: Interval
    source_steps: float | None
    total_steps: float | None
    targets: float | None
    targets_interval: Interval | None


@dataclass(frozen=True)
class Retention:
    """What agents that went on to the target still get on the source task, against the agents they came from.

    The numbers are of the agents that could be evaluated there; those of failed runs never can. Where several sources
    have several of these each, a source counts once. No numbers are given where runs are missing or no agent is left.

    Attributes:
        side: All runs of the arm, failed ones included.
        evaluated: Those whose final agent was evaluated on the source task.
        before: Mean last return of the source agents on the source task.
        after: Mean return of the final agents there.
        difference: after - before, seed by seed.
        interval: Its 95 % interval (Student, over seeds or sources), not adjusted; infinite for a single one.
    """

    side: Side
    evaluated: Side
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    interval: Interval | None = None


def payoff(manifest: Manifest, pair: PairData, total: Comparison) -> Payoff | None:
    """What an arm's lead is worth, by the runs that its verdict against the baseline is about.

    Args:
        manifest: The study.
        pair: The pair.
        total: The arm's comparison with the baseline.

    Returns:
        None where runs of either are missing, or the arm was charged no steps.
    """
    arm, baseline = (
        Side.of(pair, name, runs_at_look(manifest, name, total.look)) for name in (total.arm, total.baseline)
    )
    target_steps = _mean_cost(arm, "target_steps")
    if arm.gap() or baseline.gap() or target_steps is None:
        return None
    arm_U, baseline_U = (_times(pair.entry, side) for side in (arm, baseline))
    low, high = (-end for end in welch_interval(baseline_U, arm_U, _LEVEL)[::-1])
    saved, source_steps = float(baseline_U.mean() - arm_U.mean()), _mean_cost(arm, "source_steps")
    references = _mean_cost(arm, "reference_steps") or 0.0
    targets, targets_interval = None, None
    if source_steps and low > references:
        most, fewest = (source_steps / (end - references) for end in (low, high))
        targets, targets_interval = source_steps / (saved - references), Interval(fewest, most)
    return Payoff(
        steps_saved=saved,
        interval=Interval(low, high),
        source_steps=source_steps,
        total_steps=None if source_steps is None else source_steps + references + target_steps,
        targets=targets,
        targets_interval=targets_interval,
    )


def retention(pair: PairData, arm: str, place: int = 0) -> Retention | None:
    """What an arm's agents forgot of a source task.

    Args:
        pair: The pair.
        arm: The arm.
        place: Which of its runs' sources, counted from 0.

    Returns:
        None where no final agent could be evaluated on the source task though not all failed, or no source agent was.
    """
    last = {one.path: float(one.return_T[-1]) for one in pair.sources if len(one.return_T)}
    known = [run for run in pair.runs if place < len(run.source_paths) and run.source_paths[place] in last]
    kept = [run for run in known if run.retained_returns[place] is not None]
    side, evaluated = Side.of(pair, arm), Side.of(replace(pair, runs=tuple(kept)), arm)
    known_paths = {run.path for run in known}
    all_failed = bool(side.runs) and all(run.failed and run.path in known_paths for run in side.runs)
    if not (evaluated.runs or all_failed):
        return None
    if side.gap() or not evaluated.runs:
        return Retention(side, evaluated)
    returns = [(last[run.source_paths[place]], run.retained_returns[place]) for run in evaluated.runs]
    return_2R = np.array(returns, dtype=np.float64).T
    before_U, after_U = map(evaluated.by_unit, return_2R)
    change_U = after_U - before_U
    return Retention(
        side,
        evaluated,
        before=float(before_U.mean()),
        after=float(after_U.mean()),
        difference=float(change_U.mean()),
        interval=mean_interval(change_U, _LEVEL),
    )


def _mean_cost(side: Side, name: str) -> float | None:
    """What a side's runs were charged on average; None where there are none, or one does not say."""
    costs = [run.costs[name] for run in side.runs if name in run.costs]
    return float(side.by_unit(costs).mean()) if 0 < len(costs) == len(side.runs) else None


def _times(entry: PairEntry, side: Side) -> Floats:
    """Target steps until the threshold of each run or source of a side, shape (units,)."""
    step_R, _ = steps_to_threshold(side.score_RT, entry.grid, entry.threshold_score)
    return side.by_unit(step_R)
