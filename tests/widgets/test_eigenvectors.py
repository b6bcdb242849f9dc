"""What the browser computes in eigenvectors.js against the library and numpy, and what its controls set."""

import itertools
import math
import re

import numpy as np
import pytest

from vec2attn.eigen import rayleigh_quotient
from vec2attn.matrices import projection, reflection, rotation
from vec2attn.vectors import angle, norm, unit
from vec2attn.widgets.eigenvectors import Eigenvectors
from widgets.node import run

NAME = "eigenvectors"
VALUES = [-5.0, -1.25, 0.0, 0.5, 1.0, 3.0]
GRID = [list(entries) for entries in itertools.product(VALUES, repeat=4)]
ANGLES = [-180.0, -97.3, -31.0, 0.0, 12.5, 90.0, 133.0]
BEGIN = {"entries": [4, 1, 1, 3], "angle": 100, "path": [], "show": False}


def matrix(entries):
    return np.reshape(np.array(entries, dtype=float), (2, 2))


def towards(degrees):
    return np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])


def flat(A):
    return np.asarray(A).ravel().tolist()


# ---- The numbers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    return run(NAME, [("eigen", entries) for entries in GRID])


def test_the_eigenvalues_are_those_of_numpy_larger_size_first(found):
    assert len(found) > 1000
    assert {one["kind"] for one in found} == {"two", "one", "every", "none"}
    for entries, one in zip(GRID, found, strict=True):
        values = np.linalg.eigvals(matrix(entries))
        if one["kind"] == "none":
            assert np.iscomplexobj(values), entries
            assert one["values"] == pytest.approx([values[0].real, abs(values[0].imag)], abs=1e-9)
            continue
        np.testing.assert_allclose(np.sort(one["values"]), np.sort(values.real), atol=2e-7)  # √ε where one is defective
        assert np.abs(values.imag).max() < 2e-7
        assert abs(one["values"][0]) >= abs(one["values"][1])


def test_every_direction_found_is_kept_and_none_is_missing(found):
    for entries, one in zip(GRID, found, strict=True):
        A, lines = matrix(entries), one["directions"]
        for value, line in zip(one["values"], lines, strict=False):
            assert 0 <= line < 180
            np.testing.assert_allclose(A @ towards(line), value * towards(line), atol=1e-9)
        scalar = np.array_equal(A, A[0, 0] * np.eye(2))
        assert (one["kind"] == "every") == scalar
        assert len(lines) == {"two": 2, "one": 1, "every": 0, "none": 0}[one["kind"]]
        if one["kind"] == "one":  # A − λI is nilpotent, and not 0
            N = A - one["values"][0] * np.eye(2)
            np.testing.assert_allclose(N @ N, 0, atol=1e-9)
            assert np.abs(N).max() > 1e-3


def test_stretch_angle_and_rayleigh_quotient_are_the_librarys():
    cases = list(itertools.product(GRID[::7], ANGLES))
    for (entries, turn), seen in zip(cases, run(NAME, [("look", *case) for case in cases]), strict=True):
        A, v = matrix(entries), towards(turn)
        w = A @ v
        np.testing.assert_allclose([*seen["v"], *seen["w"]], [*v, *w], atol=1e-12)
        assert seen["stretch"] == pytest.approx(norm(w), abs=1e-12)
        assert seen["along"] == pytest.approx(rayleigh_quotient(A, v), abs=1e-12)
        if norm(w) > 1e-9:
            assert math.radians(seen["turn"]) == pytest.approx(angle(v, w), abs=1e-7)
        else:
            assert seen["turn"] is None


def test_power_steps_are_those_of_power_iteration():
    for entries in ([4, 1, 1, 3], [3, 2, 0.5, 1.5], flat(rotation(0.7)), [-2, 1, 0, 1]):
        v, turn = towards(100), 100
        for _ in range(6):
            (turn,) = run(NAME, [("step", entries, turn)])
            v = unit(matrix(entries) @ v)
            np.testing.assert_allclose(towards(turn), v, atol=1e-12)
    assert run(NAME, [("step", [0, 0, 0, 0], 5), ("step", flat(projection(towards(30))), 120)]) == [None, None]


def test_the_angle_left_is_to_the_eigenvector_of_the_largest_size_and_its_tangent_shrinks_by_the_ratio():
    golden = math.degrees(math.atan(2 / (1 + math.sqrt(5))))
    (before,) = run(NAME, [("left", [4, 1, 1, 3], 100)])
    assert before == pytest.approx(100 - golden, abs=1e-9)
    (turn,) = run(NAME, [("step", [4, 1, 1, 3], 100)])
    (after,) = run(NAME, [("left", [4, 1, 1, 3], turn)])
    ratio = math.tan(math.radians(after)) / math.tan(math.radians(before))
    low, high = np.linalg.eigvalsh([[4, 1], [1, 3]])
    assert ratio == pytest.approx(low / high, rel=1e-9)
    nowhere = [flat(rotation(0.7)), flat(reflection(0.3)), [2, 0, 0, 2], [0, 0, 0, 0]]
    assert run(NAME, [("left", entries, 10) for entries in nowhere]) == [None] * 4
    assert run(NAME, [("left", [1, 1, 0, 1], 10), ("left", [0, 0, 0, -3], 10)]) == pytest.approx([10, 80])


def test_a_direction_is_met_within_one_degree_from_either_side():
    golden = math.degrees(math.atan(2 / (1 + math.sqrt(5))))
    turns = [golden, golden + 0.9, golden - 0.9, golden - 180, golden + 90.5, golden + 1.1, 0]
    found = run(NAME, [("met", [4, 1, 1, 3], turn) for turn in turns])
    high, low = 4.618033988749895, 2.381966011250105
    wanted = [(high, 0), (high, 0.9), (high, 0.9), (high, 0), (low, 0.5)]
    for one, (value, off) in zip(found, wanted, strict=False):
        assert (one["value"], one["off"]) == pytest.approx((value, off), abs=1e-9)
    assert found[5:] == [None, None]
    rest = run(NAME, [("met", flat(rotation(0.7)), 0), ("met", [2, 0, 0, 2], 77), ("met", flat(reflection(0.0)), 90)])
    assert rest == [None, {"value": 2, "off": 0}, {"value": -1, "off": 0}]


def test_the_longest_stretch_is_the_two_norm():
    lengths = run(NAME, [("longest", entries) for entries in GRID])
    np.testing.assert_allclose(lengths, [np.linalg.norm(matrix(entries), 2) for entries in GRID], atol=1e-7)


def test_the_matrices_to_choose_from_are_what_their_names_say():
    text = (Eigenvectors._esm.split("MATRICES = {")[1]).split("};")[0]
    names = re.findall(r'"([^"]+)":', text)
    assert names[:2] == ["symmetric", "not symmetric"]
    kinds = {
        "rotation by 40°": (rotation(math.radians(40)), "none"),
        "shear": ([[1, 1], [0, 1]], "one"),
        "reflection in the line at 30°": (reflection(math.radians(30)), "two"),
        "projection on the line at 30°": (projection(towards(30)), "two"),
        "twice the identity": (2 * np.eye(2), "every"),
    }
    assert names[2:] == list(kinds)
    assert [one["kind"] for one in run(NAME, [("eigen", flat(A)) for A, _ in kinds.values()])] == [
        kind for _, kind in kinds.values()
    ]


KEYS = {
    (10, "ArrowRight", False): 11,
    (10, "ArrowUp", False): 11,
    (10, "ArrowLeft", False): 9,
    (10.4, "ArrowRight", False): 11,  # to the next whole degree
    (10.4, "ArrowDown", False): 10,
    (10, "ArrowRight", True): 15,
    (10, "ArrowLeft", True): 0,
    (180, "ArrowRight", False): -179,  # and round
    (-180, "ArrowLeft", True): 165,
    (10, "Tab", False): None,
}


def test_an_arrow_key_turns_v_and_goes_round():
    assert dict(zip(KEYS, run(NAME, [("pressed", *key) for key in KEYS]), strict=True)) == KEYS


# ---- The words -------------------------------------------------------------------------------------------------------

SHEAR, TURN, MIRROR = [1, 1, 0, 1], flat(rotation(math.radians(40))), flat(reflection(math.radians(30)))
SAID = [
    ("", {}, "v at 100.0°: Av is 16.0° away from it and 2.80 times as long."),
    ("angle", {"angle": 32}, "v has met an eigen-direction, to within 0.3°: Av is 4.618 times v."),
    ("reset", {}, "Back at the start. v at 100.0°: Av is 16.0° away from it and 2.80 times as long."),
    ("matrix", {"entries": SHEAR, "angle": 0}, "Another matrix. v has met an eigen-direction: Av is 1.000 times v."),
    (
        "angle",
        {"entries": MIRROR, "angle": 120},
        "v has met an eigen-direction: Av is −1.000 times v. It points the other way, on the same line.",
    ),
    ("angle", {"entries": [1, 0, 0, 0], "angle": 90}, "Av = 0: this v is an eigenvector with λ = 0."),
    ("angle", {"entries": [2, 0, 0, 2]}, "Av = 2.00 v, for every v: all directions are kept."),
    (
        "show",
        {"show": True},
        "Eigen-directions: 31.7° and 121.7°; λ = 4.618 and 2.382, at a right angle: A is symmetric.",
    ),
    (
        "show",
        {"show": True, "entries": TURN},
        "Eigen-directions: none that is real; λ = 0.766 ± 0.643 i: every v is turned.",
    ),
    (
        "show",
        {"show": True, "entries": SHEAR},
        "Eigen-directions: one, at 0.0°; λ = 1.000 twice, one direction: A is defective.",
    ),
    (
        "show",
        {"show": True, "entries": [3, 2, 0.5, 1.5]},
        "Eigen-directions: 14.0° and 135.0°; λ = 3.500 and 1.000, 59.0° apart.",
    ),
    ("show", {"show": True, "entries": [2, 0, 0, 2]}, "Eigen-directions: all, with λ = 2.000; A only stretches."),
    ("show", {}, "The eigen-directions are hidden; v still finds them."),
    ("bad", {}, "An entry is a number from −5 to 5."),
]


def test_the_figure_says_what_has_changed():
    found = run(NAME, [("sentence", reason, None, {**BEGIN, **state}) for reason, state, _ in SAID])
    assert found == [words for *_, words in SAID]


STEPS = [
    (
        [4, 1, 1, 3],
        100,
        "Step 1: 52.3° are left, from 68.3°. The tangent of that angle was multiplied by 0.516; |λ₂/λ₁| is 0.516.",
    ),
    (TURN, 0, "Step 1: v has been turned, and always will be: no real eigenvector."),
    (MIRROR, 0, "Step 1: λ and −λ are of the same size, so no direction wins."),
    ([2, 0, 0, 2], 10, "Step 1: v stays; every vector is an eigenvector."),
    ([1, 1, 0, 1], 45, "Step 1: 26.6° are left, from 45.0°. A is defective, so there is no steady rate."),
    ([0, 1, 0, 0], 60, "Step 1: 0.0° are left, from 60.0°. A is defective, so there is no steady rate."),
    ([3, 0, 0, 1], 0, "Step 1: v stays: it is an eigenvector, λ = 3.000."),
    ([3, 0, 0, 1], 90, "Step 1: v stays: it is an eigenvector, though not that of the largest λ."),
]


def test_a_power_step_says_how_much_is_left():
    for entries, turn, words in STEPS:
        (before, after) = run(NAME, [("look", entries, turn), ("step", entries, turn)])
        state = {**BEGIN, "entries": entries, "angle": after, "path": [turn]}
        assert run(NAME, [("sentence", "step", before, state)]) == [words]


# ---- The still picture -----------------------------------------------------------------------------------------------

STILLS = [
    {},
    {"entries": TURN, "angle": -12.5},
    {"entries": SHEAR},
    {"entries": [2.0, 0.0, 0.0, 2.0]},
    {"entries": [1.0, 0.0, 0.0, 0.0], "angle": 90.0},
    {"entries": [3.0, 2.0, 0.5, 1.5], "angle": 14.0},
]


@pytest.mark.parametrize("state", STILLS, ids=str)
def test_the_still_picture_and_the_live_one_tell_the_same(state):
    figure = Eigenvectors(**state, show=True)
    (live,) = run(NAME, [("facts", figure.state())])
    rows = re.findall(r'fact-(\w+)"><dt>[^<]*</dt><dd><b>([^<]*)</b> <small>([^<]*)</small>', figure.still())
    still = {key: (value, meaning) for key, value, meaning in rows}
    for key in ("v", "w", "turn", "along", "lines"):
        assert still[key][0] == live[key][0]
    assert still["v"][1] == live["v"][1]
    assert live["lines"][1].startswith(still["lines"][1])


def test_the_still_picture_draws_v_its_image_and_the_directions():
    figure = Eigenvectors(angle=70.0)
    still = figure.still()
    scale = 220 / (1.14 * np.linalg.norm(figure.A, 2))

    def ends(css):
        found = re.findall(rf'class="{css}" x1="(\S+)" y1="(\S+)" x2="(\S+)" y2="(\S+)"', still)
        return np.array(found, dtype=float) / [scale, -scale, scale, -scale]

    np.testing.assert_allclose(ends("v2a-eg-in")[0, 2:], towards(70), atol=2e-3)
    np.testing.assert_allclose(ends("v2a-eg-out")[0, 2:], figure.A @ towards(70), atol=2e-3)
    for (value, vector), line in zip(figure.eigenpairs(), ends("v2a-eg-line"), strict=True):
        np.testing.assert_allclose(figure.A @ vector, value * vector, atol=1e-12)
        assert abs(vector[0] * line[3] - vector[1] * line[2]) < 1e-2
    assert still.count("v2a-eg-line") == 2
    assert Eigenvectors(entries=TURN).still().count("v2a-eg-line") == 0
    assert Eigenvectors(entries=SHEAR).still().count("v2a-eg-line") == 1


# ---- The controls, in a real browser ---------------------------------------------------------------------------------


@pytest.fixture
def open_lab(open_lab):
    return lambda **traits: open_lab(Eigenvectors(**traits))


HANDLE = "Direction of v: drag, or arrow keys"


def test_the_slider_turns_v_and_clears_the_path(open_lab):
    lab = open_lab(angle=50.0, path=[100.0])
    lab.asked()
    slider = lab.view().get_by_role("slider", name="Angle of v", exact=True)
    slider.press("ArrowRight")
    assert lab.changes() == {"angle": 51, "path": []}
    slider.press("Home")
    assert lab.changes() == {"angle": -180, "path": []}
    Eigenvectors(angle=-180)


def test_arrow_keys_on_the_tip_turn_v(open_lab):
    lab = open_lab()
    handle = lab.view().get_by_role("slider", name=HANDLE)
    handle.focus()
    lab.asked()
    for key, turn in [("ArrowLeft", 99), ("Shift+ArrowUp", 105), ("ArrowDown", 104), ("ArrowRight", 105)]:
        lab.page.keyboard.press(key)
        assert lab.changes() == {"angle": turn, "path": []}
        lab.frame()
        assert handle.get_attribute("aria-valuetext").startswith(f"{turn}.0°, Av ")
    lab.page.keyboard.press("a")
    assert lab.changes() == {}
    assert handle.evaluate("(h) => h === document.activeElement")


def test_the_tip_follows_the_mouse_round_the_circle(open_lab):
    lab = open_lab()
    lab.asked()
    plane, handle = lab.view().locator("svg"), lab.view().locator(".v2a-eg-knob")
    box, knob = plane.bounding_box(), handle.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.move(knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2)
    lab.page.mouse.down()
    for turn in (30, -75, 170):
        x, y = 90 * towards(turn)
        lab.page.mouse.move(middle[0] + x, middle[1] - y, steps=3)
        assert lab.changes()["angle"] == pytest.approx(turn, abs=1)
    lab.page.mouse.up()
    lab.page.mouse.move(*middle)  # no longer in the hand
    assert lab.changes() == {}


def test_power_steps_are_counted_and_a_hand_on_v_begins_anew(open_lab):
    lab = open_lab()
    lab.asked()
    power = lab.view().get_by_role("button", name="Power step")
    v, path = towards(100), [100]
    for _ in range(3):
        power.click()
        v = unit(np.array([[4, 1], [1, 3]]) @ v)
        change = lab.changes()
        assert change["path"] == pytest.approx(path)
        np.testing.assert_allclose(towards(change["angle"]), v, atol=1e-12)
        path.append(change["angle"])
    lab.frame()
    assert lab.view().locator(".v2a-eg-fact-steps b").inner_text() == "3"
    assert lab.view().locator(".v2a-eg-trail").get_attribute("d").count("M") == 3
    lab.view().get_by_role("slider", name="Angle of v", exact=True).press("ArrowRight")
    assert lab.changes()["path"] == []


def test_no_power_step_where_av_is_zero_or_after_many(open_lab):
    power = lambda lab: lab.view().get_by_role("button", name="Power step")  # noqa: E731
    assert power(open_lab(entries=[1, 0, 0, 0], angle=90)).is_disabled()
    assert power(open_lab(path=[1.0] * 99)).is_disabled()
    assert power(open_lab(path=[1.0] * 98)).is_enabled()


def test_a_matrix_is_chosen_from_the_list_or_written(open_lab):
    lab = open_lab(path=[1.0])
    lab.asked()
    choice, cells = lab.view().get_by_role("combobox"), lab.view().get_by_role("spinbutton")
    assert choice.input_value() == "symmetric"
    choice.select_option("shear")
    assert lab.changes() == {"entries": SHEAR, "path": []}
    lab.frame()
    assert [cell.input_value() for cell in cells.all()] == ["1", "1", "0", "1"]
    cells.nth(2).fill("-0.3")
    assert lab.changes() == {"entries": [1, 1, -0.3, 1], "path": []}
    lab.frame()
    assert choice.evaluate("(s) => s.selectedOptions[0].textContent") == "your own"
    for text in ("7", ""):
        cells.nth(2).fill(text)
        assert lab.changes() == {}
        assert lab.view().locator(".v2a-said").inner_text() == "An entry is a number from −5 to 5."
    cells.nth(2).blur()
    assert cells.nth(2).input_value() == "-0.3"


def test_a_direction_lights_up_when_v_meets_it_and_show_draws_all(open_lab):
    lab = open_lab()
    lines = lab.view().locator(".v2a-eg-line")
    seen = lambda: [line.get_attribute("visibility") for line in lines.all()]  # noqa: E731
    assert seen() == ["hidden", "hidden"]
    slider = lab.view().get_by_role("slider", name="Angle of v", exact=True)
    for turn, lit in [("32", 0), ("122", 1), ("-58", 1)]:
        slider.fill(turn)
        lab.frame()
        assert seen() == ["visible" if i == lit else "hidden" for i in range(2)]
        assert "v2a-eg-lit" in lines.nth(lit).get_attribute("class")
        assert "met an eigen-direction" in lab.view().locator(".v2a-said").inner_text()
    slider.fill("0")
    show = lab.view().get_by_role("button", name="Show directions")
    show.click()
    lab.frame()
    assert (seen(), show.get_attribute("aria-pressed")) == (["visible", "visible"], "true")
    show.click()
    lab.frame()
    assert (seen(), show.get_attribute("aria-pressed")) == (["hidden", "hidden"], "false")


def test_the_image_of_the_circle_is_drawn_to_scale(open_lab):
    lab = open_lab(entries=[3, 2, 0.5, 1.5])
    d = lab.view().locator(".v2a-eg-ellipse").get_attribute("d")
    drawn = np.array([[float(x) for x in p.split(",")] for p in d.strip("MZ").split("L")])
    A = matrix([3, 2, 0.5, 1.5])
    scale = 220 / (1.14 * np.linalg.norm(A, 2))
    circle = np.array([towards(4 * i) for i in range(90)])
    np.testing.assert_allclose(drawn / [scale, -scale], circle @ A.T, atol=2e-3)
    assert float(lab.view().locator(".v2a-eg-circle").get_attribute("r")) == pytest.approx(scale, abs=0.05)


def test_reset_goes_back_to_what_python_begins_with_and_leaves_the_focus_near(open_lab):
    lab = open_lab(entries=[1, 0.5, -0.25, 1.5], angle=7, path=[1.0], show=True)
    lab.asked()
    reset = lab.view().get_by_role("button", name="Reset")
    reset.focus()
    lab.page.keyboard.press("Enter")
    assert lab.changes() == {name: getattr(Eigenvectors(), name) for name in BEGIN} == BEGIN
    assert reset.is_disabled()
    assert lab.page.evaluate("document.activeElement.tagName") == "SELECT"


@pytest.mark.parametrize("state", [*STILLS, {"path": [100.0], "angle": 84.0, "show": True}], ids=str)
def test_the_figure_shows_what_it_computes(open_lab, state):
    lab, figure = open_lab(**state), Eigenvectors(**state)
    (wanted,) = run(NAME, [("facts", figure.state())])
    for key, texts in wanted.items():
        assert lab.view().locator(f".v2a-eg-fact-{key} :is(b, small)").all_inner_texts() == texts
