"""Learning curves of a pair: the mean of each arm, its band, and every run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray

from rl_transfer.analysis import PairData, controls
from rl_transfer.report.svg import style
from rl_transfer.report.wording import count
from rl_transfer.stats import mean_band

Floats = NDArray[np.float64]

ROLES = {
    "baseline": ("#000000", "-"),
    "transfer": ("#0072b2", "-"),
    "placebo": ("#d97706", "--"),
    "sham": ("#a03c8c", "-."),
}
"""Colour and line of what an arm is where one transfer arm stands alone (after Okabe and Ito's palette)."""

_COLORS = ("#0072b2", "#d97706", "#00795a", "#a03c8c", "#c04000", "#2a9fd6", "#7a6a00")
_MARKERS = ("o", "s", "^", "D", "v")
"""Of several arms each has its own pair of colour and marker: the two lists have no common divisor."""

CURVE_COLUMNS = ("arm", "role", "series", "step", "score")

_FEW = 4
"""So many curves are shown with all their runs and controls; of more only the arms' means, at first."""

_THICK, _THIN = 2.8, 1.5
"""Width of a mean; the baseline's is thin and on top, so that an arm that is no different from it is seen beneath."""

WIDTH, HEIGHT = 9.0, 4.3
LEFT, RIGHT, TOP, BOTTOM = 0.075, 0.925, 0.985, 0.115
"""Size of the figure without its legend, in inches, and where its axes lie there, as fractions from below left."""


@dataclass(frozen=True)
class Curve:
    """How one arm of a pair is drawn.

    Attributes:
        arm: Its name.
        role: "baseline", "transfer", "placebo" or "sham".
        color: Of its lines, as #rrggbb.
        line: Matplotlib's sign of the kind of line.
        marker: Of its mean; empty for none.
        seeds: Seed index of each run.
        score_RT: Score of each run at each step, shape (runs, steps).
        step_T: The steps, shape (steps,).
        shown: Whether a reader sees it before choosing.
    """

    arm: str
    role: str
    color: str
    line: str
    marker: str
    seeds: tuple[int, ...]
    score_RT: Floats
    step_T: NDArray[np.int64]
    shown: bool

    @property
    def label(self) -> str:
        """The arm and how many runs it has."""
        return f"{self.arm} ({count(len(self.score_RT), 'run')})"

    @property
    def mean_T(self) -> Floats:
        """Mean over runs, shape (steps,)."""
        mean_T: Floats = self.score_RT.mean(axis=0)
        return mean_T

    @cached_property
    def band_T(self) -> tuple[Floats, Floats] | None:
        """The pointwise 95 % band of the mean; None of a single run."""
        return mean_band(self.score_RT) if len(self.score_RT) > 1 else None


def curves_of(pair: PairData, arms: Sequence[str]) -> list[Curve]:
    """The arms of a pair that have finished runs: the baseline, then each transfer arm with its controls.

    Args:
        pair: The pair.
        arms: The transfer arms among which one is to be told from another; those of the study, so that an arm looks
            the same on all its pairs. Arms that are not here are left out.
    """
    found = [looks for looks in _styles(pair.entry.baseline, arms) if pair.of_arm(looks[0])]
    few = len(found) <= _FEW
    return [
        Curve(
            *looks,
            tuple(run.seed for run in pair.of_arm(looks[0])),
            np.stack([run.score_T for run in pair.of_arm(looks[0])]),
            pair.of_arm(looks[0])[0].step_T,
            shown=few or looks[1] in ("baseline", "transfer"),
        )
        for looks in found
    ]


def _styles(baseline: str, arms: Sequence[str]) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, role, colour, line and marker of each arm; a control looks like its arm where there are several."""
    yield baseline, "baseline", *ROLES["baseline"], ""
    for index, arm in enumerate(arms):
        own, marker = _COLORS[index % len(_COLORS)], _MARKERS[index % len(_MARKERS)]
        for role, name in zip(("transfer", "placebo", "sham"), controls(arm), strict=True):
            color, line = ROLES[role]
            alone = len(arms) == 1
            yield name, role, color if alone else own, line, "" if alone else marker


def curve_rows(curves: Sequence[Curve]) -> Iterator[tuple[object, ...]]:
    """What a figure of curves draws, one row a point, in the columns `CURVE_COLUMNS`."""
    for curve in curves:
        series = {"mean": curve.mean_T}
        if (band := curve.band_T) is not None:
            series |= {"band low": band[0], "band high": band[1]}
        series |= {f"seed {seed}": score_T for seed, score_T in zip(curve.seeds, curve.score_RT, strict=True)}
        for name, score_T in series.items():
            for step, score in zip(curve.step_T, score_T, strict=True):
                yield curve.arm, curve.role, name, int(step), float(score)


def parts_shown(curves: Sequence[Curve]) -> dict[str, bool]:
    """Whether bands and single runs are shown before a reader chooses."""
    return {"band": sum(curve.shown for curve in curves) <= _FEW, "runs": len(curves) <= _FEW}


def curves(pair: PairData, drawn: Sequence[Curve]) -> Figure:
    """Draw learning curves of a pair: of each arm the mean, its pointwise band, and all runs.

    The parts of the arm at place i have the ids ``curve-i.mean``, ``curve-i.band`` and ``curve-i.runs``, followed by
    ``.off`` where they are not to be seen at first. The legend lies below `HEIGHT`.

    Args:
        pair: The pair.
        drawn: Its arms, as `curves_of` gives them.
    """
    legend = 0.3 + 0.22 * -(-(sum(curve.shown for curve in drawn) + 1) // 3)
    with style():
        figure = Figure(figsize=(WIDTH, HEIGHT + legend))
        scale = HEIGHT / (HEIGHT + legend)
        figure.subplots_adjust(left=LEFT, right=RIGHT, top=1 - (1 - TOP) * scale, bottom=1 - (1 - BOTTOM) * scale)
        axes = figure.subplots()
        for place, (curve, marked) in enumerate(zip(drawn, _marked(drawn), strict=True)):
            _draw(axes, place, curve, parts_shown(drawn), marked)
        _lay_out(axes, pair)
        handles, labels = axes.get_legend_handles_labels()
        seen = [place for place, handle in enumerate(handles) if not str(handle.get_gid()).endswith(".off")]
        figure.legend(
            [handles[place] for place in seen],
            [labels[place] for place in seen],
            loc="lower center",
            ncols=3,
            columnspacing=1.4,
            frameon=False,
        )
    return figure


def _marked(drawn: Sequence[Curve]) -> list[tuple[int, int]]:
    """First marked point of each curve, and every how many points there is another.

    They take turns, so that curves which coincide can all be seen; those that are not shown at first come last.
    """
    turns = sorted((place for place, curve in enumerate(drawn) if curve.marker), key=lambda at: not drawn[at].shown)
    every = max(1, min(sum(drawn[place].shown for place in turns), len(drawn[0].step_T) // 2))
    return [(turns.index(place) % every if curve.marker else 0, every) for place, curve in enumerate(drawn)]


def _draw(axes: Axes, place: int, curve: Curve, parts: Mapping[str, bool], marked: tuple[int, int]) -> None:
    off = {part: "" if curve.shown and shown else ".off" for part, shown in {"mean": True, **parts}.items()}
    color, line = curve.color, curve.line
    lines = [np.column_stack([curve.step_T, score_T]) for score_T in curve.score_RT]
    runs = LineCollection(lines, colors=color, linestyles=line, linewidths=0.8, alpha=0.35)
    runs.set_gid(f"curve-{place}.runs{off['runs']}")
    axes.add_collection(runs)
    if (band := curve.band_T) is not None:
        filled = axes.fill_between(curve.step_T, *band, color=color, alpha=0.15, linewidth=0)
        filled.set_gid(f"curve-{place}.band{off['band']}")
    (mean,) = axes.plot(curve.step_T, curve.mean_T, color=color, linestyle=line, label=curve.label)
    mean.set(marker=curve.marker, markersize=6.5, markevery=marked, gid=f"curve-{place}.mean{off['mean']}")
    mean.set(linewidth=_THICK if place else _THIN, zorder=3 if place else 4)


def _lay_out(axes: Axes, pair: PairData) -> None:
    threshold = pair.entry.threshold_score
    axes.axhline(threshold, color="#555555", linewidth=1.0, linestyle=":", label=f"threshold {threshold:g}")
    axes.autoscale_view()
    axes.set_xlim(0, pair.entry.target_steps)
    _show_at_least(axes, 0.0, max(1.0, threshold))
    axes.set_xlabel("steps on the target task")
    axes.set_ylabel("score (0 random, 1 reference)")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    _return_axis(axes, pair)


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
