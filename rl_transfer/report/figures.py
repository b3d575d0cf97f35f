"""The figures of the report: differences with their intervals, and learning curves."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from matplotlib.transforms import Transform, blended_transform_factory
from numpy.typing import ArrayLike

from rl_transfer.analysis import Comparison, PairData, RunData
from rl_transfer.report.svg import style
from rl_transfer.report.wording import contrast, count
from rl_transfer.stats import Interval

VERDICTS = {
    "positive": ("#00795a", ">"),
    "negative": ("#c04000", "<"),
    "equivalent": ("#3b4cc0", "s"),
    "inconclusive": ("#666666", "o"),
}
"""Colour and marker of a verdict; told apart without colour too."""

ROLES = {
    "baseline": ("#000000", "-"),
    "transfer": ("#0072b2", "-"),
    "placebo": ("#d97706", "--"),
    "sham": ("#a03c8c", "-."),
}
"""Colour and line of what an arm is in its panel (after Okabe and Ito's palette)."""

_ROW = 0.27
_FAR = 1e6


def forest(comparisons: Sequence[Comparison], margin: float) -> Figure:
    """Draw all differences with their intervals, one panel a pair.

    Args:
        comparisons: All comparisons of a study, by pair.
        margin: Differences inside +-margin are negligible; shaded.
    """
    panels = [_lines(pair, list(group)) for pair, group in groupby(comparisons, key=lambda comparison: comparison.pair)]
    rows = [len(panel) for panel in panels]
    height = 0.55 + _ROW * (sum(rows) + len(rows) - 1)
    reach = _reach(comparisons, margin)
    with style():
        figure = Figure(figsize=(8.2, height))
        figure.subplots_adjust(left=0.29, right=0.87, top=1.0, bottom=0.55 / height, hspace=len(rows) / sum(rows))
        axes_P = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=rows)
        for axes, panel in zip(axes_P[:, 0], panels, strict=True):
            _finding_rows(axes, panel, blended_transform_factory(figure.transFigure, axes.transData))
            _ground(axes, len(panel), margin, reach)
        axes_P[-1, 0].set_xlabel("difference in mean score, arm minus baseline (right of 0: the arm learned faster)")
    return figure


def _lines(pair: str, comparisons: Sequence[Comparison]) -> list[str | Comparison]:
    """The lines of a panel: the pair, and under each arm's name its comparisons."""
    lines: list[str | Comparison] = [pair]
    for arm, group in groupby(comparisons, key=lambda comparison: comparison.transfer_arm):
        lines += [arm, *group]
    return lines


def _reach(comparisons: Sequence[Comparison], margin: float) -> tuple[float, float]:
    """Limits of the axis: all intervals, except where few runs leave one so wide that nothing else could be seen."""
    differences = [comparison.difference or 0.0 for comparison in comparisons]
    intervals = [interval for comparison in comparisons for interval in (comparison.interval, comparison.interval_95)]
    ends = [end for interval in intervals if interval is not None for end in interval]
    widest = 1.5 * max(1.0, margin, *map(abs, differences))
    low = max(min(-margin, *differences, *ends), -widest)
    high = min(max(margin, *differences, *ends), widest)
    return low - 0.08 * (high - low), high + 0.08 * (high - low)


def _finding_rows(axes: Axes, lines: Sequence[str | Comparison], at_left: Transform) -> None:
    for row, line in enumerate(lines):
        if isinstance(line, Comparison):
            _difference(axes, line, row)
        else:
            indent, size = (0.01, 10.5) if row == 0 else (0.03, 9.5)
            ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            axes.text(indent, row, line, transform=at_left, va="center", weight="bold", size=size, bbox=ground)
    labels = {row: contrast(line) for row, line in enumerate(lines) if isinstance(line, Comparison)}
    axes.set_yticks(list(labels), list(labels.values()))


def _difference(axes: Axes, comparison: Comparison, row: int) -> None:
    color, marker = VERDICTS[comparison.verdict]
    beside = axes.get_yaxis_transform()
    axes.text(1.01, row, comparison.verdict, transform=beside, va="center", color=color, weight="bold")
    if comparison.difference is None or comparison.interval is None or comparison.interval_95 is None:
        axes.text(0.0, row, " runs are missing", va="center", color=color, style="italic")
        return
    _line(axes, comparison.interval, row, color, 3.2)
    _line(axes, comparison.interval_95, row + 0.25, "#777777", 1.0)
    axes.plot(comparison.difference, row, marker, color=color, markersize=8)


def _line(axes: Axes, interval: Interval, row: float, color: str, width: float) -> None:
    """Draw an interval; what is beyond the panel, an infinite end too, is cut off there."""
    ends = [max(-_FAR, min(_FAR, end)) for end in interval]
    axes.plot(ends, [row, row], color=color, linewidth=width, solid_capstyle="butt")


def _ground(axes: Axes, rows: int, margin: float, reach: tuple[float, float]) -> None:
    axes.axvspan(-margin, margin, color="#e8e8e8", zorder=0)
    axes.axvline(0.0, color="#444444", linewidth=0.9, zorder=1)
    axes.set_xlim(*reach)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def arms_together(pair: PairData, arm: str | None) -> list[tuple[str, str]]:
    """The arms that share a panel of curves, each with its role there: the baseline, an arm and its controls."""
    controls = [] if arm is None else [(arm, "transfer"), (f"{arm}.placebo", "placebo"), (f"{arm}.sham", "sham")]
    return [(name, role) for name, role in [(pair.entry.baseline, "baseline"), *controls] if pair.of_arm(name)]


def curves(pair: PairData, arm: str | None) -> Figure:
    """Draw the learning curves of one transfer arm, its controls and the baseline: all runs, and each mean.

    Args:
        pair: The pair.
        arm: The transfer arm; None for the baseline alone.
    """
    with style():
        figure = Figure(figsize=(6.4, 3.6))
        figure.subplots_adjust(left=0.11, right=0.89, top=0.98, bottom=0.28)
        axes = figure.subplots()
        for member, role in arms_together(pair, arm):
            _curves_of_arm(axes, pair.of_arm(member), role, member if role == "baseline" else role)
        threshold = pair.entry.threshold_score
        axes.axhline(threshold, color="#555555", linewidth=1.0, linestyle=":", label=f"threshold {threshold:g}")
        axes.set_xlim(0, pair.entry.target_steps)
        _show_at_least(axes, 0.0, max(1.0, threshold))
        axes.set_xlabel("steps on the target task")
        axes.set_ylabel("score (0 random, 1 reference)")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        _return_axis(axes, pair)
        columns = 4 if len(axes.get_legend_handles_labels()[0]) <= 4 else 3
        figure.legend(loc="lower center", ncols=columns, columnspacing=1.4, frameon=False)
    return figure


def _curves_of_arm(axes: Axes, runs: Sequence[RunData], role: str, called: str) -> None:
    color, line = ROLES[role]
    for run in runs:
        axes.plot(run.step_T, run.score_T, color=color, linestyle=line, linewidth=0.8, alpha=0.35)
    mean_T = np.mean([run.score_T for run in runs], axis=0)
    label = f"{called} ({count(len(runs), 'run')})"
    axes.plot(runs[0].step_T, mean_T, color=color, linestyle=line, linewidth=2.4, label=label)


def _show_at_least(axes: Axes, low: float, high: float) -> None:
    """Show the whole range of usual scores, so that figures can be compared, and a little room around all curves."""
    bottom, top = axes.get_ylim()
    room = 0.03 * (high - low)
    axes.set_ylim(min(bottom, low - room), max(top, high + room))


def _return_axis(axes: Axes, pair: PairData) -> None:
    low, span = pair.entry.score.random, pair.entry.score.reference - pair.entry.score.random

    def to_return(score: ArrayLike) -> ArrayLike:
        return np.asarray(score) * span + low

    def to_score(return_: ArrayLike) -> ArrayLike:
        return (np.asarray(return_) - low) / span

    right = axes.secondary_yaxis("right", functions=(to_return, to_score))
    right.set_ylabel("return")
    right.spines["right"].set_visible(True)
