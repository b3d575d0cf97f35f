"""How many runs a decision would take."""

from bisect import bisect_left
from math import sqrt

from rl_transfer.stats.checks import check_level
from rl_transfer.stats.permutation import smallest_reachable_p
from rl_transfer.stats.student import critical_value

MOST_SEEDS = 1000


def seeds_to_decide(
    difference: float, baseline_spread: float, arm_spread: float, *, level: float, margin: float, seeds_so_far: int
) -> int | None:
    """Smallest number of seeds on each side that would decide, if difference and spread stay as observed.

    Deciding means that Welch's interval at this level excludes 0 or lies within the margin, and that a permutation test
    of so many runs can reach the level. A forecast from few runs is itself uncertain.

    Args:
        difference: Observed mean(arm) - mean(baseline), in score.
        baseline_spread: Observed standard deviation of the baseline's runs.
        arm_spread: Observed standard deviation of the arm's runs.
        level: Two-sided error level in (0, 1).
        margin: Differences inside +-margin are negligible.
        seeds_so_far: Only larger numbers are considered.

    Returns:
        The number, or None where it lies above `MOST_SEEDS`.

    Raises:
        ValueError: If the level is outside (0, 1) or a spread is negative.
    """
    check_level(level)
    if min(baseline_spread, arm_spread) < 0.0:
        raise ValueError(f"a spread can't be negative: {baseline_spread}, {arm_spread}")

    def decides(seeds: int) -> bool:
        reach = _welch_reach(baseline_spread, arm_spread, seeds, level)
        off_zero, negligible = abs(difference) > reach, abs(difference) + reach < margin
        return (off_zero or negligible) and smallest_reachable_p(seeds, seeds) <= level

    # More seeds never undo a decision, so the first that decides can be found by halving.
    candidates = range(max(2, seeds_so_far + 1), MOST_SEEDS + 1)
    place = bisect_left(candidates, True, key=decides)
    return candidates[place] if place < len(candidates) else None


def _welch_reach(baseline_spread: float, arm_spread: float, seeds: int, level: float) -> float:
    """Half the width of Welch's interval for equal numbers of seeds."""
    largest = max(baseline_spread, arm_spread)
    if largest == 0.0:
        return 0.0
    ratio = (min(baseline_spread, arm_spread) / largest) ** 2
    freedom = (seeds - 1) * (1.0 + ratio) ** 2 / (1.0 + ratio**2)
    return largest * sqrt((1.0 + ratio) / seeds) * critical_value(level, freedom)


def fewest_seeds(level: float) -> int | None:
    """Smallest number of seeds on each side with which any decision at this level is possible.

    Args:
        level: Two-sided error level in (0, 1).

    Returns:
        The number, or None where it lies above `MOST_SEEDS`.

    Raises:
        ValueError: If the level is outside (0, 1).
    """
    check_level(level)
    return next((seeds for seeds in range(2, MOST_SEEDS + 1) if smallest_reachable_p(seeds, seeds) <= level), None)
