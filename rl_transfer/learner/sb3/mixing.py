"""Minibatches of which a share comes from transitions beside a Stable-Baselines3 replay buffer."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import VecNormalize

from rl_transfer.knowledge import Transitions
from rl_transfer.learner.interface import Among
from rl_transfer.learner.sb3.replay import fixed_buffer

Share = Callable[[int], float]
Observer = Callable[[Any, Any, NDArray[np.int64]], None]
"""Gets a minibatch as it is, normalised, and by sample the number of its source, -1 for the buffer's own."""


class _Source(NamedTuple):
    """Transitions, the share of each minibatch that they make up by charged steps, and what draws them from which."""

    buffer: ReplayBuffer
    share: Share
    generator: np.random.Generator
    among: Among | None

    def draw(self, count: int, step: int) -> NDArray[np.intp]:
        """Places of so many of them."""
        chosen = None if self.among is None else self.among(step)
        drawn = self.generator.integers(self.buffer.buffer_size if chosen is None else len(chosen), size=count)
        return drawn if chosen is None else chosen[drawn]


class Mixing:
    """Stands in for a replay buffer's ``sample``.

    A source gives a whole number of each minibatch's samples. What rounding adds or leaves out is made up for in the
    next minibatches, so that over any number of them a source has given its share to within half a sample.

    Args:
        buffer: The learner's own buffer.
        clock: Tells the charged steps.
    """

    def __init__(self, buffer: ReplayBuffer, clock: Callable[[], int]) -> None:
        self._buffer, self._clock = buffer, clock
        self._own_sample = buffer.sample
        self._sources: list[_Source] = []
        self._owed: list[float] = []
        self._observer: Observer | None = None
        self.drawn = 0

    @property
    def transitions(self) -> int:
        """Transitions beside the buffer."""
        return sum(source.buffer.buffer_size for source in self._sources)

    def add(
        self, transitions: Transitions, share: Share, generator: np.random.Generator, among: Among | None = None
    ) -> int:
        """Draw a share of every minibatch from these transitions from now on.

        Returns:
            Their number.

        Raises:
            ConfigError: If observations or actions have other shapes than the buffer's.
        """
        self._sources.append(_Source(fixed_buffer(self._buffer, transitions), share, generator, among))
        # A checkpoint may have told already what it is owed.
        self._owed += [0.0] * (len(self._sources) - len(self._owed))
        vars(self._buffer)["sample"] = self.sample
        return len(self._sources) - 1

    def watch(self, observer: Observer) -> None:
        """Tell an observer of every minibatch from now on."""
        self._observer = observer
        vars(self._buffer)["sample"] = self.sample

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep."""
        return {"owed": self._owed, "drawn": self.drawn}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self._owed, self.drawn = list(state["owed"]), state["drawn"]

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> Any:
        """A minibatch: the buffer's own samples, then those of each source."""
        counts = self._counts(batch_size)
        own = batch_size - sum(counts)
        self.drawn += sum(counts)
        chosen = [
            source.draw(count, self._clock()) if count else None
            for source, count in zip(self._sources, counts, strict=True)
        ]
        if self._observer is None:
            return self._together(own, chosen, env)
        # Returns over several steps are made of rewards normalised one by one: what is not normalised is drawn as well.
        plain = None if env is None else self._as_it_is(own, chosen)
        found = self._together(own, chosen, env)
        self._observer(found if plain is None else plain, found, np.repeat(np.arange(-1, len(counts)), [own, *counts]))
        return found

    def _as_it_is(self, own: int, chosen: Sequence[Any]) -> Any:
        """The minibatch that is drawn next, not normalised."""
        state = np.random.get_state()  # noqa: NPY002
        found = self._together(own, chosen, None)
        np.random.set_state(state)  # noqa: NPY002
        return found

    def _together(self, own: int, chosen: Sequence[Any], env: VecNormalize | None) -> Any:
        parts: list[Any] = [self._own_sample(own, env=env)] if own else []
        for source, index in zip(self._sources, chosen, strict=True):
            if index is not None:
                # Of one environment, the library draws no random number here.
                parts.append(source.buffer._get_samples(index, env=env))
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _counts(self, batch_size: int) -> list[int]:
        """How many samples of a minibatch each source gives."""
        counts: list[int] = []
        for number, source in enumerate(self._sources):
            wanted = source.share(self._clock()) * batch_size + self._owed[number]
            counts.append(min(math.floor(wanted + 0.5), batch_size - sum(counts)))
            self._owed[number] = wanted - counts[-1]
        return counts


def _joined(parts: Sequence[Any]) -> Any:
    """Several of the library's samples as one."""
    return type(parts[0])(*map(_concatenated, zip(*parts, strict=True)))


def _concatenated(columns: Sequence[Any]) -> Any:
    first = columns[0]
    if first is None:
        return None
    if isinstance(first, dict):
        return {key: torch.cat([column[key] for column in columns]) for key in first}
    return torch.cat(columns)  # type: ignore[arg-type]
