"""An update of a figure fits into one frame on a computer four times slower than this one."""

import json

import numpy as np
import pytest
from softmax_page import SoftmaxPage

FRAME = 16.0  # ms
PRESSES = 70
# what the main thread does between a key and the picture: handlers, drawing code, style, layout, paint, layers
WORK = {"EventDispatch", "FireAnimationFrame", "UpdateLayoutTree", "Layout", "PrePaint", "Paint", "Layerize", "Commit"}


def work_per_update(trace: dict) -> np.ndarray:
    """Return the milliseconds of work from each input event to the end of the frame that shows it."""
    events = trace["traceEvents"]
    inputs = [e for e in events if e["name"] == "EventDispatch" and e["args"]["data"]["type"] == "input"]
    thread = {(e["pid"], e["tid"]) for e in inputs}
    assert len(thread) == 1
    done = [e for e in events if e["name"] in WORK and (e["pid"], e["tid"]) in thread and e.get("ph") == "X"]
    starts = sorted(e["ts"] for e in inputs)
    spent = np.zeros(len(starts))
    drawn = np.zeros(len(starts), dtype=bool)
    end = 0.0
    for event in sorted(done, key=lambda e: e["ts"]):
        update = np.searchsorted(starts, event["ts"], side="right") - 1
        if update < 0:
            continue
        drawn[update] |= event["name"] == "FireAnimationFrame"
        # an event inside another one (layout that a script asked for) is counted with it
        spent[update] += max(0.0, event["ts"] + event["dur"] - max(end, event["ts"])) / 1000
        end = max(end, event["ts"] + event["dur"])
    assert drawn.mean() > 0.9, "most updates were drawn in a frame of their own"
    return spent[drawn]


@pytest.mark.parametrize("name", ["T", "logit 0"])
def test_an_update_fits_into_a_frame_at_a_quarter_of_the_speed(reader, browser, record_property, name):
    figure = SoftmaxPage(reader())
    control, keys = figure.control(name), figure.page.keyboard
    figure.page.context.new_cdp_session(figure.page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    control.focus()
    keys.press("Home")
    best = None
    # other programs on the same machine can only add time: the best of three runs is nearest to the work itself
    for _ in range(3):
        figure.settle()
        browser.start_tracing(page=figure.page, categories=["devtools.timeline"])
        before = figure.read()["rows"][0]["p"]
        for press in range(PRESSES):
            keys.press("ArrowRight" if press < PRESSES - 10 else "ArrowLeft")
            figure.settle()
        assert figure.read()["rows"][0]["p"] != before
        times = work_per_update(json.loads(browser.stop_tracing()))
        assert len(times) >= 60
        p50, p95 = np.percentile(times, [50, 95])
        best = min(best or (p95, p50), (p95, p50))
        if best[0] < FRAME:
            break
    record_property(
        "speed", f"{name:8} CPU slowed down 4 times: p50 {best[1]:.1f} ms, p95 {best[0]:.1f} ms, n = {len(times)}"
    )
    assert best[0] < FRAME
    figure.assert_equals_library({0: float(control.input_value())} if name != "T" else None)
