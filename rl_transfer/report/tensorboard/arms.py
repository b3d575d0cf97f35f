"""The mean curve of each arm with a band around it: one chart a pair, one colour an arm."""

from collections.abc import Iterable

import numpy as np
from tensorboard.plugins.custom_scalar import layout_pb2  # type: ignore[import-untyped]

from rl_transfer.analysis import PairData
from rl_transfer.analysis.sides import Side
from rl_transfer.report.sheets import arms_of
from rl_transfer.report.tensorboard.events import EventFile
from rl_transfer.stats import mean_band

SCORE = "eval/score"
"""The tag of every run's own learning curve, in score."""

_BAND = "mean score of each arm with its band (pointwise 95 % bootstrap of the mean, for display: it decides nothing)"


def write_arm(file: EventFile, pairs: Iterable[PairData], arm: str) -> None:
    """Add an arm's mean curves, step 0 included: ``score/PAIR/mean``, ``lower`` and ``upper``, ``return/PAIR/mean``.

    Args:
        file: That of the arm's own TensorBoard run.
        pairs: All pairs of the study.
        arm: The arm; pairs where none of its runs is finished are left out.
    """
    for pair in pairs:
        side = Side.of(pair, arm)
        if not side.runs:
            continue
        score_UT = np.stack([side.by_unit(score_R) for score_R in side.score_RT.T], axis=1)
        return_T = np.mean([run.return_T for run in side.runs], axis=0)
        columns = zip(pair.entry.grid, score_UT.mean(axis=0), *mean_band(score_UT), return_T, strict=True)
        score = f"score/{pair.name}"
        for step, *numbers in columns:
            tags = (f"{score}/mean", f"{score}/lower", f"{score}/upper", f"return/{pair.name}/mean")
            file.scalars(step, dict(zip(tags, numbers, strict=True)))


def layout(pairs: Iterable[PairData]) -> layout_pb2.Layout:
    """The charts of the custom scalars: the arms' bands, a chart a pair, and every run's own curve."""
    bands = [_band_chart(pair.name) for pair in pairs if any(map(pair.of_arm, arms_of(pair)))]
    runs = layout_pb2.MultilineChartContent(tag=[f"^{SCORE}$"])
    every = layout_pb2.Chart(title="choose runs with the filter at the left, such as ^PAIR/", multiline=runs)
    return layout_pb2.Layout(
        category=[
            layout_pb2.Category(title=_BAND, chart=bands),
            layout_pb2.Category(title="score of every run", chart=[every], closed=True),
        ]
    )


def _band_chart(pair: str) -> layout_pb2.Chart:
    series = layout_pb2.MarginChartContent.Series(
        value=f"score/{pair}/mean", lower=f"score/{pair}/lower", upper=f"score/{pair}/upper"
    )
    return layout_pb2.Chart(title=pair, margin=layout_pb2.MarginChartContent(series=[series]))
