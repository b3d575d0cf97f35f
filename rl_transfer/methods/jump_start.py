"""Jump-start: the source begins episodes, and hands over earlier and earlier."""

from collections import deque
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import Knowledge, KnowledgeKind, Teacher, TensorFate
from rl_transfer.learner import LOSS_PATHS, Guide, Learner
from rl_transfer.methods._method import Claim, Method
from rl_transfer.tasks import Episode


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class JumpStart(Method):
    """Lets the source act for the first h steps of each training episode, and the learner for the rest.

    Uchendu et al., "Jump-Start Reinforcement Learning", ICML 2023, section 4 and appendix A.4. h goes down from
    ``horizon`` in ``stages`` equal parts; in the last it is 0. In their curriculum the next stage begins once a moving
    average of the combined policy's returns is close enough to the best so far; in their random switching each episode
    draws one of the stages. 10 stages and a window of 5 are theirs for a D4RL maze, 5 % is the middle one of the
    tolerances that they tried (table 11), and the first number of steps is as theirs the mean length of the guide's
    episodes. They average evaluations between training; here it is training episodes, which are charged already. A
    curriculum thus takes ``stages`` times ``window`` episodes at least: where that is much of the budget, take fewer.

    Off-policy, the guide's transitions are stored like the learner's own, as in the paper. On-policy algorithms can't
    learn from them: there the guide acts before the learner sees the episode, which is nonetheless charged and counted
    as a whole, so that most of the first stages' steps teach nothing; where an episode ends under the guide, the next
    has half as many of the guide's steps at most. A rollout that the end of the budget cuts short is not used.

    Attributes:
        variant: ``curriculum`` or ``random``.
        horizon: Steps that the parts are taken of; by default the mean length of the source's episodes at its last
            evaluation, on its own task (the paper measures it on the target, where it would have to be charged).
            0 is training from scratch.
        stages: Into how many parts it is divided; the guide begins with all of them but one.
        tolerance: How far the moving average may be below the best one so far, as a share of that one's size.
        window: Training episodes that it is averaged over, all of them of the present stage.
        deterministic: Whether the guide takes the mode of its policy, or samples from it.
    """

    variant: Literal["curriculum", "random"] = "curriculum"
    horizon: NonNegativeInt | None = None
    stages: Annotated[int, Field(ge=2)] = 10
    tolerance: NonNegativeFloat = 0.05
    window: PositiveInt = 5
    deterministic: bool = True

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    keeps: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    algorithms: ClassVar[tuple[str, ...]] = tuple(LOSS_PATHS)
    claims: ClassVar[frozenset[Claim]] = frozenset({"acting"})

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:  # noqa: ARG002 - a hook
        """Say what the source is used for."""
        if self.horizon == 0:
            return ()
        steps = "mean length of its own" if self.horizon is None else f"{self.horizon} steps"
        why = f"begins training episodes ({self.variant}, {self.stages} stages of the {steps})"
        return (TensorFate("source agent", "teacher", None, None, "copied", "no", why),)

    def attach(self, learner: Learner, knowledge: Knowledge, generator: np.random.Generator) -> None:
        """Let the source begin episodes."""
        teacher = knowledge.teacher
        assert teacher is not None
        longest = round(teacher.episode_length) if self.horizon is None else self.horizon
        horizons = [round(longest * (1 - stage / self.stages)) for stage in range(1, self.stages + 1)]
        if not any(horizons):
            return
        curriculum = None if self.variant == "random" else Curriculum(self.stages, self.window, self.tolerance)
        lead = _Lead(learner, horizons, curriculum, teacher, deterministic=self.deterministic, generator=generator)
        learner.guide(lead)


class Curriculum:
    """How many stages of a curriculum are over, by the training episodes alone.

    Args:
        stages: How many there are.
        window: Episodes of a stage that the moving average is of.
        tolerance: How far it may be below the best so far, as a share of that one's size.
    """

    def __init__(self, stages: int, window: int, tolerance: float) -> None:
        self._last, self._tolerance = stages - 1, tolerance
        self._recent: deque[float] = deque(maxlen=window)
        self._best: float | None = None
        self._read = 0
        self._stage = 0

    def stage(self, episodes: Sequence[Episode]) -> int:
        """The present stage, counted from 0.

        Args:
            episodes: All that have ended; those of the last call first.
        """
        for episode in episodes[self._read :]:
            self._take(episode.reward_sum)
        self._read = len(episodes)
        return self._stage

    def _take(self, reward_sum: float) -> None:
        self._recent.append(reward_sum)
        if len(self._recent) < (self._recent.maxlen or 0):
            return
        mean = float(np.mean(self._recent))
        if self._best is not None and mean >= self._best - self._tolerance * abs(self._best):
            self._stage = min(self._stage + 1, self._last)
            self._recent.clear()
        self._best = mean if self._best is None else max(mean, self._best)


class _Lead(Guide):
    """Acts for the first steps of each episode, as many as a stage says.

    Args:
        learner: Whose episodes they are.
        horizons: By stage the number of steps.
        curriculum: Says the stage; None draws one for each episode.
        teacher: Who acts.
        deterministic: As for every guide.
        generator: Draws stages and samples.
    """

    def __init__(
        self,
        learner: Learner,
        horizons: Sequence[int],
        curriculum: Curriculum | None,
        teacher: Teacher,
        *,
        deterministic: bool,
        generator: np.random.Generator,
    ) -> None:
        super().__init__(teacher, deterministic=deterministic, generator=generator)
        self._learner, self._horizons, self._curriculum = learner, horizons, curriculum
        self._horizon: dict[int, int] = {}
        # Of earlier segments what there was to record is recorded.
        self._recorded: int | None = None
        if curriculum is not None and learner.meter.steps:
            self._recorded = horizons[curriculum.stage(learner.meter.episodes)]

    def begin(self, member: int) -> None:
        """Find the episode's stage."""
        if self._curriculum is None:
            self._horizon[member] = self._horizons[int(self._generator.integers(len(self._horizons)))]
            return
        meter = self._learner.meter
        horizon = self._horizon[member] = self._horizons[self._curriculum.stage(meter.episodes)]
        if horizon != self._recorded:
            self._learner.record("jump_start/horizon", horizon, meter.steps)
            self._recorded = horizon

    def acts(self, member: int, time: int) -> bool:
        """Whether the episode is younger than its horizon."""
        return time < self._horizon[member]
