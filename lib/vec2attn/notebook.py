"""Small tools for the notebooks themselves."""

import inspect
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
    path = Path(inspect.getfile(thing))
    where = f"{path.parent.name}/{path.name}"
    return Source(f"# {where}\n{inspect.getsource(thing).rstrip()}")
