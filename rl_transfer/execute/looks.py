"""Carrying out a study look by look: seeds are added to arms that are not decided yet."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from rl_transfer.analysis import compare, load_study
from rl_transfer.analysis.manifest import BASELINE, SOURCES
from rl_transfer.execute.local import Failure, Observer, execute
from rl_transfer.execute.plan import Plan, PlannedRun
from rl_transfer.store import Store
from rl_transfer.study import Look

_Arms = frozenset[tuple[str, str]]


def execute_looks(
    plan: Plan, store: Store, folders: Mapping[str, Path], *, workers: int, observer: Observer
) -> list[Failure]:
    """Carry out a study whose manifest is written; runs that no look needs are left out.

    An arm with a run that crashed goes no further: what is left over would be no fair sample.

    Args:
        plan: The runs of all looks.
        store: Where they go.
        folders: Each run's folder by key.
        workers: Processes at once.
        observer: Who is told.

    Returns:
        The runs that did not complete, stored failures included.
    """
    config, failures = plan.study.config, dict[str, Failure]()
    undecided = _Arms((pair.name, arm) for pair in plan.study.pairs for arm in config.arms)
    for number, look in enumerate(config.looks, start=1):
        runs = tuple(
            run for run in plan.runs if wanted_at(run, look, config.first_seed) and _of_open_arm(run, undecided)
        )
        stage = f"look {number} of {len(config.looks)}" if len(config.looks) > 1 else ""
        some = replace(plan, runs=runs)
        ended = execute(some, store, folders, workers=workers, observer=observer, stage=stage)
        failures |= {failure.run: failure for failure in ended}
        if number < len(config.looks):
            undecided = _for_look(number + 1, plan.study.name, store)
        if not undecided:
            break
    return list(failures.values())


def wanted_at(run: PlannedRun, look: Look, first_seed: int) -> bool:
    """Whether a run is among the seeds of a look."""
    return run.seed - first_seed < (look.baseline_seeds if run.arm == BASELINE else look.seeds)


def _of_open_arm(run: PlannedRun, undecided: Iterable[tuple[str, str]]) -> bool:
    """Whether a run is of an arm that is not decided, or what such an arm starts from or is compared with."""
    arms = [arm for pair, arm in undecided if pair == run.pair]
    return bool(arms) and (run.arm in (BASELINE, *SOURCES) or run.arm.partition(".")[0] in arms)


def _for_look(number: int, study: str, store: Store) -> _Arms:
    """The arms that need a look, by pair: the one before it was complete and decided too little."""
    comparisons = compare(load_study(store.root, study))
    return _Arms((one.pair, one.transfer_arm) for one in comparisons if one.look == number)
