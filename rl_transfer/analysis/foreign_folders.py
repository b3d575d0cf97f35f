"""Reading curves from folders that training programs leave: TensorBoard's events, EvalCallback's evaluations.npz."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rl_transfer.analysis.foreign import ForeignCurves, ForeignRun, checked_name
from rl_transfer.errors import ConfigError, nearest

DEFAULT_TAG = "eval/mean_reward"
EXPECTED = "ARM/SEED/evaluations.npz or ARM/SEED/events.out.tfevents..., where SEED ends in a number, such as PPO_3"
_EVENTS, _EVALUATIONS = "events.out.tfevents*", "evaluations.npz"

Floats = NDArray[np.float64]
Evaluations = tuple[Mapping[int, float], int | None]
"""Mean return by step, and the episodes of every evaluation where that is known."""


def read_folder(folder: Path, tag: str | None) -> ForeignCurves:
    """Read the curves below a folder laid out as ARM/SEED.

    Args:
        folder: The folder. It holds either TensorBoard's event files, or the files ``evaluations.npz`` that
            Stable-Baselines3's EvalCallback and the RL Zoo write.
        tag: The scalar to take from event files; `DEFAULT_TAG` by default.

    Returns:
        Its runs, by arm and seed.

    Raises:
        ConfigError: If it holds neither or both, files lie elsewhere, a folder's name has no seed or has another's,
            a file is damaged, or the tag is not there (the message lists the tags that are).
    """
    events, evaluations = _found(folder, _EVENTS), _found(folder, _EVALUATIONS)
    if bool(events) == bool(evaluations):
        holds = "both evaluations.npz and TensorBoard's event files" if events else "neither"
        raise ConfigError(f"holds {holds}; expected one of {EXPECTED}", file=folder)
    if evaluations and tag is not None:
        raise ConfigError(f"chooses among event files, but {folder} holds evaluations.npz: remove it", key="--tag")
    runs = _by_run(folder, events or evaluations)
    read: Callable[[list[Path]], Evaluations] = (
        _npz if evaluations else lambda files: _events(files, tag or DEFAULT_TAG)
    )
    return ForeignCurves(folder, tuple(_runs(folder, runs, read)))


def _found(folder: Path, pattern: str) -> list[Path]:
    """Files at ARM/SEED, behind links too.

    Raises:
        ConfigError: If one lies above or below.
    """
    found = sorted(folder.glob(f"*/*/{pattern}"))
    elsewhere = sorted(set(folder.rglob(pattern)) - set(found))
    if elsewhere:
        message = f"is not at ARM/SEED below {folder}: point to the folder of the arms; expected {EXPECTED}"
        raise ConfigError(message, file=elsewhere[0])
    return found


def _by_run(folder: Path, files: Iterable[Path]) -> dict[tuple[str, int], list[Path]]:
    runs: dict[tuple[str, int], list[Path]] = {}
    for file in files:
        arm, name = file.relative_to(folder).parts[:2]
        try:
            run = checked_name(arm, "arm"), _seed(name)
        except ValueError as error:
            raise ConfigError(str(error), file=file.parent) from error
        beside = runs.setdefault(run, [])
        if beside and beside[0].parent != file.parent:
            message = f"arm {arm} has another run of seed {run[1]}, {beside[0].parent.name}: keep one of them"
            raise ConfigError(message, file=file.parent)
        beside.append(file)
    return dict(sorted(runs.items()))


def _seed(name: str) -> int:
    found = re.search(r"seed[_-]?(\d+)", name, re.ASCII) or re.search(r"(\d+)\Z", name, re.ASCII)
    if found is None:
        raise ValueError("the folder's name tells no seed: let it end in a number, such as seed3, 3 or PPO_3")
    return int(found[1])


def _runs(
    folder: Path, runs: Mapping[tuple[str, int], list[Path]], read: Callable[[list[Path]], Evaluations]
) -> Iterator[ForeignRun]:
    for (arm, seed), files in runs.items():
        return_by_step, episodes = read(files)
        place = files[0].parent
        yield ForeignRun(
            pair=None,
            arm=arm,
            seed=seed,
            source=None,
            run=None,
            path=place.relative_to(folder).as_posix(),
            place=place,
            line=None,
            return_by_step=dict(sorted(return_by_step.items())),
            episodes=episodes,
        )


def _npz(files: list[Path]) -> Evaluations:
    """Read EvalCallback's file: ``timesteps`` (evaluations,) and ``results`` (evaluations, episodes)."""
    (file,) = files
    steps, results = _arrays(file)
    if steps.ndim != 1 or results.ndim != 2 or len(steps) != len(results) or not results.size:
        shapes = f"timesteps {steps.shape} and results {results.shape}"
        raise ConfigError(
            f"needs timesteps (evaluations,) and results (evaluations, episodes), not {shapes}", file=file
        )
    evaluations = ((int(step), float(returns.mean())) for step, returns in zip(steps, results, strict=True))
    return _each_once(evaluations, file), results.shape[1]


def _arrays(file: Path) -> tuple[NDArray[np.int64], Floats]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            for key in ("timesteps", "results"):
                if key not in arrays:
                    raise ConfigError(f"is missing; {nearest(key, arrays)}", file=file, key=key)
            return arrays["timesteps"].astype(np.int64, casting="safe"), arrays["results"].astype(np.float64)
    except (OSError, EOFError, BadZipFile, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"can't be read as EvalCallback's evaluations.npz: {error}", file=file) from error


def _events(files: list[Path], tag: str) -> Evaluations:
    scalars: dict[str, list[tuple[int, float]]] = {}
    for file in files:
        for name, step, value in _scalars(file):
            scalars.setdefault(name, []).append((step, value))
    if tag not in scalars:
        where = "--tag takes another" if scalars else "it holds no scalars"
        raise ConfigError(f"no scalar {tag!r}; {nearest(tag, scalars)} ({where})", file=files[0].parent)
    return _each_once(scalars[tag], files[0].parent), None


def _scalars(file: Path) -> Iterator[tuple[str, int, float]]:
    """All scalars of an event file, whether an old or a new writer wrote them."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader  # type: ignore[import-untyped]
    from tensorboard.util.tensor_util import make_ndarray  # type: ignore[import-untyped]

    try:
        event: Any
        tags = set()  # writers say what a tag is with its first value alone
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    tags.add(value.tag)
                if value.tag in tags:
                    yield value.tag, int(event.step), float(make_ndarray(value.tensor))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"can't be read as TensorBoard's events: {error}", file=file) from error


def _each_once(evaluations: Iterable[tuple[int, float]], place: Path) -> dict[int, float]:
    found: dict[int, float] = {}
    for step, return_ in evaluations:
        if step in found:
            raise ConfigError(f"holds two evaluations at step {step}: was one run written over another?", file=place)
        found[step] = return_
    return found
