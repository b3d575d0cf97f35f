"""The report's section on what several pairs say together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rl_transfer.analysis import AcrossPairs, StudyData, StudyResults, scores_together, verdict_matrix
from rl_transfer.report.curve_figures import ROLES
from rl_transfer.report.gallery import Gallery
from rl_transfer.report.svg import style
from rl_transfer.stats import performance_profile, profile_band

Floats = NDArray[np.float64]

REMARKS = {
    "mixed": "one pair's own verdict is positive and another's negative: no single pair need be like the mean",
    "negligible": "there is a mean difference, but it lies inside the margin",
    "conditional": "on some pair all runs of a side start from one source agent",
    "own learner": "on some pair arm and baseline have different hyperparameters",
}
"""What is said beside a statement over pairs, and what it means."""
PROFILE_COLUMNS = ("side", "score", "share_above", "band_low", "band_high")
_THRESHOLDS = 121


@dataclass(frozen=True)
class Side:
    """One line of a performance profile.

    Attributes:
        role: "baseline", "transfer", "placebo" or "sham".
        called: Its name in the figure.
        tau_T: Scores, shape (points,).
        share_T: Share of runs above each, shape (points,).
        band_T: Both ends of its pointwise band, shape (points,) each.
    """

    role: str
    called: str
    tau_T: Floats
    share_T: Floats
    band_T: tuple[Floats, Floats]


def together(results: StudyResults, gallery: Gallery) -> dict[str, Any]:
    """What the report's section needs; its arms are empty where no arm has several pairs.

    Args:
        results: The study with its verdicts.
        gallery: Takes up the section's figures.
    """
    by_arm = {arm: list(group) for arm, group in groupby(results.across, key=lambda one: one.transfer_arm)}
    matrix = verdict_matrix(results.comparisons)
    made = {word for one in results.across for word in statement_remarks(one)}
    arms = [_arm(results.data, gallery, *item) for item in by_arm.items()]
    names = [pair.name for pair in results.data.pairs if any(pair.name in matrix[arm] for arm in by_arm)]
    return {
        "together": arms,
        "together_pairs": names,
        "together_remarks": {word: meaning for word, meaning in REMARKS.items() if word in made},
        "verdict_matrix": matrix,
    }


def statement_remarks(statement: AcrossPairs) -> list[str]:
    """What must be said beside a statement over pairs."""
    holds = (statement.mixed, statement.negligible, statement.conditional, statement.unequal_learners)
    return [word for word, held in zip(REMARKS, holds, strict=True) if held]


def _arm(data: StudyData, gallery: Gallery, name: str, statements: Sequence[AcrossPairs]) -> dict[str, Any]:
    families = {one.family for one in statements}
    sides = profile_sides(data, statements)
    shown = gallery.add(f"profile_{name}", profile(sides), PROFILE_COLUMNS, profile_rows(sides)) if sides else None
    return {
        "name": name,
        "statements": statements,
        "families": [family for family in ("total", "knowledge") if family in families],
        "joined": [block for block in statements[0].blocks if len(block) > 1],
        "profile": shown,
    }


def profile(sides: Sequence[Side]) -> Figure:
    """Draw which share of the runs of an arm, its controls and its baseline scores above any threshold.

    Args:
        sides: Those of one arm, at least one.
    """
    with style():
        figure = Figure(figsize=(6.4, 3.4))
        figure.subplots_adjust(left=0.1, right=0.98, top=0.97, bottom=0.28)
        axes = figure.subplots()
        for side in sides:
            color, line = ROLES[side.role]
            axes.fill_between(side.tau_T, *side.band_T, color=color, alpha=0.13, linewidth=0)
            axes.plot(side.tau_T, side.share_T, color=color, linestyle=line, linewidth=2.0, label=side.called)
        axes.set_xlim(sides[0].tau_T[0], sides[0].tau_T[-1])
        axes.set_ylim(0.0, 1.02)
        axes.set_xlabel("mean score over the budget (0 random, 1 reference)")
        axes.set_ylabel("share of runs above it")
        figure.legend(loc="lower center", ncols=4, columnspacing=1.4, frameon=False)
    return figure


def profile_rows(sides: Sequence[Side]) -> Iterator[tuple[object, ...]]:
    """What `profile` draws, one row a point, in the columns `PROFILE_COLUMNS`."""
    for side in sides:
        for point in zip(side.tau_T, side.share_T, *side.band_T, strict=True):
            yield side.called, *map(float, point)


def profile_sides(data: StudyData, statements: Sequence[AcrossPairs]) -> list[Side]:
    """The performance profile of each side that is complete on all of an arm's pairs; none where runs are missing.

    Args:
        data: The study.
        statements: Those of one arm.
    """
    sides = list(_sides(data, statements))
    if not sides:
        return []
    score_R = np.concatenate([block.ravel() for _, _, blocks in sides for block in blocks])
    tau_T = np.linspace(min(0.0, score_R.min()) - 0.02, max(1.0, score_R.max()) + 0.02, _THRESHOLDS)
    return [
        Side(role, called, tau_T, performance_profile(blocks, tau_T), profile_band(blocks, tau_T))
        for role, called, blocks in sides
    ]


def _sides(data: StudyData, statements: Sequence[AcrossPairs]) -> Iterator[tuple[str, str, list[Floats]]]:
    """Role, name and scores of each side that is complete on all of the arm's pairs."""
    made = {one.family: scores_together(data, one) for one in statements if one.difference is not None}
    whole = {one.family: one.baseline for one in statements if one.pairs == statements[0].pairs}
    if "total" in made:
        yield "baseline", whole["total"], made["total"]["baseline"]
        yield "transfer", "transfer", made["total"]["arm"]
    for family, role in (("knowledge", "placebo"), ("sham", "sham")):
        if family in made and family in whole:
            yield role, role, made[family]["baseline"]
