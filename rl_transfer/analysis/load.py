"""From a study's files to arrays: what was planned, what finished, and what is missing."""

import csv
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from rl_transfer.analysis.curve_file import mean_return, read_curve
from rl_transfer.analysis.manifest import Manifest, PairEntry, RunEntry, is_judged, is_source, read_manifest
from rl_transfer.analysis.scores import scores_of
from rl_transfer.errors import RLTransferError
from rl_transfer.store import Store, read_json, retention_file

Floats = NDArray[np.float64]

SEPARATOR = " + "
"""Between the sources of a run that has several, where one text stands for them."""

Outcome = Literal["completed", "diverged", "environment_failed"]


@dataclass(frozen=True)
class SourceData:
    """One finished run and its curve, in returns. Source runs are shown, never judged.

    Attributes:
        arm: Name of the arm.
        seed: Seed index.
        path: Run folder, relative to the store.
        outcome: "completed", "diverged" or "environment_failed".
        message: What the run said about its outcome.
        step_T: Target steps of the evaluations, shape (steps,).
        return_T: Mean return over the episodes of each evaluation, shape (steps,); never NaN.
        costs: What the run was charged, by name.
    """

    arm: str
    seed: int
    path: str
    outcome: Outcome
    message: str
    step_T: NDArray[np.int64]
    return_T: Floats
    costs: dict[str, float]

    @property
    def failed(self) -> bool:
        """Whether the run diverged or its environment failed."""
        return self.outcome != "completed"


@dataclass(frozen=True)
class RunData(SourceData):
    """One finished run on the target. After a failure its curve stays at the worst score.

    Attributes:
        source_path: Folder of the source run whose knowledge it used, relative to the store; in curves of other
            programs whatever tells one source from another.
        score_T: Score at each evaluation, shape (steps,).
        floored_T: Whether the return lay below the worst anchor, shape (steps,).
        retained_return: Mean return of the final agent back on the source task; None where it can't play that.
        fell_back_at: The target step at which it started anew, without what was transferred; None if it did not.
        reference_paths: Folders of the from-scratch runs that a method of its arm compared it with.
        other_source_paths: Folders of the further source runs whose knowledge it used.
        other_retained_returns: As ``retained_return``, on the tasks of these.
    """

    source_path: str | None
    score_T: Floats
    floored_T: NDArray[np.bool_]
    retained_return: float | None = None
    fell_back_at: int | None = None
    reference_paths: tuple[str, ...] = ()
    other_source_paths: tuple[str, ...] = ()
    other_retained_returns: tuple[float | None, ...] = ()

    @property
    def retained_returns(self) -> tuple[float | None, ...]:
        """Mean returns of the final agent back on the task of each of its sources."""
        return (self.retained_return, *self.other_retained_returns)

    @property
    def source_paths(self) -> tuple[str, ...]:
        """What tells its sources from others', the first one's first; nothing where it used none."""
        return () if self.source_path is None else (self.source_path, *self.other_source_paths)


@dataclass(frozen=True)
class PairData:
    """One pair of a study.

    Attributes:
        name: Name of the pair.
        entry: How its runs were measured, its arms and planned runs.
        runs: Finished runs on the target, as the manifest orders them.
        sources: Finished source runs.
        missing: Planned runs without a finished folder.
        unneeded: How many planned runs no look wanted, because their arm had been decided before.
        references: Finished from-scratch runs that arms' methods compare their runs with, and no verdict uses.
    """

    name: str
    entry: PairEntry
    runs: tuple[RunData, ...]
    sources: tuple[SourceData, ...]
    missing: tuple[RunEntry, ...]
    unneeded: int = 0
    references: tuple[SourceData, ...] = ()

    @property
    def finished(self) -> tuple[SourceData, ...]:
        """All finished runs: sources, references, and those on the target that verdicts are about."""
        return (*self.sources, *self.references, *self.runs)

    def of_arm(self, arm: str) -> tuple[RunData, ...]:
        """Finished runs of one arm."""
        return tuple(run for run in self.runs if run.arm == arm)

    def first_seeds(self, arm: str, most: int | None) -> "PairData":
        """The same with only the first seeds of a target arm, finished or missing; all where ``most`` is None."""
        wanted = {entry.path for entry in self.entry.first_runs(arm, most)}
        return replace(
            self,
            runs=tuple(run for run in self.runs if run.arm != arm or run.path in wanted),
            missing=tuple(entry for entry in self.missing if entry.arm != arm or entry.path in wanted),
        )

    def shares_one_source(self, arm: str) -> bool:
        """Whether all runs of an arm, though several, have a source agent in common."""
        runs = self.of_arm(arm)
        return len(runs) > 1 and bool(set.intersection(*(set(run.source_paths) for run in runs)))

    def missing_of_arm(self, arm: str) -> int:
        """How many planned runs of one arm are missing."""
        return sum(run.arm == arm for run in self.missing)


@dataclass(frozen=True)
class StudyData:
    """One study, read from disk."""

    manifest: Manifest
    pairs: tuple[PairData, ...]


def load_study(store: Path, name: str) -> StudyData:
    """Read a study: its manifest, and of every planned run the curve and the costs.

    Args:
        store: The store's folder.
        name: Name of the study.

    Returns:
        The study; runs that are not finished are listed as missing.

    Raises:
        RLTransferError: If a file is missing, damaged or contradicts the manifest; the text names it.
    """
    if name in ("", "..") or Path(name).name != name:
        raise RLTransferError(f"{name!r} is no name of a study")
    place = Store(store)
    manifest = read_manifest(place.study(name) / "study.json")
    return StudyData(manifest, tuple(load_pair(place, pair, entry) for pair, entry in manifest.pairs.items()))


class _Status(BaseModel):
    """How a finished run ended."""

    outcome: Outcome
    message: str | None = None
    failed_at_step: int | None = None
    fell_back_at_step: int | None = None

    @property
    def failed(self) -> bool:
        return self.outcome != "completed"


def load_pair(store: Store, name: str, pair: PairEntry) -> PairData:
    """Read the runs of one pair.

    Args:
        store: Where they lie.
        name: Name of the pair.
        pair: How its runs were measured, and which there are.

    Raises:
        RLTransferError: If a file is missing, damaged or contradicts the entry; the text names it.
    """
    runs, missing = [], []
    others: dict[bool, list[SourceData]] = {True: [], False: []}
    for entry in pair.runs:
        folder = store.root / entry.path
        status = _status(store, folder)
        if status is None:
            missing.append(entry)
        elif not is_judged(entry.arm):
            found = SourceData(**_about(folder, entry, status), **_source_curve(folder, status))
            others[is_source(entry.arm)].append(found)
        else:
            curve = _target_curve(folder, status, pair)
            about = _about(folder, entry, status) | {"source_path": entry.source_path}
            about |= {"fell_back_at": status.fell_back_at_step, "reference_paths": entry.reference_paths}
            about |= {"other_source_paths": entry.other_source_paths}
            runs.append(RunData(**about, **curve, **_retained_of_all(folder, pair, entry)))
    return PairData(name, pair, tuple(runs), tuple(others[True]), tuple(missing), references=tuple(others[False]))


def _status(store: Store, folder: Path) -> _Status | None:
    found = store.status(folder)
    if found is None:
        return None
    try:
        return _Status.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise RLTransferError(f"{folder / 'status.json'}: {first['loc'][0]}: {first['msg']}") from error


def _about(folder: Path, entry: RunEntry, status: _Status) -> dict[str, Any]:
    return {
        "arm": entry.arm,
        "seed": entry.seed,
        "path": entry.path,
        "outcome": status.outcome,
        "message": status.message or "",
        "costs": _costs(folder / "costs.json"),
    }


def _costs(path: Path) -> dict[str, float]:
    costs = read_json(path)
    numbers = isinstance(costs, dict) and all(type(cost) in (int, float) and isfinite(cost) for cost in costs.values())
    if not numbers:
        raise RLTransferError(f"{path}: needs finite numbers by name")
    return dict(costs)


def _retained_of_all(folder: Path, pair: PairEntry, entry: RunEntry) -> dict[str, Any]:
    found: dict[str, Any] = {"retained_return": _retained(folder / retention_file())}
    if entry.other_source_paths:
        names = pair.sources_of(entry.arm.partition(".")[0])[1:]
        found["other_retained_returns"] = tuple(_retained(folder / retention_file(name)) for name in names)
    return found


def _retained(path: Path) -> float | None:
    if not path.exists():
        return None
    try:
        with path.open(encoding="utf-8", newline="") as file:
            returns = [float(row["return"]) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise RLTransferError(f"{path}: needs the columns episode,return with numbers: {error}") from error
    return mean_return(returns, None)


def _source_curve(folder: Path, status: _Status) -> dict[str, Any]:
    """A source's own grid is not known here: its curve is what it wrote, up to the first return that is not finite."""
    path = folder / "curve.csv"
    episodes = read_curve(path)
    point_T = [mean_return(returns, None) for returns in episodes.values()]
    kept = point_T[: point_T.index(None)] if None in point_T else point_T
    if len(kept) < len(point_T) and not status.failed:
        raise RLTransferError(f"{path}: a return is not finite, but the run counts as completed")
    return {
        "step_T": np.array(list(episodes)[: len(kept)], dtype=np.int64),
        "return_T": np.array(kept, dtype=np.float64),
    }


def _target_curve(folder: Path, status: _Status, pair: PairEntry) -> dict[str, Any]:
    path = folder / "curve.csv"
    episodes = read_curve(path)
    if extra := sorted(set(episodes) - set(pair.grid)):
        raise RLTransferError(f"{path}: step {extra[0]} is not on the study's evaluation grid {list(pair.grid)}")
    point_T = [mean_return(episodes.get(step, []), pair.episodes) for step in pair.grid]
    kept = _before_failure(point_T, status, pair) if status.failed else point_T
    if None in kept:
        step = pair.grid[kept.index(None)]
        raise RLTransferError(f"{path}: step {step} needs {pair.episodes} episodes with finite returns")
    anchors = pair.score
    return_T = np.array(kept + [anchors.worst] * (len(pair.grid) - len(kept)), dtype=np.float64)
    try:
        score_T, floored_T = scores_of(return_T, anchors)
    except ValueError as error:
        raise RLTransferError(f"{path}: {error}") from error
    step_T = np.array(pair.grid, dtype=np.int64)
    return {"step_T": step_T, "return_T": return_T, "score_T": score_T, "floored_T": floored_T}


def _before_failure(point_T: list[float | None], status: _Status, pair: PairEntry) -> list[float | None]:
    """The points up to the last usable one before the failure; a gap among them stays and is damage, not failure."""
    last = pair.target_steps if status.failed_at_step is None else status.failed_at_step
    usable = [i for i, step in enumerate(pair.grid) if step <= last and point_T[i] is not None]
    return point_T[: usable[-1] + 1] if usable else []
