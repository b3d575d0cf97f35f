"""Pure functions of arrays: the test behind verdicts, corrections for many of them, curve metrics."""

from rl_transfer.stats.aggregates import (
    interquartile_band,
    interquartile_mean,
    mean_band,
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
from rl_transfer.stats.rank_correlation import (
    FirstChoice,
    RankCorrelation,
    first_choice,
    partial_rank_correlation,
)
from rl_transfer.stats.ratio import ratio_interval
from rl_transfer.stats.representation import dead_share, effective_rank
from rl_transfer.stats.shift_test import (
    Interval,
    ShiftTest,
    interval,
    mean_interval,
    p_value,
    smallest_reachable_p,
    welch_interval,
)
from rl_transfer.stats.similarity import dynamics_error, linear_cka, rank_agreement, returns_to_go
from rl_transfer.stats.stratified import StratifiedTest
from rl_transfer.stats.student import prediction_p

__all__ = [
    "POWER",
    "FirstChoice",
    "Interval",
    "RankCorrelation",
    "RestrictedTime",
    "ShiftTest",
    "StratifiedTest",
    "asymptotic_score",
    "dead_share",
    "detectable_difference",
    "detection_power",
    "dynamics_error",
    "effective_rank",
    "equivalence_power",
    "fewest_seeds",
    "first_choice",
    "holm",
    "interquartile_band",
    "interquartile_mean",
    "interval",
    "jumpstart",
    "linear_cka",
    "mean_band",
    "mean_interval",
    "mean_score",
    "p_value",
    "partial_rank_correlation",
    "performance_profile",
    "prediction_p",
    "probability_of_improvement",
    "profile_band",
    "rank_agreement",
    "ratio_interval",
    "restricted_mean_time",
    "returns_to_go",
    "seeds_to_decide",
    "smallest_reachable_p",
    "steps_to_threshold",
    "to_score",
    "transfer_ratio",
    "welch_interval",
]
