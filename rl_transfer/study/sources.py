"""The sources of a pair: its own and further ones, what each takes over from the pair, and what they are called."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, PositiveInt
from pydantic_core import PydanticCustomError

from rl_transfer.study.base import Frozen, Text, safe_name
from rl_transfer.study.learners import LearnerConfig
from rl_transfer.study.mapping import MappingConfig
from rl_transfer.study.task import TaskConfig

FIRST_SOURCE = "first"
"""What the pair's own source is called beside others."""
ONLY_SOURCE = "source"
"""What a run's source is called that is its only one."""


_TAKEN = {
    FIRST_SOURCE: "the pair's own source",
    ONLY_SOURCE: "any source that is the only one",
    "own": "the learner's own policy",
    **dict.fromkeys(("placebo", "sham", "reference"), "runs beside an arm's"),
}


def _source_name(name: str) -> str:
    if name in _TAKEN:
        raise PydanticCustomError("reserved", "this name stands for {what}: choose another", {"what": _TAKEN[name]})
    return safe_name(name)


SourceName = Annotated[str, AfterValidator(_source_name)]


class SourceBudgetConfig(Frozen):
    """Environment steps that training a further source may use."""

    source: PositiveInt


class SourceConfig(Frozen):
    """A further source of a pair, with the keys that the pair has for its own.

    Attributes:
        source: Its task.
        mapping: Between its spaces and the target's, where they differ.
        source_agent: A stored source that all seeds start from, instead of one trained for each seed.
        source_learner: What trains it, where that is not what trains the pair's own source.
        budget: ``{source: STEPS}``, where it is not the pair's.
        source_threshold_return: What it should reach on its task.
    """

    source: TaskConfig
    mapping: MappingConfig | None = None
    source_agent: Text | None = None
    source_learner: LearnerConfig | None = None
    budget: SourceBudgetConfig | None = None
    source_threshold_return: float


@dataclass(frozen=True)
class PairSource:
    """One of a pair's sources, with what it takes over from the pair.

    Attributes:
        name: What arms call it.
        task: Its task.
        mapping: Between its spaces and the target's, where they differ.
        learner: What trains it, where no agent is given.
        agent: The name of a stored source, where one is given.
        steps: What it is trained for; None where an agent is given.
        threshold_return: What it should reach on its task.
    """

    name: str
    task: TaskConfig
    mapping: MappingConfig | None
    learner: LearnerConfig
    agent: str | None
    steps: int | None
    threshold_return: float

    @classmethod
    def of(cls, name: str, said: SourceConfig, learner: LearnerConfig, steps: int | None) -> Self:
        """The source as the file has it, with the pair's learner and budget where it says nothing else."""
        return cls(
            name=name,
            task=said.source,
            mapping=said.mapping,
            learner=said.source_learner or learner,
            agent=said.source_agent,
            steps=None if said.source_agent is not None else steps if said.budget is None else said.budget.source,
            threshold_return=said.source_threshold_return,
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Where it stands in the pair's file."""
        return () if self.name == FIRST_SOURCE else ("other_sources", self.name)

    @property
    def arm(self) -> str:
        """What its runs are filed under."""
        return source_arm(self.name)


def source_arm(name: str, *, sham: bool = False) -> str:
    """What the runs of a pair's source are filed under: ``source``, ``source.NAME``, or with ``.sham`` after it."""
    own = "source" if name == FIRST_SOURCE else f"source.{name}"
    return f"{own}.sham" if sham else own
