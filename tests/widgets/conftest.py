"""A page in a real browser, and figures drawn on it."""

import pytest

from vec2attn_site.browser import chromium
from widgets.page import Lab


@pytest.fixture(scope="module")
def page():
    with chromium() as browser:
        yield browser.new_page()


@pytest.fixture
def open_lab(page):
    """Draw a figure on the page; at the end the page may not have met an error."""
    labs = []

    def open_one(figure, views=1):
        labs.append(Lab(page, figure, views))
        return labs[-1]

    yield open_one
    for lab in labs:
        lab.close()
        assert lab.errors == []
