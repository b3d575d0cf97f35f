"""Make the pictures of docs/tensorboard.md from a judged study, with TensorBoard and the browser chromium.

Example:
    python scripts/tensorboard_pictures.py guard --store runs
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated

import tyro
from browser import Browser, browser
from PIL import Image

from rl_transfer.api import tensorboard_of
from rl_transfer.report.tensorboard.server import views

_COLOURS = 128
_PARALLEL = """(() => {
  const all = [];
  const walk = node => {
    if (node.shadowRoot) walk(node.shadowRoot);
    for (const child of node.children || []) { all.push(child); walk(child); }
  };
  walk(document);
  all.find(one => one.tagName === 'PAPER-TAB' && /PARALLEL/i.test(one.textContent)).click();
})()"""


@dataclass(frozen=True)
class TensorBoardPictures:
    """What is drawn."""

    study: tyro.conf.Positional[str]
    """A study of two pairs at least."""
    store: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Folder of runs and results."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path(__file__).parents[1] / "docs" / "images"
    """Where the pictures go."""


def main() -> None:
    """Serve a study, open its views, write the pictures."""
    options = tyro.cli(TensorBoardPictures, description=__doc__)
    folder = tensorboard_of(options.study, store=options.store)
    command = [sys.executable, "-m", "rl_transfer.cli", "tensorboard", options.study, "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--store", str(options.store)], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            _draw(views(folder, server.stdout.readline().split()[-1]), options.out)
        finally:
            server.terminate()


def _draw(found: dict[str, str], out: Path) -> None:
    with browser() as page:
        page.open(found["arms"], height=780)
        page.wait_for("Matches (")
        _write(page, out / "tensorboard_arms.png")
        page.open(found["settings"], height=600)
        page.wait_for("mean score")
        page.evaluate(_PARALLEL)
        page.wait_for("Color by")
        _write(page, out / "tensorboard_settings.png")


def _write(page: Browser, path: Path) -> None:
    """Write the page as a small picture, once it no longer changes."""
    before, png = b"", page.screenshot()
    while before != png:
        page.call("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 3000))", awaitPromise=True)
        before, png = png, page.screenshot()
    path.parent.mkdir(exist_ok=True)
    Image.open(BytesIO(png)).convert("RGB").quantize(_COLOURS).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
