"""The figure of notebook 7.5 on its built page: mouse, keys and touch move it, and its numbers are the library's."""

import json
import re

import numpy as np
import pytest
from figure_page import FigurePage
from site_reader import SITE, choose_theme, painted

from vec2attn.widgets.flash_tiles import NAMES, FlashTiles, N

CHAPTER = "chapters/07_attention/fast_attention.html"
FIGURE = ".v2a-figure[data-name=flash_tiles]"
READ = """(box) => ({
    tile: Number(box.querySelector('select').value),
    causal: box.querySelector('[aria-pressed]').ariaPressed === 'true',
    step: Number(box.querySelectorAll('input')[0].value), query: Number(box.querySelectorAll('input')[1].value),
    steps: Number(box.querySelectorAll('input')[0].max),
    facts: [...box.querySelectorAll('dl > div')].map((d) => [...d.querySelectorAll('dt, b, small')]
        .map((e) => e.textContent)),
    columns: [294, 332].map((x) => [...box.querySelectorAll(`text[x="${x}"]:not(.v2a-ft-head)`)]
        .map((t) => t.textContent)),
})"""


def data():
    """Return the scores and values that the page carries."""
    text = (SITE / CHAPTER).read_text(encoding="utf-8")
    block = text[text.index('data-name="flash_tiles"') :]
    return {name: json.loads(re.search(rf'"{name}": ?(\[[^\]]*\])', block)[1]) for name in ("scores", "values")}


class Tiles(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "flash_tiles"

    def assert_equals_library(self, **expected):
        """Compare all numbers with the library, for the state that the controls show, which must be as given."""
        self.settle()
        seen = self.box.evaluate(READ)
        state = {name: seen[name] for name in ("tile", "causal", "step", "query")}
        assert {name: state[name] for name in expected} == expected
        figure = FlashTiles(np.ones((N, 1)), np.ones((N, 1)), np.ones((N, 2)), **state)
        for name, numbers in data().items():
            figure.set_trait(name, numbers)
        assert seen["facts"] == [list(texts) for texts in figure.facts().values()]
        assert seen["steps"] == figure.steps
        sums = figure.sums()
        for shown, wanted in zip(seen["columns"], (sums.m, sums.l), strict=True):
            numbers = [float(text.replace("−", "-")) for text in shown if text]
            assert numbers == pytest.approx(wanted[sums.l > 0].tolist(), abs=0.005001)
        return dict(zip(NAMES, (texts[1:] for texts in seen["facts"]), strict=True))


@pytest.fixture
def tiles(reader):
    return Tiles(reader())


def test_the_figure_begins_in_the_middle_with_a_larger_score_for_its_query(tiles):
    facts = tiles.assert_equals_library(tile=2, causal=False, step=11, query=5)
    assert 0.2 < float(facts["factor"][0]) < 0.8
    assert "A larger score for query 5" in tiles.said()


def test_next_tile_ends_the_query_with_the_output_of_the_full_softmax(tiles):
    tiles.button("Next tile").click()
    facts = tiles.assert_equals_library(step=12)
    assert facts["y"][0] == facts["full"][0]
    assert facts["full"][1] == "equal, to rounding"
    assert "as with the full softmax" in tiles.said()


def test_the_output_is_the_same_for_every_tile_size(tiles):
    choice, outputs = tiles.box.get_by_role("combobox"), set()
    for tile, step in ((1, 40), (3, 6), (4, 4), (8, 1)):
        choice.select_option(str(tile))
        facts = tiles.assert_equals_library(tile=tile, step=step)
        assert facts["full"][1] == "equal, to rounding"
        outputs.add(facts["y"][0])
    assert len(outputs) == 1


def test_causal_skips_the_tiles_of_the_future(tiles):
    tiles.button("Causal").click()
    facts = tiles.assert_equals_library(causal=True, step=6)
    assert facts["y"][1] == "all keys seen"
    assert tiles.said().startswith("Causal: 6 of 16 tiles lie in the future and are skipped.")
    assert tiles.slider("Step").get_attribute("aria-valuetext") == "6 of 10"


@pytest.mark.parametrize("label", ["Step", "Query"])
def test_sliders_by_mouse_and_keys(tiles, label):
    tiles.by_mouse_and_keys(label, (0.1, 0.5, 0.9), ("ArrowLeft", "Home", "ArrowRight", "End"))


def test_a_finger_moves_all_of_it(reader):
    tiles = Tiles(reader(width=360, touch=True))
    tiles.button("Back").tap()
    tiles.assert_equals_library(step=10)
    slider = tiles.slider("Query")
    slider.scroll_into_view_if_needed()
    tiles.page.touchscreen.tap(*tiles.place(slider, 1))
    tiles.assert_equals_library(query=8)
    tiles.button("Causal").tap()
    tiles.assert_equals_library(causal=True, query=8, step=10)
    tiles.button("Reset").tap()
    tiles.assert_equals_library(tile=2, causal=False, step=11, query=5)


def test_the_frame_lies_around_its_scores_and_no_others_are_seen(tiles):
    tiles.box.locator("svg").scroll_into_view_if_needed()
    for step, row, column in ((11, 4, 4), (16, 6, 6), (2, 0, 2)):
        tiles.slider("Step").fill(str(step))
        tiles.settle()
        frame = tiles.box.locator(".v2a-ft-now").bounding_box()
        text = tiles.box.locator(f".v2a-ft-lens text >> nth={row * N + column}").bounding_box()
        assert frame["x"] - 1 < text["x"] < text["x"] + text["width"] < frame["x"] + frame["width"] + 1
        assert frame["y"] < text["y"] < text["y"] + text["height"] < frame["y"] + frame["height"]
        seen = tiles.box.evaluate(
            """(box) => [...box.querySelectorAll('.v2a-ft-lens text')].flatMap((text, i) => {
                const { x, y, width, height } = text.getBoundingClientRect();
                const found = document.elementsFromPoint(x + width / 2, y + height / 2);  // nothing clipped
                return found.includes(text) ? [i] : [];
            })"""
        )
        assert seen == [N * i + j for i in (row, row + 1) for j in (column, column + 1)]


def test_the_figure_follows_the_theme(tiles):
    for wanted, green in (("dark", "rgb(76, 201, 160)"), ("light", "rgb(15, 123, 95)")):
        choose_theme(tiles.page, wanted)
        spots = tiles.box.locator(".v2a-ft-out")
        assert spots.evaluate("(c) => getComputedStyle(c).fill") == green
        assert painted(tiles.page, spots, right=5, down=5) == green


def test_without_a_script_the_still_picture_has_the_numbers(reader):
    box = reader(CHAPTER, script=False).page.locator(FIGURE)
    assert box.locator("button, input, select, [tabindex]").count() == 0
    text = " ".join(box.inner_text().split())
    assert "Tiles of 2 × 2, step 11 of 16; the numbers are those of query 5." in text
    for name in NAMES.values():
        assert name in text
    assert box.locator("svg").bounding_box()["width"] > 250
