"""A finished run's agent as one file that needs neither this project nor the libraries that trained it."""

from functools import partial
from pathlib import Path

from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.knowledge import read_knowledge
from rl_transfer.learner import ActorFormat, Learner, actor_file, build_learner
from rl_transfer.store import Store, read_json, read_spec, write_bytes
from rl_transfer.study import RunSpec
from rl_transfer.tasks import Meter, make

_SUFFIXES: dict[ActorFormat, str] = {"onnx": ".onnx", "torch": ".pt2"}


def export_run(folder: Path, form: ActorFormat, output: Path | None = None, *, overwrite: bool = False) -> Path:
    """Write the actor of a finished run's agent.

    Args:
        folder: The run's folder.
        form: The kind of file.
        output: The file; ``actor.onnx`` or ``actor.pt2`` beside the agent by default.
        overwrite: Replace the file where it has another content.

    Returns:
        The file.

    Raises:
        ConfigError: If the run has no finished agent, the file is there already, or a package is missing.
        StoreError: If the agent can't be read.
    """
    spec, learner = read_spec(folder), load_agent(folder)
    file = output or folder / "agent" / f"actor{_SUFFIXES[form]}"
    try:
        facts = {
            "algorithm": spec.learner.algorithm,
            "task": spec.task.id,
            "run": read_json(folder / "spec.json")["key"],
        }
        content = actor_file(learner, form, facts)
    finally:
        learner.close()
    if file.is_dir() or (file.exists() and not overwrite and file.read_bytes() != content):
        raise ConfigError("is there already: choose another --output, or replace a file with --overwrite", file=file)
    write_bytes(file, content)
    return file


def load_agent(folder: Path) -> Learner:
    """A finished run's agent, to act and to be asked; it has no room for experience.

    Args:
        folder: The run's folder.

    Raises:
        ConfigError: If the run is not finished, left no agent, or is a vision backbone.
        StoreError: If the agent can't be read.
    """
    spec = read_spec(folder)
    _refuse_unfinished(folder)
    if spec.imported is not None and spec.imported.backbone:
        raise ConfigError("is a vision backbone, which can't act: take a run that used it", file=folder)
    learner = _learner(spec)
    try:
        _load(learner, folder / "agent")
    except BaseException:
        learner.close()
        raise
    return learner


def _refuse_unfinished(folder: Path) -> None:
    status = Store(folder).status(folder)
    if status is None:
        raise ConfigError("this run is not finished: 'rl-transfer run' of its study goes on with it", file=folder)
    if not (folder / "agent" / "networks.safetensors").is_file():
        raise ConfigError(f"this run left no agent ({status.get('outcome')}): take another one", file=folder)


def _learner(spec: RunSpec) -> Learner:
    """A learner of the run's shapes; it won't train, so its replay buffer is as small as can be."""
    config = spec.learner
    if config.off_policy:
        config = config.model_copy(update={"buffer_size": config.n_envs})
    return build_learner(config, [partial(make, spec.task)] * config.n_envs, Meter(), seed=0)


def _load(learner: Learner, agent: Path) -> None:
    knowledge = read_knowledge(agent, frozenset({"networks"}), algorithm=learner.algorithm)
    assert knowledge.networks is not None
    learner.load_networks(knowledge.networks)
    if (needed := learner.statistics()) is None:
        return
    if knowledge.statistics is None or needed.observation.keys() - knowledge.statistics.observation.keys():
        raise StoreError(f"{agent}: the statistics that observations were normalised with are missing: run it again")
    learner.load_statistics(knowledge.statistics)
