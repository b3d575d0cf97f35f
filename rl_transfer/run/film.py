"""Where pictures go: into a film's file, or onto the screen."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.run.play import Picture

if TYPE_CHECKING:
    import pygame

_EXTRA = "pip install 'rl-transfer[play]'"
_PALETTE = "[0:v]split[a][b];[a]palettegen[p];[b][p]paletteuse"
_OPTIONS: dict[str, dict[str, Any]] = {
    ".mp4": {"codec": "libx264", "quality": 8, "output_params": ["-preset", "veryfast"]},
    ".gif": {"codec": "gif", "pix_fmt_out": "pal8", "quality": None, "output_params": ["-filter_complex", _PALETTE]},
}


def has_display() -> bool:
    """Whether a window could be opened."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def check_film(file: Path, *, overwrite: bool) -> None:
    """Refuse what could not be written, before anybody plays.

    Raises:
        ConfigError: Says what to give instead, or what to install.
    """
    if file.suffix.lower() not in _OPTIONS:
        raise ConfigError(f"must end in {' or '.join(_OPTIONS)}, not in {file.suffix!r}: {file}", key="--video")
    if not file.parent.is_dir():
        raise ConfigError(f"there is no folder {file.parent}: make it first, or choose another", key="--video")
    if file.is_dir():
        raise ConfigError("is a folder: name a file in it", file=file)
    if file.exists() and not overwrite:
        raise ConfigError("is there already: choose another --video, or replace it with --overwrite", file=file)
    if find_spec("imageio_ffmpeg") is None:
        raise ConfigError(f"films need the extra play: {_EXTRA}", key="--video")


def check_window() -> None:
    """Refuse where no window can be opened.

    Raises:
        ConfigError: Says what to do instead, or what to install.
    """
    if not has_display():
        raise ConfigError("there is no display to open a window on: write a film with --video FILE.mp4 or FILE.gif")
    if find_spec("pygame") is None:
        raise ConfigError(f"a window needs the extra play: {_EXTRA}")


def write_film(file: Path, pictures: Iterator[Picture], *, fps: int) -> int:
    """Write an mp4 or GIF, whole or not at all.

    Args:
        file: Its ending says which; its folder exists.
        pictures: All of one size, with even width and height.
        fps: Pictures per second; GIFs show 50 at most.

    Returns:
        The number of pictures.

    Raises:
        StoreError: If it can't be written, or not all of it was.
    """
    import imageio_ffmpeg

    first = next(pictures)
    suffix, count = file.suffix.lower(), 1
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
            part = Path(folder) / f"film{suffix}"
            size = (first.shape[1], first.shape[0])
            writer = imageio_ffmpeg.write_frames(
                part, size, fps=fps, macro_block_size=2, ffmpeg_log_level="error", **_OPTIONS[suffix]
            )
            writer.send(None)
            writer.send(first.tobytes())
            for picture in pictures:
                writer.send(picture.tobytes())
                count += 1
            writer.close()
            _check_written(part, count, file)
            part.replace(file)
    except OSError as error:
        raise StoreError(f"{file}: can't be written: {error.strerror or error}") from error
    return count


def _check_written(part: Path, count: int, file: Path) -> None:
    """Look at what ffmpeg wrote: nobody tells whether it could write everything, the disk may be full."""
    import imageio_ffmpeg

    what = f"{file}: can't be written whole: is the disk full?"
    try:
        written, _ = imageio_ffmpeg.count_frames_and_secs(part)
    except RuntimeError as error:
        raise StoreError(f"{what} (ffmpeg can't read it again)") from error
    if written < count:
        raise StoreError(f"{what} ({written} of {count} pictures are there)")


def show_in_window(pictures: Iterator[Picture], *, fps: int, title: str) -> int:
    """Show pictures in a window until they end, or somebody closes it (or presses Escape or Q).

    Returns:
        The number of pictures that were shown.
    """
    import pygame

    count, clock = 0, pygame.time.Clock()
    pygame.display.init()
    try:
        screen = None
        for picture in pictures:
            if screen is None:
                screen = pygame.display.set_mode((picture.shape[1], picture.shape[0]))
                pygame.display.set_caption(title)
            screen.blit(pygame.surfarray.make_surface(picture.swapaxes(0, 1)), (0, 0))
            pygame.display.flip()
            count += 1
            if any(_closes(event) for event in pygame.event.get()):
                return count
            clock.tick(fps)
        time.sleep(0.5)
    finally:
        pygame.display.quit()
    return count


def _closes(event: "pygame.event.Event") -> bool:
    import pygame

    return event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key in (pygame.K_ESCAPE, pygame.K_q))
