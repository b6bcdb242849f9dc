"""Fixtures for the tests of the built site: they open it in a real browser, the way readers do."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import launch
from playwright.sync_api import Browser, sync_playwright
from site_reader import SITE, Visit, serve

TABLES = {"budget": "Budgets of the pages", "speed": "Time of an update", "advice": "axe: best practice, not required"}


@pytest.fixture(scope="session")
def built() -> None:
    if not (SITE / "index.html").is_file():
        pytest.fail(f"there is no site in {SITE}: build it with `make site`, or set VEC2ATTN_SITE", pytrace=False)


@pytest.fixture(scope="session")
def address(built: None) -> Iterator[str]:
    with serve() as found:
        yield found


# one browser a module: two of playwright's loops cannot run at once, so none may outlive the tests of this folder
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def reader(browser: Browser, built: None, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visit]]:
    """Open pages as different readers do; when the test is over, no page may have met a problem."""
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
        context.set_default_timeout(10_000)
        visit = Visit(context, f"{SITE.as_uri()}/" if disk else request.getfixturevalue("address"))
        visits.append(visit)
        return visit.goto(path) if path else visit

    yield open_page
    problems = [problem for visit in visits for problem in visit.problems]
    for visit in visits:
        visit.context.close()
    assert not problems, "while the page was open:\n" + "\n".join(problems)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was measured, whether or not a test failed."""
    reports = [r for rs in terminalreporter.stats.values() for r in rs if getattr(r, "when", "") == "call"]
    for name, title in TABLES.items():
        lines = [value for r in reports for key, value in r.user_properties if key == name]
        if lines:
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.write_line(line)
