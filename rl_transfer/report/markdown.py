"""The report in short, as GitHub's Markdown: to paste into an issue or a paper."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rl_transfer.analysis import Comparison, StudyResults
from rl_transfer.report.wording import (
    comparison_cells,
    count,
    interval_text,
    together_lines,
)
from rl_transfer.store import write_bytes

_TEMPLATES = Path(__file__).parent / "templates"
_SPECIAL = re.compile(r"[\\`*{}\[\]|#~$]|(?<!\w)_|_(?!\w)|^[+-](?=\s)")
"""What Markdown or GitHub would read as more than text; an underscore inside a word is none of it."""


def write_markdown(path: Path, results: StudyResults, shown: dict[str, Any]) -> None:
    """Write the short report.

    Args:
        path: The file.
        results: The study with its verdicts.
        shown: What the page shows.

    Raises:
        StoreError: If it can't be written.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["count"] = count
    environment.globals |= {"table": _table, "fenced": _fenced}
    text = environment.get_template("report.md").render(
        shown,
        verdict_rows=list(map(_verdict, results.comparisons)),
        together_lines=list(together_lines(results.across)),
    )
    write_bytes(path, re.sub(r"\n{3,}", "\n\n", text).encode())


def escaped(value: object) -> str:
    """Text that Markdown shows as it is, on one line; what is Markup already stays."""
    if isinstance(value, Markup):
        return value
    text = " ".join(str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())
    return _SPECIAL.sub(lambda found: f"\\{found.group()}", text)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> Markup:
    """A table whose first columns are text, the others numbers."""
    lines = [columns, [":---" if place < words else "---:" for place in range(len(columns))]]
    return Markup(
        "\n".join(f"| {' | '.join(cells)} |" for cells in [*map(_cells, lines[:1]), lines[1], *map(_cells, rows)])
    )


def _cells(cells: Sequence[str]) -> Iterator[str]:
    return map(escaped, cells)


def _fenced(text: str) -> Markup:
    """Text as it is, in a fence longer than any run of backticks in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return Markup(f"{fence}sh\n{text}\n{fence}")


def _verdict(comparison: Comparison) -> list[str]:
    """Its row, with the unadjusted interval between the one that decides and p."""
    cells = comparison_cells(comparison)
    return [*cells[:-2], interval_text(comparison.interval_95), *cells[-2:]]
