"""A transfer tried out before anything is trained: does what the source will leave fit the target's learner?"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from rl_transfer.knowledge import Knowledge
from rl_transfer.learner import Learner, build_learner, reading
from rl_transfer.methods import build_methods
from rl_transfer.run.transfer import for_target, kinds_needed, read_source, transfer
from rl_transfer.study import LearnerConfig, RunSpec, TaskConfig
from rl_transfer.tasks import Meter, inspect_task, make, map_spaces


def rehearse(spec: RunSpec, source: RunSpec, agent: Path | None) -> None:
    """Carry a source's networks into a fresh learner, as the run will.

    Args:
        spec: A run that uses knowledge.
        source: The run it comes from.
        agent: The source's folder where it is finished already; a fresh agent of the same shapes stands for one that
            is still to be trained.

    Raises:
        ConfigError: If something does not fit; the key is a setting of the method's, or begins with ``mapping``.
    """
    methods = build_methods(spec.methods, spec.learner.algorithm)
    # Nobody plays yet.
    methods = [method for method in methods if "demonstrations" not in method.needs]
    if agent is None:
        # A fresh agent has no experience yet.
        methods = [method for method in methods if "experience" not in method.needs]
    if "networks" not in kinds_needed(methods):
        return
    mapping = map_spaces(spec.mapping, inspect_task(source.task), inspect_task(spec.task))
    learner = _fresh(spec.learner, spec.task)
    try:
        space = mapping.source_observation
        if agent is not None:
            knowledge = read_source(agent, kinds_needed(methods), space)
        else:
            knowledge = replace(_fresh_knowledge(source), reading=reading(source.learner, space))
        if "fisher" in kinds_needed(methods):
            # It has the networks' shapes, and is estimated once the source is trained.
            knowledge = replace(knowledge, fisher=knowledge.networks)
        transfer(methods, learner, for_target(knowledge, learner, mapping, None))
    finally:
        learner.close()


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
