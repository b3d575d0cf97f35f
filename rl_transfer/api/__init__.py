"""The public Python API: what the commands do, as functions."""

from rl_transfer.api.agents import export_actor
from rl_transfer.api.looking import tensorboard_of
from rl_transfer.api.pairs import new_pair
from rl_transfer.api.playing import play_runs
from rl_transfer.api.selecting import rate_predictors, select_source
from rl_transfer.api.sources import import_source, train_sources
from rl_transfer.api.studies import StudyOutcome, plan, report_study, run_study
from rl_transfer.api.tuning import tune_study

__all__ = [
    "StudyOutcome",
    "export_actor",
    "import_source",
    "new_pair",
    "plan",
    "play_runs",
    "rate_predictors",
    "report_study",
    "run_study",
    "select_source",
    "tensorboard_of",
    "train_sources",
    "tune_study",
]
