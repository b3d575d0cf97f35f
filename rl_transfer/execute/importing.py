"""Files of strangers become finished source runs in the store."""

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.execute.identity import code_digest, library_versions
from rl_transfer.execute.sources import IMPORTED, StoredSource, stored_sources
from rl_transfer.knowledge import Knowledge
from rl_transfer.knowledge.foreign import StatisticsFile, read_statistics_file
from rl_transfer.learner import ForeignAgent, read_agent, read_backbone, refuse_unsuitable_spaces
from rl_transfer.run.imported import play_imported, write_imported
from rl_transfer.store import Store, run_key
from rl_transfer.study import ALGORITHMS, FeaturesConfig, ImportedFile, LearnerConfig, RunSpec, TaskConfig
from rl_transfer.tasks import Episodes, TaskFacts, inspect_task

EPISODES = 20
"""Evaluation episodes of an imported agent."""

_NO_BOUND = 1e30  # configuration is finite; no observation reaches this


@dataclass(frozen=True)
class Import:
    """What is to be imported.

    Attributes:
        file: The agent's or the backbone's.
        name: What it is to be called.
        task: The environment that the agent was trained on, or whose images the backbone is to see.
        kind: The agent's algorithm, or the backbone's architecture.
        statistics: The agent's running statistics.
    """

    file: Path
    name: str
    task: TaskConfig
    kind: str | FeaturesConfig
    statistics: Path | None = None


def import_file(store: Store, wanted: Import) -> tuple[StoredSource, bool]:
    """Make a finished source run of a file; nothing in it is executed.

    Args:
        store: Where.
        wanted: What.

    Returns:
        The source, and whether it is new: the same file under the same name is imported once.

    Raises:
        ConfigError: If a file can't be read, does not fit the environment, or the name stands for another one.
    """
    facts = _facts(wanted)
    agent, statistics = _read(wanted, facts)
    spec = _spec(wanted, facts, agent, statistics)
    if (there := _earlier(store, wanted.name, spec)) is not None:
        return there, False
    moments = None if statistics is None else statistics.statistics
    knowledge = Knowledge(networks=agent.networks, statistics=moments)
    episodes = _episodes(wanted, spec, knowledge)
    store.open()
    with FileLock(store.lock(IMPORTED)):
        if (there := _earlier(store, wanted.name, spec)) is not None:  # another program was faster
            return there, False
        key = run_key(spec)
        folder = store.run_folder(IMPORTED, wanted.name, spec.seed, key)
        write_imported(folder, key, spec, knowledge, episodes)
    return StoredSource(wanted.name, key, folder, spec), True


def _facts(wanted: Import) -> TaskFacts:
    try:
        return inspect_task(wanted.task)
    except ConfigError as error:
        raise ConfigError(error.message, key="--env") from error


def _read(wanted: Import, facts: TaskFacts) -> tuple[ForeignAgent, StatisticsFile | None]:
    if not isinstance(wanted.kind, str):
        return read_backbone(wanted.file, wanted.kind, facts.observation_space), None
    if wanted.kind not in ALGORITHMS:
        raise ConfigError(f"{wanted.kind!r} is not known; {nearest(wanted.kind, ALGORITHMS)}", key="--algorithm")
    agent = read_agent(wanted.file, wanted.kind, facts.observation_space, facts.action_space)
    try:
        refuse_unsuitable_spaces(agent.learner, facts.observation_space, facts.action_space)
    except ConfigError as error:
        raise ConfigError(error.message, key="--env") from error
    return agent, None if wanted.statistics is None else read_statistics_file(wanted.statistics)


def _spec(wanted: Import, facts: TaskFacts, agent: ForeignAgent, statistics: StatisticsFile | None) -> RunSpec:
    notes = agent.notes
    if statistics is not None and statistics.epsilon not in (None, 1e-8):
        notes += (f"statistics: epsilon {statistics.epsilon:g} taken as 1e-08",)
    return RunSpec(
        role="source",
        task=wanted.task,
        task_digest=facts.digest,
        learner=agent.learner if statistics is None else _normalizing(agent.learner, statistics, wanted),
        imported=ImportedFile(
            file=wanted.file.name,
            sha256=agent.sha256,
            statistics_sha256=None if statistics is None else statistics.sha256,
            release=agent.release,
            steps=agent.steps,
            backbone=not isinstance(wanted.kind, str),
            notes=notes,
        ),
        grid=(0,),
        episodes=EPISODES,
        deterministic=True,
        segment_steps=1,
        seed=0,
        code=code_digest(()),
        versions=library_versions(agent.learner) | facts.distributions,
    )


def _normalizing(learner: LearnerConfig, file: StatisticsFile, wanted: Import) -> LearnerConfig:
    """The learner with the normalisation that its statistics belong to."""
    bounds = {"clip_observation": file.clip_observation, "clip_reward": file.clip_reward}
    normalize = {
        "observation": bool(file.statistics.observation),
        "reward": file.statistics.reward is not None,
        **{name: min(bound, _NO_BOUND) for name, bound in bounds.items() if bound is not None},
    }
    try:
        return type(learner).model_validate({**learner.model_dump(), "normalize": normalize})
    except ValidationError as error:
        what = f"clips at {file.clip_observation} and {file.clip_reward}, which leaves nothing"
        raise ConfigError(f"{what}: give the file that was saved with the agent", file=wanted.statistics) from error


def _earlier(store: Store, name: str, spec: RunSpec) -> StoredSource | None:
    """The source that has this name already, if it is the same.

    Raises:
        ConfigError: If it is another one: results are never overwritten.
    """
    for source in stored_sources(store):
        there, here = source.spec.imported, spec.imported
        if there is None or here is None or source.name != name:
            continue
        digests = [(one.sha256, one.statistics_sha256, one.backbone) for one in (there, here)]
        learners = [(one.learner.algorithm, one.learner.features) for one in (source.spec, spec)]
        same_learner = learners[0] == learners[1]
        if digests[0] == digests[1] and source.spec.task == spec.task and same_learner:
            return source
        what = f"{name!r} stands for another import in this store ({there.file}, {source.spec.task.id})"
        raise ConfigError(f"{what}: give this one another name", key="--name")
    return None


def _episodes(wanted: Import, spec: RunSpec, knowledge: Knowledge) -> Episodes | None:
    if not isinstance(wanted.kind, str):
        return None
    try:
        return play_imported(spec, knowledge)
    except ConfigError as error:
        file = wanted.statistics if error.key in ("statistics", "normalize") else wanted.file
        raise ConfigError(error.message, file=file) from error
