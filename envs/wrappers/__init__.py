"""Wrappers that any task can name: one file each, found by its file name.

A wrapper file defines one public `gymnasium.Wrapper` subclass that takes its settings as keywords, records them with
`gymnasium.utils.RecordConstructorArgs`, and draws nothing from the environment's own generator. Files whose names start
with an underscore are helpers. A wrapper of any other package is named by its module and class, as in
`gymnasium.wrappers:FlattenObservation`.
"""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any, TypeGuard

import gymnasium

from rl_transfer_envs._discovery import plugin_names

__all__ = ["wrapper_class", "wrapper_names"]

WrapperClass = type[gymnasium.Wrapper[Any, Any, Any, Any]]


def wrapper_names() -> list[str]:
    """The names of all wrappers, which are their file names, sorted."""
    names: list[str] = plugin_names(__path__)
    return names


def wrapper_class(name: str) -> WrapperClass:
    """The wrapper class of a name; called with the environment and the wrapper's settings as keywords.

    Args:
        name: One of `wrapper_names()`, or `module:Class` for a wrapper of another package, whose module is imported.

    Returns:
        The one public wrapper class that the file of that name defines, or the other package's class.

    Raises:
        ValueError: No wrapper has that name, its file does not define exactly one, the module can't be imported, or
            the class is no `gymnasium.Wrapper`.
    """
    if ":" in str(name):
        return _foreign(str(name))
    names = wrapper_names()
    if name not in names:
        raise ValueError(
            f"unknown wrapper {name!r}{_hint(str(name), names)} Valid names: {', '.join(names)}, "
            "and module:Class for a wrapper of another package"
        )
    return _wrapper_in(importlib.import_module(f"{__name__}.{name}"))


def _wrapper_in(module: ModuleType) -> WrapperClass:
    found = [
        member
        for member in vars(module).values()
        if _is_wrapper(member) and member.__module__ == module.__name__ and not member.__name__.startswith("_")
    ]
    if len(found) != 1:
        names = ", ".join(member.__name__ for member in found) or "none"
        raise ValueError(f"{module.__name__}: a wrapper file defines exactly one public Wrapper class, found {names}")
    return found[0]


def _foreign(name: str) -> WrapperClass:
    module_name, _, class_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    # Importing runs another package's code, which may raise anything.
    except Exception as error:
        raise ValueError(f"wrapper {name!r}: module {module_name!r} can't be imported: {error}") from error
    found = getattr(module, class_name, None)
    if _is_wrapper(found):
        return found
    if found is not None:
        raise ValueError(f"wrapper {name!r}: {class_name} is no subclass of gymnasium.Wrapper")
    wrappers = [key for key, member in vars(module).items() if _is_wrapper(member)]
    known = f" Wrappers there: {', '.join(sorted(wrappers)) or 'none'}"
    raise ValueError(f"wrapper {name!r}: {module_name} has no {class_name!r}{_hint(class_name, wrappers)}{known}")


def _is_wrapper(thing: object) -> TypeGuard[WrapperClass]:
    return isinstance(thing, type) and issubclass(thing, gymnasium.Wrapper)


def _hint(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ";"
