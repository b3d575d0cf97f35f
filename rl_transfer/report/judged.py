"""Judging curves that other programs made: read, judge, write verdicts and the report."""

import hashlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_transfer.analysis import (
    Anchor,
    Anchors,
    ForeignCurves,
    JudgeSettings,
    StudyData,
    StudyResults,
    foreign_study,
    read_csv,
    read_folder,
    write_judged,
)
from rl_transfer.errors import ConfigError, StoreError, nearest
from rl_transfer.report.page import write_judged_html
from rl_transfer.store import read_json, write_json
from rl_transfer.study import checked_name

RECORD = "judged.json"


@dataclass(frozen=True)
class CurvesOutcome:
    """Curves of other programs that were judged.

    Attributes:
        results: The curves as a study, with its verdicts; the notes are in ``data.manifest.curves``.
        report: The HTML report; verdicts.json and curves.csv lie beside it.
    """

    results: StudyResults
    report: Path


def judge_curves(
    curves: str | Path,
    *,
    baseline: str,
    random: Anchor,
    reference: Anchor,
    worst: Anchor | None = None,
    alpha: float = 0.05,
    margin: float = 0.10,
    threshold_score: float = 0.8,
    placebos: Mapping[str, str] | None = None,
    tag: str | None = None,
    out: str | Path | None = None,
    name: str | None = None,
) -> CurvesOutcome:
    """Judge learning curves that other programs made, and write verdicts, curves and a report.

    Args:
        curves: A CSV file with the columns arm, seed, step, return (and pair, source, run, episode); or a folder of
            TensorBoard's event files or of EvalCallback's evaluations.npz, laid out ARM/SEED. Arms called X.placebo and
            X.sham are the controls of X.
        baseline: The arm that all others are compared with.
        random: Return of a random policy; a mapping gives one a pair, the empty name standing for all others.
        reference: Return of a policy that has learned the task, likewise.
        worst: The lowest return that counts, and that of a failed run, likewise; by default the random return or the
            lowest of all, whichever is lower.
        alpha: Error level of each family of comparisons on a pair.
        margin: Differences inside +-margin are negligible; in score.
        threshold_score: The score of "steps to threshold".
        placebos: By arm the arm that is its placebo, where that is not called ARM.placebo.
        tag: The scalar to take from event files; ``eval/mean_reward`` by default.
        out: Folder for the results; ``judged/NAME`` by default.
        name: Name of the results; the file's or folder's by default.

    Returns:
        The verdicts, and where the report is.

    Raises:
        ConfigError: If something can't be read, does not fit together or could not decide anything.
        StoreError: If the folder holds other results, or can't be written to.
    """
    source = Path(curves)
    called = _stem(source) if name is None else checked_name(name, "--name")
    settings = JudgeSettings(
        baseline, Anchors(random, reference, worst), alpha, margin, threshold_score, dict(placebos or {})
    )
    command = _command(source, settings, tag, name)
    study = foreign_study(_read(source, tag), settings, name=called, command=command)
    folder = Path("judged") / called if out is None else Path(out)
    _claim(folder, study, hint="--name" if out is None else "--out")
    results = write_judged(folder, study)
    return CurvesOutcome(results, write_judged_html(results))


def _read(curves: Path, tag: str | None) -> ForeignCurves:
    if curves.is_dir():
        return read_folder(curves, tag)
    if not curves.exists():
        beside = [path.name for path in curves.parent.iterdir()] if curves.parent.is_dir() else []
        raise ConfigError(f"no such file or folder; {nearest(curves.name, beside)}", file=curves)
    if tag is not None:
        raise ConfigError(f"chooses among TensorBoard's event files, but {curves} is a file: remove it", key="--tag")
    return read_csv(curves)


def _stem(curves: Path) -> str:
    """A file's or folder's name without its ending, as a safe folder name."""
    name = curves.absolute().name.removesuffix(".gz").removesuffix(".csv")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:64] or "curves"


def _claim(folder: Path, study: StudyData, hint: str) -> None:
    """Write down what a folder's results are of, unless it holds others.

    Raises:
        StoreError: If it does, or can't be read or written.
    """
    record = _record(study)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        known = folder / RECORD
        if not known.is_file() or read_json(known) != record:
            raise StoreError(f"{folder}: holds other results, which are not overwritten: choose another {hint}")
    write_json(folder / RECORD, record)


def _record(study: StudyData) -> dict[str, Any]:
    """All that determines the results: the settings, and a digest of the curves."""
    manifest = study.manifest.model_dump(mode="json", exclude={"command", "versions", "curves"})
    digest = hashlib.sha256()
    for run in (run for pair in study.pairs for run in pair.runs):
        digest.update(repr((run.path, run.source_path, run.outcome)).encode() + run.return_T.tobytes())
    return {**manifest, "curves_sha256": digest.hexdigest()}


def _command(curves: Path, settings: JudgeSettings, tag: str | None, name: str | None) -> str:
    """The command that judges the same curves again, from any folder."""
    anchors = settings.anchors
    given = [*_anchor("--random", anchors.random), *_anchor("--reference", anchors.reference)]
    given += [] if anchors.worst is None else _anchor("--worst", anchors.worst)
    given += ["--alpha", str(settings.alpha), "--margin", str(settings.margin)]
    given += ["--threshold-score", str(settings.threshold_score)]
    given += [part for arm, placebo in settings.placebos.items() for part in ("--placebo", f"{arm}={placebo}")]
    given += [] if tag is None else ["--tag", tag]
    given += [] if name is None else ["--name", name]
    where = str(curves.expanduser().absolute())
    return shlex.join(["rl-transfer", "judge", where, "--baseline", settings.baseline, *given])


def _anchor(option: str, anchor: Anchor) -> list[str]:
    values = anchor if isinstance(anchor, Mapping) else {"": anchor}
    return [part for pair, value in values.items() for part in (option, f"{pair}={value}" if pair else str(value))]
