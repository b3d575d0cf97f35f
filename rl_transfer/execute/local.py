"""Carrying out a plan on this machine: one process a run, as many at once as there are cores."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from rl_transfer.errors import ConfigError, RLTransferError
from rl_transfer.execute.observer import Observer
from rl_transfer.execute.plan import ROLE_ORDER, Plan, PlannedRun
from rl_transfer.execute.workers import Workers
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
    plan: Plan, store: Store, folders: Mapping[str, Path], *, workers: int, observer: Observer, stage: str = ""
) -> list[Failure]:
    """Carry out all runs that are not stored yet; a failing run does not stop the others.

    Args:
        plan: The runs.
        store: Where they go.
        folders: Each run's folder by key.
        workers: Processes at once.
        observer: Who is told.
        stage: Which part of the study these are, for people.

    Returns:
        The runs that did not complete, stored failures included.
    """
    return _Execution(plan, store, folders, observer, stage).carry_out(workers)


class _Execution:
    """The state of one execution: what waits, what runs, what ended."""

    def __init__(self, plan: Plan, store: Store, folders: Mapping[str, Path], observer: Observer, stage: str) -> None:
        self._store, self._folders, self._observer, self._stage = store, folders, observer, stage
        self._signals = plan.study.config.signals
        self._runs = plan.distinct()
        self._outcomes: dict[str, str] = {}
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
        while waiting:
            with Workers(self._store.root, signals=self._signals) as workers:
                self._run_all(workers, waiting, count)
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
        while True:
            for run in self._ready(waiting)[: count - len(running)]:
                waiting.remove(run)
                running[run.key] = run
                self._observer.run_started(run.name, run.spec.budget_steps)
                workers.start(run.key)
            if not running:
                return
            message = workers.next_message()
            if message is None:
                for run in running.values():
                    self._end(run)
                return
            if "exit" in message:
                self._end(running.pop(message["key"]))
            else:
                self._observer.run_progress(running[message["key"]].name, message["step"], message["mean_return"])

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
                self._observer.run_ended(run.name, "not run")
        return ready

    def _end(self, run: PlannedRun) -> None:
        status = self._store.status(self._folders[run.key])
        self._outcomes[run.key] = "crashed" if status is None else str(status["outcome"])
        self._observer.run_ended(run.name, self._outcomes[run.key])

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
