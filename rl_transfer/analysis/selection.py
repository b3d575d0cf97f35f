"""Candidate sources, what predictors say of them, and the ranking that follows; nothing here is judged."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue
from scipy.stats import rankdata  # type: ignore[import-untyped]

PREDICTORS: dict[str, str] = {
    "zero_shot": "score on the target before any training there",
    "early_learning": "mean score over the first part of the budget, fine-tuned minus from scratch",
    "representation": "linear CKA with an early from-scratch agent on target observations",
    "dynamics": "minus the error, on target transitions, of a dynamics model of the source",
    "value_agreement": "rank correlation of the source's values with the returns that it gets on the target",
}
"""By predictor what it is; higher promises more, of all."""
MEAN_RANK = "mean_rank"
NEARLY = 0.5
"""A candidate whose mean rank is that much behind the first is called nearly as good."""
COLUMNS = ("target", "source", "seed", "predictor", "value", "why_not")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")


class Prediction(_Frozen):
    """What one predictor says with one seed; without a value it is not defined there, and why is said."""

    seed: int
    predictor: str
    value: float | None
    why_not: str = ""


class Costs(_Frozen):
    """Environment steps.

    Attributes:
        source_steps: What the source agents were trained for; None where an imported one does not say.
        target_steps: Training on the target.
        probe_steps: Transitions and episodes that were collected besides, on both tasks.
        evaluation_steps: Evaluations of the training on the target.
    """

    source_steps: int | None
    target_steps: int
    probe_steps: int
    evaluation_steps: int


class Candidate(_Frozen):
    """One source for one target.

    Attributes:
        pair: The name of the pair that the two make.
        truth: The arm's total effect in a finished study; None where there is none to compare with.
    """

    source: str
    target: str
    pair: str
    predictions: tuple[Prediction, ...]
    costs: Costs
    truth: float | None = None

    def value(self, predictor: str) -> float | None:
        """A predictor's mean over the seeds with which it is defined; None if there is none."""
        found = [one.value for one in self.predictions if one.predictor == predictor and one.value is not None]
        return float(np.mean(found)) if found else None

    def undefined(self, predictor: str) -> dict[int, str]:
        """By seed why a predictor is not defined."""
        return {one.seed: one.why_not for one in self.predictions if one.predictor == predictor and one.value is None}


class Selection(_Frozen):
    """What was asked and what was found.

    Attributes:
        name: Its folder's.
        identity: All that determines the numbers: settings, and the keys of all runs.
        arm: How the sources' knowledge enters.
        share: Of the target's budget, which early runs were trained for.
        excluded: Sources that can't be carried to the target, and why.
        baseline_costs: Those of the early runs from scratch and what their agents collected, which all sources share.
        notes: What is worth knowing besides.
        judge_from: The first seed that had no part in this.
        study: The finished study whose matrix this is about; None where a source was to be chosen.
        shares_seeds: Whether that study's runs may have some of these seeds.
    """

    name: str
    identity: dict[str, JsonValue]
    arm: str
    seeds: tuple[int, ...]
    share: float
    candidates: tuple[Candidate, ...]
    excluded: dict[str, str]
    baseline_costs: Costs
    notes: tuple[str, ...] = ()
    judge_from: int
    study: str | None = None
    shares_seeds: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets, each once."""
        return tuple(dict.fromkeys(candidate.target for candidate in self.candidates))

    def of_target(self, target: str) -> tuple[Candidate, ...]:
        """The candidates for one target."""
        return tuple(candidate for candidate in self.candidates if candidate.target == target)

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Every number, under `COLUMNS`."""
        for candidate in self.candidates:
            for one in candidate.predictions:
                value = "" if one.value is None else one.value
                yield candidate.target, candidate.source, one.seed, one.predictor, value, one.why_not


@dataclass(frozen=True)
class Ranked:
    """A candidate among those for its target.

    Attributes:
        ranks: By predictor its rank, 1 for the best, ties averaged; None where the predictor does not count because it
            is not defined for all candidates.
        mean_rank: Mean over the predictors that count; None if none does.
    """

    candidate: Candidate
    ranks: Mapping[str, float | None]
    mean_rank: float | None


def ranked(candidates: Sequence[Candidate]) -> list[Ranked]:
    """The candidates for one target in the order of their mean rank, equal ones in the order given.

    A predictor that is not defined for all of them has no rank: among fewer, ranks would be better by themselves.
    """
    columns: dict[str, list[float | None]] = {}
    for predictor in PREDICTORS:
        values = [candidate.value(predictor) for candidate in candidates]
        known = [value for value in values if value is not None]
        complete = len(known) == len(values)
        columns[predictor] = rankdata([-value for value in known]).tolist() if complete else [None] * len(values)
    found = []
    for index, candidate in enumerate(candidates):
        ranks = {predictor: column[index] for predictor, column in columns.items()}
        counted = [rank for rank in ranks.values() if rank is not None]
        found.append(Ranked(candidate, ranks, float(np.mean(counted)) if counted else None))
    return sorted(found, key=lambda one: float("inf") if one.mean_rank is None else one.mean_rank)


def first_lines(order: Sequence[Ranked]) -> str:
    """The ranking in plain words.

    Args:
        order: The candidates for one target, as `ranked` gives them.
    """
    first = order[0]
    if first.mean_rank is None:
        return "no predictor is defined for every source: there is no ranking"
    ahead = [predictor for predictor, rank in first.ranks.items() if rank is not None]
    winners = {predictor: _winners(order, predictor) for predictor in ahead}
    behind = first.mean_rank + NEARLY + 1e-9
    near = [one for one in order[1:] if one.mean_rank is not None and one.mean_rank <= behind]
    equal = [one.candidate.source for one in order[1:] if one.mean_rank == first.mean_rank]
    led = sum(first.candidate.source in names for names in winners.values())
    if equal or 2 * led < len(ahead):
        return _disagreement(first, equal, winners)
    said = f"try {first.candidate.source} first: mean rank {first.mean_rank:.1f} of {len(order)}, "
    said += f"first by {led} of {len(ahead)} predictors"
    if near:
        names = " and ".join(f"{one.candidate.source} ({one.mean_rank:.1f})" for one in near)
        said += f"; {names} {'is' if len(near) == 1 else 'are'} nearly as good"
    return said


def _winners(order: Sequence[Ranked], predictor: str) -> list[str]:
    ranks = {one.candidate.source: one.ranks[predictor] or 0.0 for one in order}
    return [source for source, rank in ranks.items() if rank == min(ranks.values())]


def _disagreement(first: Ranked, equal: Sequence[str], winners: Mapping[str, Sequence[str]]) -> str:
    counts = Counter(source for names in winners.values() for source in names)
    votes = ", ".join(
        f"{source} ({', '.join(predictor for predictor, names in winners.items() if source in names)})"
        for source, _ in counts.most_common()
    )
    best = " and ".join([first.candidate.source, *equal])
    verb = "share" if equal else "has"
    return f"the predictors disagree about the first: {votes}; {best} {verb} the best mean rank, {first.mean_rank:.1f}"
