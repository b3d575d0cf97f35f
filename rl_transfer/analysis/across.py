"""What the pairs of a study say together about an arm: one statement over all of them, beside each pair's own verdict.

A statement is about the mean effect over the pairs of this study, each weighing the same, not about tasks in general:
the pairs are taken as they are. It is made at level alpha / K, where K is the number of arms that have several pairs,
and by family (total, knowledge, initialisation, sham), each of which has alpha for itself. So within a family the
probability that any of the K arms is called positive or negative on average without being so, or equivalent while its
mean effect is not inside the margin, is held at alpha. The statements are questions of their own beside the verdicts on
single pairs; nothing is corrected for asking both. A mean can hide that pairs disagree: where one pair has a positive
and another a negative verdict, this is said, and "equivalent" is not claimed.

Runs of different pairs are independent, unless the pairs share a baseline (they have the same target) or source agents.
Such pairs form a block, in which the runs of one seed count as one: see `StratifiedTest`.

Where a study has several looks, pairs end with different numbers of runs, and those depend on what was found. The
statements then use the seeds of the first look only, which every pair has whatever came out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rl_transfer.analysis.across_blocks import joined, misfit, scores
from rl_transfer.analysis.across_statement import AcrossPairs, sentence
from rl_transfer.analysis.comparisons import Comparison, matches, runs_at_look
from rl_transfer.analysis.judge import decide, within
from rl_transfer.analysis.load import PairData, StudyData
from rl_transfer.analysis.sides import Side
from rl_transfer.analysis.verdict import LEARNED
from rl_transfer.stats import (
    StratifiedTest,
    asymptotic_score,
    interquartile_band,
    interquartile_mean,
    probability_of_improvement,
)

Floats = NDArray[np.float64]
_SIDES = ("arm", "baseline")
FAMILIES = ("total", "knowledge", "initialisation", "sham")


class _Match(NamedTuple):
    """An arm and its baseline on one pair."""

    pair: PairData
    arm: Side
    baseline: Side


def across_pairs(study: StudyData, comparisons: Sequence[Comparison]) -> tuple[AcrossPairs, ...]:
    """Say of every arm that has several pairs what they say together; see this module for what is claimed.

    Args:
        study: The study.
        comparisons: All its comparisons.

    Returns:
        Statements by arm, then family; none where no arm has two pairs. Where runs are missing on some pair the
        verdict is inconclusive and no difference is given.
    """
    arms = dict.fromkeys(arm for pair in study.pairs for arm in pair.entry.arms)
    several = [arm for arm in arms if sum(arm in pair.entry.arms for pair in study.pairs) > 1]
    found = []
    for arm in several:
        for family in FAMILIES:
            matched = _matched(study, arm, family)
            if len(matched) > 1:
                own = [one for one in comparisons if one.family == family and one.transfer_arm == arm]
                found.append(_statement(study, family, matched, own, len(several)))
    return tuple(found)


def verdict_matrix(comparisons: Sequence[Comparison]) -> dict[str, dict[str, dict[str, str]]]:
    """The verdicts of the total and of the knowledge effect, by arm, pair and family.

    Args:
        comparisons: All comparisons of a study.
    """
    matrix: dict[str, dict[str, dict[str, str]]] = {}
    for one in comparisons:
        if one.family in ("total", "knowledge"):
            matrix.setdefault(one.transfer_arm, {}).setdefault(one.pair, {})[one.family] = one.verdict
    return matrix


def scores_together(study: StudyData, statement: AcrossPairs) -> dict[str, list[Floats]]:
    """The scores of both sides of a statement, for display.

    Args:
        study: The study.
        statement: A statement whose numbers are there.

    Returns:
        By "arm" and "baseline" mean scores over the budget of each block, shape (units, pairs of the block).
    """
    matched = _matched(study, statement.transfer_arm, statement.family)
    return {side: _scores(matched, side, _blocks(study, matched, statement.transfer_arm)) for side in _SIDES}


def _side(study: StudyData, pair: PairData, arm: str) -> Side:
    return Side.of(pair, arm, runs_at_look(study.manifest, arm, 1))


def _matched(study: StudyData, arm: str, family: str) -> list[_Match]:
    return [
        _Match(pair, _side(study, pair, name), _side(study, pair, baseline))
        for pair in study.pairs
        if arm in pair.entry.arms
        for found, name, baseline in matches(pair, arm)
        if found == family
    ]


def _blocks(study: StudyData, matched: Sequence[_Match], arm: str) -> list[list[int]]:
    """Pairs that share any run or source of an arm, its controls or its baseline, whichever of them are compared.

    With the same baseline, an arm's runs of one seed learn the same target from the same random numbers.
    """
    names = [{name for _, *both in matches(one.pair, arm) for name in both} for one in matched]
    return joined(
        [[_side(study, one.pair, name) for name in sorted(of)] for one, of in zip(matched, names, strict=True)]
    )


def _statement(
    study: StudyData, family: str, matched: Sequence[_Match], own: Sequence[Comparison], arms: int
) -> AcrossPairs:
    blocks = _blocks(study, matched, own[0].transfer_arm)
    known: dict[str, Any] = {
        "arm": matched[0].arm.arm,
        "baseline": matched[0].baseline.arm,
        "family": family,
        "pairs": tuple(one.pair.name for one in matched),
        "blocks": tuple(tuple(matched[i].pair.name for i in block) for block in blocks),
        "level": study.manifest.alpha / arms,
        "alpha": study.manifest.alpha,
        "comparisons": arms,
        "n": tuple(one.arm.count for one in matched),
        "n_baseline": tuple(one.baseline.count for one in matched),
        "positive_on": tuple(one.pair for one in own if one.verdict == "positive"),
        "negative_on": tuple(one.pair for one in own if one.verdict == "negative"),
        "conditional": any(one.arm.one_source or one.baseline.one_source for one in matched),
        "unequal_learners": any(one.unequal_learners for one in own),
    }
    if gaps := _gaps(matched, blocks):
        return AcrossPairs(**known, verdict="inconclusive", text=f"No statement over all pairs: {'; '.join(gaps)}.")
    return _judged(known, matched, blocks, study.manifest.margin)


def _gaps(matched: Sequence[_Match], blocks: Sequence[Sequence[int]]) -> list[str]:
    """What keeps the pairs from being put together, in words."""
    sides = [(one.pair.name, side) for one in matched for side in (one.arm, one.baseline)]
    if missing := [f"{side.gap()} on {pair}" for pair, side in sides if side.gap()]:
        return missing
    of_blocks = [[matched[i] for i in block] for block in blocks]
    found = [
        misfit(side_P) for block in of_blocks for side_P in zip(*((m.arm, m.baseline) for m in block), strict=True)
    ]
    return list(dict.fromkeys(filter(None, found)))


def _judged(
    known: dict[str, Any], matched: Sequence[_Match], blocks: Sequence[Sequence[int]], margin: float
) -> AcrossPairs:
    score_B = {side: _scores(matched, side, blocks) for side in _SIDES}
    test = StratifiedTest(score_B["baseline"], score_B["arm"])
    interval = test.interval(known["level"])
    unlearned = [one.pair.name for one in matched if not _learned(one)]
    verdict = decide(interval, margin, not unlearned and not (known["positive_on"] and known["negative_on"]))
    found = AcrossPairs(
        **known,
        verdict=verdict,
        text="",
        difference=test.difference,
        interval=interval,
        p=test.p_value(),
        negligible=verdict in ("positive", "negative") and within(interval, margin),
        **_for_display(score_B),
    )
    return replace(found, text=sentence(found, margin, unlearned, test.smallest_reachable_p))


def _for_display(score_B: Mapping[str, Sequence[Floats]]) -> dict[str, Any]:
    by_pair = {side: [column for block in score_B[side] for column in block.T] for side in _SIDES}
    return {
        "interquartile_mean": tuple(interquartile_mean(score_B[side]) for side in _SIDES),
        "interquartile_band": tuple(interquartile_band(score_B[side]) for side in _SIDES),
        "probability_of_improvement": probability_of_improvement(by_pair["baseline"], by_pair["arm"]),
    }


def _scores(matched: Sequence[_Match], side: str, blocks: Sequence[Sequence[int]]) -> list[Floats]:
    """The scores of one side, shape (units, pairs of the block) each."""
    return [scores([matched[i].pair for i in block], [getattr(matched[i], side) for i in block]) for block in blocks]


def _learned(one: _Match) -> bool:
    finals = (asymptotic_score(side.score_RT, one.pair.entry.grid).mean() for side in (one.arm, one.baseline))
    return bool(max(finals) >= LEARNED)
