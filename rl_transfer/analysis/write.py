"""Writing what a study came to: verdicts.json, across.json and curves.csv."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rl_transfer.analysis.across import across_pairs, verdict_matrix
from rl_transfer.analysis.across_statement import AcrossPairs
from rl_transfer.analysis.comparisons import Comparison, compare
from rl_transfer.analysis.load import SEPARATOR, PairData, StudyData, load_study
from rl_transfer.analysis.looks import without_unneeded
from rl_transfer.analysis.words import words_by_arm
from rl_transfer.store import Store, write_csv, write_json

CURVE_COLUMNS = ("pair", "arm", "seed", "step", "return", "score", "source", "run")


@dataclass(frozen=True)
class StudyResults:
    """A study with its verdicts, as a report needs it.

    Attributes:
        data: The study as read from disk, without runs that no look wanted.
        comparisons: All comparisons, by pair, arm and family.
        words: One line by pair and transfer arm.
        verdicts_path: The file of verdicts.
        curves_path: The file of curves.
        across: What the pairs say together, by arm and family; nothing where no arm has several pairs.
    """

    data: StudyData
    comparisons: tuple[Comparison, ...]
    words: dict[str, dict[str, str]]
    verdicts_path: Path
    curves_path: Path
    across: tuple[AcrossPairs, ...] = ()


def write_results(store: Path, name: str) -> StudyResults:
    """Judge a study and write its verdicts and curves into its folder; each file is replaced as a whole.

    ``verdicts.json`` is a list of `Comparison.to_dict`: infinite ends of intervals are null there. ``curves.csv`` has
    the columns `CURVE_COLUMNS`, one row an evaluation of a finished run; a source run's score is left empty, since the
    anchors are the target's, ``source`` is the source run that a run started from (of several, all of them with " + "
    between), and ``run`` is the run's own folder, the same under every pair that uses it. `read_csv` reads it.
    ``across.json``, where an arm has several pairs, holds ``statements``, a list of `AcrossPairs.to_dict`, and
    ``verdicts``, which is `verdict_matrix`.

    Args:
        store: The store's folder.
        name: Name of the study.

    Returns:
        The study, its comparisons and where they were written.

    Raises:
        RLTransferError: If a file is missing, damaged, contradicts the manifest or can't be written.
    """
    return write_judged(Store(store).study(name), load_study(store, name))


def write_judged(folder: Path, planned: StudyData) -> StudyResults:
    """Judge a study and write its verdicts and curves into a folder, as `write_results` does.

    Args:
        folder: The folder, made if need be.
        planned: The study.

    Returns:
        The study, its comparisons and where they were written.

    Raises:
        RLTransferError: If a file can't be written.
    """
    comparisons = tuple(compare(planned))
    data = without_unneeded(planned, comparisons)
    verdicts_path, curves_path = folder / "verdicts.json", folder / "curves.csv"
    write_json(verdicts_path, [comparison.to_dict() for comparison in comparisons])
    write_csv(curves_path, CURVE_COLUMNS, (row for pair in data.pairs for row in _rows(pair)))
    across = across_pairs(planned, comparisons)
    _write_across(folder / "across.json", across, comparisons)
    return StudyResults(data, comparisons, words_by_arm(comparisons), verdicts_path, curves_path, across)


def _write_across(path: Path, across: Sequence[AcrossPairs], comparisons: Sequence[Comparison]) -> None:
    """Write the statements over pairs and the matrix of verdicts; no file where there is no statement."""
    if not across:
        path.unlink(missing_ok=True)
        return
    statements = [statement.to_dict() for statement in across]
    write_json(path, {"statements": statements, "verdicts": verdict_matrix(comparisons)})


def _rows(pair: PairData) -> Iterator[tuple[object, ...]]:
    for run in pair.runs:
        for step, return_, score in zip(run.step_T, run.return_T, run.score_T, strict=True):
            number = int(step), float(return_), float(score)
            yield pair.name, run.arm, run.seed, *number, SEPARATOR.join(run.source_paths), run.path
    for source in (*pair.sources, *pair.references):
        for step, return_ in zip(source.step_T, source.return_T, strict=True):
            yield pair.name, source.arm, source.seed, int(step), float(return_), "", "", source.path
