"""Writing what a study came to: verdicts.json and curves.csv."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rl_transfer.analysis.comparisons import Comparison, compare
from rl_transfer.analysis.load import PairData, StudyData, load_study
from rl_transfer.analysis.words import words_by_arm
from rl_transfer.store import Store, write_csv, write_json

CURVE_COLUMNS = ("pair", "arm", "seed", "step", "return", "score")


@dataclass(frozen=True)
class StudyResults:
    """A study with its verdicts, as a report needs it.

    Attributes:
        data: The study as read from disk.
        comparisons: All comparisons, by pair, arm and family.
        words: One line by pair and transfer arm.
        verdicts_path: The file of verdicts.
        curves_path: The file of curves.
    """

    data: StudyData
    comparisons: tuple[Comparison, ...]
    words: dict[str, dict[str, str]]
    verdicts_path: Path
    curves_path: Path


def write_results(store: Path, name: str) -> StudyResults:
    """Judge a study and write its verdicts and curves into its folder; each file is replaced as a whole.

    ``verdicts.json`` is a list of `Comparison.to_dict`: infinite ends of intervals are null there. ``curves.csv`` has
    the columns `CURVE_COLUMNS`, one row an evaluation of a finished run; a source run's score is left empty, since the
    anchors are the target's.

    Args:
        store: The store's folder.
        name: Name of the study.

    Returns:
        The study, its comparisons and where they were written.

    Raises:
        RLTransferError: If a file is missing, damaged, contradicts the manifest or can't be written.
    """
    data = load_study(store, name)
    comparisons = tuple(compare(data))
    folder = Store(store).study(name)
    verdicts_path, curves_path = folder / "verdicts.json", folder / "curves.csv"
    write_json(verdicts_path, [comparison.to_dict() for comparison in comparisons])
    write_csv(curves_path, CURVE_COLUMNS, (row for pair in data.pairs for row in _rows(pair)))
    return StudyResults(data, comparisons, words_by_arm(comparisons), verdicts_path, curves_path)


def _rows(pair: PairData) -> Iterator[tuple[object, ...]]:
    for run in pair.runs:
        for step, return_, score in zip(run.step_T, run.return_T, run.score_T, strict=True):
            yield pair.name, run.arm, run.seed, int(step), float(return_), float(score)
    for source in pair.sources:
        for step, return_ in zip(source.step_T, source.return_T, strict=True):
            yield pair.name, source.arm, source.seed, int(step), float(return_), ""
