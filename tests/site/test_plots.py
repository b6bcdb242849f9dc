"""Plots draw when they come into view, show the library's numbers, and follow the theme."""

import re

import numpy as np
import pytest
from site_reader import CHAPTER, choose_theme, theme

from vec2attn.datasets import smollm2_logits
from vec2attn.softmax import softmax

STROKES = "(lines) => lines.map((line) => getComputedStyle(line).stroke)"
TEXT = {"light": "rgb(31, 35, 40)", "dark": "rgb(230, 237, 243)"}
ROLES = {
    "light": {"code": "rgb(11, 99, 181)", "capital": "rgb(180, 83, 9)", "story": "rgb(15, 123, 95)"},
    "dark": {"code": "rgb(108, 182, 255)", "capital": "rgb(242, 166, 90)", "story": "rgb(76, 201, 160)"},
}


def plotly_in(visit) -> list[str]:
    return [address for address in visit.asked if "/plotly-" in address and "host" not in address]


def scrolled_to(visit):
    plot = visit.page.locator(".v2a-plot").first
    plot.scroll_into_view_if_needed()
    visit.page.locator(".v2a-plot[data-state=live] .main-svg").first.wait_for()
    return plot


def test_plot_waits_until_it_comes_into_view(reader):
    visit = reader(CHAPTER)
    visit.page.wait_for_load_state("networkidle")
    assert plotly_in(visit) == []
    assert visit.page.locator(".v2a-plot .main-svg").count() == 0
    plot = scrolled_to(visit)
    assert len(plotly_in(visit)) == 1
    assert plot.bounding_box()["height"] > 200
    assert re.search(r"[Pp]robability .* rank", plot.get_attribute("aria-label"))
    assert plot.get_attribute("role") in ("group", "img", "figure")


def test_curves_are_those_of_the_library(reader):
    plot = scrolled_to(reader(CHAPTER))
    curves = plot.evaluate(
        """(box) => box.querySelector('.js-plotly-plot')._fullData.map(
            (trace) => ({ name: trace.name, x: [...trace.x], y: [...trace.y] }))"""
    )
    assert [curve["name"] for curve in curves] == ["code", "capital", "story"]
    for curve in curves:
        P = np.sort(softmax(smollm2_logits(curve["name"]).astype(float)))[::-1]
        rank = np.array(curve["x"], dtype=int)
        assert len(rank) > 50
        assert np.allclose(curve["y"], P[rank - 1], rtol=1e-6)
    axes = plot.locator(".xtitle, .ytitle").all_text_contents()
    assert axes == ["rank of the token", "probability"]


def test_plot_follows_the_theme(reader):
    visit = reader(CHAPTER)
    plot = scrolled_to(visit)
    first = theme(visit.page)
    for wanted in ("dark", "light"):
        choose_theme(visit.page, wanted)
        visit.page.wait_for_function(
            "([box, colour]) => getComputedStyle(box.querySelector('.xtitle')).fill === colour",
            arg=[plot.element_handle(), TEXT[wanted]],
        )
        for selector in (".xtick text", ".ytick text", ".legendtext"):
            assert plot.locator(selector).first.evaluate("(t) => getComputedStyle(t).fill") == TEXT[wanted]
        names = plot.locator(".legend .legendtext").all_text_contents()
        strokes = plot.locator(".legend .js-line").evaluate_all(STROKES)
        lines = dict(zip(names, strokes, strict=True))
        assert lines == ROLES[wanted]
        drawn = plot.locator(".scatterlayer .js-line").evaluate_all(STROKES)
        assert sorted(drawn) == sorted(ROLES[wanted].values())
    assert first == "light"


@pytest.mark.parametrize("width", [1280, 360])
def test_plot_fits_the_page(reader, width):
    visit = reader(CHAPTER, width=width)
    area = scrolled_to(visit).locator(".main-svg").first.bounding_box()
    assert 0 <= area["x"]
    assert area["x"] + area["width"] <= width
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
