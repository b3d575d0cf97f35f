"""The documentation as a site: `make docs` builds it, and any warning, a broken link among them, is an error."""

from rl_transfer import __version__

project = "rl_transfer"
author = "The rl_transfer authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "rl_transfer"
html_theme_options = {"navigation_with_keys": True}

# Headings are link targets under the names that a plain git viewer gives them.
myst_heading_anchors = 3
# A page that two people may write at once (docs/*.md) is found by its file name alone: see index.md.

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# Attributes are named after their classes in docstrings and once more by autodoc: only the first is a link target.
napoleon_use_ivar = True
# Other projects' types, and type aliases that are no objects, have no page here.
nitpick_ignore_regex = [(r"py:.*", r".*")]
