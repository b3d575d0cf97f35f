"""Score anchors for curves that other programs made: one for all pairs, or one a pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.study import ScoreConfig

Anchor = float | Mapping[str, float]
"""A return, or returns by pair, where the empty name stands for all pairs that are not named."""


@dataclass(frozen=True)
class Anchors:
    """Returns that scores are measured by.

    Attributes:
        random: Return of a random policy.
        reference: Return of a policy that has learned the task.
        worst: The floor; where none is given, the random return or the lowest of all, whichever is lower.
    """

    random: Anchor
    reference: Anchor
    worst: Anchor | None = None

    def of_pair(self, pair: str, returns: Sequence[float]) -> ScoreConfig:
        """The anchors of one pair.

        Args:
            pair: Its name.
            returns: All returns on it; NaN or infinite after a failure.

        Raises:
            ConfigError: If one is missing or not finite, they are out of order, or a run failed and no worst is given.
        """
        random, reference = _of(self.random, pair, "--random"), _of(self.reference, pair, "--reference")
        worst = min(random, *filter(isfinite, returns)) if self.worst is None else _of(self.worst, pair, "--worst")
        if not random < reference:
            raise ConfigError(f"must be above --random, {random:g}, not {reference:g} (pair {pair})", key="--reference")
        if not worst <= random:
            raise ConfigError(f"must be at most --random, {random:g}, not {worst:g} (pair {pair})", key="--worst")
        return ScoreConfig(random=random, reference=reference, worst=worst)

    def check_pairs(self, pairs: Sequence[str]) -> None:
        """Refuse anchors of pairs that are not there.

        Raises:
            ConfigError: Names the nearest pair.
        """
        for key, anchor in (("--random", self.random), ("--reference", self.reference), ("--worst", self.worst)):
            for pair in anchor if isinstance(anchor, Mapping) else ():
                if pair and pair not in pairs:
                    raise ConfigError(f"no pair {pair!r}; {nearest(pair, pairs)}", key=key)


def parse_anchor(texts: Sequence[str], key: str) -> dict[str, float]:
    """Read an anchor from a command line: ``20``, ``cartpole=20``, or several of these.

    Args:
        texts: The texts.
        key: The option they were given with, for errors.

    Returns:
        The returns by pair, the empty name standing for all others.

    Raises:
        ConfigError: If one is no number, or stands twice.
    """
    found: dict[str, float] = {}
    for text in texts:
        pair, _, number = text.rpartition("=")
        if pair in found:
            raise ConfigError(f"is given twice{f' for {pair}' if pair else ''}", key=key)
        try:
            found[pair] = float(number)
        except ValueError:
            raise ConfigError(f"needs a return such as 20, or PAIR=20, not {text!r}", key=key) from None
    return found


def _of(anchor: Anchor, pair: str, key: str) -> float:
    if not isinstance(anchor, Mapping):
        value = float(anchor)
    elif not anchor:
        raise ConfigError(f"is needed: give {key} RETURN", key=key)
    elif pair in anchor or "" in anchor:
        value = anchor[pair] if pair in anchor else anchor[""]
    else:
        raise ConfigError(f"is missing for pair {pair}: give {key} {pair}=RETURN", key=key)
    if not isfinite(value):
        raise ConfigError(f"must be a finite return, not {'nan' if isnan(value) else value}", key=key)
    return value
