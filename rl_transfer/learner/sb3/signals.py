"""The account that a Stable-Baselines3 model's training keeps of itself, for signals; it changes nothing."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stable_baselines3.common.base_class import BaseAlgorithm

from rl_transfer.learner.recent import Recent
from rl_transfer.learner.sb3.between import Between
from rl_transfer.learner.sb3.gradients import GradientNorms
from rl_transfer.learner.sb3.optimizer_state import main_optimizer
from rl_transfer.learner.sb3.witness import Witness

State = dict[str, Any]


class Costs(NamedTuple):
    """What a learner has counted so far.

    Attributes:
        steps: Charged steps.
        guide_steps: Those of a guide; None where there is none.
        has_source: Whether a source's transitions are in the replay buffer or beside it.
        source_samples: Samples of minibatches from those beside it.
        carried_share: The share of those in the buffer, of all that it holds.
    """

    steps: int
    guide_steps: int | None
    has_source: bool
    source_samples: int
    carried_share: float


class Account:
    """Keeps account of training since it was last asked.

    Args:
        model: The model.
        between: Where its observations and rewards go by.
        discount: The factor by which a reward one step later counts less.
        costs: Tells what is counted so far.
    """

    def __init__(self, model: BaseAlgorithm, between: Between, discount: float, costs: Callable[[], Costs]) -> None:
        self._costs = costs
        self._norms = GradientNorms(model)
        self._witness = Witness(between.num_envs, discount)
        between.show(self._witness)
        now = costs()
        self._before: dict[str, int] = {"steps": now.steps, "guide_steps": now.guide_steps or 0}
        self._drawn, self._samples, self._from_source = now.source_samples, 0, 0.0
        if getattr(model, "replay_buffer", None) is not None:
            self._batch_size = int(model.batch_size)  # type: ignore[attr-defined]
            main_optimizer(model).register_step_post_hook(self._count_samples)

    def take(self) -> Recent:
        """What there was since the last call."""
        now, before = self._costs(), self._before
        steps = now.steps - before["steps"]
        guided = None if now.guide_steps is None or not steps else (now.guide_steps - before["guide_steps"]) / steps
        found = Recent(
            observation_B=self._witness.observations,
            episodes=self._witness.episodes,
            gradient_norm=self._norms.take(),
            source_share=self._from_source / self._samples if now.has_source and self._samples else None,
            guide_share=guided,
        )
        self._before = {"steps": now.steps, "guide_steps": now.guide_steps or 0}
        self._samples, self._from_source = 0, 0.0
        return found

    def state(self) -> State:
        """What a checkpoint must keep."""
        return {
            "before": self._before,
            "samples": (self._drawn, self._samples, self._from_source),
            "norms": self._norms.state(),
            "witness": self._witness.state(),
        }

    def load_state(self, state: State) -> None:
        """Go on from what :meth:`state` gave."""
        self._before = dict(state["before"])
        self._drawn, self._samples, self._from_source = state["samples"]
        self._norms.load_state(state["norms"])
        self._witness.load_state(state["witness"])

    def _count_samples(self, *_: object) -> None:
        """Count a minibatch; of what the replay buffer gave the source has its share of that buffer, as expected."""
        now = self._costs()
        beside, self._drawn = now.source_samples - self._drawn, now.source_samples
        self._samples += self._batch_size
        self._from_source += beside + (self._batch_size - beside) * now.carried_share
