"""Runs that stand under several pairs of a file: one baseline for several arms' pairs is still one baseline."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rl_transfer.analysis.foreign import ForeignRun
from rl_transfer.errors import ConfigError
from rl_transfer.study.yaml_file import shown

_Curve = tuple[tuple[int, ...], bytes]


def as_one(runs: Sequence[ForeignRun]) -> tuple[ForeignRun, ...]:
    """Give the copies of a run in other pairs the same path, by which they count as one run.

    Where the file names its runs, its names decide. Else runs of one arm and seed with the same returns at the same
    steps are one run.

    Args:
        runs: The runs.

    Returns:
        The runs, in the same order.

    Raises:
        ConfigError: If two runs of one pair have the same name.
    """
    _check_names(runs)
    first: dict[tuple[str, int, _Curve], str] = {}
    return tuple(
        run if run.run is not None else replace(run, path=first.setdefault((run.arm, run.seed, _curve(run)), run.path))
        for run in runs
    )


def shared_notes(runs: Sequence[ForeignRun]) -> list[str]:
    """Say which runs count as one though they stand under several pairs, and why.

    Args:
        runs: Runs from `as_one`.
    """
    pairs: dict[str, dict[str | None, ForeignRun]] = {}
    for run in runs:
        pairs.setdefault(run.path, {})[run.pair] = run
    shared = [next(iter(of.values())) for of in pairs.values() if len(of) > 1]
    named, guessed = ([run for run in shared if (run.run is None) == unnamed] for unnamed in (False, True))
    what = "runs stand under several pairs"
    notes = [f"{len(named)} {what}, as the column 'run' says: each counts as one run"] if named else []
    if guessed:
        why = "by equal curves of one arm and seed: each counts as one run"
        notes.append(f"{len(guessed)} {what}, {why}; where they are not the same, name them in a column 'run'")
    return notes


def _check_names(runs: Sequence[ForeignRun]) -> None:
    first: dict[tuple[str | None, str], ForeignRun] = {}
    for run in runs:
        if run.run is not None and (other := first.setdefault((run.pair, run.run), run)) is not run:
            what = f"{shown(run.run)} is {other.arm}, seed {other.seed} already: a run counts once in a pair"
            hint = "give every run a name of its own, or rename the column"
            raise ConfigError(f"{what}; {hint}", file=run.place, line=run.line, key="run")


def _curve(run: ForeignRun) -> _Curve:
    """A curve's steps and returns, so that equal ones are equal, NaN too."""
    return tuple(run.return_by_step), np.array(list(run.return_by_step.values()), dtype=np.float64).tobytes()
