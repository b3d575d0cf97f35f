"""Carrying out a plan on this machine: one process a run, as many at once as there are cores."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Protocol

from rl_transfer.execute.plan import Plan, PlannedRun
from rl_transfer.store import Store, write_spec


class Observer(Protocol):
    """Who wants to know how a study goes on; called from several threads."""

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int) -> None:
        """Before the first run: how much there is, and how much of it is stored already."""

    def run_started(self, run: str, steps: int) -> None:
        """A run starts, with this budget."""

    def run_progress(self, run: str, step: int, mean_return: float | None) -> None:
        """A run got to this step; its last evaluation had this mean return."""

    def run_ended(self, run: str, outcome: str) -> None:
        """A run ended: ``completed``, ``diverged``, ``environment_failed``, ``crashed`` or ``not run``."""


@dataclass(frozen=True)
class Failure:
    """A run that did not complete, for people."""

    run: str
    outcome: str
    message: str
    log: Path


def default_workers() -> int:
    """As many workers as this process may use cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def assign_folders(plan: Plan, store: Store) -> dict[str, Path]:
    """Each run's folder by key: where it is stored already, else where it will be; specifications are written."""
    folders = store.index()
    for run in plan.distinct():
        if run.key not in folders:
            folders[run.key] = store.run_folder(run.pair, run.arm, run.seed, run.key)
            write_spec(folders[run.key], run.key, run.spec)
    return folders


def execute(
    plan: Plan, store: Store, folders: Mapping[str, Path], *, workers: int, observer: Observer
) -> list[Failure]:
    """Carry out all runs that are not stored yet; a failing run does not stop the others.

    Args:
        plan: The runs.
        store: Where they go.
        folders: Each run's folder by key.
        workers: Processes at once.
        observer: Who is told.

    Returns:
        The runs that did not complete, stored failures included.
    """
    return _Execution(plan, store, folders, observer).carry_out(workers)


class _Execution:
    """The state of one execution: what waits, what runs, what ended."""

    def __init__(self, plan: Plan, store: Store, folders: Mapping[str, Path], observer: Observer) -> None:
        self._store, self._folders, self._observer = store, folders, observer
        self._runs = plan.distinct()
        self._outcomes: dict[str, str] = {}
        for run in self._runs:
            if (status := store.status(folders[run.key])) is not None:
                self._outcomes[run.key] = status["outcome"]
        self._children: set[subprocess.Popen[str]] = set()
        self._lock = Lock()
        self._stopping = False

    def carry_out(self, workers: int) -> list[Failure]:
        """Run everything, then list the failures."""
        waiting = [run for run in self._runs if run.key not in self._outcomes]
        stored = [run for run in self._runs if run.key in self._outcomes]
        self._observer.begin(
            runs=len(self._runs), stored_runs=len(stored), steps=_steps(self._runs), stored_steps=_steps(stored)
        )
        waiting.sort(key=lambda run: (run.spec.role != "source", -run.spec.budget_steps))
        with ThreadPoolExecutor(workers) as pool:
            try:
                self._schedule(pool, waiting, workers)
            except BaseException:
                self._stop()
                raise
        return [failure for run in self._runs if (failure := self._failure(run)) is not None]

    def _schedule(self, pool: ThreadPoolExecutor, waiting: list[PlannedRun], workers: int) -> None:
        running: dict[Future[str], PlannedRun] = {}
        while waiting or running:
            for run in list(waiting):
                source = None if run.spec.source is None else self._outcomes.get(run.spec.source.key, "pending")
                if source not in (None, "pending", "completed"):
                    waiting.remove(run)
                    self._outcomes[run.key] = "not run"
                    self._observer.run_ended(run.name, "not run")
                elif source != "pending" and len(running) < workers:
                    waiting.remove(run)
                    running[pool.submit(self._run_worker, run)] = run
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                run = running.pop(future)
                self._outcomes[run.key] = future.result()

    def _run_worker(self, run: PlannedRun) -> str:
        folder = self._folders[run.key]
        self._observer.run_started(run.name, run.spec.budget_steps)
        with (folder / "log.txt").open("a") as log:
            log.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {run.name}\n")
            log.flush()
            with self._start(run, log) as child:
                assert child.stdout is not None
                for line in child.stdout:
                    self._tell(run, line, log)
            with self._lock:
                self._children.discard(child)
        status = self._store.status(folder)
        outcome = "crashed" if status is None else str(status["outcome"])
        self._observer.run_ended(run.name, outcome)
        return outcome

    def _start(self, run: PlannedRun, log: IO[str]) -> "subprocess.Popen[str]":
        with self._lock:
            child = subprocess.Popen(
                [sys.executable, "-m", "rl_transfer.run", str(self._store.root), run.key],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_worker_environment(run.spec.threads),
            )
            self._children.add(child)
            if self._stopping:
                child.terminate()
        return child

    def _tell(self, run: PlannedRun, line: str, log: IO[str]) -> None:
        """Pass a progress line on; whatever else an environment prints goes to the log."""
        try:
            progress = json.loads(line)
            step, mean_return = int(progress["step"]), progress["mean_return"]
        except (ValueError, KeyError, TypeError):
            print(line, end="", file=log, flush=True)
        else:
            self._observer.run_progress(run.name, step, mean_return)

    def _stop(self) -> None:
        with self._lock:
            self._stopping = True
            for child in self._children:
                child.terminate()

    def _failure(self, run: PlannedRun) -> Failure | None:
        outcome = self._outcomes[run.key]
        if outcome == "completed":
            return None
        log = self._folders[run.key] / "log.txt"
        if outcome == "not run":
            assert run.spec.source is not None
            log = self._folders[run.spec.source.key] / "log.txt"
            return Failure(run.name, outcome, "its source run did not complete", log)
        status = self._store.status(self._folders[run.key])
        return Failure(run.name, outcome, _last_line(log) if status is None else status["message"], log)


def _steps(runs: Iterable[PlannedRun]) -> int:
    return sum(run.spec.budget_steps for run in runs)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else ""


def _worker_environment(threads: int) -> dict[str, str]:
    """The environment of a worker: this process's import path, and no more threads than the run's identity says."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    return os.environ | limits | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
