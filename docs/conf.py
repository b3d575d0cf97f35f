"""The documentation as a site: `make docs` builds it, and any warning, a broken link among them, is an error."""

from pathlib import Path
from typing import Any

import numpy.typing
from sphinx.application import Sphinx

from rl_transfer import __version__

project = "rl_transfer"
author = "The rl_transfer authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "rl_transfer"
html_show_copyright = False

# Headings are link targets under the names that a plain git viewer gives them.
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Written out, it is a paragraph.
numpy.typing.ArrayLike = type("ArrayLike", (), {"__module__": "numpy.typing"})  # type: ignore[misc]
# Types of other projects and inner ones have no page here; functions and methods that a docstring refers to must.
nitpick_ignore_regex = [(r"py:class", r".*"), (r"py:func", r"torch\..*")]


def _keep_colons(_app: Sphinx, what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """Keep napoleon from taking what stands before a colon for a type: no docstring here repeats the annotations."""
    if what in ("attribute", "data", "property"):
        lines.insert(0, "")
    elif "Returns:" in lines:
        start = lines.index("Returns:")
        end = next((place for place in range(start + 1, len(lines)) if lines[place][:1].strip()), len(lines))
        said = [line.strip() for line in lines[start + 1 : end]]
        lines[start:end] = [f":returns: {said[0]}", *("    " + line for line in said[1:]), ""]


def _only_written(_app: Sphinx, page: str, content: list[str]) -> None:
    """Leave out of the table of contents what is announced and not written."""
    if page == "index":
        there = {file.stem for file in Path(__file__).parent.glob("*.md")}
        lines = content[0].splitlines()
        content[0] = "\n".join(line for line in lines if line not in ("signals", "tensorboard") or line in there)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _only_written)
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)
