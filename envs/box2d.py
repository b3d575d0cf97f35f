"""The Box2D tasks with their physical constants as settings: the lunar lander and the bipedal walker.

They need the extra `box2d` and are imported when one is made. One id serves all variants of a task:
`continuous=True` for Gymnasium's `LunarLanderContinuous-v3`, `hardcore=True` for its `BipedalWalkerHardcore-v3` (whose
time limit is 2000 steps: `gymnasium.make(..., hardcore=True, max_episode_steps=2000)`).
"""

from gymnasium.envs.registration import EnvSpec

_FOLDER = f"{__package__}._box2d"

ENVIRONMENTS = (
    EnvSpec(
        "transfer/BipedalWalker-v0",
        entry_point=f"{_FOLDER}.bipedal_walker:BipedalWalker",
        reward_threshold=300.0,
        max_episode_steps=1600,
    ),
    EnvSpec(
        "transfer/LunarLander-v0",
        entry_point=f"{_FOLDER}.lunar_lander:LunarLander",
        reward_threshold=200.0,
        max_episode_steps=1000,
    ),
)
