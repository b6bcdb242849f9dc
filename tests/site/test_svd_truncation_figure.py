"""The figure of notebook 4.2 on its built page: mouse, keys and touch move the cut; its numbers are the library's."""

import gzip
import re

import numpy as np
import pytest
from figure_page import FigurePage
from site_reader import SITE, choose_theme

from vec2attn.datasets import cat
from vec2attn.widgets.base import front_end
from vec2attn.widgets.svd_truncation import SvdTruncation, digits

CHAPTER = "chapters/04_svd/truncation.html"
FIGURE = ".v2a-figure[data-name=svd_truncation]"
READ = """(box) => ({
    rank: Number(box.querySelector('input').value),
    facts: [...box.querySelectorAll('dd')].map((dd) => dd.textContent),
    kept: box.querySelector('.v2a-svd-kept').getAttribute('points').split(' ').length,
    heads: [...box.querySelectorAll('.v2a-svd-head')].map((p) => p.textContent),
    cut: box.querySelector('[role=slider]').getAttribute('aria-valuetext'),
    said: box.querySelector('.v2a-said').textContent,
})"""
PIXELS = """(canvas) => {
    const copy = Object.assign(document.createElement('canvas'), { width: 300, height: 200 });
    const context = copy.getContext('2d', { willReadFrequently: true });  // else the browser warns
    context.drawImage(canvas, 0, 0);
    return [...context.getImageData(0, 0, 300, 200).data];
}"""
CAT = cat().astype(float)


class Truncation(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "svd_truncation"

    def grip(self):
        self.settle()
        self.box.locator(".v2a-svd-plot").scroll_into_view_if_needed()
        area = self.box.locator(".v2a-svd-grip").bounding_box()
        return area["x"] + area["width"] / 2, area["y"] + area["height"] / 2

    def pixels(self, nth):
        return np.reshape(self.box.locator("canvas").nth(nth).evaluate(PIXELS), (200, 300, 4))

    def assert_equals_library(self, rank=None):
        """Compare every number and both pictures with the library at the rank that the slider shows."""
        self.settle()
        seen = self.box.evaluate(READ)
        k = seen["rank"]
        assert rank is None or k == rank
        U, s, Vt = np.linalg.svd(CAT, full_matrices=False)
        E = CAT - (U[:, :k] * s[:k]) @ Vt[:k]
        energy, two, frobenius, rms, stored, _ = seen["facts"]
        share = np.linalg.norm(E) / np.linalg.norm(CAT)
        assert number(energy) == pytest.approx(100 * (1 - share**2), abs=0.0011)
        assert number(two.split("= ")[-1]) == pytest.approx(np.linalg.norm(E, 2), rel=5.1e-4, abs=1e-9)
        assert number(frobenius.split(":")[0]) == pytest.approx(np.linalg.norm(E), rel=5.1e-4, abs=1e-9)
        assert number(rms) == pytest.approx(np.sqrt((E**2).mean()), rel=5.1e-4, abs=1e-9)
        assert stored == f"{501 * k:,} of 60,000: {501 * k / 600:.1f} %"
        assert seen["kept"] == k
        assert seen["heads"][0] == f"Rank {k}"
        assert seen["cut"] == f"after {k} of 200"
        np.testing.assert_allclose(self.pixels(0)[..., 0], np.clip(CAT - E, 0, 255), atol=1)
        colour = self.pixels(1)
        clear = np.abs(E) > 4
        np.testing.assert_array_equal((colour[..., 0] > colour[..., 2])[clear], (E > 0)[clear])
        np.testing.assert_allclose(colour[clear, 3], 255 * np.sqrt(np.minimum(1, np.abs(E[clear]) / 64)), atol=4)
        return seen


def number(text):
    return float(re.sub("[,%σ ]", "", text))


@pytest.fixture
def figure(reader):
    return Truncation(reader())


def test_the_figure_starts_at_rank_20(figure):
    seen = figure.assert_equals_library(20)
    assert seen["facts"][1] == f"σ₂₁ = {digits(np.linalg.svd(CAT, compute_uv=False)[20])}"


def test_the_slider_goes_through_ranks_by_key_and_mouse(figure):
    slider = figure.slider("Rank k")
    for key, rank in (("ArrowRight", 21), ("ArrowLeft", 20), ("Home", 1), ("ArrowRight", 2), ("End", 200)):
        slider.press(key)
        figure.assert_equals_library(rank)
    assert "nothing is missing" in figure.said()
    assert not figure.pixels(1)[..., 3].any(), "nothing missing has the colour of the page"
    figure.page.mouse.click(*figure.place(slider, 0.4))
    assert 75 <= figure.assert_equals_library()["rank"] <= 86


def test_each_rank_can_be_reached_and_what_is_said_fits(figure):
    slider = figure.slider("Rank k")
    for rank in (8, 9, 15, 16, 17, 24, 25, 119, 120, 193, 199):  # before, at and behind a stored sum
        slider.fill(str(rank))
        figure.assert_equals_library(rank)
    figure.slider("Rank k").fill("120")
    assert figure.said() == "120 ranks hold 60,120 numbers, more than the 60,000 of A itself."
    assert figure.box.locator(".v2a-svd-over").count() == 1
    figure.box.get_by_role("button", name="one rank less").click()
    figure.assert_equals_library(119)
    assert figure.box.locator(".v2a-svd-over").count() == 0
    figure.button("Reset").click()
    figure.assert_equals_library(20)


def test_the_cut_is_dragged_by_mouse_and_moved_by_keys(figure):
    x, y = figure.grip()
    width = figure.box.locator(".v2a-svd-plot").bounding_box()["width"] * 296 / 360
    figure.drag((x, y), (x + 0.25 * width, y + 60))
    assert 69 <= figure.assert_equals_library()["rank"] <= 71
    figure.drag(figure.grip(), (x - 2 * width, y))
    figure.assert_equals_library(1)
    top = figure.page.evaluate("scrollY")
    for key, rank in (("ArrowRight", 2), ("Shift+ArrowUp", 12), ("PageDown", 2), ("End", 200)):
        figure.page.keyboard.press(key)
        figure.assert_equals_library(rank)
    assert figure.page.evaluate("scrollY") == top, "the arrows are for the cut, not for the page"


def test_a_finger_drags_the_cut_and_the_page_does_not_scroll(reader):
    figure = Truncation(reader(width=360, touch=True))
    x, y = figure.grip()
    top = figure.page.evaluate("scrollY")
    figure.swipe((x, y), (x + 120, y + 40))
    assert figure.assert_equals_library()["rank"] > 80
    assert figure.page.evaluate("scrollY") == top


def test_nothing_missing_is_the_colour_of_the_page_in_both_themes(figure):
    for wanted in ("dark", "light"):
        choose_theme(figure.page, wanted)
        background = figure.box.locator("canvas").nth(1).evaluate("(c) => getComputedStyle(c).backgroundColor")
        assert background == "rgba(0, 0, 0, 0)"


def test_without_a_script_the_still_picture_has_the_numbers(reader):
    box = reader(CHAPTER, script=False).page.locator(FIGURE)
    x = SvdTruncation(cat(), rank=20).numbers()
    text = box.inner_text()
    assert "20 of 200" in text
    assert digits(x["two"]) in text
    assert "10,020 of 60,000: 16.7 %" in text
    picture = box.locator("img")
    assert picture.evaluate("(i) => [i.naturalWidth, i.naturalHeight]") == [150, 100]
    assert picture.bounding_box()["width"] > 250


def test_data_and_script_of_the_figure_are_light(built, record_property):
    html = (SITE / CHAPTER).read_text(encoding="utf-8")
    block = re.search(r'<div class="v2a-figure" data-name="svd_truncation".*?</script></div>', html, re.DOTALL)[0]
    parts = {"data and still picture": block, "script": front_end("svd_truncation")}
    sizes = {name: len(gzip.compress(text.encode())) / 1000 for name, text in parts.items()}
    record_property("budget", f"svd_truncation: {', '.join(f'{name} {size:.0f} KB' for name, size in sizes.items())}")
    assert sum(sizes.values()) < 150
