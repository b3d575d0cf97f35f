"""Which pairs of a study depend on each other, and their scores side by side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rl_transfer.analysis.load import SEPARATOR, PairData
from rl_transfer.analysis.sides import Side
from rl_transfer.stats import mean_score

Floats = NDArray[np.float64]


def joined(sides_P: Sequence[Sequence[Side]]) -> list[list[int]]:
    """Group the pairs whose runs are not independent: they share runs, such as one baseline, or source agents.

    Args:
        sides_P: Of each pair the sides that are looked at.

    Returns:
        Blocks of places in ``sides_P``, rising, in the order of their first pairs.
    """
    blocks: list[tuple[set[str], list[int]]] = []
    for place, sides in enumerate(sides_P):
        runs = [run for side in sides for run in side.runs]
        paths = {path for run in runs for path in (run.path, *run.source_paths, *run.reference_paths)}
        touched = [block for block in blocks if block[0] & paths]
        blocks = [block for block in blocks if not block[0] & paths]
        places = sorted([place, *(earlier for _, places in touched for earlier in places)])
        blocks.append((paths.union(*(known for known, _ in touched)), places))
    return sorted(places for _, places in blocks)


def misfit(side_P: Sequence[Side]) -> str:
    """Why the runs of a block can't be laid side by side, in words; nothing where they can.

    Args:
        side_P: One side of all pairs of the block.
    """
    if len(side_P) == 1:
        return ""
    if any(set(_units(side)) != set(_units(side_P[0])) for side in side_P):
        return f"pairs share runs or sources of {side_P[0].arm}, but don't have the same seeds"
    seeds: dict[str, set[int]] = {}
    for run in (run for side in side_P if not (side.one_source or side.by_source) for run in side.runs):
        for path in (run.path, *run.source_paths):
            seeds.setdefault(path, set()).add(run.seed)
    if any(len(numbers) > 1 for numbers in seeds.values()):
        return f"pairs share runs or sources of {side_P[0].arm}, but at different seeds"
    return ""


def scores(pairs: Sequence[PairData], side_P: Sequence[Side]) -> Floats:
    """Mean scores over the budget of the runs of a block without a `misfit`.

    Args:
        pairs: The pairs of the block.
        side_P: One side of each.

    Returns:
        Scores, shape (units, pairs): a row holds the runs of one seed, or of one source where that is the unit.
    """
    columns = []
    for pair, side in zip(pairs, side_P, strict=True):
        score_U = side.by_unit(mean_score(side.score_RT, pair.entry.grid))
        columns.append(score_U[np.argsort(np.array(_units(side)), kind="stable")])
    return np.stack(columns, axis=1)


def _units(side: Side) -> list[int] | list[str]:
    """What the units of a side are known by, in the order of their first runs."""
    if side.by_source:
        return list(dict.fromkeys(SEPARATOR.join(run.source_paths) for run in side.runs))
    return [run.seed for run in side.runs]
