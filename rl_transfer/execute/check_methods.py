"""What arms' methods are refused for before anything trains; each error names the arm, the method and the setting."""

from collections.abc import Mapping, Sequence

from rl_transfer.errors import ConfigError
from rl_transfer.learner import refuse_empty_roles
from rl_transfer.methods import Method, build_methods, method_class, refuse_several_sources, resolve_methods
from rl_transfer.study import LearnerConfig, LoadedPair, LoadedStudy, Named, TaskConfig
from rl_transfer.tasks import SpaceMapping, make


def check_methods(
    study: LoadedStudy, pair: LoadedPair, mappings: Mapping[str, SpaceMapping]
) -> dict[str, tuple[Named, ...]]:
    """Refuse methods that don't exist, don't fit the algorithm, the task, the sources, or have wrong settings.

    Args:
        study: The study.
        pair: One of its pairs.
        mappings: By source, between its spaces and the target's.

    Returns:
        By arm its methods with all their settings, defaults included.

    Raises:
        ConfigError: Names the arm, the method and the setting.
    """
    resolved = {}
    for name, arm in study.config.arms_on(pair.name).items():
        learner = pair.learner(name)
        try:
            resolved[name] = resolve_methods(arm.methods, learner.algorithm)
            used = {source.name: mappings[source.name] for source in pair.sources_of(arm)}
            refuse_several_sources(arm.methods, list(used))
            _refuse_idle_settings(learner, list(used.values()), pair.config.budget.target, arm.methods)
            _refuse_for_target(pair.config.target, build_methods(arm.methods, learner.algorithm), arm.methods)
        except ConfigError as error:
            raise study.draft.under(error, "arms", name, "methods") from error
    return resolved


def _refuse_idle_settings(
    learner: LearnerConfig, mappings: Sequence[SpaceMapping], budget: int, methods: Sequence[Named]
) -> None:
    built = build_methods(methods, learner.algorithm)
    asking = [index for index, method in enumerate(built) if method.review_steps(budget)]
    if len(asking) > 1:
        raise ConfigError("a second method that may start anew: remove one of them", key=str(asking[1]))
    estimates = [(index, method.fisher_estimate) for index, method in enumerate(built)]
    wanted = [(index, estimate) for index, estimate in estimates if estimate is not None]
    for index, estimate in wanted[1:]:
        if estimate != wanted[0][1]:
            what = "an arm has one estimate of the Fisher information"
            raise ConfigError(f"{what}: give both methods the same samples and temperature", key=str(index))
    for index, method in enumerate(built):
        try:
            refuse_empty_roles(
                learner,
                mappings[0].target_observation,
                mappings[0].target_action,
                named=method.named_roles,
                carried=method.carried_roles,
            )
            method.check_sources(len(mappings))
            _refuse_late_steps(method, budget)
            _refuse_crowded_reviews(method, learner, budget)
            for mapping in mappings:
                _refuse_unmapped(method, mapping)
        except ConfigError as error:
            key = ".".join(filter(None, (str(index), methods[index].name, error.key)))
            raise ConfigError(error.message, key=key) from error


def _refuse_for_target(task: TaskConfig, methods: Sequence[Method], named: Sequence[Named]) -> None:
    """Let the methods that want to see the target's environment see it."""
    asking = [place for place, method in enumerate(methods) if type(method).check_target is not Method.check_target]
    if not asking:
        return
    env = make(task)
    try:
        for place in asking:
            try:
                methods[place].check_target(env)
            except ConfigError as error:
                key = ".".join(filter(None, (str(place), named[place].name, error.key)))
                raise ConfigError(error.message, key=key) from error
    finally:
        env.close()


def _refuse_late_steps(method: Method, budget: int) -> None:
    for setting, steps in method.named_steps.items():
        if steps >= budget:
            what = f"{steps} steps are not over before the budget of {budget} ends"
            raise ConfigError(f"{what}: take fewer, or leave it out", key=setting)


def _refuse_unmapped(method: Method, mapping: SpaceMapping) -> None:
    if not method.needs.isdisjoint(("experience", "demonstrations")):
        consequence, acts = "no experience can be carried", True
    elif "teacher" in method.needs:
        consequence, acts = "the source can't be asked for anything", "acting" in method.claims or method.needs_actions
    else:
        return
    for what, empty in (("observations", not mapping.parts), ("actions", acts and not mapping.actions.known_T.any())):
        if empty:
            raise ConfigError(f"the pair's mapping takes nothing of the {what}, so {consequence}")


def _refuse_crowded_reviews(method: Method, learner: LearnerConfig, budget: int) -> None:
    steps, rollout = method.review_steps(budget), learner.rollout_steps
    if not steps:
        return
    most = steps[-1] // rollout
    if most == 0:
        what = f"{steps[-1]} of {budget} steps are less than one rollout of {rollout}"
        raise ConfigError(f"{what}: watch at least {rollout / budget:.2g} of the budget", key="share")
    if len(set(_rollouts(steps, learner))) < len(steps):
        what = f"{len(steps)} in {steps[-1]} steps, where the learner has {most} rollouts of {rollout}"
        raise ConfigError(f"{what}: take {most} at most", key="checks")
    if steps[-1] > budget - rollout:
        what = f"the last is after {steps[-1]} steps, when no rollout of the budget of {budget} is left"
        raise ConfigError(f"{what}: watch less of it", key="share")


def _rollouts(steps: Sequence[int], learner: LearnerConfig) -> list[int]:
    """The rollout after which each step's review is held."""
    return [-(-step // learner.rollout_steps) for step in steps]


def needs_source(methods: tuple[Named, ...]) -> bool:
    """Whether any of an arm's methods uses anything of a source."""
    return any(method_class(method.name).needs for method in methods)


def refuse_empty_controls(study: LoadedStudy) -> None:
    """Refuse a placebo or a sham of an arm that uses nothing of the source: it would be the arm itself.

    Raises:
        ConfigError: Names the arm and the control.
    """
    for name, arm in study.config.arms.items():
        if arm.sources is not None and not needs_source(arm.methods):
            what = f"{name} uses nothing of any source: remove sources"
            raise study.draft.error(("arms", name, "sources"), what)
        for control, wanted in (("placebo", arm.placebo), ("sham", arm.sham)):
            if wanted and not needs_source(arm.methods):
                what = f"{name} uses nothing of the source, so it has no {control}"
                raise study.draft.error(("arms", name, control), f"{what}: set {control}: false")
