"""Studies: plan, carry out, judge again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rl_transfer.analysis import StudyResults, write_results
from rl_transfer.errors import RLTransferError, nearest
from rl_transfer.execute import (
    Failure,
    Observer,
    Plan,
    Silent,
    assign_folders,
    count_workers,
    execute_looks,
    plan_study,
    refuse_other_study,
    write_manifest,
)
from rl_transfer.report import check_parquet, link_tensorboard, write_html, write_parquet, write_tensorboard
from rl_transfer.store import Store
from rl_transfer.study import (
    checked_name,
    load_study,
    looks_like_path,
    parse_overrides,
)


@dataclass(frozen=True)
class StudyOutcome:
    """A study that was carried out.

    Attributes:
        results: Its curves and verdicts.
        failures: Runs that did not complete.
        notes: What is allowed but worth knowing.
        report: The HTML report.
        tensorboard: The folder for TensorBoard.
        parquet: The Parquet files, where they were wanted.
    """

    results: StudyResults
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    report: Path
    tensorboard: Path
    parquet: tuple[Path, ...] = ()


def plan(
    study: str | Path, overrides: Sequence[str] = (), *, name: str | None = None, store: str | Path = "runs"
) -> Plan:
    """Check a study and list its runs, without training anything.

    Args:
        study: A shipped name or a path, of a study or of a pair alone.
        overrides: ``key=value`` texts laid over the study file.
        name: The name for its results; the file's by default.
        store: Folder of runs, where source agents lie that pairs name.

    Raises:
        ConfigError: If the study can't be carried out or could not decide anything.
    """
    loaded = load_study(str(study), parse_overrides(overrides))
    named = loaded if name is None else replace(loaded, name=checked_name(name, "--name"))
    return plan_study(named, Store(Path(store).absolute()))


def run_study(
    study: str | Path,
    *,
    store: str | Path = "runs",
    workers: int | None = None,
    overrides: Sequence[str] = (),
    name: str | None = None,
    observer: Observer | None = None,
) -> StudyOutcome:
    """Carry out a study: train what is not stored, judge, and write the report.

    Args:
        study: A shipped name or a path, of a study or of a pair alone.
        store: Folder of runs and results.
        workers: Processes at once; as many as there are cores by default.
        overrides: ``key=value`` texts laid over the study file, such as ``seeds=10``.
        name: The name for its results; the file's by default.
        observer: Who is told how it goes on.

    Returns:
        Verdicts, failures, and where the report is.

    Raises:
        ConfigError: If the study can't be carried out or could not decide anything; nothing was trained then.
        StoreError: If the store can't be used, or holds another study of this name.
    """
    count = count_workers(workers)
    planned = plan(study, overrides, name=name, store=store)
    place = Store(Path(store).absolute())
    place.open()
    refuse_other_study(planned, place)
    folders = assign_folders(planned, place)
    manifest = write_manifest(planned, place, folders, _command(str(study), overrides, name))
    if not manifest.with_name("verdicts.json").exists():
        link_tensorboard(place.root, planned.study.name)  # so that TensorBoard can look on
    failures = execute_looks(planned, place, folders, workers=count, observer=observer or Silent())
    return report_study(planned.study.name, store=store, failures=failures, notes=planned.notes)


def report_study(
    name: str,
    *,
    store: str | Path = "runs",
    failures: Sequence[Failure] = (),
    notes: Sequence[str] = (),
    parquet: bool = False,
) -> StudyOutcome:
    """Judge a study's stored runs and write its report anew; nothing is trained.

    Args:
        name: The study's name, or the path of its file.
        store: Folder of runs and results.
        failures: Runs that did not complete, to be passed on.
        notes: Notes of the plan, to be passed on.
        parquet: Whether curves, verdicts and runs are written as Parquet too, beside the other results.

    Raises:
        ConfigError: If Parquet is wanted and the package that writes it is not installed.
        RLTransferError: If the store has no such study, or a file is damaged.
    """
    if parquet:
        check_parquet()
    root = Path(store).absolute()
    name = find_study(root, name)
    results = write_results(root, name)
    page, events = write_html(root, results), write_tensorboard(root, results)
    files = write_parquet(results) if parquet else ()
    return StudyOutcome(results, tuple(failures), tuple(notes), page, events, files)


def find_study(store: Path, name: str) -> str:
    """The name of a study that a store has.

    Args:
        store: Folder of runs and results.
        name: The study's name, or the path of its file.

    Raises:
        RLTransferError: If the store has no such study; says which is nearest, and how to carry one out.
    """
    Store(store).check()
    name = Path(name).stem if name.endswith((".yaml", ".yml")) else name
    studies = sorted(file.parent.name for file in store.glob("studies/*/study.json"))
    if name not in studies:
        hint = nearest(name, studies) if studies else "it has none yet"
        raise RLTransferError(
            f"{store}: no study {name!r} in this store; {hint}; 'rl-transfer run {name}' carries it out"
        )
    return name


def _command(study: str, overrides: Sequence[str], name: str | None) -> list[str]:
    """The command that repeats a study, from any folder."""
    where = str(Path(study).expanduser().absolute()) if looks_like_path(study) else study
    named = [] if name is None else ["--name", name]
    return ["rl-transfer", "run", where, *named, *(part for text in overrides for part in ("--set", text))]
