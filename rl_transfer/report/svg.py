"""Matplotlib figures as SVG to stand inside an HTML page, or as PNG: no address in it, and always the same bytes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from typing import Any

from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.figure import Figure

_STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.unicode_minus": False,
    "text.parse_math": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "rl_transfer",
}
_PNG_DPI = 110
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@contextmanager
def style() -> Iterator[None]:
    """The look of all figures; whatever the reader's own matplotlib settings are, it is the same."""
    with rc_context():
        rcdefaults()
        rcParams.update(_STYLE)
        yield


def png(figure: Figure) -> bytes:
    """Turn a figure, made under `style`, into a PNG file of its own, without the parts whose id ends in ``.off``."""
    file = BytesIO()
    for artist in figure.findobj(lambda artist: str(artist.get_gid()).endswith(".off")):
        artist.set_visible(False)
    with style():
        figure.savefig(file, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return file.getvalue()


def drawn(figure: Figure) -> str:
    """Turn a figure, made under `style`, into an SVG document."""
    file = StringIO()
    with style():
        figure.savefig(file, format="svg", metadata=_NO_METADATA)
    return file.getvalue()


def whole(svg: str) -> bytes:
    """A drawn figure as a file of its own: parts whose id ends in ``.off`` are there, but hidden."""
    return re.sub(r'(id="[^"]*\.off")', r'\1 style="display: none"', svg).encode()


def inline(svg: str, name: str, height: float | None = None) -> str:
    """A drawn figure as an ``<svg>`` element.

    Ids of the form ``NAME.PART`` or ``NAME.PART.off`` become the classes NAME and PART, for style sheets to find.

    Args:
        svg: The figure.
        name: What its element ids start with; each figure of a page needs another.
        height: Where to cut it off below, in inches from above, and to leave out its legend.

    Returns:
        The element. It scales with the page.
    """
    svg = svg[svg.index("<svg") :]
    if height is not None:
        svg = re.sub(
            r'viewBox="0 0 ([\d.]+) [\d.]+"', rf'viewBox="0 0 \1 {72 * height:g}"', _without_legend(svg), count=1
        )
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg, count=2)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg))
    svg = re.sub(r'\bid="([\w-]+)\.(\w+)(?:\.off)?"', r'class="\1 \2"', svg)
    return re.sub(r'((?:\bid="|href="#|url\(#))', rf"\g<1>{name}-", svg)


def _without_legend(svg: str) -> str:
    """Cut out the group of the figure's legend."""
    start = svg.index('<g id="legend_1">')
    depth = 0
    for tag in re.finditer(r"<g\b|</g>", svg[start:]):
        depth += 1 if tag.group() == "<g" else -1
        if depth == 0:
            return svg[:start] + svg[start + tag.end() :]
    raise AssertionError("matplotlib closes its groups")
