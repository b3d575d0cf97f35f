"""What the documents hold: commands, and blocks of Python and YAML, each with the page that it stands on."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {page.relative_to(ROOT).as_posix(): page for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]}


def blocks(language):
    """Page, place and text of every fenced block of a language."""
    for name, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        for place, found in enumerate(re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)):
            yield name, place, found


def commands(first):
    """Page and words of every command of the documents that starts with a word, in their order."""
    for name, _, block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == [first]:
                yield name, words


def named_block(page, file):
    """The block of a page that comes after the name of the file that it is."""
    text = PAGES[page].read_text(encoding="utf-8").partition(f"`{file}`:\n")[2]
    return re.search(r"^```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
