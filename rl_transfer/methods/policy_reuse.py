"""Policy reuse: the source's policy acts with a probability that decays within each episode."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, NonNegativeFloat
from pydantic.dataclasses import dataclass

from rl_transfer.knowledge import Knowledge, KnowledgeKind, Teacher, TensorFate
from rl_transfer.knowledge.experience import map_arrays
from rl_transfer.learner import Guide, Learner
from rl_transfer.methods._method import Claim, Method
from rl_transfer.study import OFF_POLICY

_Share = Annotated[float, Field(ge=0, le=1)]
_OWN = "own"
_OF_A_CHOICE = {"schedule": ("reuse", "reuse_share"), "returns": ("tau", "tau_step")}


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class PolicyReuse(Method):
    """Lets the source act in training with probability psi, which falls by the factor upsilon at every step.

    Fernandez and Veloso, "Probabilistic policy reuse in a reinforcement learning agent", AAMAS 2006, their
    pi-reuse exploration with its psi = 1 and upsilon = 0.95; otherwise the learner's own policy acts, exploring as it
    does from scratch (theirs is the greedier the less it reuses). All transitions go into the replay buffer, so the
    algorithm has to be off-policy. Whether an episode reuses, and whom, is chosen when it begins:

    ``returns``, with several sources, is their PRQ-learning. The learner's own policy and each source have the mean
    return W of the episodes that they were chosen for, and are chosen with probabilities proportional to exp(tau * W);
    tau begins at 0 and rises by 0.05 with every episode, as in their experiments. Their gains lie between 0 and 1, so
    returns are put between the lowest and the highest of training so far; who has not been chosen yet has the lowest,
    as theirs. Their gains are discounted, these are not, and in its own episodes their policy does not explore.

    ``schedule``, with one source, is ours: the probability that an episode reuses at all falls linearly from ``reuse``
    to 0 over the first ``reuse_share`` of the budget. Of several sources one is drawn evenly.

    Attributes:
        psi: Probability that the source takes the first step of an episode that reuses; 0 is training from scratch.
        upsilon: What it is multiplied with at every step of the episode.
        choice: ``returns`` or ``schedule``; None goes by the number of sources.
        reuse: Probability that an episode reuses, at the beginning of the schedule.
        reuse_share: Share of the budget over which that falls to 0.
        tau: How greedily is chosen by returns at the beginning.
        tau_step: What every episode adds to that.
        deterministic: Whether the source takes the mode of its policy, as theirs does, or samples from it.
    """

    psi: _Share = 1.0
    upsilon: _Share = 0.95
    choice: Literal["returns", "schedule"] | None = None
    reuse: _Share = 1.0
    reuse_share: _Share = 0.5
    tau: NonNegativeFloat = 0.0
    tau_step: NonNegativeFloat = 0.05
    deterministic: bool = True

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    keeps: ClassVar[frozenset[KnowledgeKind]] = frozenset({"teacher"})
    algorithms: ClassVar[tuple[str, ...]] = OFF_POLICY
    claims: ClassVar[frozenset[Claim]] = frozenset({"acting"})
    several: ClassVar[str | None] = "a bandit chooses one of them, or the learner's own policy, for each episode"

    def check(self, algorithm: str) -> None:  # noqa: ARG002 - a hook
        """Refuse settings of the choice that is not made."""
        if self.choice is not None:
            self._refuse_other_choice(self.choice)

    def check_sources(self, count: int) -> None:
        """Refuse them where the number of sources makes the choice."""
        if self.choice is None:
            self._refuse_other_choice("returns" if count > 1 else "schedule")

    def _refuse_other_choice(self, made: str) -> None:
        for choice, settings in _OF_A_CHOICE.items():
            if choice != made:
                self.refuse_idle(*settings, why=f"belongs to choice: {choice}, here it is {made}")

    def _by_returns(self, knowledge: Knowledge) -> bool:
        return bool(knowledge.others) if self.choice is None else self.choice == "returns"

    def _is_on(self, knowledge: Knowledge) -> bool:
        reuses = self._by_returns(knowledge) or min(self.reuse, self.reuse_share) > 0
        return self.psi > 0 and reuses

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:  # noqa: ARG002 - a hook
        """Say what the sources are used for."""
        if not self._is_on(knowledge):
            return ()
        why = f"acts in training with probability {self.psi:g} * {self.upsilon:g}^time"
        if self._by_returns(knowledge):
            why += ", in episodes for which its returns have it chosen"
        names = [f"source agent {one.name}" for one in knowledge.each] if knowledge.others else ["source agent"]
        return [TensorFate(name, "teacher", None, None, "copied", "no", why) for name in names]

    def attach(self, learner: Learner, knowledge: Knowledge, generator: np.random.Generator) -> None:
        """Let the sources act now and then."""
        teachers = {one.name: one.teacher for one in knowledge.each if one.teacher is not None}
        assert len(teachers) == len(knowledge.each)
        if self._is_on(knowledge):
            guide = _ByReturns if self._by_returns(knowledge) else _BySchedule
            learner.guide(guide(learner, self, teachers, generator))


class _Reuse(Guide):
    """Acts with a falling probability in the episodes that reuse.

    Args:
        learner: Whose episodes they are.
        settings: The method.
        teachers: Who acts, by name.
        generator: Draws episodes, steps and samples.
    """

    def __init__(
        self, learner: Learner, settings: PolicyReuse, teachers: Mapping[str, Teacher], generator: np.random.Generator
    ) -> None:
        first = next(iter(teachers.values()))
        super().__init__(first, deterministic=settings.deterministic, generator=generator)
        self._learner, self._settings, self._teachers = learner, settings, teachers
        self._reused: dict[int, str | None] = {}

    def acts(self, member: int, time: int) -> bool:
        """Draw whether the source takes the step."""
        psi = self._settings.psi * self._settings.upsilon**time
        return self._reused[member] is not None and bool(self._generator.random() < psi)

    def act(self, observations: Any, members: Sequence[int]) -> NDArray[Any]:
        """The actions of the sources that the environments' episodes reuse."""
        chosen = np.array([self._reused[member] for member in members])
        parts = [self._asked(name, observations, chosen == name) for name in dict.fromkeys(chosen.tolist())]
        if len(parts) == 1:
            return parts[0][1]
        order = np.argsort(np.concatenate([place for place, _ in parts]))
        return np.concatenate([actions for _, actions in parts])[order]

    def _asked(self, name: str, observations: Any, here_B: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The places of the observations that a source is asked about, and its actions."""
        theirs = map_arrays(observations, lambda array: array[here_B])
        settings, generator = self._settings, self._generator
        actions = self._teachers[name].act(theirs, deterministic=settings.deterministic, generator=generator)
        return np.flatnonzero(here_B), actions


class _BySchedule(_Reuse):
    """The probability that an episode reuses falls over the budget; whom is drawn evenly."""

    def begin(self, member: int) -> None:
        """Draw whether the episode reuses, and whom."""
        left = max(1.0 - self._learner.progress / self._settings.reuse_share, 0.0)
        reuses = bool(self._generator.random() < self._settings.reuse * left)
        names = list(self._teachers)
        place = int(self._generator.integers(len(names))) if reuses and len(names) > 1 else 0
        self._reused[member] = names[place] if reuses else None


class _ByReturns(_Reuse):
    """A bandit chooses; what it has learned of each choice is in the learner's notes."""

    def __init__(
        self, learner: Learner, settings: PolicyReuse, teachers: Mapping[str, Teacher], generator: np.random.Generator
    ) -> None:
        super().__init__(learner, settings, teachers, generator)
        names, notes = [_OWN, *teachers], learner.notes("policy_reuse")
        self._bandit = Bandit(names, notes, tau=settings.tau, tau_step=settings.tau_step)
        self._read = len(learner.meter.episodes)
        for name in names:
            learner.count(f"episodes_by_{name}", 0)

    def begin(self, member: int) -> None:
        """Learn from the environment's last episode, and draw who is chosen for this one."""
        meter = self._learner.meter
        # Those that end in the same step are told of in the order in which the meter has them.
        if member in self._reused and self._read < len(meter.episodes):
            self._bandit.take(self._reused[member] or _OWN, meter.episodes[self._read].reward_sum)
            self._read += 1
        name = self._bandit.choose(self._generator)
        self._reused[member] = None if name == _OWN else name
        self._learner.count(f"episodes_by_{name}")
        for one, probability in self._bandit.probabilities().items():
            self._learner.record(f"policy_reuse/{one}", probability, meter.steps)


class Bandit:
    """Chooses by mean returns, the more greedily the more episodes there were.

    Args:
        names: Whom to choose from.
        notes: What it has learned; kept up to date, and gone on from where it is not empty.
        tau: How greedy it is before the first episode.
        tau_step: What every episode adds to that.
    """

    def __init__(self, names: Sequence[str], notes: dict[str, float], *, tau: float, tau_step: float) -> None:
        self._names, self._notes, self._tau, self._tau_step = list(names), notes, tau, tau_step

    def take(self, name: str, reward_sum: float) -> None:
        """Learn of an episode.

        Args:
            name: Who was chosen for it.
            reward_sum: Its return.
        """
        notes = self._notes
        count, mean = notes.get(f"episodes {name}", 0.0) + 1.0, notes.get(f"mean {name}", 0.0)
        notes[f"episodes {name}"], notes[f"mean {name}"] = count, mean + (reward_sum - mean) / count
        notes["lowest"] = min(notes.get("lowest", reward_sum), reward_sum)
        notes["highest"] = max(notes.get("highest", reward_sum), reward_sum)

    def probabilities(self) -> dict[str, float]:
        """By name that of being chosen for the next episode."""
        notes = self._notes
        lowest, highest = notes.get("lowest", 0.0), notes.get("highest", 0.0)
        tau = self._tau + self._tau_step * sum(notes.get(f"episodes {name}", 0.0) for name in self._names)
        mean_A = np.array([notes.get(f"mean {name}", lowest) for name in self._names])
        gain_A = (mean_A - lowest) / (highest - lowest) if highest > lowest else np.zeros(len(mean_A))
        weight_A = np.exp(tau * (gain_A - gain_A.max()))
        return dict(zip(self._names, (weight_A / weight_A.sum()).tolist(), strict=True))

    def choose(self, generator: np.random.Generator) -> str:
        """Draw one of the names."""
        return self._names[int(generator.choice(len(self._names), p=list(self.probabilities().values())))]
