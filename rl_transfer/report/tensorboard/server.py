"""TensorBoard itself, on this machine only."""

import os
import re
import threading
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from urllib.parse import quote, urlencode

from rl_transfer.errors import ConfigError
from rl_transfer.report.tensorboard.folder import STUDY

_HIGHEST_PORT = 65535


def serve_tensorboard(folder: Path, port: int | None, ready: Callable[[str], None]) -> None:
    """Run TensorBoard on a folder until Ctrl-C, reachable from this machine only.

    Args:
        folder: What to show.
        port: Where; 0 takes any free one, None the first free one from 6006 on.
        ready: Is told the address once pages can be loaded.

    Raises:
        ConfigError: If the port is none, or another program has it.
    """
    from tensorboard import program  # type: ignore[import-untyped]

    if port is not None and not 0 <= port <= _HIGHEST_PORT:
        raise ConfigError(f"must be 0 (any free one) to {_HIGHEST_PORT}, not {port}", key="--port")
    board = program.TensorBoard()
    board.configure(logdir=os.path.relpath(folder), host="localhost", port=port)
    try:
        with redirect_stderr(StringIO()):  # advice about options of its own command, which is not ours
            address = board.launch()
    except program.TensorBoardServerException as error:
        raise ConfigError(f"TensorBoard can't start: {error.msg}; --port 0 takes any free one", key="--port") from error
    ready(address)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


def views(folder: Path, address: str) -> dict[str, str]:
    """Addresses of a study's views with the runs chosen that matter there: of more than 40, TensorBoard shows none.

    Args:
        folder: The folder that is served.
        address: Where it is served.

    Returns:
        Addresses by what they show: runs are those of the first pair, which is named; the summary is there only once
        the study is judged.
    """
    pairs = sorted(path.name for path in folder.iterdir() if not path.name.startswith("_"))
    found = {}
    if (folder / STUDY).is_dir():
        whole, arms = quote(f"^{STUDY}$"), quote(f"^{STUDY}/")
        found["verdicts"] = f"{address}#text&regexInput={whole}"
        found["arms"] = f"{address}#custom_scalars&regexInput={arms}&_smoothingWeight=0"
        found["figures"] = f"{address}#images&regexInput={whole}"
        found["settings"] = f"{address}#hparams"
    for pair in pairs[:1]:
        chosen = {"runFilter": f"^{re.escape(pair)}/", "runColorGroup": "regex:(.*)/seed", "smoothing": "0"}
        found[f"runs of {pair}"] = f"{address}?{urlencode(chosen)}#timeseries"
    return found
