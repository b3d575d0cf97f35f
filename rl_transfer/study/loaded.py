"""Studies and pairs as they are once everything about them is validated."""

from dataclasses import dataclass, field

from rl_transfer.study.config import ArmConfig, PairConfig, StudyConfig
from rl_transfer.study.draft import Draft
from rl_transfer.study.learners import LearnerConfig
from rl_transfer.study.sources import PairSource


@dataclass(frozen=True)
class Rung:
    """A pair's place on a ladder: which, what its distances are, how far this source is."""

    ladder: str
    label: str
    distance: float


@dataclass(frozen=True)
class Cell:
    """A pair's place in a matrix: the short names of its source and its target."""

    source: str
    target: str


@dataclass(frozen=True)
class LoadedPair:
    """A validated pair, its name and where its values came from; where it is a variant, its place among them."""

    name: str
    draft: Draft = field(repr=False, compare=False)
    config: PairConfig
    place: Rung | Cell | None = None
    learners: dict[str, LearnerConfig] = field(default_factory=dict)
    """The learners of arms (or scratch) that have hyperparameters of their own."""

    def sources_of(self, arm: ArmConfig) -> tuple[PairSource, ...]:
        """The sources that an arm uses, in the pair's order."""
        return tuple(one for name, one in self.config.sources.items() if arm.sources is None or name in arm.sources)

    def learner(self, arm: str) -> LearnerConfig:
        """What trains an arm's runs on the target, those of its placebo and its sham; or ``scratch``."""
        return self.learners.get(arm.partition(".")[0], self.config.learner)


@dataclass(frozen=True)
class LoadedStudy:
    """A validated study with its validated pairs, its name and where its values came from."""

    name: str
    draft: Draft = field(repr=False, compare=False)
    config: StudyConfig
    pairs: tuple[LoadedPair, ...]

    @property
    def is_pair_alone(self) -> bool:
        """Whether a pair's file stands for the study."""
        return [pair.draft.file for pair in self.pairs] == [self.draft.file]
