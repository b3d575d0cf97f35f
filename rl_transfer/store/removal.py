"""Removing runs and studies: only inside the store, never what somebody needs or is training."""

import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from rl_transfer.errors import ConfigError, StoreError, nearest
from rl_transfer.store.files import read_json
from rl_transfer.store.find import run_name
from rl_transfer.store.folders import Store, folder_key, spec_error
from rl_transfer.store.users import User, users

_YOUNG_SECONDS = 600.0
"""An unfinished run that was touched since then may belong to a program that has just planned it."""


@dataclass(frozen=True)
class Garbage:
    """A folder that nobody needs.

    Attributes:
        reason: Why nobody does.
        size: In bytes.
    """

    folder: Path
    reason: str
    size: int


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())


def refuse_needed(store: Store, folders: Iterable[Path]) -> None:
    """Refuse to remove runs that a study or selection with results is made of.

    Raises:
        ConfigError: Says which, and what to do.
        StoreError: If a study can't be read.
    """
    finished = [user for user in users(store) if user.finished]
    for folder in folders:
        if needed := [user for user in finished if folder_key(folder) in user.keys]:
            by = ", ".join(f"{user.kind} {user.name}" for user in needed)
            raise ConfigError(
                f"{by} could not be judged again without it: --force removes it all the same, "
                "'rl-transfer rm --study NAME' a study with all its runs",
                file=run_name(store, folder),
            )


def study_runs(store: Store, name: str) -> tuple[list[Path], list[Path]]:
    """The folders of a study's runs: those that go with it, and those that others need too.

    Imported agents stay: they can't be trained again.

    Raises:
        ConfigError: If there is no such study.
        StoreError: If a study can't be read.
    """
    found = {user.name: user for user in users(store) if user.kind == "study"}
    if name not in found:
        raise ConfigError(f"no study {name!r} in this store; {nearest(name, found)}", file=store.root)
    others = [user for user in users(store) if user != found[name]]
    alone: list[Path] = []
    shared: list[Path] = []
    for key, folder in store.index().items():
        if key in found[name].keys:
            (shared if _is_imported(folder) or any(key in user.keys for user in others) else alone).append(folder)
    return alone, shared


def garbage(store: Store) -> list[Garbage]:
    """What nobody needs: runs of no study, what a finished study left unfinished, and remains of removals.

    Imported agents and runs that are being trained are none.

    Raises:
        StoreError: If a study or selection can't be read: what it needs is unknown then.
    """
    known = users(store)
    found = [Garbage(folder, "left by a removal that was stopped", folder_size(folder)) for folder in _remains(store)]
    for key, folder in store.index().items():
        reason = _why_unneeded(key, folder, known)
        if reason and not store.is_locked(key):
            found.append(Garbage(folder, reason, folder_size(folder)))
    return found


def _why_unneeded(key: str, folder: Path, known: Sequence[User]) -> str:
    """Why nobody needs a run; nothing if somebody does."""
    needed_by, unfinished = [user for user in known if key in user.keys], not (folder / "status.json").exists()
    if unfinished and time.time() - (folder / "spec.json").stat().st_mtime < _YOUNG_SECONDS:
        return ""
    if not needed_by:
        return "" if _is_imported(folder) else f"{'unfinished, ' if unfinished else ''}no study needs it"
    if unfinished and all(user.finished for user in needed_by):
        return f"unfinished, not needed for the verdicts of {needed_by[0].name}"
    return ""


def remove(store: Store, folders: Sequence[Path], still: Callable[[], Iterable[Path]] | None = None) -> Sequence[Path]:
    """Remove folders of a store. Each disappears at once, whatever happens: what is left of it is found by `garbage`.

    Args:
        store: Where they lie.
        folders: What to remove.
        still: What may be removed by now. Asked when no other program can plan runs any more, since studies may have
            finished after the folders were chosen; it may also raise. None: all of them, whoever needs them.

    Returns:
        The folders that were removed.

    Raises:
        ConfigError: If a folder lies outside the store.
        StoreError: If a run is being trained or a program is at work, or a folder can't be removed.
    """
    for folder in folders:
        refuse_outside(store, folder)
    with _alone(store, folders):
        allowed = set(folders if still is None else still())
        removed = [folder for folder in folders if folder in allowed]
        for folder in removed:
            try:
                _remove_folder(store, folder)
            except OSError as error:
                raise StoreError(f"{folder}: can't be removed: {error.strerror or error}") from error
            _remove_empty(store, folder.parent)
        with suppress(OSError):
            _bin(store).rmdir()
    return removed


def _remove_folder(store: Store, folder: Path) -> None:
    gone = folder
    if folder.parent != _bin(store):
        gone, run = _bin(store) / uuid.uuid4().hex, _is_run(folder)
        gone.parent.mkdir(exist_ok=True)
        folder.rename(gone)
        if run:
            store.lock(folder_key(folder)).unlink(missing_ok=True)
    shutil.rmtree(gone)


def refuse_outside(store: Store, folder: Path) -> None:
    """Refuse a folder outside the store, and a link, which could lead anywhere.

    Raises:
        ConfigError: If it is one.
    """
    root, real = store.root.resolve(), folder.resolve()
    if folder.is_symlink() or real == root or not real.is_relative_to(root):
        raise ConfigError(f"lies outside the store {root}: nothing was removed", file=folder)


@contextmanager
def _alone(store: Store, folders: Sequence[Path]) -> Iterator[None]:
    """Hold the lock that programs need to plan runs."""
    with FileLock(store.lock("folders")):
        for folder in folders:
            if _is_run(folder) and store.is_locked(folder_key(folder)):
                raise StoreError(f"{folder}: is being trained now: stop that first; nothing was removed")
        if count := store.programs_at_work():
            what = "program carries" if count == 1 else "programs carry"
            raise StoreError(f"{store.root}: {count} {what} out runs in this store now: wait; nothing was removed")
        yield


def _remove_empty(store: Store, folder: Path) -> None:
    """Remove the folders of an arm and a pair that have no run any more."""
    while folder not in (store.root, store.runs) and folder.is_relative_to(store.runs):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _bin(store: Store) -> Path:
    return store.root / "removed"


def _remains(store: Store) -> list[Path]:
    return sorted(_bin(store).iterdir()) if _bin(store).is_dir() else []


def _is_run(folder: Path) -> bool:
    """Whether it is a run's folder, by whatever path: the lexical one may lead through links."""
    return (folder / "spec.json").is_file()


def _is_imported(folder: Path) -> bool:
    try:
        return read_json(folder / "spec.json")["spec"].get("imported") is not None
    except (AttributeError, KeyError, TypeError) as error:
        raise spec_error(folder, f"{type(error).__name__}: {error}") from error
