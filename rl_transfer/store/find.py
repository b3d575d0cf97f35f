"""Runs of a store by the names that people use."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.store.folders import Store


def run_name(store: Store, folder: Path) -> str:
    """A stored run's name, as ``rl-transfer runs`` prints it: ``PAIR/ARM/seedN-KEY``; elsewhere its path."""
    return folder.relative_to(store.runs).as_posix() if folder.is_relative_to(store.runs) else str(folder)


def find_run(name: str, store: Store) -> Path:
    """The folder of a run.

    Args:
        name: Its path, also one through links, or its name as ``rl-transfer runs`` prints it; without the key where one
            run alone has that pair, arm and seed.
        store: Where names are looked up.

    Raises:
        ConfigError: If there is no such run, or there are several.
    """
    path = Path(name).expanduser()
    if (path / "spec.json").is_file():
        real, root = path.resolve(), store.root.resolve()
        return store.root / real.relative_to(root) if real.is_relative_to(root) else path
    store.check_made()
    runs = {run_name(store, folder): folder for folder in store.index().values()}
    found = [run for run in runs if name in (run, run.rpartition("-")[0])]
    if not found:
        short = {run.rpartition("-")[0] for run in runs}
        hint = nearest(name, short) if short else "it has none yet"
        raise ConfigError(f"no run is called {name!r}; {hint}; 'rl-transfer runs' lists them", file=store.root)
    if len(found) > 1:
        raise ConfigError(f"{name!r} could be {' or '.join(found)}: give one of them", file=store.root)
    return runs[found[0]]


def matching_runs(store: Store, pattern: str | None = None) -> Iterator[Path]:
    """Folders of the runs whose names match.

    Args:
        store: Where.
        pattern: A shell pattern of a name's beginning, such as ``cartpole*`` or ``*/fine_tune*``; None for all.
    """
    for folder in store.index().values():
        name = run_name(store, folder)
        if pattern is None or any(fnmatchcase(name, one) for one in (pattern, f"{pattern}/*", f"{pattern}-*")):
            yield folder
