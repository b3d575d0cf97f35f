"""Lines of a list, for people and pipes alike."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], numbers: int = 2) -> list[str]:
    """Rows as lines whose columns begin, or of the last ``numbers`` end, in the same place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = len(widths) - numbers
    return [
        "  ".join(
            cell.ljust(width) if place < words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
