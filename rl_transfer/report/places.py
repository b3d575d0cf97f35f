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
    """The command that opens a study's curves in TensorBoard.

    Args:
        store: The store's folder.
        name: Name of the study.

    Returns:
        A command line to paste into a shell.
    """
    program = ["tensorboard"] if shutil.which("tensorboard") else [sys.executable, "-m", "tensorboard.main"]
    return shlex.join([*program, "--logdir", str(tensorboard_folder(store, name))])
