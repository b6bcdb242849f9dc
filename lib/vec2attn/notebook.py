"""Small tools for the notebooks themselves."""

import html
import inspect
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# the colours of the roles in drawings: those of the page where it has some, else ones that can be seen on any
COLOURS = {
    "in": "var(--in, #3D8BDB)",
    "key": "var(--key, #C9751F)",
    "out": "var(--out, #2A9D7C)",
    "map": "var(--map, #9270DB)",
    "error": "var(--error, #E0555B)",
    "muted": "var(--muted, #7D8590)",
}


class Source:
    """A piece of source text that notebooks and the site highlight in their own way."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        """Return the plain text."""
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def show(thing: Callable[..., Any] | type) -> Source:
    """Return the source of a function or class of the library, so that the text shows the very code that runs.

    Raises
    ------
    TypeError : it has no Python source (a built-in, or something made in C)
    """
    thing = inspect.unwrap(thing)
    try:
        source, path = inspect.getsource(thing), Path(inspect.getfile(thing))
    except (TypeError, OSError):
        raise TypeError(f"{getattr(thing, '__name__', repr(thing))} has no Python source that could be shown") from None
    return Source(f"# {path.parent.name}/{path.name}\n{textwrap.dedent(source).rstrip()}")


def picture(svg: str, *, name: str, label: str, words: str, box: Sequence[float | int]) -> str:
    """Return a drawing as HTML: the picture, which may be scrolled where the page is narrow, and the same in words.

    Parameters
    ----------
    svg : what is in the picture
    name : what kind of thing it is, such as "graph"
    label : one sentence for those who cannot see it
    words : all of it as text, folded away
    box : left, top, width and height, in pixels
    """
    _, _, width, _ = box
    return drawing(
        '<div style="overflow-x: auto; margin: 1em 0" tabindex="0" role="group" '
        f'aria-label="{name.capitalize()}"><svg role="img" aria-label="{html.escape(label)}" '
        f'viewBox="{" ".join(f"{x:.0f}" for x in box)}" '
        f'style="display: block; margin: auto; width: {width:.0f}px; min-width: {0.8 * width:.0f}px; '
        f'max-width: 100%; height: auto; font: 13px system-ui, sans-serif">{svg}</svg></div>',
        name,
        words,
    )


def drawing(pictures: str, name: str, words: str) -> str:
    """Return pictures as HTML, and below them, folded away, all that they show in words; `name` as in `picture`."""
    folded = f"<details><summary>The {name} in words</summary><pre>{html.escape(words)}</pre></details>"
    return f'<div class="drawing">{pictures}{folded}</div>'
