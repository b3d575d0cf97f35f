"""Where runs begin and when they get there: jumpstart, and time to threshold with what is censored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from rl_transfer.report.curve_figures import Curve
from rl_transfer.report.svg import style
from rl_transfer.stats import jumpstart, restricted_mean_time, steps_to_threshold

MILESTONE_COLUMNS = ("pair", "arm", "seed", "jumpstart", "threshold_score", "steps_to_threshold", "reached")

_ROW = 0.33
_SPREAD = 0.26
"""Half the height over which the runs of an arm are spread, in rows, so that equal ones can be told apart."""
_DOT: dict[str, Any] = {"markersize": 4.5, "alpha": 0.8, "markeredgecolor": "white", "markeredgewidth": 0.5}
"""A run; its edge keeps it apart from others and from the line of the mean beneath it."""


@dataclass(frozen=True)
class Milestones:
    """The arms of one pair, and what they are to reach.

    Attributes:
        pair: Name of the pair.
        curves: Its arms, at least one.
        threshold: The score to hold.
    """

    pair: str
    curves: Sequence[Curve]
    threshold: float


Row = tuple[int, Curve, Milestones]


def milestones(pairs: Sequence[Milestones]) -> Figure:
    """Draw each run's jumpstart and its time to threshold, one row an arm, with the means.

    A run that never held the threshold is an open triangle at the budget: it is censored there. Where pairs differ in
    budget, times are shares of it. Jumpstarts are left out where not all curves begin before the first step.

    Args:
        pairs: The pairs, at least one.
    """
    labels, rows = _rows(pairs)
    before = all(curve.step_T[0] == 0 for _, curve, _ in rows)
    height = 0.8 + _ROW * len(labels)
    with style():
        figure = Figure(figsize=(9.0, height))
        figure.subplots_adjust(left=0.23, right=0.925, top=1 - 0.25 / height, bottom=0.55 / height, wspace=0.08)
        *first, last = figure.subplots(1, 2 if before else 1, sharey=True, squeeze=False)[0]
        for axes in first:
            _jumpstarts(axes, rows)
        _times(last, rows)
        axes_A = [*first, last]
        axes_A[0].set_yticks(range(len(labels)), [label for label, _ in labels])
        axes_A[0].set_ylim(len(labels) - 0.45, -0.55)
        for text, (_, weight) in zip(axes_A[0].get_yticklabels(), labels, strict=True):
            text.set_fontweight(weight)
        for axes in axes_A:
            axes.tick_params(axis="y", length=0)
            axes.hlines([row for row, _, _ in rows], *axes.get_xlim(), color="#eeeeee", linewidth=0.8, zorder=0)
    return figure


def _rows(pairs: Sequence[Milestones]) -> tuple[list[tuple[str, str]], list[Row]]:
    """The label of each row with its weight; and place, arm and pair of those that are an arm's."""
    labels: list[tuple[str, str]] = []
    rows: list[Row] = []
    for one in pairs:
        labels.append((one.pair, "bold"))
        for curve in one.curves:
            rows.append((len(labels), curve, one))
            labels.append((curve.arm, "normal"))
    return labels, rows


def _jumpstarts(axes: Axes, rows: Sequence[Row]) -> None:
    for row, curve, _ in rows:
        score_R = jumpstart(curve.score_RT, curve.step_T)
        axes.plot(score_R, _spread(row, len(score_R)), "o", color=curve.color, **_DOT)
        _mean(axes, float(score_R.mean()), row)
    axes.set_xlabel("jumpstart: score before the first step")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _times(axes: Axes, rows: Sequence[Row]) -> None:
    budgets = {int(curve.step_T[-1]) for _, curve, _ in rows}
    shared = budgets.pop() if len(budgets) == 1 else None
    beside = axes.get_yaxis_transform()
    axes.text(1.04, -0.35, "reached", transform=beside, va="center", size=8.5, style="italic")
    for row, curve, one in rows:
        unit = 1.0 if shared else float(curve.step_T[-1])
        step_R, reached_R = steps_to_threshold(curve.score_RT, curve.step_T, one.threshold)
        place_R, time_R = _spread(row, len(step_R)), step_R / unit
        axes.plot(time_R[reached_R], place_R[reached_R], "o", color=curve.color, **_DOT)
        censored: dict[str, Any] = {"color": curve.color, "markerfacecolor": "white", "markersize": 5, "clip_on": False}
        axes.plot(time_R[~reached_R], place_R[~reached_R], ">", **censored)
        _mean(axes, restricted_mean_time(curve.score_RT, curve.step_T, one.threshold).mean_steps / unit, row)
        axes.text(1.04, row, f"{reached_R.sum()} of {len(reached_R)}", transform=beside, va="center", size=8.5)
    axes.set_xlim(0, shared or 1)
    axes.axvline(shared or 1, color="#888888", linewidth=0.9, linestyle=":")
    scores = ", ".join(f"{score:g}" for score in sorted({one.threshold for _, _, one in rows}))
    axes.set_xlabel(f"{'steps' if shared else 'share of the budget'} until the threshold, score {scores}, is held")
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 4, 5, 10]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}" if shared else "{x:g}"))


def _spread(row: int, runs: int) -> NDArray[np.float64]:
    return row + (np.linspace(-_SPREAD, _SPREAD, runs) if runs > 1 else np.zeros(1))


def _mean(axes: Axes, value: float, row: int) -> None:
    axes.plot([value, value], [row - 0.36, row + 0.36], color="#000000", linewidth=1.8, clip_on=False, zorder=1.5)


def milestone_rows(pairs: Sequence[Milestones]) -> Iterator[tuple[object, ...]]:
    """What `milestones` draws, one row a run, in the columns `MILESTONE_COLUMNS`; times in steps.

    Args:
        pairs: The pairs.
    """
    for _, curve, one in _rows(pairs)[1]:
        step_R, reached_R = steps_to_threshold(curve.score_RT, curve.step_T, one.threshold)
        before_R = curve.score_RT[:, 0] if curve.step_T[0] == 0 else [""] * len(step_R)
        for seed, before, step, reached in zip(curve.seeds, before_R, step_R, reached_R, strict=True):
            yield one.pair, curve.arm, seed, before, one.threshold, int(step), "yes" if reached else "no"
