"""Environments that fail, importable by worker processes as ``failing_envs:failing/...``."""

import os

import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv


class Raises(CartPoleEnv):
    """CartPole that raises in its 50th step."""

    steps = 0

    def step(self, action):
        self.steps += 1
        if self.steps == 50:
            raise RuntimeError("the pole has snapped")
        return super().step(action)


class Exits(CartPoleEnv):
    """CartPole that takes its process along."""

    def step(self, action):
        os._exit(3)


class Leaves(CartPoleEnv):
    """CartPole that calls ``sys.exit`` where it is made."""

    def __init__(self, **kwargs):
        raise SystemExit("no display")


class Bare(gymnasium.Env):
    """Has no spaces."""


class Chatters(CartPoleEnv):
    """CartPole that prints, which must not disturb the worker's messages."""

    def reset(self, **kwargs):
        print("hello from the environment")
        return super().reset(**kwargs)


for name, entry in (("Raises", Raises), ("Exits", Exits), ("Chatters", Chatters), ("Leaves", Leaves), ("Bare", Bare)):
    if f"failing/{name}-v0" not in gymnasium.registry:
        gymnasium.register(f"failing/{name}-v0", entry_point=entry, max_episode_steps=500)
