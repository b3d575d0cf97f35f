"""What the commands print about sources."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rl_transfer.analysis.curve_file import read_curve
from rl_transfer.execute import Failure, StoredSource, find_source, stored_sources
from rl_transfer.knowledge import Statistics, read_knowledge
from rl_transfer.report.places import from_here
from rl_transfer.store import Store, read_json
from rl_transfer.study import TaskConfig


def show_import(source: StoredSource, new: bool) -> int:
    """Print what became of a file; returns the exit code."""
    assert source.spec.imported is not None
    says = "imported as" if new else "is imported already as"
    _say(f"{source.spec.imported.file} {says} {source.name}: {_learner(source)}, {_returns(source)} on {_task(source)}")
    for note in source.spec.imported.notes:
        _say(f"Note: {note}")
    _say(f"In a pair: source_agent: {source.name}")
    return 0


def show_trained(sources: Sequence[StoredSource], failures: Sequence[Failure]) -> int:
    """Print the sources of a study; returns the exit code."""
    console = Console()
    if sources:
        console.print(_table(sources))
    elif not failures:
        print("no source to train: the study's arms use none, or a source_agent")
    for failure in failures:
        _say(f"{failure.run}: {failure.outcome}: {failure.message} (log: {from_here(failure.log)})")
    return 1 if failures else 0


def list_sources(root: Path) -> int:
    """Print all finished sources of a store; returns the exit code."""
    store = Store(root.absolute())
    store.check()
    sources = stored_sources(store)
    if sources:
        Console().print(_table(sources))
    else:
        print(f"no sources in {root}")
    return 0


def show_source(name: str, root: Path) -> int:
    """Print all that is known of one source; returns the exit code."""
    store = Store(root.absolute())
    store.check()
    source = find_source(store, name)
    knowledge = read_knowledge(
        source.folder / "agent", frozenset({"networks"}), algorithm=source.spec.learner.algorithm
    )
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for title, text in (*_provenance(source), *_architecture(source), *_statistics(knowledge.statistics)):
        facts.add_row(title, Text(text))
    tensors = Table("role", "tensor", "shape")
    for role, arrays in (knowledge.networks or {}).items():
        for tensor, array in arrays.items():
            tensors.add_row(role, Text(tensor), " x ".join(map(str, array.shape)) or "1 number")
    console = Console()
    console.print(facts)
    console.print(tensors)
    return 0


def _table(sources: Sequence[StoredSource]) -> Table:
    table = Table()
    for column in ("source_agent", "task", "learner", "last return", "steps", "from"):
        table.add_column(column, overflow="fold", no_wrap=column == "source_agent")
    for source in sources:
        imported = source.spec.imported
        origin = "trained here" if imported is None else f"imported: {imported.file}"
        origin += " (sham)" if source.spec.sham else ""
        cells = (source.name, _task(source), _learner(source), _returns(source), _steps(source), origin)
        table.add_row(*map(Text, cells))
    return table


def _provenance(source: StoredSource) -> Iterator[tuple[str, str]]:
    spec, imported = source.spec, source.spec.imported
    yield "source_agent", source.name
    yield "folder", from_here(source.folder)
    if imported is None:
        yield "from", f"trained here, seed {spec.seed}{', sham' if spec.sham else ''}"
    else:
        yield "from", f"{imported.file}, written by Stable-Baselines3 {imported.release or '(release not said)'}"
        yield "sha256", imported.sha256
        if imported.statistics_sha256 is not None:
            yield "statistics' sha256", imported.statistics_sha256
        for note in imported.notes:
            yield "note", note
    yield "task", _task(source)
    yield "steps", _steps(source)
    yield "evaluation", f"{_returns(source)}, {'deterministic' if spec.deterministic else 'stochastic'}"


def _architecture(source: StoredSource) -> Iterator[tuple[str, str]]:
    learner = source.spec.learner
    yield "learner", _learner(source)
    if source.is_backbone:
        return
    yield "net_arch", _plain(learner.model_dump(mode="json")["net_arch"])
    yield "activation", learner.activation
    yield "features", "by the observation" if learner.features is None else learner.features.name


def _statistics(statistics: Statistics | None) -> Iterator[tuple[str, str]]:
    if statistics is None:
        return
    parts = {f"statistics of {key or 'observations'}": moments for key, moments in statistics.observation.items()}
    if statistics.reward is not None:
        parts["statistics of rewards"] = statistics.reward
    for title, moments in parts.items():
        yield title, f"shape {moments.mean.shape}, {moments.count:,.0f} samples"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(inner)}" for name, inner in value.items())
    return str(value)


def _learner(source: StoredSource) -> str:
    features = source.spec.learner.features
    if source.is_backbone:
        return f"backbone {features.name}" if features is not None else "backbone"
    return source.spec.learner.algorithm


def _task(source: StoredSource) -> str:
    return task_text(source.spec.task)


def task_text(task: TaskConfig) -> str:
    """A task in one line: its id, then what is changed about it."""
    settings = [f"{key}={value}" for key, value in task.kwargs.items()] + [wrapper.name for wrapper in task.wrappers]
    return task.id + (f" ({', '.join(settings)})" if settings else "")


def _steps(source: StoredSource) -> str:
    imported = source.spec.imported
    steps = read_json(source.folder / "costs.json")["target_steps"] if imported is None else imported.steps
    return "not said" if steps is None else f"{steps:,}"


def _returns(source: StoredSource) -> str:
    """The last evaluation: mean, spread, number of episodes."""
    curve = read_curve(source.folder / "curve.csv")
    if not curve:
        return "not evaluated"
    returns = curve[max(curve)]
    return f"{fmean(returns):.1f} ± {pstdev(returns):.1f} ({len(returns)} episodes)"


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)
