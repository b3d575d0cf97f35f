"""What determines a run's result: the resolved specification that its key is made from."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator
from pydantic_core import PydanticCustomError

from rl_transfer.study.base import Frozen, Many, Named
from rl_transfer.study.config import TaskConfig
from rl_transfer.study.learners import LearnerConfig


class SourceSpec(Frozen):
    """Where a run's knowledge comes from: the source run's key, and whether it is scrambled (a placebo)."""

    key: str
    scrambled: bool = False


class RunSpec(Frozen):
    """One run, resolved: two runs with equal specifications have byte-identical curves.

    Attributes:
        role: A source run keeps what it leaves behind, and draws from its own seed branch.
        sham: The source's rewards are shuffled and its terminations hidden (sources only).
        task_digest: Digest of the environment's and the wrappers' source code.
        grid: Evaluation points in charged environment steps, 0 and the budget included.
        segment_steps: Charged steps between two checkpoints.
        code: Digest of this project's own code that carries out the run, its methods included.
        versions: Versions of the interpreter and of the libraries that the result depends on.
    """

    role: Literal["source", "target"]
    task: TaskConfig
    task_digest: str
    sham: bool = False
    learner: LearnerConfig
    methods: Many[Named] = ()
    source: SourceSpec | None = None
    grid: Annotated[Many[NonNegativeInt], Field(min_length=2)]
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
        if grid[0] != 0 or any(later <= earlier for earlier, later in pairwise(grid)):
            raise PydanticCustomError("grid", "must start at 0 and ascend")
        return grid

    @property
    def budget_steps(self) -> int:
        """Environment steps that training may use."""
        return self.grid[-1]
