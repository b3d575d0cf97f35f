"""One tree of seeds: every use of randomness has a named branch, so that none disturbs another."""

from typing import Literal
from zlib import crc32

import numpy as np

Branch = Literal[
    "initial",
    "segment",
    "environment",
    "evaluation",
    "method",
    "pretraining",
    "scramble",
    "fisher",
    "demonstrations",
    "probe",
    "play",
]


def sequence(role: str, seed: int, branch: Branch, *place: int) -> np.random.SeedSequence:
    """The seed sequence of one branch.

    Args:
        role: The run's: two roles never share a stream, though they share the seed index.
        seed: The run's seed index.
        branch: What the randomness is for.
        place: Counters inside the branch, such as segment or episode.

    Returns:
        A sequence that no other arguments give.
    """
    return np.random.SeedSequence([crc32(role.encode()), seed, crc32(branch.encode())], spawn_key=place)


def integer(role: str, seed: int, branch: Branch, *place: int) -> int:
    """A 31-bit seed of one branch, for libraries that take an integer."""
    return int(sequence(role, seed, branch, *place).generate_state(1)[0] >> 1)


def generator(role: str, seed: int, branch: Branch, *place: int) -> np.random.Generator:
    """A NumPy generator of one branch."""
    return np.random.default_rng(sequence(role, seed, branch, *place))
