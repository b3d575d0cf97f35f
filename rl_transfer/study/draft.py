"""Raw values on their way to a validated type: where each came from is kept, so that errors can say so."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.study.base import Frozen
from rl_transfer.study.learners import ALGORITHMS
from rl_transfer.study.yaml_file import KeyPath, Lines, dotted, shown

_Config = TypeVar("_Config", bound=Frozen)
_WORDS = {
    "bool_type": "must be true or false",
    "dict_type": "must hold keys and values",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "model_attributes_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "string_type": "must be text",
    "tuple_type": "must be a list, as in [a, b]",
}
_UNLIKE_THE_INPUT = {"missing": "is missing", "string_too_short": "must not be empty", "too_short": "must not be empty"}


@dataclass(frozen=True)
class Place:
    """A file and line, or ``--set``."""

    file: object
    line: int | None = None


class Draft:
    """Values read from a file, with others laid over them.

    Args:
        file: The file.
        raw: What it holds; changed by :meth:`lay_over`.
        lines: The lines of its keys.
    """

    def __init__(self, file: Path, raw: dict[str, Any], lines: Lines) -> None:
        self.file = file
        self.raw = raw
        self._places = {path: Place(file, line) for path, line in lines.items()}

    def place(self, path: KeyPath) -> Place:
        """Where the value at a path, or the nearest thing around it, came from."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._places:
                return self._places[path[:length]]
        return Place(self.file)

    def error(self, path: KeyPath, message: str) -> ConfigError:
        """An error in the value at a path."""
        place = self.place(path)
        inside = (p.file for key, p in self._places.items() if key[: len(path)] == path and p.file != place.file)
        other = next(inside, None)
        note = f" (with values from {other})" if path and other is not None else ""
        return ConfigError(message + note, file=place.file, key=dotted(path) or None, line=place.line)

    def under(self, error: ConfigError, *keys: str) -> ConfigError:
        """An error whose key is relative to some of this draft's keys, with its place filled in."""
        parts = ".".join((*keys, *filter(None, [error.key]))).split(".")
        return self.error(tuple(int(part) if part.isdigit() else part for part in parts), error.message)

    def lay_over(self, path: KeyPath, value: Any, place: Place) -> None:
        """Set the value at a path, which may be new.

        Raises:
            ConfigError: If a part of the path before the last holds no keys.
        """
        inner: Any = self.raw
        for length, part in enumerate(path[:-1], start=1):
            if inner.setdefault(part, {}) is None:
                inner[part] = {}
            inner = inner[part]
            if not isinstance(inner, dict):
                what = f"{dotted(path[:length])} holds no keys: set it whole"
                raise ConfigError(what, file=place.file, key=dotted(path), line=place.line)
            self._places.setdefault(path[:length], place)
        inner[path[-1]] = deepcopy(value)
        self._places = {key: kept for key, kept in self._places.items() if key[: len(path)] != path}
        self._places[path] = place

    def validate(self, model: type[_Config]) -> _Config:
        """Make the frozen type.

        Raises:
            ConfigError: For the first value that is unknown, missing, of a wrong type or contradictory.
        """
        try:
            return model.model_validate(self.raw)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise self.error(_path(first, self.raw), _plain(first)) from error


def _path(error: ErrorDetails, raw: Any) -> KeyPath:
    """The part of a pydantic location that the file has: its unions and short forms add names of their own."""
    path: KeyPath = ()
    for part in error["loc"]:
        if path[-1:] in (("learner",), ("source_learner",)) and part in ALGORITHMS:
            continue
        known = part in raw if isinstance(raw, dict) else isinstance(raw, list) and part in range(len(raw))
        if known:
            path, raw = (*path, part), raw[part]
    if error["type"] == "missing":
        return (*path, error["loc"][-1])
    if error["type"] == "algorithm":
        return (*path, "algorithm")
    if "key" not in error.get("ctx", {}):
        return path
    key = error["ctx"]["key"]
    return (*path, *(key if isinstance(key, tuple) else (key,)))


def _plain(error: ErrorDetails) -> str:
    """What is wrong, in plain English."""
    kind, given = error["type"], error["input"]
    if kind == "too_short" and error["ctx"]["min_length"] > 1:
        return f"needs at least {error['ctx']['min_length']} entries, not {error['ctx']['actual_length']}"
    if kind in _UNLIKE_THE_INPUT:
        return _UNLIKE_THE_INPUT[kind]
    if kind == "literal_error" and isinstance(given, str):
        valid = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return f"{shown(given)} is not known; {nearest(given, valid)}"
    if kind in (
        "unknown_key",
        "algorithm",
        "anchors",
        "name",
        "reserved",
        "pairs",
        "rungs",
        "tuning",
        "looks",
        "sources",
    ):
        return error["msg"]
    if kind == "int_type" and isinstance(given, float) and given.is_integer():
        return f"must be a whole number: write {int(given)}, not {given}"
    message = _WORDS.get(kind, error["msg"].replace("Input should be", "must be"))
    return f"{message}, not {shown(given)}"
