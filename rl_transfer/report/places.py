"""Where a study's report files lie, and how to open them."""

import shlex
import shutil
import sys
from pathlib import Path

from rl_transfer.errors import RLTransferError
from rl_transfer.store import Store


def checked_name(name: str) -> str:
    """Pass on a name that can be a folder's; files from elsewhere may hold others.

    Raises:
        RLTransferError: If the name would leave the folder that it is to lie in.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise RLTransferError(f"{name!r} can't be the name of a folder: rename the study, pair or arm")
    return name


def study_folder(store: Path, name: str) -> Path:
    """The folder of one study's results."""
    return Store(store).study(checked_name(name))


def tensorboard_folder(store: Path, name: str) -> Path:
    """The folder that TensorBoard is to be pointed to."""
    return study_folder(store, name) / "tensorboard"


def tensorboard_command(store: Path, name: str) -> str:
    """The command that opens a study in TensorBoard.

    Args:
        store: The store's folder.
        name: Name of the study.

    Returns:
        A command line to paste into a shell.
    """
    program = Path(sys.executable).with_name("rl-transfer")
    found = "rl-transfer" if shutil.which("rl-transfer") or not program.is_file() else from_here(program)
    where = [] if store.absolute() == Path.cwd() / "runs" else ["--store", from_here(store.absolute())]
    return shlex.join([found, "tensorboard", name, *where])


def from_here(path: Path) -> str:
    """A path as seen from the current folder, where that is shorter."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
