"""A testbed for transfer in reinforcement learning."""

__version__ = "0.1.0"
