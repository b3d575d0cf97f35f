"""Looking at studies: TensorBoard."""

from pathlib import Path

from rl_transfer.api.studies import find_study
from rl_transfer.errors import RLTransferError
from rl_transfer.report import link_tensorboard
from rl_transfer.report.places import tensorboard_folder
from rl_transfer.store import Store


def tensorboard_of(study: str | None = None, *, store: str | Path = "runs") -> Path:
    """The folder that shows a study in TensorBoard, while it runs too.

    Args:
        study: The study's name, or the path of its file; the one that was run last if None.
        store: Folder of runs and results.

    Returns:
        ``STORE/studies/NAME/tensorboard``.

    Raises:
        RLTransferError: If the store has no such study, or none at all, or can't be read.
    """
    root = Path(store).absolute()
    name = _last_run(root) if study is None else find_study(root, study)
    folder = tensorboard_folder(root, name)
    return folder if folder.is_dir() else link_tensorboard(root, name)


def _last_run(store: Path) -> str:
    Store(store).check()
    manifests = sorted(store.glob("studies/*/study.json"), key=lambda file: file.stat().st_mtime)
    if not manifests:
        raise RLTransferError(f"{store}: no study in this store yet; 'rl-transfer run NAME' carries one out")
    return manifests[-1].parent.name
