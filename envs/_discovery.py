"""Plug-ins found by their file names: every public module of a folder is one."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterable

import gymnasium
from gymnasium.envs.registration import EnvSpec


def plugin_names(path: Iterable[str]) -> list[str]:
    """The plug-in files of a package: its modules whose names do not start with an underscore, sorted.

    Args:
        path: The package's `__path__`.

    Returns:
        The file names without their ending. Nothing is imported.
    """
    return sorted(
        module.name for module in pkgutil.iter_modules(path) if not module.ispkg and not module.name.startswith("_")
    )


def find_environments(package: str, path: Iterable[str]) -> list[EnvSpec]:
    """Every environment that the plug-in files of a package declare in their `ENVIRONMENTS`.

    Args:
        package: The package's import name.
        path: The package's `__path__`.

    Returns:
        The declared specifications, in the order of file names.

    Raises:
        ValueError: A file declares no environments, or two declarations share an id.
    """
    specs: list[EnvSpec] = []
    for name in plugin_names(path):
        specs += _declared(f"{package}.{name}")
    ids = [spec.id for spec in specs]
    repeated = sorted({env_id for env_id in ids if ids.count(env_id) > 1})
    if repeated:
        raise ValueError(f"{package}: environment ids declared more than once: {', '.join(repeated)}")
    return specs


def register(spec: EnvSpec) -> None:
    """Registers an environment with Gymnasium; registering the same one again replaces it silently.

    An id that something else already holds makes Gymnasium warn, as it always does.

    Args:
        spec: The environment; its entry point is a `module:name` string.
    """
    known = gymnasium.registry.get(spec.id)
    if known is not None and known.entry_point == spec.entry_point:
        del gymnasium.registry[spec.id]
    gymnasium.register(**{field.name: getattr(spec, field.name) for field in dataclasses.fields(spec) if field.init})


def _declared(module_name: str) -> tuple[EnvSpec, ...]:
    declared = getattr(importlib.import_module(module_name), "ENVIRONMENTS", None)
    if not isinstance(declared, tuple) or not declared or not all(isinstance(spec, EnvSpec) for spec in declared):
        raise ValueError(
            f"{module_name}: an environment file needs ENVIRONMENTS, a non-empty tuple of "
            "gymnasium.envs.registration.EnvSpec; the name of a helper file starts with an underscore"
        )
    return declared
