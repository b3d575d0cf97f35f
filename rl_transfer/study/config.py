"""The frozen types behind study and pair files; every YAML key is a field here or in :mod:`.learners`."""

from itertools import pairwise
from math import isclose
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from rl_transfer.study.base import Frozen, Many, Named, Text, safe_name
from rl_transfer.study.learners import LearnerConfig
from rl_transfer.study.looks import BaselineSeedsConfig, Look, LooksConfig, SeedsConfig, planned_looks
from rl_transfer.study.mapping import MappingConfig
from rl_transfer.study.sources import FIRST_SOURCE, PairSource, SourceConfig, SourceName
from rl_transfer.study.task import TaskConfig
from rl_transfer.study.tuning import FIRST_TUNING_SEED, TuningConfig


def _arm_name(name: str) -> str:
    if name in ("scratch", "source"):
        raise PydanticCustomError("reserved", "an arm of this name is made by itself: remove it or rename it")
    return safe_name(name)


ArmName = Annotated[str, AfterValidator(_arm_name)]


class BudgetConfig(Frozen):
    """Environment steps that training may use; the source's may be left out where nothing trains a source.

    Attributes:
        horizon: The budget that schedules follow on the target, where training stops before it.
    """

    source: PositiveInt | None = None
    target: PositiveInt
    horizon: PositiveInt | None = None

    @field_validator("horizon")
    @classmethod
    def _not_before_the_budget(cls, horizon: int | None, found: ValidationInfo) -> int | None:
        target = found.data.get("target")
        if horizon is not None and target is not None and horizon < target:
            raise PydanticCustomError("horizon", "must be at least the target's budget of {target}", {"target": target})
        return horizon


class EvaluationConfig(Frozen):
    """The grid of the curve: points over the budget, step 0 and the budget included."""

    points: Annotated[int, Field(ge=2)] = 11
    episodes: PositiveInt = 10
    deterministic: bool = True


class ScoreConfig(Frozen):
    """Score anchors, as returns on the target: score = (return - random) / (reference - random), floored at worst."""

    random: float
    reference: float
    worst: float

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.worst <= self.random < self.reference:
            raise PydanticCustomError("anchors", "needs worst <= random < reference")
        return self


class PairConfig(Frozen):
    """Source task, target task and the defaults for learning and measuring on them.

    Attributes:
        family: The kind of task, for ``list pairs``.
        known: A sentence on what is known about transfer on this pair, or that nothing is.
        learner_from: Where the learner's hyperparameters come from.
        minutes: What one run on the target takes on one core.
        source_agent: A stored source that all seeds start from, by its name in ``rl-transfer source list``, instead of
            one trained for each seed.
        source_learner: What trains the sources, where that is not ``learner``.
        other_sources: Further sources by name; beside them the pair's own is called ``first``.
    """

    description: str = ""
    family: Text | None = None
    known: str = ""
    learner_from: str = ""
    minutes: PositiveFloat | None = None
    source: TaskConfig
    target: TaskConfig
    mapping: MappingConfig | None = None
    learner: LearnerConfig
    source_agent: Text | None = None
    source_learner: LearnerConfig | None = None
    budget: BudgetConfig
    evaluation: EvaluationConfig = EvaluationConfig()
    score: ScoreConfig
    threshold_score: float
    source_threshold_return: float
    other_sources: dict[SourceName, SourceConfig] = Field(default={})

    @property
    def sources(self) -> dict[str, PairSource]:
        """All sources by name, the pair's own first."""
        first = SourceConfig(
            source=self.source,
            mapping=self.mapping,
            source_agent=self.source_agent,
            source_learner=self.source_learner,
            source_threshold_return=self.source_threshold_return,
        )
        learner = self.source_learner or self.learner
        return {
            name: PairSource.of(name, said, learner, self.budget.source)
            for name, said in {FIRST_SOURCE: first, **self.other_sources}.items()
        }

    @property
    def settings(self) -> dict[str, JsonValue]:
        """All that scores depend on, as the file has it; what is for people alone and the thresholds are left out."""
        about = {"description", "family", "known", "learner_from", "minutes"}
        left_out = dict.fromkeys([*about, "threshold_score", "source_threshold_return"], True)
        others = {name: {"source_threshold_return"} for name in self.other_sources}
        return self.model_dump(mode="json", exclude_unset=True, exclude={**left_out, "other_sources": others})


class RungConfig(Frozen):
    """One step of a ladder.

    Attributes:
        distance: How far its source is from the target.
        value: What makes it so.
        source_threshold_return: What its sources should reach, where that is not what the pair says.
    """

    distance: NonNegativeFloat
    value: JsonValue
    source_threshold_return: float | None = None


class LadderConfig(Frozen):
    """A pair in several variants, whose sources lie further and further from the target.

    Attributes:
        name: Its variants are called NAME_DISTANCE.
        pair: The pair, a shipped name or a path.
        key: The key of the pair that is varied, such as ``source.kwargs.gravity``.
        distance: What the distances are, for the plot's axis.
        rungs: The variants; each becomes a pair.
    """

    name: ArmName
    pair: Text
    key: Annotated[str, Field(pattern=r"^source(\.[^.]+)+$")]
    distance: Text
    rungs: Annotated[Many[RungConfig], Field(min_length=2)]

    @field_validator("rungs")
    @classmethod
    def _rising(cls, rungs: tuple[RungConfig, ...]) -> tuple[RungConfig, ...]:
        distances = [rung.distance for rung in rungs]
        if any(later <= earlier for earlier, later in pairwise(distances)):
            raise PydanticCustomError("rungs", "distances must rise from rung to rung")
        return rungs


class ScratchConfig(Frozen):
    """Training from scratch, which every arm is compared with.

    Attributes:
        learner: Hyperparameters laid over the pair's learner, for these runs alone.
    """

    learner: dict[str, JsonValue] = Field(default={})


class ArmConfig(Frozen):
    """A named list of methods, run also on scrambled knowledge (placebo) and on a sham source if asked.

    Attributes:
        learner: Hyperparameters laid over the pair's learner, for this arm, its placebo and its sham; sources keep the
            pair's.
        sources: The pair's sources that it uses; all of them by default.
        pairs: The study's pairs that it is run on; all of them by default.
    """

    methods: Annotated[Many[Named], Field(min_length=1)]
    placebo: bool = True
    sham: bool = False
    learner: dict[str, JsonValue] = Field(default={})
    sources: Annotated[Many[Text], Field(min_length=1)] | None = None
    pairs: Annotated[Many[Text], Field(min_length=1)] | None = None

    @field_validator("sources", "pairs")
    @classmethod
    def _each_once(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for index, name in enumerate(names or ()):
            if name in (names or ())[:index]:
                raise PydanticCustomError("sources", "names {name} twice: name each once", {"name": name})
        return names


class StudyConfig(Frozen):
    """Pairs x arms x seeds, with the settings of the verdict.

    ``learner``, ``budget``, ``evaluation`` and ``score`` are laid over every pair's own; another algorithm replaces
    the whole ``learner``.

    Attributes:
        pairs: Shipped names or paths.
        ladders: Pairs in variants of graded distance.
        matrix: Pairs by a short name; the target of each becomes the source of every other.
        seeds: Seeds of an arm, or looks: seeds are then added as long as an arm is not decided.
        baseline_seeds: Seeds from scratch, one number a look; as many as an arm's by default, up to twice as many.
        signals: Whether runs log, beside the curve, what explains transfer; no result depends on it.
        tuning: How the hyperparameters of scratch and the arms were tuned, where they were.
    """

    description: str = ""
    pairs: Many[str] = ()
    ladders: Many[LadderConfig] = ()
    matrix: dict[ArmName, Text] = Field(default={})
    arms: Annotated[dict[ArmName, ArmConfig], Field(min_length=1)]
    scratch: ScratchConfig = ScratchConfig()
    seeds: SeedsConfig = 6
    first_seed: NonNegativeInt = 0
    baseline_seeds: BaselineSeedsConfig | None = None
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    margin: PositiveFloat = 0.10
    device: Literal["cpu", "cuda"] = "cpu"
    segment_steps: PositiveInt | None = None
    signals: bool = True
    learner: dict[str, JsonValue] = Field(default={})
    budget: dict[str, JsonValue] = Field(default={})
    evaluation: dict[str, JsonValue] = Field(default={})
    score: dict[str, JsonValue] = Field(default={})
    tuning: TuningConfig | None = None

    @property
    def looks(self) -> tuple[Look, ...]:
        """When the runs are judged; a study whose seeds are a number is judged once."""
        return planned_looks(self.seeds, self.baseline_seeds, self.alpha)

    def arms_on(self, pair: str) -> dict[str, ArmConfig]:
        """The arms that are run on a pair, by name."""
        return {name: arm for name, arm in self.arms.items() if arm.pairs is None or pair in arm.pairs}

    @model_validator(mode="after")
    def _has_an_error_level_for_its_looks(self) -> Self:
        if isinstance(self.seeds, LooksConfig) and not isclose(total := sum(self.seeds.levels(self.alpha)), self.alpha):
            text = "must add up to the study's alpha of {alpha}, not to {total}"
            found = {"alpha": f"{self.alpha:g}", "total": f"{total:g}", "key": ("seeds", "alphas")}
            raise PydanticCustomError("looks", text, found)
        return self

    @model_validator(mode="after")
    def _has_fitting_baselines(self) -> Self:
        looks = self.seeds.looks if isinstance(self.seeds, LooksConfig) else (self.seeds,)
        given = (self.baseline_seeds,) if isinstance(self.baseline_seeds, int) else self.baseline_seeds or looks
        if len(given) != len(looks):
            text = "needs one number a look, {looks}, not {given}"
            found = {"looks": len(looks), "given": len(given), "key": "baseline_seeds"}
            raise PydanticCustomError("looks", text, found)
        for seeds, baseline_seeds in zip(looks, given, strict=True):
            if not seeds <= baseline_seeds <= 2 * seeds:
                text = "must be from {low} to {high}: as many as the arms' seeds, up to twice as many, not {given}"
                found = {"low": seeds, "high": 2 * seeds, "given": baseline_seeds, "key": "baseline_seeds"}
                raise PydanticCustomError("looks", text, found)
        return self

    @model_validator(mode="after")
    def _leaves_tuning_its_seeds(self) -> Self:
        last = self.first_seed + self.looks[-1].baseline_seeds - 1
        if last >= FIRST_TUNING_SEED:
            text = "first_seed: seeds from {first} on are for tuning, no verdict may use them; the last here is {last}"
            raise PydanticCustomError("tuning", text, {"first": FIRST_TUNING_SEED, "last": last})
        return self

    @model_validator(mode="after")
    def _has_what_was_tuned(self) -> Self:
        learners = {"scratch": self.scratch.learner, **{name: arm.learner for name, arm in self.arms.items()}}
        for name, found in {} if self.tuning is None else self.tuning.arms.items():
            if name in learners and found.learner != learners[name]:
                text = "the learner of {name} is not the one that tuning found: restore it, or remove tuning"
                raise PydanticCustomError("tuning", text, {"name": name})
        return self

    @model_validator(mode="after")
    def _has_pairs(self) -> Self:
        if not (self.pairs or self.ladders or self.matrix):
            raise PydanticCustomError("pairs", "is missing: give pairs, ladders or a matrix", {"key": "pairs"})
        if len(self.matrix) == 1:
            raise PydanticCustomError("pairs", "needs at least two pairs", {"key": "matrix"})
        return self
