"""What the scores of a target are measured by, for methods that compare returns."""

from collections.abc import Sequence
from dataclasses import dataclass

from rl_transfer.stats import to_score


@dataclass(frozen=True)
class Anchors:
    """Returns on the target: score = (return - random) / (reference - random), floored at worst.

    Attributes:
        random: Of a policy that acts at random.
        reference: Of one that has learned the task.
        worst: The lowest that counts.
    """

    random: float
    reference: float
    worst: float

    def mean_score(self, returns: Sequence[float]) -> float:
        """The mean score of episodes, at least one."""
        return float(to_score(returns, self.random, self.reference, self.worst)[0].mean())
