"""The figure of block products on the built page: mouse, keys, touch, themes, small screens; the library's numbers."""

import pytest
from figure_page import FigurePage
from site_reader import choose_theme, painted
from test_every_figure import CLIPPED

from widgets.tiles import READ, assert_tiles

CHAPTER = "chapters/02_matrices/matmul_cost.html"
FIGURE = ".v2a-figure[data-name=block_matmul]"
BLUE = {"light": "rgb(11, 99, 181)", "dark": "rgb(108, 182, 255)"}


class TilesPage(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "block_matmul"

    def assert_shows(self, b, s):
        self.settle()
        return assert_tiles(self.box.evaluate(READ), b, s)


@pytest.fixture
def figure(reader):
    return TilesPage(reader())


def test_the_figure_starts_as_the_notebook_says(figure):
    assert figure.assert_shows(2, 6)["said"] == "Step 6 of 64: A₁₂ and B₂₂ loaded, 8 numbers for 8 multiplications."


def test_the_mouse_drags_both_sliders(figure):
    for name, share, state in [("Step", 0.5, (2, 32)), ("Block size b", 2 / 3, (4, 4)), ("Block size b", 0, (1, 256))]:
        slider = figure.slider(name)
        slider.scroll_into_view_if_needed()
        start = slider.evaluate("(s) => (s.value - s.min) / (s.max - s.min)")
        figure.page.mouse.move(*figure.place(slider, start))
        figure.page.mouse.down()
        figure.page.mouse.move(*figure.place(slider, share), steps=5)
        figure.page.mouse.up()
        figure.assert_shows(*state)


def test_all_of_it_works_by_keys_alone_in_reading_order(figure):
    figure.page.evaluate("(box) => { box.tabIndex = -1; box.focus(); }", figure.box.element_handle())
    keys = figure.page.keyboard
    for name, key, state in [
        ("Block size b", "ArrowRight", (4, 1)),
        ("Step", "ArrowRight", (4, 2)),
        ("Back", "Enter", (4, 1)),
        ("Step", "Space", (4, 2)),
        ("Play a tile of C", "Enter", (4, 4)),
    ]:
        keys.press("Tab")
        here = figure.page.evaluate(
            "document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent"
        )
        assert here == name
        outline = figure.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline not in ("none", "hidden")
        keys.press(key)
        figure.page.wait_for_function(
            "([input, step]) => Number(input.value) === step", arg=[figure.slider("Step").element_handle(), state[1]]
        )
        figure.assert_shows(*state)


def test_a_button_at_its_end_keeps_the_focus(figure):
    figure.slider("Step").press("Home")
    figure.button("Back").focus()
    figure.page.keyboard.press("Enter")
    figure.assert_shows(2, 0)
    assert figure.button("Back").evaluate("(b) => b === document.activeElement")


def test_a_finger_finds_everything_at_360_px(reader):
    figure = TilesPage(reader(width=360, touch=True))
    figure.button("Step").tap()
    figure.assert_shows(2, 7)
    slider = figure.slider("Block size b")
    slider.scroll_into_view_if_needed()
    figure.page.touchscreen.tap(*figure.place(slider, 0))
    figure.assert_shows(1, 56)
    figure.slider("Step").press("End")
    figure.assert_shows(1, 512)  # the longest texts
    assert figure.box.evaluate(CLIPPED) == []


def test_readers_who_want_less_motion_get_none(reader):
    figure = TilesPage(reader(still=True))
    figure.button("Play a tile of C").click()
    figure.assert_shows(2, 8)


def test_the_figure_follows_the_theme(figure):
    for theme in ("dark", "light"):
        choose_theme(figure.page, theme)
        figure.settle()
        assert painted(figure.page, figure.box.locator(".v2a-load i").first, right=2) == BLUE[theme]


def test_without_scripts_the_picture_and_its_numbers_are_there(reader):
    page = reader(CHAPTER, script=False).page
    still = page.locator(f"{FIGURE} .v2a-still")
    assert still.locator("svg .v2a-now").count() == 3
    assert "Blocks of 2 × 2, step 6 of 64: 48 numbers loaded. The whole product loads 512" in still.inner_text()
