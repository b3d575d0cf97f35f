"""Write the catalogue in docs/methods.md, read off the methods: their docstrings, settings, defaults, algorithms.

``python scripts/write_methods.py`` writes it between its two marks, whatever stands around them; with ``--check`` it
fails if it is out of date.
"""

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from docstring_parser import Docstring, DocstringStyle, parse
from pydantic import TypeAdapter

from rl_transfer.methods import Method, method_class, method_names
from rl_transfer.study import ALGORITHMS

FILE = Path(__file__).parents[1] / "docs" / "methods.md"
BEGIN, END = "<!-- catalogue: made by scripts/write_methods.py -->\n", "<!-- end: catalogue -->\n"
_KNOWLEDGE = {
    "networks": "the source's networks",
    "experience": "the source's transitions",
    "fisher": "the Fisher information of the source's networks",
    "teacher": "the source agent, to be asked what it would do or what a state is worth",
    "demonstrations": "the source agent playing its own task",
}


def catalogue() -> str:
    """All methods: a table, and a section for each."""
    classes = {name: method_class(name) for name in method_names()}
    head = ["| method | what it does | defined for |", "| --- | --- | --- |"]
    head += [f"| [{name}](#{name}) | {_brief(cls)} | {_algorithms(cls)} |" for name, cls in classes.items()]
    sections = [section for name, cls in classes.items() for section in ("", *_section(name, cls))]
    return "\n".join([*head, *sections]) + "\n"


def _section(name: str, cls: type[Method]) -> list[str]:
    about = _docstring(cls)
    needs = ", ".join(_KNOWLEDGE[kind] for kind in sorted(cls.needs)) or "nothing of the source"
    lines = [f"### {name}", "", _brief(cls), "", *_paragraphs(about), f"- Uses: {needs}."]
    if cls.needs:
        lines += [f"- Of several sources: {cls.several or 'takes one; others are refused'}."]
    return [*lines, f"- Defined for: {_algorithms(cls)}.", "", *_settings(name, cls, about)]


def _settings(name: str, cls: type[Method], about: Docstring) -> list[str]:
    said = {each.arg_name: _inline(each.description or "") for each in about.params}
    found = TypeAdapter(cls).json_schema()["properties"]
    if not found:
        return [f"No settings: `methods: [{name}]`."]
    given = cls()
    rows = [
        f"| `{key}` | {_words(schema)} | `{_yaml(getattr(given, key))}` | {said.get(key, '')} |"
        for key, schema in found.items()
    ]
    return ["| setting | takes | default | what it is |", "| --- | --- | --- | --- |", *rows]


def _docstring(cls: type[Method]) -> Docstring:
    return parse(inspect.getdoc(cls) or "", DocstringStyle.GOOGLE)


def _brief(cls: type[Method]) -> str:
    return _inline(_docstring(cls).short_description or "")


def _paragraphs(about: Docstring) -> list[str]:
    """Each on a line of its own, with an empty one after it."""
    texts = re.split(r"\n\s*\n", about.long_description or "")
    return [line for text in texts if text.strip() for line in (_inline(text), "")]


def _inline(text: str) -> str:
    """On one line, as Markdown takes it: code between single ticks, stars and bars as they are."""
    joined = " ".join(text.split()).replace("``", "`")
    parts = joined.split("`")
    return "`".join(part if place % 2 else re.sub(r"([*|<\[\]])", r"\\\1", part) for place, part in enumerate(parts))


def _algorithms(cls: type[Method]) -> str:
    missing = [name for name in ALGORITHMS if name not in cls.algorithms]
    if not missing:
        return "all algorithms"
    if len(missing) < 3:
        return f"all but {', '.join(missing)}"
    return ", ".join(name for name in ALGORITHMS if name in cls.algorithms)


def _words(schema: dict[str, Any]) -> str:
    """What a setting takes."""
    if "anyOf" in schema:
        return " or ".join(_words(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema["type"]
    if kind == "array":
        return "a list of roles" if "policy_body" in schema["items"].get("enum", ()) else "a list"
    names = {"integer": "whole number", "boolean": "`true`, `false`", "null": "`null`", "object": "a number by role"}
    return " ".join([names.get(kind, kind), *_limits(schema)])


def _limits(schema: dict[str, Any]) -> list[str]:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return [f"from {low:g} to {high:g}"]
    said = {"from": low, "above": above, "up to": high, "below": below}
    found = [f"{word} {value:g}" for word, value in said.items() if value is not None]
    return [", ".join(found)] if found else []


def _yaml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def text() -> str:
    """The whole file, with the catalogue as it should be."""
    before, _, rest = FILE.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + "\n" + catalogue() + "\n" + END + rest.partition(END)[2]


def main(arguments: list[str]) -> int:
    """Write or check."""
    made = text()
    if "--check" in arguments:
        return int(FILE.read_text(encoding="utf-8") != made)
    FILE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
