"""What command lines say, parsed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rl_transfer.errors import ConfigError
from rl_transfer.study.draft import Draft, Place
from rl_transfer.study.features import FeaturesConfig
from rl_transfer.study.task import TaskConfig
from rl_transfer.study.yaml_file import dotted, parse_yaml, shown

Overrides = dict[str, Any]
SET = Place("--set")
"""Where a value laid over on the command line came from."""


def parse_overrides(texts: Iterable[str]) -> Overrides:
    """Parse ``key=value`` texts of ``--set``; keys are dotted, values are YAML.

    Raises:
        ConfigError: If a text is not of that form.
    """
    overrides: Overrides = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not all(part.strip() == part != "" for part in key.split(".")):
            raise ConfigError(f"write key=value, such as --set seeds=10, not {shown(text)}", file=SET.file)
        try:
            overrides[key], _ = parse_yaml(value)
        except ConfigError as error:
            where = ".".join(part for part in (dotted(tuple(key.split("."))), error.key) if part)
            raise ConfigError(error.message, file=SET.file, key=where) from error
    return overrides


def parse_features(text: str, place: object) -> FeaturesConfig:
    """An architecture as a learner's ``features`` has it, in YAML.

    Raises:
        ConfigError: If it is none; names the place it came from.
    """
    value, _ = parse_yaml(text)
    try:
        found: FeaturesConfig = TypeAdapter(FeaturesConfig).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(first["msg"].replace("Input should be", "must be"), file=place, key=key or None) from error
    return found


def parse_task(
    about: str, env: str, kwargs: Iterable[str], wrappers: Iterable[str], max_episode_steps: int | None
) -> TaskConfig:
    """A task from a command line's texts.

    Args:
        about: ``source`` or ``target``, for messages.
        env: A Gymnasium id.
        kwargs: ``key=value`` texts whose values are YAML.
        wrappers: YAML texts, each an entry of a task's ``wrappers``.
        max_episode_steps: The time limit; None for the environment's own.

    Raises:
        ConfigError: If a text can't be read; names the option.
    """
    raw: dict[str, Any] = {"id": env, "kwargs": {}, "wrappers": []}
    for text in kwargs:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            what = f"write key=value, such as gravity=20.0, not {shown(text)}"
            raise ConfigError(what, file=f"--{about}-kwargs")
        if key in raw["kwargs"]:
            raise ConfigError(f"gives {key} twice: remove one", file=f"--{about}-kwargs")
        raw["kwargs"][key] = _yaml_text(value, f"--{about}-kwargs")
    raw["wrappers"] = [_yaml_text(text, "--wrapper") for text in wrappers]
    if max_episode_steps is not None:
        raw["max_episode_steps"] = max_episode_steps
    return Draft(Path(f"--{about}"), raw, {}).validate(TaskConfig)


def _yaml_text(text: str, option: str) -> Any:
    try:
        return parse_yaml(text)[0]
    except ConfigError as error:
        raise ConfigError(error.message, file=option) from error
