"""What pages load: our own files and those that npm brought, and nothing from the theme that no page uses."""

import shutil
from pathlib import Path
from typing import Any

from vec2attn_site import STATIC
from vec2attn_site.figures import BUNDLES, host, script, stamped

WIDGETS = STATIC.parents[1] / "vec2attn" / "widgets"
STYLES = {"figures.css": WIDGETS / "base.css", "book.css": STATIC / "book.css"}
UNUSED = ("sphinx-thebe", "thebelab", "togglebutton", "design-tabs", "sphinx-design", "mystnb.", "require.js")


def _used(file: Any) -> bool:
    attributes = getattr(file, "attributes", {})
    name, body = str(getattr(file, "filename", file) or ""), attributes.get("body") or ""
    widget_state = attributes.get("type") == "application/vnd.jupyter.widget-state+json"
    return not (
        widget_state or "thebe" in body.lower() or "togglebutton" in body or any(part in name for part in UNUSED)
    )


def _prune(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if _used(file)]


def _copy(app: Any, error: Exception | None) -> None:
    """Copy at the very end: Jupyter Book would put every script under `_static` into every page."""
    if error or app.builder.format != "html":
        return
    static, modules = Path(app.outdir) / "_static", Path(app.confdir) / "node_modules"
    ours = static / "vec2attn"
    shutil.rmtree(ours, ignore_errors=True)  # files of an earlier build have other names
    for name in ("figure-host.js", "plotly-host.js"):
        _place(STATIC / name, ours / host(name))
    for name, source in STYLES.items():
        _place(source, ours / stamped(name, source.read_text(encoding="utf-8")))
    (ours / "figures").mkdir()
    for name in sorted(path.stem for path in WIDGETS.glob("*.js") if path.stem != "base"):
        (ours / "figures" / stamped(f"{name}.js", script(name))).write_text(script(name), encoding="utf-8")
    for bundle in BUNDLES:
        npm = modules / f"plotly.js-{bundle}-dist-min" / f"plotly-{bundle}.min.js"
        _place(npm, ours / npm.name)
    _place(modules / "katex/dist/katex.min.css", static / "katex/katex.min.css")
    for font in sorted((modules / "katex/dist/fonts").glob("*.woff2")):
        _place(font, static / "katex/fonts" / font.name)
    for style in ("normal", "italic"):
        font = modules / f"@fontsource-variable/source-serif-4/files/source-serif-4-latin-wght-{style}.woff2"
        _place(font, static / "fonts" / font.name)


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    for name, source in STYLES.items():
        app.add_css_file(f"vec2attn/{stamped(name, source.read_text(encoding='utf-8'))}", priority=900)
    app.connect("html-page-context", _prune, priority=900)
    app.connect("build-finished", _copy)
