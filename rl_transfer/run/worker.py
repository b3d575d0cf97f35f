"""The process of one run: its messages, its log, its exit code."""

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import IO, NoReturn

from filelock import FileLock

from rl_transfer.errors import RLTransferError
from rl_transfer.run.protocol import Progress, Run
from rl_transfer.store import Store, read_spec

NO_SIGNALS = "--no-signals"
"""Tells the worker processes' program that runs are to log no signals."""
_SECONDS_BETWEEN_MESSAGES = 0.25


class Messages:
    """Writes one JSON object a line; each goes out in one piece, so that several processes may share the stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def send(self, **message: object) -> None:
        """Write one message."""
        self._stream.write(json.dumps(message).encode() + b"\n")
        self._stream.flush()


class _Reporter:
    """Tells of progress, not more often than a person can read; in the end, how far it got."""

    def __init__(self, key: str, messages: Messages) -> None:
        self._key, self._messages = key, messages
        self._next = 0.0
        self._untold: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        self._untold = progress
        if (now := time.monotonic()) >= self._next:
            self._next = now + _SECONDS_BETWEEN_MESSAGES
            self.tell()

    def tell(self) -> None:
        """Say what has not been said yet."""
        if self._untold is not None:
            self._messages.send(key=self._key, step=self._untold.step, mean_return=self._untold.mean_return)
            self._untold = None


def work(store: Store, key: str, messages: Messages, *, signals: bool = True) -> NoReturn:
    """Carry out a run whose folder and specification are in the store, then end this process.

    Whatever anyone prints goes to the run's log; the last line of a failed run's log says why.
    """
    code = 1
    try:
        folders = store.index()
        _print_to(folders[key] / "log.txt")
        _carry_out(store, folders, key, messages, signals=signals)
        code = 0
    except RLTransferError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
    except BaseException as error:
        traceback.print_exc()
        print(_summary(error), file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _carry_out(store: Store, folders: dict[str, Path], key: str, messages: Messages, *, signals: bool) -> None:
    import torch

    folder = folders[key]
    spec = read_spec(folder)
    torch.set_num_threads(spec.threads)
    with FileLock(store.lock(key)):
        if store.status(folder) is None:
            source = None if spec.source is None else folders[spec.source.key]
            references = [folders[reference] for reference in spec.references]
            others = [folders[other.key] for other in spec.other_sources]
            reporter = _Reporter(key, messages)
            Run(spec, folder, source, reporter, references, others, signals=signals).carry_out()
            reporter.tell()


def _summary(error: BaseException) -> str:
    """An exception in one line."""
    message = str(error).strip()
    return f"{type(error).__name__}: {message.splitlines()[0]}" if message else type(error).__name__


def _print_to(log: Path) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    print(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} process {os.getpid()}", flush=True)
