"""Charging: every environment step of a run is counted where it happens."""

from collections.abc import Mapping
from typing import Any, NamedTuple, SupportsFloat

import gymnasium
import numpy as np

from rl_transfer.errors import EnvironmentFailedError, RLTransferError

_LONGEST = 500


class Episode(NamedTuple):
    """An episode that has ended.

    Attributes:
        step: Charged steps by then, over all environments that share a meter.
        reward_sum: Its undiscounted return: the task's own reward, whatever training makes of it.
        length: Its steps.
    """

    step: int
    reward_sum: float
    length: int


class LimitReachedError(RLTransferError):
    """Raised out of an environment instead of a step beyond its meter's limit."""


class Meter:
    """Counts environment steps and keeps the episodes that ended, over all environments that share it.

    Attributes:
        steps: Steps so far.
        episodes: The episodes that ended, in the order in which they did.
        limit: Where single environments take no further step; None where whoever trains stops by itself, which it
            can't while somebody acts inside a reset.
    """

    def __init__(self, steps: int = 0) -> None:
        self.steps = steps
        self.episodes: list[Episode] = []
        self.limit: int | None = None


class Charged(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Counts each step on a meter, and turns an environment's faults into one error type.

    It sits directly around the task: what a method puts around it (a guide that acts in ``reset``, say) is charged.

    Args:
        env: The task's environment.
        meter: Where steps are counted.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], meter: Meter) -> None:
        super().__init__(env)
        self.meter = meter
        self._reward_sum, self._length = 0.0, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment.

        Raises:
            EnvironmentFailedError: If it raises or returns an observation that is not finite.
        """
        try:
            observation, info = self.env.reset(seed=seed, options=options)
        except (Exception, SystemExit) as error:
            raise reset_failed(error) from error
        refuse_unusable(self.meter.steps, observation, 0.0)
        self._reward_sum, self._length = 0.0, 0
        return observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take one step and charge it.

        Raises:
            EnvironmentFailedError: If the environment raises or returns something that is not finite.
            LimitReachedError: If it would be beyond the meter's limit.
        """
        if self.meter.limit is not None and self.meter.steps >= self.meter.limit:
            raise LimitReachedError(f"no step is left after {self.meter.limit}")
        try:
            observation, reward, terminated, truncated, info = self.env.step(action)
        except (Exception, SystemExit) as error:
            raise step_failed(self.meter.steps, error) from error
        self.meter.steps += 1
        refuse_unusable(self.meter.steps, observation, reward)
        self._reward_sum += np.asarray(reward).item()  # one number, but it may be an array
        self._length += 1
        if terminated or truncated:
            self.meter.episodes.append(Episode(self.meter.steps, self._reward_sum, self._length))
        return observation, reward, terminated, truncated, info


def reset_failed(error: BaseException) -> EnvironmentFailedError:
    """What to raise where a reset raised."""
    return EnvironmentFailedError(f"reset raised {type(error).__name__}: {one_line(error)}")


def step_failed(steps: int, error: BaseException) -> EnvironmentFailedError:
    """What to raise where a step raised, after so many steps."""
    return EnvironmentFailedError(f"step {steps} raised {type(error).__name__}: {one_line(error)}")


def refuse_unusable(steps: int, observation: Any, reward: SupportsFloat) -> None:
    """Refuse what no learner can use.

    Args:
        steps: Steps charged so far, for the message.
        observation: What the environment gave.
        reward: What it gave for the step, 0 for a reset.

    Raises:
        EnvironmentFailedError: If something is not finite.
    """
    if np.asarray(reward).size != 1 or not _is_finite(reward):
        raise EnvironmentFailedError(f"step {steps} gave the reward {one_line(reward)}, which is no finite number")
    if not _is_finite(observation):
        raise EnvironmentFailedError(
            f"step {steps} gave an observation that is not made of finite numbers: {one_line(observation)}"
        )


def one_line(value: object) -> str:
    """A text of bounded length without line breaks, such as what an environment raised."""
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _is_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    try:
        return bool(np.isfinite(value).all())
    except TypeError:  # no number at all
        return False
