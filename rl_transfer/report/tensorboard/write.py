"""A judged study for TensorBoard: every run with its settings and results, the arms' means, the study's summary."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from matplotlib.figure import Figure

from rl_transfer.analysis import PairData, RunData, SourceData, StudyResults
from rl_transfer.report.curve_figures import curves, curves_of
from rl_transfer.report.figures import effects, forest
from rl_transfer.report.maps import ladder_figures, matrix_figures
from rl_transfer.report.milestone_figures import Milestones, milestones
from rl_transfer.report.page_figures import transfer_arms
from rl_transfer.report.places import checked_name, study_folder, tensorboard_folder
from rl_transfer.report.sheets import arms_of
from rl_transfer.report.svg import png
from rl_transfer.report.tensorboard.arms import SCORE, layout, write_arm
from rl_transfer.report.tensorboard.events import EventFile
from rl_transfer.report.tensorboard.folder import STUDY, link, link_runs, replacing, run_place
from rl_transfer.report.tensorboard.settings import (
    Settings,
    of_one_type,
    results_of,
    settings_of,
    write_experiment,
    write_session,
)
from rl_transfer.report.tensorboard.texts import texts
from rl_transfer.store import read_json


def write_tensorboard(store: Path, results: StudyResults) -> Path:
    """Gather a judged study for TensorBoard; what was there before is replaced as a whole.

    The folder holds as TensorBoard runs:

    - ``PAIR/ARM/seedN``: the events of every run of the study (links: the runs lie elsewhere, since studies share
      them), its score at every evaluation as ``eval/score``, its results as ``summary/...`` and ``summary_costs/...``,
      its settings as hyperparameters;
    - ``_sources/PAIR/...`` and ``_references/PAIR/...``: links to the runs that no verdict is about;
    - ``_study/ARM``: the mean curves of each arm, with their bands in the custom scalars;
    - ``_study``: verdicts and tables as texts, the report's figures as images.

    Args:
        store: The store's folder.
        results: The study with its verdicts.

    Returns:
        ``STORE/studies/NAME/tensorboard``, the log folder to open.

    Raises:
        RLTransferError: If a run's file is damaged, the folder can't be written, or a name can't be a folder's.
    """
    manifest, pairs = results.data.manifest, results.data.pairs
    folder = tensorboard_folder(store, manifest.name)
    with replacing(folder) as fresh:
        link_runs(store, manifest, fresh)
        judged = [_Judged.of(store, pair, run) for pair in pairs for run in pair.runs]
        settings = of_one_type(one.settings for one in judged)
        begun, ended = _lasted(store, results)
        for one, own in zip(judged, settings, strict=True):
            one.write(store, fresh, own)
        for arm in dict.fromkeys(arm for pair in pairs for arm in arms_of(pair)):
            means = EventFile(begun)
            write_arm(means, pairs, arm)
            means.write(fresh / STUDY / checked_name(arm), ended)
        study = EventFile(begun)
        write_experiment(study, manifest.description, settings, (tag for one in judged for tag in one.results))
        _write_summary(study, store, results)
        study.write(fresh / STUDY, ended)
    return folder


@dataclass(frozen=True)
class _Judged:
    """A finished run that verdicts are about, on one of its pairs."""

    pair: PairData
    run: RunData
    settings: Settings
    results: dict[str, float]
    ended: float

    @classmethod
    def of(cls, store: Path, pair: PairData, run: RunData) -> Self:
        folder = store / run.path
        settings = settings_of(pair, run, read_json(folder / "spec.json")["spec"])
        return cls(pair, run, settings, results_of(pair, run), _ended(store, run))

    def write(self, store: Path, tree: Path, settings: Settings) -> None:
        """Put a folder in the place of the run's link: with links to its files, and one more file."""
        place = tree / run_place(self.pair.name, self.run.arm, self.run.seed)
        place.unlink()
        for events in sorted((store / self.run.path / "events").glob("*.tfevents.*")):
            link(place / events.name, events)
        file = EventFile(self.ended)
        write_session(file, settings, self.run, _begun(store, self.run), self.ended)
        for step, score in zip(self.pair.entry.grid, self.run.score_T, strict=True):
            file.scalars(step, {SCORE: score})
        file.scalars(self.pair.entry.target_steps, self.results)
        file.write(place, self.ended)


def _lasted(store: Path, results: StudyResults) -> tuple[float, float]:
    """When a study's first run began and its last one ended, in seconds since 1970.

    TensorBoard lists first what began first; so the summary stands above the runs.
    """
    runs = [run for pair in results.data.pairs for run in pair.finished]
    planned = (study_folder(store, results.data.manifest.name) / "study.json").stat().st_mtime
    begun = min((_begun(store, run) for run in runs), default=planned)
    return begun - 1.0, max((_ended(store, run) for run in runs), default=planned)


def _begun(store: Path, run: SourceData) -> float:
    return _ended(store, run) - run.costs.get("wall_seconds", 0.0)


def _ended(store: Path, run: SourceData) -> float:
    return (store / run.path / "status.json").stat().st_mtime


def _write_summary(study: EventFile, store: Path, results: StudyResults) -> None:
    study.layout(layout(results.data.pairs))
    for tag, text in texts(store, results):
        study.text(tag, text)
    for tag, figure in _figures(results):
        study.image(tag, png(figure))


def _figures(results: StudyResults) -> Iterator[tuple[str, Figure]]:
    """The report's figures, each with its tag."""
    manifest, comparisons = results.data.manifest, results.comparisons
    if comparisons:
        yield "conclusions/differences", forest(comparisons, manifest.margin)
        yield "conclusions/effects", effects(comparisons, manifest.margin)
    for kind, draw in (("ladder", ladder_figures), ("matrix", matrix_figures)):
        for name, figure in draw(manifest, comparisons):
            yield f"{kind}/{name}", figure
    drawn = {pair.name: curves_of(pair, transfer_arms(manifest)) for pair in results.data.pairs if pair.runs}
    if pairs := [Milestones(name, drawn[name], manifest.pairs[name].threshold_score) for name in drawn]:
        yield "conclusions/milestones", milestones(pairs)
    for pair in results.data.pairs:
        if pair.runs:
            yield f"curves/{pair.name}", curves(pair, drawn[pair.name])
