"""How hyperparameters were tuned: the record that ``rl-transfer tune`` writes into a study."""

from typing import Annotated

from pydantic import Field, JsonValue, NonNegativeInt, PositiveInt

from rl_transfer.study.base import Frozen, Many, Text

FIRST_TUNING_SEED = 1_000_000
"""Seed indices from here on are for tuning: no study's verdict uses them."""


class RangeConfig(Frozen):
    """The numbers from ``low`` to ``high``, both included; drawn by their logarithm if ``log``."""

    low: float
    high: float
    log: bool = False


class ChoicesConfig(Frozen):
    """A few values, in no order."""

    choices: Annotated[Many[JsonValue], Field(min_length=1)]


class TunedConfig(Frozen):
    """What tuning found for one arm, or for training from scratch.

    Attributes:
        learner: Hyperparameters that differ from the pair's learner, as the arm has them.
        default_score: Objective of the hyperparameters that the study had before, which were the first trial.
        best_score: Objective of ``learner``: the best of several noisy numbers, so rather too high.
        best_trial: The trial that reached it, counted from 1.
        failed_runs: Runs over all trials that diverged or whose environment failed.
    """

    learner: dict[str, JsonValue] = Field(default={})
    default_score: float
    best_score: float
    best_trial: PositiveInt
    failed_runs: NonNegativeInt = 0


class TuningConfig(Frozen):
    """How hyperparameters were tuned, the same for scratch and for all arms.

    Attributes:
        objective: What was maximised.
        sampler: What proposed the trials.
        trials: Trials of each arm, the default hyperparameters included.
        seeds: Seed indices that every trial was trained with; verdicts never use them.
        pair: Name of the pair that was tuned on.
        settings: The pair as it was: tasks, learner, budget, and all else that scores depend on.
        steps: Steps on the target in each run.
        space: Where hyperparameters were looked for, by name.
        arms: What was found, by arm; ``scratch`` among them.
        versions: Of the libraries whose numbers the choice depends on.
    """

    objective: Text
    sampler: Text
    trials: PositiveInt
    seeds: Annotated[Many[NonNegativeInt], Field(min_length=1)]
    pair: Text
    settings: dict[str, JsonValue]
    steps: PositiveInt
    space: dict[str, RangeConfig | ChoicesConfig]
    arms: dict[str, TunedConfig]
    versions: dict[str, str]
