"""What the seeds of a study could decide at best."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from rl_transfer.stats import smallest_reachable_p
from rl_transfer.study import ArmConfig, StudyConfig


@dataclass(frozen=True)
class Reach:
    """One family of comparisons at one look.

    Attributes:
        look: Number of the look, from 1.
        family: "total", "knowledge" or "sham".
        arm: Runs of an arm.
        baseline: Runs of what it is compared with.
        arms: Arms of a pair, which share the look's level.
        level: Error level of each comparison.
        smallest_p: The smallest p-value that so many runs can have.
    """

    look: int
    family: str
    arm: int
    baseline: int
    arms: int
    level: float
    smallest_p: float

    @property
    def decides(self) -> bool:
        """Whether the comparison could come out other than inconclusive."""
        return self.smallest_p <= self.level


def reaches(config: StudyConfig, pairs: Iterable[str]) -> list[Reach]:
    """What each look of a study could decide on these pairs, by family; each once."""
    return list(dict.fromkeys(reach for pair in pairs for reach in _reaches(config, config.arms_on(pair).values())))


def _reaches(config: StudyConfig, arms: Collection[ArmConfig]) -> list[Reach]:
    found = []
    for number, look in enumerate(config.looks, start=1):
        sizes = {"total": (look.seeds, look.baseline_seeds)}
        if any(arm.placebo for arm in arms):
            sizes["knowledge"] = (look.seeds, look.seeds)
        if any(arm.sham for arm in arms):
            sizes["sham"] = (look.seeds, look.seeds)
        level = look.alpha / len(arms)
        found += [
            Reach(number, family, size, baseline, len(arms), level, smallest_reachable_p(baseline, size))
            for family, (size, baseline) in sizes.items()
        ]
    return found
