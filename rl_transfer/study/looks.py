"""When a study looks at its runs, and how much of its error level each look may use."""

from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BaseModel, Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from rl_transfer.study.base import Frozen, Many

_SHARES = (0.2, 0.3, 0.5)

_Seeds = Annotated[int, Field(ge=2)]
_Alpha = Annotated[float, Field(gt=0, lt=1)]


class Look(BaseModel):
    """One look at the runs of every arm that is not decided yet.

    Attributes:
        seeds: Runs of an arm and of its controls by then.
        baseline_seeds: Runs from scratch by then.
        alpha: The look's share of the study's error level.
    """

    seeds: int
    baseline_seeds: int
    alpha: float


class LooksConfig(Frozen):
    """Seeds added look by look, for as long as an arm is not decided.

    Attributes:
        looks: Seeds of an arm at each look.
        alphas: The looks' error levels, which add up to the study's; three looks share it 2 : 3 : 5 if they are left
            out.
    """

    looks: Annotated[Many[_Seeds], Field(min_length=2)] = (6, 12, 20)
    alphas: Many[_Alpha] | None = None

    @field_validator("looks")
    @classmethod
    def _rising(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        if any(later <= earlier for earlier, later in pairwise(looks)):
            raise PydanticCustomError("looks", "must rise from look to look")
        return looks

    @model_validator(mode="after")
    def _one_level_a_look(self) -> Self:
        if self.alphas is None and len(self.looks) != len(_SHARES):
            text = "is missing: give {count} levels, one a look, that add up to alpha"
            raise PydanticCustomError("looks", text, {"count": len(self.looks), "key": "alphas"})
        if self.alphas is not None and len(self.alphas) != len(self.looks):
            text = "needs one level a look: {looks} looks, {alphas} levels"
            counts = {"looks": len(self.looks), "alphas": len(self.alphas), "key": "alphas"}
            raise PydanticCustomError("looks", text, counts)
        return self

    def levels(self, alpha: float) -> tuple[float, ...]:
        """Error level of each look."""
        return self.alphas or tuple(share * alpha for share in _SHARES)


def _kind(value: Any) -> str:
    return "sequence" if isinstance(value, dict | LooksConfig) else "number"


SeedsConfig = Annotated[
    Annotated[_Seeds, Tag("number")] | Annotated[LooksConfig, Tag("sequence")], Discriminator(_kind)
]
"""Seeds of an arm: a number, or looks."""


def _several(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "single"


BaselineSeedsConfig = Annotated[
    Annotated[Annotated[int, Field(gt=0)], Tag("single")] | Annotated[Many[Annotated[int, Field(gt=0)]], Tag("list")],
    Discriminator(_several),
]
"""Seeds from scratch: a number, or one a look."""


def planned_looks(
    seeds: int | LooksConfig, baseline_seeds: int | tuple[int, ...] | None, alpha: float
) -> tuple[Look, ...]:
    """The looks of a study, of which there is at least one.

    Args:
        seeds: Seeds of an arm.
        baseline_seeds: Seeds from scratch; as many as an arm's by default.
        alpha: The study's error level.
    """
    looks = seeds.looks if isinstance(seeds, LooksConfig) else (seeds,)
    alphas = seeds.levels(alpha) if isinstance(seeds, LooksConfig) else (alpha,)
    if baseline_seeds is None:
        baseline_seeds = looks
    elif isinstance(baseline_seeds, int):
        baseline_seeds = (baseline_seeds,)
    return tuple(
        Look(seeds=arm, baseline_seeds=baseline, alpha=level)
        for arm, baseline, level in zip(looks, baseline_seeds, alphas, strict=True)
    )
