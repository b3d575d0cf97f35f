"""Carrying out a plan on this machine: one process a run, as many at once as there are cores."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from filelock import FileLock

from rl_transfer.errors import ConfigError, RLTransferError, Stopped
from rl_transfer.execute.observer import Observer
from rl_transfer.execute.plan import ROLE_ORDER, Plan, PlannedRun
from rl_transfer.execute.stopping import what_is_kept
from rl_transfer.execute.workers import Workers
from rl_transfer.stats import to_score
from rl_transfer.store import Store, write_spec


@dataclass(frozen=True)
class Failure:
    """A run that did not complete, for people."""

    run: str
    outcome: str
    message: str
    log: Path


def count_workers(wanted: int | None) -> int:
    """As many workers as wanted; by default as this process may use cores.

    Raises:
        ConfigError: If fewer than one are wanted.
    """
    if wanted is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if wanted < 1:
        raise ConfigError(f"must be at least 1, not {wanted}", key="--workers")
    return wanted


def assign_folders(plan: Plan, store: Store) -> dict[str, Path]:
    """Each run's folder by key: where it is stored already, else where it will be; specifications are written.

    One program at a time, so that a run which two studies need gets one folder.
    """
    with FileLock(store.lock("folders")):
        folders = store.index()
        for run in plan.distinct():
            if run.key not in folders:
                folders[run.key] = store.run_folder(run.pair, run.arm, run.seed, run.key)
                write_spec(folders[run.key], run.key, run.spec)
    return folders


def execute(
    plan: Plan,
    store: Store,
    folders: Mapping[str, Path],
    *,
    workers: int,
    observer: Observer,
    stage: str = "",
    on_run: Callable[[PlannedRun], None] | None = None,
) -> list[Failure]:
    """Carry out all runs that are not stored yet; a failing run does not stop the others.

    Args:
        plan: The runs.
        store: Where they go.
        folders: Each run's folder by key.
        workers: Processes at once.
        observer: Who is told.
        stage: Which part of the study these are, for people.
        on_run: Called with each run that has finished, those that were stored first; not at all if no run is to be
            carried out.

    Returns:
        The runs that did not complete, stored failures included.

    Raises:
        Stopped: On Ctrl-C; finished runs are kept, and those on their way up to their last checkpoint.
    """
    with store.at_work():
        return _Execution(plan, store, folders, observer, stage, on_run).carry_out(workers)


class _Execution:
    """The state of one execution: what waits, what runs, what ended."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        folders: Mapping[str, Path],
        observer: Observer,
        stage: str,
        on_run: Callable[[PlannedRun], None] | None,
    ) -> None:
        self._store, self._folders, self._observer, self._stage = store, folders, observer, stage
        self._signals = plan.study.config.signals
        self._on_run = on_run or (lambda _: None)
        self._anchors = {pair.name: pair.config.score for pair in plan.study.pairs}
        self._runs = plan.distinct()
        self._outcomes: dict[str, str] = {}
        self._running: dict[str, PlannedRun] = {}
        for run in self._runs:
            if (status := store.status(folders[run.key])) is not None:
                self._outcomes[run.key] = status["outcome"]

    def carry_out(self, count: int) -> list[Failure]:
        """Run everything, then list the failures."""
        self._refuse_unknown_sources()
        waiting = [run for run in self._runs if run.key not in self._outcomes]
        stored = [run for run in self._runs if run.key in self._outcomes]
        self._observer.begin(
            runs=len(self._runs),
            stored_runs=len(stored),
            steps=_steps(self._runs),
            stored_steps=_steps(stored),
            stage=self._stage,
        )
        waiting.sort(key=lambda run: (ROLE_ORDER.index(run.spec.role), -run.spec.budget_steps))
        try:
            while waiting:
                with Workers(self._store.root, signals=self._signals) as workers:
                    self._run_all(workers, waiting, count)
        except KeyboardInterrupt as error:
            raise Stopped(self._kept()) from error
        return [failure for run in self._runs if (failure := self._failure(run)) is not None]

    def _refuse_unknown_sources(self) -> None:
        """A run whose source is neither stored nor to be trained would wait for ever."""
        known = {run.key for run in self._runs}
        for run in self._runs:
            for key in run.waits_for:
                if key not in known:
                    raise RLTransferError(f"{run.name}: it waits for {key}, which is not among the runs to carry out")

    def _run_all(self, workers: Workers, waiting: list[PlannedRun], count: int) -> None:
        """Work through the waiting runs, until none is left or the worker processes are gone."""
        running: dict[str, PlannedRun] = {}
        self._running = running
        finished: list[PlannedRun] | None = [run for run in self._runs if self._is_finished(run)]
        while finished is not None:
            for run in self._ready(waiting)[: count - len(running)]:
                waiting.remove(run)
                running[run.key] = run
                self._observer.run_started(run.label, run.spec.budget_steps)
                workers.start(run.key)
            for run in finished:  # after the next ones have started: nobody waits for it
                self._on_run(run)
            if not running:
                return
            finished = self._next_end(workers)

    def _next_end(self, workers: Workers) -> list[PlannedRun] | None:
        """Pass on what the workers say until a run ends; returns it if it has finished, None if they are gone."""
        running = self._running
        while (message := workers.next_message()) is not None:
            run = running[message["key"]]
            if "exit" in message:
                self._end(running.pop(run.key))
                return [run] if self._is_finished(run) else []
            mean_return = message["mean_return"]
            self._observer.run_progress(run.label, message["step"], mean_return, self._score(run, mean_return))
        for run in running.values():
            self._end(run)
        return None

    def _score(self, run: PlannedRun, mean_return: float | None) -> float | None:
        """A mean return as a score; a source's task has no anchors."""
        if mean_return is None or not isfinite(mean_return) or run.spec.role == "source":
            return None
        anchors = self._anchors[run.pair]
        score, _ = to_score(mean_return, anchors.random, anchors.reference, anchors.worst)
        return float(score)

    def _is_finished(self, run: PlannedRun) -> bool:
        return self._outcomes.get(run.key, "crashed") not in ("crashed", "not run")

    def _kept(self) -> str:
        ended = sum(self._is_finished(run) for run in self._runs)
        return what_is_kept(ended, len(self._runs), list(self._running.values()), self._folders, self._stage)

    def _ready(self, waiting: list[PlannedRun]) -> list[PlannedRun]:
        """Runs that could start now; those that wait for a run which left nothing behind are given up.

        A source that diverged or whose environment failed leaves the agent of its last checkpoint.
        """
        ready = []
        for run in list(waiting):
            before = {self._outcomes.get(key, "waiting") for key in run.waits_for}
            if before.isdisjoint(("waiting", "crashed")):
                ready.append(run)
            elif "crashed" in before:
                waiting.remove(run)
                self._outcomes[run.key] = "not run"
                self._observer.run_ended(run.label, "not run")
        return ready

    def _end(self, run: PlannedRun) -> None:
        status = self._store.status(self._folders[run.key])
        self._outcomes[run.key] = "crashed" if status is None else str(status["outcome"])
        self._observer.run_ended(run.label, self._outcomes[run.key])

    def _failure(self, run: PlannedRun) -> Failure | None:
        outcome = self._outcomes[run.key]
        if outcome == "completed":
            return None
        log = self._folders[run.key] / "log.txt"
        if outcome == "not run":
            crashed = next(key for key in run.waits_for if self._outcomes[key] == "crashed")
            log = self._folders[crashed] / "log.txt"
            return Failure(run.name, outcome, "a run that it needs crashed", log)
        status = self._store.status(self._folders[run.key])
        return Failure(run.name, outcome, _last_line(log) if status is None else status["message"], log)


def _steps(runs: Iterable[PlannedRun]) -> int:
    return sum(run.spec.budget_steps for run in runs)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else ""
