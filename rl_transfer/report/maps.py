"""The figures that lay many pairs side by side: a ladder's verdicts over distance, a matrix of sources and targets."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rl_transfer.analysis import Comparison, Manifest
from rl_transfer.report.figures import DIFFERENCE_COLUMNS, difference_rows
from rl_transfer.report.svg import style

LADDER_COLUMNS = ("distance", *DIFFERENCE_COLUMNS)
MATRIX_COLUMNS = ("source", "target", *DIFFERENCE_COLUMNS)

_FAMILIES = {"total": ("#0072b2", -1), "knowledge": ("#00795a", 0), "initialisation": ("#d97706", 1)}
"""Colour of a family, and to which side it is moved so that the three do not cover each other."""
_MARKERS = {"positive": "^", "negative": "v", "equivalent": "s", "inconclusive": "o"}
_FAR = 1e6
_LEAST_REACH = 0.25
_SIGNS = {"positive": "+", "negative": "\N{MINUS SIGN}", "equivalent": "=", "inconclusive": "?"}


def ladder_figures(manifest: Manifest, comparisons: Sequence[Comparison]) -> Iterator[tuple[str, Figure]]:
    """Draw each ladder of a study: the effects over the distance of the source, one panel an arm.

    Args:
        manifest: The study.
        comparisons: All its comparisons.

    Yields:
        A ladder's name and its figure.
    """
    ladders: dict[str, list[str]] = {}
    for name, entry in manifest.pairs.items():
        if entry.rung is not None:
            ladders.setdefault(entry.rung.ladder, []).append(name)
    for ladder, names in ladders.items():
        yield ladder, _ladder(manifest, [one for one in comparisons if one.pair in names], names)


def _ladder(manifest: Manifest, comparisons: Sequence[Comparison], names: Sequence[str]) -> Figure:
    arms = list(dict.fromkeys(comparison.transfer_arm for comparison in comparisons))
    first = manifest.pairs[names[0]].rung
    assert first is not None
    with style():
        figure = Figure(figsize=(6.4, 0.6 + 3.0 * len(arms)))
        axes_A = figure.subplots(len(arms), 1, sharex=True, squeeze=False)[:, 0]
        for axes, arm in zip(axes_A, arms, strict=True):
            _effects(axes, manifest, [one for one in comparisons if one.transfer_arm == arm])
            axes.set_title(arm)
            axes.set_ylabel("difference in mean score")
        axes_A[-1].set_xlabel(first.label)
        handles = [*axes_A[0].get_legend_handles_labels()[0], *_verdict_handles(comparisons)]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
        figure.set_layout_engine("constrained")
    return figure


def _verdict_handles(comparisons: Sequence[Comparison]) -> list[Line2D]:
    met = {comparison.verdict for comparison in comparisons}
    return [
        Line2D([], [], marker=marker, linestyle="", color="#444444", label=verdict)
        for verdict, marker in _MARKERS.items()
        if verdict in met
    ]


def _effects(axes: Axes, manifest: Manifest, comparisons: Sequence[Comparison]) -> None:
    rungs = [manifest.pairs[one.pair].rung for one in comparisons]
    distances = sorted({rung.distance for rung in rungs if rung is not None})
    apart = 0.09 * min(np.diff(distances), default=1.0)
    axes.axhspan(-manifest.margin, manifest.margin, color="#e8e8e8", zorder=0)
    axes.axhline(0.0, color="#444444", linewidth=0.9, zorder=1)
    for family, (color, side) in _FAMILIES.items():
        points = [
            (rung.distance + side * apart, one.difference, one)
            for one, rung in zip(comparisons, rungs, strict=True)
            if one.family == family and one.difference is not None and rung is not None
        ]
        if not points:
            continue
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], color=color, alpha=0.5, label=family)
        for x, y, one in points:
            if one.interval is not None:
                axes.plot([x, x], [max(-_FAR, min(_FAR, end)) for end in one.interval], color=color, linewidth=2.2)
            axes.plot(x, y, _MARKERS[one.verdict], color=color, markersize=7)
    highest = max([2 * manifest.margin, *(abs(one.difference) for one in comparisons if one.difference is not None)])
    ends = [abs(end) for one in comparisons if one.interval is not None for end in one.interval]
    # Room for the intervals, but an unbounded one must not flatten the rest.
    reach = 1.1 * min(max([highest, *ends]), 2 * highest)
    axes.set_ylim(-reach, reach)
    axes.set_xticks(distances, [f"{distance:g}" for distance in distances])


def matrix_figures(manifest: Manifest, comparisons: Sequence[Comparison]) -> Iterator[tuple[str, Figure]]:
    """Draw a study's matrix: the total effect of every source on every target, one figure an arm.

    Args:
        manifest: The study.
        comparisons: All its comparisons.

    Yields:
        An arm's name and its figure; nothing where the study has no matrix.
    """
    cells = {name: entry.cell for name, entry in manifest.pairs.items() if entry.cell is not None}
    tasks = list(dict.fromkeys(task for cell in cells.values() for task in (cell.target, cell.source)))
    totals = [one for one in comparisons if one.family == "total" and one.pair in cells]
    for arm in dict.fromkeys(one.arm for one in totals):
        found = {(cells[one.pair].source, cells[one.pair].target): one for one in totals if one.arm == arm}
        yield arm, _matrix(tasks, found)


def map_rows(
    manifest: Manifest, comparisons: Sequence[Comparison], *, ladder: str | None = None, arm: str | None = None
) -> Iterator[tuple[object, ...]]:
    """What a ladder or a matrix draws, one row a comparison: its place, then as `difference_rows` has it.

    Args:
        manifest: The study.
        comparisons: All its comparisons.
        ladder: The ladder, in the columns `LADDER_COLUMNS`.
        arm: The matrix's arm, in the columns `MATRIX_COLUMNS`.
    """
    for one in comparisons:
        entry = manifest.pairs[one.pair]
        if ladder is not None and entry.rung is not None and entry.rung.ladder == ladder:
            yield entry.rung.distance, *next(difference_rows([one]))
        elif arm is not None and entry.cell is not None and (one.family, one.arm) == ("total", arm):
            yield entry.cell.source, entry.cell.target, *next(difference_rows([one]))


def _matrix(tasks: Sequence[str], found: dict[tuple[str, str], Comparison]) -> Figure:
    difference_ST = np.full((len(tasks), len(tasks)), np.nan)
    with style():
        figure = Figure(figsize=(1.9 + 0.85 * len(tasks), 1.3 + 0.62 * len(tasks)), layout="constrained")
        axes = figure.subplots()
        for (source, target), one in found.items():
            row, column = tasks.index(source), tasks.index(target)
            if one.difference is not None:
                difference_ST[row, column] = one.difference
            value = "-" if one.difference is None else f"{one.difference:+.2f}"
            weight = "normal" if one.verdict == "inconclusive" else "bold"
            text = f"{value}\n{_SIGNS[one.verdict]}"
            axes.text(column, row, text, ha="center", va="center", weight=weight, size=9)
        reach = np.nanmax(np.abs(difference_ST), initial=_LEAST_REACH)
        axes.imshow(difference_ST, cmap="BrBG", vmin=-1.6 * reach, vmax=1.6 * reach, aspect="auto")
        axes.set_xticks(range(len(tasks)), tasks, rotation=25, ha="right")
        axes.set_yticks(range(len(tasks)), tasks)
        axes.set_xlabel("target")
        axes.set_ylabel("source")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure
