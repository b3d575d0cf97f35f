"""The public Python API: what the commands do, as functions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rl_transfer.analysis import StudyResults, write_results
from rl_transfer.errors import RLTransferError, nearest
from rl_transfer.execute import (
    Failure,
    Observer,
    Plan,
    assign_folders,
    count_workers,
    execute,
    plan_study,
    refuse_other_study,
    write_manifest,
)
from rl_transfer.learner import ActorFormat
from rl_transfer.report import write_html, write_tensorboard
from rl_transfer.store import Store
from rl_transfer.study import checked_name, load_study, looks_like_path, parse_overrides


@dataclass(frozen=True)
class StudyOutcome:
    """A study that was carried out.

    Attributes:
        results: Its curves and verdicts.
        failures: Runs that did not complete.
        notes: What is allowed but worth knowing.
        report: The HTML report.
        tensorboard: The folder for TensorBoard.
    """

    results: StudyResults
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    report: Path
    tensorboard: Path


class Silent:
    """An observer that tells nobody."""

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int) -> None:
        """Nothing."""

    def run_started(self, run: str, steps: int) -> None:
        """Nothing."""

    def run_progress(self, run: str, step: int, mean_return: float | None) -> None:
        """Nothing."""

    def run_ended(self, run: str, outcome: str) -> None:
        """Nothing."""


def plan(study: str | Path, overrides: Sequence[str] = (), *, name: str | None = None) -> Plan:
    """Check a study and list its runs, without training anything.

    Args:
        study: A shipped name or a path, of a study or of a pair alone.
        overrides: ``key=value`` texts laid over the study file.
        name: The name for its results; the file's by default.

    Raises:
        ConfigError: If the study can't be carried out or could not decide anything.
    """
    loaded = load_study(str(study), parse_overrides(overrides))
    return plan_study(loaded if name is None else replace(loaded, name=checked_name(name, "--name")))


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
    planned = plan(study, overrides, name=name)
    place = Store(Path(store).absolute())
    place.open()
    refuse_other_study(planned, place)
    folders = assign_folders(planned, place)
    write_manifest(planned, place, folders, _command(str(study), overrides, name))
    failures = execute(planned, place, folders, workers=count, observer=observer or Silent())
    return report_study(planned.study.name, store=store, failures=failures, notes=planned.notes)


def report_study(
    name: str, *, store: str | Path = "runs", failures: Sequence[Failure] = (), notes: Sequence[str] = ()
) -> StudyOutcome:
    """Judge a study's stored runs and write its report anew; nothing is trained.

    Args:
        name: The study's name, or the path of its file.
        store: Folder of runs and results.
        failures: Runs that did not complete, to be passed on.
        notes: Notes of the plan, to be passed on.

    Raises:
        RLTransferError: If the store has no such study, or a file is damaged.
    """
    root = Path(store).absolute()
    Store(root).check()
    name = Path(name).stem if name.endswith((".yaml", ".yml")) else name
    studies = sorted(file.parent.name for file in root.glob("studies/*/study.json"))
    if name not in studies:
        hint = nearest(name, studies) if studies else "it has none yet"
        raise RLTransferError(
            f"{root}: no study {name!r} in this store; {hint}; 'rl-transfer run {name}' carries it out"
        )
    results = write_results(root, name)
    page, events = write_html(root, results), write_tensorboard(root, results)
    return StudyOutcome(results, tuple(failures), tuple(notes), page, events)


def export_actor(
    run: str | Path,
    form: ActorFormat,
    *,
    store: str | Path = "runs",
    output: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a finished run's deterministic actor, with what normalises observations inside, as one file.

    It needs neither rl_transfer nor the libraries that trained it; :func:`rl_transfer.learner.actor_file` says what
    goes in and out.

    Args:
        run: The run's folder, or its name as ``rl-transfer list runs`` prints it (the key may be left out).
        form: ``onnx``, or ``torch`` for what :func:`torch.export.load` reads.
        store: Folder of runs and results, for names.
        output: The file; ``actor.onnx`` or ``actor.pt2`` in the run's agent folder by default.
        overwrite: Replace the file where it has another content.

    Returns:
        The file.

    Raises:
        ConfigError: If there is no such run, it has no finished agent, the file is there, or a package is missing.
        StoreError: If the agent can't be read, or the file not be written.
    """
    from rl_transfer.run.export import export_run, find_run

    folder = find_run(str(run), Store(Path(store).absolute()))
    return export_run(folder, form, None if output is None else Path(output), overwrite=overwrite)


def _command(study: str, overrides: Sequence[str], name: str | None) -> list[str]:
    """The command that repeats a study, from any folder."""
    where = str(Path(study).expanduser().absolute()) if looks_like_path(study) else study
    named = [] if name is None else ["--name", name]
    return ["rl-transfer", "run", where, *named, *(part for text in overrides for part in ("--set", text))]
