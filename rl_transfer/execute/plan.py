"""From a validated study to the list of its runs, everything checked that can be checked before training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rl_transfer.analysis.manifest import reference_arm
from rl_transfer.errors import ConfigError
from rl_transfer.execute.check import (
    check_budget,
    check_source_agent,
    check_study,
    check_tasks,
    target_learners,
)
from rl_transfer.execute.check_methods import check_methods, needs_source, refuse_empty_controls
from rl_transfer.execute.identity import code_digest, library_versions
from rl_transfer.execute.second_look import judged_arms, judged_before, second_looks, verdict_settings
from rl_transfer.execute.sources import StoredSource, find_source
from rl_transfer.methods import build_methods
from rl_transfer.run.rehearsal import rehearse
from rl_transfer.store import Store, run_key
from rl_transfer.study import (
    LearnerConfig,
    LoadedPair,
    LoadedStudy,
    Named,
    PairConfig,
    RunSpec,
    SourceSpec,
    StudyConfig,
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
        """Keys of the runs that must have finished before: its source and its references."""
        source = () if self.spec.source is None else (self.spec.source.key,)
        return (*source, *self.spec.references)

    @property
    def name(self) -> str:
        """Pair, arm and seed, for people."""
        return f"{self.pair}/{self.arm}/seed{self.seed}"


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
        agent = _source_agent(pair, store)
        source, target, mapping = check_tasks(pair, _source_learner(pair.config, agent))
        methods = check_methods(study, pair, mapping)
        refuse_empty_controls(study)
        if agent is not None:
            notes += check_source_agent(study, pair, agent)
        notes += check_budget(study, pair, max(segment_steps(learner, target) for learner in target_learners(pair)))
        planned = list(_PairPlanner(study.config, pair, methods, source, target, agent).runs())
        _rehearse(study, pair, planned, agent)
        runs += planned
    runs.sort(key=lambda run: ROLE_ORDER.index(run.spec.role))
    return Plan(study, tuple(runs), tuple(dict.fromkeys(notes)))


def _rehearse(study: LoadedStudy, pair: LoadedPair, runs: Sequence[PlannedRun], agent: StoredSource | None) -> None:
    """Try each arm's transfer where something might not fit: where source and target differ in more than the task."""
    alike = pair.config.mapping is None and pair.config.source_learner is None and agent is None
    sources = {run.key: run.spec for run in runs if run.spec.role == "source"}
    for name in study.config.arms:
        spec = next(run.spec for run in runs if run.arm == name)
        if spec.source is None or (alike and name not in pair.learners):
            continue
        try:
            rehearse(spec, sources[spec.source.key], None if agent is None else agent.folder)
        except ConfigError as error:
            if error.key is not None and error.key.startswith("mapping"):
                raise pair.draft.under(error) from error
            raise study.draft.under(error, "arms", name, "methods") from error


def _source_agent(pair: LoadedPair, store: Store) -> StoredSource | None:
    if pair.config.source_agent is None:
        return None
    try:
        return find_source(store, pair.config.source_agent)
    except ConfigError as error:
        raise pair.draft.error(("source_agent",), error.message) from error


def _source_learner(pair: PairConfig, agent: StoredSource | None) -> LearnerConfig:
    if agent is not None and not agent.is_backbone:
        return agent.spec.learner
    return pair.source_learner or pair.learner


class _PairPlanner:
    """Lists the runs of one pair."""

    def __init__(
        self,
        study: StudyConfig,
        pair: LoadedPair,
        methods: Mapping[str, tuple[Named, ...]],
        source: TaskFacts,
        target: TaskFacts,
        agent: StoredSource | None,
    ) -> None:
        self.study, self.name, self.pair, self.methods = study, pair.name, pair.config, methods
        self.learner = pair.learner
        self.source, self.target, self.agent = source, target, agent

    def runs(self) -> Iterator[PlannedRun]:
        """Sources, then from scratch, then each arm with its placebo and sham."""
        first, last_look = self.study.first_seed, self.study.looks[-1]
        seeds = range(first, first + last_look.seeds)
        sources = self._sources(seeds)
        yield from sources
        shams = []
        if any(arm.sham for arm in self.study.arms.values()):
            shams = [self._planned("source.sham", seed, sham=True) for seed in seeds]
            yield from shams
        source_keys = self._keys(seeds, sources)
        for seed in range(first, first + last_look.baseline_seeds):
            yield self._planned("scratch", seed)
        for name, arm in self.study.arms.items():
            methods = self.methods[name]
            references = {seed: list(self._references(name, methods, seed)) for seed in seeds}
            for planned in references.values():
                yield from planned
            keys = {seed: tuple(run.key for run in planned) for seed, planned in references.items()}
            if not needs_source(methods):
                yield from (self._planned(name, seed, methods=methods, references=keys[seed]) for seed in seeds)
                continue
            yield from self._arm(name, methods, source_keys, keys)
            if arm.placebo:
                yield from self._arm(f"{name}.placebo", methods, source_keys, keys, scrambled=True)
            if arm.sham:
                yield from self._arm(f"{name}.sham", methods, self._keys(seeds, shams), keys)

    def _sources(self, seeds: Sequence[int]) -> list[PlannedRun]:
        """One source for each seed, or the one that all share, or none where no arm uses any."""
        if not any(map(needs_source, self.methods.values())):
            return []
        if self.agent is not None:
            return [PlannedRun(self.name, "source", self.agent.spec.seed, self.agent.spec, self.agent.key)]
        return [self._planned("source", seed) for seed in seeds]

    def _keys(self, seeds: Sequence[int], sources: list[PlannedRun]) -> dict[int, str]:
        """By seed the key of its source."""
        if self.agent is not None:
            return dict.fromkeys(seeds, self.agent.key)
        return {run.seed: run.key for run in sources}

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
        methods: tuple[Named, ...],
        source_keys: Mapping[int, str],
        references: Mapping[int, tuple[str, ...]],
        *,
        scrambled: bool = False,
    ) -> Iterator[PlannedRun]:
        for seed, key in source_keys.items():
            source = SourceSpec(key=key, scrambled=scrambled)
            yield self._planned(name, seed, methods=methods, source=source, references=references[seed])

    def _planned(
        self,
        arm: str,
        seed: int,
        *,
        methods: tuple[Named, ...] = (),
        source: SourceSpec | None = None,
        references: tuple[str, ...] = (),
        sham: bool = False,
    ) -> PlannedRun:
        is_source = arm.partition(".")[0] == "source"
        task, facts = (self.pair.source, self.source) if is_source else (self.pair.target, self.target)
        learner = _source_learner(self.pair, None) if is_source else self.learner(arm)
        budget = self.pair.budget.source if is_source else self.pair.budget.target
        assert budget is not None
        spec = RunSpec(
            role="source" if is_source else "target",
            task=task,
            task_digest=facts.digest,
            sham=sham,
            learner=learner,
            methods=methods,
            source=source,
            references=references,
            mapping=None if source is None else self.pair.mapping,
            grid=evaluation_grid(self.pair, budget),
            episodes=self.pair.evaluation.episodes,
            deterministic=self.pair.evaluation.deterministic,
            horizon_steps=None if is_source else _horizon(self.pair),
            anchors=self.pair.score if _needs_anchors(methods, learner) else None,
            segment_steps=self.study.segment_steps or segment_steps(learner, facts),
            device=self.study.device,
            seed=seed,
            code=code_digest(method.name for method in methods),
            versions=library_versions(learner) | facts.distributions,
        )
        return PlannedRun(self.name, arm, seed, spec, run_key(spec))


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
