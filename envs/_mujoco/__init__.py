"""Environments of the family `mujoco`; declared in `rl_transfer_envs.mujoco`, imported when one is made."""

from importlib.util import find_spec

from rl_transfer_envs._checks import missing_extra

if find_spec("mujoco") is None:
    raise missing_extra("the family mujoco", "mujoco", "mujoco")
