"""Which figures a report has, and what the page needs besides to make its curves answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.analysis import Manifest, PairData, StudyResults
from rl_transfer.report import curve_figures
from rl_transfer.report.curve_figures import CURVE_COLUMNS, Curve, curve_rows, curves, curves_of, parts_shown
from rl_transfer.report.figures import DIFFERENCE_COLUMNS, difference_rows, effects, forest
from rl_transfer.report.gallery import Gallery, Shown
from rl_transfer.report.maps import LADDER_COLUMNS, MATRIX_COLUMNS, ladder_figures, map_rows, matrix_figures
from rl_transfer.report.milestone_figures import MILESTONE_COLUMNS, Milestones, milestone_rows, milestones

_DASHES = {"-": "", "--": "6 3", "-.": "8 3 2 3"}
_MARKS = {
    "": "",
    "o": "M12 6a3 3 0 1 0 6 0a3 3 0 1 0 -6 0",
    "s": "M12 3h6v6h-6z",
    "^": "M15 2l4 7h-8z",
    "v": "M15 10l4 -7h-8z",
    "D": "M15 2l4 4l-4 4l-4 -4z",
}
"""Dashes and marks of the page's legend, in a box of 30 x 12."""


@dataclass(frozen=True)
class LegendEntry:
    """One arm in the legend of curves; the fields but the first two are those of an SVG path."""

    label: str
    shown: bool
    color: str
    dashes: str
    mark: str


@dataclass(frozen=True)
class ShownCurves:
    """A figure of curves in the page.

    Attributes:
        figure: The figure.
        legend: Its arms, in the order of their numbers in the figure.
        parts: Whether bands and single runs are shown at first.
        values: What the page says at a step: the steps, the numbers of each arm, and where the axes lie.
    """

    figure: Shown
    legend: list[LegendEntry]
    parts: dict[str, bool]
    values: dict[str, Any]


def figures(gallery: Gallery, results: StudyResults) -> dict[str, Any]:
    """All figures but those on pairs together; None, or an empty list, where a study has nothing to show there."""
    data, manifest, comparisons = results.data, results.data.manifest, results.comparisons
    found: dict[str, Any] = {"forest": None, "effects": None, "milestones": None}
    drawn = {pair.name: curves_of(pair, transfer_arms(manifest)) for pair in data.pairs if pair.runs}
    if pairs := [Milestones(name, drawn[name], manifest.pairs[name].threshold_score) for name in drawn]:
        found["milestones"] = gallery.add("milestones", milestones(pairs), MILESTONE_COLUMNS, milestone_rows(pairs))
    if comparisons:
        columns, rows = DIFFERENCE_COLUMNS, list(difference_rows(comparisons))
        found["forest"] = gallery.add("forest", forest(comparisons, manifest.margin), columns, rows)
        if len({comparison.family for comparison in comparisons}) > 1:
            found["effects"] = gallery.add("effects", effects(comparisons, manifest.margin), columns, rows)
    found["curves"] = {pair.name: _curves(gallery, pair, drawn[pair.name]) for pair in data.pairs if pair.runs}
    found["ladders"] = [
        (name, gallery.add(f"ladder_{name}", figure, LADDER_COLUMNS, map_rows(manifest, comparisons, ladder=name)))
        for name, figure in ladder_figures(manifest, comparisons)
    ]
    found["matrices"] = [
        (name, gallery.add(f"matrix_{name}", figure, MATRIX_COLUMNS, map_rows(manifest, comparisons, arm=name)))
        for name, figure in matrix_figures(manifest, comparisons)
    ]
    return found


def transfer_arms(manifest: Manifest) -> list[str]:
    """The transfer arms of all pairs of a study."""
    return list(dict.fromkeys(arm for pair in manifest.pairs.values() for arm in pair.arms))


def _curves(gallery: Gallery, pair: PairData, drawn: Sequence[Curve]) -> ShownCurves:
    rows, height = curve_rows(drawn), curve_figures.HEIGHT
    figure = gallery.add(f"curves_{pair.name}", curves(pair, drawn), CURVE_COLUMNS, rows, height=height)
    legend = [LegendEntry(c.label, c.shown, c.color, _DASHES[c.line], _MARKS[c.marker]) for c in drawn]
    return ShownCurves(figure, legend, parts_shown(drawn), _values(pair, drawn))


def _values(pair: PairData, drawn: Sequence[Curve]) -> dict[str, Any]:
    """What the page's script needs of a figure of curves."""
    return {
        "left": curve_figures.LEFT,
        "right": curve_figures.RIGHT,
        "budget": pair.entry.target_steps,
        "steps": list(pair.entry.grid),
        "curves": [
            {"arm": curve.arm, "mean": _short(curve.mean_T), "band": [_short(end) for end in curve.band_T or ()]}
            for curve in drawn
        ],
    }


def _short(value_T: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 3) for value in value_T]
