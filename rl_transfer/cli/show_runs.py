"""What the commands print about stored runs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from statistics import fmean

from rich.console import Console

from rl_transfer.analysis.curve_file import read_curve
from rl_transfer.cli.lines import aligned
from rl_transfer.errors import RLTransferError, StoreError
from rl_transfer.report.places import from_here
from rl_transfer.report.wording import duration, size_text
from rl_transfer.stats import mean_score, to_score
from rl_transfer.store import (
    REMOVE_AND_RERUN,
    Store,
    User,
    find_run,
    folder_key,
    folder_size,
    matching_runs,
    read_json,
    read_spec,
    run_name,
    users,
)
from rl_transfer.study import RunSpec, TaskConfig

_COLUMNS = ("run", "status", "steps", "last return")
_BARS = "▁▂▃▄▅▆▇█"
_KINDS = {"completed", "unfinished", "running"}
_DAMAGED = (RLTransferError, AttributeError, KeyError, TypeError, ValueError)
"""What reading a file raises whose content is not what this program writes."""


def list_runs(root: Path, pattern: str | None, kind: str | None) -> int:
    """Print the runs of a store; returns the exit code."""
    store = Store(root.absolute())
    store.check_made()
    rows = [_row(store, folder) for folder in matching_runs(store, pattern)]
    rows = [row for row in rows if kind is None or (row[1] if row[1] in _KINDS else "failed") == kind]
    if not rows:
        wanted = "".join(f" {text}" for text in (pattern and f"called {pattern}", kind and f"that are {kind}") if text)
        print(f"no runs{wanted} in {root}")
        return 0
    console = Console(highlight=False, markup=False, soft_wrap=True)
    header, *lines = aligned([_COLUMNS, *rows])
    console.print(header, style="bold")
    for line, row in zip(lines, rows, strict=True):
        console.print(line, style=None if row[1] == "completed" else "yellow" if row[1] in _KINDS else "red")
    return 0


def _row(store: Store, folder: Path) -> tuple[str, ...]:
    name = run_name(store, folder)
    try:
        status = _status(store, folder)
        if status in ("unfinished", "running"):
            return name, status, "", ""
        steps = f"{read_json(folder / 'costs.json')['target_steps']:,}"
        return_T = list(_returns(folder).values())
        return name, status, steps, f"{return_T[-1]:.1f}" if return_T else "none"
    except _DAMAGED:
        return name, "damaged", "", ""


def _status(store: Store, folder: Path) -> str:
    status = store.status(folder)
    if status is not None:
        return str(status["outcome"])
    if (file := folder / "status.json").exists():
        raise StoreError(f"{file}: not what a run writes")
    return "running" if store.is_locked(folder_key(folder)) else "unfinished"


def _returns(folder: Path) -> dict[int, float]:
    """Mean return by step."""
    return {step: fmean(returns) for step, returns in read_curve(folder / "curve.csv").items() if returns}


def show_run(name: str, root: Path) -> int:
    """Print all that is known of a run; returns the exit code."""
    store = Store(root.absolute())
    folder = find_run(name, store).absolute()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(run_name(store, folder), style="bold")
    for title, text in _facts(store, folder):
        console.print(f"{title:<9} {text}")
    return 0


def _facts(store: Store, folder: Path) -> Iterator[tuple[str, str]]:
    yield from _readable(folder / "status.json", "status", lambda: _status_facts(store, folder))
    yield from _readable(folder / "spec.json", "run", lambda: _spec_facts(store, read_spec(folder)))
    if (folder / "status.json").exists():
        yield from _readable(folder / "costs.json", "cost", lambda: [("cost", _cost(folder))])
    needed_by: Sequence[User] | None = None
    try:
        needed_by = [user for user in users(store) if folder_key(folder) in user.keys]
        needed = ", ".join(f"{user.kind} {user.name}" for user in needed_by) or "no study: gc would remove it"
    except RLTransferError as error:
        needed = f"unknown: {error}"
    if not folder.is_relative_to(store.runs):
        needed = f"unknown: it lies outside the store {from_here(store.root)}"
    if (folder / "curve.csv").exists():
        yield from _readable(folder / "curve.csv", "return", lambda: _curve(folder, _anchors(folder, needed_by or [])))
    yield "needed by", needed
    files = ", ".join(sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir()))
    yield "files", f"{files} ({size_text(folder_size(folder))})"
    yield "folder", from_here(folder)


def _readable(file: Path, title: str, facts: Callable[[], Iterable[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Facts of a run; where their file is damaged, that and what to do, so that the other facts are shown still."""
    try:
        return list(facts())
    except RLTransferError as error:
        wrong = str(error)
    except _DAMAGED as error:
        wrong = f"{file}: not what a run writes ({type(error).__name__}: {error})"
    return [(title, f"damaged: {wrong}" + ("" if REMOVE_AND_RERUN in wrong else f": {REMOVE_AND_RERUN}"))]


def _status_facts(store: Store, folder: Path) -> Iterator[tuple[str, str]]:
    message = (store.status(folder) or {}).get("message")
    yield "status", _status(store, folder) + (f": {message}" if message else "")


def _spec_facts(store: Store, spec: RunSpec) -> Iterator[tuple[str, str]]:
    yield "task", _task(spec.task)
    yield "learner", f"{spec.learner.algorithm}, {spec.learner.n_envs} environments, device {spec.device}"
    if spec.methods:
        yield "methods", ", ".join(method.name for method in spec.methods)
    yield from _sources(store, spec)
    yield "budget", f"{spec.budget_steps:,} steps, {len(spec.grid)} evaluations of {spec.episodes} episodes"


def _anchors(folder: Path, needed_by: Sequence[User]) -> Mapping[str, float] | None:
    """The anchors of a run's scores; None if it has none, as a source."""
    if read_spec(folder).role != "target":
        return None
    found = (user.anchors_of(folder_key(folder)) for user in needed_by)
    return next((anchors for anchors in found if anchors is not None), None)


def _task(task: TaskConfig) -> str:
    settings = "".join(f" {name}={value}" for name, value in task.kwargs.items())
    return task.id + settings + "".join(f", {wrapper.name}" for wrapper in task.wrappers)


def _sources(store: Store, spec: RunSpec) -> Iterator[tuple[str, str]]:
    if spec.imported is not None:
        yield "imported", f"{spec.imported.file}, sha256 {spec.imported.sha256[:12]}"
    if spec.source is None:
        return
    folders = store.index()
    for key in spec.source_keys:
        known = run_name(store, folders[key]) if key in folders else f"{key}, which is not in this store"
        yield "source", known + (", scrambled" if spec.source.scrambled else "")


def _cost(folder: Path) -> str:
    costs = read_json(folder / "costs.json")
    counted = [
        f"{name.replace('_', ' ')} {value:,}" for name, value in costs.items() if name != "wall_seconds" and value
    ]
    return ", ".join([*counted, f"took {duration(costs['wall_seconds'])}"])


def _curve(folder: Path, anchors: Mapping[str, float] | None) -> Iterator[tuple[str, str]]:
    return_by_step = _returns(folder)
    return_T = list(return_by_step.values())
    if not return_T:
        return
    yield "return", f"{_sparkline(return_T)}  {return_T[0]:.1f} at first, {return_T[-1]:.1f} at last"
    if anchors is not None and all(map(isfinite, return_T)):
        score_T, _ = to_score(return_T, anchors["random"], anchors["reference"], anchors["worst"])
        mean = mean_score(score_T[None], list(return_by_step))[0] if len(return_T) > 1 else score_T[0]
        scores = " ".join(f"{score:.2f}" for score in score_T)
        yield "score", f"mean {mean:.2f}, {scores}"


def _sparkline(numbers: Sequence[float]) -> str:
    """One bar a number, from the lowest to the highest; a question mark for what is not finite."""
    finite = [number for number in numbers if isfinite(number)] or [0.0]
    low, high = min(finite), max(finite)
    places = ((number - low) / ((high - low) or 1) * (len(_BARS) - 1) for number in numbers)
    return "".join(_BARS[int(place)] if isfinite(place) else "?" for place in places)
