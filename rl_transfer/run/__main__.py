"""The nursery of worker processes: ``python -m rl_transfer.run STORE`` forks one for each key on its standard input.

With ``--no-signals`` their runs log no signals beside the curve.

A process that starts from nothing spends seconds importing torch. This one imports it once and does nothing else, so
that every worker begins as a clean copy. It answers on its standard output with one JSON object a line: the workers'
progress, and ``{"key": ..., "exit": code}`` when one has ended. When its input ends, it ends, and its workers with it.
"""

import importlib
import os
import select
import signal
import sys
from pathlib import Path

from rl_transfer.run.worker import NO_SIGNALS, Messages, work
from rl_transfer.store import Store

# What every run imports sooner or later; torch's optimizers import torch._dynamo in their first step.
_NEEDED_BY_ALL = ("rl_transfer.learner.sb3.engine", "torch._dynamo", "torch.utils.tensorboard")


class _Nursery:
    """Forks workers, and reports their ends."""

    def __init__(self, store: Store, messages: Messages, *, signals: bool) -> None:
        self._store, self._messages, self._signals = store, messages, signals
        self._keys: dict[int, str] = {}

    def serve(self) -> None:
        """Fork a worker for every key that comes in, until the input ends."""
        child_ended = _wake_up_pipe()
        unfinished = b""
        while True:
            ready, _, _ = select.select([0, child_ended], [], [])
            if child_ended in ready:
                os.read(child_ended, 4096)
                self._report_ended()
            if 0 in ready:
                received = os.read(0, 4096)
                if not received:
                    break
                *keys, unfinished = (unfinished + received).split(b"\n")
                for key in keys:
                    self._fork(key.decode())
        for pid in self._keys:
            os.kill(pid, signal.SIGTERM)

    def _fork(self, key: str) -> None:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            work(self._store, key, self._messages, signals=self._signals)
        self._keys[pid] = key

    def _report_ended(self) -> None:
        while self._keys:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._messages.send(key=self._keys.pop(pid), exit=os.waitstatus_to_exitcode(status))


def _wake_up_pipe() -> int:
    """A descriptor that becomes readable when a child ends."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return readable


def main(root: str, *options: str) -> None:
    """Serve until standard input ends; Ctrl-C is the starting program's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    messages = Messages(os.fdopen(os.dup(1), "wb", buffering=0))
    os.dup2(2, 1)
    for module in _NEEDED_BY_ALL:
        importlib.import_module(module)
    _Nursery(Store(Path(root)), messages, signals=NO_SIGNALS not in options).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
