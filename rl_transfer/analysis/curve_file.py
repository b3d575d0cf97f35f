"""Reading curve.csv, whatever program wrote it."""

import csv
from math import isfinite
from pathlib import Path

from rl_transfer.errors import RLTransferError

COLUMNS = ["step", "episode", "return", "length"]


def read_curve(path: Path) -> dict[int, list[float]]:
    """Read the evaluation episodes of one run.

    Args:
        path: The file: one row an evaluation episode, with the columns `COLUMNS`.

    Returns:
        Episode returns (may be NaN or infinite) by target step, steps rising.

    Raises:
        RLTransferError: If the file is missing, has other columns, a damaged row or an episode twice.
    """
    episodes: dict[int, dict[int, float]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if header != COLUMNS:
                raise RLTransferError(f"{path}: needs the columns {','.join(COLUMNS)}, not {','.join(header)}")
            for row in rows:
                step, episode, return_ = _parsed(row, f"{path}:{rows.line_num}")
                at_step = episodes.setdefault(step, {})
                if episode in at_step:
                    raise RLTransferError(f"{path}:{rows.line_num}: episode {episode} at step {step} comes twice")
                at_step[episode] = return_
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RLTransferError(f"{path}: can't be read: {error}") from error
    return {step: list(episodes[step].values()) for step in sorted(episodes)}


def mean_return(returns: list[float], episodes: int | None) -> float | None:
    """Mean return of one evaluation.

    Args:
        returns: Returns of its episodes.
        episodes: How many it should have; None where any number will do.

    Returns:
        The mean; None where episodes are missing or a return is not finite.
    """
    if not returns or len(returns) != (episodes or len(returns)) or not all(map(isfinite, returns)):
        return None
    return sum(returns) / len(returns)


def _parsed(row: list[str], place: str) -> tuple[int, int, float]:
    try:
        step, episode, return_, _ = row
        return int(step), int(episode), float(return_)
    except ValueError as error:
        raise RLTransferError(f"{place}: needs {','.join(COLUMNS)} as numbers, not {','.join(row)!r}") from error
