"""The option --progress, which all commands that train have."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rl_transfer.execute import Observer

Mode = Literal["live", "plain", "quiet", "jsonl"]


@contextmanager
def shown(mode: Mode) -> Iterator["Observer"]:
    """Show how it goes on: an observer that does so, on standard error; JSON lines on standard output."""
    import sys

    from rl_transfer.execute import Silent
    from rl_transfer.report import JsonLines, LiveProgress

    if mode == "quiet":
        yield Silent()
        return
    with JsonLines(sys.stdout) if mode == "jsonl" else LiveProgress(live=mode == "live") as progress:
        yield progress


def results(mode: Mode) -> AbstractContextManager[object]:
    """Where results for people are printed: standard output, unless that is for JSON lines."""
    import sys

    return redirect_stdout(sys.stderr) if mode == "jsonl" else nullcontext()
