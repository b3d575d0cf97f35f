"""MuJoCo's robots with their bodies, the world and the goal as settings.

They need the extra `mujoco`, which is imported when one is made. Each is Gymnasium's version 5 with the settings of
`Robot` and, those that walk, of `Goal` in `rl_transfer_envs._mujoco.robots`; version 5's own
keywords (`ctrl_cost_weight`, `healthy_z_range`, ...) work as well.
"""

from gymnasium.envs.registration import EnvSpec

_ROBOTS = f"{__package__}._mujoco.robots"

ENVIRONMENTS = (
    EnvSpec("transfer/Ant-v0", entry_point=f"{_ROBOTS}:Ant", reward_threshold=6000.0, max_episode_steps=1000),
    EnvSpec(
        "transfer/HalfCheetah-v0", entry_point=f"{_ROBOTS}:HalfCheetah", reward_threshold=4800.0, max_episode_steps=1000
    ),
    EnvSpec("transfer/Hopper-v0", entry_point=f"{_ROBOTS}:Hopper", reward_threshold=3800.0, max_episode_steps=1000),
    EnvSpec("transfer/Reacher-v0", entry_point=f"{_ROBOTS}:Reacher", reward_threshold=-3.75, max_episode_steps=50),
    EnvSpec("transfer/Walker2d-v0", entry_point=f"{_ROBOTS}:Walker2d", max_episode_steps=1000),
)
