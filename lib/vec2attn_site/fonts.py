"""Fonts cut down to the characters that the pages use: 60 KB where the originals are 500.

The text face and KaTeX's fonts come from npm, the icons from the theme. Each is reduced, when the pages are finished,
to the characters that stand in them, so a page with one formula does not load two thousand signs.
"""

import hashlib
import html
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydata_sphinx_theme
from fontTools import subset
from fontTools.varLib import instancer

WEIGHTS = (400, 700)
ASCII = {chr(code) for code in range(0x20, 0x7F)}


def characters(pages: Iterable[Path]) -> set[str]:
    """Return all characters that stand in the pages, and all of ASCII (a script may write them)."""
    found = set(ASCII)
    for page in pages:
        found |= set(html.unescape(page.read_text(encoding="utf-8")))
    return found


def icons(pages: Iterable[Path], styles: Iterable[Path]) -> set[str]:
    """Return the characters of the icon font that the pages name by a class, and those that a style sheet names."""
    names = {"fa-xmark"}  # the theme's script adds this one
    for page in pages:
        names |= set(re.findall(r"\bfa-[a-z-]+", page.read_text(encoding="utf-8")))
    css = "".join(style.read_text(encoding="utf-8") for style in styles)
    rules = re.findall(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\([0-9a-f]{4})"', css)
    named = {name: code for selectors, code in rules for name in re.findall(r"fa-[a-z0-9-]+", selectors)}
    unnamed = re.findall(r'content:"\\(f[0-9a-f]{3})";[^}]*font-family:', css)
    return {chr(int(code, 16)) for code in (*(named[n] for n in names if n in named), *unnamed)}


def cut(source: Path, target: Path, wanted: set[str], cache: Path) -> None:
    """Write to `target` the font `source` with the wanted characters only; repeated work comes from the cache."""
    key = hashlib.sha256(source.read_bytes() + f"{WEIGHTS}{''.join(sorted(wanted))}".encode()).hexdigest()[:24]
    kept = cache / f"{key}.woff2"
    if not kept.exists():
        options = subset.Options(flavor="woff2", layout_features=["kern", "liga"])
        font = subset.load_font(str(source), options, lazy=False)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=[ord(character) for character in wanted])
        subsetter.subset(font)
        if "fvar" in font:  # no text of the book is thinner or fatter
            font = instancer.instantiateVariableFont(font, {"wght": WEIGHTS})
        cache.mkdir(parents=True, exist_ok=True)
        subset.save_font(font, str(kept), options)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(kept, target)


def _cut_all(app: Any, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    root, modules = Path(app.outdir), Path(app.confdir) / "node_modules"
    cache, static = root.parent / ".fonts", root / "_static"
    pages = sorted(root.rglob("*.html"))
    text = characters(pages)
    for font in sorted((modules / "katex/dist/fonts").glob("*.woff2")):
        cut(font, static / "katex/fonts" / font.name, text, cache)
    for style in ("normal", "italic"):
        font = modules / f"@fontsource-variable/source-serif-4/files/source-serif-4-latin-wght-{style}.woff2"
        cut(font, static / "fonts" / font.name, text, cache)
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
    fonts = static / "vendor/fontawesome/webfonts"
    shutil.rmtree(fonts, ignore_errors=True)  # brands, outlines and a format for browsers of 2014
    solid = theme / "vendor/fontawesome/webfonts/fa-solid-900.woff2"
    cut(solid, fonts / solid.name, icons(pages, sorted((static / "styles").glob("*.css"))), cache)


def setup(app: Any) -> None:
    """Connect to Sphinx, after the pages are trimmed."""
    app.connect("build-finished", _cut_all, priority=900)
