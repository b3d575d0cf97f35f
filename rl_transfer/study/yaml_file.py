"""Reading YAML as plain data only: no code, tags, aliases or duplicate keys; every key's line is kept for errors."""

import math
import re
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from rl_transfer.errors import ConfigError

KeyPath = tuple[str | int, ...]
Lines = dict[KeyPath, int]

MAX_BYTES = 1_000_000
MAX_VALUES = 10_000
MAX_DEPTH = 40
_DIGITS = r"\d(?:_?\d)*"
_EXPONENT = r"[eE][-+]?\d+"
_FINITE = rf"[-+]?(?:(?:{_DIGITS}\.(?:{_DIGITS})?|\.{_DIGITS})(?:{_EXPONENT})?|{_DIGITS}{_EXPONENT})"
_FLOAT = re.compile(rf"(?:{_FINITE}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z", re.ASCII)
_INT = re.compile(r"[-+]?(?:0|[1-9](?:_?\d)*)\Z", re.ASCII)
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """PyYAML's parser for plain data of bounded size.

    Numbers are those of YAML 1.2 (``1e-3`` is one; ``010`` and ``1:30`` are none) and dates are text. Aliases are
    refused because a few lines of them can stand for gigabytes.
    """

    values = depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self.values += 1
        if isinstance(event, yaml.AliasEvent):
            problem = "aliases such as *name can't be used: write the value out (or put quotes around the text)"
        elif event.tag is not None:
            problem = "tags such as !name can't be used (put quotes around the text if it is one)"
        elif self.values > MAX_VALUES or self.depth > MAX_DEPTH:
            problem = f"more than {MAX_VALUES} values, or nested more than {MAX_DEPTH} deep"
        else:
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node
        raise ComposerError(problem=problem, problem_mark=event.start_mark)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag in (_TAG + "bool", _TAG + "null")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_TAG + "int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver(_TAG + "float", _FLOAT, list("-+0123456789."))


def dotted(path: KeyPath) -> str:
    """Write a key path as people do: ``arms.fine_tune.methods.0``; keys that would be misread are quoted."""
    return ".".join(str(part) if re.fullmatch(r"[\w /:+<>-]+", str(part)) else shown(part) for part in path)


def shown(value: object) -> str:
    """Write a value into one short line of an error message, as YAML has it where that differs from Python."""
    text = str(value).lower() if isinstance(value, bool) else "null" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def parse_yaml(text: str) -> tuple[Any, Lines]:
    """Parse a YAML document.

    Args:
        text: The document.

    Returns:
        Its value, made of dicts with text keys, lists, text, finite numbers, booleans and None; and the line (from 1)
        of every key and list entry.

    Raises:
        ConfigError: If it is not YAML, or holds anything else or a key twice. Says the key and line, not the file.
    """
    try:
        node = yaml.compose(text, _Loader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(f"can't be read as YAML: {_problem(error)}", line=mark.line + 1 if mark else None) from error
    lines: Lines = {}
    return (None if node is None else _value(node, (), lines)), lines


def read_yaml(file: Path) -> tuple[dict[str, Any], Lines]:
    """Read a YAML mapping.

    Args:
        file: The file to read.

    Returns:
        The mapping, and the line (from 1) of every key and list entry in it.

    Raises:
        ConfigError: If the file can't be read, is too large, is not a mapping, or as :func:`parse_yaml`.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", file=file) from error
    except UnicodeDecodeError as error:
        raise ConfigError("can't be read: it is not UTF-8 text", file=file) from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES} bytes", file=file)
    try:
        data, lines = parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(error.message, file=file, key=error.key, line=error.line) from error
    if not isinstance(data, dict):
        raise ConfigError("must hold keys and values ('key: value' lines)", file=file)
    return data, lines


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, which also quotes texts that are numbers to the reader here."""


_Dumper.add_implicit_resolver(_TAG + "int", _INT, list("-+0123456789"))
_Dumper.add_implicit_resolver(_TAG + "float", _FLOAT, list("-+0123456789."))


def dump_yaml(value: Any) -> str:
    """Write plain data as YAML that :func:`parse_yaml` reads back as it was, short lists and mappings in one line."""
    return str(
        yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    )


def _problem(error: Exception) -> str:
    """What PyYAML found, in one line."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it can't be parsed"
    if "'\\t'" in problem:
        return "a tab stands where spaces must"
    if "mapping values are not allowed" in problem:
        return "a key stands where none can: put quotes around a text that holds ': '"
    return " ".join(str(problem).split())


def _value(node: yaml.Node, path: KeyPath, lines: Lines) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        for index, inner in enumerate(node.value):
            lines[(*path, index)] = inner.start_mark.line + 1
        return [_value(inner, (*path, index), lines) for index, inner in enumerate(node.value)]
    try:
        return _scalar(node.tag.removeprefix(_TAG), node.value)
    except ValueError as error:
        raise ConfigError(str(error), key=dotted(path), line=node.start_mark.line + 1) from error


def _mapping(node: yaml.MappingNode, path: KeyPath, lines: Lines) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, inner in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if key_node.tag != _TAG + "str":
            what = f"write '{key}' in quotes" if isinstance(key_node, yaml.ScalarNode) else "not a list or mapping"
            raise ConfigError(f"a key must be text: {what}", key=dotted(path), line=line)
        here = (*path, key)
        if key == "<<":
            raise ConfigError("merge keys (<<) can't be used: write the keys out", key=dotted(path), line=line)
        if key in data:
            raise ConfigError(f"the key stands twice (first in line {lines[here]})", key=dotted(here), line=line)
        lines[here] = line
        data[key] = _value(inner, here, lines)
    return data


def _scalar(kind: str, text: str) -> str | int | float | bool | None:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in ("yes", "true", "on")
    if kind == "int":
        if len(text) > 20 or abs(int(text)) >= 2**63:
            raise ValueError(f"the number {shown(text)} is too large")
        return int(text)
    if kind == "float":
        number = math.nan if text[-1] in "fFnN" else float(text)
        if not math.isfinite(number):
            raise ValueError(f"must be a finite number, not {shown(text)}")
        return number
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half a character (an escape from \\uD800 to \\uDFFF)")
    return text
