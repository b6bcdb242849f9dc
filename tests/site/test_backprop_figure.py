"""Backpropagation on the built page: every number it shows is the library's, by mouse, keys and touch."""

import re

import pytest
from figure_page import FigurePage, number
from site_reader import choose_theme, contrast, painted

from vec2attn.widgets.backprop import GRAPHS, INPUTS, Backprop

CHAPTER = "chapters/06_autograd/reverse_mode.html"


class Graph(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "backprop"

    def assert_equals_library(self, step, inputs, expression=0):
        """Compare all numbers in the boxes, beside the lines and in the list with the library's."""
        self.settle()
        figure = Backprop(expression=expression, inputs=inputs, step=step)
        values, given = figure.values(), figure.gradients()
        slopes = [slope for row in figure.slopes() for slope in row]
        boxes = self.box.locator(".v2b-box").evaluate_all(
            "(boxes) => boxes.map((box) => [...box.querySelectorAll('text')].slice(1).map((t) => t.textContent))"
        )
        for i, (value, gradient) in enumerate(boxes):
            assert (value != "") == (i < INPUTS + step)
            assert not value or number(value) == pytest.approx(values[i], abs=5.1e-4)
            if step == figure.steps:
                assert number(gradient.split()[-1]) == pytest.approx(given[i], abs=5.1e-4)
        for text, slope in zip(self.box.locator(".v2b-line text").all_text_contents(), slopes, strict=True):
            assert not text or number(text.removeprefix("× ")) == pytest.approx(slope, abs=5.1e-4)
        facts = self.box.locator("dd").all_inner_texts()
        if step == figure.steps:
            assert [number(text) for text in facts] == pytest.approx([values[-1], *given[:INPUTS]], abs=5.1e-4)
        assert self.slider("Step").input_value() == str(step)


@pytest.fixture
def figure(reader):
    return Graph(reader())


def test_the_mouse_steps_to_the_end_and_back(figure):
    start = GRAPHS[0]["inputs"]
    figure.assert_equals_library(3, start)
    for step in range(4, 10):
        figure.button("Step").click()
        figure.assert_equals_library(step, start)
    assert figure.said().endswith("All gradients are known.")
    figure.button("Back").click()
    figure.assert_equals_library(8, start)
    assert figure.box.locator("dd").all_inner_texts()[2] == "not yet"


def test_the_mouse_drags_an_input_and_the_promise_of_the_gradient_is_kept_nearly(figure):
    figure.slider("Step").press("End")
    slider = figure.slider("a")
    slider.scroll_into_view_if_needed()
    start = slider.evaluate("(s) => (s.value - s.min) / (s.max - s.min)")
    figure.drag(figure.place(slider, start), figure.place(slider, start + 0.2))
    inputs = [float(slider.input_value()), *GRAPHS[0]["inputs"][1:]]
    assert inputs[0] > 2
    figure.assert_equals_library(9, inputs)
    moved, change, slope, step, promise = map(number, re.findall(r"−?\d+\.\d+", figure.said()))
    before = Backprop(step=9)
    after = Backprop(inputs=inputs, step=9)
    assert moved == step == pytest.approx(inputs[0] - 1.5, abs=6e-3)
    assert change == pytest.approx(after.values()[-1] - before.values()[-1], abs=6e-4)
    assert (slope, promise) == pytest.approx(
        (before.gradients()[0], before.gradients()[0] * (inputs[0] - 1.5)), abs=6e-4
    )


def test_keys_walk_through_every_expression(figure):
    for expression, graph in enumerate(GRAPHS):
        figure.box.get_by_role("combobox").select_option(index=expression)
        slider = figure.slider("Step")
        slider.press("Home")
        figure.assert_equals_library(0, graph["inputs"], expression)
        slider.press("ArrowRight")
        figure.assert_equals_library(1, graph["inputs"], expression)
        slider.press("End")
        figure.assert_equals_library(Backprop(expression=expression).steps, graph["inputs"], expression)
        name = graph["nodes"][1]["label"]
        figure.slider(name).press("ArrowLeft")
        first, second, third = graph["inputs"]
        figure.assert_equals_library(Backprop(expression=expression).steps, [first, second - 0.05, third], expression)


def test_behind_a_relu_with_a_negative_input_all_gradients_are_zero(figure):
    figure.box.get_by_role("combobox").select_option(index=1)
    figure.slider("Step").press("End")
    figure.slider("b").press("Home")
    figure.settle()
    assert [number(text) for text in figure.box.locator("dd").all_inner_texts()] == [1, 0, 0, 0]


def test_a_value_used_twice_shows_the_sum_of_two(figure):
    figure.box.get_by_role("combobox").select_option(index=2)
    figure.slider("Step").press("End")
    figure.settle()
    h = figure.box.locator(".v2b-box").nth(4).locator(".v2b-slope").text_content()
    one, other, both = map(number, re.findall(r"−?\d+\.\d+", h))
    assert h.count("=") == 1
    assert one + other == pytest.approx(both, abs=1.1e-3)


def test_a_finger_steps_and_drags_at_360_px(reader):
    figure = Graph(reader(width=360, touch=True))
    figure.button("Step").tap()
    figure.assert_equals_library(4, GRAPHS[0]["inputs"])
    slider = figure.slider("c")
    slider.scroll_into_view_if_needed()
    figure.page.touchscreen.tap(*figure.place(slider, 1))
    figure.assert_equals_library(4, [1.5, -1.0, 3.0])


def test_without_a_script_the_picture_shows_the_whole_walk(reader):
    box = reader(CHAPTER, script=False).page.locator(".v2a-figure[data-name=backprop]")
    figure = Backprop()
    shown = [number(text) for text in box.locator("dd").all_inner_texts()]
    assert shown == pytest.approx([figure.values()[-1], *figure.gradients()[:INPUTS]], abs=5.1e-4)
    assert box.locator(".v2b-passed").count() == 5
    assert "after all 9 steps" in box.inner_text()


def test_the_drawn_graph_stands_on_the_colour_of_the_page_in_both_themes(reader):
    page = reader(CHAPTER).page
    drawing = page.locator("div.drawing")
    for theme in ("dark", "light"):
        choose_theme(page, theme)
        text, rect = drawing.locator("text").first, drawing.locator("rect").first
        behind = painted(page, rect, right=20, down=5)
        assert contrast(text.evaluate("(t) => getComputedStyle(t).fill"), behind) >= 4.5
        assert behind == page.evaluate("getComputedStyle(document.body).backgroundColor")
        red = drawing.locator("text", has_text="∂").first
        assert contrast(red.evaluate("(t) => getComputedStyle(t).fill"), behind) >= 4.5
    assert drawing.locator("details pre").text_content().splitlines()[-1].startswith("8. cross_entropy, ")
