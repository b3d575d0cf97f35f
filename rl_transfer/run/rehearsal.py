"""A transfer tried out before anything is trained: does what the source will leave fit the target's learner?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, KnowledgeKind
from rl_transfer.learner import Learner, build_learner, reading
from rl_transfer.methods import build_methods
from rl_transfer.run.transfer import for_target, kinds_needed, read_source, transfer
from rl_transfer.study import LearnerConfig, RunSpec, TaskConfig
from rl_transfer.tasks import Meter, SpaceMapping, inspect_task, make, map_spaces


@dataclass(frozen=True)
class RehearsedSource:
    """A source of a run that is tried out.

    Attributes:
        spec: Its run.
        folder: Its folder where it is finished already; a fresh agent of the same shapes stands for one that is still
            to be trained.
        keys: Where it stands in the pair's file.
    """

    spec: RunSpec
    folder: Path | None
    keys: tuple[str, ...] = ()


def rehearse(spec: RunSpec, sources: Sequence[RehearsedSource]) -> None:
    """Carry the sources' networks into a fresh learner, as the run will.

    Args:
        spec: A run that uses knowledge.
        sources: The runs it comes from, in the specification's order.

    Raises:
        ConfigError: If something does not fit; the key is a setting of the method's, or the source's keys and then
            ``mapping``.
    """
    methods = build_methods(spec.methods, spec.learner.algorithm)
    # Nobody plays yet.
    methods = [method for method in methods if "demonstrations" not in method.needs]
    if any(source.folder is None for source in sources):
        # A fresh agent has no experience yet.
        methods = [method for method in methods if "experience" not in method.needs]
    kinds = kinds_needed(methods)
    if "networks" not in kinds:
        return
    learner = _fresh(spec.learner, spec.task)
    try:
        configs = (spec.mapping, *(other.mapping for other in spec.other_sources))
        found = []
        for source, config, name in zip(sources, configs, spec.source_names, strict=True):
            mapping = map_spaces(config, inspect_task(source.spec.task), inspect_task(spec.task))
            found.append(replace(_carried(source, mapping, learner, kinds), name=name))
        transfer(methods, learner, replace(found[0], others={one.name: one for one in found[1:]}))
    finally:
        learner.close()


def _carried(
    source: RehearsedSource, mapping: SpaceMapping, learner: Learner, kinds: frozenset[KnowledgeKind]
) -> Knowledge:
    """What a source has, or will have, in the target's spaces."""
    space = mapping.source_observation
    if source.folder is not None:
        knowledge = read_source(source.folder, kinds, space)
    else:
        knowledge = replace(_fresh_knowledge(source.spec), reading=reading(source.spec.learner, space))
    if "fisher" in kinds:
        # It has the networks' shapes, and is estimated once the source is trained.
        knowledge = replace(knowledge, fisher=knowledge.networks)
    try:
        return for_target(knowledge, learner, mapping, None)
    except ConfigError as error:
        if error.key is not None and error.key.startswith("mapping"):
            raise ConfigError(error.message, key=".".join((*source.keys, error.key))) from error
        if not source.keys:
            raise
        raise ConfigError(f"the source {source.keys[-1]}: {error.message}", key=error.key) from error


def _fresh_knowledge(source: RunSpec) -> Knowledge:
    agent = _fresh(source.learner, source.task)
    agent.close()
    return Knowledge(
        algorithm=agent.algorithm,
        networks=agent.networks(),
        statistics=agent.statistics(),
        optimizer=agent.optimizer_state(),
    )


def _fresh(config: LearnerConfig, task: TaskConfig) -> Learner:
    """A learner without room for the experience that it will not make."""
    if config.off_policy:
        config = config.model_copy(update={"buffer_size": config.n_envs})
    return build_learner(config, [partial(make, task)] * config.n_envs, Meter(), seed=0)
