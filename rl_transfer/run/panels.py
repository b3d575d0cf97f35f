"""Pictures of several environments as one, with who plays and how it goes above each."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rl_transfer.run.play import Picture, Player, View
from rl_transfer.study import TaskConfig

_LARGEST = (420, 320)
_NARROWEST = 260
_TITLE, _LABEL, _GAP = 30, 60, 8
_BACKGROUND, _INK, _FAINT = (18, 18, 22), (240, 240, 240), (165, 165, 175)
_OVER = 0.45


def compose(players: Sequence[Player], views: Sequence[View], title: str) -> Picture:
    """Tile what is seen of all players; width and height are even, as films need.

    Args:
        players: Who plays.
        views: What is seen of each.
        title: What stands above all.
    """
    images = [_scaled(view) for view in views]
    width = max(_NARROWEST, max(image.width for image in images)) + _GAP
    height = max(image.height for image in images) + _LABEL + _GAP
    columns = len(images) if len(images) <= 3 else ceil(len(images) / 2)
    rows = ceil(len(images) / columns)
    size = [(number + 1) // 2 * 2 for number in (columns * width + _GAP, _TITLE + rows * height)]
    whole = Image.new("RGB", (size[0], size[1]), _BACKGROUND)
    draw = ImageDraw.Draw(whole)
    _write(draw, (_GAP, 7), title, _FAINT, 14, size[0] - 2 * _GAP)
    for place, (player, view, image) in enumerate(zip(players, views, images, strict=True)):
        left, top = _GAP + place % columns * width, _TITLE + place // columns * height
        for row, (text, ink, points) in enumerate(_label(player, view)):
            _write(draw, (left, top + 19 * row), text, ink, points, width - _GAP)
        whole.paste(image, (left + (width - _GAP - image.width) // 2, top + _LABEL))
    return np.asarray(whole, dtype=np.uint8)


def _label(player: Player, view: View) -> list[tuple[str, tuple[int, int, int], int]]:
    pair, arm, seed = player.names
    where = f", on its own {player.task.id}" if player.alone else ", through the mapping" if player.mapped else ""
    return [
        (f"{arm}  seed {seed}", _INK, 16),
        (pair + where, _FAINT, 13),
        (f"return {view.return_:.1f}   step {view.step}{'   over' if view.over else ''}", _INK, 14),
    ]


def _write(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, ink: tuple[int, int, int], points: int, room: int
) -> None:
    font = ImageFont.load_default(points)
    while len(text) > 1 and draw.textlength(text, font) > room:
        text = text.removesuffix("...")[:-1] + "..." if len(text) > 4 else text[:-1]
    draw.text(at, text, ink, font)


def _scaled(view: View) -> Image.Image:
    """A picture as large as there is room; pixels of small ones stay sharp, and one whose episode is over is dim."""
    image = Image.fromarray(view.picture)
    factor = min(_LARGEST[0] / image.width, _LARGEST[1] / image.height)
    method = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    image = image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))), method)
    return Image.blend(Image.new("RGB", image.size, _BACKGROUND), image, _OVER) if view.over else image


def task_text(task: TaskConfig) -> str:
    """A task in one line."""
    settings = "".join(f" {name}={value}" for name, value in task.kwargs.items())
    return task.id + settings + "".join(f" + {wrapper.name}" for wrapper in task.wrappers)
