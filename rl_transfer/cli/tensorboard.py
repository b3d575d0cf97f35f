"""The command that opens a study in TensorBoard."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class TensorBoard:
    """Open a study in TensorBoard, for this machine only; while the study runs too. Ctrl-C ends it."""

    study: tyro.conf.Positional[
        Annotated[str | None, tyro.conf.arg(name="STUDY", metavar="[STUDY]", constructor=str, help_behavior_hint="")]
    ] = None
    """Name of the study, or the path of its file; without it, the study that was run last."""
    store: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Folder of runs and results."""
    port: Annotated[int | None, tyro.conf.arg(metavar="PORT", constructor=int, help_behavior_hint="")] = None
    """Port on localhost, 0 for any free one; by default the first free one from 6006 on."""

    def call(self) -> int:
        """Serve until Ctrl-C."""
        from rl_transfer.api import tensorboard_of
        from rl_transfer.report import serve_tensorboard
        from rl_transfer.report.tensorboard.server import views

        folder = tensorboard_of(self.study, store=self.store)

        def ready(address: str) -> None:
            print(f"{folder.parent.name} in TensorBoard, for this machine only (Ctrl-C ends it): {address}")
            found = views(folder, address)
            width = 2 + max(map(len, found), default=0)
            for what, where in found.items():
                print(f"  {what:{width}}{where}", flush=True)

        serve_tensorboard(folder, self.port, ready)
        return 0
