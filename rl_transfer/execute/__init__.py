"""Plan and carry out: a study to finished runs."""

from rl_transfer.execute.check import comparison_sizes
from rl_transfer.execute.estimate import minutes_left, steps_per_second
from rl_transfer.execute.examine_pair import Examination, examine_pair
from rl_transfer.execute.importing import Import, import_file
from rl_transfer.execute.local import Failure, Observer, assign_folders, count_workers, execute
from rl_transfer.execute.manifest import refuse_other_study, write_manifest
from rl_transfer.execute.new_pair import NewPair, write_pair
from rl_transfer.execute.plan import Plan, PlannedRun, plan_study
from rl_transfer.execute.sources import StoredSource, find_source, stored_sources
from rl_transfer.execute.tuned_study import tuned_file, write_tuned
from rl_transfer.execute.tuning import refuse_untunable, tune

__all__ = [
    "Examination",
    "Failure",
    "Import",
    "NewPair",
    "Observer",
    "Plan",
    "PlannedRun",
    "StoredSource",
    "assign_folders",
    "comparison_sizes",
    "count_workers",
    "examine_pair",
    "execute",
    "find_source",
    "import_file",
    "minutes_left",
    "plan_study",
    "refuse_other_study",
    "refuse_untunable",
    "steps_per_second",
    "stored_sources",
    "tune",
    "tuned_file",
    "write_manifest",
    "write_pair",
    "write_tuned",
]
