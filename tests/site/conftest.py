"""Fixtures for the tests of the built site: they open it in a real browser, the way readers do."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from site_reader import SITE, Visit, serve

from vec2attn_site.browser import chromium

TABLES = {
    "budget": "Budgets of the pages",
    "speed": "Time of an update",
    "advice": "axe: best practice, not required",
}


@pytest.fixture(scope="session")
def built() -> None:
    if not (SITE / "index.html").is_file():
        pytest.fail(f"there is no site in {SITE}: build it with `make site`, or set VEC2ATTN_SITE", pytrace=False)


@pytest.fixture(scope="session")
def address(built: None) -> Iterator[str]:
    with serve() as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def readers(browser: Browser, address: str) -> Callable[..., Visit]:
    """Return a function that opens pages as different readers do, and remembers them in its `visits`."""
    visits: list[Visit] = []

    def open_page(
        path: str | None = None,
        *,
        width: int = 1280,
        dark: bool = False,
        touch: bool = False,
        script: bool = True,
        still: bool = False,
        disk: bool = False,
    ) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            has_touch=touch,
            is_mobile=touch,
            java_script_enabled=script,
            reduced_motion="reduce" if still else "no-preference",
        )
        context.set_default_timeout(30_000)  # a busy machine may need as long
        visit = Visit(context, f"{SITE.as_uri()}/" if disk else address, script)
        visits.append(visit)
        return visit.goto(path) if path else visit

    open_page.visits = visits  # type: ignore[attr-defined]
    return open_page


def close(visits: list[Visit]) -> None:
    problems = [problem for visit in visits for problem in visit.problems]
    for visit in visits:
        visit.context.close()
    assert not problems, "while the page was open:\n" + "\n".join(problems)


@pytest.fixture
def reader(browser: Browser, address: str) -> Iterator[Callable[..., Visit]]:
    """Open pages for one test; when it is over, no page may have met a problem."""
    open_page = readers(browser, address)
    yield open_page
    close(open_page.visits)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def readers_of_module(browser: Browser, address: str) -> Iterator[Callable[..., Visit]]:
    """Open pages that several tests look at; opening one takes a second."""
    open_page = readers(browser, address)
    yield open_page
    close(open_page.visits)  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was measured, whether or not a test failed."""
    reports = [r for rs in terminalreporter.stats.values() for r in rs if getattr(r, "when", "") == "call"]
    for name, title in TABLES.items():
        lines = [value for r in reports for key, value in r.user_properties if key == name]
        if lines:
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.write_line(line)
