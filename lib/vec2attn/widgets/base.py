"""What all interactive figures share: a widget where a kernel runs, a mime bundle that a static page can draw.

A figure is an `anywidget` class, so it works in Jupyter, Colab and VS Code with its traits synced to Python. Its output
also carries, under `MIME`, the name of its front end, its state and a still picture: all that a page without a kernel
needs.
"""

import base64
from pathlib import Path
from typing import Any

import anywidget

HERE = Path(__file__).parent
MIME = "application/vnd.vec2attn.figure+json"


def front_end(name: str) -> str:
    """Return the one import-free ES module that draws the figure `name`: the shared part, then its own."""
    return "\n".join((HERE / f"{part}.js").read_text(encoding="utf-8") for part in ("base", name))


def style(*names: str) -> str:
    """Return the style sheet of figures: the shared part, then their own, where they have one."""
    sheets = (HERE / f"{name}.css" for name in ("base", *names))
    return "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets if sheet.exists())


class Figure(anywidget.AnyWidget):
    """Base of the book's figures: a subclass sets `name`, adds traits, and writes `still`."""

    name = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give the subclass the front end of its name."""
        if "name" in vars(cls):  # not for the anonymous subclasses that traitlets makes of an instance
            cls._esm = front_end(cls.name)
            cls._css = style(cls.name)
        super().__init_subclass__(**kwargs)

    def __init__(self, **traits: Any) -> None:
        """Set the traits; a misspelt one is refused, where traitlets would only pass over it.

        Raises
        ------
        TypeError : the figure has no such setting
        """
        for name in sorted(set(traits) - set(self.trait_names())):
            raise TypeError(f"{type(self).__name__} has no setting {name!r}; it has: {', '.join(sorted(self.state()))}")
        super().__init__(**traits)

    def still(self) -> str:
        """Return the present state as HTML that needs no script: for print, and for readers without JavaScript."""
        raise NotImplementedError(f"{type(self).__name__} has no still picture yet")

    def state(self) -> dict[str, Any]:
        """Return the synced traits of this figure, without those that every widget has."""
        common = set(anywidget.AnyWidget.class_traits())
        return {n: getattr(self, n) for n in self.traits(sync=True) if n not in common and not n.startswith("_")}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle: Any = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        figure = {"name": self.name, "model": self.model_id, "state": _jsonable(self.state()), "still": self.still()}
        return {**data, MIME: figure}, metadata


def fixed(x: Any, decimals: int = 2) -> str:
    """Write a number as `fixed` of base.js does: a true minus sign, so many decimals, no "−0.00"."""
    text = f"{abs(x):.{decimals}f}"
    return f"−{text}" if x < 0 and float(text) else text


def readable(token: str) -> str:
    """Show the white space of a token, as `readable` of base.js does."""
    return token.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")


def _jsonable(value: Any) -> Any:
    """Write bytes as {"$b64": …}; the static host turns them back into what a kernel would send, a DataView."""
    if isinstance(value, bytes):
        return {"$b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value
