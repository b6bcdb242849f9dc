"""The figure of einsum on the built page: mouse, keys, touch; the library's numbers; the still picture."""

import numpy as np
import pytest
from figure_page import FigurePage

from vec2attn.widgets.einsum import FORMULAS, Einsum

CHAPTER = "chapters/05_tensor_calculus/einsum.html"


class EinsumPage(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "einsum"

    def assert_shows(self, formula, entry, term):
        """Compare numbers, frames and facts with the library's."""
        self.settle()
        figure = Einsum(formula=formula, entry=entry, term=term)
        wanted = [str(int(x)) if n < entry else "" for n, x in enumerate(np.ravel(figure.result()))]
        wanted[entry] = str(int(figure.so_far()))
        assert self.box.locator(".v2e-R .v2e-digit").evaluate_all("(all) => all.map((e) => e.textContent)") == wanted
        assert self.box.locator("dd").all_inner_texts() == [text for _, text in figure.facts().values()]
        assert self.box.locator(".v2e-formula").get_attribute("aria-label") == formula
        for p, index in enumerate(figure.meeting(term)):
            frame = self.box.locator(f".v2e-{'ABC'[p]} .v2e-now").bounding_box()
            digits = self.box.locator(f".v2e-{'ABC'[p]} .v2e-digit")
            inside = digits.nth(int(np.ravel_multi_index(index, figure.operands()[p].shape))).bounding_box()
            middle = inside["x"] + inside["width"] / 2, inside["y"] + inside["height"] / 2
            assert frame["x"] < middle[0] < frame["x"] + frame["width"]
            assert frame["y"] < middle[1] < frame["y"] + frame["height"]


@pytest.fixture
def figure(reader):
    return EinsumPage(reader())


def test_the_figure_starts_as_the_notebook_says(figure):
    figure.assert_shows("ij,jk->ik", 7, 4)
    assert figure.said() == "R[1, 2] = 5·2 + 1·1 + 4·0 + 0·6 = 11."


def test_the_mouse_drags_both_sliders(figure):
    for name, share, state in [("Output entry", 1, (14, 4)), ("Term of sum", 0, (14, 1)), ("Output entry", 0, (0, 4))]:
        slider = figure.slider(name)
        slider.scroll_into_view_if_needed()
        figure.drag(figure.place(slider), figure.place(slider, share))
        figure.assert_shows("ij,jk->ik", *state)


def test_all_of_it_works_by_keys_alone(figure):
    figure.slider("Formula").focus()
    keys = figure.page.keyboard
    keys.press("ArrowDown")
    figure.assert_shows("bij,bjk->bik", 7, 4)
    for key, state in [("Enter", (8, 1)), ("Space", (8, 2))]:
        figure.button("Next step of the loop").focus()
        keys.press(key)
        figure.assert_shows("bij,bjk->bik", *state)
    figure.slider("Output entry").press("End")
    figure.assert_shows("bij,bjk->bik", 29, 4)
    figure.button("Next step of the loop").press("Enter")
    figure.assert_shows("bij,bjk->bik", 29, 4)
    assert figure.button("Next step of the loop").evaluate("(b) => b === document.activeElement")
    figure.button("Reset").press("Enter")
    figure.assert_shows("ij,jk->ik", 7, 4)


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_formula_fits_a_phone_and_answers_a_finger(reader, formula):
    figure = EinsumPage(reader(width=360, touch=True))
    figure.slider("Formula").select_option(formula)
    size = Einsum(formula=formula)
    entry = min(7, size.entries - 1)
    figure.assert_shows(formula, entry, size.terms)
    if size.entries > 1:
        slider = figure.slider("Output entry")
        slider.scroll_into_view_if_needed()
        figure.page.touchscreen.tap(*figure.place(slider, 0))
        figure.assert_shows(formula, 0, size.terms)
    figure.button("Next step of the loop").tap(force=True)  # it may be at its end
    assert figure.page.evaluate("document.documentElement.scrollWidth") <= 360
    right = figure.box.locator("svg, p, dd, li").evaluate_all(
        "(all) => Math.max(...all.filter((e) => !e.closest('.v2a-hidden')).map((e) => e.getBoundingClientRect().right))"
    )
    assert right <= 360


def test_without_scripts_the_picture_and_its_numbers_are_there(reader):
    still = reader(CHAPTER, script=False).page.locator(f".v2a-figure[data-name={EinsumPage.name}] .v2a-still")
    figure = Einsum()
    assert still.locator("svg .v2e-now").count() == 3
    assert still.locator("dd").all_inner_texts() == [text for _, text in figure.facts().values()]
    assert still.locator(".v2e-R .v2e-digit").last.text_content() == str(int(figure.result()[1, 2]))
