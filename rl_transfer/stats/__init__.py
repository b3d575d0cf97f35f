"""Pure functions of arrays: the test behind verdicts, corrections for many of them, curve metrics."""

from rl_transfer.stats.aggregates import (
    interquartile_band,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    profile_band,
)
from rl_transfer.stats.holm import holm
from rl_transfer.stats.metrics import (
    RestrictedTime,
    asymptotic_score,
    jumpstart,
    mean_score,
    restricted_mean_time,
    steps_to_threshold,
    to_score,
    transfer_ratio,
)
from rl_transfer.stats.planning import fewest_seeds, seeds_to_decide
from rl_transfer.stats.power import POWER, detectable_difference, detection_power, equivalence_power
from rl_transfer.stats.ratio import ratio_interval
from rl_transfer.stats.shift_test import (
    Interval,
    ShiftTest,
    interval,
    mean_interval,
    p_value,
    smallest_reachable_p,
    welch_interval,
)
from rl_transfer.stats.stratified import StratifiedTest

__all__ = [
    "POWER",
    "Interval",
    "RestrictedTime",
    "ShiftTest",
    "StratifiedTest",
    "asymptotic_score",
    "detectable_difference",
    "detection_power",
    "equivalence_power",
    "fewest_seeds",
    "holm",
    "interquartile_band",
    "interquartile_mean",
    "interval",
    "jumpstart",
    "mean_interval",
    "mean_score",
    "p_value",
    "performance_profile",
    "probability_of_improvement",
    "profile_band",
    "ratio_interval",
    "restricted_mean_time",
    "seeds_to_decide",
    "smallest_reachable_p",
    "steps_to_threshold",
    "to_score",
    "transfer_ratio",
    "welch_interval",
]
