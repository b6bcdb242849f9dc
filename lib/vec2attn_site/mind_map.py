"""The mind map of the landing page: every notebook a node, what it needs as arrows, drawn from `outline`."""

import html
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

from vec2attn_site.outline import Notebook, gathers, read, reduced

HEIGHT, GAP_X, GAP_Y, HEAD = 54, 14, 26, 30  # of a node, between nodes, and of a stop's name
SIZES = {"wide": (640, 3, 25), "narrow": (328, 2, 18)}  # width, nodes in a row, letters in a line


class mind_map(nodes.General, nodes.Element):  # type: ignore[misc]  # docutils names its nodes in lower case
    """Where the picture goes."""


class MindMap(Directive):  # type: ignore[misc]
    """`{mind-map}`: the picture of all notebooks."""

    def run(self) -> list[nodes.Node]:
        """Put the node in its place; it is drawn when every title is known."""
        gathers(self.state.document.settings.env)
        return [mind_map()]


def places(books: list[Notebook], columns: int, wide: float) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """Return the upper left corner of each node, all equally wide, and the height at which each stop has its name."""
    corners, heads, y = {}, {}, 0.0
    for part in dict.fromkeys(book.part for book in books):
        heads[part] = y + HEAD - 12
        y += HEAD
        row = [book for book in books if book.part == part]
        for i, book in enumerate(row):
            corners[book.number] = ((i % columns) * (wide + GAP_X), y + (i // columns) * (HEIGHT + GAP_Y))
        y += -(-len(row) // columns) * (HEIGHT + GAP_Y)
    return corners, heads


def arrow(start: tuple[float, float], end: tuple[float, float], wide: float) -> str:
    """Return the path of an arrow: to the right within a row, else down from one node's middle to another's."""
    (x1, y1), (x2, y2) = start, end
    if y1 == y2:
        return f"M{x1 + wide:.0f} {y1 + HEIGHT / 2:.0f}H{x2 - 2:.0f}"
    x1, x2, y1, y2 = x1 + wide / 2, x2 + wide / 2, y1 + HEIGHT, y2 - 2
    bend = min(40, (y2 - y1) / 2)
    return f"M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"


def picture(books: list[Notebook], size: str, address: Callable[[str], str]) -> str:
    """Return the map as SVG. `address` gives the link of a docname."""
    width, columns, letters = SIZES[size]
    wide = (width - (columns - 1) * GAP_X) / columns
    corners, heads = places(books, columns, wide)
    tall = max(y for _, y in corners.values()) + HEIGHT + 4
    arrows = "".join(
        f'<path class="map-arrow" data-from="{a}" data-to="{b}" marker-end="url(#map-tip-{size})" '
        f'd="{arrow(corners[a], corners[b], wide)}"/>'
        for a, b in reduced({book.number: book.needs for book in books})
    )
    names = "".join(f'<text class="map-stop" x="0" y="{y:.0f}">{html.escape(part)}</text>' for part, y in heads.items())
    return (
        f'<svg class="map-picture map-{size}" viewBox="-2 0 {width + 4} {tall:.0f}" role="group" '
        f'aria-label="The notebooks, and which of them each one needs">'
        f'<defs><marker id="map-tip-{size}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>{arrows}{names}'
        + "".join(_node(book, corners[book.number], wide, letters, address(book.docname)) for book in books)
        + "</svg>"
    )


def _node(book: Notebook, corner: tuple[float, float], wide: float, letters: int, address: str) -> str:
    lines = textwrap.wrap(f"{book.number} {book.title}", letters)
    x, y = corner
    top = y + HEIGHT / 2 + 5 - 8 * (len(lines) - 1)
    words = " ".join(  # a space between two lines, for those who hear them
        f'<tspan x="{x + 10:.0f}" y="{top + 16 * i:.0f}">{html.escape(line)}</tspan>' for i, line in enumerate(lines)
    ).replace(book.number, f'<tspan class="map-number">{book.number}</tspan>', 1)
    needs = f"needs {', '.join(book.needs)}" if book.needs else "needs nothing before it"
    label = html.escape(f"{book.number} {book.title}: {book.minutes} minutes, {needs}")
    return (
        f'<a class="map-node map-part-{book.number[0]}" href="{html.escape(address)}" data-number="{book.number}" '
        f'data-needs="{" ".join(book.needs)}" data-words="{html.escape(book.description)}" aria-label="{label}">'
        f'<rect x="{x:.1f}" y="{y:.0f}" width="{wide:.1f}" height="{HEIGHT}" rx="7"/>'
        f'<text>{words}</text><path class="map-read" d="M{x + wide - 22:.1f} {y + 13:.0f}l4 5l8 -10"/></a>'
    )


def drawn(books: list[Notebook], address: Callable[[str], str]) -> str:
    """Return the whole: both pictures, of which the style sheet shows one, and the line below."""
    hours = sum(book.minutes for book in books) / 60
    return (
        f'<div class="book-map">{"".join(picture(books, size, address) for size in SIZES)}'
        f'<p class="map-progress"><span class="map-count">{len(books)} notebooks, about {hours:.0f} hours of reading.'
        '</span> <button type="button" class="map-reset" hidden>Forget what I have read</button></p>'
        '<p class="map-words" role="status"></p></div>'
    )


def _draw(app: Any, doctree: nodes.document, docname: str) -> None:
    for node in list(doctree.findall(mind_map)):
        books = read(Path(app.confdir))
        made = drawn(books, lambda to: app.builder.get_relative_uri(docname, to))
        node.replace_self(nodes.raw("", made, format="html"))


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.add_node(mind_map)
    app.add_directive("mind-map", MindMap)
    app.connect("doctree-resolved", _draw)
