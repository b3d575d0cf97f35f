"""The library's training loop, conducted: stopped at a step, watched, with its count of steps equal to ours."""

from collections.abc import Callable
from typing import Protocol

from stable_baselines3.common.callbacks import BaseCallback

from rl_transfer.learner.interface import Watch
from rl_transfer.tasks import Meter


class SegmentEnd(Exception):
    """The segment's last usable rollout is done."""


class Conducted(Protocol):
    """What the conductor asks of a learner."""

    meter: Meter

    def count_from_start(self) -> int:
        """Charged steps since this learner began: what the library counts."""

    def count_vector_step(self) -> None:
        """One step more in every environment."""


class Conductor(BaseCallback):
    """Stops training at a step, tells the watcher of every rollout, keeps the library's step count equal to ours.

    Args:
        learner: The learner.
        until: The charged step at which to stop.
        most: The charged step that the last rollout must not cross to be used.
        watch: The watcher.
        rollout_steps: Steps between two updates, those of a guide inside ``reset`` not counted.
        led_in_steps: How many steps a guide has taken inside ``reset`` so far.
    """

    def __init__(
        self,
        learner: Conducted,
        until: int,
        most: int,
        watch: Watch,
        rollout_steps: int,
        led_in_steps: Callable[[], int],
    ) -> None:
        super().__init__()
        self._learner, self._until, self._most, self._watch = learner, until, most, watch
        self._rollout_steps, self._led_in_steps = rollout_steps, led_in_steps
        self._begun: int | None = None
        self._led_in_before = 0

    @property
    def unused_steps(self) -> int:
        """The learner's own steps in a rollout that was cut short."""
        if self._begun is None:
            return 0
        return self._learner.meter.steps - self._begun - (self._led_in_steps() - self._led_in_before)

    def _on_rollout_start(self) -> None:
        charged = self._learner.meter.steps
        self.model.num_timesteps = self._learner.count_from_start()
        if charged >= self._until:
            raise SegmentEnd
        self._begun, self._led_in_before = charged, self._led_in_steps()
        self._watch(charged, charged + self._rollout_steps)

    def _on_step(self) -> bool:
        self._learner.count_vector_step()
        return True

    def _on_rollout_end(self) -> None:
        charged, begun = self._learner.meter.steps, self._begun
        if charged > self._most:
            raise SegmentEnd
        assert begun is not None
        if charged > begun + self._rollout_steps:
            # A guide's steps came on top: the points up to here still show the policy as it is before the update.
            self._watch(begun, charged)
        self.model.num_timesteps = self._learner.count_from_start()
        self._begun = None
