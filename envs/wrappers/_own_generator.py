"""Random numbers of a wrapper's own, apart from the environment's and from every other wrapper's."""

from typing import Any

import gymnasium
import numpy as np


class OwnGenerator:
    """A generator that follows the seeds given to `reset` and never touches the environment's.

    Two wrappers of one class around one environment draw different numbers from the same seed.
    """

    def __init__(self, wrapper: gymnasium.Wrapper[Any, Any, Any, Any], branch: bytes) -> None:
        """Names the branch of the seed; nothing is drawn yet.

        Args:
            wrapper: Whose generator this is, its environment already set.
            branch: Keeps the numbers apart from all others that descend from the same seed.
        """
        self._spawn_key = (int.from_bytes(branch), _layers_of(type(wrapper), wrapper.env))
        self._generator: np.random.Generator | None = None

    def reseed(self, seed: int | None) -> None:
        """Starts anew from a seed; without one it runs on, or starts from the machine's entropy the first time."""
        if seed is not None or self._generator is None:
            self._generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=self._spawn_key))

    @property
    def numbers(self) -> np.random.Generator:
        """The generator.

        Raises:
            RuntimeError: The environment was never reset.
        """
        if self._generator is None:
            raise RuntimeError("reset the environment before its first step")
        return self._generator


def _layers_of(kind: type, env: gymnasium.Env[Any, Any]) -> int:
    count = 0
    while isinstance(env, gymnasium.Wrapper):
        count += isinstance(env, kind)
        env = env.env
    return count
