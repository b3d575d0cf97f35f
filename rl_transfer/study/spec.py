"""What determines a run's result: the resolved specification that its key is made from."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import NonNegativeInt, PositiveInt, field_validator, model_validator
from pydantic_core import PydanticCustomError

from rl_transfer.study.base import Frozen, Many, Named, Text
from rl_transfer.study.config import ScoreConfig
from rl_transfer.study.learners import LearnerConfig
from rl_transfer.study.mapping import MappingConfig
from rl_transfer.study.sources import ONLY_SOURCE
from rl_transfer.study.task import TaskConfig


class SourceSpec(Frozen):
    """Where a run's knowledge comes from: the source run's key, and whether it is scrambled (a placebo).

    Attributes:
        name: What the pair calls it, where the run has further sources; None where it is the only one.
    """

    key: str
    scrambled: bool = False
    name: Text | None = None


class OtherSourceSpec(Frozen):
    """A further source of a run, scrambled if the first one is.

    Attributes:
        name: What the pair calls it.
        key: The source run's.
        mapping: Between its spaces and this task's; None where they are the same.
    """

    name: Text
    key: str
    mapping: MappingConfig | None = None


class ImportedFile(Frozen):
    """Where an agent came from that was not trained here.

    Attributes:
        file: The file's name.
        sha256: Digest of its content.
        statistics_sha256: Digest of the file of running statistics, where one was given.
        release: Stable-Baselines3's version that wrote it; None where the file does not say.
        backbone: Whether it is a vision backbone: only the role ``features`` has tensors, and nothing can play.
        steps: Environment steps that it was trained for, as the file says.
        notes: What could not be taken over, or had to be assumed.
    """

    file: Text
    sha256: Text
    statistics_sha256: str | None = None
    release: str | None = None
    backbone: bool = False
    steps: NonNegativeInt | None = None
    notes: Many[str] = ()


class RunSpec(Frozen):
    """One run, resolved: two runs with equal specifications have byte-identical curves.

    Attributes:
        role: A source run keeps what it leaves behind. A reference run learns the target from scratch, for a method to
            look at and no verdict to use. Each role draws from its own seed branch.
        sham: The source's rewards are shuffled and its terminations hidden (sources only).
        mapping: Between the source's spaces and this task's; None where they are the same, or there is no source.
        other_sources: Where else its knowledge comes from.
        task_digest: Digest of the environment's and the wrappers' source code.
        references: Keys of the from-scratch runs that a method compares the run with.
        imported: For an agent that a stranger trained: its file. Its run is the evaluation at step 0.
        grid: Evaluation points in charged environment steps, 0 and the budget included.
        horizon_steps: The budget that schedules follow, where training stops before it.
        anchors: What scores are measured by, where a method adapts to them.
        segment_steps: Charged steps between two checkpoints.
        code: Digest of this project's own code that carries out the run, its methods included.
        versions: Versions of the interpreter and of the libraries that the result depends on.
    """

    role: Literal["source", "reference", "target"]
    task: TaskConfig
    task_digest: str
    sham: bool = False
    learner: LearnerConfig
    methods: Many[Named] = ()
    source: SourceSpec | None = None
    mapping: MappingConfig | None = None
    other_sources: Many[OtherSourceSpec] = ()
    references: Many[str] = ()
    imported: ImportedFile | None = None
    grid: Many[NonNegativeInt]
    horizon_steps: PositiveInt | None = None
    anchors: ScoreConfig | None = None
    episodes: PositiveInt
    deterministic: bool
    segment_steps: PositiveInt
    threads: PositiveInt = 1
    device: str = "cpu"
    seed: NonNegativeInt
    code: str
    versions: dict[str, str]

    @field_validator("grid")
    @classmethod
    def _ascending_from_0(cls, grid: tuple[int, ...]) -> tuple[int, ...]:
        if grid[:1] != (0,) or any(later <= earlier for earlier, later in pairwise(grid)):
            raise PydanticCustomError("grid", "must start at 0 and ascend")
        return grid

    @model_validator(mode="after")
    def _only_imported_agents_have_no_budget(self) -> Self:
        if (len(self.grid) == 1) != (self.imported is not None):
            raise PydanticCustomError("grid", "an imported agent's grid is (0,), any other has a budget after 0")
        return self

    @model_validator(mode="after")
    def _further_sources_are_told_apart(self) -> Self:
        names = [one.name for one in (self.source, *self.other_sources) if one is not None]
        if self.other_sources and (None in names or len(set(names)) < 1 + len(self.other_sources)):
            raise PydanticCustomError("sources", "several sources need names, each its own")
        return self

    @model_validator(mode="after")
    def _schedules_last_as_long_as_training(self) -> Self:
        if self.horizon_steps is not None and self.horizon_steps < self.grid[-1]:
            raise PydanticCustomError("grid", "schedules must follow at least the steps that are trained")
        return self

    @property
    def source_keys(self) -> tuple[str, ...]:
        """Keys of the source runs that its knowledge comes from; none for a run that uses none."""
        first = () if self.source is None else (self.source.key,)
        return (*first, *(other.key for other in self.other_sources))

    @property
    def source_names(self) -> tuple[str, ...]:
        """What the pair calls them, where there are several."""
        first = () if self.source is None else (self.source.name or ONLY_SOURCE,)
        return (*first, *(other.name for other in self.other_sources))

    @property
    def budget_steps(self) -> int:
        """Environment steps that training may use."""
        return self.grid[-1]
