"""Classic control as NumPy-vectorised environments: many members with parameters of their own, stepped as arrays.

From any program::

    gymnasium.make_vec("rl_transfer_envs:transfer/CartPole-v0", num_envs=3, gravity=[9.8, 12.0, 15.0])

Every member gives bit for bit what the single environment gives with the same settings and the same seed.
"""

from rl_transfer_envs.vector._members import MembersEnv

__all__ = ["MembersEnv"]
