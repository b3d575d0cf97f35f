"""Plan and carry out: a study to finished runs."""

from rl_transfer.execute.early_runs import SHARE, plan_early
from rl_transfer.execute.estimate import minutes_left, steps_per_second
from rl_transfer.execute.examine_pair import Examination, examine_pair
from rl_transfer.execute.forecast import Cost, LookForecast, PairForecast, costs, forecast
from rl_transfer.execute.importing import Import, import_file
from rl_transfer.execute.local import Failure, assign_folders, count_workers, execute
from rl_transfer.execute.looks import execute_looks
from rl_transfer.execute.manifest import refuse_other_study, write_manifest
from rl_transfer.execute.new_pair import NewPair, write_pair
from rl_transfer.execute.observer import Observer, Silent
from rl_transfer.execute.plan import Plan, PlannedRun, plan_study
from rl_transfer.execute.reach import Reach, reaches
from rl_transfer.execute.selecting import select
from rl_transfer.execute.selection_files import identity_of, pair_file, stored_selection, write_selection
from rl_transfer.execute.selection_matrix import load_matrix
from rl_transfer.execute.sources import StoredSource, find_source, stored_sources
from rl_transfer.execute.tuned_study import tuned_file, write_tuned
from rl_transfer.execute.tuning import refuse_untunable, tune

__all__ = [
    "SHARE",
    "Cost",
    "Examination",
    "Failure",
    "Import",
    "LookForecast",
    "NewPair",
    "Observer",
    "PairForecast",
    "Plan",
    "PlannedRun",
    "Reach",
    "Silent",
    "StoredSource",
    "assign_folders",
    "costs",
    "count_workers",
    "examine_pair",
    "execute",
    "execute_looks",
    "find_source",
    "forecast",
    "identity_of",
    "import_file",
    "load_matrix",
    "minutes_left",
    "pair_file",
    "plan_early",
    "plan_study",
    "reaches",
    "refuse_other_study",
    "refuse_untunable",
    "select",
    "steps_per_second",
    "stored_selection",
    "stored_sources",
    "tune",
    "tuned_file",
    "write_manifest",
    "write_pair",
    "write_selection",
    "write_tuned",
]
