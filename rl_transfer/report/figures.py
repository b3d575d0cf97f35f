"""The figures of the report's differences: with their intervals one under another, and effect beside effect."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Transform, blended_transform_factory

from rl_transfer.analysis import Comparison
from rl_transfer.report.svg import style
from rl_transfer.report.wording import contrast
from rl_transfer.stats import Interval

VERDICTS = {
    "positive": ("#00795a", ">"),
    "negative": ("#c04000", "<"),
    "equivalent": ("#3b4cc0", "s"),
    "inconclusive": ("#666666", "o"),
}
"""Colour and marker of a verdict; told apart without colour too."""

DIFFERENCE_COLUMNS = (
    "pair", "arm", "family", "baseline", "difference", "low", "high", "low_95", "high_95", "p", "level", "verdict",
)  # fmt: skip

_ROW = 0.27
_FAR = 1e6


def forest(comparisons: Sequence[Comparison], margin: float) -> Figure:
    """Draw all differences with their intervals, by pair and arm.

    Args:
        comparisons: All comparisons of a study, by pair.
        margin: Differences inside +-margin are negligible; shaded.
    """
    lines = list(_lines(comparisons))
    height = 0.55 + _ROW * len(lines)
    with style():
        figure = Figure(figsize=(8.2, height))
        figure.subplots_adjust(left=0.29, right=0.87, top=1.0, bottom=0.55 / height)
        axes = figure.subplots()
        _finding_rows(axes, lines, blended_transform_factory(figure.transFigure, axes.transData))
        _ground(axes, len(lines), margin, _reach(comparisons, margin))
        axes.set_xlabel("difference in mean score, arm minus baseline (right of 0: the arm learned faster)")
    return figure


def _lines(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, str | Comparison]]:
    """The lines, each with what it is: a pair, an arm of it, a comparison; and a gap before further pairs."""
    for place, (pair, group) in enumerate(groupby(comparisons, key=lambda comparison: comparison.pair)):
        if place:
            yield "gap", ""
        yield "pair", pair
        for arm, found in groupby(group, key=lambda comparison: comparison.transfer_arm):
            yield "arm", arm
            yield from (("comparison", comparison) for comparison in found)


def _reach(comparisons: Sequence[Comparison], margin: float) -> tuple[float, float]:
    """Limits of the axis: all intervals, except where few runs leave one so wide that nothing else could be seen."""
    differences = [comparison.difference or 0.0 for comparison in comparisons]
    intervals = [interval for comparison in comparisons for interval in (comparison.interval, comparison.interval_95)]
    ends = [end for interval in intervals if interval is not None for end in interval]
    widest = 1.5 * max(1.0, margin, *map(abs, differences))
    low = max(min(-margin, *differences, *ends), -widest)
    high = min(max(margin, *differences, *ends), widest)
    return low - 0.08 * (high - low), high + 0.08 * (high - low)


def _finding_rows(axes: Axes, lines: Sequence[tuple[str, str | Comparison]], at_left: Transform) -> None:
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    labels = {}
    for row, (kind, line) in enumerate(lines):
        if isinstance(line, Comparison):
            _difference(axes, line, row)
            labels[row] = contrast(line)
        elif line:
            indent, size = (0.01, 10.5) if kind == "pair" else (0.03, 9.5)
            axes.text(indent, row, line, transform=at_left, va="center", weight="bold", size=size, bbox=ground)
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


def effects(comparisons: Sequence[Comparison], margin: float) -> Figure:
    """Draw effect beside effect, one row an arm: what is total, and how much of it knowledge or another start.

    Args:
        comparisons: All comparisons of a study, by pair.
        margin: Differences inside +-margin are negligible; shaded.
    """
    families = list(dict.fromkeys(comparison.family for comparison in comparisons))
    rows = list(_effect_rows(comparisons))
    reach = _reach(comparisons, margin)
    height = 0.8 + _ROW * len(rows)
    with style():
        figure = Figure(figsize=(9.0, height))
        figure.subplots_adjust(left=0.23, right=0.99, top=1 - 0.3 / height, bottom=0.5 / height, wspace=0.06)
        for axes, family in zip(
            figure.subplots(1, len(families), sharey=True, squeeze=False)[0], families, strict=True
        ):
            axes.set_title(family)
            _ground(axes, len(rows), margin, reach)
            for row, (_, _, found) in enumerate(rows):
                if family in found:
                    _effect(axes, found[family], row)
        axes = figure.axes[0]
        axes.set_yticks(range(len(rows)), [label for label, _, _ in rows])
        for label, (_, is_pair, _) in zip(axes.get_yticklabels(), rows, strict=True):
            label.set(fontweight="bold" if is_pair else "normal")
        figure.supxlabel("difference in mean score", size=9.5, y=0.02)
    return figure


def _effect_rows(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, bool, dict[str, Comparison]]]:
    """Label, whether it is a pair's, and the comparisons by family, of each row."""
    for pair, group in groupby(comparisons, key=lambda comparison: comparison.pair):
        yield pair, True, {}
        for arm, found in groupby(group, key=lambda comparison: comparison.transfer_arm):
            yield arm, False, {comparison.family: comparison for comparison in found}


def _effect(axes: Axes, comparison: Comparison, row: int) -> None:
    color, marker = VERDICTS[comparison.verdict]
    if comparison.difference is None or comparison.interval is None:
        axes.text(0.0, row, " runs are missing", va="center", color=color, style="italic")
        return
    _line(axes, comparison.interval, row, color, 2.4)
    axes.plot(comparison.difference, row, marker, color=color, markersize=7)


def difference_rows(comparisons: Sequence[Comparison]) -> Iterator[tuple[object, ...]]:
    """What `forest` and `effects` draw, one row a comparison, in the columns `DIFFERENCE_COLUMNS`.

    What can't be given since runs are missing is empty; an end that the runs can't bound is infinite.
    """
    for one in comparisons:
        ends = [end for interval in (one.interval, one.interval_95) for end in interval or ("", "")]
        numbers = ["" if value is None else value for value in (one.difference, *ends, one.p, one.level)]
        yield one.pair, one.transfer_arm, one.family, one.baseline, *numbers, one.verdict


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
