"""Every transfer arm of a study against scratch, its placebo and its sham."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.analysis.judge import judge
from rl_transfer.analysis.load import PairData, RunData, StudyData
from rl_transfer.analysis.manifest import BASELINE, Manifest
from rl_transfer.analysis.verdict import Verdict
from rl_transfer.stats import (
    Interval,
    asymptotic_score,
    holm,
    jumpstart,
    mean_score,
    restricted_mean_time,
    to_score,
    transfer_ratio,
)

Floats = NDArray[np.float64]
Both = tuple[float, float]
CONDITIONAL = "conditional on this checkpoint"
"""What is said of a verdict whose runs all started from one source agent."""


@dataclass(frozen=True)
class Comparison:
    """One arm against one baseline on one pair.

    A `Verdict`'s fields have its meaning; those that no number backs, because runs are missing, are None. Pairs of
    numbers are (arm, baseline).

    Attributes:
        pair: Name of the pair.
        arm: Name of the arm; the placebo's own name in the family "initialisation".
        baseline: What it is compared with.
        family: "total" (arm - scratch), "knowledge" (arm - placebo), "initialisation" (placebo - scratch) or "sham"
            (arm - sham); each family holds its error level by itself.
        alpha: Error level of the family.
        comparisons: Transfer arms of the pair, by which alpha is divided.
        missing_runs: Planned runs that are not there.
        failed_runs: Runs that diverged or whose environment failed, counted in with the worst score.
        conditional: Whether a side's runs all started from one source agent: what is found is then about this
            checkpoint, and not about sources trained like it.
        unequal_learners: Whether the two sides' hyperparameters differ.
        p_study: p adjusted by Holm's method for all comparisons of the family in the study, every pair and arm; those
            with missing runs are counted in, as if their p were 1.
        runs: Folders of the runs behind the numbers, the arm's first.
        floored_share: Share of evaluations whose return lay below the worst anchor.
        jumpstart: Mean score before the first step.
        asymptotic_score: Mean score over the last tenth of the budget.
        steps_to_threshold: Restricted mean time to the pair's threshold, in target steps.
        reached_fraction: Fraction of runs that reached the threshold.
        transfer_ratio: Relative gain in mean score, where the baseline's is clearly positive.
    """

    pair: str
    arm: str
    baseline: str
    family: str
    verdict: str
    text: str
    level: float
    alpha: float
    comparisons: int
    n: int
    n_baseline: int
    missing_runs: tuple[int, int]
    failed_runs: tuple[int, int]
    runs: tuple[str, ...]
    difference: float | None = None
    interval: Interval | None = None
    interval_95: Interval | None = None
    p: float | None = None
    p_study: float | None = None
    effect: float | None = None
    fragile: bool = False
    negligible: bool = False
    ceiling: bool = False
    conditional: bool = False
    unequal_learners: bool = False
    seeds_to_decide: int | None = None
    floored_share: Both | None = None
    jumpstart: Both | None = None
    asymptotic_score: Both | None = None
    steps_to_threshold: Both | None = None
    reached_fraction: Both | None = None
    transfer_ratio: float | None = None

    @property
    def transfer_arm(self) -> str:
        """The transfer arm that the comparison is about, also where its placebo is compared."""
        return self.arm.removesuffix(".placebo") if self.family == "initialisation" else self.arm

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON can hold it: tuples become lists, infinite ends of intervals null."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def compare(study: StudyData) -> list[Comparison]:
    """Judge every transfer arm of every pair, on the mean score over the budget.

    Args:
        study: The study.

    Returns:
        The comparisons, by pair, then arm, then family. Where runs are missing on either side the verdict is
        inconclusive and no difference is given: what is left over after losses is no fair sample.
    """
    return _adjusted(
        [
            _comparison(study.manifest, pair, family, _Side.of(pair, arm), _Side.of(pair, baseline))
            for pair in study.pairs
            for family, arm, baseline in _matches(pair)
        ]
    )


def _matches(pair: PairData) -> Iterator[tuple[str, str, str]]:
    for arm, entry in pair.entry.arms.items():
        yield "total", arm, BASELINE
        if entry.placebo:
            yield "knowledge", arm, f"{arm}.placebo"
            yield "initialisation", f"{arm}.placebo", BASELINE
        if entry.sham:
            yield "sham", arm, f"{arm}.sham"


def _adjusted(comparisons: list[Comparison]) -> list[Comparison]:
    """The same with `Comparison.p_study`; what is missing still counts, or losing runs would buy smaller p-values."""
    p_study: dict[int, float] = {}
    for family in {comparison.family for comparison in comparisons}:
        places = [place for place, comparison in enumerate(comparisons) if comparison.family == family]
        known = [comparisons[place].p for place in places]
        p_study |= dict(zip(places, holm([1.0 if p is None else p for p in known]).tolist(), strict=True))
    return [
        comparison if comparison.p is None else replace(comparison, p_study=p_study[place])
        for place, comparison in enumerate(comparisons)
    ]


@dataclass(frozen=True)
class _Side:
    """The finished runs of one arm, and how many are missing."""

    arm: str
    runs: tuple[RunData, ...]
    missing: int
    one_source: bool

    @classmethod
    def of(cls, pair: PairData, arm: str) -> "_Side":
        return cls(arm, pair.of_arm(arm), pair.missing_of_arm(arm), pair.shares_one_source(arm))

    @property
    def failed(self) -> int:
        return sum(run.failed for run in self.runs)

    @property
    def score_RT(self) -> Floats:
        return np.stack([run.score_T for run in self.runs])

    def gap(self) -> str:
        """What is missing, in words; nothing where the side is complete."""
        if self.missing:
            return f"{self.missing} of {self.missing + len(self.runs)} runs of {self.arm} are missing"
        return "" if self.runs else f"no run of {self.arm} was planned"


def _comparison(manifest: Manifest, pair: PairData, family: str, arm: _Side, baseline: _Side) -> Comparison:
    comparisons = len(pair.entry.arms)
    known: dict[str, Any] = {
        "pair": pair.name,
        "arm": arm.arm,
        "baseline": baseline.arm,
        "family": family,
        "alpha": manifest.alpha,
        "comparisons": comparisons,
        "missing_runs": (arm.missing, baseline.missing),
        "failed_runs": (arm.failed, baseline.failed),
        "conditional": arm.one_source or baseline.one_source,
        "unequal_learners": pair.entry.learner_of(arm.arm) != pair.entry.learner_of(baseline.arm),
        "runs": tuple(run.path for run in (*arm.runs, *baseline.runs)),
    }
    if gaps := [side.gap() for side in (arm, baseline) if side.gap()]:
        verdict: dict[str, Any] = {
            "verdict": "inconclusive",
            "text": f"Inconclusive: {' and '.join(gaps)}.",
            "level": manifest.alpha / comparisons,
            "n": len(arm.runs),
            "n_baseline": len(baseline.runs),
        }
        return Comparison(**known, **verdict)
    judged = _judged(manifest, pair, arm, baseline)
    if known["conditional"]:
        judged = replace(judged, text=f"{judged.text.removesuffix('.')}; {CONDITIONAL}.")
    return Comparison(
        **known, **_metrics(pair, arm, baseline), **{f.name: getattr(judged, f.name) for f in fields(judged)}
    )


def _judged(manifest: Manifest, pair: PairData, arm: _Side, baseline: _Side) -> Verdict:
    grid, anchors = pair.entry.grid, pair.entry.score
    worst, _ = to_score(anchors.worst, anchors.random, anchors.reference, anchors.worst)
    return judge(
        mean_score(baseline.score_RT, grid),
        mean_score(arm.score_RT, grid),
        alpha=manifest.alpha,
        margin=manifest.margin,
        comparisons=len(pair.entry.arms),
        final_baseline=asymptotic_score(baseline.score_RT, grid),
        final_arm=asymptotic_score(arm.score_RT, grid),
        worst=float(worst),
    )


def _metrics(pair: PairData, arm: _Side, baseline: _Side) -> dict[str, Any]:
    grid, sides = pair.entry.grid, (arm, baseline)
    times = [restricted_mean_time(side.score_RT, grid, pair.entry.threshold_score) for side in sides]
    return {
        "floored_share": tuple(float(np.mean([run.floored_T for run in side.runs])) for side in sides),
        "jumpstart": tuple(float(jumpstart(side.score_RT, grid).mean()) for side in sides),
        "asymptotic_score": tuple(float(asymptotic_score(side.score_RT, grid).mean()) for side in sides),
        "steps_to_threshold": tuple(time.mean_steps for time in times),
        "reached_fraction": tuple(time.reached_fraction for time in times),
        "transfer_ratio": transfer_ratio(mean_score(arm.score_RT, grid), mean_score(baseline.score_RT, grid)),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
