"""The figure of notebook 2.1 on its built page: mouse, keys and touch move it, and its numbers are the library's."""

import math
import re

import numpy as np
import pytest
from figure_page import FigurePage, number
from site_reader import choose_theme, painted, theme

from vec2attn.widgets.rotation_projection import CONVENTIONS, LETTER, RotationProjection, formula

CHAPTER = "chapters/02_matrices/linear_maps.html"
FIGURE = ".v2a-figure[data-name=rotation_projection]"
TIPS = ("Where (1, 0) goes", "Where (0, 1) goes")
READ = """(box) => {
    const points = (css) => box.querySelector(css).getAttribute('points')
        .split(' ').map((p) => p.split(',').map(Number));
    const [theta, phi] = [...box.querySelectorAll('input')].map((input) => Number(input.value));
    const ends = box.querySelector('.v2a-rp-shadow');
    return {
        theta, phi, byHand: box.querySelector('output').textContent === '–',
        pressed: [...box.querySelectorAll('[aria-pressed=true]')].map((b) => b.textContent),
        matrix: [...box.querySelectorAll('tbody td')].map((td) => td.textContent),
        facts: [...box.querySelectorAll('dd')].map((dd) => dd.textContent),
        image: points('.v2a-rp-out'),
        shadow: ['x1', 'y1', 'x2', 'y2'].map((name) => Number(ends.getAttribute(name))),
        projected: ends.parentElement.getAttribute('display') !== 'none',
        tips: [...box.querySelectorAll('.v2a-rp-handle')].map((t) => t.getAttribute('aria-valuetext')),
        said: box.querySelector('.v2a-said').textContent, heard: box.querySelector('[role=status]').textContent,
    };
}"""


class Plane(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "rotation_projection"

    def read(self):
        self.settle()
        return self.box.evaluate(READ)

    def press(self, name):
        self.button(name).click()

    def tip(self, i):
        return self.box.get_by_role("slider", name=TIPS[i])

    def at(self, point):
        """Return where a point of the plane is on the screen."""
        area = self.box.locator("svg").bounding_box()
        scale = area["width"] / 4.6
        return area["x"] + (point[0] + 2.3) * scale, area["y"] + (2.3 - point[1]) * scale

    def where(self, i):
        """Return where a tip is, from what is read aloud."""
        x, y = re.findall(r"−?[\d.]+", self.tip(i).get_attribute("aria-valuetext"))
        return number(x), number(y)

    def drag_tip(self, i, goal):
        self.box.locator("svg").scroll_into_view_if_needed()
        self.drag(self.at(self.where(i)), self.at(goal))

    def swipe_tip(self, i, goal):
        self.box.locator("svg").scroll_into_view_if_needed()
        self.swipe(self.at(self.where(i)), self.at(goal))

    def assert_equals_library(self, **expected):
        """Compare all that is shown with the library, for the state that the controls show or that is given."""
        seen = self.read()
        convention, step = seen["pressed"]
        code = seen["facts"][4]
        traits = {"theta": seen["theta"], "phi": seen["phi"], "convention": convention}
        traits["projections"] = code.count(" @ P")
        if seen["byHand"]:
            traits["entries"] = [number(text) for text in seen["matrix"]]
        traits |= expected
        figure = RotationProjection(**traits)
        e1, letter = np.array([[1.0, 0.0]]), np.array(LETTER)
        assert [number(text) for text in seen["matrix"]] == pytest.approx(figure.A.ravel().tolist(), abs=0.005001)
        what, det, image, shadow, _ = seen["facts"]
        assert what == figure.words()
        assert number(det.split(":")[0]) == pytest.approx(np.linalg.det(figure.A), abs=0.005001)
        assert pair(image) == pytest.approx(figure.image(e1)[0].tolist(), abs=0.005001)
        assert code == formula(figure.convention, figure.projections)
        drawn = np.array(seen["image"]) / [80, -80]
        np.testing.assert_allclose(drawn, figure.image(letter), atol=2e-3)
        assert seen["projected"] == (figure.projections > 0) == (step == "then project")
        if figure.projections:
            assert pair(shadow) == pytest.approx(figure.shadow(e1)[0].tolist(), abs=0.005001)
            along = [math.cos(math.radians(figure.phi)), math.sin(math.radians(figure.phi))]
            places = figure.shadow(letter) @ along
            ends = np.reshape(seen["shadow"], (2, 2)) / [80, -80]
            wanted = np.outer([places.min(), places.max()], along)
            np.testing.assert_allclose(ends, wanted, atol=2e-3)
        return seen


def pair(text):
    return [number(x) for x in text.strip("()").split(", ")]


@pytest.fixture
def plane(reader):
    return Plane(reader())


@pytest.fixture
def phone(reader):
    return Plane(reader(width=360, touch=True))


def test_figure_starts_with_a_rotation_by_30_degrees(plane):
    seen = plane.assert_equals_library(theta=30, phi=165)
    assert seen["pressed"] == [CONVENTIONS[0], "map"]
    assert seen["facts"][0] == "a rotation by 30° counter-clockwise"


def test_the_convention_flips_the_sense_of_a_quarter_turn(plane):
    theta = plane.box.get_by_label("Rotate by θ", exact=True)
    theta.fill("90")
    assert plane.assert_equals_library(theta=90)["facts"][2] == "(0.00, 1.00)"
    before = plane.read()["matrix"]
    heads = plane.box.locator("th").locator("visible=true")
    assert heads.all_inner_texts() == ["(1, 0) ↓", "(0, 1) ↓"]
    plane.press("points @ A")
    after = plane.assert_equals_library(theta=90)
    assert after["facts"][2] == "(0.00, −1.00)"
    assert after["matrix"] == before, "the numbers stay; how they are read changes"
    assert "90° clockwise" in after["said"]
    assert heads.all_inner_texts() == ["(1, 0) →", "(0, 1) →"]
    plane.press("points @ A.T")
    assert plane.assert_equals_library(theta=90)["facts"][2] == "(0.00, 1.00)"


@pytest.mark.parametrize("label", ["Rotate by θ", "Line at φ"])
def test_sliders_by_mouse_and_keys_give_the_numbers_of_the_library(plane, label):
    plane.press("then project")
    slider = plane.box.get_by_label(label, exact=True)
    slider.scroll_into_view_if_needed()
    area = slider.bounding_box()
    for share in (0.2, 0.7):
        plane.page.mouse.click(area["x"] + share * area["width"], area["y"] + area["height"] / 2)
        plane.assert_equals_library()
    for key in ("ArrowRight", "PageDown", "Home", "End"):
        slider.press(key)
        plane.assert_equals_library()
    assert slider.evaluate("(s) => s === document.activeElement")


def test_a_dragged_tip_makes_any_matrix(plane):
    plane.drag_tip(1, (0, -1))
    plane.drag_tip(0, (1, 0))
    seen = plane.assert_equals_library(entries=[1, 0, 0, -1])
    assert seen["facts"][:2] == ["a reflection in the line at 0°", "−1.00: areas stay, mirrored"]
    plane.drag_tip(1, (0.5, 1))
    assert plane.assert_equals_library(entries=[1, 0.5, 0, 1])["facts"][0].startswith("a shear")
    plane.drag_tip(1, (1.5, 0))
    assert plane.assert_equals_library(entries=[1, 1.5, 0, 0])["facts"][:2] == [
        "singular, an oblique projection",
        "0.00: no area is left",
    ]
    plane.drag_tip(0, (9, 9))  # beyond the picture: it stops at the edge of its reach
    assert plane.where(0) == (2, 2)
    slider = plane.box.get_by_label("Rotate by θ", exact=True)
    slider.press("ArrowRight")  # and the angle takes over again
    assert plane.assert_equals_library(theta=31)["facts"][0] == "a rotation by 31° counter-clockwise"


def test_in_the_other_convention_a_tip_moves_a_row(plane):
    plane.press("points @ A")
    plane.drag_tip(0, (1, 0.5))
    plane.drag_tip(1, (-0.5, 1))
    plane.assert_equals_library(entries=[1, 0.5, -0.5, 1])


def test_arrow_keys_move_a_tip(plane):
    plane.drag_tip(0, (1, 0))
    plane.drag_tip(1, (0, 1))
    plane.tip(0).focus()
    top = plane.page.evaluate("scrollY")
    for key, goal in (("ArrowRight", (1.05, 0)), ("ArrowDown", (1.05, -0.05)), ("Shift+ArrowUp", (1.05, 0.2))):
        plane.page.keyboard.press(key)
        seen = plane.assert_equals_library(entries=[goal[0], 0, goal[1], 1])
        assert seen["said"].startswith("(1, 0) now goes to ")
        assert plane.where(0) == goal
    assert plane.page.evaluate("scrollY") == top, "the arrows are for the tip, not for the page"
    outline = plane.tip(0).locator(".v2a-rp-hit").evaluate("(c) => getComputedStyle(c).strokeWidth")
    assert float(outline.removesuffix("px")) >= 2, "the focus can be seen"


def test_a_finger_drags_the_tips_and_the_page_does_not_scroll(phone):
    phone.box.locator("svg").scroll_into_view_if_needed()
    top = phone.page.evaluate("scrollY")
    phone.swipe_tip(0, (0.5, -1))
    phone.swipe_tip(1, (1, 1.5))
    phone.assert_equals_library(entries=[0.5, 1, -1, 1.5])
    assert phone.page.evaluate("scrollY") == top
    phone.box.get_by_role("button", name="then project").tap()
    phone.assert_equals_library(projections=1)


def test_projecting_again_changes_nothing_and_says_so(plane):
    plane.press("then project")
    once = plane.assert_equals_library(projections=1)
    plane.press("project again")
    twice = plane.assert_equals_library(projections=2)
    for part in ("image", "shadow", "matrix", "tips"):
        assert twice[part] == once[part], part
    assert twice["facts"][3] == once["facts"][3]
    assert "No point has moved" in twice["said"]
    assert "P² = P" in twice["said"]
    plane.page.wait_for_function(
        "(box) => box.querySelector('[role=status]').textContent.includes('P² = P')", arg=plane.box.element_handle()
    )
    plane.press("map")
    plane.assert_equals_library(projections=0)


def test_reset_brings_the_start_back(plane):
    first = plane.read()
    plane.drag_tip(0, (0.5, -1))
    plane.press("points @ A")
    plane.press("then project")
    plane.press("Reset")
    last = plane.assert_equals_library()
    for part in ("theta", "phi", "pressed", "matrix", "facts", "image", "tips"):
        assert last[part] == first[part], part
    assert plane.page.evaluate("document.activeElement !== document.body")


def test_the_figure_follows_the_theme(plane):
    roles = {"light": ("rgb(109, 63, 192)", "rgb(11, 99, 181)"), "dark": ("rgb(183, 156, 255)", "rgb(108, 182, 255)")}
    for wanted in ("dark", "light"):
        choose_theme(plane.page, wanted)
        assert theme(plane.page) == wanted
        purple, blue = roles[wanted]
        tip = plane.box.locator("circle.v2a-rp-tip")
        assert painted(plane.page, tip, right=tip.bounding_box()["width"] / 2) == purple
        stroke = plane.box.locator(".v2a-rp-in").evaluate("(p) => getComputedStyle(p).stroke")
        assert stroke == blue


def test_without_a_script_the_still_picture_has_the_numbers(reader):
    box = reader(CHAPTER, script=False).page.locator(FIGURE)
    assert box.locator("button, input, [tabindex]").count() == 0
    text = box.inner_text()
    assert "a rotation by 30° counter-clockwise" in text
    assert "(1, 0) goes to (0.87, 0.50); determinant 1.00" in text
    assert box.locator("svg").bounding_box()["width"] > 300
    drawn = [[float(v) for v in p.split(",")] for p in box.locator(".v2a-rp-out").get_attribute("points").split()]
    image = RotationProjection().image(np.array(LETTER))
    np.testing.assert_allclose(np.array(drawn) / [80, -80], image, atol=2e-3)
