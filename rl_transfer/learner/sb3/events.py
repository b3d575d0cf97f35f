"""Where Stable-Baselines3 writes its TensorBoard log."""

import time
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import TensorBoardOutputFormat


class Events(TensorBoardOutputFormat):
    """The library's TensorBoard log in a new file, on the axis of charged steps.

    TensorBoard reads the files of a folder in the order of their names, which say the second and then count without
    leading zeros: the tenth file of one second would be read before the ninth, and steps would go back.

    Args:
        folder: Where the file goes; it is the last of those there, by name too.

    Attributes:
        first_step: The charged step from which the library counts.
    """

    first_step = 0

    def __init__(self, folder: str) -> None:
        before = _names(folder)
        super().__init__(folder)
        (made,) = _names(folder) - before
        if before and made < max(before):
            self.writer.close()
            (Path(folder) / made).unlink()
            time.sleep(1 - time.time() % 1)
            super().__init__(folder)

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Write what the library has logged."""
        super().write(key_values, key_excluded, self.first_step + step)


def _names(folder: str) -> set[str]:
    return {path.name for path in Path(folder).glob("events.*")}
