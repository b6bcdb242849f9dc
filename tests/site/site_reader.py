"""How the tests read the built site: a server, a reader who opens pages in a browser, and a list of all pages."""

import contextlib
import functools
import gzip
import http.server
import os
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

ROOT = Path(__file__).parents[2]
SITE = Path(os.environ.get("VEC2ATTN_SITE", ROOT / "_build/html")).resolve()
UNDER = "/book"  # the site is published below a path, where an address that starts with / breaks
CHAPTER = "chapters/01_vector_space/vocabulary_space.html"
OTHER = {"_static", "_modules"}  # folders whose pages belong to the theme, and show the library's source
LOCAL = ("data", "blob")  # addresses that no network answers
# the colour of a text, and that of the nearest thing behind it which is not transparent
BEHIND = """(e) => {
    const colour = getComputedStyle(e).color;
    while (getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)' && e.parentElement) e = e.parentElement;
    return [colour, getComputedStyle(e).backgroundColor];
}"""
PACKED = (".woff2", ".png", ".jpg", ".webp", ".gif")  # packed already: a server sends these as they are


def pages() -> list[str]:
    """Return every page of the site; `_static` holds fragments of the theme, `_modules` the library's source."""
    found = sorted(p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html") if not OTHER & set(p.parts))
    return found or ["index.html"]  # a site that is not built must fail a test, not skip all of them


PAGES = pages()


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if not self.path.startswith(f"{UNDER}/"):
            self.send_error(404, "outside the site")
        else:
            self.path = self.path.removeprefix(UNDER)
            super().do_GET()

    def log_message(self, *arguments: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the browser closes connections when a page closes. A missing answer shows in the page."""


@contextlib.contextmanager
def serve() -> Iterator[str]:
    """Serve the site below a path on a free port of this machine; gives its address, ending in /."""
    with _Server(("127.0.0.1", 0), functools.partial(_Handler, directory=str(SITE))) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.05))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{UNDER}/"
        finally:
            server.shutdown()
            thread.join()


class Visit:
    """One page as one reader has it open, with a record of all that it asked for and all that went wrong."""

    def __init__(self, context: Any, address: str, script: bool = True) -> None:
        self.context, self.address, self.script = context, address, script
        self.page = context.new_page()
        self.asked: list[str] = []
        self.answers: list[Any] = []
        self.problems: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.problems.append(f"error in a script: {error}"))
        self.page.on("request", self._requested)
        self.page.on("response", self._answered)
        self.page.on("requestfailed", self._failed)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def _requested(self, request: Any) -> None:
        if urlsplit(request.url).scheme in LOCAL:
            return
        self.asked.append(request.url)
        home = SITE.as_uri() if self.address.startswith("file:") else self.address
        if not request.url.startswith(home):
            self.problems.append(f"a request that leaves the site: {request.url}")

    def _answered(self, response: Any) -> None:
        if urlsplit(response.url).scheme in LOCAL:
            return
        self.answers.append(response)
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.url}")

    def _failed(self, request: Any) -> None:
        # without JavaScript the browser itself drops the scripts that the page preloads, and calls that "csp"
        if self.script or request.failure != "csp":
            self.problems.append(f"no answer: {request.url} ({request.failure})")

    def goto(self, path: str) -> "Visit":
        self.page.goto(self.address + path)
        return self

    def read_to_the_end(self) -> "Visit":
        """Scroll through the page as a reader does, so that all that loads on sight has loaded, and come back."""
        self.page.evaluate(
            """async () => {
                const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
                for (let y = 0; y < document.documentElement.scrollHeight; y += 700) { scrollTo(0, y); await frame(); }
            }"""
        )
        self.page.wait_for_function(
            "[...document.querySelectorAll('.v2a-figure, .v2a-plot')].every((box) => box.dataset.state)"
        )
        self.page.evaluate("scrollTo(0, 0)")
        return self

    def sizes(self) -> dict[str, int]:
        """Return the bytes that each answer costs on a server that compresses, by path below the site."""
        self.page.wait_for_load_state("networkidle")
        found = {}
        for answer in self.answers:
            path = unquote(urlsplit(answer.url).path).removeprefix(f"{UNDER}/")
            body = answer.body()
            found[path] = len(body) if path.endswith(PACKED) else len(gzip.compress(body, 6))
        return found


def painted(page: Any, element: Any, right: float = 4, down: float | None = None) -> str:
    """Return the colour that a picture of the page has at a point of an element: near its left end, in the middle."""
    element.scroll_into_view_if_needed()
    area = element.bounding_box()
    spot = {"x": area["x"] + right, "y": area["y"] + (area["height"] / 2 if down is None else down)}
    png = page.screenshot(clip={**spot, "width": 1, "height": 1})
    data, at = b"", 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += size + 12
    red, green, blue = zlib.decompress(data)[1:4]  # one pixel: whatever the filter is, it subtracts nothing
    return f"rgb({red}, {green}, {blue})"


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours: WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        rgb = np.array([float(x) for x in re.findall(r"[\d.]+", colour)[:3]]) / 255
        return float(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])

    low, high = sorted(luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def theme(page: Any) -> str:
    return page.evaluate("document.documentElement.dataset.theme")


def choose_theme(page: Any, wanted: str) -> None:
    """Press the page's own button until it says the wanted theme, light or dark."""
    button = page.locator(".theme-switch-button").locator("visible=true").first
    for _ in range(3):
        button.click()
        mode = page.evaluate("document.documentElement.dataset.mode")
        if mode == wanted and theme(page) == wanted:
            return
    raise AssertionError(f"three clicks on the theme button did not bring {wanted}; it is {theme(page)}")
