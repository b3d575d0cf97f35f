"""Environments: making them from a task, charging their steps, evaluating in them."""

from rl_transfer.tasks.evaluate import Episodes, evaluate
from rl_transfer.tasks.make import TaskFacts, inspect_task, make
from rl_transfer.tasks.meter import Charged, Meter
from rl_transfer.tasks.sham import Sham
from rl_transfer.tasks.spaces import refuse_different_spaces

__all__ = [
    "Charged",
    "Episodes",
    "Meter",
    "Sham",
    "TaskFacts",
    "evaluate",
    "inspect_task",
    "make",
    "refuse_different_spaces",
]
