"""Comparing the spaces of two tasks."""

from typing import Any

import gymnasium

from rl_transfer.errors import ConfigError
from rl_transfer.tasks.make import TaskFacts


def _form(space: gymnasium.Space[Any]) -> object:
    """What a network's shape depends on: not the bounds of a box, which variants of a task may change."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return ("Discrete", int(space.n), int(space.start))
    if isinstance(space, gymnasium.spaces.Box):
        return ("Box", space.shape, str(space.dtype))
    return repr(space)


def refuse_different_spaces(source: TaskFacts, target: TaskFacts) -> None:
    """Refuse a pair whose tasks see or do different things; bounds of boxes may differ.

    Raises:
        ConfigError: If observation or action spaces have different forms.
    """
    for what in ("observation_space", "action_space"):
        ours, theirs = getattr(source, what), getattr(target, what)
        if _form(ours) != _form(theirs):
            name = what.replace("_", " ")
            raise ConfigError(
                f"source and target have different {name}s: {ours} against {theirs}; "
                "carrying networks needs the same: choose another source",
                key="target",
            )
