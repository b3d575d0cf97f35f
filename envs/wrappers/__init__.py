"""Wrappers that any task can name: one file each, found by its file name.

A wrapper file defines one public `gymnasium.Wrapper` subclass that takes its settings as keywords, records them with
`gymnasium.utils.RecordConstructorArgs`, and draws nothing from the environment's own generator.
"""

import difflib
import importlib
from types import ModuleType
from typing import Any

import gymnasium

from rl_transfer_envs._discovery import plugin_names

__all__ = ["wrapper_class", "wrapper_names"]


def wrapper_names() -> list[str]:
    """The names of all wrappers, which are their file names, sorted."""
    names: list[str] = plugin_names(__path__)
    return names


def wrapper_class(name: str) -> type[gymnasium.Wrapper[Any, Any, Any, Any]]:
    """The wrapper class of a name; called with the environment and the wrapper's settings as keywords.

    Args:
        name: One of `wrapper_names()`.

    Returns:
        The one public wrapper class that the file of that name defines.

    Raises:
        ValueError: No wrapper has that name, or its file does not define exactly one.
    """
    names = wrapper_names()
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise ValueError(f"unknown wrapper {name!r}{hint} Valid names: {', '.join(names)}")
    return _wrapper_in(importlib.import_module(f"{__name__}.{name}"))


def _wrapper_in(module: ModuleType) -> type[gymnasium.Wrapper[Any, Any, Any, Any]]:
    found = [
        member
        for member in vars(module).values()
        if isinstance(member, type)
        and issubclass(member, gymnasium.Wrapper)
        and member.__module__ == module.__name__
        and not member.__name__.startswith("_")
    ]
    if len(found) != 1:
        names = ", ".join(member.__name__ for member in found) or "none"
        raise ValueError(f"{module.__name__}: a wrapper file defines exactly one public Wrapper class, found {names}")
    return found[0]
