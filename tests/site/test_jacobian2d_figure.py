"""The figure of notebook 5.3 on its built page: mouse, keys and touch move it, and its numbers are the library's."""

import re

import numpy as np
import pytest
from figure_page import FigurePage, number
from site_reader import choose_theme, painted, theme

from vec2attn.widgets.jacobian2d import GRID, MAPS, SIZE, SMALLEST, Jacobian2d, _digits, area

CHAPTER = "chapters/05_tensor_calculus/derivatives.html"
FIGURE = ".v2a-figure[data-name=jacobian2d]"
VIEW = 1.06 * GRID
READ = """(box) => ({
    map: box.querySelector('[aria-pressed=true]').textContent,
    sliders: [...box.querySelectorAll('input')].map((input) => input.value),
    matrix: [...box.querySelectorAll('td')].map((td) => td.textContent),
    facts: [...box.querySelectorAll('dd')].slice(1).map((dd) => [...dd.children].map((e) => e.textContent)),
    image: box.querySelector('.v2a-j2-out').getAttribute('d'),
    said: box.querySelector('.v2a-said').textContent,
})"""


class Plane(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "jacobian2d"

    def read(self):
        self.settle()
        return self.box.evaluate(READ)

    @property
    def handle(self):
        return self.box.get_by_role("slider", name="The point p")

    def at(self, point):
        """Return where a point of the left picture is on the screen."""
        area = self.box.locator("svg").first.bounding_box()
        scale = area["width"] / (2 * VIEW)
        return area["x"] + (point[0] + VIEW) * scale, area["y"] + (VIEW - point[1]) * scale

    def where(self):
        """Return where p is, from what is read aloud."""
        return [number(x) for x in re.findall(r"−?[\d.]+", self.handle.get_attribute("aria-valuetext"))]

    def assert_equals_library(self, **expected):
        """Compare all that is shown with the library, for the state that the controls show."""
        seen = self.read()
        x, y, notch = (float(value) for value in seen["sliders"])
        state = {"map": seen["map"], "p": [x, y], "h": 0.5 * 2 ** ((notch - 20) / 4)}
        for name, value in expected.items():
            assert state[name] == pytest.approx(value) if name != "map" else state[name] == value
        assert self.where() == [x, y]
        figure = Jacobian2d(**state)
        np.testing.assert_allclose([number(text) for text in seen["matrix"]], figure.J.ravel(), atol=0.005001)
        (det, words), (error, side), (ratio, _) = seen["facts"]
        assert number(det) == pytest.approx(figure.det, abs=0.005001)
        assert words == area(figure.det)
        assert error == _digits(figure.error)
        assert side.endswith(f"2h = {_digits(2 * figure.h)}")
        assert number(ratio) == pytest.approx(figure.error / figure.h**2, abs=0.005001)
        corner = np.array([float(v) for v in re.match(r"M([^,]+),([^L]+)", seen["image"]).groups()])
        shown = MAPS[figure.map]
        wanted = (figure.f(figure.neighbourhood()[0, 0]) - shown.middle) * [SIZE / shown.half, -SIZE / shown.half]
        np.testing.assert_allclose(corner, wanted, atol=0.06)
        return seen


@pytest.fixture
def plane(reader):
    return Plane(reader())


@pytest.fixture
def phone(reader):
    return Plane(reader(width=360, touch=True))


def test_figure_starts_as_python_says(plane):
    start = Jacobian2d()
    plane.assert_equals_library(map=start.map, p=start.p, h=start.h)


def test_sliders_by_mouse_and_keys_give_the_numbers_of_the_library(plane):
    for label in ("x of p", "y of p", "Size h"):
        plane.by_mouse_and_keys(label, (0.2, 0.7), ("ArrowRight", "Home", "End"))


@pytest.mark.parametrize("name", MAPS)
def test_a_dragged_point_gives_the_numbers_of_the_library(plane, name):
    plane.button(name).click()
    for goal in ((1, 0), (-1.2, 0.7), (0, 0)):
        plane.box.locator("svg").first.scroll_into_view_if_needed()
        plane.drag(plane.at(plane.where()), plane.at(goal))
        plane.assert_equals_library(map=name, p=list(goal))
        assert plane.read()["said"].startswith("p is now ")


def test_arrow_keys_move_the_point_and_not_the_page(plane):
    plane.handle.focus()
    top, (x, y) = plane.page.evaluate("scrollY"), plane.where()
    plane.page.keyboard.press("ArrowRight")
    plane.page.keyboard.press("Shift+ArrowUp")
    plane.assert_equals_library(p=[x + 0.05, y + 0.25])
    assert plane.page.evaluate("scrollY") == top


def test_a_finger_drags_the_point_and_the_page_does_not_scroll(phone):
    phone.box.locator("svg").first.scroll_into_view_if_needed()
    top = phone.page.evaluate("scrollY")
    phone.swipe(phone.at(phone.where()), phone.at((-1, 1)))
    phone.assert_equals_library(p=[-1, 1])
    assert phone.page.evaluate("scrollY") == top


def test_halving_h_quarters_the_error_and_says_so(plane):
    for _ in range(5):
        before = plane.assert_equals_library()
        plane.button("Halve h").click()
        after = plane.assert_equals_library()
        times = re.search(r"h is 2 times smaller, the largest error ([\d.]+) times smaller", after["said"])
        assert number(times[1]) == pytest.approx(4, abs=0.2)
        assert number(before["facts"][1][0]) / number(after["facts"][1][0]) == pytest.approx(4, rel=0.1)
    plane.assert_equals_library(h=SMALLEST)
    assert plane.button("Halve h").is_disabled()


def test_reset_brings_the_start_back(plane):
    first = plane.read()
    plane.button("square").click()
    plane.slider("x of p").press("End")
    plane.button("Halve h").click()
    plane.button("Reset").click()
    last = plane.assert_equals_library()
    assert {**last, "said": ""} == {**first, "said": ""}
    assert plane.page.evaluate("document.activeElement !== document.body")


def test_the_figure_follows_the_theme(plane):
    roles = {"light": "rgb(11, 99, 181)", "dark": "rgb(108, 182, 255)"}
    for wanted, blue in roles.items():
        choose_theme(plane.page, wanted)
        assert theme(plane.page) == wanted
        point = plane.box.locator("circle.v2a-j2-p")
        assert painted(plane.page, point, right=point.bounding_box()["width"] / 2) == blue


def test_without_a_script_the_still_picture_has_the_numbers(reader):
    box = reader(CHAPTER, script=False).page.locator(FIGURE)
    assert box.locator("button, input, [tabindex]").count() == 0
    figure, text = Jacobian2d(), box.inner_text()
    assert "near p = (0.50, −1.00), h = 0.5" in text
    assert [number(t) for t in box.locator("td").all_inner_texts()] == pytest.approx(
        figure.J.ravel().tolist(), abs=0.005001
    )
    assert f"{figure.det:.2f} {area(figure.det)}" in text
    assert box.locator("svg").count() == 3
    assert all(svg.bounding_box()["width"] > 200 for svg in box.locator("svg").all())
