"""What an environment is made of: its source code, and the third-party packages that this code imports."""

import ast
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

import gymnasium

# What every run records the version of: as packages, and as distributions.
_BY_VERSION = {"gymnasium", "numpy", "torch", "stable_baselines3", "rl_transfer"}
_RECORDED_ELSEWHERE = {"gymnasium", "numpy", "torch", "stable-baselines3", "rl-transfer"}
# Drawing changes no result, and what it needs is imported only there.
_DRAWING = re.compile(r"_?(render|draw)\w*|close")


def describe_source(env: gymnasium.Env[Any, Any]) -> tuple[str, dict[str, str]]:
    """Digest and distributions of the modules that define an environment and its wrappers.

    The modules are those of all classes in the chain of wrappers, and what their import statements lead to. Nothing is
    imported for this, so that the answer does not depend on what else the process has loaded. Hashed are files outside
    site-packages, and inside it those of the classes' own packages; Gymnasium and the learning libraries go by version.

    Args:
        env: The environment, its wrappers around it.

    Returns:
        A digest that changes with the source code, and the versions of the third-party distributions that are imported
        directly, by name; those that every run records are left out.
    """
    waiting = sorted(_modules(env))
    own = {_top(module) for module in waiting} - _BY_VERSION
    seen, hashes, third_party = set(waiting), [], set(own)
    while waiting:
        module = waiting.pop()
        file = _file(module)
        if file is None:
            continue
        if _top(module) not in _BY_VERSION:
            hashes.append(hashlib.sha256(file.read_bytes()).hexdigest())
        for imported in _imports(module, file) - seen:
            seen.add(imported)
            if _follows(imported, own):
                waiting.append(imported)
            else:
                third_party.add(_top(imported))
    digest = hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()[:16]
    return digest, _distributions(third_party)


def _modules(env: gymnasium.Env[Any, Any]) -> set[str]:
    """Modules of the classes of every layer; of Gymnasium's own, the environments'."""
    found: set[str] = set()
    layer: Any = env
    while True:
        found |= {cls.__module__ for cls in type(layer).__mro__}
        if not isinstance(layer, gymnasium.Wrapper):
            break
        layer = layer.env
    return {
        module
        for module in found
        if _top(module) not in sys.stdlib_module_names
        and not module.startswith(("gymnasium.core", "gymnasium.wrappers"))
    }


def _follows(module: str, own: set[str]) -> bool:
    """Whether a module that is imported is part of the environment, and not a package that goes by its version."""
    if _top(module) in own:
        return True
    file = None if _top(module) in _BY_VERSION else _file(module)
    return file is not None and not _is_installed(file)


def _imports(module: str, file: Path) -> set[str]:
    """Names of the modules that a file imports, other than the standard library's; some may be no modules."""
    if file.suffix != ".py":
        return set()
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # a file that nothing has imported yet
        return found
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            base = resolve_name("." * node.level + (node.module or ""), package)
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in found if _top(name) not in sys.stdlib_module_names}


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.FunctionDef) and _DRAWING.fullmatch(child.name)):
            yield child
            yield from _statements(child)


def _file(module: str) -> Path | None:
    """The file of a module, loaded or not; None for what is no module, or has no file."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
    else:
        spec = PathFinder.find_spec(module, _places(module.rpartition(".")[0])) if "." in module else find_spec(module)
        file = spec.origin if spec is not None and spec.has_location else None
    return Path(file) if file is not None and Path(file).is_file() else None


def _places(package: str) -> list[str]:
    """The folders of a package; none for what is no package."""
    loaded = sys.modules.get(package)
    if loaded is not None:
        return list(getattr(loaded, "__path__", ()))
    file = _file(package)
    return [str(file.parent)] if file is not None and file.name == "__init__.py" else []


def _is_installed(file: Path) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(file.parts)


def _top(module: str) -> str:
    return module.partition(".")[0]


def _distributions(packages: set[str]) -> dict[str, str]:
    """The distributions of top-level packages with their versions, sorted; what is in none is left out."""
    found = {name for package in packages for name in _distributions_by_package().get(package, ())}
    return {
        name: version(name) for name in sorted(found) if re.sub("[-_.]+", "-", name).lower() not in _RECORDED_ELSEWHERE
    }


@cache
def _distributions_by_package() -> Mapping[str, list[str]]:
    return packages_distributions()
