"""The report's section on what several pairs say together."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rl_transfer.analysis import AcrossPairs, StudyData, StudyResults, scores_together, verdict_matrix
from rl_transfer.report.figures import ROLES
from rl_transfer.report.svg import inline, style
from rl_transfer.stats import performance_profile, profile_band

Floats = NDArray[np.float64]

REMARKS = {
    "mixed": "one pair's own verdict is positive and another's negative: no single pair need be like the mean",
    "negligible": "there is a mean difference, but it lies inside the margin",
    "conditional": "on some pair all runs of a side start from one source agent",
    "own learner": "on some pair arm and baseline have different hyperparameters",
}
"""What is said beside a statement over pairs, and what it means."""
_THRESHOLDS = 121


def together(results: StudyResults) -> dict[str, Any]:
    """What the report's section needs; its arms are empty where no arm has several pairs.

    Args:
        results: The study with its verdicts.
    """
    by_arm = {arm: list(group) for arm, group in groupby(results.across, key=lambda one: one.transfer_arm)}
    matrix = verdict_matrix(results.comparisons)
    made = {word for one in results.across for word in statement_remarks(one)}
    arms = [_arm(results.data, place, *item) for place, item in enumerate(by_arm.items())]
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


def _arm(data: StudyData, place: int, name: str, statements: Sequence[AcrossPairs]) -> dict[str, Any]:
    families = {one.family for one in statements}
    return {
        "name": name,
        "statements": statements,
        "families": [family for family in ("total", "knowledge") if family in families],
        "joined": [block for block in statements[0].blocks if len(block) > 1],
        "profile": Markup(profile(data, statements, f"profile{place}")),
    }


def profile(data: StudyData, statements: Sequence[AcrossPairs], name: str) -> str:
    """Draw which share of the runs of an arm, its controls and its baseline scores above any threshold.

    Args:
        data: The study.
        statements: Those of one arm.
        name: What the figure's element ids start with.

    Returns:
        An ``<svg>`` element; nothing where runs are missing.
    """
    sides = list(_sides(data, statements))
    if not sides:
        return ""
    score_R = np.concatenate([block.ravel() for _, _, blocks in sides for block in blocks])
    tau_T = np.linspace(min(0.0, score_R.min()) - 0.02, max(1.0, score_R.max()) + 0.02, _THRESHOLDS)
    with style():
        figure = Figure(figsize=(6.4, 3.4))
        figure.subplots_adjust(left=0.1, right=0.98, top=0.97, bottom=0.28)
        axes = figure.subplots()
        for role, called, blocks in sides:
            _draw(axes, role, called, blocks, tau_T)
        axes.set_xlim(tau_T[0], tau_T[-1])
        axes.set_ylim(0.0, 1.02)
        axes.set_xlabel("mean score over the budget (0 random, 1 reference)")
        axes.set_ylabel("share of runs above it")
        figure.legend(loc="lower center", ncols=4, columnspacing=1.4, frameon=False)
        return inline(figure, name)


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


def _draw(axes: Axes, role: str, called: str, blocks: Sequence[Floats], tau_T: Floats) -> None:
    color, line = ROLES[role]
    low_T, high_T = profile_band(blocks, tau_T)
    axes.fill_between(tau_T, low_T, high_T, color=color, alpha=0.13, linewidth=0)
    axes.plot(tau_T, performance_profile(blocks, tau_T), color=color, linestyle=line, linewidth=2.0, label=called)
