"""The figure of notebook 3.1 answers to mouse, keys and touch, and every number it shows is the library's."""

import math
import re

import numpy as np
import pytest
from figure_page import FigurePage

from vec2attn.eigen import power_iteration, qr_algorithm, rayleigh_quotient
from vec2attn.matrices import rotation
from vec2attn.vectors import angle, norm, unit

CHAPTER = "chapters/03_eigen/eigenvectors.html"
A = np.array([[4.0, 1.0], [1.0, 3.0]])


def towards(degrees):
    return np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])


def numbers(text):
    return [float(x.replace("−", "-")) for x in re.findall(r"−?\d+(?:\.\d+)?", text)]


class Circle(FigurePage):
    """The figure in an open page: a hand for v, eyes for the numbers."""

    page_path, name = CHAPTER, "eigenvectors"

    def __init__(self, visit):
        super().__init__(visit)
        self.svg = self.box.locator("svg")
        self.tip = self.box.get_by_role("slider", name="Direction of v: drag, or arrow keys")

    def start_again(self):
        if (reset := self.button("Reset")).is_enabled():
            reset.click()
        self.svg.scroll_into_view_if_needed()
        assert self.angle() == 100
        return self

    def fact(self, name):
        self.settle()
        return self.box.locator(f".v2a-eg-fact-{name} dd").inner_text()

    def angle(self):
        return numbers(self.fact("v"))[-1]

    def pixel(self, turn):
        """Return the place on the screen where v ends when it points there."""
        area, knob = self.svg.bounding_box(), float(self.svg.locator(".v2a-eg-circle").get_attribute("r"))
        x, y = towards(turn) * knob * area["width"] / 440
        return area["x"] + area["width"] / 2 + x, area["y"] + area["height"] / 2 - y

    def assert_equals_library(self, M, turn):
        v = towards(turn)
        w = M @ v
        wanted = {
            "v": [*v, 1, turn],
            "w": [*w, norm(w)],
            "turn": [math.degrees(angle(v, w))],
            "along": [rayleigh_quotient(M, v)],
        }
        digits = {"v": [2, 2, 0, 1], "w": [2, 2, 3], "turn": [1], "along": [3]}
        for name, values in wanted.items():
            shown = numbers(self.fact(name))[: len(values)]
            for one, other, places in zip(shown, values, digits[name], strict=True):
                assert abs(one - other) <= 0.5 * 10.0**-places + 1e-9, name
        line = self.svg.locator(".v2a-eg-in")
        scale = float(self.svg.locator(".v2a-eg-circle").get_attribute("r"))
        ends = np.array([float(line.get_attribute(x)) for x in ("x2", "y2")]) / [scale, -scale]
        np.testing.assert_allclose(ends, v, atol=5e-3)


@pytest.fixture(scope="module")
def wide(readers_of_module):
    return Circle(readers_of_module())


@pytest.fixture(scope="module")
def narrow(readers_of_module):
    return Circle(readers_of_module(width=360, touch=True))


@pytest.fixture
def circle(wide):
    return wide.start_again()


@pytest.fixture
def phone(narrow):
    return narrow.start_again()


def test_the_figure_begins_with_the_matrix_of_the_text(circle):
    circle.assert_equals_library(A, 100)
    assert [c.input_value() for c in circle.box.get_by_role("spinbutton").all()] == ["4", "1", "1", "3"]
    assert circle.button("Reset").is_disabled()


@pytest.mark.parametrize("goal", [30, -80, 175])
def test_dragging_v_gives_the_numbers_of_the_library(circle, goal):
    circle.drag(circle.pixel(100), circle.pixel(goal))
    assert circle.angle() == pytest.approx(goal, abs=2)
    circle.assert_equals_library(A, circle.angle())


def test_a_finger_turns_v_on_a_narrow_screen_and_the_page_stays(phone):
    scrolled = phone.page.evaluate("scrollY")
    phone.swipe(phone.pixel(100), phone.pixel(20))
    assert phone.angle() == pytest.approx(20, abs=3)
    phone.assert_equals_library(A, phone.angle())
    assert phone.page.evaluate("scrollY") == scrolled


def test_keys_turn_v_and_the_page_stays_where_it_is(circle):
    circle.tip.focus()
    scrolled = circle.page.evaluate("scrollY")
    for key, turn in [("ArrowLeft", 99), ("ArrowUp", 100), ("Shift+ArrowRight", 105), ("ArrowDown", 104)]:
        circle.page.keyboard.press(key)
        circle.assert_equals_library(A, turn)
    assert circle.page.evaluate("scrollY") == scrolled


def test_the_eigen_directions_light_up_where_the_library_has_them(circle):
    values, V = qr_algorithm(A)
    slider = circle.slider("Angle of v")
    lit = circle.svg.locator(".v2a-eg-lit")
    for value, vector in zip(values, V.T, strict=True):
        turn = math.degrees(math.atan2(vector[1], vector[0])) % 180
        slider.fill(str(round(turn)))
        assert f"Av is {value:.3f} times v" in circle.said()
        assert lit.count() == 1
        x, y = (float(lit.get_attribute(name)) for name in ("x2", "y2"))
        assert abs(math.degrees(math.atan2(-y, x)) % 180 - turn) < 0.01
        slider.fill(str(round(turn) - 3))
        circle.settle()
        assert lit.count() == 0


def test_power_steps_are_those_of_power_iteration(circle):
    found = power_iteration(A, start=towards(100), tolerance=1e-6)
    for value in found.values:
        assert abs(numbers(circle.fact("along"))[0] - value) <= 5e-4 + 1e-9
        circle.button("Power step").click()
    v = unit(A @ found.vector)
    assert circle.angle() == pytest.approx(math.degrees(math.atan2(v[1], v[0])), abs=0.06)
    assert numbers(circle.fact("steps"))[0] == len(found.values)
    circle.button("Reset").click()
    circle.button("Power step").click()
    assert "multiplied by 0.516; |λ₂/λ₁| is 0.516" in circle.said()


def test_a_rotation_has_no_direction_and_turns_for_ever(circle):
    circle.box.get_by_role("combobox").select_option("rotation by 40°")
    circle.assert_equals_library(rotation(math.radians(40)), 100)
    circle.button("Show directions").click()
    assert circle.fact("lines").startswith("none that is real")
    assert circle.svg.locator(".v2a-eg-line[visibility=visible]").count() == 0
    circle.button("Power step").click()
    circle.assert_equals_library(rotation(math.radians(40)), 140)
    assert "no real eigenvector" in circle.said()


def test_an_entry_can_be_written(circle):
    circle.box.get_by_role("spinbutton").nth(1).fill("-2.5")
    circle.assert_equals_library(np.array([[4, -2.5], [1, 3]]), 100)


def test_without_a_script_the_picture_has_the_numbers_of_the_library(reader):
    box = reader(CHAPTER, script=False).page.locator(".v2a-figure[data-name=eigenvectors]")
    assert box.locator("input, button, select, [role=slider]").count() == 0
    values, V = qr_algorithm(A)
    lines = box.locator(".v2a-eg-fact-lines dd").inner_text()
    turns = [math.degrees(math.atan2(y, x)) % 180 for x, y in V.T[::-1]]
    np.testing.assert_allclose(numbers(lines)[:2], turns, atol=0.05)
    np.testing.assert_allclose(numbers(lines)[2:], values[::-1], atol=5e-4)
    assert box.locator("line.v2a-eg-line").count() == 2
