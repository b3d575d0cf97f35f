"""Source agents: imported or trained."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rl_transfer.api.studies import plan
from rl_transfer.errors import ConfigError
from rl_transfer.execute import (
    Failure,
    Import,
    Observer,
    Silent,
    StoredSource,
    assign_folders,
    count_workers,
    execute,
    import_file,
    stored_sources,
)
from rl_transfer.store import Store
from rl_transfer.study import (
    TaskConfig,
    checked_name,
    parse_features,
)


def import_source(
    file: str | Path,
    *,
    env: str | TaskConfig,
    algorithm: str | None = None,
    features: str | None = None,
    statistics: str | Path | None = None,
    name: str | None = None,
    store: str | Path = "runs",
) -> tuple[StoredSource, bool]:
    """Make a source of an agent that Stable-Baselines3 saved, or of a vision backbone; nothing in it is executed.

    An agent is evaluated on its environment: 20 episodes of the deterministic policy, with the seeds 0 to 19.

    Args:
        file: The agent's ``.zip``; a backbone's ``.safetensors``, ``.pt``, ``.pth`` or ``.bin``.
        env: The environment that the agent was trained on, or whose images the backbone is to see.
        algorithm: What trained the agent. Either this or ``features`` is needed.
        features: The backbone's architecture, as a learner's ``features`` in YAML.
        statistics: The agent's running statistics, as VecNormalize saved them.
        name: The name for a pair's ``source_agent``; the file's by default.
        store: Folder of runs and results.

    Returns:
        The source, and whether it is new: the same file under the same name is imported once.

    Raises:
        ConfigError: If a file can't be read or does not fit, or the name stands for another one.
        StoreError: If the store can't be used.
    """
    if (algorithm is None) == (features is None):
        raise ConfigError("give either --algorithm (an agent) or --features (a backbone)")
    if features is not None and statistics is not None:
        raise ConfigError("belongs to an agent, a backbone has none: remove it", key="--statistics")
    task = env if isinstance(env, TaskConfig) else _task(env)
    wanted = Import(
        file=Path(file),
        name=_safe_stem(Path(file)) if name is None else checked_name(name, "--name"),
        task=task,
        kind=parse_features(features, "--features") if features is not None else str(algorithm),
        statistics=None if statistics is None else Path(statistics),
    )
    place = Store(Path(store).absolute())
    place.check()
    return import_file(place, wanted)


def _task(env: str) -> TaskConfig:
    if not env:
        raise ConfigError("must not be empty: give a Gymnasium id", key="--env")
    return TaskConfig(id=env)


def _safe_stem(file: Path) -> str:
    """A file's name without its ending as a safe folder name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", file.stem).strip("-_")[:64] or "agent"


def train_sources(
    study: str | Path,
    *,
    store: str | Path = "runs",
    workers: int | None = None,
    overrides: Sequence[str] = (),
    observer: Observer | None = None,
) -> tuple[tuple[StoredSource, ...], tuple[Failure, ...]]:
    """Train the source agents of a study, and nothing else; those that are stored are not trained again.

    Args:
        study: A shipped name or a path, of a study or of a pair alone.
        store: Folder of runs and results.
        workers: Processes at once; as many as there are cores by default.
        overrides: ``key=value`` texts laid over the study file.
        observer: Who is told how it goes on.

    Returns:
        The study's finished sources, and its source runs that did not complete.

    Raises:
        ConfigError: If the study can't be carried out or could not decide anything; nothing was trained then.
        StoreError: If the store can't be used.
    """
    count = count_workers(workers)
    planned = plan(study, overrides, store=store)
    sources = replace(planned, runs=tuple(run for run in planned.runs if run.spec.role == "source"))
    place = Store(Path(store).absolute())
    place.open()
    folders = assign_folders(sources, place)
    failures = execute(sources, place, folders, workers=count, observer=observer or Silent())
    keys = {run.key for run in sources.runs}
    return tuple(source for source in stored_sources(place) if source.key in keys), tuple(failures)
