"""The figures of the report: differences with their intervals, and learning curves."""

from collections.abc import Sequence
from itertools import groupby
from math import inf, isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import ArrayLike

from rl_transfer.analysis import Comparison, PairData
from rl_transfer.report.svg import inline, style
from rl_transfer.report.wording import contrast
from rl_transfer.stats import Interval

VERDICTS = {
    "positive": ("#00795a", ">"),
    "negative": ("#c04000", "<"),
    "equivalent": ("#3b4cc0", "s"),
    "inconclusive": ("#666666", "o"),
}
"""Colour and marker of a verdict; told apart without colour too."""

ROLES = {
    "scratch": ("#000000", "-"),
    "transfer": ("#0072b2", "-"),
    "placebo": ("#d97706", "--"),
    "sham": ("#a03c8c", "-."),
}
"""Colour and line of what an arm is in its panel (after Okabe and Ito's palette)."""

_ROW, _PANEL = 0.27, 0.5


def forest(comparisons: Sequence[Comparison], margin: float) -> str:
    """Draw all differences with their intervals, one panel a pair.

    Args:
        comparisons: All comparisons of a study, by pair.
        margin: Differences inside +-margin are negligible; shaded.

    Returns:
        An ``<svg>`` element.
    """
    panels = {pair: list(group) for pair, group in groupby(comparisons, key=lambda comparison: comparison.pair)}
    rows = [len(group) + len({comparison.transfer_arm for comparison in group}) for group in panels.values()]
    reach = _reach(comparisons, margin)
    with style():
        figure = Figure(figsize=(8.2, 0.6 + sum(rows) * _ROW + len(rows) * _PANEL), layout="constrained")
        axes_P = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=[row + 0.5 for row in rows])
        for axes, (pair, group) in zip(axes_P[:, 0], panels.items(), strict=True):
            axes.set_title(pair, fontweight="bold")
            _differences(axes, group, margin, reach)
        axes_P[-1, 0].set_xlabel("difference in mean score, arm minus baseline (right of 0: the arm learned faster)")
        return inline(figure, "forest")


def _reach(comparisons: Sequence[Comparison], margin: float) -> tuple[float, float]:
    """Limits of the axis, from the finite ends of all intervals."""
    found = [
        end
        for comparison in comparisons
        for end in (comparison.difference or 0.0, *(comparison.interval or ()), *(comparison.interval_95 or ()))
        if isfinite(end)
    ]
    low, high = min(-margin, *found), max(margin, *found)
    return low - 0.08 * (high - low), high + 0.08 * (high - low)


def _differences(axes: Axes, comparisons: Sequence[Comparison], margin: float, reach: tuple[float, float]) -> None:
    axes.axvspan(-margin, margin, color="#e8e8e8", zorder=0)
    axes.axvline(0.0, color="#444444", linewidth=0.9, zorder=1)
    labels: list[tuple[str, bool]] = []
    for arm, group in groupby(comparisons, key=lambda comparison: comparison.transfer_arm):
        labels.append((arm, True))
        for comparison in group:
            _difference(axes, comparison, len(labels), reach)
            labels.append((contrast(comparison), False))
    axes.set_xlim(*reach)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_yticks(range(len(labels)), [label for label, _ in labels])
    for tick, (_, is_arm) in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_fontweight("bold" if is_arm else "normal")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _difference(axes: Axes, comparison: Comparison, row: int, reach: tuple[float, float]) -> None:
    color, marker = VERDICTS[comparison.verdict]
    beside = axes.get_yaxis_transform()
    axes.text(1.01, row, comparison.verdict, transform=beside, va="center", color=color, fontweight="bold")
    if comparison.difference is None or comparison.interval is None or comparison.interval_95 is None:
        axes.text(0.0, row, " runs are missing", va="center", color=color, fontstyle="italic")
        return
    _line(axes, comparison.interval_95, row, reach, color, 1.0)
    _line(axes, comparison.interval, row, reach, color, 3.2)
    axes.plot(comparison.difference, row, marker, color=color, markersize=7, markeredgecolor="white")


def _line(axes: Axes, interval: Interval, row: int, reach: tuple[float, float], color: str, width: float) -> None:
    """Draw an interval; an infinite end runs out of the panel."""
    ends = [edge if end in (-inf, inf) else end for end, edge in zip(interval, reach, strict=True)]
    axes.plot(ends, [row, row], color=color, linewidth=width, solid_capstyle="butt")


def arms_together(pair: PairData, arm: str | None) -> list[tuple[str, str]]:
    """The arms that share a panel of curves, each with its role there: scratch, an arm and its controls."""
    controls = [] if arm is None else [(arm, "transfer"), (f"{arm}.placebo", "placebo"), (f"{arm}.sham", "sham")]
    return [(name, role) for name, role in [("scratch", "scratch"), *controls] if pair.of_arm(name)]


def curves(pair: PairData, arm: str | None, name: str) -> str:
    """Draw the learning curves of one transfer arm, its controls and scratch: all runs, and each mean.

    Args:
        pair: The pair.
        arm: The transfer arm; None for scratch alone.
        name: What the figure's element ids start with.

    Returns:
        An ``<svg>`` element.
    """
    with style():
        figure = Figure(figsize=(6.4, 3.5), layout="constrained")
        axes = figure.subplots()
        for member, role in arms_together(pair, arm):
            _curves_of_arm(axes, pair, member, *ROLES[role])
        threshold = pair.entry.threshold_score
        axes.axhline(threshold, color="#888888", linewidth=0.9, linestyle=":", label=f"threshold ({threshold:g})")
        axes.set_xlim(0, pair.entry.target_steps)
        axes.set_xlabel("steps on the target task")
        axes.set_ylabel("score (0 random, 1 reference)")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        _return_axis(axes, pair)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        return inline(figure, name)


def _curves_of_arm(axes: Axes, pair: PairData, arm: str, color: str, line: str) -> None:
    runs = pair.of_arm(arm)
    for run in runs:
        axes.plot(run.step_T, run.score_T, color=color, linestyle=line, linewidth=0.8, alpha=0.3)
    mean_T = np.mean([run.score_T for run in runs], axis=0)
    label = f"{arm} (mean of {len(runs)})"
    axes.plot(runs[0].step_T, mean_T, color=color, linestyle=line, linewidth=2.4, label=label)


def _return_axis(axes: Axes, pair: PairData) -> None:
    low, span = pair.entry.score.random, pair.entry.score.reference - pair.entry.score.random

    def to_return(score: ArrayLike) -> ArrayLike:
        return np.asarray(score) * span + low

    def to_score(return_: ArrayLike) -> ArrayLike:
        return (np.asarray(return_) - low) / span

    right = axes.secondary_yaxis("right", functions=(to_return, to_score))
    right.set_ylabel("return")
    right.spines["right"].set_visible(True)
