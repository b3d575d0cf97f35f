"""The runs behind the choice of a source: sources in full, the target up to an early step of its budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, lcm

from rl_transfer.analysis.manifest import BASELINE
from rl_transfer.errors import ConfigError
from rl_transfer.execute.check import grid_notes
from rl_transfer.execute.plan import Plan, PlannedRun, plan_runs
from rl_transfer.learner import refuse_idle_learning
from rl_transfer.methods import build_methods
from rl_transfer.store import Store, run_key
from rl_transfer.study import BudgetConfig, Cell, LoadedPair, LoadedStudy
from rl_transfer.tasks import inspect_task
from rl_transfer.tasks.spaces import form, short

SHARE = 0.05
"""Of the target's budget, for early runs."""
_FEWEST_ROLLOUTS = 2


@dataclass(frozen=True)
class Early:
    """The runs of a selection.

    Attributes:
        plan: Sources in full, runs on the target up to the early budget.
        excluded: Sources that can't be carried, and why.
    """

    plan: Plan
    excluded: Mapping[str, str]
    arm: str
    share: float


def plan_early(study: LoadedStudy, store: Store, *, arm: str, share: float) -> Early:
    """Plan sources and early runs of every candidate; those that don't fit are left out with the reason.

    Args:
        study: Its pairs are the candidates, each with its `Cell`.
        store: Where stored source agents lie.
        arm: The arm that carries the sources.
        share: Of the target's budget, for the early runs.

    Raises:
        ConfigError: If fewer than two candidates are left for a target, or nothing would be learned so early.
    """
    if not 0 < share < 1:
        raise ConfigError(f"must lie between 0 and 1, not {share:g}", key="--share")
    _refuse_reviews(study, arm)
    alone = study.config.arms[arm].model_copy(update={"placebo": False, "sham": False})
    study = replace(study, config=study.config.model_copy(update={"arms": {arm: alone}, "baseline_seeds": None}))
    plans, errors = [], dict[str, ConfigError]()
    for pair in study.pairs:
        try:
            plans.append(plan_runs(replace(study, pairs=(pair,)), store))
        except ConfigError as error:
            errors[pair.name] = error
    _refuse_too_few(study, plans, errors)
    runs = tuple(run for plan in plans for run in _cut(plan, share, arm))
    pairs = tuple(_cut_pair(plan.study.pairs[0], share, arm) for plan in plans)
    # Early runs have a grid of their own.
    grids = {note for plan in plans for note in grid_notes(plan.study, plan.study.pairs[0])}
    notes = tuple(dict.fromkeys(note for plan in plans for note in plan.notes if note not in grids))
    excluded = {_label(study, name): _reason(study, name, error) for name, error in errors.items()}
    return Early(Plan(replace(study, pairs=pairs), runs, notes), excluded, arm, share)


def _refuse_reviews(study: LoadedStudy, arm: str) -> None:
    """Refuse an arm whose methods may have the learner start anew: in so few steps they would decide something else."""
    for pair in study.pairs:
        try:
            methods = build_methods(study.config.arms[arm].methods, pair.learner(arm).algorithm)
        except ConfigError as error:
            raise study.draft.under(error, "arms", arm, "methods") from error
        if any(method.review_steps(pair.config.budget.target) for method in methods):
            what = "has a method that compares training with references, for which early runs are too short"
            raise study.draft.error(("arms", arm, "methods"), f"{what}: choose the source without it")


def cell(pair: LoadedPair) -> Cell:
    """The short names of a candidate's source and target."""
    assert isinstance(pair.place, Cell)
    return pair.place


def _pair(study: LoadedStudy, name: str) -> LoadedPair:
    return next(pair for pair in study.pairs if pair.name == name)


def _label(study: LoadedStudy, name: str) -> str:
    place = cell(_pair(study, name))
    several = len({cell(pair).target for pair in study.pairs}) > 1
    return f"{place.source} to {place.target}" if several else place.source


def _refuse_too_few(study: LoadedStudy, plans: Sequence[Plan], errors: Mapping[str, ConfigError]) -> None:
    if errors and not plans and len({str(error) for error in errors.values()}) == 1:
        raise next(iter(errors.values()))  # not the sources' fault
    left = [cell(plan.study.pairs[0]).target for plan in plans]
    for target in dict.fromkeys(cell(pair).target for pair in study.pairs):
        if left.count(target) < 2:
            reasons = "; ".join(f"{_label(study, name)}: {_reason(study, name, e)}" for name, e in errors.items())
            what = f"only {left.count(target)} of these can be carried to {target}, a ranking needs two or more"
            raise ConfigError(f"{what} ({reasons}): give others", key="--sources")


def _reason(study: LoadedStudy, name: str, error: ConfigError) -> str:
    """Why a source can't be carried, in one line."""
    config = _pair(study, name).config
    if config.mapping is None and (error.key or "").startswith("mapping"):
        source, target = inspect_task(config.source), inspect_task(config.target)
        spaces = {
            "observations": (source.observation_space, target.observation_space),
            "actions": (source.action_space, target.action_space),
        }
        return " and ".join(
            f"its {what} are {short(ours)}, the target's {short(theirs)}"
            for what, (ours, theirs) in spaces.items()
            if form(ours) != form(theirs)
        )
    return " ".join(error.message.split())


def _cut(plan: Plan, share: float, arm: str) -> list[PlannedRun]:
    """The plan's runs with those on the target cut short; their schedules still follow the whole budget."""
    (pair,) = plan.study.pairs
    early = _cut_pair(pair, share, arm).config
    rollouts = early.budget.target // _rollout(pair, arm)
    last = min(early.evaluation.points - 1, rollouts)
    grid = tuple(round(early.budget.target * index / last) for index in range(last + 1))
    horizon = None if early.budget.horizon == early.budget.target else early.budget.horizon
    return [
        _with(run, {"grid": grid, "horizon_steps": horizon}) if run.spec.role == "target" else run for run in plan.runs
    ]


def _with(run: PlannedRun, changes: Mapping[str, object]) -> PlannedRun:
    spec = run.spec.model_copy(update=dict(changes))
    return replace(run, spec=spec, key=run_key(spec))


def _rollout(pair: LoadedPair, arm: str) -> int:
    return lcm(pair.learner(BASELINE).rollout_steps, pair.learner(arm).rollout_steps)


def _cut_pair(pair: LoadedPair, share: float, arm: str) -> LoadedPair:
    """The pair with the early budget: whole rollouts, two at least."""
    budget, rollout = pair.config.budget, _rollout(pair, arm)
    wanted = max(_FEWEST_ROLLOUTS, ceil(share * budget.target / rollout - 1e-9)) * rollout
    steps = min(budget.target, wanted)
    for learner in (pair.learner(BASELINE), pair.learner(arm)):
        try:
            refuse_idle_learning(learner, steps)
        except ConfigError as error:
            enough = (getattr(learner, "learning_starts", steps) + rollout) / budget.target
            what = f"{learner.algorithm} learns nothing in the first {steps} of {budget.target} steps ({error.key})"
            raise ConfigError(f"{what}: take {ceil(100 * enough) / 100:g} or more", key="--share") from error
    cut = BudgetConfig(source=budget.source, target=steps, horizon=budget.horizon or budget.target)
    return replace(pair, config=pair.config.model_copy(update={"budget": cut}))
