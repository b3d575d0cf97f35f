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


def whole(figure: Figure) -> bytes:
    """Turn a figure, made under `style`, into an SVG file of its own."""
    return _svg(figure).encode()


def inline(figure: Figure, name: str) -> str:
    """Turn a figure into an ``<svg>`` element.

    Args:
        figure: The figure, made under `style`.
        name: What its element ids start with; each figure of a page needs another.

    Returns:
        The element. It scales with the page.
    """
    svg = _svg(figure)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg, count=2)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg))
    return re.sub(r'((?:\bid="|href="#|url\(#))', rf"\g<1>{name}-", svg)


def png(figure: Figure) -> bytes:
    """Turn a figure, made under `style`, into a PNG file of its own."""
    file = BytesIO()
    with style():
        figure.savefig(file, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return file.getvalue()


def _svg(figure: Figure) -> str:
    file = StringIO()
    with style():
        figure.savefig(file, format="svg", metadata=_NO_METADATA)
    return file.getvalue()
