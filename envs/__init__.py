"""Parametrised Gymnasium environments and wrappers; importing this package registers them.

From any program: `gymnasium.make("rl_transfer_envs:transfer/CartPole-v0", gravity=20.0)`.

To add an environment, put one file into this folder that ends in its declaration::

    ENVIRONMENTS = (EnvSpec("transfer/Name-v0", entry_point=f"{__name__}:Name", max_episode_steps=500),)

The file is imported with the package, so what is heavy is imported where it is used. Files whose names start with an
underscore are helpers and declare nothing.
"""

from rl_transfer_envs._discovery import find_environments, register

__all__ = ["environment_ids"]

_SPECS = tuple(find_environments(__name__, __path__))
for _spec in _SPECS:
    register(_spec)


def environment_ids() -> list[str]:
    """The Gymnasium ids that this package registers, sorted."""
    return sorted(spec.id for spec in _SPECS)
