"""Environments whose observations are small random images; importing this registers them."""

import gymnasium
import numpy as np


class Pictures(gymnasium.Env):
    """Random images, a reward of 1 each step, no end but the time limit."""

    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, shape=(3, 8, 8), dtype="float32"):
        self.observation_space = gymnasium.spaces.Box(0, 255 if dtype == "uint8" else 1, shape, np.dtype(dtype).type)

    def _observation(self):
        self.observation_space.seed(int(self.np_random.integers(2**31)))
        return self.observation_space.sample()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._observation(), {}

    def step(self, action):
        return self._observation(), 1.0, False, False, {}


for name, settings in (("Small", {}), ("Bytes", {"shape": (40, 40, 3), "dtype": "uint8"})):
    if f"pictures/{name}-v0" not in gymnasium.registry:
        gymnasium.register(f"pictures/{name}-v0", Pictures, max_episode_steps=5, kwargs=settings)
