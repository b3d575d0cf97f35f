"""The public Python API: what the commands do, as functions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rl_transfer.analysis import Selection, StudyResults, write_results
from rl_transfer.errors import ConfigError, RLTransferError, nearest
from rl_transfer.execute import (
    SHARE,
    Failure,
    Import,
    NewPair,
    Observer,
    Plan,
    StoredSource,
    assign_folders,
    count_workers,
    execute,
    execute_looks,
    identity_of,
    import_file,
    load_matrix,
    plan_early,
    plan_study,
    refuse_other_study,
    refuse_untunable,
    select,
    stored_selection,
    stored_sources,
    tune,
    tuned_file,
    write_manifest,
    write_pair,
    write_selection,
    write_tuned,
)
from rl_transfer.learner import ActorFormat
from rl_transfer.report import CurvesOutcome as CurvesOutcome
from rl_transfer.report import judge_curves as judge_curves
from rl_transfer.report import write_html, write_tensorboard
from rl_transfer.store import Store
from rl_transfer.study import (
    FIRST_TUNING_SEED,
    TaskConfig,
    TuningConfig,
    checked_name,
    load_candidates,
    load_study,
    looks_like_path,
    parse_features,
    parse_overrides,
    parse_task,
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
    """

    results: StudyResults
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    report: Path
    tensorboard: Path


class Silent:
    """An observer that tells nobody."""

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int, stage: str = "") -> None:
        """Nothing."""

    def run_started(self, run: str, steps: int) -> None:
        """Nothing."""

    def run_progress(self, run: str, step: int, mean_return: float | None) -> None:
        """Nothing."""

    def run_ended(self, run: str, outcome: str) -> None:
        """Nothing."""


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
    write_manifest(planned, place, folders, _command(str(study), overrides, name))
    failures = execute_looks(planned, place, folders, workers=count, observer=observer or Silent())
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


def new_pair(
    name: str,
    *,
    source: str,
    target: str,
    algorithm: str = "ppo",
    source_kwargs: Sequence[str] = (),
    target_kwargs: Sequence[str] = (),
    wrappers: Sequence[str] = (),
    max_episode_steps: int | None = None,
    reference: float | None = None,
    folder: str | Path = ".",
) -> Path:
    """Write a new pair's file, commented: spaces compared, hyperparameters looked up, anchors measured.

    Args:
        name: The pair's name.
        source: Gymnasium id of the source's environment.
        target: Gymnasium id of the target's.
        algorithm: The learner.
        source_kwargs: Keywords of the source's environment, as ``key=value`` texts whose values are YAML.
        target_kwargs: Keywords of the target's.
        wrappers: Wrappers of both, as a task's ``wrappers`` in YAML, one text each.
        max_episode_steps: Time limit of both, in place of the environments' own.
        reference: Return of a good agent on the target; by default the environment's ``reward_threshold``.
        folder: Where the file goes.

    Returns:
        The file, ``NAME.yaml``; an existing one is never overwritten.

    Raises:
        ConfigError: If a text can't be read, a task not be made, an environment fails while its anchors are measured,
            or nothing is known that could be the reference.
    """
    tasks = {
        about: parse_task(about, env, kwargs, wrappers, max_episode_steps)
        for about, env, kwargs in (("source", source, source_kwargs), ("target", target, target_kwargs))
    }
    return write_pair(NewPair(name, tasks["source"], tasks["target"], algorithm, reference), Path(folder))


def tune_study(
    study: str | Path,
    *,
    trials: int = 20,
    seeds: int = 2,
    store: str | Path = "runs",
    workers: int | None = None,
    overrides: Sequence[str] = (),
    name: str | None = None,
    folder: str | Path = ".",
    observer: Observer | None = None,
) -> tuple[Path, TuningConfig]:
    """Tune hyperparameters for scratch and for every arm, equally many trials of each, on seeds that no verdict uses.

    Placebos and shams take their arm's hyperparameters, sources keep the pair's. The same call goes on where an earlier
    one was stopped.

    Args:
        study: A shipped name or a path, of a study on one pair or of a pair alone (which stands for fine-tuning).
        trials: Trials of each; the first: the study's own hyperparameters.
        seeds: Seeds that every trial is trained with.
        store: Folder of runs and results.
        workers: Processes at once; as many as there are cores by default.
        overrides: ``key=value`` texts laid over the study file.
        name: The name of the tuned study; ``NAME_tuned`` by default.
        folder: Where its file goes.
        observer: Who is told how it goes on.

    Returns:
        The tuned study's file, which :func:`run_study` takes; an existing one is never overwritten. And what was found.

    Raises:
        ConfigError: If the study can't be carried out or tuned, the file is there, or Optuna is not installed.
        StoreError: If the store can't be used.
        RLTransferError: If a run crashed.
    """
    count = count_workers(workers)
    loaded = load_study(str(study), parse_overrides(overrides))
    refuse_untunable(loaded, trials=trials, seeds=seeds)
    file = tuned_file(f"{loaded.name}_tuned" if name is None else name, Path(folder))
    place = Store(Path(store).absolute())
    plan_study(loaded, place)
    place.open()
    found = tune(loaded, place, trials=trials, seeds=seeds, workers=count, observer=observer or Silent())
    write_tuned(loaded, found, file)
    return file, found


def select_source(
    target: str | Path,
    sources: Sequence[str | Path],
    *,
    seeds: int = 3,
    first_seed: int = 0,
    share: float = SHARE,
    store: str | Path = "runs",
    workers: int | None = None,
    overrides: Sequence[str] = (),
    name: str | None = None,
    observer: Observer | None = None,
) -> Selection:
    """Rank candidate sources for a target by predictors that need no full training there.

    The predictors are `rl_transfer.analysis.PREDICTORS`. They are heuristics without an error rate: judge the chosen
    source with `run_study`, on the pair file that this writes and on seeds from `Selection.judge_from` on. The same
    call again trains nothing.

    Args:
        target: A shipped pair or the path of one: its target, learner, budget and anchors are what is to be learned.
        sources: Pairs likewise, whose target, learner and budget become the source; or names of stored source agents.
        seeds: Seeds of each candidate.
        first_seed: The first of them.
        share: Of the target's budget, for the early runs.
        store: Folder of runs and results.
        workers: Processes at once; as many as there are cores by default.
        overrides: ``key=value`` texts laid over every pair and over the arm ``fine_tune``, as over a study's file.
        name: The name for its results; the target's by default.
        observer: Who is told how it goes on.

    Returns:
        What the predictors say; it is written to ``selections/NAME`` as well.

    Raises:
        ConfigError: If fewer than two sources can be carried, or a value can't be used; nothing was trained then.
        StoreError: If the store can't be used, or holds another selection of this name.
        RLTransferError: If a run crashed.
    """
    count, place = count_workers(workers), _checked_store(store, seeds)
    _refuse_tuning_seeds(first_seed, seeds)
    agents = {source.name: source.spec.task for source in stored_sources(place)}
    given, values = [str(source) for source in sources], parse_overrides(overrides)
    study = load_candidates(str(target), given, values, seeds=seeds, first_seed=first_seed, agents=agents)
    label = study.name if name is None else checked_name(name, "--name")
    early = plan_early(study, place, arm="fine_tune", share=share)
    identity = identity_of(early, {"target": study.name, "seeds": seeds, "first_seed": first_seed})
    if (there := stored_selection(place, label, identity)) is not None:
        return there
    place.open()
    found = select(early, place, workers=count, observer=observer or Silent(), name=label, identity=identity)
    carried = {candidate.pair for candidate in found.candidates}
    write_selection(place, found, [pair for pair in study.pairs if pair.name in carried])
    return found


def rate_predictors(
    study: str | Path,
    *,
    arm: str = "fine_tune",
    seeds: int = 3,
    first_seed: int | None = None,
    share: float = SHARE,
    store: str | Path = "runs",
    workers: int | None = None,
    name: str | None = None,
    observer: Observer | None = None,
) -> Selection:
    """Compute the predictors for all cells of a finished study's matrix, whose total effects are the truth.

    `rl_transfer.analysis.records` says how each predictor did.

    Args:
        study: The name of a finished study with a matrix, or the path of its file.
        arm: The arm whose total effect is predicted, and that carries the sources in the early runs.
        seeds: Seeds of the early runs and their sources.
        first_seed: The first of them; by default the one after the study's last, so that predictor and truth share no
            run.
        share: Of the targets' budgets, for the early runs.
        store: Folder of runs and results, where the study lies.
        workers: Processes at once; as many as there are cores by default.
        name: The name for its results; the study's by default.
        observer: Who is told how it goes on.

    Returns:
        What the predictors say of every cell; it is written to ``selections/NAME`` as well.

    Raises:
        ConfigError: If the store has no such study, it is not finished, has no matrix or no such arm.
        StoreError: If the store can't be used, or holds another selection of this name.
        RLTransferError: If a run crashed.
    """
    count, place = count_workers(workers), _checked_store(store, seeds)
    matrix = load_matrix(place, str(study), arm)
    first = matrix.next_seed if first_seed is None else first_seed
    _refuse_tuning_seeds(first, seeds)
    config = matrix.study.config.model_copy(update={"seeds": seeds, "first_seed": first})
    label = matrix.study.name if name is None else checked_name(name, "--name")
    early = plan_early(replace(matrix.study, config=config), place, arm=arm, share=share)
    asked = {"study": matrix.study.name, "seeds": seeds, "first_seed": first, "truth": matrix.truth}
    identity = identity_of(early, asked)
    if (there := stored_selection(place, label, identity)) is not None:
        return there
    place.open()
    found = select(
        early, place, workers=count, observer=observer or Silent(), name=label, identity=identity, matrix=matrix
    )
    write_selection(place, found, ())
    return found


def _refuse_tuning_seeds(first: int, seeds: int) -> None:
    if first < 0 or first + seeds > FIRST_TUNING_SEED:
        what = f"must lie from 0 to {FIRST_TUNING_SEED - seeds}, seeds after that are for tuning"
        raise ConfigError(f"{what}, not {first}", key="--first-seed")


def _checked_store(store: str | Path, seeds: int) -> Store:
    if seeds < 2:
        raise ConfigError(f"must be at least 2, not {seeds}: one seed says little", key="--seeds")
    place = Store(Path(store).absolute())
    place.check()
    return place


def import_source(
    file: str | Path,
    *,
    env: str | TaskConfig,
    algorithm: str | None = None,
    features: str | None = None,
    statistics: str | Path | None = None,
    name: str | None = None,
    store: str | Path = "runs",
) -> tuple[StoredSource, bool]:
    """Make a source of an agent that Stable-Baselines3 saved, or of a vision backbone; nothing in it is executed.

    An agent is evaluated on its environment: 20 episodes of the deterministic policy, with the seeds 0 to 19.

    Args:
        file: The agent's ``.zip``; a backbone's ``.safetensors``, ``.pt``, ``.pth`` or ``.bin``.
        env: The environment that the agent was trained on, or whose images the backbone is to see.
        algorithm: What trained the agent. Either this or ``features`` is needed.
        features: The backbone's architecture, as a learner's ``features`` in YAML.
        statistics: The agent's running statistics, as VecNormalize saved them.
        name: The name for a pair's ``source_agent``; the file's by default.
        store: Folder of runs and results.

    Returns:
        The source, and whether it is new: the same file under the same name is imported once.

    Raises:
        ConfigError: If a file can't be read or does not fit, or the name stands for another one.
        StoreError: If the store can't be used.
    """
    if (algorithm is None) == (features is None):
        raise ConfigError("give either --algorithm (an agent) or --features (a backbone)")
    if features is not None and statistics is not None:
        raise ConfigError("belongs to an agent, a backbone has none: remove it", key="--statistics")
    task = env if isinstance(env, TaskConfig) else _task(env)
    wanted = Import(
        file=Path(file),
        name=_safe_stem(Path(file)) if name is None else checked_name(name, "--name"),
        task=task,
        kind=parse_features(features, "--features") if features is not None else str(algorithm),
        statistics=None if statistics is None else Path(statistics),
    )
    place = Store(Path(store).absolute())
    place.check()
    return import_file(place, wanted)


def _task(env: str) -> TaskConfig:
    if not env:
        raise ConfigError("must not be empty: give a Gymnasium id", key="--env")
    return TaskConfig(id=env)


def _safe_stem(file: Path) -> str:
    """A file's name without its ending as a safe folder name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", file.stem).strip("-_")[:64] or "agent"


def train_sources(
    study: str | Path,
    *,
    store: str | Path = "runs",
    workers: int | None = None,
    overrides: Sequence[str] = (),
    observer: Observer | None = None,
) -> tuple[tuple[StoredSource, ...], tuple[Failure, ...]]:
    """Train the source agents of a study, and nothing else; those that are stored are not trained again.

    Args:
        study: A shipped name or a path, of a study or of a pair alone.
        store: Folder of runs and results.
        workers: Processes at once; as many as there are cores by default.
        overrides: ``key=value`` texts laid over the study file.
        observer: Who is told how it goes on.

    Returns:
        The study's finished sources, and its source runs that did not complete.

    Raises:
        ConfigError: If the study can't be carried out or could not decide anything; nothing was trained then.
        StoreError: If the store can't be used.
    """
    count = count_workers(workers)
    planned = plan(study, overrides, store=store)
    sources = replace(planned, runs=tuple(run for run in planned.runs if run.spec.role == "source"))
    place = Store(Path(store).absolute())
    place.open()
    folders = assign_folders(sources, place)
    failures = execute(sources, place, folders, workers=count, observer=observer or Silent())
    keys = {run.key for run in sources.runs}
    return tuple(source for source in stored_sources(place) if source.key in keys), tuple(failures)


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
