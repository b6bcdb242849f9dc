"""The whole book as one PDF: all pages of the built site in the order of the contents, printed by Chromium.

`python -m vec2attn_site.bound [site [file]]` writes it into the site, or into another file. Figures are printed as
their still pictures, plots are drawn, links between notebooks lead to places in the document, headings become its
bookmarks.
"""

import os
import re
import sys
from pathlib import Path
from posixpath import normpath
from typing import Any
from urllib.parse import urlsplit

import yaml
from bs4 import BeautifulSoup

from vec2attn_site.browser import chromium
from vec2attn_site.pages import BOOK

NAME = "from-vectors-to-attention.pdf"
POINTING = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "data-target")  # attributes that hold ids
UNPRINTED = (
    ".headerlink, a:has(> .viewcode-link), button, .book-run, .book-done, .claims-search, .map-progress, .map-words, "
    ".prev-next-area"
)
STYLE = """
@page { size: A4; margin: 18mm 17mm 20mm; }
html { --pst-font-size-base: 13px; font-size: 13px !important; }
body { background: #fff; padding: 0 !important; }
.bd-article { max-width: none !important; }
.bound-cover { height: 240mm; display: grid; align-content: center; }
.bound-cover h1 { font-size: 3.2rem; margin: 0 0 1rem; }
.bound-part { break-before: page; margin: 0 !important; font-size: 2.6rem !important; }
.bound-page { break-before: page; }
.bound-part + .bound-page { break-before: auto; }
.bound-page p, .bound-page li { max-width: 42rem; }
.bound-contents a { text-decoration: none !important; }
pre { white-space: pre-wrap !important; }
h1, h2, h3, h4, h5 { break-after: avoid; }
.map-narrow { display: none !important; } .map-wide { display: block !important; }
"""
FOOTER = (
    '<div style="width:100%;font:8px sans-serif;color:#57606a;text-align:center"><span class="pageNumber"></span></div>'
)


def contents(folder: Path) -> list[tuple[str, dict[str, str | None]]]:
    """Return the parts of the book, each with the names of its pages and their titles, as `_toc.yml` has them."""
    toc = yaml.safe_load((folder / "_toc.yml").read_text(encoding="utf-8"))
    return [(part["caption"], {one["file"]: one.get("title") for one in part["chapters"]}) for part in toc["parts"]]


def place(docname: str, fragment: str = "") -> str:
    """Return the id that a page, or a place on it, has in the one document."""
    return re.sub(r"[^\w-]", "-", docname) + (f"--{fragment}" if fragment else "")


def inlined(site: Path, docname: str, docnames: set[str], title: str | None = None) -> Any:
    """Return a page's article with ids of its own, links into the one document, and addresses relative to the site."""
    soup: Any = BeautifulSoup((site / f"{docname}.html").read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    if article is None:
        raise ValueError(f"{docname}.html has no article: is the site built?")
    for element in article.select(UNPRINTED):
        element.decompose()
    for download in article.select("a[download]"):
        download.unwrap()
    for noscript in article.select("noscript"):  # what it holds is for readers without script
        noscript.decompose()
    for details in article.select("details"):
        if details.select_one("summary") and "Show code cell" in details.select_one("summary").get_text():
            details.decompose()  # code that the page folds away
        else:
            details["open"] = ""
    for element in article.find_all(True):
        if element.get("id"):
            element["id"] = place(docname, element["id"])
        for name in POINTING:
            if element.get(name):
                element[name] = " ".join(place(docname, one) for one in element[name].split())
        for name, value in list(element.attrs.items()):
            if isinstance(value, str) and "url(#" in value:
                element[name] = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{place(docname, m[1])})", value)
        for name in ("href", "src"):
            if address := element.get(name):
                element[name] = _moved(address, docname, docnames)
        if level := re.fullmatch(r"h([1-5])", element.name):
            element.name = f"h{int(level[1]) + 1}"  # below the part
    if title:
        article.select_one("h2").string = title
    article["id"] = place(docname)
    article["class"] = [*article.get("class", []), "bound-page"]
    return article


def _moved(address: str, docname: str, docnames: set[str]) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return address
    target = normpath(f"{docname}/../{parts.path}") if parts.path else f"{docname}.html"
    other = target.removesuffix(".html")
    if other in docnames:
        return f"#{place(other, parts.fragment)}"
    return target


def bound(site: Path, folder: Path) -> str:
    """Return the whole book as one page of HTML, to lie at the root of the site."""
    parts = contents(folder)
    titles: dict[str, str | None] = {"index": None}
    for _, pages in parts:
        titles |= pages
    articles = {name: inlined(site, name, set(titles), title) for name, title in titles.items()}
    head: Any = BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser").head
    sheets = "".join(str(link) for link in head.select("link[rel=stylesheet]"))
    listed = "".join(
        f"<li>{caption}<ul>"
        + "".join(f'<li><a href="#{place(name)}">{_title(articles[name])}</a></li>' for name in pages)
        + "</ul></li>"
        for caption, pages in parts
    )
    body = "".join(
        f'<h1 class="bound-part">{caption}</h1>' + "".join(str(articles[name]) for name in pages)
        for caption, pages in parts
    )
    return (
        f'<!doctype html><html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8">'
        f"<title>{BOOK}</title>{sheets}<style>{STYLE}</style></head><body>"
        f'<div class="bound-cover"><h1>{BOOK}</h1><p>The linear algebra inside large language models</p></div>'
        f'<nav class="bound-contents bound-page"><h2>Contents</h2><ul>{listed}</ul></nav>'
        f"{articles['index']}{body}"
        '<script src="_static/vec2attn/plotly-host.js"></script></body></html>'
    )


def _title(article: Any) -> str:
    return str(article.select_one("h2").get_text())


def make(site: Path, folder: Path, target: Path) -> Path:
    """Print the book into a file.

    Raises
    ------
    FileNotFoundError : there is no browser, or no site
    """
    page_file = site / f"_bound-{os.getpid()}.html"  # two may print at once
    page_file.write_text(bound(site, folder), encoding="utf-8")
    try:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 660, "height": 1000}, color_scheme="light")
            page.set_default_timeout(120_000)
            page.goto(page_file.resolve().as_uri())
            for plot in page.locator(".v2a-plot").all():  # they are drawn when they come near
                plot.scroll_into_view_if_needed()
                plot.evaluate(
                    """(box) => new Promise((done) => {
                        const look = () => (box.dataset.state ? done() : setTimeout(look, 20));
                        look();
                    })"""
                )
            page.emulate_media(media="print")
            page.pdf(
                path=target, prefer_css_page_size=True, print_background=True, outline=True, tagged=True,
                display_header_footer=True, header_template="<span></span>", footer_template=FOOTER,
            )  # fmt: skip
    finally:
        page_file.unlink()
    return target


def main(site: Path, folder: Path, target: Path | None = None) -> None:
    """Print the site's book: into the site, whose first page then names it, or into another file."""
    made = make(site, folder, target or site / NAME)
    if target is None:
        index = site / "index.html"
        empty = '<span class="book-pdf"></span>'
        link = empty.replace("><", f'>, and into <a href="{NAME}" download>one PDF</a><')
        index.write_text(index.read_text(encoding="utf-8").replace(empty, link), encoding="utf-8")
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    root = Path(__file__).parents[2]
    paths = [Path(argument) for argument in sys.argv[1:]]
    main(paths[0] if paths else root / "_build/html", root, *paths[1:])
