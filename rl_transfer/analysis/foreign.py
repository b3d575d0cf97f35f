"""Learning curves that other programs made, and reading them from a CSV file."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TextIO

from rl_transfer.errors import ConfigError
from rl_transfer.study.yaml_file import shown

REQUIRED = ("arm", "seed", "step", "return")
OPTIONAL = ("pair", "source", "run", "episode")
_LARGEST_STEP = 2**63 - 1
_SEPARATORS = {";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class ForeignRun:
    """One run as another program wrote it; nothing is checked against other runs yet.

    Attributes:
        pair: Name of the pair; None where the file knows none.
        arm: Name of the arm.
        seed: Its number within the arm.
        source: Whatever tells one source agent from another; None where nothing is said.
        run: Whatever tells one run from another across pairs; None where nothing is said.
        path: Name of the run, for reports; runs of the same name are one run.
        place: Where it stands, for errors: the file, or the folder.
        line: The line of its first row, where there are lines.
        return_by_step: Mean return of each evaluation, steps rising; NaN or infinite after a failure.
        episodes: Episodes of every evaluation; None where that is unknown or differs.
    """

    pair: str | None
    arm: str
    seed: int
    source: str | None
    run: str | None
    path: str
    place: Path
    line: int | None
    return_by_step: Mapping[int, float]
    episodes: int | None


@dataclass(frozen=True)
class ForeignCurves:
    """The runs found in a file or folder, in the order they were found, and what is worth knowing about them."""

    file: Path
    runs: tuple[ForeignRun, ...]
    notes: tuple[str, ...] = ()


def read_csv(file: Path) -> ForeignCurves:
    """Read curves from a CSV file, compressed if its name ends in ``.gz``.

    Columns, in any order: `REQUIRED`, and any of `OPTIONAL`. A row is one evaluation, or with a column ``episode`` one
    episode of it.

    Args:
        file: The file.

    Returns:
        Its runs. The notes name the columns that were not read.

    Raises:
        ConfigError: If it can't be read or is empty, a column is missing, a value is not what its column needs, an
            evaluation stands twice, or a run has two sources or names. Names the line and the column.
    """
    try:
        with _opened(file) as text:
            return _read(_Rows(file, text))
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise ConfigError(f"can't be read as a CSV file: {error}", file=file) from error


def checked_name(name: str, what: str) -> str:
    """Pass on the name of an arm or pair that can be shown and can be part of a run's name.

    Raises:
        ValueError: If it is empty, holds characters that can't be shown, or leaves its folder.
    """
    if not name or not name.isprintable():
        raise ValueError(f"needs the {what}'s name, not {shown(name)}")
    if name.startswith("/") or ".." in PurePosixPath(name).parts or name == ".":
        raise ValueError(f"{shown(name)} can't be the name of a folder: rename the {what}")
    return name


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if file.suffix == ".gz":
        with gzip.open(file, "rt", encoding="utf-8-sig", newline="") as text:
            yield text
    else:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield text


class _Rows:
    """The rows below a header, as cells by column."""

    def __init__(self, file: Path, text: TextIO) -> None:
        self.file, self.reader = file, csv.reader(text, strict=True)
        header = next((row for row in self.reader if row), None)
        if header is None:
            raise ConfigError(f"is empty: needs the columns {', '.join(REQUIRED)}", file=file)
        self.columns = [cell.strip() for cell in header]
        if missing := [column for column in REQUIRED if column not in self.columns]:
            raise self.error(self._not_found(missing))
        for column in (*REQUIRED, *OPTIONAL):
            if self.columns.count(column) > 1:
                raise self.error("the column stands twice", column)

    def _not_found(self, missing: list[str]) -> str:
        """What to do about columns that are not there."""
        for separator, name in _SEPARATORS.items():
            if len(self.columns) == 1 and separator in self.columns[0]:
                return f"columns are separated by {name}: separate them by commas, with points in decimal numbers"
        unknown = [name for name in self.columns if name not in (*REQUIRED, *OPTIONAL)]
        close = {column: get_close_matches(column, unknown, n=1, cutoff=0.5) for column in missing}
        renamed = [f"{shown(found[0])} to {shown(column)}" for column, found in close.items() if found]
        hint = f" (perhaps {', '.join(renamed)})" if renamed else ""
        what = f"{', '.join(missing)}: missing; here are {', '.join(self.columns)}"
        return f"{what}: rename them in the header{hint}, or add them"

    def __iter__(self) -> Iterator[dict[str, str]]:
        for cells in self.reader:
            if cells and len(cells) != len(self.columns):
                raise self.error(f"has {len(cells)} cells under {len(self.columns)} columns")
            if cells:
                yield dict(zip(self.columns, map(str.strip, cells), strict=True))

    def error(self, message: str, column: str | None = None) -> ConfigError:
        return ConfigError(message, file=self.file, key=column, line=self.reader.line_num)


@dataclass
class _Gathered:
    """What has been read of one run: what its rows all say, and by step and episode the return and its line."""

    said: dict[str, str | None]
    line: int
    evaluations: dict[int, dict[str, tuple[float, int]]] = field(default_factory=dict)

    def run(self, pair: str | None, arm: str, seed: int, file: Path, per_episode: bool) -> ForeignRun:
        counts = {len(episodes) for episodes in self.evaluations.values()} if per_episode else set()
        return ForeignRun(
            pair=pair,
            arm=arm,
            seed=seed,
            source=self.said["source"],
            run=self.said["run"],
            path=self.said["run"] or "/".join(filter(None, (pair, arm, f"seed{seed}"))),
            place=file,
            line=self.line,
            return_by_step={step: _mean(self.evaluations[step]) for step in sorted(self.evaluations)},
            episodes=counts.pop() if len(counts) == 1 else None,
        )


def _mean(episodes: dict[str, tuple[float, int]]) -> float:
    returns = [return_ for return_, _ in episodes.values()]
    return sum(returns) / len(returns)


def _read(rows: _Rows) -> ForeignCurves:
    gathered: dict[tuple[str | None, str, int], _Gathered] = {}
    for row in rows:
        _gather(rows, row, gathered)
    if not gathered:
        raise ConfigError("has no row below its header", file=rows.file)
    per_episode = "episode" in rows.columns
    runs = tuple(found.run(*key, rows.file, per_episode) for key, found in gathered.items())
    ignored = [column for column in rows.columns if column not in (*REQUIRED, *OPTIONAL)]
    notes = [f"columns that are not read: {', '.join(ignored)}"] if ignored else []
    if per_episode and any(run.episodes is None for run in runs):
        notes.append("evaluations have different numbers of episodes; each counts with its mean")
    return ForeignCurves(rows.file, runs, tuple(notes))


def _gather(rows: _Rows, row: dict[str, str], gathered: dict[tuple[str | None, str, int], _Gathered]) -> None:
    line = rows.reader.line_num
    pair = _name(rows, row, "pair") if "pair" in row else None
    arm, seed, step = _name(rows, row, "arm"), _whole(rows, row, "seed"), _whole(rows, row, "step")
    if step > _LARGEST_STEP:
        raise rows.error(f"needs a number of steps up to {_LARGEST_STEP}, not {shown(row['step'])}", "step")
    said = {"source": row.get("source") or None, "run": _name(rows, row, "run") if row.get("run") else None}
    run = gathered.setdefault((pair, arm, seed), _Gathered(said, line))
    for column, text in said.items():
        if text != (first := run.said[column]):
            what = f"{shown(text or '')}, but line {run.line} says {shown(first or '')}: all rows of a run say the same"
            raise rows.error(what, column)
    episodes = run.evaluations.setdefault(step, {})
    episode = row.get("episode", "")
    if episode in episodes:
        raise rows.error(_twice(arm, seed, step, episodes[episode][1], "episode" in row), "step")
    episodes[episode] = _number(rows, row, "return"), line


def _twice(arm: str, seed: int, step: int, first: int, per_episode: bool) -> str:
    hint = "" if per_episode else "; if these are episodes of one evaluation, number them in a column 'episode'"
    return f"{'this episode of' if per_episode else ''} {arm}, seed {seed}, step {step} stands twice".strip() + (
        f" (first in line {first}){hint}"
    )


def _name(rows: _Rows, row: dict[str, str], column: str) -> str:
    try:
        return checked_name(row[column], column)
    except ValueError as error:
        raise rows.error(str(error), column) from error


def _whole(rows: _Rows, row: dict[str, str], column: str) -> int:
    """A whole number, also as 1000.0, which is how tables with gaps are often written."""
    number = _number(rows, row, column)
    if not number.is_integer() or number < 0.0:
        raise rows.error(f"needs a whole number from 0 on, not {shown(row[column])}", column)
    try:
        return int(row[column])
    except ValueError:
        return int(number)


def _number(rows: _Rows, row: dict[str, str], column: str) -> float:
    try:
        return float(row[column])
    except ValueError:
        raise rows.error(f"needs a number, not {shown(row[column])}", column) from None
