"""Pools of from-scratch curves, what may be done to an arm's share of one, and groups drawn from it."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

import numpy as np
from make_pools import FOLDER, POOLS
from numpy.typing import NDArray

from rl_transfer.errors import RLTransferError
from rl_transfer.stats import asymptotic_score, mean_score, to_score
from rl_transfer.study import load_study, parse_overrides

Floats = NDArray[np.float64]

_JUMPSTART_LASTS = 0.2
_FASTER = 1.5


@dataclass(frozen=True, eq=False)
class Pool:
    """From-scratch runs of one target.

    Attributes:
        name: Name of the pool.
        score_RT: Score of each run at each evaluation, shape (runs, steps).
        step_T: Target steps of the evaluations, shape (steps,).
        worst: The score of a failed run.
    """

    name: str
    score_RT: Floats
    step_T: Floats
    worst: float

    @property
    def mean_R(self) -> Floats:
        """Mean score over the budget of each run, shape (runs,): what verdicts are about."""
        return mean_score(self.score_RT, self.step_T)

    @property
    def final_R(self) -> Floats:
        """Final score of each run, shape (runs,)."""
        return asymptotic_score(self.score_RT, self.step_T)


@dataclass(frozen=True)
class Population:
    """What an arm's runs are drawn from.

    Attributes:
        name: What was done to the pool, in words.
        value_R: Mean score of each of its runs, shape (runs,).
        failing: Share of runs that get the worst score instead.
        worst: That score.
        same_runs: Whether run r is run r of the baseline's pool, so that nobody may be drawn on both sides.
    """

    name: str
    value_R: Floats
    failing: float = 0.0
    worst: float = 0.0
    same_runs: bool = True

    @property
    def mean(self) -> float:
        """Mean of what is drawn."""
        return (1.0 - self.failing) * float(self.value_R.mean()) + self.failing * self.worst

    def take(self, generator: np.random.Generator, picked_SN: NDArray[np.int64]) -> Floats:
        """The values of chosen runs, some of which fail; same shape."""
        value_SN = self.value_R[picked_SN]
        if self.failing == 0.0:
            return value_SN
        return np.where(generator.random(picked_SN.shape) < self.failing, self.worst, value_SN)


def read_pool(name: str, folder: Path | None = None) -> Pool:
    """Read a pool and score it by the anchors of the pair it comes from.

    A run that diverged keeps its curve up to there and has the worst score from there on.

    Args:
        name: A name of `make_pools.POOLS`.
        folder: Where the pools lie; scripts/pools by default.

    Raises:
        RLTransferError: If the pool is not there or damaged.
    """
    file = (folder or FOLDER) / f"{name}.csv"
    if not file.is_file():
        raise RLTransferError(f"{file} is missing: `python scripts/make_pools.py {name}` trains its runs")
    source = POOLS[name]
    config = load_study(source.pair, parse_overrides(source.overrides)).pairs[0].config
    anchors, last = config.score, config.evaluation.points - 1
    grid = [round(config.budget.target * point / last) for point in range(last + 1)]
    return_RT = np.array([_filled(curve, grid, anchors.worst, file) for curve in _curves(file)])
    score_RT, _ = to_score(return_RT, anchors.random, anchors.reference, anchors.worst)
    worst, _ = to_score(anchors.worst, anchors.random, anchors.reference, anchors.worst)
    return Pool(name, score_RT, np.array(grid, dtype=np.float64), float(worst))


def _curves(file: Path) -> Iterable[dict[int, float]]:
    """Return by step of each run, in the order of their seeds."""
    curves: dict[int, dict[int, float]] = {}
    with file.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            curve, step = curves.setdefault(int(row["seed"]), {}), int(row["step"])
            if row["arm"] != "scratch" or step in curve:
                raise RLTransferError(f"{file}: seed {row['seed']}, step {step} comes twice or is not from scratch")
            curve[step] = float(row["return"])
    return [curves[seed] for seed in sorted(curves)]


def _filled(curve: dict[int, float], grid: Sequence[int], worst: float, file: Path) -> list[float]:
    if extra := sorted(set(curve) - set(grid)):
        raise RLTransferError(f"{file}: step {extra[0]} is not on the evaluation grid {list(grid)} of its pair")
    point_T = [curve.get(step, nan) for step in grid]
    kept = next((place for place, point in enumerate(point_T) if not isfinite(point)), len(grid))
    if any(isfinite(point) for point in point_T[kept:]):
        raise RLTransferError(f"{file}: a run has evaluations after a missing one, at step {grid[kept]}")
    return point_T[:kept] + [worst] * (len(grid) - kept)


def drawn_groups(
    generator: np.random.Generator, splits: int, runs: int, sizes: Sequence[int]
) -> list[NDArray[np.int64]]:
    """Draw groups of runs; within a split no run is in two of them.

    Args:
        generator: Where chance comes from.
        splits: How often to draw.
        runs: Runs to draw from.
        sizes: Runs of each group.

    Returns:
        Numbers of the runs of each group, shape (splits, size) each.

    Raises:
        ValueError: If the groups need more runs than there are.
    """
    if sum(sizes) > runs:
        raise ValueError(f"groups of {list(sizes)} need more than {runs} runs")
    order_SR = generator.permuted(np.tile(np.arange(runs), (splits, 1)), axis=1)
    return np.split(order_SR[:, : sum(sizes)], np.cumsum(sizes)[:-1], axis=1)


def drawn_scores(
    generator: np.random.Generator, splits: int, baseline_R: Floats, baseline_size: int, arm: Population, size: int
) -> tuple[Floats, Floats]:
    """Draw a baseline from a pool and an arm from a population.

    Args:
        generator: Where chance comes from.
        splits: How often to draw.
        baseline_R: Mean score of each run of the pool, shape (runs,).
        baseline_size: Runs of the baseline.
        arm: What the arm's runs come from.
        size: Runs of the arm.

    Returns:
        Mean scores of the baseline and of the arm, shape (splits, runs) each.
    """
    runs = len(baseline_R)
    if arm.same_runs:
        picked_SB, picked_SN = drawn_groups(generator, splits, runs, (baseline_size, size))
    else:
        (picked_SB,) = drawn_groups(generator, splits, runs, (baseline_size,))
        (picked_SN,) = drawn_groups(generator, splits, len(arm.value_R), (size,))
    return baseline_R[picked_SB], arm.take(generator, picked_SN)


def unequal_shapes(pool: Pool, others: Iterable[Pool]) -> list[Population]:
    """Arms whose mean is exactly the pool's, but whose runs are spread in another way.

    Args:
        pool: The baseline's pool.
        others: The other pools.

    Returns:
        The populations.
    """
    value_R = pool.mean_R
    mean, spread = float(value_R.mean()), float(value_R.std())
    skewed_R = np.exp((value_R - mean) / spread)
    skewed_R = (skewed_R - skewed_R.mean()) / skewed_R.std()
    shapes = [Population("3 times the spread", mean + 3.0 * (value_R - mean))]
    shapes += [
        Population(f"runs of {other.name}", other.mean_R - other.mean_R.mean() + mean, same_runs=False)
        for other in others
    ]
    shapes += [
        Population("skewed", mean + spread * skewed_R),
        Population("skewed, 3 times the spread", mean + 3.0 * spread * skewed_R),
    ]
    return shapes + [_rarely_failing(pool, share) for share in (0.05, 0.10, 0.20)]


def _rarely_failing(pool: Pool, share: float) -> Population:
    """Some runs have the worst score, and all others so much more that the mean stays."""
    lift = share / (1.0 - share) * (float(pool.mean_R.mean()) - pool.worst)
    return Population(f"{share:.0%} of runs fail", pool.mean_R + lift, failing=share, worst=pool.worst)


def known_effects(pool: Pool) -> list[Population]:
    """Arms that differ from the pool by something known.

    Args:
        pool: The baseline's pool.

    Returns:
        The populations.
    """
    value_R = pool.mean_R
    return [
        Population("nothing differs", value_R),
        *(Population(f"+{shift:.2f} in every run", value_R + shift) for shift in (0.05, 0.10, 0.20, 0.30)),
        Population(f"learns {_FASTER:g} times as fast", _mean_of(pool, _warped)),
        Population("a jumpstart that is lost", _mean_of(pool, _with_lost_jumpstart)),
        *(
            Population(f"{share:.0%} of runs collapse", value_R, failing=share, worst=pool.worst)
            for share in (0.10, 0.20)
        ),
    ]


def _mean_of(pool: Pool, change: Callable[[Floats, Floats], Floats]) -> Floats:
    return mean_score(change(pool.score_RT, pool.step_T), pool.step_T)


def _warped(score_RT: Floats, step_T: Floats) -> Floats:
    """What was reached after s steps is reached after s / 1.5; the last value is held."""
    source_T = np.minimum(_FASTER * step_T, step_T[-1])
    return np.array([np.interp(source_T, step_T, score_T) for score_T in score_RT])


def _with_lost_jumpstart(score_RT: Floats, step_T: Floats) -> Floats:
    """Begin with the reference's score and fall, within a fifth of the budget, to what is learned from scratch."""
    carried_T = np.clip(1.0 - step_T / (_JUMPSTART_LASTS * step_T[-1]), 0.0, 1.0)
    return np.asarray(score_RT + carried_T * (1.0 - score_RT))
