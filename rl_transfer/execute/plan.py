"""From a validated study to the list of its runs, everything checked that can be checked before training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rl_transfer.analysis.manifest import reference_arm
from rl_transfer.execute.check import (
    CheckedSource,
    check_budget,
    check_source_agent,
    check_study,
    check_tasks,
    target_learners,
)
from rl_transfer.execute.check_methods import check_methods, needs_source, refuse_empty_controls
from rl_transfer.execute.check_sources import idle_sources, refuse_twins, rehearse_arms, source_agents
from rl_transfer.execute.identity import code_digest, library_versions
from rl_transfer.execute.second_look import judged_arms, judged_before, second_looks, verdict_settings
from rl_transfer.methods import build_methods
from rl_transfer.store import Store, run_key
from rl_transfer.study import (
    LearnerConfig,
    LoadedPair,
    LoadedStudy,
    Named,
    OtherSourceSpec,
    PairConfig,
    RunName,
    RunSpec,
    SourceSpec,
    TaskConfig,
    source_arm,
)
from rl_transfer.tasks import TaskFacts

_EPISODES_PER_SEGMENT = 10
ROLE_ORDER = ("source", "reference", "target")
"""What is carried out first."""


@dataclass(frozen=True)
class PlannedRun:
    """A run of the plan: where it belongs, what determines it."""

    pair: str
    arm: str
    seed: int
    spec: RunSpec
    key: str

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Keys of the runs that must have finished before: its sources and its references."""
        return (*self.spec.source_keys, *self.spec.references)

    @property
    def label(self) -> RunName:
        """Pair, arm and seed."""
        return RunName(self.pair, self.arm, self.seed)

    @property
    def name(self) -> str:
        """Pair, arm and seed, for people."""
        return str(self.label)


@dataclass(frozen=True)
class Plan:
    """All runs of a study, sources first; runs with the same key are the same run.

    Attributes:
        notes: What is allowed but worth knowing, for people.
        judged_before: Other studies that have been judged on runs of the arms on other terms, and on how many.
    """

    study: LoadedStudy
    runs: tuple[PlannedRun, ...]
    notes: tuple[str, ...]
    judged_before: Mapping[str, int] = field(default_factory=dict)

    def distinct(self) -> list[PlannedRun]:
        """Each run once, though several pairs may need it."""
        return list({run.key: run for run in reversed(self.runs)}.values())[::-1]


def plan_study(study: LoadedStudy, store: Store) -> Plan:
    """Check a study and list its runs.

    Args:
        study: The study.
        store: Where the source agents lie that its pairs name.

    Raises:
        ConfigError: If the study can't be carried out or could not decide anything.
    """
    notes = check_study(study)
    plan = plan_runs(study, store)
    arms = judged_arms(((run.pair, run.arm, run.key) for run in plan.runs), verdict_settings(study.config))
    judged = judged_before(study.name, arms, store)
    return replace(plan, notes=(*notes, *plan.notes, *second_looks(judged)), judged_before=judged)


def plan_runs(study: LoadedStudy, store: Store) -> Plan:
    """List a study's runs, whether or not their number could decide anything.

    Args:
        study: The study.
        store: Where the source agents lie that its pairs name.

    Raises:
        ConfigError: If the study can't be carried out.
    """
    runs: list[PlannedRun] = []
    notes: list[str] = []
    for pair in study.pairs:
        sources, target = check_tasks(pair, source_agents(pair, store))
        methods = check_methods(study, pair, {name: one.mapping for name, one in sources.items()})
        refuse_empty_controls(study)
        for one in sources.values():
            if one.agent is not None:
                notes += check_source_agent(study, pair, one.source, one.agent)
        notes += check_budget(study, pair, max(segment_steps(learner, target) for learner in target_learners(pair)))
        notes += idle_sources(study, pair)
        planned = list(_PairPlanner(study, pair, methods, sources, target).runs())
        refuse_twins(pair, [(run.arm, run.key) for run in planned])
        first = {arm: next(run.spec for run in planned if run.arm == arm) for arm in study.config.arms_on(pair.name)}
        rehearse_arms(study, pair, sources, {run.key: run.spec for run in planned}, first)
        runs += planned
    runs.sort(key=lambda run: ROLE_ORDER.index(run.spec.role))
    return Plan(study, tuple(runs), tuple(dict.fromkeys(notes)))


class _PairPlanner:
    """Lists the runs of one pair."""

    def __init__(
        self,
        study: LoadedStudy,
        pair: LoadedPair,
        methods: Mapping[str, tuple[Named, ...]],
        sources: Mapping[str, CheckedSource],
        target: TaskFacts,
    ) -> None:
        self.study, self.name, self.pair, self.methods = study.config, pair.name, pair.config, methods
        self.arms = study.config.arms_on(pair.name)
        self.learner, self.sources_of = pair.learner, pair.sources_of
        self.sources, self.target = sources, target

    def runs(self) -> Iterator[PlannedRun]:
        """Sources, then from scratch, then each arm with its placebo and sham."""
        first, last_look = self.study.first_seed, self.study.looks[-1]
        seeds = range(first, first + last_look.seeds)
        sources = {name: self._sources(name, seeds) for name in self._used(sham=False)}
        shams = {name: self._sources(name, seeds, sham=True) for name in self._used(sham=True)}
        for planned in (*sources.values(), *shams.values()):
            yield from planned
        for seed in range(first, first + last_look.baseline_seeds):
            yield self._planned("scratch", seed)
        for name, arm in self.arms.items():
            methods = self.methods[name]
            references = {seed: list(self._references(name, methods, seed)) for seed in seeds}
            for planned in references.values():
                yield from planned
            keys = {seed: tuple(run.key for run in planned) for seed, planned in references.items()}
            if not needs_source(methods):
                yield from (self._planned(name, seed, methods=methods, references=keys[seed]) for seed in seeds)
                continue
            yield from self._arm(name, sources, keys)
            if arm.placebo:
                yield from self._arm(f"{name}.placebo", sources, keys, scrambled=True)
            if arm.sham:
                yield from self._arm(f"{name}.sham", shams, keys)

    def _used(self, *, sham: bool) -> list[str]:
        """The sources that some arm uses, in the pair's order."""
        wanted = {
            source.name
            for name, arm in self.arms.items()
            if needs_source(self.methods[name]) and (arm.sham or not sham)
            for source in self.sources_of(arm)
        }
        return [name for name in self.sources if name in wanted]

    def _sources(self, name: str, seeds: Sequence[int], *, sham: bool = False) -> list[PlannedRun]:
        """One source for each seed, or the one that all share."""
        agent, source = self.sources[name].agent, self.sources[name].source
        if agent is not None:
            return [PlannedRun(self.name, source.arm, agent.spec.seed, agent.spec, agent.key)]
        return [self._planned_source(name, seed, sham=sham) for seed in seeds]

    def _references(self, arm: str, methods: Sequence[Named], seed: int) -> Iterator[PlannedRun]:
        """From-scratch runs for one seed of an arm alone: runs that shared them would not be independent."""
        budget, learner = self.pair.budget.target, self.learner(arm)
        for method in build_methods(methods, learner.algorithm):
            if (wanted := method.references(budget)) is not None:
                steps = min(-(-wanted.steps // learner.rollout_steps) * learner.rollout_steps, budget)
                for number in range(wanted.runs):
                    run = self._planned(reference_arm(arm), seed * wanted.runs + number)
                    changed = {
                        "role": "reference",
                        "grid": (0, steps),
                        "episodes": 1,
                        "horizon_steps": self.pair.budget.horizon or budget,
                    }
                    spec = run.spec.model_copy(update=changed)
                    yield replace(run, spec=spec, key=run_key(spec))

    def _arm(
        self,
        name: str,
        sources: Mapping[str, Sequence[PlannedRun]],
        references: Mapping[int, tuple[str, ...]],
        *,
        scrambled: bool = False,
    ) -> Iterator[PlannedRun]:
        arm = name.partition(".")[0]
        used = self.sources_of(self.arms[arm])
        for seed, keys in references.items():
            source_keys = [_key_of(sources[source.name], seed) for source in used]
            yield self._planned(
                name,
                seed,
                methods=self.methods[arm],
                source=SourceSpec(key=source_keys[0], scrambled=scrambled, name=used[0].name if used[1:] else None),
                mapping=used[0].mapping,
                other_sources=tuple(
                    OtherSourceSpec(name=source.name, key=key, mapping=source.mapping)
                    for source, key in zip(used[1:], source_keys[1:], strict=True)
                ),
                references=keys,
            )

    def _planned_source(self, name: str, seed: int, *, sham: bool) -> PlannedRun:
        source, facts = self.sources[name].source, self.sources[name].facts
        assert source.steps is not None
        trained = _Trained("source", source.task, facts, source.learner, source.steps)
        spec = self._spec(trained, seed, sham=sham)
        return PlannedRun(self.name, source_arm(name, sham=sham), seed, spec, run_key(spec))

    def _planned(self, arm: str, seed: int, **changes: Any) -> PlannedRun:
        budget = self.pair.budget.target
        trained = _Trained("target", self.pair.target, self.target, self.learner(arm), budget)
        spec = self._spec(trained, seed, horizon_steps=_horizon(self.pair), **changes)
        return PlannedRun(self.name, arm, seed, spec, run_key(spec))

    def _spec(self, trained: "_Trained", seed: int, *, methods: tuple[Named, ...] = (), **changes: Any) -> RunSpec:
        learner, facts = trained.learner, trained.facts
        return RunSpec(
            role=trained.role,
            task=trained.task,
            task_digest=facts.digest,
            learner=learner,
            methods=methods,
            grid=evaluation_grid(self.pair, trained.budget),
            episodes=self.pair.evaluation.episodes,
            deterministic=self.pair.evaluation.deterministic,
            anchors=self.pair.score if _needs_anchors(methods, learner) else None,
            segment_steps=self.study.segment_steps or segment_steps(learner, facts),
            device=self.study.device,
            seed=seed,
            code=code_digest(method.name for method in methods),
            versions=library_versions(learner) | facts.distributions,
            **changes,
        )


@dataclass(frozen=True)
class _Trained:
    """What a run trains, on what, and for how long."""

    role: Literal["source", "target"]
    task: TaskConfig
    facts: TaskFacts
    learner: LearnerConfig
    budget: int


def _key_of(runs: Sequence[PlannedRun], seed: int) -> str:
    """The source run of a seed; one that is the only one serves all."""
    return next((run.key for run in runs if run.seed == seed), runs[0].key)


def _needs_anchors(methods: Sequence[Named], learner: LearnerConfig) -> bool:
    return any(method.needs_anchors for method in build_methods(methods, learner.algorithm))


def _horizon(pair: PairConfig) -> int | None:
    """The budget that schedules follow; None where it is the target's own."""
    return None if pair.budget.horizon == pair.budget.target else pair.budget.horizon


def evaluation_grid(pair: PairConfig, budget: int) -> tuple[int, ...]:
    """Evaluation points spread evenly over a budget, 0 and the budget included."""
    last = pair.evaluation.points - 1
    return tuple(round(budget * index / last) for index in range(last + 1))


def segment_steps(learner: LearnerConfig, facts: TaskFacts) -> int:
    """The shortest multiple of the rollout with room for ten episodes of full length in every environment."""
    rollout = learner.rollout_steps
    wanted = _EPISODES_PER_SEGMENT * facts.max_episode_steps * learner.n_envs
    return -(-wanted // rollout) * rollout
