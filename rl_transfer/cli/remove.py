"""Removing from a store: what is asked before, and what is said after."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rl_transfer.errors import ConfigError
from rl_transfer.report.wording import count, size_text
from rl_transfer.store import (
    Store,
    find_run,
    folder_size,
    garbage,
    refuse_needed,
    refuse_outside,
    remove,
    run_name,
    study_runs,
)

_MOST = 20


def remove_named(root: Path, names: Sequence[str], *, yes: bool, force: bool) -> int:
    """Remove runs; returns the exit code."""
    store = _store(root)
    folders = list(dict.fromkeys(find_run(name, store).absolute() for name in names))
    for folder in folders:
        refuse_outside(store, folder)

    def allowed() -> Sequence[Path]:
        if not force:
            refuse_needed(store, folders)
        return folders

    return _remove(store, allowed(), "", allowed, yes=yes)


def remove_study(root: Path, name: str, *, yes: bool) -> int:
    """Remove a study and the runs that it alone needs; returns the exit code."""
    store = _store(root)

    def allowed() -> Sequence[Path]:
        return [store.study(name), *study_runs(store, name)[0]]

    _, shared = study_runs(store, name)
    stay = f"{count(len(shared), 'run')} that others need or that were imported stay" if shared else ""
    return _remove(store, allowed(), stay, allowed, yes=yes)


def collect_garbage(root: Path, *, yes: bool) -> int:
    """List what nobody needs, and remove it if wanted; returns the exit code."""
    store = _store(root)
    found = garbage(store)
    for reason in dict.fromkeys(one.reason for one in found):
        some = [one for one in found if one.reason == reason]
        print(f"{reason}: {count(len(some), 'folder')}, {size_text(sum(one.size for one in some))}")
        _list(store, [one.folder for one in some])
    if not found:
        print(f"nothing to remove in {root}")
    elif yes:
        removed = remove(store, [one.folder for one in found], lambda: [one.folder for one in garbage(store)])
        print(f"removed {size_text(sum(one.size for one in found if one.folder in removed))}")
    else:
        print(f"{size_text(sum(one.size for one in found))} in all; nothing was removed: gc --yes removes it")
    return 0


def _store(root: Path) -> Store:
    store = Store(root.absolute())
    store.check_made()
    return store


def _remove(
    store: Store, folders: Sequence[Path], stay: str, allowed: Callable[[], Sequence[Path]], *, yes: bool
) -> int:
    size_of = {folder: folder_size(folder) for folder in folders}
    if not yes:
        _list(store, folders)
        if not _confirmed(f"Remove {count(len(folders), 'folder')} ({size_text(sum(size_of.values()))})? [y/N] "):
            print("nothing was removed")
            return 1
    removed = remove(store, folders, allowed)
    size = size_text(sum(size_of[folder] for folder in removed))
    late = f"{count(len(folders) - len(removed), 'run')} that others need by now stay" if folders != removed else ""
    print("; ".join(filter(None, [f"removed {count(len(removed), 'folder')}, {size}", stay, late])))
    return 0


def _list(store: Store, folders: Sequence[Path]) -> None:
    for folder in folders[:_MOST]:
        print(f"  {run_name(store, folder)}")
    if len(folders) > _MOST:
        print(f"  and {len(folders) - _MOST} more")


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask on: give --yes to remove without asking")
    return input(question).strip().lower() in ("y", "yes")
