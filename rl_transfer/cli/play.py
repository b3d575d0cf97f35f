"""The command that lets agents play."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Play:
    """Watch agents of finished runs side by side on the same episode seeds, in a window or as a film.

    For example: rl-transfer play my_pair/fine_tune/seed0 --compare siblings --video them.mp4
    """

    run: tyro.conf.Positional[Annotated[str, tyro.conf.arg(name="RUN", metavar="RUN")]]
    """A run's folder, or PAIR/ARM/seedN as 'runs' prints it (with the key where that is not unique)."""
    compare: Annotated[tuple[str, ...], tyro.conf.arg(metavar="RUN [RUN ...]", help_behavior_hint="")] = ()
    """Further runs; 'siblings' for the source, from scratch, the arm and its placebo of the same pair and seed."""
    video: Annotated[Path | None, tyro.conf.arg(metavar="FILE", constructor=Path, help_behavior_hint="")] = None
    """The film to write, .mp4 or .gif, which needs no display; without it a window is opened."""
    episodes: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """How many."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of the first episode; those after it count up."""
    fps: Annotated[int | None, tyro.conf.arg(metavar="N", constructor=int, help_behavior_hint="")] = None
    """Steps shown per second, from 1 to 240; what the environment says by default."""
    overwrite: bool = False
    """Replace an existing film."""
    store: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Folder of runs and results."""

    def call(self) -> int:
        """Play, and say where the film is."""
        import sys

        from rl_transfer.api import play_runs
        from rl_transfer.report.places import from_here

        pictures = play_runs(
            self.run,
            compare=self.compare,
            video=self.video,
            episodes=self.episodes,
            seed=self.seed,
            fps=self.fps,
            store=self.store,
            overwrite=self.overwrite,
            tell=lambda line: print(line, file=sys.stderr),
        )
        if self.video is not None:
            print(f"{from_here(self.video.expanduser().absolute())}: {pictures} pictures")
        return 0
