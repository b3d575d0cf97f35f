"""What is refused before anything trains; each error names the file and the key."""

from math import comb

from rl_transfer.errors import ConfigError
from rl_transfer.learner import refuse_idle_learning, refuse_missing_device, refuse_unsuitable_spaces
from rl_transfer.methods import build_methods
from rl_transfer.stats import smallest_reachable_p
from rl_transfer.study import LoadedPair, LoadedStudy
from rl_transfer.tasks import TaskFacts, inspect_task, refuse_different_spaces


def _under(error: ConfigError, file: object, *keys: str) -> ConfigError:
    key = ".".join(part for part in (*keys, error.key) if part)
    return ConfigError(error.message, file=file, key=key)


def check_seeds(study: LoadedStudy) -> None:
    """Refuse a study whose seeds can't reach its level.

    Raises:
        ConfigError: Says how many seeds would.
    """
    config = study.config
    level = config.alpha / len(config.arms)
    reachable = smallest_reachable_p(config.seeds, config.seeds)
    if reachable > level:
        enough = next(n for n in range(2, 1000) if 2 / comb(2 * n, n) <= level)
        arms = f" shared by {len(config.arms)} arms" if len(config.arms) > 1 else ""
        raise ConfigError(
            f"{config.seeds} against {config.seeds} seeds can't decide anything: the smallest p they can reach is "
            f"{reachable:.3g}, the level is {level:.3g} (alpha {config.alpha:g}{arms}): take at least {enough} seeds",
            file=study.file,
            key="seeds",
        )


def check_device(study: LoadedStudy) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        ConfigError: Names the study file.
    """
    try:
        refuse_missing_device(study.config.device)
    except ConfigError as error:
        raise _under(error, study.file) from error


def check_tasks(pair: LoadedPair) -> tuple[TaskFacts, TaskFacts]:
    """Make both tasks once; refuse what can't be made, has no time limit, or does not fit together.

    Raises:
        ConfigError: Names the task and the key.
    """
    facts = {}
    for name, task in (("source", pair.config.source), ("target", pair.config.target)):
        try:
            facts[name] = inspect_task(task)
            refuse_unsuitable_spaces(
                pair.config.learner.algorithm, facts[name].observation_space, facts[name].action_space
            )
        except ConfigError as error:
            raise _under(error, pair.file, name) from error
    try:
        refuse_different_spaces(facts["source"], facts["target"])
    except ConfigError as error:
        raise _under(error, pair.file) from error
    return facts["source"], facts["target"]


def check_methods(study: LoadedStudy, pair: LoadedPair) -> None:
    """Refuse methods that don't exist, don't fit the algorithm, or have wrong settings.

    Raises:
        ConfigError: Names the arm, the method and the setting.
    """
    for name, arm in study.config.arms.items():
        try:
            build_methods(arm.methods, pair.config.learner.algorithm)
        except ConfigError as error:
            raise _under(error, study.file, "arms", name, "methods") from error


def check_budget(study: LoadedStudy, pair: LoadedPair) -> list[str]:
    """Refuse budgets that no whole number of rollouts fills.

    Returns:
        Notes on what is allowed but worth knowing.

    Raises:
        ConfigError: Proposes the nearest budgets.
    """
    config = pair.config
    rollout = config.learner.rollout_steps
    for name, budget in (("source", config.budget.source), ("target", config.budget.target)):
        if budget % rollout:
            lower, upper = budget // rollout * rollout, -(-budget // rollout) * rollout
            nearest = f"{lower} or {upper}" if lower else f"{upper}"
            raise ConfigError(
                f"{budget} steps are no multiple of the learner's rollout of {rollout}: take {nearest}",
                file=pair.file,
                key=f"budget.{name}",
            )
        try:
            refuse_idle_learning(config.learner, budget)
        except ConfigError as error:
            raise _under(error, pair.file, "learner") from error
        if budget < config.evaluation.points - 1:
            raise ConfigError(
                f"{config.evaluation.points} points don't fit into {budget} steps",
                file=pair.file,
                key="evaluation.points",
            )
    if study.config.segment_steps is not None and study.config.segment_steps % rollout:
        wanted = -(-study.config.segment_steps // rollout) * rollout
        raise ConfigError(
            f"must be a multiple of the learner's rollout of {rollout}: take {wanted}",
            file=study.file,
            key="segment_steps",
        )
    spacing, rest = divmod(config.budget.target, config.evaluation.points - 1)
    if rest or spacing % rollout:
        return [
            f"{pair.name}: {config.evaluation.points} points over {config.budget.target} steps fall between updates "
            f"(every {rollout} steps); each shows the policy of the last update before it"
        ]
    return []
