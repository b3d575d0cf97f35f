"""Carrying out a study look by look: seeds are added to arms that are not decided yet."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from rl_transfer.analysis import compare, judge_arm, load_study
from rl_transfer.analysis.manifest import BASELINE, controls, read_manifest
from rl_transfer.errors import RLTransferError
from rl_transfer.execute.local import Failure, execute
from rl_transfer.execute.observer import Observer
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

    Raises:
        Stopped: On Ctrl-C; finished runs are kept, and those on their way up to their last checkpoint.
    """
    with store.at_work():
        return _execute_looks(plan, store, folders, workers=workers, observer=observer)


def _execute_looks(
    plan: Plan, store: Store, folders: Mapping[str, Path], *, workers: int, observer: Observer
) -> list[Failure]:
    config, failures = plan.study.config, dict[str, Failure]()
    undecided = _Arms((pair.name, arm) for pair in plan.study.pairs for arm in config.arms_on(pair.name))
    for number, look in enumerate(config.looks, start=1):
        runs = wanted_runs(plan, look, undecided)
        stage = f"look {number} of {len(config.looks)}" if len(config.looks) > 1 else ""
        some = replace(plan, runs=runs)
        judging = _Judging(plan, store, number, undecided, observer)
        ended = execute(some, store, folders, workers=workers, observer=observer, stage=stage, on_run=judging.take_note)
        failures |= {failure.run: failure for failure in ended}
        if number < len(config.looks):
            undecided = _open_after(number, plan.study.name, store)
        if not undecided:
            break
    return list(failures.values())


class _Judging:
    """Judges each arm of a look as soon as its runs are there, while others are still trained."""

    def __init__(self, plan: Plan, store: Store, number: int, arms: _Arms, observer: Observer) -> None:
        self._store, self._number, self._observer = store, number, observer
        self._manifest = read_manifest(store.study(plan.study.name) / "study.json")
        look, targets = plan.study.config.looks[number - 1], [run for run in plan.runs if run.spec.role == "target"]
        self._missing = {
            one: {run.key for run in targets if _is_wanted(plan, run, look, {one})} for one in sorted(arms)
        }

    def take_note(self, run: PlannedRun) -> None:
        """A run has finished; arms that waited for it alone are judged, and the observer is told."""
        for (pair, arm), keys in list(self._missing.items()):
            keys.discard(run.key)
            if not keys:
                del self._missing[pair, arm]
                self._judge(pair, arm)

    def _judge(self, pair: str, arm: str) -> None:
        try:
            self._observer.arm_judged(judge_arm(self._store, self._manifest, pair, arm, self._number))
        except RLTransferError:
            return  # a damaged file stops no training: it is said when the whole study is judged


def wanted_runs(plan: Plan, look: Look, undecided: Iterable[tuple[str, str]] | None = None) -> tuple[PlannedRun, ...]:
    """The runs that a look needs: those of arms, their controls, baselines, and the sources that these start from.

    Args:
        plan: The runs of all looks.
        look: The look.
        undecided: The arms that it is about, by pair; all of them by default.
    """
    open_arms = None if undecided is None else set(undecided)
    targets = [run for run in plan.runs if run.spec.role == "target" and _is_wanted(plan, run, look, open_arms)]
    needed = {key for run in targets for key in (run.key, *run.waits_for)}
    pairs = {run.pair for run in targets}
    return tuple(run for run in plan.runs if run.key in needed and run.pair in pairs)


def _is_wanted(plan: Plan, run: PlannedRun, look: Look, open_arms: set[tuple[str, str]] | None) -> bool:
    if run.seed - plan.study.config.first_seed >= (look.baseline_seeds if run.arm == BASELINE else look.seeds):
        return False
    if open_arms is None:
        return True
    return any(pair == run.pair and run.arm in (BASELINE, *controls(arm)) for pair, arm in open_arms)


def _open_after(number: int, study: str, store: Store) -> _Arms:
    """The arms that a look left open, by pair. One with missing runs goes no further.

    Later looks may be stored already: a comparison is then beyond the next look.
    """
    comparisons = compare(load_study(store.root, study))
    return _Arms((one.pair, one.transfer_arm) for one in comparisons if one.look > number)
