"""Which planned runs a study's looks did not need."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rl_transfer.analysis.comparisons import Comparison, is_decided, runs_at_look
from rl_transfer.analysis.load import PairData, StudyData
from rl_transfer.analysis.manifest import BASELINE, SOURCES, Manifest


def without_unneeded(study: StudyData, comparisons: Iterable[Comparison]) -> StudyData:
    """Leave out the runs that lie beyond the look at which their arm was decided.

    They need not be there; where they are, since another study needed them, no verdict of this one has seen them.

    Args:
        study: The study with all runs that were planned.
        comparisons: Its comparisons.

    Returns:
        The same with the runs that the looks wanted; the others are counted in `PairData.unneeded`.
    """
    by_pair: dict[str, dict[str, list[Comparison]]] = {}
    for comparison in comparisons:
        by_pair.setdefault(comparison.pair, {}).setdefault(comparison.transfer_arm, []).append(comparison)
    return replace(study, pairs=tuple(_pair(study.manifest, pair, by_pair[pair.name]) for pair in study.pairs))


def _pair(manifest: Manifest, pair: PairData, arms: dict[str, list[Comparison]]) -> PairData:
    kept = pair
    for name, look in _looks(manifest, arms):
        kept = kept.first_seeds(name, runs_at_look(manifest, name, look))
    planned, wanted = (len(one.runs) + len(one.sources) + len(one.missing) for one in (pair, kept))
    return replace(kept, unneeded=planned - wanted)


def _looks(manifest: Manifest, arms: dict[str, list[Comparison]]) -> Iterator[tuple[str, int]]:
    """The last look that each arm, control, source and scratch was wanted for."""
    last = {arm: _last_look(manifest, comparisons) for arm, comparisons in arms.items()}
    for arm, look in last.items():
        yield from ((f"{arm}{control}", look) for control in ("", ".placebo", ".sham"))
    yield from ((shared, max(last.values())) for shared in (BASELINE, *SOURCES))


def _last_look(manifest: Manifest, comparisons: list[Comparison]) -> int:
    """The look that decided an arm; for one that is still open all its runs are wanted."""
    return max(one.look for one in comparisons) if is_decided(comparisons) else len(manifest.looks)
