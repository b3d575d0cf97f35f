"""What a study was to do: the validated form of study.json."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from rl_transfer.errors import RLTransferError
from rl_transfer.store import read_json
from rl_transfer.study import FIRST_SOURCE, Look, ScoreConfig, TuningConfig, source_arm

FORMAT = 1
BASELINE = "scratch"
_SOURCE = "source"
_REFERENCES = ".reference"


def reference_arm(arm: str) -> str:
    """The name of the from-scratch runs that a method of a transfer arm compares its runs with."""
    return f"{arm}{_REFERENCES}"


def is_source(arm: str) -> bool:
    """Whether an arm's runs are source runs: ``source``, ``source.NAME``, and their shams."""
    return arm.partition(".")[0] == _SOURCE


def is_sham_source(arm: str) -> bool:
    """Whether an arm's runs are source runs with shuffled rewards."""
    return is_source(arm) and arm.endswith(".sham")


def is_judged(arm: str) -> bool:
    """Whether an arm's runs are what verdicts are about: not sources, not references."""
    return not is_source(arm) and not arm.endswith(_REFERENCES)


def controls(arm: str) -> tuple[str, str, str]:
    """The names of a transfer arm, its placebo and its sham, of which it need not have all."""
    return arm, f"{arm}.placebo", f"{arm}.sham"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


def _inside_the_store(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise ValueError(f"{path!r} is no folder inside the store")
    return path


StorePath = Annotated[str, AfterValidator(_inside_the_store)]


class ArmEntry(_Frozen):
    """One transfer arm: its methods, its controls, hyperparameters of its own, and its sources where not all."""

    methods: tuple[JsonValue, ...] = ()
    placebo: bool = True
    sham: bool = False
    learner: dict[str, JsonValue] = {}
    sources: tuple[str, ...] | None = None


class ScratchEntry(_Frozen):
    """Training from scratch: hyperparameters of its own, where it has any."""

    learner: dict[str, JsonValue] = {}


class RunEntry(_Frozen):
    """One planned run and its folder, relative to the store."""

    arm: str
    seed: int
    key: str
    path: StorePath
    source_path: StorePath | None = None
    other_source_paths: tuple[StorePath, ...] = ()
    reference_paths: tuple[StorePath, ...] = ()

    @property
    def source_paths(self) -> tuple[str, ...]:
        """Folders of the source runs whose knowledge it uses, the first one's first; none where it uses none."""
        return () if self.source_path is None else (self.source_path, *self.other_source_paths)


class OtherSourceEntry(_Frozen):
    """A further source of a pair: the return that its agents should have."""

    source_threshold_return: float


class RungEntry(_Frozen):
    """A pair's place on a ladder: its name, what its distances are, how far this source is."""

    ladder: str
    label: str
    distance: float


class CellEntry(_Frozen):
    """A pair's place in a matrix: the short names of its source and its target."""

    source: str
    target: str


class PairEntry(_Frozen):
    """One pair: how its runs were measured, its arms and its runs.

    What other programs' curves don't tell is None there.

    Attributes:
        baseline: The arm that transfer arms are compared with.
        other_sources: Further sources by name.
    """

    description: str = ""
    algorithm: str | None
    learner: dict[str, JsonValue] = {}
    score: ScoreConfig
    threshold_score: float
    source_threshold_return: float | None
    other_sources: dict[str, OtherSourceEntry] = {}
    target_steps: int
    grid: tuple[int, ...] = Field(min_length=2)
    episodes: int | None = Field(ge=1)
    baseline: str = BASELINE
    arms: dict[str, ArmEntry]
    scratch: ScratchEntry = ScratchEntry()
    runs: tuple[RunEntry, ...]
    rung: RungEntry | None = None
    cell: CellEntry | None = None

    def learner_of(self, arm: str) -> dict[str, JsonValue]:
        """Hyperparameters of an arm, a control of one, or training from scratch."""
        transfer_arm = arm.removesuffix(".placebo").removesuffix(".sham")
        return self.learner | (self.scratch.learner if arm == self.baseline else self.arms[transfer_arm].learner)

    def sources_of(self, arm: str) -> tuple[str, ...]:
        """Names of the sources of a transfer arm's runs, in the order of their paths."""
        named = self.arms[arm].sources
        return tuple(name for name in (FIRST_SOURCE, *self.other_sources) if named is None or name in named)

    def source_threshold(self, arm: str) -> float | None:
        """The return that the agents of a source's runs should have; None where nobody said.

        Args:
            arm: What the source's runs are filed under.
        """
        found = {source_arm(name): other for name, other in self.other_sources.items()}.get(arm.removesuffix(".sham"))
        return self.source_threshold_return if found is None else found.source_threshold_return

    def first_runs(self, arm: str, most: int | None) -> tuple[RunEntry, ...]:
        """An arm's planned runs with the first seeds; all of them where ``most`` is None."""
        return tuple(sorted((run for run in self.runs if run.arm == arm), key=lambda run: run.seed)[:most])

    @model_validator(mode="after")
    def _grid_spans_the_budget(self) -> Self:
        rising = all(step < later for step, later in zip(self.grid, self.grid[1:], strict=False))
        if self.grid[0] < 0 or self.grid[-1] != self.target_steps or not rising:
            raise ValueError(f"grid must rise from 0 to target_steps ({self.target_steps})")
        return self

    @model_validator(mode="after")
    def _runs_belong_to_arms(self) -> Self:
        known = {self.baseline, *self.arms, *map(reference_arm, self.arms)}
        known |= {source_arm(name, sham=sham) for name in (FIRST_SOURCE, *self.other_sources) for sham in (False, True)}
        known |= {f"{name}.placebo" for name, arm in self.arms.items() if arm.placebo}
        known |= {f"{name}.sham" for name, arm in self.arms.items() if arm.sham}
        seen = set()
        for run in self.runs:
            if run.arm not in known:
                raise ValueError(f"run {run.path} belongs to no arm of the pair: {run.arm!r}")
            if (run.arm, run.seed) in seen:
                raise ValueError(f"arm {run.arm!r} has two runs of seed {run.seed}")
            seen.add((run.arm, run.seed))
        return self


class CurvesEntry(_Frozen):
    """Where curves that other programs made were read, and what is worth knowing about them."""

    file: str
    notes: tuple[str, ...] = ()


class Manifest(_Frozen):
    """One study as it was planned; runs that are missing on disk, or that no look needed, are still listed here.

    Attributes:
        judged_before: Other studies that had been judged on runs of the arms, with other seeds, arms or settings, and
            on how many.
        curves: Set where no study was carried out, but finished curves were read from elsewhere.
    """

    format: int
    name: str
    description: str = ""
    alpha: float = Field(gt=0.0, lt=1.0)
    margin: float = Field(gt=0.0)
    looks: tuple[Look, ...] = Field(min_length=1)
    command: str
    judged_before: dict[str, int] = {}
    versions: dict[str, JsonValue]
    tuning: TuningConfig | None = None
    curves: CurvesEntry | None = None
    pairs: dict[str, PairEntry]

    @model_validator(mode="after")
    def _studies_begin_at_step_0(self) -> Self:
        late = [name for name, pair in self.pairs.items() if pair.grid[0] != 0]
        if late and self.curves is None:
            raise ValueError(f"{late[0]}: grid must rise from 0, step 0 included")
        return self


def read_manifest(path: Path) -> Manifest:
    """Read and validate a study.json.

    Args:
        path: The file.

    Returns:
        The manifest.

    Raises:
        RLTransferError: If the file is missing, damaged, of another format, or contradicts itself.
    """
    content = read_json(path)
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise RLTransferError(f"{path}: format {found!r}, this release reads format {FORMAT}")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RLTransferError(f"{path}: {place}: {first['msg']}") from error
