"""Small tools for the notebooks themselves."""

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any


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
