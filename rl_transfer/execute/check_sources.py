"""What a pair's sources are refused for before anything trains, and their transfer tried out."""

from collections.abc import Iterable, Mapping

from rl_transfer.errors import ConfigError
from rl_transfer.execute.check import CheckedSource
from rl_transfer.execute.check_methods import needs_source
from rl_transfer.execute.sources import StoredSource, find_source
from rl_transfer.run.rehearsal import RehearsedSource, rehearse
from rl_transfer.store import Store
from rl_transfer.study import LoadedPair, LoadedStudy, RunSpec


def source_agents(pair: LoadedPair, store: Store) -> dict[str, StoredSource | None]:
    """By source the stored one that the pair names; None for one that is trained.

    Raises:
        ConfigError: If the store has none of a name.
    """
    found: dict[str, StoredSource | None] = {}
    for name, source in pair.config.sources.items():
        try:
            found[name] = None if source.agent is None else find_source(store, source.agent)
        except ConfigError as error:
            raise pair.draft.error((*source.keys, "source_agent"), error.message) from error
    return found


def idle_sources(study: LoadedStudy, pair: LoadedPair) -> list[str]:
    """A note on the sources that none of the study's arms uses, where some use others."""
    arms = [arm for arm in study.config.arms_on(pair.name).values() if needs_source(arm.methods)]
    used = {source.name for arm in arms for source in pair.sources_of(arm)}
    idle = [name for name in pair.config.sources if name not in used]
    return [f"{pair.name}: no arm uses the sources {', '.join(idle)}"] if used and idle else []


def refuse_twins(pair: LoadedPair, runs: Iterable[tuple[str, str]]) -> None:
    """Refuse two names for one source run with one mapping: it would count twice.

    Args:
        pair: The pair.
        runs: Arm and key of each of its runs.

    Raises:
        ConfigError: Names the second one.
    """
    keys = dict(runs)
    used = [source for source in pair.config.sources.values() if source.arm in keys]
    for index, source in enumerate(used):
        for earlier in used[:index]:
            if (keys[source.arm], source.mapping) == (keys[earlier.arm], earlier.mapping):
                raise pair.draft.error(source.keys, f"is the same source as {earlier.name}: remove one of them")


def rehearse_arms(
    study: LoadedStudy,
    pair: LoadedPair,
    sources: Mapping[str, CheckedSource],
    specs: Mapping[str, RunSpec],
    arms: Mapping[str, RunSpec],
) -> None:
    """Try each arm's transfer where something might not fit: where source and target differ in more than the task.

    Args:
        study: The study.
        pair: One of its pairs.
        sources: The pair's sources.
        specs: The pair's runs by key.
        arms: A run of each arm.

    Raises:
        ConfigError: Names the source's mapping, or the arm and its method.
    """
    for name, spec in arms.items():
        used = [sources[source.name] for source in pair.sources_of(study.config.arms[name])]
        if spec.source is None or (all(_is_alike(pair, one) for one in used) and name not in pair.learners):
            continue
        try:
            rehearse(spec, [_rehearsed(one, specs[key]) for one, key in zip(used, spec.source_keys, strict=True)])
        except ConfigError as error:
            if error.key is not None and error.key.startswith(("mapping", "other_sources")):
                raise pair.draft.under(error) from error
            raise study.draft.under(error, "arms", name, "methods") from error


def _is_alike(pair: LoadedPair, one: CheckedSource) -> bool:
    """Whether a source's networks are surely the target's in shape."""
    return one.source.mapping is None and one.agent is None and one.source.learner == pair.config.learner


def _rehearsed(one: CheckedSource, spec: RunSpec) -> RehearsedSource:
    return RehearsedSource(spec, None if one.agent is None else one.agent.folder, one.source.keys)
