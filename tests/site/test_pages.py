"""Every page opens without a complaint, stays light, asks no other host for anything, and leads to what exists."""

import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

import pytest
from site_reader import PAGES, SITE, Visit

KB = 1000
PLAIN, WITH_PLOTS, REQUESTS = 300 * KB, 900 * KB, 25  # compressed; plots: with plotly, once the reader has met them
PICTURES = {"chapters/04_svd/truncation.html": 400 * KB}  # carries a photograph, and its factors at every rank
PARTS = dict.fromkeys(("msub", "msup", "munder", "mover", "mfrac", "mroot"), 2) | {"msubsup": 3, "munderover": 3}
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


@pytest.fixture(scope="module")
def opened(readers_of_module):
    """Open each page once: first as it loads, then read to the end, with what the browser fetched for either."""

    @cache
    def open_once(path: str) -> tuple[Visit, dict[str, int], int, dict[str, int]]:
        visit = readers_of_module(path)
        first, requests = visit.sizes(), len(visit.asked)
        return visit, first, requests, visit.read_to_the_end().sizes()

    return open_once


@pytest.mark.parametrize("path", PAGES)
def test_page_opens_and_is_read_to_the_end_without_a_complaint(opened, path):
    visit, *_ = opened(path)
    problems, visit.problems = visit.problems, []
    assert problems == []
    ids = visit.page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert [name for name, times in Counter(ids).items() if times > 1] == [], "ids that occur twice when figures live"
    boxes = visit.page.evaluate("[...document.querySelectorAll('.v2a-figure, .v2a-plot')].map((b) => b.dataset.state)")
    assert set(boxes) <= {"live"}
    width = visit.page.locator("link[rel~=icon]").evaluate(
        """async (link) => {
            const image = new Image();
            image.src = link.href;
            await image.decode();
            return image.naturalWidth;
        }"""
    )
    assert width > 0, "the favicon"


@pytest.mark.parametrize("path", PAGES)
def test_page_stays_within_its_budget(opened, record_property, path):
    visit, first, requests, whole = opened(path)
    plotly = sum(size for name, size in whole.items() if re.search(r"plotly-[a-z0-9]+(\.\w+)?\.min\.js$", name))
    plain = sum(whole.values()) - plotly
    record_property(
        "budget",
        f"{path:50} opened: {sum(first.values()) / KB:5.1f} KB in {requests:2} requests   "
        f"to the end: {plain / KB:5.1f} KB, plotly {plotly / KB:5.1f} KB",
    )
    assert path in first, "the page itself was not counted"
    assert max(sum(first.values()), plain) <= PICTURES.get(path, PLAIN)
    assert requests <= REQUESTS
    assert plain + plotly <= WITH_PLOTS
    assert bool(plotly) == bool(visit.page.locator(".v2a-plot").count()), "plotly is loaded where a plot needs it"


@pytest.mark.parametrize("path", PAGES)
def test_page_says_what_it_is(built, path):
    page = parsed(path)
    html = next(attributes for tag, attributes in page.elements if tag == "html")
    assert html.get("lang") == "en"
    assert page.count("h1") == 1
    assert page.titles
    assert page.titles[0].strip()
    assert len(page.meta.get("description", "")) > 40
    for name in ("og:title", "og:description", "og:type", "og:site_name"):
        assert page.meta.get(name), name
    assert [name for name, times in page.ids.items() if times > 1] == []


@pytest.mark.parametrize("path", PAGES)
def test_formulas_are_valid_mathml(built, path):
    # browsers show an element with a wrong number of parts as an error, and a screen reader reads it as one
    formulas = re.findall(r"<math .*?</math>", (SITE / path).read_text(encoding="utf-8"), re.DOTALL)
    for formula in formulas:
        for element in ElementTree.fromstring(formula).iter():
            tag = element.tag.rpartition("}")[2]
            assert len(element) == PARTS.get(tag, len(element)), f"<{tag}> in {formula}"
    assert formulas or "/0" not in path, "every chapter has formulas"


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
    for trace in ("Traceback (most recent call last)", "[warning]", "system-message", "undefined label"):
        assert trace not in text
    printed = re.compile(r"<pre\b.*?</pre>|<script\b.*?</script>", flags=re.S)  # where a model may write what it likes
    assert "{{" not in printed.sub("", text)
