"""The folder tree that TensorBoard is pointed to: what lies where, and how it takes the place of an older one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rl_transfer.analysis import Manifest, is_judged
from rl_transfer.analysis.manifest import is_source, read_manifest
from rl_transfer.errors import StoreError
from rl_transfer.report.places import checked_name, study_folder, tensorboard_folder

STUDY, SOURCES, REFERENCES = "_study", "_sources", "_references"
"""Top folders beside the pairs'; no pair's name starts with an underscore."""


def link_tensorboard(store: Path, name: str) -> Path:
    """Gather the runs of a planned study, so that TensorBoard shows them while they are trained.

    Args:
        store: The store's folder.
        name: Name of the study.

    Returns:
        ``STORE/studies/NAME/tensorboard``, which `write_tensorboard` completes once the study is judged. A run that has
        not started is a link to nothing yet.

    Raises:
        RLTransferError: If the study can't be read, the folder can't be written, or a name can't be a folder's.
    """
    folder = tensorboard_folder(store, name)
    manifest = read_manifest(study_folder(store, name) / "study.json")
    with replacing(folder) as fresh:
        link_runs(store, manifest, fresh)
    return folder


def link_runs(store: Path, manifest: Manifest, folder: Path) -> None:
    """Link the events of every planned run, under ``PAIR/ARM/seedN``; source runs and references apart."""
    for pair, entry in manifest.pairs.items():
        for run in entry.runs:
            link(folder / run_place(pair, run.arm, run.seed), store / run.path / "events")


def run_place(pair: str, arm: str, seed: int) -> Path:
    """Where a run lies in the tree, which is also TensorBoard's name for it.

    Raises:
        RLTransferError: If pair or arm can't be a folder's name.
    """
    top = SOURCES if is_source(arm) else "" if is_judged(arm) else REFERENCES
    return Path(top, checked_name(pair), checked_name(arm), f"seed{seed}")


def link(place: Path, target: Path) -> None:
    """Make a link by a path that stays right when the store is moved."""
    place.parent.mkdir(parents=True, exist_ok=True)
    where = os.path.relpath(target.resolve(), place.parent.resolve())
    place.symlink_to(where, target_is_directory=not target.is_file())


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes another's place once it is complete; nothing is left of it if that fails.

    A TensorBoard that looks on sees the old one or the new one, but for the moment between two renames.

    Raises:
        StoreError: If it can't be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".tensorboard."))
        old = fresh.with_name(f"{fresh.name}.old")
        try:
            yield fresh
            fresh.chmod(0o755)
            if folder.exists():
                folder.rename(old)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{folder}: can't be written: {error}") from error
