"""Reading and writing files of the store: whole or not at all."""

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rl_transfer.errors import StoreError


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: another program sees the old content or the new, never a part.

    Raises:
        StoreError: If the folder can't be written to; the old file is untouched then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                temporary.chmod(0o644)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StoreError(
            f"{path}: can't be written ({error.strerror or error}): free some space or choose another folder "
            "(--store, --out)"
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, atomically; NaN and infinities are refused (they are no JSON)."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows under a header line, atomically; floats are written so that reading gives the same number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        StoreError: If it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: can't be read: {error}") from error
