"""Environments of the family `box2d`; declared in `rl_transfer_envs.box2d`, imported when one is made."""

from importlib.util import find_spec

from rl_transfer_envs._checks import missing_extra

if find_spec("Box2D") is None:
    raise missing_extra("the family box2d", "box2d", "Box2D")
