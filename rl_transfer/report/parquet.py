"""A study's curves, verdicts and runs as Parquet, for data frames."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_transfer.analysis import StudyResults
from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.store import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT = ("pair", "arm", "source", "run")


def check_parquet() -> None:
    """Find out whether Parquet can be written, before anything else is done.

    Raises:
        ConfigError: If the package that writes it is not installed; says how to install it.
    """
    _arrow()


def write_parquet(results: StudyResults) -> tuple[Path, ...]:
    """Write curves.parquet, verdicts.parquet and runs.parquet beside a study's results.

    ``curves`` has the rows and columns of curves.csv, an empty score being null; ``verdicts`` those of verdicts.json,
    an interval as two columns ``low`` and ``high``; ``runs`` one row a finished run: how it ended and what it cost.

    Args:
        results: The study with its verdicts.

    Returns:
        The three files.

    Raises:
        ConfigError: If the package that writes Parquet is not installed.
        StoreError: If a file can't be read or written.
    """
    arrow, parquet = _arrow()
    folder = results.curves_path.parent
    tables = {"curves": _curves(results.curves_path, arrow), "verdicts": _verdicts(results), "runs": _runs(results)}
    files = []
    for name, content in tables.items():
        table = content if isinstance(content, arrow.Table) else arrow.Table.from_pylist(content)
        memory = io.BytesIO()
        parquet.write_table(table, memory)
        files.append(folder / f"{name}.parquet")
        write_bytes(files[-1], memory.getvalue())
    return tuple(files)


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # type: ignore[import-untyped, unused-ignore]
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ConfigError(
            "needs the package pyarrow, which is not installed: pip install 'rl-transfer[parquet]'", key="--parquet"
        ) from error
    return pyarrow, parquet


def _curves(path: Path, arrow: Any) -> Any:
    """The table of curves.csv."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise StoreError(f"{path}: can't be read: {error}") from error
    numbers = {"seed": int, "step": int, "return": float, "score": float}
    kinds = {"seed": arrow.int64(), "step": arrow.int64(), "return": arrow.float64(), "score": arrow.float64()}
    columns = {
        name: arrow.array(
            [_number(row[name], numbers[name]) if name in numbers else row[name] for row in rows],
            kinds.get(name, arrow.string()),
        )
        for name in (*_TEXT[:2], "seed", "step", "return", "score", *_TEXT[2:])
    }
    return arrow.table(columns)


def _number(text: str, kind: type[int] | type[float]) -> int | float | None:
    return kind(text) if text else None


def _verdicts(results: StudyResults) -> list[dict[str, Any]]:
    return [dict(_flat(comparison.to_dict())) for comparison in results.comparisons]


def _flat(verdict: dict[str, Any]) -> "Iterator[tuple[str, Any]]":
    """A verdict's values by column; an interval is two of them, its ends."""
    for name, value in verdict.items():
        if name.startswith("interval"):
            low, high = value or (None, None)
            yield f"low{name.removeprefix('interval')}", low
            yield f"high{name.removeprefix('interval')}", high
        else:
            yield name, value


def _runs(results: StudyResults) -> list[dict[str, Any]]:
    finished = [(pair.name, run) for pair in results.data.pairs for run in pair.finished]
    costs = list(dict.fromkeys(name for _, run in finished for name in run.costs))
    rows = []
    for pair, run in finished:
        about = {"pair": pair, "arm": run.arm, "seed": run.seed, "run": run.path}
        about |= {"outcome": run.outcome, "message": run.message}
        rows.append(about | {name: run.costs.get(name) for name in costs})
    return rows
