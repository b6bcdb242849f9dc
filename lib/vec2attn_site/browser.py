"""A real Chromium, found on this machine; `python -m vec2attn_site.browser` gets one where there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

VARIABLE = "VEC2ATTN_CHROMIUM"
USUAL = "/usr/bin/chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
HELP = (
    "this needs a browser and found none. Install Chromium (Debian, Ubuntu: `apt-get install chromium`; "
    f"anywhere: `python -m playwright install chromium`), or set {VARIABLE} to the path of a Chromium or Chrome"
)


def _find(playwright: Playwright) -> str | None:
    candidates = [USUAL, *(shutil.which(name) for name in NAMES), playwright.chromium.executable_path]
    return next((path for path in candidates if path and Path(path).is_file()), None)


def chromium_path(playwright: Playwright) -> str:
    """Return the executable: what VEC2ATTN_CHROMIUM names, else the system's, else Playwright's own."""
    if chosen := os.environ.get(VARIABLE):
        if not Path(chosen).is_file():
            raise FileNotFoundError(f"{VARIABLE} is set to {chosen}, and there is no such file")
        return chosen
    if found := _find(playwright):
        return found
    raise FileNotFoundError(HELP)


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


def install() -> None:
    """Make sure that there is a browser: look for one, else let Playwright fetch its own, else Debian's package."""
    with sync_playwright() as playwright:
        if found := _find(playwright):
            print(f"browser: {found}")
            return
    print("browser: none found; asking Playwright for its Chromium", flush=True)
    if (
        subprocess.run(
            [sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"], check=False
        ).returncode
        == 0
    ):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("browser: Playwright's could not be had; installing Debian's chromium", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        apt = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-liberation"]
        if subprocess.run(apt, check=False, stdout=subprocess.DEVNULL).returncode == 0:
            return
    raise SystemExit(HELP)


if __name__ == "__main__":
    install()
