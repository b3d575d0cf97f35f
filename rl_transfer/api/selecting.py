"""Which source to try first."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rl_transfer.analysis import Selection
from rl_transfer.errors import ConfigError
from rl_transfer.execute import (
    SHARE,
    Observer,
    Silent,
    count_workers,
    identity_of,
    load_matrix,
    plan_early,
    select,
    stored_selection,
    stored_sources,
    write_selection,
)
from rl_transfer.store import Store
from rl_transfer.study import (
    FIRST_TUNING_SEED,
    checked_name,
    load_candidates,
    parse_overrides,
)


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
