"""What the browser computes in vectors2d.js against the library, by hand, and what its controls set."""

import itertools
import math
import re

import numpy as np
import pytest

from vec2attn.vectors import angle, cosine_similarity, dot, norm, project, unit
from vec2attn.widgets.vectors2d import Vectors2d
from widgets.node import run

PLACES = [-5.0, -3.1, -0.5, 0.0, 0.1, 1.0, 2.236_067_977_499_79, 4.0]
POINTS = [list(p) for p in itertools.product(PLACES, PLACES)]
GRID = [pair for pair in itertools.product(POINTS, POINTS) if any(pair[0]) and any(pair[1])]


@pytest.fixture(scope="module")
def compared():
    return run("vectors2d", [("compare", u, v) for u, v in GRID])


# ---- The numbers -----------------------------------------------------------------------------------------------------


def test_the_browser_has_the_numbers_of_the_library(compared):
    U, V = (np.array(side) for side in zip(*GRID, strict=True))
    assert len(U) > 3000
    for name, wanted in {"dot": dot(U, V), "cosine": cosine_similarity(U, V), "angle": angle(U, V)}.items():
        np.testing.assert_allclose([found[name] for found in compared], wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose([found["lengths"] for found in compared], np.transpose([norm(U), norm(V)]), rtol=1e-14)
    np.testing.assert_allclose([found["shadow"] for found in compared], project(U, V), rtol=0, atol=1e-13)
    np.testing.assert_allclose([found["times"] for found in compared], dot(U, V) / dot(V, V), rtol=1e-12, atol=1e-14)


def test_a_zero_vector_has_length_and_product_but_no_direction():
    u_zero, v_zero = run("vectors2d", [("compare", [0, 0], [2, 1]), ("compare", [2, 1], [0, 0])])
    for found in (u_zero, v_zero):
        assert (found["dot"], found["cosine"], found["angle"]) == (0, None, None)
    assert (u_zero["lengths"], u_zero["shadow"], u_zero["times"]) == ([0, math.sqrt(5)], [0, 0], 0)
    assert (v_zero["lengths"], v_zero["shadow"], v_zero["times"]) == ([math.sqrt(5), 0], None, None)


def test_a_vector_made_longer_keeps_its_direction():
    wanted = [(w, length) for w in POINTS if any(w) for length in (0.1, 1, 2.5)]
    for (w, length), found in zip(wanted, run("vectors2d", [("resized", *case) for case in wanted]), strict=True):
        np.testing.assert_allclose(found, length * unit(w), rtol=0, atol=1e-14)
    assert run("vectors2d", [("resized", [0, 0], 2)]) == [[0, 0]]


def test_the_longest_vector_just_fits_the_grid():
    points = [w for w in POINTS if any(w)]
    lengths = run("vectors2d", [("longest", w) for w in points])
    for w, length in zip(points, lengths, strict=True):
        assert np.abs(length * unit(w)).max() <= 5 + 1e-9
        assert np.abs((length + 0.1) * unit(w)).max() > 5
        assert round(10 * length, 9) == round(10 * length)
    assert run("vectors2d", [("longest", [3, 4]), ("longest", [0, -2])]) == [6.2, 5]


STEPS = {
    ((1, 1), "ArrowRight"): [1.5, 1],
    ((1, 1), "ArrowLeft"): [0.5, 1],
    ((1, 1), "ArrowUp"): [1, 1.5],
    ((1, 1), "ArrowDown"): [1, 0.5],
    ((0.7, -0.7), "ArrowRight"): [1, -0.7],  # to the next half, not by a half
    ((0.7, -0.7), "ArrowLeft"): [0.5, -0.7],
    ((0.7, -0.7), "ArrowDown"): [0.7, -1],
    ((5, -4.9), "ArrowRight"): [5, -4.9],
    ((5, -4.9), "ArrowDown"): [5, -5],
    ((-0.5, 0), "ArrowRight"): [0, 0],
    ((1, 1), "Tab"): None,
}


def test_an_arrow_key_leads_to_the_next_half():
    assert dict(zip(STEPS, run("vectors2d", [("stepped", *step) for step in STEPS]), strict=True)) == STEPS


def test_a_dragged_point_stays_on_tenths_and_on_the_grid():
    found = run("vectors2d", [("snapped", w) for w in ([1.234, -0.04], [7, -6], [-0.26, 2.949])])
    assert found == [[1.2, 0], [5, -5], [-0.3, 2.9]]


# ---- The picture -----------------------------------------------------------------------------------------------------


def to_plane(places):
    return (np.array(places) - 220) / [40, -40]


def test_the_square_at_the_foot_of_the_shadow_has_right_angles_and_lies_between_both():
    drawn = 0
    for u, v in GRID[::7]:
        foot = project(u, v)
        (found,) = run("vectors2d", [("corner", u, foot.tolist())]) if drawn < 12 else (None,)
        if found is None:
            continue
        drawn += 1
        a, b, c = to_plane(found)
        for one, other in ((a - foot, c - foot), (b - a, a - foot), (c - b, c - foot)):
            assert dot(one, other) == pytest.approx(0, abs=1e-12)
        assert dot(a - foot, -foot) > 0
        assert dot(c - foot, np.array(u) - foot) > 0
    assert drawn == 12
    assert run("vectors2d", [("corner", [2, 0], [2, 0]), ("corner", [0, 3], [0, 0])]) == [None, None]


def test_the_arc_runs_from_v_to_u_the_short_way():
    cases = [([1, 3], [3, 1]), ([3, 1], [1, 3]), ([-2, 1], [-2, -1]), ([0, -3], [-3, 1]), ([2, 2], [-3, 1])]
    for (u, v), found in zip(cases, run("vectors2d", [("arc", *case) for case in cases]), strict=True):
        numbers = [float(x) for x in re.findall(r"-?[\d.]+(?:e-\d+)?", found["path"])]
        start, end = to_plane(numbers[:2]), to_plane(numbers[-2:])
        assert angle(start, v) == pytest.approx(0, abs=1e-6)
        assert angle(end, u) == pytest.approx(0, abs=1e-6)
        anticlockwise = v[0] * u[1] - v[1] * u[0] > 0
        assert numbers[5:7] == [0, 0 if anticlockwise else 1]  # never the long way; y grows downwards in a picture
        label = to_plane(found["label"])
        assert angle(label, u) == pytest.approx(angle(label, v), abs=1e-12)
        assert angle(label, u) == pytest.approx(angle(u, v) / 2, abs=1e-12)
    assert run("vectors2d", [("arc", [1, 1], [2, 2]), ("arc", [0, 0], [1, 1])]) == [None, None]


def test_an_arrow_ends_at_its_tip_and_a_short_one_has_a_short_head():
    long, short = (to_plane(p) for p in run("vectors2d", [("arrowhead", [3, 4]), ("arrowhead", [0.1, 0])]))
    np.testing.assert_allclose(long[0], [3, 4])
    np.testing.assert_allclose((long[1] + long[2]) / 2, np.array([3, 4]) - 15 / 40 * unit([3, 4]), rtol=1e-12)
    assert dot(long[1] - long[2], np.array([3.0, 4.0])) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose((short[1] + short[2]) / 2, [0, 0], atol=1e-12)


# ---- The words -------------------------------------------------------------------------------------------------------

STATE = {"u": [3, 4], "v": [2, 1]}
SAID = [
    ("", None, STATE, "The dot product is 10.00, the cosine 0.894, the angle 26.6°."),
    (
        "length",
        {"u": [1.5, 2], "v": [2, 1]},
        STATE,
        "u is twice as long: the dot product went with it, from 5.00 to 10.00; the cosine stayed 0.894.",
    ),
    (
        "length",
        STATE,
        {"u": [2.4, 3.2], "v": [2, 1]},
        "u is 0.80 times as long: the dot product went with it, from 10.00 to 8.00; the cosine stayed 0.894.",
    ),
    (
        "u",
        {"u": [3, 3], "v": [2, 1]},
        STATE,
        "u moved: the dot product went from 9.00 to 10.00, the cosine went from 0.949 to 0.894.",
    ),
    (
        "v",
        STATE,
        {"u": [3, 4], "v": [4, 2]},
        "v moved: the dot product went from 10.00 to 20.00, the cosine stayed 0.894.",
    ),
    (
        "u",
        STATE,
        {"u": [-2, 4], "v": [2, 1]},
        "u moved: the dot product went from 10.00 to 0.00, the cosine went from 0.894 to 0.000. "
        "u and v are orthogonal: dot product and cosine are 0, the shadow is a point.",
    ),
    ("", STATE, {"u": [4, 2], "v": [2, 1]}, "Same direction: the cosine is 1, and u is its own shadow."),
    ("", STATE, {"u": [-4, -2], "v": [2, 1]}, "Opposite directions: the cosine is −1, and u is its own shadow."),
    (
        "unit",
        STATE,
        {"u": [0.6, 0.8], "v": [2 / math.sqrt(5), 1 / math.sqrt(5)]},
        "Both have length 1: the dot product, 0.894, is now the cosine. The angle stayed 26.6°.",
    ),
    (
        "u",
        STATE,
        {"u": [0, 0], "v": [2, 1]},
        "u is the zero vector: length 0, dot product 0, and no direction, so no angle.",
    ),
    (
        "v",
        STATE,
        {"u": [3, 4], "v": [0, 0]},
        "v is the zero vector: it has no direction, and there is no line for a shadow.",
    ),
    ("u", {"u": [0, 0], "v": [2, 1]}, STATE, "The dot product is 10.00, the cosine 0.894, the angle 26.6°."),
]


def test_the_figure_says_what_has_changed():
    assert run("vectors2d", [("sentence", *case[:3]) for case in SAID]) == [words for *_, words in SAID]


def test_positions_are_spoken_as_directions():
    assert run("vectors2d", [("spoken", w) for w in ([3, 4], [-0.5, -2], [0, 0])]) == [
        "3.00 right, 4.00 up",
        "0.50 left, 2.00 down",
        "0.00 right, 0.00 up",
    ]


STATES = [
    STATE,
    {"u": [-1.5, 2.0], "v": [0.5, -3.25]},
    {"u": [-2.0, 4.0], "v": [2.0, 1.0]},
    {"u": [0.6, -0.8], "v": [0.5**0.5, 0.5**0.5]},
    {"u": [0.0, 0.0], "v": [2.0, 1.0]},
    {"u": [1.0, 2.0], "v": [0.0, 0.0]},
    {"u": [0.0, 0.0], "v": [0.0, 0.0]},
]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_still_picture_says_what_the_live_one_says(state):
    figure = Vectors2d(**state)
    (live,) = run("vectors2d", [("facts", figure.u, figure.v)])
    shown = re.findall(r'v2d-fact-(\w+)"><dt>[^<]*</dt><dd><b>([^<]*)</b> <small>([^<]*)</small>', figure.still())
    assert {key: [value, meaning] for key, value, meaning in shown} == live


def test_facts_by_hand():
    (facts,) = run("vectors2d", [("facts", [-1, 2], [2, 0])])
    assert facts == {
        "u": ["(−1.00, 2.00)", "length 2.24"],
        "v": ["(2.00, 0.00)", "length 2.00"],
        "dot": ["−2.00", "(−1.00) · 2.00 + 2.00 · 0.00"],
        "cosine": ["−0.447", "−2.00 / (2.24 · 2.00)"],
        "angle": ["116.6°", "obtuse: the dot product is negative"],
        "shadow": ["(−1.00, 0.00)", "−0.50 times v, length 1.00"],
    }


# ---- The controls, in a browser --------------------------------------------------------------------------------------


@pytest.fixture
def open_lab(open_lab):
    return lambda **traits: open_lab(Vectors2d(**traits))


def set_by(lab, act):
    """Return what `act` makes the front end set; it must have saved once."""
    lab.asked()
    act()
    *sets, save = lab.asked()
    assert save == ["save"]
    return {name: value for _, name, value in sets}


@pytest.mark.parametrize("name", ["u", "v"])
@pytest.mark.parametrize(
    ("key", "wanted"),
    [("ArrowRight", [1.5, -1]), ("ArrowLeft", [0.5, -1]), ("ArrowUp", [1, -0.5]), ("ArrowDown", [1, -1.5])],
)
def test_an_arrow_key_on_a_tip_sets_its_vector(open_lab, name, key, wanted):
    lab = open_lab(**{name: [1.0, -1.0]})
    tip = lab.view().get_by_role("slider", name=f"Tip of {name}")
    assert set_by(lab, lambda: tip.press(key)) == {name: wanted}


def test_other_keys_are_left_to_the_page(open_lab):
    lab = open_lab()
    lab.asked()
    lab.view().get_by_role("slider", name="Tip of v").press("Tab")
    assert lab.asked() == []
    assert lab.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Tip of u"


def test_the_slider_changes_the_length_of_u_and_not_its_direction(open_lab):
    lab = open_lab()
    slider = lab.view().get_by_role("slider", name="Length of u")
    assert slider.input_value() == "5"
    change = set_by(lab, lambda: slider.press("ArrowLeft"))
    np.testing.assert_allclose(change["u"], 4.9 * unit([3, 4]), rtol=1e-14)
    change = set_by(lab, lambda: slider.press("End"))
    np.testing.assert_allclose(change["u"], 6.2 * unit([3, 4]), rtol=1e-14)
    assert Vectors2d(**change).u == change["u"]  # Python accepts what the slider sends


def test_both_are_made_unit_and_reset_brings_back_what_python_begins_with(open_lab):
    lab = open_lab(u=[4.0, -4.0], v=[0.0, 0.5])
    units, reset = (lab.view().get_by_role("button", name=name) for name in ("Make both unit", "Reset"))
    change = set_by(lab, units.click)
    np.testing.assert_allclose(change["u"], unit([1, -1]), rtol=1e-14)
    assert change["v"] == [0, 1]
    change = set_by(lab, reset.click)
    assert change == Vectors2d().state()
    assert reset.is_disabled()
    assert lab.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Tip of u"


def test_a_zero_vector_cannot_be_made_longer(open_lab):
    lab = open_lab(u=[0.0, 0.0])
    assert lab.view().get_by_role("slider", name="Length of u").is_disabled()
    assert lab.view().get_by_role("button", name="Make both unit").is_disabled()
    tip = lab.view().get_by_role("slider", name="Tip of u")
    assert set_by(lab, lambda: tip.press("ArrowUp")) == {"u": [0, 0.5]}


def test_a_tip_says_where_it_is(open_lab):
    lab = open_lab(u=[-1.5, 2.0])
    tip = lab.view().get_by_role("slider", name="Tip of u")
    assert tip.get_attribute("aria-valuetext") == "1.50 left, 2.00 up"
    assert [tip.get_attribute(f"aria-value{x}") for x in ("min", "now", "max")] == ["-5", "-1.5", "5"]
