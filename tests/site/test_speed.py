"""An update of a figure fits into one frame on a computer four times slower than this one."""

import json

import numpy as np
import pytest
from softmax_page import SoftmaxPage

FRAME = 16.0  # ms
PRESSES = 64
RATES = (4, 1, 1, 1, 1)  # how often to try, and how much slower
# what an update asks of the main thread, between the input event and the picture
WORK = {"EventDispatch", "FireAnimationFrame", "UpdateLayoutTree", "Layout"}  # handlers, drawing, style, layout
PICTURE = {"PrePaint", "Paint", "Layerize", "Commit"}  # the browser's: grows with the page, not with the figure


def milliseconds(events: list[dict], names: set[str]) -> np.ndarray:
    """Return for each update the processor time of these kinds of events, until the next input event."""
    inputs = [e for e in events if e["name"] == "EventDispatch" and e["args"]["data"]["type"] == "input"]
    assert len({(e["pid"], e["tid"]) for e in inputs}) == 1
    starts = sorted(e["ts"] for e in inputs)
    spent, end = np.zeros(len(starts)), 0.0
    for event in sorted(events, key=lambda e: e["ts"]):
        update = np.searchsorted(starts, event["ts"], side="right") - 1
        # "input" is the one event that the figure listens to; what lies inside another entry is counted with that
        foreign = event["name"] == "EventDispatch" and event["args"]["data"]["type"] != "input"
        same = (event["pid"], event["tid"]) == (inputs[0]["pid"], inputs[0]["tid"])
        if event["name"] in names and event.get("ph") == "X" and same and not foreign and update >= 0:
            if event["ts"] >= end:
                spent[update] += event["tdur"] / 1000
            end = max(end, event["ts"] + event["dur"])
    return spent


@pytest.mark.parametrize("name", ["T", "logit 0"])
def test_an_update_fits_into_a_frame_at_a_quarter_of_the_speed(reader, browser, record_property, name):
    figure = SoftmaxPage(reader())
    control, keys = figure.control(name), figure.page.keyboard
    session = figure.page.context.new_cdp_session(figure.page)
    control.focus()
    runs = []
    # Other programs on the machine can only add time, so the best of some runs is nearest to the work itself. The
    # browser slows down by stopping the page from another thread; where that one must wait too, four times the
    # processor time at full speed is the steadier measure of the same thing.
    for rate in RATES:
        session.send("Emulation.setCPUThrottlingRate", {"rate": rate})
        keys.press("Home")
        figure.settle()
        before = control.get_attribute("aria-valuetext")
        browser.start_tracing(page=figure.page, categories=["devtools.timeline"])
        for _ in range(PRESSES):
            keys.press("ArrowRight")
            figure.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        events = json.loads(browser.stop_tracing())["traceEvents"]
        assert control.get_attribute("aria-valuetext") != before
        work, picture = (milliseconds(events, names) * 4 / rate for names in (WORK, PICTURE))
        assert len(work) >= 60
        assert sum(e["name"] == "FireAnimationFrame" for e in events) >= len(work)
        runs.append(np.percentile(work, [95, 50]))
        record_property(
            "speed",
            f"{name:8} {'slowed down four times' if rate == 4 else 'full speed, times four'}: "
            f"p50 {runs[-1][1]:.1f} ms, p95 {runs[-1][0]:.1f} ms, n = {len(work)}; painting, not counted: "
            "p50 {:.1f} ms, p95 {:.1f} ms".format(*np.percentile(picture, [50, 95])),
        )
        if runs[-1][0] < FRAME:
            break
    assert min(p95 for p95, _ in runs) < FRAME
    figure.assert_equals_library()
