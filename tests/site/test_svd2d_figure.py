"""The figure of notebook 4.1 on its built page: mouse, keys and touch move it, and its numbers are the library's."""

import re

import numpy as np
import pytest
from figure_page import FigurePage, number
from site_reader import choose_theme, painted

from vec2attn.svd import svd
from vec2attn.widgets.svd2d import VIEW, Svd2d

CHAPTER = "chapters/04_svd/decomposition.html"
FIGURE = ".v2a-figure[data-name=svd2d]"
TIPS = ("Where (1, 0) goes", "Where (0, 1) goes")
READ = """(box) => {
    const points = (svg, css) => svg.querySelector(css).getAttribute('points')
        .split(' ').map((p) => p.split(',').map(Number));
    const ends = (svg) => [...svg.querySelectorAll('line.v2a-sv-arrow')].map((line) => [line.x2, line.y2]
        .map((end) => end.baseVal.value));
    const [into, out] = box.querySelectorAll('svg'), [step, angle] = [...box.querySelectorAll('input')];
    return {
        step: Number(step.value), angle: Number(angle.value),
        pressed: [...box.querySelectorAll('[aria-pressed=true]')].map((b) => b.textContent),
        tables: [...box.querySelectorAll('table')].map((t) => [...t.querySelectorAll('td')].map((d) => d.textContent)),
        facts: Object.fromEntries([...box.querySelectorAll('dl > div')].map((d) => [d.className.replace('v2a-sv-', ''),
            [...d.querySelectorAll('b, small')].map((e) => e.textContent)])),
        circle: points(into, '.v2a-sv-in'), image: points(out, '.v2a-sv-out'), v: ends(into), moved: ends(out),
        names: [...out.querySelectorAll('text')].map((text) => text.textContent),
        said: box.querySelector('.v2a-said').textContent,
    };
}"""


class Planes(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "svd2d"

    def read(self):
        self.settle()
        return self.box.evaluate(READ)

    def tip(self, i):
        return self.box.get_by_role("slider", name=TIPS[i])

    def where(self, i):
        """Return where a tip is, from what is read aloud."""
        return [number(x) for x in re.findall(r"−?[\d.]+", self.tip(i).get_attribute("aria-valuetext"))]

    def at(self, point):
        """Return where a point of the right plane is on the screen."""
        area = self.box.locator("svg").nth(1).bounding_box()
        scale = area["width"] / (2 * VIEW)
        return area["x"] + (point[0] + VIEW) * scale, area["y"] + (VIEW - point[1]) * scale

    def drag_tip(self, i, goal, by="drag"):
        self.box.locator("svg").nth(1).scroll_into_view_if_needed()
        getattr(self, by)(self.at(self.where(i)), self.at(goal))

    def assert_equals_library(self, **expected):
        """Compare all that is shown with the library, for the state that the controls show or that is given."""
        seen = self.read()
        (a, c), (b, d) = self.where(0), self.where(1)
        state = {"entries": [a, b, c, d], "step": seen["step"], "angle": seen["angle"]}
        figure = Svd2d(**(state | expected))
        assert state["entries"] == pytest.approx(figure.entries, abs=1e-9)
        assert (state["step"], state["angle"]) == pytest.approx((figure.step, figure.angle), abs=1e-9)
        U, s, V = figure.svd()
        assert s == pytest.approx(svd(figure.A)[1], abs=1e-9)
        assert seen["facts"] == {key: list(texts[1:]) for key, texts in figure.facts().items()}
        for shown, M in zip(seen["tables"], (figure.A, U, np.diag(s), V.T), strict=True):
            assert [number(text) for text in shown] == pytest.approx(M.ravel().tolist(), abs=0.005001)
        M, circle = figure.map_so_far(), np.array(seen["circle"]) / [80, -80]
        np.testing.assert_allclose(np.linalg.norm(circle, axis=1), 1, atol=2e-3)
        np.testing.assert_allclose(np.array(seen["image"]) / [80, -80], circle @ M.T, atol=3e-3)
        np.testing.assert_allclose(np.array(seen["v"]) / [80, -80], V.T, atol=2e-3)
        np.testing.assert_allclose(np.array(seen["moved"]) / [80, -80], (M @ V).T, atol=2e-3)
        return seen


@pytest.fixture
def planes(reader):
    return Planes(reader())


@pytest.fixture
def phone(reader):
    return Planes(reader(width=360, touch=True))


def test_the_figure_begins_with_the_matrix_of_the_text(planes):
    seen = planes.assert_equals_library(entries=[1, 0.6, 0, 0.8], step=3, angle=20)
    assert seen["names"] == ["σ₁u₁", "σ₂u₂", "Ax"]
    assert (seen["facts"]["s1"][0], seen["facts"]["s2"][0], seen["facts"]["kappa"][0]) == ("1.26", "0.63", "2.00")


def test_rotate_stretch_rotate_step_by_step(planes):
    for stop, name, labels in (
        (0, "circle", ["v₁", "v₂", "x"]),
        (1, "Vᵀ turns", ["Vᵀv₁", "Vᵀv₂", "Vᵀx"]),
        (2, "Σ stretches", ["ΣVᵀv₁", "ΣVᵀv₂", "ΣVᵀx"]),
        (3, "U turns", ["σ₁u₁", "σ₂u₂", "Ax"]),
    ):
        planes.button(name).click()
        seen = planes.assert_equals_library(step=stop, entries=[1, 0.6, 0, 0.8])
        assert (seen["names"], seen["pressed"]) == (labels, [name])
    planes.button("Vᵀ turns").click()
    np.testing.assert_allclose(planes.read()["moved"], [[80, 0], [0, -80]], atol=0.1)  # on the axes
    assert "v₁ lies on the first axis" in planes.said()


@pytest.mark.parametrize("label", ["Step", "x at angle"])
def test_sliders_by_mouse_and_keys_give_the_numbers_of_the_library(planes, label):
    planes.by_mouse_and_keys(label, (0.15, 0.5, 0.8), ("ArrowRight", "PageDown", "Home", "End"))


def test_the_longest_image_is_found_along_v1(planes):
    planes.slider("x at angle").fill("45")
    seen = planes.assert_equals_library(angle=45)
    assert seen["facts"]["x"][0] == seen["facts"]["s1"][0] == "1.26"
    assert "no x gets longer" in planes.said()


def test_dragged_columns_mirror_and_flatten(planes):
    planes.button("Σ stretches").click()
    planes.drag_tip(1, (0.6, -0.8))  # shows all of the map again
    seen = planes.assert_equals_library(entries=[1, 0.6, 0, -0.8], step=3)
    assert seen["facts"]["det"] == ["−0.80", "−σ₁σ₂: mirrored"]
    assert [seen["facts"][s][0] for s in ("s1", "s2")] == ["1.26", "0.63"]
    assert "The map mirrors" in planes.said()
    planes.slider("Step").fill("2.5")
    planes.assert_equals_library(step=2.5)
    planes.drag_tip(1, (0.5, 0))
    seen = planes.assert_equals_library(entries=[1, 0.5, 0, 0], step=3)
    assert seen["facts"]["rank"] == ["1", "a line: what lies along v₂ is lost"]
    assert seen["facts"]["kappa"][0] == "∞"
    assert "Singular" in planes.said()
    planes.drag_tip(0, (9, 0))  # beyond the picture: it stops at the edge of its reach
    assert planes.where(0) == [1.2, 0]


def test_arrow_keys_move_a_tip(planes):
    planes.tip(1).focus()
    top = planes.page.evaluate("scrollY")
    for key, goal in (("ArrowRight", (0.65, 0.8)), ("ArrowDown", (0.65, 0.75)), ("Shift+ArrowLeft", (0.4, 0.75))):
        planes.page.keyboard.press(key)
        seen = planes.assert_equals_library(entries=[1, goal[0], 0, goal[1]])
        assert seen["said"].startswith("(0, 1) goes to ")
    assert planes.page.evaluate("scrollY") == top, "the arrows are for the tip, not for the page"


def test_a_finger_drags_the_tips_and_the_page_does_not_scroll(phone):
    phone.box.locator("svg").nth(1).scroll_into_view_if_needed()
    top = phone.page.evaluate("scrollY")
    phone.drag_tip(0, (0.5, -0.9), by="swipe")
    phone.drag_tip(1, (0.85, 0.7), by="swipe")
    phone.assert_equals_library(entries=[0.5, 0.85, -0.9, 0.7])
    assert phone.page.evaluate("scrollY") == top
    phone.button("Vᵀ turns").tap()
    phone.assert_equals_library(step=1)


def test_the_two_pictures_have_one_scale(planes, phone):
    for figure in (planes, phone):
        left, right = (svg.bounding_box()["width"] for svg in figure.box.locator("svg").all())
        assert left / 2.6 == pytest.approx(right / 3.8, rel=0.02)


def test_reset_brings_the_start_back(planes):
    first = planes.read()
    planes.drag_tip(0, (0.5, -1))
    planes.slider("x at angle").press("Home")
    planes.button("circle").click()
    planes.button("Reset").click()
    last = planes.assert_equals_library(entries=[1, 0.6, 0, 0.8], step=3, angle=20)
    assert {key: last[key] for key in last if key != "said"} == {key: first[key] for key in first if key != "said"}
    assert planes.page.evaluate("document.activeElement !== document.body")


def test_the_figure_follows_the_theme(planes):
    for wanted, purple in (("dark", "rgb(183, 156, 255)"), ("light", "rgb(109, 63, 192)")):
        choose_theme(planes.page, wanted)
        tip = planes.box.locator("circle.v2a-sv-tip")
        assert tip.evaluate("(c) => getComputedStyle(c).stroke") == purple
        area = tip.bounding_box()
        assert painted(planes.page, tip, right=area["width"] - 1.5 * area["width"] / 19) == purple  # on the ring


def test_without_a_script_the_still_picture_has_the_numbers(reader):
    box = reader(CHAPTER, script=False).page.locator(FIGURE)
    assert box.locator("button, input, [tabindex]").count() == 0
    text = " ".join(box.inner_text().split())
    for name, value, meaning in Svd2d().facts().values():
        assert f"{name} {value} {meaning}" in text
    assert box.locator("svg").nth(1).bounding_box()["width"] > 250
