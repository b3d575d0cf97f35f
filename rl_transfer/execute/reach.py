"""What the seeds of a study could decide at best."""

from dataclasses import dataclass

from rl_transfer.stats import smallest_reachable_p
from rl_transfer.study import StudyConfig


@dataclass(frozen=True)
class Reach:
    """One family of comparisons at one look.

    Attributes:
        look: Number of the look, from 1.
        family: "total", "knowledge" or "sham".
        arm: Runs of an arm.
        baseline: Runs of what it is compared with.
        level: Error level of each comparison.
        smallest_p: The smallest p-value that so many runs can have.
    """

    look: int
    family: str
    arm: int
    baseline: int
    level: float
    smallest_p: float

    @property
    def decides(self) -> bool:
        """Whether the comparison could come out other than inconclusive."""
        return self.smallest_p <= self.level


def reaches(config: StudyConfig) -> list[Reach]:
    """What each look of a study could decide, by family."""
    found = []
    for number, look in enumerate(config.looks, start=1):
        sizes = {"total": (look.seeds, look.baseline_seeds)}
        if any(arm.placebo for arm in config.arms.values()):
            sizes["knowledge"] = (look.seeds, look.seeds)
        if any(arm.sham for arm in config.arms.values()):
            sizes["sham"] = (look.seeds, look.seeds)
        level = look.alpha / len(config.arms)
        found += [
            Reach(number, family, arm, baseline, level, smallest_reachable_p(baseline, arm))
            for family, (arm, baseline) in sizes.items()
        ]
    return found
