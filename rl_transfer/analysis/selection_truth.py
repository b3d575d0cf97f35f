"""What predictors are worth: their rankings beside the effects that a finished study measured."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rl_transfer.analysis.selection import MEAN_RANK, PREDICTORS, Candidate, Selection, ranked
from rl_transfer.stats import FirstChoice, RankCorrelation, first_choice, partial_rank_correlation

RANDOM = "random choice"


@dataclass(frozen=True)
class Record:
    """How one predictor did.

    Attributes:
        predictor: One of `PREDICTORS`, the mean rank over them, or a random choice.
        correlation: With the truth, within targets, over the cells where it is defined; None of a random choice.
        choice: What following its first choice comes to, over the targets where it is defined for all cells; None
            where there is no such target.
    """

    predictor: str
    correlation: RankCorrelation | None
    choice: FirstChoice | None

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON can hold it."""
        return asdict(self)


def records(selection: Selection) -> list[Record]:
    """How each predictor, their mean rank, and a random choice did.

    Args:
        selection: Its candidates have a truth.
    """
    columns = {predictor: [one.value(predictor) for one in selection.candidates] for predictor in PREDICTORS}
    columns[MEAN_RANK] = _mean_ranks(selection)
    found = [
        Record(predictor, _correlation(selection.candidates, column), _choice(selection.candidates, column))
        for predictor, column in columns.items()
    ]
    level: list[float | None] = [0.0] * len(selection.candidates)
    return [*found, Record(RANDOM, None, _choice(selection.candidates, level))]


def _mean_ranks(selection: Selection) -> list[float | None]:
    """Minus the mean rank, so that higher promises more here too."""
    found: dict[str, float | None] = {}
    for target in selection.targets:
        for one in ranked(selection.of_target(target)):
            found[one.candidate.pair] = None if one.mean_rank is None else -one.mean_rank
    return [found[candidate.pair] for candidate in selection.candidates]


def _correlation(candidates: Sequence[Candidate], column: Sequence[float | None]) -> RankCorrelation:
    known = [(one, value) for one, value in zip(candidates, column, strict=True) if value is not None]
    return partial_rank_correlation(*_arrays([one for one, _ in known], [value for _, value in known]))


def _choice(candidates: Sequence[Candidate], column: Sequence[float | None]) -> FirstChoice | None:
    unknown = {one.target for one, value in zip(candidates, column, strict=True) if value is None}
    known = [
        (one, value)
        for one, value in zip(candidates, column, strict=True)
        if one.target not in unknown and value is not None
    ]
    return first_choice(*_arrays([one for one, _ in known], [value for _, value in known]))


def _arrays(candidates: Sequence[Candidate], values: Sequence[float]) -> tuple[Any, Any, Any]:
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(one.target, len(numbers)) for one in candidates]
    truths = []
    for one in candidates:
        assert one.truth is not None, one.pair
        truths.append(one.truth)
    return np.array(values, np.float64), np.array(truths, np.float64), np.array(groups, np.int64)
