"""What pages load: our own files and those that npm brought, and nothing from the theme that no page uses."""

import re
import shutil
from pathlib import Path
from typing import Any

from vec2attn.widgets.base import style
from vec2attn_site import STATIC
from vec2attn_site.figures import BUNDLES, script

WIDGETS = STATIC.parents[1] / "vec2attn" / "widgets"
# parts of Jupyter Book that this site does not use; thebe would also name a CDN
UNUSED = ("sphinx-thebe", "thebelab", "togglebutton", "design-tabs", "sphinx-design", "mystnb.", "require.js")
# small scripts that every page loads, joined into one file in this order
JOINED = (
    "documentation_options",
    "doctools",
    "sphinx_highlight",
    "clipboard.min",
    "copybutton",
    "scripts/sphinx-book-theme",
)


def _used(file: Any) -> bool:
    attributes = getattr(file, "attributes", {})
    name, body = str(getattr(file, "filename", file) or ""), attributes.get("body") or ""
    widget_state = attributes.get("type") == "application/vnd.jupyter.widget-state+json"
    unused = any(part in name for part in UNUSED)
    return not (widget_state or unused or "thebe" in body.lower() or body.startswith("let toggle"))


def _prune(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if _used(file)]


def _copy(app: Any, error: Exception | None) -> None:
    """Copy at the very end: Jupyter Book would put every script under `_static` into every page."""
    if error or app.builder.format != "html":
        return
    static, modules = Path(app.outdir) / "_static", Path(app.confdir) / "node_modules"
    ours = static / "vec2attn"
    (ours / "figures").mkdir(parents=True, exist_ok=True)
    for name in ("figure-host.js", "plotly-host.js", "card.png"):
        shutil.copy2(STATIC / name, ours)
    names = sorted(path.stem for path in WIDGETS.glob("*.js") if path.stem != "base")
    book = (STATIC / "book.css").read_text(encoding="utf-8")
    (ours / "book.css").write_text(f"{book}\n{style(*names)}", encoding="utf-8")
    for name in names:
        (ours / "figures" / f"{name}.js").write_text(script(name), encoding="utf-8")
    for bundle in BUNDLES:
        shutil.copy2(modules / f"plotly.js-{bundle}-dist-min/plotly-{bundle}.min.js", ours)
    (static / "katex").mkdir(exist_ok=True)
    shutil.copy2(modules / "katex/dist/katex.min.css", static / "katex")


def _trim(app: Any, error: Exception | None) -> None:
    """Take out of the finished pages what the theme's templates put into them and no page uses.

    That is 1.5 MB of script for icons that a font draws as well, the rules for 1,400 icons of which ten are used, and,
    on every page but the search page, the index of the whole book. Small scripts are joined into one request.
    """
    if error or app.builder.format != "html":
        return
    root = Path(app.outdir)
    joined = root / "_static/vec2attn/page.js"
    scripts = [*(root / f"_static/{name}.js" for name in JOINED), STATIC / "book.js"]
    joined.write_text("\n;\n".join(path.read_text(encoding="utf-8") for path in scripts), encoding="utf-8")
    for path in root.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        trimmed = _trim_page(page, search=path.name == "search.html")
        if trimmed != page:
            path.write_text(trimmed, encoding="utf-8")
    (root / "_static/scripts/fontawesome.js").unlink(missing_ok=True)
    style = root / "_static/styles/pydata-sphinx-theme.css"
    pages = "".join(path.read_text(encoding="utf-8") for path in root.rglob("*.html"))
    used = set(re.findall(r"\bfa-[a-z0-9-]+", pages)) | {"fa-xmark"}
    style.write_text(_without_icons(style.read_text(encoding="utf-8"), used), encoding="utf-8")


def _colour_code(app: Any, error: Exception | None) -> None:
    """Give code its colours without JavaScript too, where nobody sets a theme: the light ones."""
    if error or app.builder.format != "html":
        return
    code = Path(app.outdir) / "_static/pygments.css"
    rules = code.read_text(encoding="utf-8").replace('html[data-theme="light"]', 'html:not([data-theme="dark"])')
    code.write_text(rules, encoding="utf-8")


def _trim_page(page: str, search: bool) -> str:
    unused = ["fontawesome"] + ([] if search else ["searchtools", "language_data", "searchindex"])
    tag = r'\s*<script[^>]*src="[^"]*/?(?:%s)\.js[^"]*"[^>]*></script>'
    page = re.sub(tag % "|".join(unused), "", page)
    # names that hide the text beside them from speech input (WCAG 2.5.3), and a second title meant for printers
    page = page.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    page = re.sub(r'(<button class="btn search-button-field[^>]*) aria-label="Search"', r"\1", page)
    page = re.sub(r'(<div id="jb-print-docs-body" class="onlyprint">\s*)<h1>(.*?)</h1>', r"\1<p>\2</p>", page)
    first, *rest = (re.escape(name) for name in JOINED)
    page = re.sub(tag % "|".join(rest), "", page)
    return re.sub(rf'(<script[^>]*src="[^"]*_static/){first}\.js[^"]*"', r'\1vec2attn/page.js"', page)


def _without_icons(css: str, used: set[str]) -> str:
    rule = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"[^"]*"\}')
    return rule.sub(lambda m: m[0] if used & set(re.findall(r"fa-[a-z0-9-]+", m[1])) else "", css)


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.add_css_file("vec2attn/book.css", priority=900)
    app.connect("html-page-context", _prune, priority=900)
    app.connect("build-finished", _copy)
    app.connect("build-finished", _trim)
    app.connect("build-finished", _colour_code, priority=600)  # the theme writes this file at 500
