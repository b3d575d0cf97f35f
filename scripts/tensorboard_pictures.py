"""Make the pictures of docs/tensorboard.md from a judged study, with TensorBoard and the browser chromium.

Example:
    python scripts/tensorboard_pictures.py guard --store runs
"""

import argparse
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from browser import Browser, browser
from PIL import Image

from rl_transfer.api import tensorboard_of
from rl_transfer.report.tensorboard.server import views

_PICTURES = Path(__file__).parents[1] / "docs" / "images"
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


def main() -> None:
    """Serve a study, open its views, write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a study of two pairs at least")
    parser.add_argument("--store", type=Path, default=Path("runs"))
    arguments = parser.parse_args()
    folder = tensorboard_of(arguments.study, store=arguments.store)
    command = [sys.executable, "-m", "rl_transfer.cli", "tensorboard", arguments.study, "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--store", str(arguments.store)], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            _draw(views(folder, server.stdout.readline().split()[-1]))
        finally:
            server.terminate()


def _draw(found: dict[str, str]) -> None:
    with browser() as page:
        page.open(found["arms"], height=640)
        page.wait_for("Matches (")
        _write(page, "tensorboard_arms.png")
        page.open(found["settings"], height=600)
        page.wait_for("mean score")
        page.evaluate(_PARALLEL)
        page.wait_for("Color by")
        _write(page, "tensorboard_settings.png")


def _write(page: Browser, name: str) -> None:
    """Write the page as a small picture, once it no longer changes."""
    before, png = b"", page.screenshot()
    while before != png:
        page.call("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 3000))", awaitPromise=True)
        before, png = png, page.screenshot()
    path = _PICTURES / name
    path.parent.mkdir(exist_ok=True)
    Image.open(BytesIO(png)).convert("RGB").quantize(_COLOURS).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
