"""What a study could find, before it is trained: by pair and look the difference that its seeds would detect."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rl_transfer.analysis import PairEntry, load_pair
from rl_transfer.errors import StoreError
from rl_transfer.execute.estimate import minutes_left, steps_per_second
from rl_transfer.execute.looks import wanted_runs
from rl_transfer.execute.manifest import pair_settings
from rl_transfer.execute.plan import Plan, PlannedRun
from rl_transfer.execute.reach import Reach, reaches
from rl_transfer.stats import detectable_difference, equivalence_power, mean_score
from rl_transfer.store import Store, read_spec
from rl_transfer.study import LoadedPair

ASSUMED_SPREAD = 0.15
"""Standard deviation of mean scores where nothing is known: between that of steady and of erratic learners."""

_FEWEST_RUNS = 3


@dataclass(frozen=True)
class Spread:
    """Standard deviation of the mean score from scratch over seeds.

    Attributes:
        value: The deviation, in score.
        runs: Stored runs that it was measured on; 0 where it is assumed.
    """

    value: float
    runs: int


@dataclass(frozen=True)
class LookForecast:
    """What one family of comparisons could find at one look.

    Attributes:
        reach: Runs, level and smallest p-value.
        detectable: The true difference that is found with a power of 80 %; None where none is.
        equivalence: Probability that arms which don't differ are called equivalent.
    """

    reach: Reach
    detectable: float | None
    equivalence: float


@dataclass(frozen=True)
class PairForecast:
    """What a study could find on one pair."""

    pair: str
    spread: Spread
    looks: tuple[LookForecast, ...]


@dataclass(frozen=True)
class Cost:
    """What a study costs if it goes as far as a look.

    Attributes:
        look: Number of the look, from 1.
        runs: Runs up to then, stored ones included.
        stored: Runs of these that are stored.
        minutes: Estimated minutes for the others; None where an algorithm's speed is not known yet.
    """

    look: int
    runs: int
    stored: int
    minutes: float | None


def forecast(plan: Plan, store: Store) -> list[PairForecast]:
    """What a plan could find on each of its pairs.

    Args:
        plan: The plan.
        store: Where from-scratch runs of the same targets may lie.
    """
    folders = store.index()
    return [_pair_forecast(plan, pair, store, folders) for pair in plan.study.pairs]


def costs(plan: Plan, store: Store, workers: int) -> list[Cost]:
    """What a plan costs up to each of its looks, if no arm is decided before.

    Args:
        plan: The plan.
        store: Where runs may be stored.
        workers: Runs at once.
    """
    folders, config = store.index(), plan.study.config
    speeds = steps_per_second(store, folders.values())
    found = []
    for number, look in enumerate(config.looks, start=1):
        runs = {run.key: run for run in wanted_runs(plan, look)}
        todo = [run for key, run in runs.items() if not _finished(store, folders, key)]
        found.append(Cost(number, len(runs), len(runs) - len(todo), minutes_left(todo, speeds, workers)))
    return found


def _finished(store: Store, folders: Mapping[str, Path], key: str) -> bool:
    return key in folders and store.status(folders[key]) is not None


def _pair_forecast(plan: Plan, pair: LoadedPair, store: Store, folders: Mapping[str, Path]) -> PairForecast:
    spread = _spread(plan, pair, store, folders)
    margin = plan.study.config.margin
    return PairForecast(
        pair.name,
        spread,
        tuple(_look_forecast(reach, spread.value, margin) for reach in reaches(plan.study.config, [pair.name])),
    )


def _look_forecast(reach: Reach, spread: float, margin: float) -> LookForecast:
    n_baseline, n_arm, level = reach.baseline, reach.arm, reach.level
    return LookForecast(
        reach,
        detectable_difference(spread, n_baseline=n_baseline, n_arm=n_arm, level=level),
        equivalence_power(margin, spread, n_baseline=n_baseline, n_arm=n_arm, level=level),
    )


def _spread(plan: Plan, pair: LoadedPair, store: Store, folders: Mapping[str, Path]) -> Spread:
    """How much from-scratch runs of the pair's target differ, where the store knows."""
    planned = next(run for run in plan.runs if run.pair == pair.name and run.arm == "scratch")
    runs = list(_like(planned, store, folders))
    entry = PairEntry.model_validate({**pair_settings(plan, pair), "runs": runs})
    score_RT = [run.score_T for run in load_pair(store, pair.name, entry).runs]
    if len(score_RT) < _FEWEST_RUNS:
        return Spread(ASSUMED_SPREAD, 0)
    spread = float(mean_score(np.stack(score_RT), entry.grid).std(ddof=1))
    return Spread(spread, len(score_RT)) if spread > 0.0 else Spread(ASSUMED_SPREAD, 0)


def _like(planned: PlannedRun, store: Store, folders: Mapping[str, Path]) -> Iterator[dict[str, object]]:
    """Stored from-scratch runs that differ from a planned one in their seed alone."""
    wanted = planned.spec.model_copy(update={"seed": 0})
    for key, folder in folders.items():
        if folder.parent.name != "scratch" or store.status(folder) is None:
            continue
        try:
            spec = read_spec(folder)
        except StoreError:
            continue
        if spec.model_copy(update={"seed": 0}) == wanted:
            yield {"arm": "scratch", "seed": spec.seed, "key": key, "path": store.relative(folder)}
