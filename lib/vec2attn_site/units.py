"""A number and the per cent sign or unit after it stay on one line."""

import re
from typing import Any

from docutils import nodes

BETWEEN = re.compile(r"(?<=\d) (?=%|[KMGT]B\b)")
AS_WRITTEN = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)


def bind(doctree: nodes.Element) -> None:
    """Put a space that does not break between number and unit, but not into code and formulas."""
    for text in list(doctree.findall(nodes.Text)):
        if BETWEEN.search(text) and not isinstance(text.parent, AS_WRITTEN):
            at = next(i for i, child in enumerate(text.parent) if child is text)
            text.parent[at] = nodes.Text(BETWEEN.sub("\N{NO-BREAK SPACE}", text))


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("doctree-resolved", lambda app, doctree, docname: bind(doctree))
