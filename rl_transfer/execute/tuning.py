"""Hyperparameters for scratch and for every arm: equally many trials of each, on seeds that no verdict uses.

All arms take their trials in turns, one each a round, from samplers of the same seed in the same space. Proposals
follow from earlier scores alone, and finished runs are found in the store by their keys: a tuning that was stopped and
started again goes the same way, without training anything twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from rl_transfer.analysis import Comparison, PairEntry, load_pair
from rl_transfer.errors import ConfigError, RLTransferError
from rl_transfer.execute.local import assign_folders, execute
from rl_transfer.execute.manifest import pair_entry
from rl_transfer.execute.observer import Observer
from rl_transfer.execute.plan import Plan, PlannedRun, plan_runs
from rl_transfer.execute.tuning_space import Space, search_space, to_drawn, to_hyperparameters
from rl_transfer.stats import mean_score
from rl_transfer.store import Store
from rl_transfer.study import (
    FIRST_TUNING_SEED,
    LEARNERS,
    LearnerConfig,
    LoadedStudy,
    RangeConfig,
    RunName,
    TunedConfig,
    TuningConfig,
)

if TYPE_CHECKING:
    import optuna

OBJECTIVE = "mean score over the budget, mean over the seeds; after a failure a run counts with the worst score"
_SAMPLER_SEED = 0
_RANDOM_TRIALS = 10


def refuse_untunable(study: LoadedStudy, *, trials: int, seeds: int) -> None:
    """Refuse what can't be tuned, before anything is planned.

    Raises:
        ConfigError: Says what to change, or what to install.
    """
    if find_spec("optuna") is None:
        raise ConfigError("tune needs the extra tune: pip install 'rl-transfer[tune]'")
    if trials < 2:
        raise ConfigError(f"must be at least 2 (the first: the defaults), not {trials}", key="--trials")
    if seeds < 1:
        raise ConfigError(f"must be at least 1, not {seeds}", key="--seeds")
    if study.config.tuning is not None:
        what = "has been tuned, and what these trials found would be lost: tune the study that it was made from"
        raise ConfigError(what, file=study.draft.file)
    if study.config.ladders or study.config.matrix:
        raise ConfigError("has ladders or a matrix: tune one pair alone, rl-transfer tune PAIR", file=study.draft.file)
    if len(study.pairs) > 1:
        names = ", ".join(pair.name for pair in study.pairs)
        what = f"has {len(study.pairs)} pairs ({names}), tuning takes one at a time"
        raise ConfigError(f"{what}: give one, such as --set 'pairs=[{study.pairs[0].name}]'", file=study.draft.file)


def tune(
    study: LoadedStudy, store: Store, *, trials: int, seeds: int, workers: int, observer: Observer
) -> TuningConfig:
    """Try out hyperparameters for scratch and for every arm of a study on one pair.

    Args:
        study: The study.
        store: Where the runs go.
        trials: Trials of each, the first of which are the study's own hyperparameters.
        seeds: Seeds that every trial is trained with, from `FIRST_TUNING_SEED` on.
        workers: Processes at once.
        observer: Who is told.

    Returns:
        What was found, and how.

    Raises:
        ConfigError: If the study can't be carried out.
        RLTransferError: If a run crashed: that says nothing about its hyperparameters.
    """
    (pair,) = study.pairs
    names = ("scratch", *study.config.arms_on(pair.name))
    space = search_space([pair.learner(name) for name in names], pair.config.budget.target)
    arms = {name: _Arm(pair.learner(name), space) for name in names}
    rounds = _Rounds(study, store, seeds, trials, workers, observer)
    for trial in range(trials):
        proposed = {name: arm.propose() for name, arm in arms.items()}
        for name, score in rounds.carry_out(trial, proposed).items():
            arms[name].learn(score)
    return TuningConfig(
        objective=OBJECTIVE,
        sampler=f"TPE, seed {_SAMPLER_SEED}, the first {min(_RANDOM_TRIALS, trials) - 1} after the defaults at random",
        trials=trials,
        seeds=tuple(range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + seeds)),
        pair=pair.name,
        settings=pair.config.settings,
        steps=pair.config.budget.target,
        space=dict(space),
        arms={name: arm.found(_own(study, name)) for name, arm in arms.items()},
        versions=rounds.versions,
    )


def _own(study: LoadedStudy, name: str) -> Mapping[str, Any]:
    """The hyperparameters of its own that an arm has already."""
    return study.config.scratch.learner if name == "scratch" else study.config.arms[name].learner


@dataclass(frozen=True)
class _Score:
    """A trial's objective, and how many of its runs failed."""

    value: float
    failed_runs: int


@dataclass
class _Arm:
    """The trials of one arm so far."""

    default: LearnerConfig
    space: Space
    values: list[dict[str, Any]] = field(default_factory=list)
    scores: list[_Score] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._study = _sampling()
        self._study.enqueue_trial(to_drawn(self.default, self.space))
        self._trial: optuna.Trial | None = None

    def propose(self) -> LearnerConfig:
        """The hyperparameters of the next trial; the defaults as they are first."""
        self._trial = self._study.ask(_distributions(self.space))
        first = not self.values
        self.values.append({} if first else to_hyperparameters(self._trial.params, self.default))
        settings = self.default.model_dump(mode="json", exclude_unset=True) | self.values[-1]
        learner: LearnerConfig = LEARNERS[self.default.algorithm].model_validate(settings)  # type: ignore[assignment]
        return learner

    def learn(self, score: _Score) -> None:
        """Take note of what the proposed trial reached."""
        assert self._trial is not None
        self._study.tell(self._trial, score.value)
        self.scores.append(score)

    def found(self, own: Mapping[str, Any]) -> TunedConfig:
        """The best trial, the earliest of equals; with what the arm laid over the pair's learner before."""
        best = max(range(len(self.scores)), key=lambda index: (self.scores[index].value, -index))
        return TunedConfig(
            learner={**own, **self.values[best]},
            default_score=round(self.scores[0].value, 6),
            best_score=round(self.scores[best].value, 6),
            best_trial=best + 1,
            failed_runs=sum(score.failed_runs for score in self.scores),
        )


def _sampling() -> "optuna.Study":
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), which keeps quiet."""
    import optuna

    sampler = optuna.samplers.TPESampler(seed=_SAMPLER_SEED, n_startup_trials=_RANDOM_TRIALS)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(direction="maximize", sampler=sampler)
    finally:
        optuna.logging.set_verbosity(verbosity)


def _distributions(space: Space) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        name: FloatDistribution(one.low, one.high, log=one.log)
        if isinstance(one, RangeConfig)
        else CategoricalDistribution(one.choices)  # type: ignore[arg-type]
        for name, one in space.items()
    }


class _Rounds:
    """Carries out one trial of every arm at a time, with the sources that they need."""

    def __init__(
        self, study: LoadedStudy, store: Store, seeds: int, trials: int, workers: int, observer: Observer
    ) -> None:
        alone = {"placebo": False, "sham": False}
        arms = {name: arm.model_copy(update=alone) for name, arm in study.config.arms.items()}
        changes = {"arms": arms, "seeds": seeds, "first_seed": FIRST_TUNING_SEED, "baseline_seeds": None}
        self._study = replace(study, config=study.config.model_copy(update=changes))
        self._store, self._workers, self._trials = store, workers, trials
        self._progress = _Progress(observer, trials)
        self.versions: dict[str, str] = {}

    def carry_out(self, trial: int, learners: dict[str, LearnerConfig]) -> dict[str, _Score]:
        """Train a round and score it, arm by arm."""
        (pair,) = self._study.pairs
        planned = plan_runs(replace(self._study, pairs=(replace(pair, learners=learners),)), self._store)
        folders = assign_folders(planned, self._store)
        stored = [run for run in planned.distinct() if self._store.status(folders[run.key]) is not None]
        self._progress.next_round(trial, planned, stored)
        stage = f"trial {trial + 1} of {self._trials}"
        ended = execute(planned, self._store, folders, workers=self._workers, observer=self._progress, stage=stage)
        for failure in ended:
            if failure.outcome in ("crashed", "not run"):
                what = f"{failure.run} {failure.outcome}: {failure.message} (log: {failure.log})"
                raise RLTransferError(f"{what}; finished runs are kept, the same command goes on from there")
        self._note_versions(planned)
        entry = PairEntry.model_validate(pair_entry(planned, planned.study.pairs[0], self._store, folders))
        data = load_pair(self._store, pair.name, entry)
        scores = {}
        for name in learners:
            runs = data.of_arm(name)
            value = float(mean_score(np.stack([run.score_T for run in runs]), entry.grid).mean())
            scores[name] = _Score(value, sum(run.failed for run in runs))
        return scores

    def _note_versions(self, planned: Plan) -> None:
        import optuna

        self.versions = planned.runs[-1].spec.versions | {"optuna": optuna.__version__}


class _Progress:
    """Tells an observer of all rounds as if they were one execution."""

    def __init__(self, observer: Observer, trials: int) -> None:
        self._observer, self._trials, self._trial = observer, trials, 0

    def next_round(self, trial: int, planned: Plan, stored: Sequence[PlannedRun]) -> None:
        """Say before the first round how much there is; in later ones, what is stored already."""
        self._trial = trial
        if trial > 0:
            for run in stored:
                if run.spec.role == "target":
                    self.run_ended(run.label, "completed")
            return
        runs = planned.distinct()
        times = [1 if run.spec.role == "source" else self._trials for run in runs]
        self._observer.begin(
            runs=sum(times),
            stage="",
            stored_runs=len(stored),
            steps=sum(run.spec.budget_steps * count for run, count in zip(runs, times, strict=True)),
            stored_steps=sum(run.spec.budget_steps for run in stored),
        )

    def _of_trial(self, run: RunName) -> RunName:
        return replace(run, trial=self._trial + 1)

    def begin(self, *, runs: int, stored_runs: int, steps: int, stored_steps: int, stage: str = "") -> None:
        """A round begins: told already, with all others."""

    def run_started(self, run: RunName, steps: int) -> None:
        """Pass on."""
        self._observer.run_started(self._of_trial(run), steps)

    def run_progress(self, run: RunName, step: int, mean_return: float | None, score: float | None) -> None:
        """Pass on."""
        self._observer.run_progress(self._of_trial(run), step, mean_return, score)

    def run_ended(self, run: RunName, outcome: str) -> None:
        """Pass on."""
        self._observer.run_ended(self._of_trial(run), outcome)

    def arm_judged(self, comparisons: Sequence[Comparison]) -> None:
        """Pass on; trials are not judged."""
        self._observer.arm_judged(comparisons)
