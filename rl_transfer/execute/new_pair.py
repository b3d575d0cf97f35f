"""A new pair's file: spaces compared, a mapping proposed, hyperparameters looked up, anchors measured."""

import json
import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import Any

import gymnasium
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rl_transfer.errors import ConfigError, EnvironmentFailedError, nearest
from rl_transfer.execute.anchors import Anchors, measure_anchors_within
from rl_transfer.execute.examine_task import one_line
from rl_transfer.execute.plan import plan_study
from rl_transfer.learner import refuse_unsuitable_spaces
from rl_transfer.store import Store
from rl_transfer.study import (
    ALGORITHMS,
    LEARNERS,
    OFF_POLICY,
    LearnerConfig,
    PairConfig,
    TaskConfig,
    checked_name,
    load_study,
)
from rl_transfer.study.rl_zoo import ZooEntry, zoo_entry, zoo_version
from rl_transfer.study.shipped import schema_address
from rl_transfer.study.yaml_file import dump_yaml
from rl_transfer.tasks import TaskFacts, inspect_task, keyword_parameters
from rl_transfer.tasks.spaces import form, keys, mapping_template, quoted, short

_HERE = Path(__file__).parent
_EPISODES = 1000
_RANDOM_STEPS = 50_000
_SECONDS = 20.0
_POINTS = 11
_BUDGET = 100_000
_SHARE_OF_REFERENCE = 0.8
_DEFAULT_ENVS = 8
_LINE = 110


@dataclass(frozen=True)
class NewPair:
    """What a new pair is to be.

    Attributes:
        name: Its name, which is the file's.
        source: The source task.
        target: The target task.
        algorithm: The learner; PPO by default, which takes all actions.
        reference: The return of a good agent on the target; by default the environment's own threshold.
    """

    name: str
    source: TaskConfig
    target: TaskConfig
    algorithm: str = "ppo"
    reference: float | None = None


def write_pair(wanted: NewPair, folder: Path) -> Path:
    """Measure what a pair needs and write its file.

    Args:
        wanted: The pair.
        folder: Where the file goes; made if it is not there.

    Returns:
        The file, ``NAME.yaml``.

    Raises:
        ConfigError: If the name can't be a file's, the file is there already, a task can't be made, the algorithm does
            not suit it, an environment fails, nothing is known that could be the reference, or what would be written
            can't be run.
    """
    file = folder / f"{checked_name(wanted.name, 'NAME')}.yaml"
    if file.exists():
        raise ConfigError("is there already: choose another name, or remove it", file=file)
    text = _pair_text(wanted, file)
    _refuse_unusable(text, file)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"can't be written: {error.strerror}", file=file) from error
    return file


def guessed_reference(pair: PairConfig, given: float | None) -> bool:
    """Whether a new pair's reference stands for no good agent, since none is known: it was made up from blind episodes.

    Args:
        pair: What :func:`write_pair` wrote.
        given: The reference that it was to have.
    """
    return given is None and pair.score.reference != _threshold(pair.target)


def _refuse_unusable(text: str, file: Path) -> None:
    """Plan what is to be written under another folder's name, so that nothing is left behind that can't be run.

    Raises:
        ConfigError: If it can't.
    """
    with TemporaryDirectory() as folder:
        draft = Path(folder) / file.name
        draft.write_text(text, encoding="utf-8")
        try:
            plan_study(load_study(str(draft)), Store(Path(folder) / "runs"))
        except ConfigError as error:
            raise ConfigError(error.message, file=f"{file} (not written)", key=error.key) from error


def _pair_text(wanted: NewPair, file: Path) -> str:
    if wanted.algorithm not in ALGORITHMS:
        raise ConfigError(
            f"{wanted.algorithm!r} is not known; {nearest(wanted.algorithm, ALGORITHMS)}", key="--algorithm"
        )
    facts = {about: _facts(about, getattr(wanted, about)) for about in ("source", "target")}
    entry = zoo_entry(wanted.algorithm, wanted.target.id)
    learner = _learner(wanted.algorithm, entry)
    for about, found in facts.items():
        try:
            refuse_unsuitable_spaces(learner, found.observation_space, found.action_space)
        except ConfigError as error:
            raise ConfigError(error.message, file=f"--{about}") from error
    environment = Environment(loader=FileSystemLoader(_HERE), undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters["comment"] = _comment
    values = (
        _tasks(wanted)
        | _mapping(facts["source"], facts["target"])
        | _hyperparameters(learner, entry)
        | _numbers(wanted)
        | {"schema": schema_address("pair")}
        | {"name": wanted.name, "file": shlex.quote(str(file)), "rollout": learner.rollout_steps, "points": _POINTS}
    )
    return environment.get_template("pair.yaml.jinja").render(values)


def _facts(about: str, task: TaskConfig) -> TaskFacts:
    try:
        return inspect_task(task)
    except ConfigError as error:
        hint = " (--max-episode-steps)" if error.key == "max_episode_steps" else ""
        raise ConfigError(error.message + hint, file=_option(about, error.key or "id")) from error


def _option(about: str, key: str) -> str:
    """The option that a wrong key of a task comes from."""
    return {"kwargs": f"--{about}-kwargs", "wrappers": "--wrapper"}.get(key.partition(".")[0], f"--{about}")


def _tasks(wanted: NewPair) -> dict[str, Any]:
    tasks = {
        about: getattr(wanted, about).model_dump(mode="json", exclude_defaults=True) for about in ("source", "target")
    }
    for task in tasks.values():
        if "wrappers" in task:
            task["wrappers"] = [
                {one["name"]: one["settings"]} if one.get("settings") else one["name"] for one in task["wrappers"]
            ]
    known = {f"{about}_keywords": ", ".join(list(keyword_parameters(getattr(wanted, about)))) for about in tasks}
    if wanted.source.id == wanted.target.id:
        known["source_keywords"] = ""
    return known | {
        "source": wanted.source,
        "target": wanted.target,
        "tasks": _yaml(tasks),
        "description": json.dumps(f"{wanted.source.id} to {wanted.target.id}"),
    }


def _mapping(source: TaskFacts, target: TaskFacts) -> dict[str, Any]:
    pairs = {
        "observation": (source.observation_space, target.observation_space),
        "action": (source.action_space, target.action_space),
    }
    different = {what: pair for what, pair in pairs.items() if form(pair[0]) != form(pair[1])}
    lines = mapping_template(different) if different else []
    spaces = [
        _compared(what, key, *pair) for what, pair in different.items() for key in {**keys(pair[1]), **keys(pair[0])}
    ]
    named = any(len(keys(space)) > 1 for pair in different.values() for space in pair)
    by = "the names of keys and by position" if named else "position"
    return {"mapping": "\n".join(map(_folded, lines)), "spaces": spaces, "mapped_by": by}


def _folded(line: str) -> str:
    """A line of YAML in several, without the comment at its end, which is short."""
    value, mark, comment = line.partition("  # ")
    indent = " " * (len(value) - len(value.lstrip()))
    parts = wrap(value.strip(), _LINE, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)
    return "\n".join(parts) + mark + comment


def _compared(what: str, key: str, source: gymnasium.Space[Any], target: gymnasium.Space[Any]) -> str:
    label = f"{what} {quoted(key)}" if key else what
    return f"{label}: {_side(source, key)} in the source, {_side(target, key)} in the target"


def _side(space: gymnasium.Space[Any], key: str) -> str:
    return short(keys(space)[key]) if key in keys(space) else "nothing"


def _learner(algorithm: str, entry: ZooEntry | None) -> LearnerConfig:
    settings = dict(entry.learner) if entry is not None else {"algorithm": algorithm}
    if entry is None and algorithm not in OFF_POLICY:
        # A rollout of Stable-Baselines3's default size, from several environments side by side.
        steps = LEARNERS[algorithm].model_fields["n_steps"].default
        settings |= {"n_envs": _DEFAULT_ENVS, "n_steps": max(steps // _DEFAULT_ENVS, 1)}
    learner: LearnerConfig = LEARNERS[algorithm].model_validate(settings)  # type: ignore[assignment]
    return learner


def _hyperparameters(learner: LearnerConfig, entry: ZooEntry | None) -> dict[str, Any]:
    values = learner.model_dump(mode="json", exclude_unset=True)
    budget = _BUDGET if entry is None or entry.steps is None else entry.steps
    # So that every point of the evaluation falls on an update.
    unit = learner.rollout_steps * (_POINTS - 1)
    rounded = max(round(budget / unit), 1) * unit
    if entry is not None:
        origin = (
            f"rl-baselines3-zoo {zoo_version() or '(no version)'}, hyperparams/{learner.algorithm}.yml, {entry.name}"
        )
        comment = "RL Zoo's tuned hyperparameters; keys and defaults are Stable-Baselines3's."
        steps = f"RL Zoo trains for {entry.steps:,}." if entry.steps else "RL Zoo says nothing about them."
        steps += " Sources may need fewer, and a comparison is sharpest where a fresh agent is half-way."
    else:
        origin = "Stable-Baselines3's defaults, not tuned"
        missing = "is not installed (pip install rl_zoo3)" if zoo_version() is None else "has none for this environment"
        comment = f"Stable-Baselines3's keys and defaults: RL Zoo's table of tuned hyperparameters {missing}."
        steps = "A guess: enough that a fresh agent gets at least half-way to the reference."
    return {
        "learner": _yaml({"learner": values}),
        "learner_comment": comment,
        "learner_from": json.dumps(origin),
        "left_out": [] if entry is None else list(entry.left_out),
        "budget": rounded,
        "budget_comment": steps,
    }


def _numbers(wanted: NewPair) -> dict[str, Any]:
    target, source = (_measured(about, getattr(wanted, about)) for about in ("target", "source"))
    reference, comment = _reference(wanted, target)
    good, source_comment = _source_good(wanted, source)
    threshold = source.random + _SHARE_OF_REFERENCE * (good - source.random)
    return {
        "episodes": len(target.random_E),
        "random": _rounded(target.random, reference - target.random),
        "worst": _rounded(min(target.worst, target.random), reference - target.random),
        "reference": float(reference),
        "reference_comment": comment,
        "source_threshold": _rounded(threshold, good - source.random),
        "source_comment": f"Random actions give {source.random:.4g} there, {source_comment}",
    }


def _source_good(wanted: NewPair, found: Anchors) -> tuple[float, str]:
    """The return that stands for a good agent's on the source, and where the number comes from."""
    given = wanted.reference if wanted.source.id == wanted.target.id else None
    known = _threshold(wanted.source) if given is None else given
    if known is not None and known > found.random:
        return known, f"a good agent {known:.4g}."
    return found.best, (
        f"and no threshold is known: {found.best:.4g} is the best episode of random and constant actions, the number "
        "below lies 80 % of the way there. Write what a trained source gets."
    )


def _measured(about: str, task: TaskConfig) -> Anchors:
    try:
        return measure_anchors_within(task, _RANDOM_STEPS, _SECONDS, _EPISODES)
    except EnvironmentFailedError as error:
        what = f"{task.id} fails under random actions: {one_line(error)}: mend the environment"
        raise ConfigError(what, file=f"--{about}") from error
    except ConfigError as error:
        raise ConfigError(error.message, file=f"--{about}") from error


def _reference(wanted: NewPair, found: Anchors) -> tuple[float, str]:
    """The return of a good agent, and where the number comes from.

    Raises:
        ConfigError: If nothing is known that is better than random actions.
    """
    if wanted.reference is not None:
        if not math.isfinite(wanted.reference):
            raise ConfigError(f"must be a finite number, not {wanted.reference}", key="--reference")
        if wanted.reference <= found.random:
            problem = (
                f"{wanted.reference:g} is what random actions reach ({found.random:.4g}): what does a good agent get?"
            )
            raise ConfigError(problem, key="--reference")
        return wanted.reference, "as given."
    threshold = _threshold(wanted.target)
    if threshold is not None and threshold > found.random:
        return threshold, "the environment's own reward_threshold."
    if found.best <= found.random:
        what = f"{wanted.target.id} has no reward_threshold, and no constant action does better than random"
        raise ConfigError(f"{what}: say what a good agent gets, such as --reference 200", key="--reference")
    return _rounded(found.best, found.best - found.random), (
        "a guess, since no threshold is known: the luckiest episode of random and constant actions. Write what a good "
        "agent gets."
    )


def _threshold(task: TaskConfig) -> float | None:
    """The environment's own; None where it has none, or the task's time limit is another than the one it is for."""
    spec = gymnasium.spec(task.id.rpartition(":")[2])
    if spec.reward_threshold is None or task.max_episode_steps not in (None, spec.max_episode_steps):
        return None
    return spec.reward_threshold if math.isfinite(spec.reward_threshold) else None


def _rounded(value: float, unit: float) -> float:
    """To about a thousandth of a unit, at least to whole numbers."""
    digits = 3 - math.floor(math.log10(unit)) if unit > 0 else 0
    return round(float(value), max(digits, 0))


def _comment(text: str) -> str:
    """A text as lines of a YAML comment."""
    return "\n".join(wrap(text, _LINE, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False))


def _yaml(value: Any) -> str:
    return dump_yaml(value).rstrip()
