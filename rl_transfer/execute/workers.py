"""The worker processes as the executing program sees them: keys go in, progress and ends come out."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rl_transfer.run.worker import NO_SIGNALS


class Workers:
    """Processes that each carry out one run, started quickly one after the other.

    Args:
        root: The store's folder.
        signals: Whether runs log signals beside the curve.
    """

    def __init__(self, root: Path, *, signals: bool = True) -> None:
        quiet = () if signals else (NO_SIGNALS,)
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "rl_transfer.run", str(root), *quiet],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
        )

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers that still run."""
        self._nursery.__exit__(kind, error, trace)

    def start(self, key: str) -> None:
        """Start the run of a key."""
        assert self._nursery.stdin is not None
        try:
            self._nursery.stdin.write(f"{key}\n".encode())
            self._nursery.stdin.flush()
        except BrokenPipeError:
            pass  # the next message says that there are none

    def next_message(self) -> Mapping[str, Any] | None:
        """Wait for the next progress or end of a run; None if the processes are gone."""
        assert self._nursery.stdout is not None
        line = self._nursery.stdout.readline()
        message: dict[str, Any] | None = json.loads(line) if line else None
        return message


def _environment() -> dict[str, str]:
    """This process's import path, and one thread for libraries that ask the environment."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return os.environ | threads | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
