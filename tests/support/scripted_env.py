"""An environment that plays a script: its observations and rewards are given, what reaches it is kept."""

import gymnasium
import numpy as np
from gymnasium import spaces


class Scripted(gymnasium.Env):
    """Shows the observations in turn, the first one at reset, and ends with the last; each step has its reward."""

    def __init__(self, observations=None, rewards=None, *, observation_space=None, action_space=None):
        self.metadata = {"render_modes": []}
        count = len(observations if observations is not None else [None, *rewards])
        self.observations = list(observations) if observations is not None else list(np.zeros((count, 1), np.float32))
        self.rewards = [0.0] * (count - 1) if rewards is None else list(rewards)
        first = self.observations[0]
        self.observation_space = observation_space or spaces.Box(-np.inf, np.inf, first.shape, first.dtype)
        self.action_space = action_space or spaces.Discrete(10)
        self.received = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.received = []
        return self.observations[0], {}

    def step(self, action):
        self.received.append(action)
        done = len(self.received)
        return self.observations[done], self.rewards[done - 1], done == len(self.rewards), False, {"step": done}


def play(env, actions=None, seed=0):
    """Observations, rewards and infos of one episode; action 0, or the last one given, is taken until it ends."""
    observations, rewards, infos = [env.reset(seed=seed)[0]], [], []
    waiting = list(actions or [0])
    ended = False
    while not ended:
        action = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        observation, reward, terminated, truncated, info = env.step(action)
        observations.append(observation)
        rewards.append(reward)
        infos.append(info)
        ended = terminated or truncated
    return observations, rewards, infos
