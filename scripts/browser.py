"""A browser without a window, steered through its developer tools; needs the program chromium."""

import base64
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = "chromium"
_TEXT = """(() => {
  const words = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE) words.push(node.textContent);
    for (const child of [...(node.shadowRoot ? [node.shadowRoot] : []), ...node.childNodes])
      if (!['STYLE', 'SCRIPT', 'TEMPLATE', 'DOM-MODULE'].includes(child.nodeName)) walk(child);
  };
  walk(document.body);
  return words.join(' ').replace(/\\s+/g, ' ');
})()"""


class Browser:
    """One page.

    Args:
        commands: Where commands are written.
        answers: Where answers and events are read.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers, self._unread, self._sent = commands, answers, b"", 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the developer tools and wait for its result."""
        self._sent += 1
        command = {"id": self._sent, "method": method, "params": parameters}
        command |= {} if self._session is None else {"sessionId": self._session}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (answer := self._next()).get("id") != self._sent:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self) -> Any:
        while b"\0" not in self._unread:
            read = os.read(self._answers, 1 << 20)
            if not read:
                raise RuntimeError("the browser ended")
            self._unread += read
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def open(self, address: str, *, width: int = 1400, height: int = 800) -> None:
        """Load a page in a window of this size, in pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url="about:blank")  # another fragment alone would load nothing
        self.call("Page.navigate", url=address)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def text(self) -> str:
        """All text of the page, that of its components included."""
        return str(self.evaluate(_TEXT) or "")

    def wait_for(self, *words: str, seconds: float = 120.0) -> str:
        """Wait until the page shows all of some texts; returns all of its text.

        Raises:
            TimeoutError: If it does not.
        """
        deadline = time.monotonic() + seconds
        while any(word not in (text := self.text()) for word in words):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{[word for word in words if word not in text]} not shown, but: {text[:2000]}")
            time.sleep(0.3)
        return text

    def screenshot(self) -> bytes:
        """The page as a PNG file."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser with a profile of its own."""
    (to_read, to_write), (from_read, from_write) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = f"--headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir={Path(profile)}"
        command = f"exec {PROGRAM} {options} --remote-debugging-pipe 3<&{to_read} 4>&{from_write}"
        pipes = (to_read, from_write)
        process = subprocess.Popen(["bash", "-c", f"{command} >/dev/null 2>&1"], pass_fds=pipes)
        os.close(to_read)
        os.close(from_write)
        try:
            yield Browser(to_write, from_read)
        finally:
            process.terminate()
            process.wait()
            os.close(to_write)
            os.close(from_read)
