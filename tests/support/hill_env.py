"""A hill to stay on: a point on a line, pushed left or right, rewarded near 0. Importing this registers it."""

import gymnasium
import numpy as np


class Hill(gymnasium.Env):
    """Twenty steps; action 1 pushes by ``sign``, action 0 the other way."""

    observation_space = gymnasium.spaces.Box(-4.0, 4.0, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, sign=1.0, step=0.3):
        self.sign, self.length = sign, step

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-2.5, 2.5)
        return self._look(), {}

    def step(self, action):
        push = self.length * self.sign * (1 if int(action) == 1 else -1)
        self.place = float(np.clip(self.place + push + 0.03 * self.np_random.normal(), -4.0, 4.0))
        return self._look(), max(0.0, 1.0 - abs(self.place)), False, False, {}

    def _look(self):
        return np.array([self.place], np.float32)


if "support/Hill-v0" not in gymnasium.registry:
    gymnasium.register("support/Hill-v0", Hill, max_episode_steps=20)
