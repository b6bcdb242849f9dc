"""A real Chromium for tests: found on this machine, never downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

VARIABLE = "VEC2ATTN_CHROMIUM"
USUAL = "/usr/bin/chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
HELP = (
    "these tests need a browser and found none. Install Chromium (Debian, Ubuntu: `apt-get install chromium`; anywhere: "
    f"`python -m playwright install chromium`), or set {VARIABLE} to the path of a Chromium or Chrome"
)


def chromium_path(playwright: Playwright) -> str:
    """Return the executable: what VEC2ATTN_CHROMIUM names, else the system's, else Playwright's own."""
    if chosen := os.environ.get(VARIABLE):
        if not Path(chosen).is_file():
            pytest.fail(f"{VARIABLE} is set to {chosen}, and there is no such file", pytrace=False)
        return chosen
    candidates = [USUAL, *(shutil.which(name) for name in NAMES), playwright.chromium.executable_path]
    for path in candidates:
        if path and Path(path).is_file():
            return path
    pytest.fail(HELP, pytrace=False)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Launch the browser, and close it at the end.

    Wrap it in a fixture no wider than a module: as long as it is open, Playwright keeps an event loop running in this
    thread, in which tests of another module could not start a loop of their own, nor a second Playwright.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(playwright), args=ARGUMENTS)
        yield browser
        browser.close()
