"""Every page opens without a complaint, asks no other host for anything, and leads only to what exists."""

import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from site_reader import PAGES, SITE

LOADS = {"href": {"link", "image", "use"}, "src": None, "srcset": None, "poster": None, "data": {"object"}}


class Page(HTMLParser):
    """What a page's HTML says of itself, whether or not scripts run."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.titles: list[str] = []
        self.styles: list[str] = []
        self._open = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.ids = Counter(a["id"] for _, a in self.elements if "id" in a)
        self.meta = {a.get("name") or a.get("property"): a.get("content", "") for t, a in self.elements if t == "meta"}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "title":
            self.titles.append(data)
        if self._open == "style":
            self.styles.append(data)

    def count(self, tag: str) -> int:
        return sum(t == tag for t, _ in self.elements)

    def loads(self) -> list[str]:
        """Return the addresses that opening the page may fetch; a plain link is none of them."""
        return [
            attributes[name]
            for tag, attributes in self.elements
            for name, tags in LOADS.items()
            if name in attributes and (tags is None or tag in tags)
        ]


@cache
def parsed(path: str) -> Page:
    return Page(SITE / path)


@pytest.mark.parametrize("path", PAGES)
def test_page_opens_and_is_read_to_the_end_without_a_complaint(reader, path):
    page = reader(path).read_to_the_end().page
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert [name for name, times in Counter(ids).items() if times > 1] == [], "ids that occur twice when figures live"
    favicon = page.locator("link[rel~=icon]").evaluate(
        "async (link) => { const image = new Image(); image.src = link.href; await image.decode(); return image.naturalWidth }"
    )
    assert favicon > 0
    states = page.evaluate("[...document.querySelectorAll('.v2a-figure, .v2a-plot')].map((box) => box.dataset.state)")
    assert set(states) <= {"live"}


@pytest.mark.parametrize("path", PAGES)
def test_page_says_what_it_is(built, path):
    page = parsed(path)
    html = next(attributes for tag, attributes in page.elements if tag == "html")
    assert html.get("lang") == "en"
    assert page.count("h1") == 1
    assert page.count("title") >= 1 and page.titles and page.titles[0].strip()
    assert len(page.meta.get("description", "")) > 40
    for name in ("og:title", "og:description", "og:type", "og:site_name"):
        assert page.meta.get(name), name
    assert [name for name, times in page.ids.items() if times > 1] == []


def test_pages_have_titles_of_their_own(built):
    titles = Counter(parsed(path).titles[0].strip() for path in PAGES)
    assert [title for title, times in titles.items() if times > 1] == []


@pytest.mark.parametrize("path", PAGES)
def test_links_of_a_page_lead_somewhere(built, path):
    broken = []
    for tag, attributes in parsed(path).elements:
        for name in ("href", "src"):
            address = attributes.get(name, "")
            parts = urlsplit(address)
            if not address or parts.scheme or parts.netloc:
                continue
            assert not address.startswith("/"), f"{address} breaks on a site below a path"
            target = unquote(urlsplit(urljoin(path, address)).path)
            if not (SITE / target).is_file():
                broken.append(f"<{tag}> {address}: no such file")
            elif parts.fragment and target.endswith(".html") and unquote(parts.fragment) not in parsed(target).ids:
                broken.append(f"<{tag}> {address}: no such place on that page")
    assert broken == []


@pytest.mark.parametrize("path", PAGES)
def test_page_names_no_other_host_to_load_from(built, path):
    page = parsed(path)
    outside = [address for address in page.loads() if re.match(r"(https?:)?//", address.strip())]
    outside += re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)", "\n".join(page.styles))
    assert outside == []


def test_style_sheets_and_scripts_name_no_other_host_to_load_from(built):
    css = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")
    # a script could build an address in many ways: these are the ones that name another host's file outright
    js = re.compile(r"(?:import\s*\(?|importScripts\(|fetch\(|\.src\s*=)\s*[\"'`]((?:https?:)?//[^\"'`]+)")
    outside = [
        f"{file.relative_to(SITE)}: {address}"
        for suffix, rule in ((".css", css), (".js", js))
        for file in sorted(SITE.rglob(f"*{suffix}"))
        for address in rule.findall(file.read_text(encoding="utf-8"))
    ]
    assert outside == []


@pytest.mark.parametrize("path", PAGES)
def test_no_page_carries_what_a_reader_would_stumble_over(built, path):
    text = (SITE / path).read_text(encoding="utf-8")
    for trace in ("Traceback (most recent call last)", "[warning]", "{{", "system-message", "undefined label"):
        assert trace not in text
