"""Environments: making them from a task, charging their steps, evaluating in them."""

from rl_transfer.tasks.evaluate import Episodes, as_batch, evaluate
from rl_transfer.tasks.index_map import IndexMap, resize_matrix
from rl_transfer.tasks.make import TaskFacts, inspect_task, keyword_parameters, keywords, make
from rl_transfer.tasks.map_spaces import map_spaces
from rl_transfer.tasks.mapping import Part, SpaceMapping
from rl_transfer.tasks.meter import Charged, Episode, LimitReachedError, Meter
from rl_transfer.tasks.outcomes import task_outcomes
from rl_transfer.tasks.sham import Sham
from rl_transfer.tasks.spaces import HasSpaces, as_given, as_stored, feature_count
from rl_transfer.tasks.vector import ChargedMembers, TaskEnvironments, vector_environment

__all__ = [
    "Charged",
    "ChargedMembers",
    "Episode",
    "Episodes",
    "HasSpaces",
    "IndexMap",
    "LimitReachedError",
    "Meter",
    "Part",
    "Sham",
    "SpaceMapping",
    "TaskEnvironments",
    "TaskFacts",
    "as_batch",
    "as_given",
    "as_stored",
    "evaluate",
    "feature_count",
    "inspect_task",
    "keyword_parameters",
    "keywords",
    "make",
    "map_spaces",
    "resize_matrix",
    "task_outcomes",
    "vector_environment",
]
