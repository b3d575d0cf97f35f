"""Guard: give up what was transferred where training is behind training from scratch."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, PositiveInt
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import KnowledgeKind
from rl_transfer.learner import LOSS_PATHS, Learner
from rl_transfer.methods._method import Method, References
from rl_transfer.stats import prediction_p
from rl_transfer.tasks import Episode

Log = Sequence[Episode]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Guard(Method):
    """Compares the run's training with that of from-scratch runs, and starts anew where it stays behind them.

    A guard against negative transfer (Rosenstein et al., "To transfer or not to transfer", 2005, ask for one that needs
    no full training). Beside each run, ``reference_runs`` from-scratch runs are trained that no verdict uses; their
    steps are charged to it. At regular steps the mean return of the training episodes since the last check is compared
    with the references' means. Is it below a one-sided prediction interval for one more from-scratch run (Student's t;
    Hahn and Meeker, "Statistical Intervals", 1991, chapter 4) in ``patience`` checks in a row, the learner starts anew,
    as from scratch with what is left of the budget: networks, optimizer, replay and schedules are fresh, nothing is
    frozen, and all other methods of the arm are dropped. That happens once at most.

    A check in which the run or all but one of the references ended no episode counts for nothing: those before it and
    after it stand in a row. A reference that diverged is one of those for the steps that it was trained for.

    Attributes:
        reference_runs: From-scratch runs beside each run, 2 to 100; each is trained for the share of the budget that is
            watched.
        share: Share of the budget that is watched, from its beginning: later there is too little left to start anew.
        checks: Comparisons, evenly spread over the watched share.
        patience: Comparisons in a row in which the run must be behind; with more than ``checks`` it only watches.
        level: One-sided error level of each comparison: how often a from-scratch run would be called behind in it.
    """

    reference_runs: Annotated[int, Field(ge=2, le=100)] = 5
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    checks: PositiveInt = 10
    patience: PositiveInt = 3
    level: Annotated[float, Field(gt=0, lt=1)] = 0.05

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset()
    algorithms: ClassVar[tuple[str, ...]] = tuple(LOSS_PATHS)

    def references(self, budget: int) -> References:
        """From-scratch runs over the watched share."""
        return References(self.reference_runs, round(self.share * budget))

    def review_steps(self, budget: int) -> Sequence[int]:
        """The steps of the checks."""
        watched = round(self.share * budget)
        return [round(watched * number / self.checks) for number in range(1, self.checks + 1)]

    def review(self, learner: Learner, step_C: Sequence[int], own: Log, references: Sequence[Log]) -> str | None:
        """Give up where the run was behind in all of the last checks."""
        windows = list(pairwise([0, *step_C]))
        found = [_compare(start, end, own, references) for start, end in windows]
        if found[-1] is not None:
            learner.record("guard/p_value", found[-1], step_C[-1])
        counted = [p_value for p_value in found if p_value is not None]
        behind = [p_value <= self.level for p_value in counted[-self.patience :]]
        if found[-1] is None or len(behind) < self.patience or not all(behind):
            return None
        return f"behind scratch in {self.patience} checks in a row: {_shown(*windows[-1], own, references)}"


def _compare(start: int, end: int, own: Log, references: Sequence[Log]) -> float | None:
    """How probably a from-scratch run would train as badly as this one; None where there is too little to compare."""
    mean, mean_R = _means(start, end, own, references)
    return None if mean is None or len(mean_R) < 2 else prediction_p(mean, mean_R)


def _means(start: int, end: int, own: Log, references: Sequence[Log]) -> tuple[float | None, NDArray[np.float64]]:
    """Mean return of the episodes that ended after ``start`` and by ``end``: the run's, and each reference's."""
    means = [[episode.reward_sum for episode in log if start < episode.step <= end] for log in (own, *references)]
    own_mean, *others = [float(np.mean(returns)) if returns else None for returns in means]
    return own_mean, np.array([mean for mean in others if mean is not None])


def _shown(start: int, end: int, own: Log, references: Sequence[Log]) -> str:
    mean, mean_R = _means(start, end, own, references)
    theirs = f"{mean_R.mean():.4g} (standard deviation {mean_R.std(ddof=1):.2g}) of {len(mean_R)} from-scratch runs"
    return f"a mean return of {mean:.4g} in training from step {start} to {end}, against {theirs}"
