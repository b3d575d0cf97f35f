"""Pure functions of arrays: the test behind verdicts, corrections for many of them, curve metrics."""

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
from rl_transfer.stats.planning import seeds_to_decide
from rl_transfer.stats.ratio import ratio_interval
from rl_transfer.stats.shift_test import (
    Interval,
    ShiftTest,
    interval,
    p_value,
    smallest_reachable_p,
    welch_interval,
)

__all__ = [
    "Interval",
    "RestrictedTime",
    "ShiftTest",
    "asymptotic_score",
    "holm",
    "interval",
    "jumpstart",
    "mean_score",
    "p_value",
    "ratio_interval",
    "restricted_mean_time",
    "seeds_to_decide",
    "smallest_reachable_p",
    "steps_to_threshold",
    "to_score",
    "transfer_ratio",
    "welch_interval",
]
