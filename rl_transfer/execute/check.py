"""What is refused before anything trains; each error names the file, the line where there is one, and the key."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import lcm

from rl_transfer.errors import ConfigError
from rl_transfer.execute.reach import Reach, reaches
from rl_transfer.execute.sources import StoredSource
from rl_transfer.learner import (
    refuse_idle_learning,
    refuse_missing_device,
    refuse_random_evaluation,
    refuse_unsuitable_spaces,
)
from rl_transfer.methods import method_class
from rl_transfer.stats import fewest_seeds
from rl_transfer.study import LearnerConfig, LoadedPair, LoadedStudy, PairConfig, PairSource, StudyConfig, TaskConfig
from rl_transfer.study.draft import Draft
from rl_transfer.tasks import SpaceMapping, TaskFacts, inspect_task, map_spaces

_ACTING = ("fisher", "teacher", "demonstrations")
"""Kinds of knowledge for which the source has to act."""


def check_study(study: LoadedStudy) -> list[str]:
    """Refuse a study whose seeds can't reach its level, or that asks for a device that is not there.

    Returns:
        Notes on looks that can't decide anything.

    Raises:
        ConfigError: Says how many seeds would do.
    """
    config = study.config
    families: dict[tuple[str, int], list[Reach]] = {}
    for reach in reaches(config, [pair.name for pair in study.pairs]):
        families.setdefault((reach.family, reach.arms), []).append(reach)
    for looks in families.values():
        if not any(reach.decides for reach in looks):
            raise study.draft.error(("seeds",), _undecidable(config, looks[-1]))
    try:
        refuse_missing_device(config.device)
    except ConfigError as error:
        raise study.draft.under(error) from error
    return [_idle_look(reach) for looks in families.values() for reach in looks if not reach.decides]


def _undecidable(config: StudyConfig, reach: Reach) -> str:
    shared = f" shared by {reach.arms} arms" if reach.arms > 1 else ""
    alpha = f"alpha {config.looks[-1].alpha:g}{shared}"
    seeds = fewest_seeds(reach.level)
    enough = "no number of seeds can reach it: raise alpha" if seeds is None else f"take at least {seeds} seeds"
    return (
        f"{reach.arm} against {reach.baseline} seeds can't decide anything ({reach.family}): the smallest p they can "
        f"reach is {reach.smallest_p:.3g}, the level is {reach.level:.3g} ({alpha}): {enough}"
    )


def _idle_look(reach: Reach) -> str:
    return (
        f"look {reach.look} can't decide anything ({reach.family}): {reach.arm} against {reach.baseline} seeds reach "
        f"p = {reach.smallest_p:.2g} at best, its level is {reach.level:.2g}"
    )


@dataclass(frozen=True)
class CheckedSource:
    """One of a pair's sources, its task made once.

    Attributes:
        source: What the pair says of it.
        agent: The stored source that it names, where it does.
        facts: What planning needs to know of its task.
        mapping: Between its spaces and the target's.
    """

    source: PairSource
    agent: StoredSource | None
    facts: TaskFacts
    mapping: SpaceMapping


def check_tasks(
    pair: LoadedPair, agents: Mapping[str, StoredSource | None]
) -> tuple[dict[str, CheckedSource], TaskFacts]:
    """Make all tasks once; refuse what can't be made, has no time limit, or does not fit together.

    Args:
        pair: The pair.
        agents: By name of a source the stored one that it names.

    Returns:
        The sources by name, and what planning needs to know of the target.

    Raises:
        ConfigError: Names the task and the key.
    """
    sources = pair.config.sources
    facts = {name: _task_facts(pair, one, agents[name]) for name, one in sources.items()}
    target = _inspected(pair, ("target",), pair.config.target, target_learners(pair))
    found: dict[str, CheckedSource] = {}
    for name, one in sources.items():
        try:
            mapping = map_spaces(one.mapping, facts[name], target)
        except ConfigError as error:
            raise pair.draft.under(error, *one.keys) from error
        found[name] = CheckedSource(one, agents[name], facts[name], mapping)
    return found, target


def _task_facts(pair: LoadedPair, source: PairSource, agent: StoredSource | None) -> TaskFacts:
    learner = source.learner if agent is None or agent.is_backbone else agent.spec.learner
    return _inspected(pair, (*source.keys, "source"), source.task, [learner])


def _inspected(
    pair: LoadedPair, keys: tuple[str, ...], task: TaskConfig, learners: Sequence[LearnerConfig]
) -> TaskFacts:
    try:
        facts = inspect_task(task)
        for learner in learners:
            refuse_unsuitable_spaces(learner, facts.observation_space, facts.action_space)
    except ConfigError as error:
        raise pair.draft.under(error, *keys) from error
    return facts


def check_source_agent(study: LoadedStudy, pair: LoadedPair, source: PairSource, agent: StoredSource) -> list[str]:
    """Refuse a stored source that the pair's learner or the study's arms can't use.

    Args:
        study: The study.
        pair: One of its pairs.
        source: One of the pair's sources.
        agent: The stored source that it names.

    Returns:
        Notes on what is allowed but worth knowing.

    Raises:
        ConfigError: Names the key to change.
    """
    for name, arm in study.config.arms_on(pair.name).items():
        if source not in pair.sources_of(arm):
            continue
        if agent.spec.learner.normalize.observation and not pair.learner(name).normalize.observation:
            what = f"the source agent {agent.name} saw normalised observations, the target's learner would not"
            draft, key = _learner_place(study, pair, name)
            raise draft.error((*key, "normalize"), f"{what}: set learner.normalize: true")
        if arm.sham:
            what = f"{agent.name} is trained already, its training can't be repeated with shuffled rewards"
            raise study.draft.error(("arms", name, "sham"), f"{what}: set sham: false")
        for index, method in enumerate(arm.methods):
            if "experience" in method_class(method.name).needs and not agent.has_experience:
                what = f"{method.name} needs experience, the source agent {agent.name} left none"
                raise study.draft.error(("arms", name, "methods", index), f"{what}: remove the method")
            if agent.is_backbone and not method_class(method.name).needs.isdisjoint(_ACTING):
                what = f"{method.name} needs a source that can act, {agent.name} is a vision backbone"
                raise study.draft.error(("arms", name, "methods", index), f"{what}: remove the method")
    if agent.spec.task != source.task:
        there, here = _task_text(agent.spec.task), _task_text(source.task)
        return [f"{pair.name}: the source agent {agent.name} is from {there}, not {here}"]
    return []


def _task_text(task: TaskConfig) -> str:
    settings = task.model_dump(mode="json", exclude_defaults=True)
    del settings["id"]
    return task.id + (f" with {json.dumps(settings)}" if settings else "")


def target_learners(pair: LoadedPair) -> list[LearnerConfig]:
    """The pair's learner, then those of arms that have their own."""
    return [pair.config.learner, *pair.learners.values()]


def _learner_place(study: LoadedStudy, pair: LoadedPair, arm: str) -> tuple[Draft, tuple[str, ...]]:
    """The file and the key that an arm's hyperparameters come from."""
    if arm not in pair.learners:
        return pair.draft, ("learner",)
    return study.draft, (arm, "learner") if arm == "scratch" else ("arms", arm, "learner")


@dataclass(frozen=True)
class _Training:
    """Something that is trained: how long, by what, and where the learner and the budget stand."""

    is_source: bool
    budget: int
    learner: LearnerConfig
    draft: Draft
    key: tuple[str, ...]
    budget_key: tuple[str, ...]


def _trained(study: LoadedStudy, pair: LoadedPair) -> Iterator[_Training]:
    config, target = pair.config, ("budget", "target")
    for source in config.sources.values():
        if source.steps is not None:
            key, budget_key = _source_places(config, source)
            yield _Training(True, source.steps, source.learner, pair.draft, key, budget_key)
    yield _Training(False, config.budget.target, config.learner, pair.draft, ("learner",), target)
    for arm, learner in pair.learners.items():
        yield _Training(False, config.budget.target, learner, *_learner_place(study, pair, arm), target)


def _source_places(config: PairConfig, source: PairSource) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys of what trains a source, and of how long."""
    said = config.other_sources.get(source.name)
    own_learner = said is not None and said.source_learner is not None
    key = (*source.keys, "source_learner") if own_learner else ("source_learner",)
    if not own_learner and config.source_learner is None:
        key = ("learner",)
    own_budget = said is not None and said.budget is not None
    return key, (*(source.keys if own_budget else ()), "budget", "source")


def check_budget(study: LoadedStudy, pair: LoadedPair, segment_floor: int) -> list[str]:
    """Refuse budgets and segments that no whole number of rollouts fills, and learners that would never learn.

    Args:
        study: The study.
        pair: One of its pairs.
        segment_floor: Steps below which a segment would cut too many episodes.

    Returns:
        Notes on what is allowed but worth knowing.

    Raises:
        ConfigError: Proposes the nearest budgets.
    """
    config, error_at = pair.config, pair.draft.error
    notes = _segment_notes(study, pair, segment_floor)
    for one in _trained(study, pair):
        rollout, budget = one.learner.rollout_steps, one.budget
        if budget % rollout:
            lower, upper = budget // rollout * rollout, -(-budget // rollout) * rollout
            nearest = f"{lower} or {upper}" if lower else f"{upper}"
            whose = "the learner's" if one.draft is pair.draft else ".".join(one.key) + "'s"
            message = f"{budget} steps are no multiple of {whose} rollout of {rollout}: take {nearest}"
            raise error_at(one.budget_key, message)
        if budget < config.evaluation.points - 1:
            raise error_at(("evaluation", "points"), f"{config.evaluation.points} points don't fit into {budget} steps")
        try:
            refuse_idle_learning(one.learner, budget)
        except ConfigError as error:
            raise one.draft.under(error, *one.key) from error
        try:
            refuse_random_evaluation(one.learner, config.evaluation)
        except ConfigError as error:
            raise pair.draft.under(error, "evaluation") from error
    return [*notes, *grid_notes(study, pair)]


def _segment_notes(study: LoadedStudy, pair: LoadedPair, floor: int) -> list[str]:
    steps = study.config.segment_steps
    if steps is None:
        return []
    rollout = lcm(*(one.learner.rollout_steps for one in _trained(study, pair)))
    if steps % rollout:
        message = f"must be a multiple of the learner's rollout of {rollout}: take {-(-steps // rollout) * rollout}"
        raise study.draft.error(("segment_steps",), message)
    if steps < min(floor, pair.config.budget.target):
        return [f"segments of {steps} steps cut episodes often, which changes the task: {floor} have room for ten"]
    return []


def grid_notes(study: LoadedStudy, pair: LoadedPair) -> list[str]:
    """Points between updates are allowed; says how many would not be. No verdict reads a source's."""
    notes = []
    intervals = pair.config.evaluation.points - 1
    for one in _trained(study, pair):
        if one.is_source:
            continue
        rollout = one.learner.rollout_steps
        rollouts = one.budget // rollout
        if rollouts % intervals:
            divisors = [n for n in range(1, rollouts + 1) if rollouts % n == 0]
            nearest = min(divisors, key=lambda n: abs(n - intervals)) + 1
            notes.append(
                f"{pair.name}: {intervals + 1} points over {one.budget} target steps fall between updates (every "
                f"{rollout} steps); each shows the policy of the last update before it. {nearest} points would not"
            )
    return notes
