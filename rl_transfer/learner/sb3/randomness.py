"""All that the library draws random numbers from, for a while as if nothing had been drawn yet."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from stable_baselines3.common.utils import set_random_seed


@contextmanager
def isolated(space: Space[Any], seed: int) -> Iterator[None]:
    """Seed everything random for a while, and put it back as it was.

    Args:
        space: The action space that a model samples from.
        seed: The seed.
    """
    python, array, sampler = random.getstate(), np.random.get_state(), deepcopy(space.np_random)  # noqa: NPY002
    with torch.random.fork_rng():
        set_random_seed(seed)
        space.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(array)  # noqa: NPY002
            space._np_random = sampler
