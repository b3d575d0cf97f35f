"""Every transfer arm of a study against scratch, its placebo and its sham."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.analysis.judge import judge
from rl_transfer.analysis.load import PairData, StudyData
from rl_transfer.analysis.manifest import BASELINE, Manifest
from rl_transfer.analysis.sides import Side
from rl_transfer.analysis.verdict import Verdict
from rl_transfer.stats import (
    Interval,
    asymptotic_score,
    holm,
    jumpstart,
    mean_score,
    steps_to_threshold,
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
        alpha: Error level of the family at this look; over all looks they add up to the study's.
        look: At which look it was judged, from 1: the first that decided it, or the last there was.
        looks: How many looks the study has.
        comparisons: Transfer arms of the pair, by which alpha is divided.
        missing_runs: Planned runs that are not there.
        failed_runs: Runs that diverged or whose environment failed, counted in with the worst score.
        conditional: Whether a side's runs all started from one source agent: what is found is then about this
            checkpoint, and not about sources trained like it.
        units: What ``n`` and ``n_baseline`` count. "sources" where several source agents have several runs each: runs
            that share a source are no independent evidence, so each source counts once, with the mean of its runs.
        unequal_learners: Whether the two sides' hyperparameters differ.
        p_study: p adjusted by Holm's method for all comparisons of the family in the study, every pair and arm; those
            with missing runs are counted in, as if their p were 1.
        runs: Folders of the runs behind the numbers, the arm's first.
        floored_share: Share of evaluations whose return lay below the worst anchor.
        jumpstart: Mean score before the first step; None where the first evaluation is later.
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
    look: int
    looks: int
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
    units: tuple[str, str] = ("runs", "runs")
    unequal_learners: bool = False
    seeds_to_decide: int | None = None
    floored_share: Both | None = None
    jumpstart: Both | None = None
    asymptotic_score: Both | None = None
    steps_to_threshold: Both | None = None
    reached_fraction: Both | None = None
    transfer_ratio: float | None = None

    @property
    def by_source(self) -> bool:
        """Whether a side is analysed by source."""
        return "sources" in self.units

    @property
    def transfer_arm(self) -> str:
        """The transfer arm that the comparison is about, also where its placebo is compared."""
        return self.arm.removesuffix(".placebo") if self.family == "initialisation" else self.arm

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON can hold it: tuples become lists, infinite ends of intervals null."""
        return {name: plain(value) for name, value in asdict(self).items()}


def compare(study: StudyData) -> list[Comparison]:
    """Judge every transfer arm of every pair, on the mean score over the budget.

    Args:
        study: The study.

    Returns:
        The comparisons, by pair, then arm, then family. Where runs are missing on either side the verdict is
        inconclusive and no difference is given: what is left over after losses is no fair sample.
    """
    return _adjusted(
        study.manifest.alpha,
        [found for pair in study.pairs for arm in pair.entry.arms for found in compare_arm(study.manifest, pair, arm)],
    )


def is_decided(comparisons: Iterable[Comparison]) -> bool:
    """Whether an arm needs no further look: its total and, where it has a placebo, its knowledge effect are decided.

    Args:
        comparisons: Those of one arm on one pair.
    """
    return all(one.verdict != "inconclusive" for one in comparisons if one.family in ("total", "knowledge"))


def compare_arm(manifest: Manifest, pair: PairData, arm: str, *, last_look: int | None = None) -> list[Comparison]:
    """Judge one transfer arm of a pair, each comparison as of the look that decided it.

    Args:
        manifest: The study.
        pair: The pair's runs.
        arm: The transfer arm.
        last_look: The last look to take; all of them by default. One with missing runs is the last in any case.

    Returns:
        Its comparisons, by family; `compare` adds what depends on the other arms.
    """
    found: dict[str, Comparison] = {}
    for number in range(1, (last_look or len(manifest.looks)) + 1):
        for family, name, baseline in matches(pair, arm):
            if family not in found or found[family].verdict == "inconclusive":
                sides = [Side.of(pair, side, runs_at_look(manifest, side, number)) for side in (name, baseline)]
                found[family] = _comparison(manifest, pair, family, number, *sides)
        if is_decided(found.values()) or any(sum(one.missing_runs) for one in found.values()):
            break
    return list(found.values())


def runs_at_look(manifest: Manifest, arm: str, number: int) -> int | None:
    """How many runs of an arm, a control of one or a source a look wants; None at the last: all that were planned.

    Args:
        manifest: The study.
        arm: The arm, its placebo or sham, a source, or scratch.
        number: Number of the look, from 1.
    """
    look = manifest.looks[number - 1]
    if number == len(manifest.looks):
        return None
    return look.baseline_seeds if arm == BASELINE else look.seeds


def matches(pair: PairData, arm: str) -> Iterator[tuple[str, str, str]]:
    """What a transfer arm's comparisons compare: family, arm and baseline of each."""
    entry, baseline = pair.entry.arms[arm], pair.entry.baseline
    yield "total", arm, baseline
    if entry.placebo:
        yield "knowledge", arm, f"{arm}.placebo"
        yield "initialisation", f"{arm}.placebo", baseline
    if entry.sham:
        yield "sham", arm, f"{arm}.sham"


def _adjusted(alpha: float, comparisons: list[Comparison]) -> list[Comparison]:
    """The same with `Comparison.p_study`; what is missing still counts, or losing runs would buy smaller p-values.

    A look with a share of alpha weighs its p-value by that share, so that it compares with alpha as a whole.
    """
    p_study: dict[int, float] = {}
    for family in {comparison.family for comparison in comparisons}:
        places = [place for place, comparison in enumerate(comparisons) if comparison.family == family]
        weighed = [
            min(1.0, (1.0 if one.p is None else one.p) * alpha / one.alpha) for one in (comparisons[i] for i in places)
        ]
        p_study |= dict(zip(places, holm(weighed).tolist(), strict=True))
    return [
        comparison if comparison.p is None else replace(comparison, p_study=p_study[place])
        for place, comparison in enumerate(comparisons)
    ]


def _comparison(manifest: Manifest, pair: PairData, family: str, look: int, arm: Side, baseline: Side) -> Comparison:
    comparisons, alpha = len(pair.entry.arms), manifest.looks[look - 1].alpha
    known: dict[str, Any] = {
        "pair": pair.name,
        "arm": arm.arm,
        "baseline": baseline.arm,
        "family": family,
        "alpha": alpha,
        "look": look,
        "looks": len(manifest.looks),
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
            "level": alpha / comparisons,
            "n": arm.count,
            "n_baseline": baseline.count,
            "units": (arm.unit, baseline.unit),
        }
        return Comparison(**known, **verdict)
    judged = _judged(alpha, manifest.margin, pair, arm, baseline)
    if len(manifest.looks) > 1:
        judged = replace(judged, text=f"{judged.text.removesuffix('.')}; look {look} of {len(manifest.looks)}.")
    if known["conditional"]:
        judged = replace(judged, text=f"{judged.text.removesuffix('.')}; {CONDITIONAL}.")
    if grouped := [side.grouping() for side in (arm, baseline) if side.by_source]:
        judged = replace(judged, text=f"{judged.text.removesuffix('.')}; by source: {', '.join(grouped)}.")
    return Comparison(
        **known, **_metrics(pair, arm, baseline), **{f.name: getattr(judged, f.name) for f in fields(judged)}
    )


def _judged(alpha: float, margin: float, pair: PairData, arm: Side, baseline: Side) -> Verdict:
    grid, anchors = pair.entry.grid, pair.entry.score
    worst, _ = to_score(anchors.worst, anchors.random, anchors.reference, anchors.worst)
    return judge(
        baseline.by_unit(mean_score(baseline.score_RT, grid)),
        arm.by_unit(mean_score(arm.score_RT, grid)),
        alpha=alpha,
        margin=margin,
        comparisons=len(pair.entry.arms),
        final_baseline=baseline.by_unit(asymptotic_score(baseline.score_RT, grid)),
        final_arm=arm.by_unit(asymptotic_score(arm.score_RT, grid)),
        worst=float(worst),
        units=(arm.unit, baseline.unit),
    )


def _metrics(pair: PairData, arm: Side, baseline: Side) -> dict[str, Any]:
    grid, sides = pair.entry.grid, (arm, baseline)
    reached = [(side, *steps_to_threshold(side.score_RT, grid, pair.entry.threshold_score)) for side in sides]
    starts = [side.by_unit(jumpstart(side.score_RT, grid)).mean() for side in sides] if grid[0] == 0 else None
    return {
        "floored_share": tuple(float(np.mean([run.floored_T for run in side.runs])) for side in sides),
        "jumpstart": None if starts is None else tuple(map(float, starts)),
        "asymptotic_score": tuple(float(side.by_unit(asymptotic_score(side.score_RT, grid)).mean()) for side in sides),
        "steps_to_threshold": tuple(float(side.by_unit(steps_R).mean()) for side, steps_R, _ in reached),
        "reached_fraction": tuple(float(side.by_unit(reached_R).mean()) for side, _, reached_R in reached),
        "transfer_ratio": transfer_ratio(*(side.by_unit(mean_score(side.score_RT, grid)) for side in sides)),
    }


def plain(value: Any) -> Any:
    """A value as JSON can hold it: tuples become lists, numbers that are not finite null."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
