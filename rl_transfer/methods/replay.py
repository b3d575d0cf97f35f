"""Replay: the source's transitions in the target's buffer, or as a share of every minibatch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, PositiveInt
from pydantic.dataclasses import dataclass

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, KnowledgeKind, TensorFate, Transitions, likeliest, refuse_unmodelled
from rl_transfer.learner import Learner
from rl_transfer.methods._method import Method
from rl_transfer.study import OFF_POLICY
from rl_transfer.tasks import task_outcomes

_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Replay(Method):
    """Lets the target learn from the source's newest transitions too.

    Without a ``share`` they fill the target's replay buffer before it begins: they are sampled like its own and
    overwritten first (sample transfer: Lazaric, Restelli and Bonarini, ICML 2008; in deep reinforcement learning as by
    Vecerik et al. 2017, without the demonstrations' priority). With one they lie beside the buffer for ever and make up
    that share of every minibatch, whatever its size: what rounding leaves is carried over. A ``share`` of 0.5 is the
    symmetric sampling of RLPD (Ball, Smith, Kostrikov and Levine, ICML 2023), which takes all the source has; its
    layer normalisation, critics and updates per step are settings of the learner.

    Rewards and dynamics are the source's, so where the tasks differ the learner is told something wrong. Against wrong
    rewards there is ``relabel``, for a target that can tell what given transitions are worth. Against wrong dynamics
    ``likeliest`` keeps those transitions that a model of the target's dynamics finds likeliest: selection by the
    likelihood of source samples is Lazaric et al.'s (their compliance; ICML 2008), keeping a share of the best is
    as in VGDF (Xu et al., NeurIPS 2023, who keep a quarter, compared by values). The model is fitted to the learner's
    own transitions, which are charged already, is as Tirinzoni et al.'s (ICML 2018), and knows nothing of rewards.
    Until it is fitted first, all are used. Returns over several steps go over unlikely transitions too.

    Of several sources each gives an equal part: of the transitions, which are no more than the buffer holds then, and
    of the share. In the buffer those of the sources named first are overwritten first.

    Attributes:
        transitions: How many, at most, of all sources together; 0 is learning from scratch.
        share: Share of every minibatch that comes from them; 0 is learning from scratch. None puts them into the
            buffer.
        share_end: What the share has become after ``decay_steps``, and stays; it changes evenly until then. None keeps
            it as it is.
        decay_steps: Charged steps until then.
        best_episodes: Share of the source's episodes, those with the highest returns, to take transitions from. An
            episode that the source's full buffer or a checkpoint has cut counts with what is there of it.
        relabel: Whether they get the rewards and terminations that the target gives them, before episodes are chosen.
            It can where its environment has a method ``outcomes_of``, or is a classic one.
        likeliest: Share of these transitions to draw from: those that are likeliest under the model of the target's
            dynamics; 1 is no filter. Needs a ``share``, and observations that are vectors of moderate length.
        model_steps: Charged steps after which the model is first fitted, and fitted anew; so it is at the start of
            each segment, to the newest 10,000 of the learner's transitions.
    """

    transitions: Annotated[int, Field(ge=0)] = 10_000
    share: _Share | None = None
    share_end: _Share | None = None
    decay_steps: PositiveInt | None = None
    best_episodes: Annotated[float, Field(gt=0, le=1)] = 1.0
    relabel: bool = False
    likeliest: Annotated[float, Field(gt=0, le=1)] = 1.0
    model_steps: PositiveInt = 1000

    needs: ClassVar[frozenset[KnowledgeKind]] = frozenset({"experience"})
    algorithms: ClassVar[tuple[str, ...]] = OFF_POLICY
    several: ClassVar[str | None] = "an equal part of the transitions, or of the share, from each"

    @property
    def keeps(self) -> frozenset[KnowledgeKind]:  # type: ignore[override]
        """The transitions, if they lie beside the buffer."""
        return self.needs if self._mixes else frozenset()

    @property
    def largest_share(self) -> float:
        """The larger of what it begins and ends with."""
        return max(self.share or 0.0, self.share_end or 0.0)

    @property
    def _mixes(self) -> bool:
        return bool(self.share or self.share_end)

    @property
    def named_steps(self) -> Mapping[str, int]:
        """The steps before the model of the dynamics is fitted first."""
        return {"model_steps": self.model_steps if self.likeliest < 1 else 0}

    def check(self, algorithm: str) -> None:  # noqa: ARG002 - a hook
        """Refuse half a decay, and a model that nothing asks."""
        if self.likeliest == 1:
            self.refuse_idle("model_steps", why="no model is fitted with likeliest: 1: leave it out")
        if self.share is None:
            for setting in ("share_end", "decay_steps"):
                if getattr(self, setting) is not None:
                    raise ConfigError("there is no share to change: set share", key=setting)
            if self.likeliest < 1:
                what = "what is put into the buffer before the first step can't be chosen by the target's dynamics"
                raise ConfigError(f"{what}: set share", key="likeliest")
        if self.share_end is not None and self.decay_steps is None:
            raise ConfigError("say over how many steps with decay_steps", key="share_end")
        if self.decay_steps is not None and self.share_end is None:
            raise ConfigError("say what the share becomes with share_end", key="decay_steps")

    def check_target(self, env: gymnasium.Env[Any, Any]) -> None:
        """Refuse what the target can't tell, or can't be modelled."""
        if self.relabel:
            task_outcomes(env)
        if self.likeliest < 1:
            _refuse_unmodelled(env.observation_space)

    def transfer(self, learner: Learner, knowledge: Knowledge) -> Sequence[TensorFate]:
        """Put the transitions into the buffer, if they are to go there.

        Returns:
            One row for each source: how many there were, and how many are used.

        Raises:
            ConfigError: If observations or actions have other shapes than the target's, or it can't relabel them.
        """
        fates = []
        for one, part, chosen in self._chosen_of_each(learner, knowledge):
            assert one.experience is not None
            beside = len(chosen) if self._mixes else 0
            used = learner.add_experience(chosen) if self.share is None else beside
            fate = self._fate(found=len(one.experience), asked=part, chosen=len(chosen), used=used)
            fates.append(replace(fate, tensor=f"transitions ({one.name})") if knowledge.others else fate)
        return fates

    def attach(self, learner: Learner, knowledge: Knowledge, generator: np.random.Generator) -> None:
        """Mix them into the minibatches, if they are to lie beside the buffer."""
        if self._mixes:
            sources = 1 + len(knowledge.others)
            for _, _, chosen in self._chosen_of_each(learner, knowledge):
                among = _Likeliest(learner, chosen, self.likeliest, self.model_steps) if self.likeliest < 1 else None
                learner.mix_experience(chosen, lambda step: self.share_at(step) / sources, generator, among)

    def share_at(self, step: int) -> float:
        """The share after so many charged steps."""
        assert self.share is not None
        if self.share_end is None or self.decay_steps is None:
            return self.share
        return self.share + (self.share_end - self.share) * min(step / self.decay_steps, 1.0)

    def _chosen_of_each(self, learner: Learner, knowledge: Knowledge) -> Iterator[tuple[Knowledge, int, Transitions]]:
        """By source how many transitions are asked of it, and those that it gives."""
        sources = knowledge.each
        total = self.transitions
        if self.share is None and len(sources) > 1:
            total = min(total, learner.experience_room)  # or the last source's would be all that is left
        for place, one in enumerate(sources):
            assert one.experience is not None
            part = total // len(sources) + (place < total % len(sources))
            found = learner.relabelled(one.experience) if self.relabel else one.experience
            yield one, part, found.best_episodes(self.best_episodes).newest(part)

    def _fate(self, *, found: int, asked: int, chosen: int, used: int) -> TensorFate:
        why = f"{asked} newest asked for, {found} found"
        if self.best_episodes < 1:
            why += f", {chosen} of them in the best {self.best_episodes:.0%} of the episodes"
        if self.relabel:
            why += "; with the target's rewards"
        if self.likeliest < 1:
            why += f"; the {self.likeliest:.0%} that the target's dynamics make likeliest"
        if self.share is not None:
            why += f"; {self.share:.3g} of every minibatch"
            why += "" if self.share_end is None else f", {self.share_end:.3g} from step {self.decay_steps} on"
        elif used < chosen:
            why += f", {chosen - used} left out: the buffer took {used}"
            why += " (whole rows of one per environment, up to its size)"
        return TensorFate(
            tensor="transitions",
            role="experience",
            from_shape=(found,),
            to_shape=(used,),
            fate="copied" if used else "dropped" if self.transitions and self.share != 0 else "reinitialised",
            frozen="no",
            why=why,
        )


def _refuse_unmodelled(space: spaces.Space[Any]) -> None:
    try:
        if not isinstance(space, spaces.Box):
            what = f"{type(space).__name__} observations"
            raise ConfigError(f"there is no model of the dynamics of {what}, only of vectors")
        refuse_unmodelled(np.zeros((1, *space.shape), space.dtype))
    except ConfigError as error:
        raise ConfigError(f"{error.message}: set likeliest: 1", key="likeliest") from error


_MODELLED = 10_000
"""The learner's newest transitions that the model of the dynamics is fitted to."""


class _Likeliest:
    """Says by charged steps which transitions to draw from.

    The model is fitted when the first minibatch is drawn after a multiple of so many steps, or in a segment: a run that
    was killed finds the same replay buffer there as one that was not.

    Args:
        learner: Whose transitions the model is fitted to.
        transitions: What is drawn from.
        share: How many of them are to be.
        model_steps: Charged steps between two fits.
    """

    def __init__(self, learner: Learner, transitions: Transitions, share: float, model_steps: int) -> None:
        self._learner, self._transitions, self._share, self._every = learner, transitions, share, model_steps
        self._fits = 0
        self._chosen: NDArray[np.intp] | None = None

    def __call__(self, step: int) -> NDArray[np.intp] | None:
        """Their places; None for all, before the first fit."""
        fits = step // self._every
        if fits > self._fits:
            # No more than it has made itself: what was put into its buffer before the first step is older.
            own = self._learner.experience(min(step, _MODELLED))
            assert own is not None
            self._chosen = likeliest(self._transitions, own, self._share)
            self._fits = fits
        return self._chosen
