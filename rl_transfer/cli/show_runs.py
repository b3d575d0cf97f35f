"""What the commands print about stored runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from rich.console import Console

from rl_transfer.analysis.curve_file import read_curve
from rl_transfer.cli.lines import aligned
from rl_transfer.errors import RLTransferError
from rl_transfer.report.places import from_here
from rl_transfer.report.wording import duration, size_text
from rl_transfer.stats import mean_score, to_score
from rl_transfer.store import Store, find_run, folder_size, matching_runs, read_json, read_spec, run_name, users
from rl_transfer.study import RunSpec, TaskConfig

_COLUMNS = ("run", "status", "steps", "last return")
_BARS = "▁▂▃▄▅▆▇█"
_KINDS = {"completed": "completed", "unfinished": "unfinished", "running": "running"}


def list_runs(root: Path, pattern: str | None, kind: str | None) -> int:
    """Print the runs of a store; returns the exit code."""
    store = Store(root.absolute())
    store.check()
    rows = [_row(store, folder) for folder in matching_runs(store, pattern)]
    rows = [row for row in rows if kind is None or _KINDS.get(row[1], "failed") == kind]
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
    status, steps, last = _status(store, folder), "", ""
    if status not in ("unfinished", "running"):
        try:
            steps = f"{read_json(folder / 'costs.json')['target_steps']:,}"
            return_T = list(_returns(folder).values())
            last = f"{return_T[-1]:.1f}" if return_T else "none"
        except (RLTransferError, KeyError):
            status = "damaged"
    return run_name(store, folder), status, steps, last


def _status(store: Store, folder: Path) -> str:
    status = store.status(folder)
    if status is not None:
        return str(status["outcome"])
    return "running" if store.is_locked(folder.name.rpartition("-")[2]) else "unfinished"


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
    spec, status = read_spec(folder), store.status(folder)
    message = status["message"] if status is not None and status.get("message") else ""
    yield "status", _status(store, folder) + (f": {message}" if message else "")
    yield "task", _task(spec.task)
    yield "learner", f"{spec.learner.algorithm}, {spec.learner.n_envs} environments, device {spec.device}"
    if spec.methods:
        yield "methods", ", ".join(method.name for method in spec.methods)
    yield from _sources(store, spec)
    yield "budget", f"{spec.budget_steps:,} steps, {len(spec.grid)} evaluations of {spec.episodes} episodes"
    if status is not None:
        yield "cost", _cost(folder)
    needed_by = [user for user in users(store) if _key(folder) in user.keys]
    anchors = [found for user in needed_by if (found := user.anchors_of(_key(folder))) is not None]
    if (folder / "curve.csv").exists():
        yield from _curve(folder, anchors[0] if anchors and spec.role == "target" else None)
    yield "needed by", ", ".join(f"{user.kind} {user.name}" for user in needed_by) or "no study: gc would remove it"
    files = ", ".join(sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir()))
    yield "files", f"{files} ({size_text(folder_size(folder))})"
    yield "folder", from_here(folder)


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


def _curve(folder: Path, anchors: object) -> Iterator[tuple[str, str]]:
    return_by_step = _returns(folder)
    return_T = list(return_by_step.values())
    if not return_T:
        return
    yield "return", f"{_sparkline(return_T)}  {return_T[0]:.1f} at first, {return_T[-1]:.1f} at last"
    if isinstance(anchors, dict):
        score_T, _ = to_score(return_T, anchors["random"], anchors["reference"], anchors["worst"])
        mean = mean_score(score_T[None], list(return_by_step))[0] if len(return_T) > 1 else score_T[0]
        scores = " ".join(f"{score:.2f}" for score in score_T)
        yield "score", f"mean {mean:.2f}, {scores}"


def _sparkline(numbers: Sequence[float]) -> str:
    """One bar a number, from the lowest to the highest."""
    low, high = min(numbers), max(numbers)
    return "".join(_BARS[int((number - low) / ((high - low) or 1) * (len(_BARS) - 1))] for number in numbers)


def _key(folder: Path) -> str:
    return folder.name.rpartition("-")[2]
