"""The worker process of one run (``python -m rl_transfer.run STORE KEY``); progress goes out as JSON lines."""

import json
import sys
import time
from pathlib import Path

from filelock import FileLock

from rl_transfer.errors import RLTransferError
from rl_transfer.run.protocol import Progress, Run
from rl_transfer.store import Store, read_spec

_SECONDS_BETWEEN_LINES = 0.25


class _Reporter:
    """Prints progress, not more often than a person can read."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        if (now := time.monotonic()) >= self._next:
            self._next = now + _SECONDS_BETWEEN_LINES
            print(json.dumps({"step": progress.step, "mean_return": progress.mean_return}), flush=True)


def main(root: str, key: str) -> int:
    """Carry out the run of a key whose folder and specification are in the store."""
    store = Store(Path(root))
    folders = store.index()
    folder = folders[key]
    spec = read_spec(folder)
    import torch

    torch.set_num_threads(spec.threads)
    with FileLock(store.lock(key)):
        if store.status(folder) is None:
            source = None if spec.source is None else folders[spec.source.key]
            Run(spec, folder, source, _Reporter()).carry_out()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except RLTransferError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
