"""The ways in which pooled values can be dealt to two groups: all of them, or a fixed set of draws."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, combinations
from math import comb, prod

import numpy as np
from numpy.typing import NDArray

ARRANGEMENT_LIMIT = 200_000
DRAWN_ARRANGEMENTS = 99_999
_SEED = 20_240_229
_BLOCK = 4096


def is_exhaustive(first_size: int, second_size: int) -> bool:
    """Whether all arrangements are few enough to be listed.

    Args:
        first_size: Values in the first group.
        second_size: Values in the second group.

    Returns:
        True where there are at most `ARRANGEMENT_LIMIT`.
    """
    return comb(first_size + second_size, first_size) <= ARRANGEMENT_LIMIT


@lru_cache(maxsize=4)
def arrangements(first_size: int, second_size: int) -> NDArray[np.int16]:
    """Pooled positions that each arrangement deals to the first group.

    Args:
        first_size: Values in the first group, at positions 0 to ``first_size - 1`` of the pooled values.
        second_size: Values in the second group, at the positions after them.

    Returns:
        Array of positions, shape (first_size, arrangements), read-only: all arrangements, the observed one first, or
        `DRAWN_ARRANGEMENTS` of them from a fixed generator, the same ones on every call.
    """
    exhaustive = is_exhaustive(first_size, second_size)
    picked_NA = _all(first_size, second_size) if exhaustive else _drawn(first_size, second_size)
    picked_NA.setflags(write=False)
    return picked_NA


@lru_cache(maxsize=2)
def membership(first_size: int, second_size: int) -> NDArray[np.uint8]:
    """Which pooled values each arrangement deals to the first group: 1 there, else 0.

    Args:
        first_size: Values in the first group.
        second_size: Values in the second group.

    Returns:
        Array of shape (arrangements, first_size + second_size), read-only; its rows are the columns of `arrangements`.
    """
    picked_NA = arrangements(first_size, second_size)
    dealt_AP = np.zeros((picked_NA.shape[1], first_size + second_size), np.uint8)
    dealt_AP[np.arange(len(dealt_AP)), picked_NA] = 1
    dealt_AP.setflags(write=False)
    return dealt_AP


def first_sums(values_VP: NDArray[np.float64], first_size: int) -> NDArray[np.float64]:
    """What each arrangement's first group adds up to.

    As a product of matrices, in blocks that stay small, this is much faster than picking values one by one.

    Args:
        values_VP: Pooled values of several kinds, shape (kinds, values).
        first_size: Values in the first group.

    Returns:
        Array of shape (kinds, arrangements).
    """
    dealt_AP = membership(first_size, values_VP.shape[1] - first_size)
    sum_VA = np.empty((len(values_VP), len(dealt_AP)))
    for start in range(0, len(dealt_AP), _BLOCK):
        block = slice(start, start + _BLOCK)
        sum_VA[:, block] = values_VP @ dealt_AP[block].astype(np.float64).T
    return sum_VA


def _all(first_size: int, second_size: int) -> NDArray[np.int16]:
    total = first_size + second_size
    flat = np.fromiter(chain.from_iterable(combinations(range(total), first_size)), dtype=np.int16)
    return np.ascontiguousarray(flat.reshape(-1, first_size).T)


def _drawn(first_size: int, second_size: int) -> NDArray[np.int16]:
    """Shuffle all draws at once, stopping each Fisher-Yates shuffle when the first group is full."""
    generator = np.random.default_rng(_SEED)
    total = first_size + second_size
    column_A = np.arange(DRAWN_ARRANGEMENTS)
    deck_NA = np.repeat(np.arange(total, dtype=np.int16)[:, None], DRAWN_ARRANGEMENTS, axis=1)
    for position in range(first_size):
        other_A = generator.integers(position, total, size=DRAWN_ARRANGEMENTS)
        taken_A = deck_NA[other_A, column_A]
        deck_NA[other_A, column_A] = deck_NA[position]
        deck_NA[position] = taken_A
    return deck_NA[:first_size].copy()


def are_exhaustive(sizes: Sequence[tuple[int, int]]) -> bool:
    """Whether all ways to deal the values of several strata, each within itself, are few enough to be listed.

    Args:
        sizes: Values in the first and in the second group of each stratum.

    Returns:
        True where there are at most `ARRANGEMENT_LIMIT`.
    """
    return prod(comb(first + second, first) for first, second in sizes) <= ARRANGEMENT_LIMIT


def joint_arrangements(sizes: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Which of its `arrangements` each stratum has in each joint arrangement.

    Args:
        sizes: Values in the first and in the second group of each stratum.

    Returns:
        Columns of the strata's `arrangements`, shape (strata, joint arrangements): all combinations, the observed one
        first, or `DRAWN_ARRANGEMENTS` of them from a fixed generator, each stratum dealt independently of the others.
        One stratum alone has exactly its own `arrangements`.
    """
    counts = [comb(first + second, first) for first, second in sizes]
    if are_exhaustive(sizes):
        return np.indices(counts).reshape(len(counts), -1)
    generator = np.random.default_rng([_SEED, len(counts)])
    joint_BA = np.empty((len(counts), DRAWN_ARRANGEMENTS), dtype=np.int64)
    for stratum, (count, of_stratum) in enumerate(zip(counts, sizes, strict=True)):
        if is_exhaustive(*of_stratum):
            joint_BA[stratum] = generator.integers(0, count, DRAWN_ARRANGEMENTS)
        else:
            # Strata of equal sizes have the same draws: in another order they are independent of each other.
            own = np.arange(DRAWN_ARRANGEMENTS)
            joint_BA[stratum] = own if stratum == 0 else generator.permutation(own)
    return joint_BA
