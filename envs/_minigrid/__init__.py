"""Environments of the family `minigrid`; declared in `rl_transfer_envs.minigrid`, imported when one is made."""

from importlib.util import find_spec

from rl_transfer_envs._checks import missing_extra

if find_spec("minigrid") is None:
    raise missing_extra("the family minigrid", "minigrid", "minigrid")
