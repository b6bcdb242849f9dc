"""What surrounds the text of a page: where one is, how long it takes, how to run it, and what a link to it shows."""

import html
import json
import os
from pathlib import Path
from typing import Any

from vec2attn_site.copies import colab_address, repository

BOOK = "From Vectors to Attention"
SUMMARY = (
    "An interactive course-book on the linear algebra inside large language models: vectors, matrices, eigenvalues, "
    "SVD, tensors, autograd and attention, derived, built by hand, and tried on real models."
)


def _remember(app: Any, docname: str, source: list[str]) -> None:
    if app.env.doc2path(docname).endswith(".ipynb"):
        app.env.metadata[docname]["book"] = json.loads(source[0])["metadata"].get("vec2attn", {})


def run_line(app: Any, docname: str, book: dict[str, Any], pathto: Any) -> str:
    """Return the line under a notebook's title: part, reading time, and links to run it."""
    address, commit = repository(Path(app.confdir))
    colab = colab_address(address, docname) if address and commit else None
    links = [f'<a href="{colab}">Open in Colab</a>'] if colab else []
    links.append(f'<a href="{pathto(f"notebooks/{docname}.ipynb", 1)}" download>Download notebook</a>')
    where = f"Part {html.escape(book['part'])} · about {book['minutes']} minutes"
    return f'<p class="book-run"><span>{where}</span> <span class="book-run-links">{" ".join(links)}</span></p>'


def _dress(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    book = app.env.metadata.get(pagename, {}).get("book")
    if book and context.get("body"):
        context["body"] = context["body"].replace(
            "</h1>", f"</h1>{run_line(app, pagename, book, context['pathto'])}", 1
        )
        context["body"] += f'<p class="book-done" data-number="{book["number"]}" hidden></p>'
    description = html.escape((book or {}).get("description", SUMMARY))
    title = html.escape(app.env.titles[pagename].astext() if pagename in app.env.titles else context.get("title", BOOK))
    tags = {
        "og:title": title if title == BOOK else f"{title} — {BOOK}",
        "og:description": description,
        "og:type": "book" if pagename == app.config.root_doc else "article",
        "og:site_name": BOOK,
    }
    if app.config.html_baseurl:
        tags["og:url"] = f"{app.config.html_baseurl.rstrip('/')}/{app.builder.get_target_uri(pagename)}"
        tags["og:image"] = f"{app.config.html_baseurl.rstrip('/')}/_static/vec2attn/card.png"
    context["metatags"] = (
        context.get("metatags", "")
        + f'\n<meta name="description" content="{description}" />'
        + "".join(f'\n<meta property="{name}" content="{value}" />' for name, value in tags.items())
        + f'\n<meta name="twitter:card" content="{"summary_large_image" if "og:image" in tags else "summary"}" />'
    )


def _address(app: Any, config: Any) -> None:
    """Take the address that the site will have, for absolute links in its metadata, from the publishing workflow."""
    config.html_baseurl = os.environ.get("VEC2ATTN_SITE_URL", config.html_baseurl)


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("config-inited", _address)
    app.connect("source-read", _remember)
    app.connect("html-page-context", _dress, priority=800)
