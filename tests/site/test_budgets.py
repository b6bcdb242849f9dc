"""Pages stay light: what a reader's browser fetches, compressed as a server sends it."""

import pytest
from site_reader import PAGES

KB = 1000
PLAIN, WITH_PLOTS, REQUESTS = 300 * KB, 900 * KB, 25


@pytest.mark.parametrize("path", PAGES)
def test_page_stays_within_its_budget(reader, record_property, path):
    visit = reader(path)
    first = visit.sizes()
    requests = len(visit.asked)
    whole = visit.read_to_the_end().sizes()
    plotly = sum(size for name, size in whole.items() if "plotly-" in name and name.endswith(".min.js"))
    without = sum(whole.values()) - plotly
    record_property(
        "budget",
        f"{path:50} opened: {sum(first.values()) / KB:5.1f} KB in {requests:2} requests   "
        f"to the end: {without / KB:5.1f} KB + plotly {plotly / KB:5.1f} KB in {len(visit.asked)}",
    )
    assert path in first, "the page itself was not counted"
    assert sum(first.values()) <= PLAIN
    assert requests <= REQUESTS
    assert without <= PLAIN
    assert plotly + without <= WITH_PLOTS
    if not visit.page.locator(".v2a-plot").count():
        assert plotly == 0, "plotly is loaded and nothing on the page needs it"
