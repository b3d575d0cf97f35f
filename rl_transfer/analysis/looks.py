"""Which planned runs a study's looks did not need."""

from collections.abc import Iterable
from dataclasses import replace

from rl_transfer.analysis.comparisons import Comparison, is_decided, runs_at_look
from rl_transfer.analysis.load import PairData, StudyData
from rl_transfer.analysis.manifest import BASELINE, Manifest, PairEntry, controls


def without_unneeded(study: StudyData, comparisons: Iterable[Comparison]) -> StudyData:
    """Leave out the runs that lie beyond the look at which their arm was decided.

    They need not be there; where they are, since another study needed them, no verdict of this one has seen them.

    Args:
        study: The study with all runs that were planned.
        comparisons: Its comparisons.

    Returns:
        The same with the runs that the looks wanted; the others are counted in `PairData.unneeded`.
    """
    if len(study.manifest.looks) == 1:
        return study
    by_pair: dict[str, dict[str, list[Comparison]]] = {}
    for comparison in comparisons:
        by_pair.setdefault(comparison.pair, {}).setdefault(comparison.transfer_arm, []).append(comparison)
    return replace(study, pairs=tuple(_pair(study.manifest, pair, by_pair[pair.name]) for pair in study.pairs))


def _pair(manifest: Manifest, pair: PairData, arms: dict[str, list[Comparison]]) -> PairData:
    wanted = _wanted_folders(manifest, pair.entry, arms)
    return replace(
        pair,
        runs=tuple(run for run in pair.runs if run.path in wanted),
        sources=tuple(run for run in pair.sources if run.path in wanted),
        references=tuple(run for run in pair.references if run.path in wanted),
        missing=tuple(entry for entry in pair.missing if entry.path in wanted),
        unneeded=len({entry.path for entry in pair.entry.runs} - wanted),
    )


def _wanted_folders(manifest: Manifest, entry: PairEntry, arms: dict[str, list[Comparison]]) -> set[str]:
    """Folders of the runs that the looks wanted, and of the sources and references that these need."""
    last = {arm: _last_look(manifest, comparisons) for arm, comparisons in arms.items()}
    looks = {name: look for arm, look in last.items() for name in controls(arm)} | {BASELINE: max(last.values())}
    wanted = [run for name, look in looks.items() for run in entry.first_runs(name, runs_at_look(manifest, name, look))]
    needed = {path for run in wanted for path in (*run.source_paths, *run.reference_paths)}
    return needed | {run.path for run in wanted}


def _last_look(manifest: Manifest, comparisons: list[Comparison]) -> int:
    """The look that decided an arm; for one that is still open all its runs are wanted."""
    return max(one.look for one in comparisons) if is_decided(comparisons) else len(manifest.looks)
