"""A real TensorBoard on a free port, and what it answers."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Board:
    """What a running TensorBoard answers under an address."""

    def __init__(self, address: str, process: "subprocess.Popen[str]") -> None:
        self.address, self.process = address, process

    def get(self, path: str, **query: str) -> Any:
        where = f"{self.address}data/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        with urllib.request.urlopen(where, timeout=20) as answer:
            return json.load(answer)

    def post(self, path: str, **question: Any) -> Any:
        request = urllib.request.Request(
            f"{self.address}data/{path}", json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def wait_for_runs(self, wanted: set[str]) -> set[str]:
        deadline, runs = time.monotonic() + 60, set[str]()
        while time.monotonic() < deadline:
            runs = set(self.get("runs"))
            if wanted <= runs:
                return runs
            time.sleep(0.2)
        raise AssertionError(f"not shown: {sorted(wanted - runs)}")

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@contextmanager
def board(store: Path, *arguments: str) -> Iterator[Board]:
    """``rl-transfer tensorboard`` of a store on a free port."""
    command = [sys.executable, "-m", "rl_transfer.cli", "tensorboard", *arguments, "--store", str(store), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            first = process.stdout.readline()
            assert "http://localhost:" in first, process.stderr.read()
            yield Board(first.split()[-1], process)
        finally:
            process.kill()
