"""The two arrows of notebook 1.1 answer to mouse, keys and touch, and every number they show is the library's."""

import math
import re

import numpy as np
import pytest
from figure_page import FigurePage
from site_reader import choose_theme, contrast, painted

from vec2attn.vectors import angle, cosine_similarity, dot, norm, project, unit

CHAPTER = "chapters/01_vector_space/vectors.html"
FIGURE = ".v2a-figure[data-name=vectors2d]"
BLUE = {"light": "rgb(11, 99, 181)", "dark": "rgb(108, 182, 255)"}
NUMBER = r"−?\d+\.\d+"


def numbers(text):
    return [float(x.replace("−", "-")) for x in re.findall(NUMBER, text)]


class Arrows(FigurePage):
    """The figure in an open page: hands for the tips, eyes for the numbers."""

    page_path, name = CHAPTER, "vectors2d"

    def __init__(self, visit):
        super().__init__(visit)
        self.svg = self.box.locator("svg")

    def start_again(self):
        if (reset := self.box.get_by_role("button", name="Reset")).is_enabled():
            reset.click()
        self.settle()
        assert self.point("u") == [3, 4]
        assert self.point("v") == [2, 1]
        return self

    def tip(self, name):
        return self.box.get_by_role("slider", name=f"Tip of {name}")

    def fact(self, name):
        self.settle()
        return self.box.locator(f".v2d-fact-{name} dd").inner_text()

    def point(self, name):
        return numbers(self.fact(name))[:2]

    def pixel(self, point):
        """Return where a point of the plane is on the screen."""
        area = self.svg.bounding_box()
        scale = area["width"] / 440
        return area["x"] + scale * (220 + 40 * point[0]), area["y"] + scale * (220 - 40 * point[1])

    def drag_tip(self, name, goal):
        self.svg.scroll_into_view_if_needed()
        self.drag(self.pixel(self.point(name)), self.pixel(goal))

    def swipe_tip(self, name, goal):
        self.svg.scroll_into_view_if_needed()
        self.swipe(self.pixel(self.point(name)), self.pixel(goal))

    def assert_equals_library(self, u, v):
        """Compare the numbers and the drawn shadow with the library's, for these vectors."""
        u, v = np.array(u, dtype=float), np.array(v, dtype=float)
        foot = project(u, v)
        wanted = {
            "u": [*u, norm(u)],
            "v": [*v, norm(v)],
            "dot": [dot(u, v), u[0], v[0], u[1], v[1]],
            "cosine": [cosine_similarity(u, v), dot(u, v), norm(u), norm(v)],
            "angle": [math.degrees(angle(u, v))],
            "shadow": [*foot, dot(u, v) / dot(v, v), norm(foot)],
        }
        digits = {"cosine": 3, "angle": 1}
        for name, values in wanted.items():
            shown = numbers(self.fact(name))
            assert len(shown) == len(values)
            for i, (one, other) in enumerate(zip(shown, values, strict=True)):
                assert abs(one - other) <= 0.5 * 10.0 ** -(digits.get(name, 2) if i == 0 else 2) + 1e-9, name
        ends = [float(self.svg.locator(".v2d-shadow").get_attribute(x)) for x in ("x2", "y2")]
        np.testing.assert_allclose((np.array(ends) - 220) / [40, -40], foot, atol=1e-6)
        rest = [float(self.svg.locator(".v2d-rest").get_attribute(x)) for x in ("x1", "y1", "x2", "y2")]
        np.testing.assert_allclose((np.array(rest) - 220) / [40, -40, 40, -40], [*u, *foot], atol=1e-6)


@pytest.fixture(scope="module")
def wide(readers_of_module):
    return Arrows(readers_of_module())


@pytest.fixture(scope="module")
def narrow(readers_of_module):
    return Arrows(readers_of_module(width=360, touch=True))


@pytest.fixture
def arrows(wide):
    return wide.start_again()


@pytest.fixture
def phone(narrow):
    return narrow.start_again()


def test_the_figure_begins_with_the_worked_example(arrows):
    arrows.assert_equals_library([3, 4], [2, 1])
    assert arrows.box.get_by_role("button", name="Reset").is_disabled()


@pytest.mark.parametrize(("name", "goal"), [("u", [-2.0, 4.0]), ("u", [1.3, -2.7]), ("v", [-3.0, 2.5]), ("v", [4, 2])])
def test_dragging_a_tip_gives_the_numbers_of_the_library(arrows, name, goal):
    arrows.drag_tip(name, goal)
    now = {"u": [3, 4], "v": [2, 1]} | {name: arrows.point(name)}
    np.testing.assert_allclose(now[name], goal, atol=0.11)  # within a tenth
    arrows.assert_equals_library(**now)
    assert arrows.said().startswith(f"{name} moved: the dot product went from 10.00 to ")


def test_a_tip_dragged_off_the_grid_stays_at_its_edge(arrows):
    arrows.drag_tip("u", [7, 5.4])
    assert arrows.point("u") == [5, 5]
    arrows.assert_equals_library([5, 5], [2, 1])


def test_orthogonal_vectors_are_named_so(arrows):
    arrows.drag_tip("u", [-2.0, 4.0])
    assert arrows.point("u") == [-2, 4]
    assert "orthogonal" in arrows.said()
    assert "a right angle" in arrows.fact("angle")


@pytest.mark.parametrize("name", ["u", "v"])
def test_keys_move_a_tip_by_halves_and_the_page_stays_where_it_is(arrows, name):
    arrows.tip(name).focus()
    now = {"u": [3.0, 4.0], "v": [2.0, 1.0]}
    scrolled = arrows.page.evaluate("scrollY")
    for key, i, step in [("ArrowRight", 0, 0.5), ("ArrowDown", 1, -0.5), ("ArrowLeft", 0, -0.5), ("ArrowUp", 1, 0.5)]:
        for _ in range(2):
            arrows.page.keyboard.press(key)
            arrows.settle()
            now[name][i] += step
            arrows.assert_equals_library(**now)
    assert arrows.page.evaluate("scrollY") == scrolled
    assert arrows.tip(name).evaluate("(g) => g === document.activeElement")


@pytest.mark.parametrize(("name", "goal"), [("u", [1.0, -3.0]), ("v", [-2.0, 3.0])])
def test_a_finger_drags_a_tip_on_a_narrow_screen(phone, name, goal):
    phone.swipe_tip(name, goal)
    now = {"u": [3, 4], "v": [2, 1]} | {name: phone.point(name)}
    np.testing.assert_allclose(now[name], goal, atol=0.15)
    phone.assert_equals_library(**now)


def test_the_length_of_u_changes_the_dot_product_and_not_the_cosine(arrows):
    slider = arrows.box.get_by_role("slider", name="Length of u")
    slider.focus()
    cosine, turn = arrows.fact("cosine").split()[0], arrows.fact("angle")
    slider.press("Home")
    arrows.assert_equals_library(0.1 * unit([3, 4]), [2, 1])
    slider.press("End")
    arrows.assert_equals_library(6.2 * unit([3, 4]), [2, 1])
    assert (arrows.fact("cosine").split()[0], arrows.fact("angle")) == (cosine, turn)
    slider.fill("3.1")
    arrows.assert_equals_library(3.1 * unit([3, 4]), [2, 1])


def test_twice_as_long_is_said_so(arrows):
    slider = arrows.box.get_by_role("slider", name="Length of u")
    slider.fill("2.5")
    arrows.settle()
    area = slider.bounding_box()
    arrows.page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    slider.dispatch_event("pointerdown")  # the hand takes hold here
    slider.fill("5")
    words = "u is twice as long: the dot product went with it, from 5.00 to 10.00; the cosine stayed 0.894."
    assert arrows.said() == words
    arrows.page.wait_for_function(
        "([p, words]) => p.textContent === words",
        arg=[arrows.box.locator("[role=status]").element_handle(), words],
    )


def test_between_unit_vectors_the_dot_product_is_the_cosine(arrows):
    arrows.box.get_by_role("button", name="Make both unit").click()
    arrows.assert_equals_library(unit([3, 4]), unit([2, 1]))
    assert "is now the cosine" in arrows.said()


@pytest.mark.parametrize("live", [True, False], ids=["live", "still"])
def test_at_360_px_nothing_is_cut_off_and_fingers_find_the_tips(reader, live):
    visit = reader(width=360, touch=True, script=live)
    if live:
        figure = Arrows(visit)
        figure.swipe_tip("u", [-4.5, -4.5])  # the longest texts
        box = figure.box
        for control in box.locator("input, button, [role=slider] circle").all():
            area = control.bounding_box()
            assert min(area["width"], area["height"]) >= 24, "too small for a finger: WCAG 2.2, 2.5.8"
    else:
        box = visit.goto(CHAPTER).page.locator(FIGURE)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
    frame = box.bounding_box()
    for text in box.locator("dd, dt, small, b, .v2a-key").all():
        area = text.bounding_box()
        assert area["x"] >= frame["x"] - 1
        assert area["x"] + area["width"] <= frame["x"] + frame["width"] + 1
    for row in box.locator(".v2d-facts > div").all():
        ends = row.evaluate(
            """(row) => ['dt', 'b'].map((tag) => {
                const range = document.createRange();
                range.selectNodeContents(row.querySelector(tag));
                const { left, right } = range.getBoundingClientRect();
                return [left, right];
            })"""
        )
        assert ends[0][1] < ends[1][0], "a name runs into its number"


def test_without_a_script_the_picture_has_the_numbers_of_the_library(reader):
    box = reader(CHAPTER, script=False).page.locator(FIGURE)
    assert box.locator("input, button, [role=slider]").count() == 0
    assert numbers(box.locator(".v2d-fact-dot b").inner_text()) == [10]
    assert numbers(box.locator(".v2d-fact-cosine b").inner_text())[0] == round(2 / math.sqrt(5), 3)
    line = box.locator("line.v2d-shadow")
    ends = np.array([float(line.get_attribute(x)) for x in ("x2", "y2")])
    np.testing.assert_allclose((ends - 220) / [40, -40], project([3, 4], [2, 1]), atol=1e-6)
    assert "JavaScript" in box.inner_text()


def test_the_figure_follows_the_theme_of_the_page(reader):
    figure = Arrows(reader())
    for wanted in ("dark", "light"):
        choose_theme(figure.page, wanted)
        figure.settle()
        shaft = figure.svg.locator("line.v2d-shaft.v2d-u")
        assert shaft.evaluate("(line) => getComputedStyle(line).stroke") == BLUE[wanted]
        row = figure.box.locator(".v2d-fact-dot")
        for part in ("dt", "b", "small"):
            colour = row.locator(part).evaluate("(e) => getComputedStyle(e).color")
            assert contrast(colour, painted(figure.page, row, right=1, down=1)) >= 4.5
