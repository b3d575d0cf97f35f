"""What TensorBoard shows of a study as text: the verdicts in words and numbers, and what each arm carried."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rl_transfer.analysis import StudyResults
from rl_transfer.report.sheets import Sheet, failures_sheet, numbers_sheet, transfer_sheets
from rl_transfer.report.wording import (
    comparison_cells,
    remarks_explained,
    together_lines,
)

_SPECIAL = re.compile(r"([\\`*\[\]|]|(?<![^\W_])_|_(?![^\W_]))")
"""What Markdown would read as more than text; an underscore inside a word is none of it."""


def texts(store: Path, results: StudyResults) -> Iterator[tuple[str, str]]:
    """The texts of a study, in Markdown, each with its tag.

    Args:
        store: The store's folder.
        results: The study with its verdicts.

    Raises:
        RLTransferError: If a run's table can't be read.
    """
    yield "conclusions/verdicts", verdicts(results)
    failures = failures_sheet(results.data)
    if failures.rows:
        yield "conclusions/failed and missing runs", table(failures.columns, failures.rows)
    for pair in results.data.pairs:
        yield f"measures/{pair.name}", _sheet(numbers_sheet(pair))
        for about, sheet in transfer_sheets(store, pair):
            yield f"transferred/{pair.name}: {about}", _sheet(sheet)


def verdicts(results: StudyResults) -> str:
    """The verdicts: each arm's in words, what the pairs say together, and the table of all comparisons."""
    words = [f"- {plain(f'{pair}, {arm}: {line}')}" for pair, of in results.words.items() for arm, line in of.items()]
    across = [plain(line) for line in together_lines(results.across)]
    explained = [f"- {plain(f'{word}: {meaning}')}" for word, meaning in remarks_explained(results.comparisons).items()]
    columns = ["pair", "arm", "compared", "verdict", "difference", "interval", "p", "n"]
    margin = results.data.manifest.margin
    about = (
        "difference: mean score over the budget, arm minus baseline (0 is a random policy, 1 the reference). "
        f"n: runs of the arm/of its baseline. Differences inside ±{margin:g} are negligible."
    )
    rows = [comparison_cells(comparison) for comparison in results.comparisons]
    parts = [words, *([line] for line in across), [table(columns, rows)] if rows else [], [about], explained]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _sheet(sheet: Sheet) -> str:
    return table(sheet.columns, sheet.rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; whatever its cells hold stands there as it is."""
    lines = [columns, ["---"] * len(columns), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(text: str) -> str:
    """Text without meaning to Markdown or HTML, on one line."""
    safe = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return _SPECIAL.sub(r"\\\1", safe)
