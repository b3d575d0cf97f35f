"""The figures of a report: in the page, and each as an SVG file with its data as CSV beside it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from rl_transfer.errors import StoreError
from rl_transfer.report.svg import drawn, inline, whole
from rl_transfer.store import write_bytes, write_csv

FOLDER = "figures"


@dataclass(frozen=True)
class Shown:
    """A figure in the page.

    Attributes:
        svg: The ``<svg>`` element.
        file: Its files beside the page, without ``.svg`` and ``.csv``.
    """

    svg: Markup
    file: str


@dataclass
class Gallery:
    """Takes up figures and writes each into ``figures/`` as NAME.svg and NAME.csv.

    Args:
        folder: Where the report lies.
    """

    folder: Path
    _names: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        figure: Figure,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        height: float | None = None,
    ) -> Shown:
        """Take up a figure.

        Args:
            name: What it shows; letters that don't suit a file are replaced.
            figure: The figure.
            columns: The header of its data.
            rows: Its data.
            height: The part of it for the page, without its legend, in inches from above; all of it by default.

        Raises:
            StoreError: If its files can't be written.
        """
        called = self._new_name(name)
        svg = drawn(figure)
        file = f"{FOLDER}/{called}"
        write_bytes(self.folder / f"{file}.svg", whole(svg))
        write_csv(self.folder / f"{file}.csv", columns, rows)
        return Shown(Markup(inline(svg, f"figure{len(self._names)}", height)), file)

    def _new_name(self, name: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:80] or "figure"
        taken = {known.lower() for known in self._names}
        called = next(one for one in _numbered(plain) if one.lower() not in taken)
        self._names.append(called)
        return called

    def close(self) -> None:
        """Remove figures that an earlier report left and this one has not.

        Raises:
            StoreError: If one can't be removed.
        """
        kept = {f"{name}{ending}" for name in self._names for ending in (".svg", ".csv")}
        try:
            for file in (self.folder / FOLDER).glob("*"):
                if file.suffix in (".svg", ".csv") and file.name not in kept:
                    file.unlink()
        except OSError as error:
            raise StoreError(f"{self.folder / FOLDER}: can't be cleared of old figures: {error}") from error


def _numbered(name: str) -> Iterable[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1
