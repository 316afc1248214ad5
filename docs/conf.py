"""How Sphinx builds the documents; they are plain Markdown and read well without it."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generate import GENERATED  # noqa: E402 - it is beside this file

project = "nightcal"
author = "the nightcal developers"
version = release = version_of("nightcal")
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "nightcal"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_copyright = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

_LINK = re.compile(r"\]\(([\w./-]+)\.md\)")
_GENERATED = re.compile(r"<!-- generated: (\w+) -->")


def _complete(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Give an index the tree of what it links to, and a page what the program tells of itself."""
    text = _GENERATED.sub(lambda found: GENERATED[found[1]](), source[0])
    if docname.rpartition("/")[2] == "index":
        pages = list(dict.fromkeys(_LINK.findall(text))) or ["*"]
        text += "\n".join(["", "```{toctree}", ":hidden:", ":glob:", "", *pages, "```", ""])
    source[0] = text


def setup(app: Sphinx) -> None:
    app.connect("source-read", _complete)
