"""The members' random generators, and start states drawn ahead from them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

# One draw of this many start states takes about as long as a draw of one.
_AHEAD = 32

Draw = Callable[[np.random.Generator, int, int], NDArray[np.float64]]


class Starts:
    """Start states for N members, each from a generator of its own, as the single environments would draw them.

    They are drawn many at a time. Whoever looks at the generators finds them as if they had been drawn one by one,
    and from then on they are: a generator that somebody else holds must not run ahead.

    Args:
        members: Number of members.
        width: Numbers drawn for one start.
        draw: Makes starts of shape (count, width) from a generator, for a member.
    """

    def __init__(self, members: int, width: int, draw: Draw) -> None:
        self._draw = draw
        self._generators: list[np.random.Generator | None] = [None] * members
        self._seeds: list[int | None] = [None] * members
        self._states: list[Any] = [None] * members
        self._start_NKW = np.empty((members, _AHEAD, width))
        self._used_N = np.full(members, _AHEAD)
        self._watched = False

    def seed(self, member: int, seed: int | None) -> None:
        """Start a member's generator anew; without a seed, let it run on."""
        if seed is not None:
            self._generators[member], self._seeds[member] = seeding.np_random(seed)
            self._used_N[member] = _AHEAD

    def generator(self, member: int) -> np.random.Generator:
        """A member's generator, after the starts that were taken, to keep."""
        self._watched = True
        return self.lend(member)

    def lend(self, member: int) -> np.random.Generator:
        """A member's generator, after the starts that were taken, to draw from before the next start."""
        self._rewind(member)
        return self._generator(member)

    def seed_of(self, member: int) -> int | None:
        """What a member's generator was seeded with."""
        self._generator(member)
        return self._seeds[member]

    def take(self, member_M: NDArray[np.intp]) -> NDArray[np.float64]:
        """The next start of each of M different members, shape (M, width)."""
        used_M = self._used_N[member_M]
        if (used_M == _AHEAD).any():
            for member in member_M[used_M == _AHEAD].tolist():
                self._refill(member)
            used_M = self._used_N[member_M]
        self._used_N[member_M] = used_M + 1
        starts: NDArray[np.float64] = self._start_NKW[member_M, used_M]
        return starts

    def _refill(self, member: int) -> None:
        generator = self._generator(member)
        self._states[member] = generator.bit_generator.state
        count = 1 if self._watched else _AHEAD
        self._start_NKW[member, _AHEAD - count :] = self._draw(generator, member, count)
        self._used_N[member] = _AHEAD - count

    def _rewind(self, member: int) -> None:
        """Take back the starts drawn ahead and not used."""
        used = int(self._used_N[member])
        if used < _AHEAD:
            generator = self._generator(member)
            generator.bit_generator.state = self._states[member]
            self._draw(generator, member, used)
            self._used_N[member] = _AHEAD

    def _generator(self, member: int) -> np.random.Generator:
        generator = self._generators[member]
        if generator is None:
            generator, self._seeds[member] = seeding.np_random()
            self._generators[member] = generator
        return generator
