"""What the browser computes in descent_bowl.js against the library, by hand, and what its controls set."""

import itertools
import math
import re

import numpy as np
import pytest

from vec2attn.descent import best_momentum, best_step, rate
from vec2attn.widgets.descent_bowl import METHODS, REACH, DescentBowl
from widgets.node import run

NAME = "descent_bowl"
PLAIN, HEAVY = METHODS
STARTS = [[-2.6, 1.4], [3.0, 0.0], [0.0, -2.0], [0.1, -1.7]]
STATES = [
    {"start": start, "eta": eta, "kappa": kappa, "method": method}
    for start, eta, kappa, method in itertools.product(
        STARTS, (0.001, 0.1, 2 / 11, 0.2, 0.201, 0.3, 0.4), (1.0, 1.78, 10.0, 100.0), METHODS
    )
]
BEGIN = {"start": [-2.6, 1.4], "eta": 0.1, "kappa": 10, "method": PLAIN}


def call(name, states):
    return run(NAME, [(name, state) for state in states])


# ---- The numbers -----------------------------------------------------------------------------------------------------


def test_rate_best_step_and_bound_are_the_librarys():
    for state, found, limits in zip(STATES, call("rate", STATES), call("limits", STATES), strict=True):
        H = np.diag([10 / state["kappa"], 10.0])
        best, beta = (best_step(H), 0.0) if state["method"] == PLAIN else best_momentum(H)
        assert (limits["best"], limits["beta"]) == pytest.approx((best, beta), rel=1e-12, abs=1e-15)
        assert found == pytest.approx(rate(H, state["eta"], beta), abs=1e-6)  # at a double root, half of the digits
        bound = limits["bound"]
        assert rate(H, 0.9999 * bound, beta) < 1 < rate(H, 1.0001 * bound, beta)


def test_the_path_is_the_librarys():
    for state, found in zip(STATES, call("path", STATES), strict=True):
        points = DescentBowl(**state).path().points
        found = np.reshape(found, (-1, 2))
        # at κ = 1 the best step leaves only rounding, of which each side has its own
        least = min(len(found), len(points))
        assert abs(len(found) - len(points)) <= (1 if least > 3 else 40)
        scale = np.maximum(1, np.abs(points[:least]))
        assert np.abs((found[:least] - points[:least]) / scale).max() < 1e-9


def test_the_outcome_is_the_librarys():
    paths = call("path", STATES)
    for state, found in zip(STATES, run(NAME, [("outcome", p) for p in paths]), strict=True):
        figure = DescentBowl(**state)
        assert found["arrival"] == figure.arrival()
        if figure.measured() is None:  # it hit the minimum itself
            assert found["measured"] is None or found["measured"] < 1e-3
        elif figure.measured() > 1e-3:
            assert found["measured"] == pytest.approx(figure.measured(), rel=1e-6)
    words = run(
        NAME, [("verdict", s, o) for s, o in zip(STATES, run(NAME, [("outcome", p) for p in paths]), strict=True)]
    )
    assert words == [DescentBowl(**state).verdict() for state in STATES]
    assert {word.split()[0] for word in words} >= {"not", "diverges:", "1"}


def test_what_is_measured_is_near_the_formula_from_a_start_off_the_axes():
    checked = 0
    for state in STATES:
        figure = DescentBowl(**state)
        # far from double roots, and long enough for the slowest part to be all that is left
        if 0 not in state["start"] and state["method"] == PLAIN and len(figure.path().points) > 40:
            checked += 1
            assert figure.measured() == pytest.approx(figure.rate, rel=0.02)
    assert checked > 20


def test_the_three_step_sizes_of_the_text():
    at = lambda eta: DescentBowl(eta=eta).verdict()  # noqa: E731
    assert at(0.1818) == "35 steps"
    assert at(0.2) == "not within 1000 steps"
    assert at(0.201) == "diverges: 1000 times as far after 770 steps"


def test_the_minimum_has_no_path():
    state = {**BEGIN, "start": [0, 0]}
    assert run(NAME, [("path", state)]) == [[0, 0]]
    assert run(NAME, [("outcome", [0, 0])]) == [{"arrival": None, "lost": None, "measured": None}]
    figure = DescentBowl(start=[0, 0])
    assert (figure.measured(), figure.arrival(), figure.verdict()) == (None, 0, "the start is the minimum")


def test_the_slider_of_kappa_goes_over_powers_and_python_takes_every_place():
    places = [i / 20 for i in range(41)]
    found = run(NAME, [("kappaAt", t) for t in places])
    np.testing.assert_allclose(found, 10.0 ** np.array(places), rtol=5e-3)
    assert (found[0], found[20], found[-1]) == (1, 10, 100)
    for kappa in found:
        DescentBowl(kappa=kappa)
    np.testing.assert_allclose(run(NAME, [("placeOf", kappa) for kappa in found]), places, atol=2.5e-3)


def test_a_dragged_start_rests_on_tenths_within_reach():
    found = run(NAME, [("snapped", w) for w in ([1.234, -0.04], [7, -6], [-9, 1.96])])
    assert found == [[1.2, 0], [REACH[0], -REACH[1]], [-REACH[0], 2]]


# ---- Words -----------------------------------------------------------------------------------------------------------

SAID = [
    ("", {}, "η = 0.1000 is below the bound 0.200: 65 steps to a thousandth of the distance."),
    ("eta", {"eta": 0.2}, "η = 0.2000 is at the bound 0.200: not within 1000 steps."),
    (
        "eta",
        {"eta": 0.201},
        "η = 0.2010 is beyond the bound 0.200: diverges: 1000 times as far after 770 steps.",
    ),
    (
        "best",
        {"eta": 2 / 11},
        "The best step for κ = 10: 35 steps to a thousandth of the distance, and the distance shrinks by 0.818 a step.",
    ),
    (
        "kappa",
        {"kappa": 1, "eta": 0.1},
        "κ = 1: the curvatures are 10.00 and 10. The best step is now 0.1000; with η = 0.1000: 1 step to a thousandth "
        "of the distance.",
    ),
    (
        "method",
        {"method": HEAVY},
        "Momentum with β = 0.270: the bound is 0.254, the best step 0.2309. With η = 0.1000: 44 steps to a thousandth "
        "of the distance.",
    ),
    (
        "method",
        {},
        "Plain gradient descent: the bound is 0.200, the best step 0.1818. With η = 0.1000: 65 steps to a thousandth "
        "of the distance.",
    ),
    (
        "start",
        {"start": [1, 0], "eta": 0.21},
        "The descent starts at (1.0, 0.0): 30 steps to a thousandth of the distance. On this axis only the smaller "
        "curvature acts.",
    ),
    ("start", {"start": [0, 0]}, "The start is the minimum: the gradient is 0 and nothing moves."),
    ("reset", {}, "Back at the start: η = 0.1000 is below the bound 0.200, 65 steps to a thousandth of the distance."),
]


def test_the_figure_says_what_has_changed():
    found = run(NAME, [("sentence", reason, {**BEGIN, **state}) for reason, state, _ in SAID])
    assert found == [words for *_, words in SAID]


# ---- The picture -----------------------------------------------------------------------------------------------------


def points_of(d):
    return np.array([[float(v) for v in p.split(",")] for p in re.findall(r"-?[\d.]+,-?[\d.]+", d)]) / [80, -80]


@pytest.mark.parametrize("state", STATES[::13], ids=str)
def test_the_still_picture_draws_the_librarys_path_and_says_its_numbers(state):
    figure = DescentBowl(**state)
    still = figure.still()
    drawn = points_of(re.search(r'v2a-db-track" d="([^"]+)"', still)[1])
    wanted = np.clip(figure.path().points[:151], -9999 / 80, 9999 / 80)
    np.testing.assert_allclose(drawn, wanted, atol=1e-3)
    assert f"<dd>{figure.rate:.4f}</dd>" in still
    assert f"<dd>{figure.verdict()}</dd>" in still
    assert ("v2a-db-off" in still) == (figure.eta >= figure.bound)


def test_both_sides_draw_the_same_contours_each_a_line_of_equal_loss():
    for kappa in (1.0, 10.0, 100.0):
        (found,) = run(NAME, [("rings", kappa)])
        assert f'v2a-db-rings" d="{found}"'.replace("M-", "M-") in DescentBowl(kappa=kappa).still()
        H = DescentBowl(kappa=kappa).H
        for ring in found.split("M")[1:]:
            (side,) = {float(x) for x in re.findall(r"A([\d.]+),", ring)}
            (top,) = {float(y) for y in re.findall(r"A[\d.]+,([\d.]+)", ring)}
            assert H[0, 0] * side**2 == pytest.approx(H[1, 1] * top**2, rel=0.01)  # tenths of a pixel


# ---- The controls, in a real browser ---------------------------------------------------------------------------------


@pytest.fixture
def open_lab(open_lab):
    return lambda **traits: open_lab(DescentBowl(**traits))


@pytest.mark.parametrize(
    ("label", "key", "change"),
    [
        ("Step size η", "ArrowRight", {"eta": 0.151}),
        ("Step size η", "Home", {"eta": 0.001}),
        ("Step size η", "End", {"eta": 0.4}),
        ("Condition κ", "ArrowRight", {"kappa": 11.2}),
        ("Condition κ", "Home", {"kappa": 1}),
        ("Condition κ", "End", {"kappa": 100}),
    ],
)
def test_a_key_on_a_slider_sets_its_trait(open_lab, label, key, change):
    lab = open_lab()
    lab.asked()
    lab.view().get_by_role("slider", name=label, exact=True).press(key)
    assert lab.changes() == change
    DescentBowl(**change)


def test_the_buttons_choose_the_method_the_best_step_and_the_beginning(open_lab):
    lab = open_lab()
    lab.asked()
    press = lambda name: lab.view().get_by_role("button", name=name, exact=True).click()  # noqa: E731
    press("Best step")
    assert lab.changes() == {"eta": 2 / 11}
    assert lab.view().get_by_role("button", name="Best step").is_disabled()
    press("momentum")
    assert lab.changes() == {"method": HEAVY}
    press("Best step")
    assert lab.changes() == {"eta": pytest.approx(best_momentum(np.diag([1, 10]))[0])}
    press("Reset")
    assert lab.changes() == {name: getattr(DescentBowl(), name) for name in BEGIN}
    assert lab.view().get_by_role("button", name="Reset").is_disabled()
    assert lab.page.evaluate("document.activeElement.textContent") == PLAIN


def test_arrow_keys_and_the_mouse_move_the_start(open_lab):
    lab = open_lab(start=[0.0, 0.0])
    lab.asked()
    handle = lab.view().get_by_role("slider", name="Start")
    handle.focus()
    for key, start in (("ArrowRight", [0.1, 0]), ("Shift+ArrowDown", [0.1, -0.5]), ("ArrowLeft", [0, -0.5])):
        lab.page.keyboard.press(key)
        assert lab.changes()["start"] == pytest.approx(start)
    assert handle.get_attribute("aria-valuetext") == "x 0.0, y −0.5"
    handle.press("a")
    assert lab.changes() == {}
    box, ring = lab.view().locator("svg").bounding_box(), handle.locator("circle").last.bounding_box()
    x, y, unit = ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2, box["width"] / 6.8
    lab.page.mouse.move(x + 5, y)  # beside its middle: it does not jump
    lab.page.mouse.down()
    assert lab.changes() == {}
    lab.page.mouse.move(x + 5 + 1.2 * unit, y - 2 * unit, steps=4)
    assert lab.changes()["start"] == pytest.approx([1.2, 1.5])
    lab.page.mouse.move(x + 9 * unit, y - 9 * unit, steps=2)
    assert lab.changes()["start"] == list(REACH)
    lab.page.mouse.up()
    lab.page.mouse.move(x, y)  # no longer in the hand
    assert lab.changes() == {}


@pytest.mark.parametrize("state", STATES[5::29], ids=str)
def test_the_figure_shows_the_numbers_of_the_library(open_lab, state):
    lab, figure = open_lab(**state), DescentBowl(**state)
    curvatures, ratio, formula, measured, end = lab.view().locator("dd").all_inner_texts()
    assert curvatures == f"{10 / state['kappa']:.2f} and 10.00"
    assert float(ratio) == pytest.approx(figure.eta / figure.bound, abs=5.1e-4)
    assert float(formula) == pytest.approx(figure.rate, abs=5.1e-5)
    assert (0.0 if measured == "none" else float(measured)) == pytest.approx(figure.measured() or 0.0, abs=5.1e-5)
    assert end == figure.verdict()
    track = points_of(lab.view().locator(".v2a-db-track").get_attribute("d"))
    np.testing.assert_allclose(track, np.clip(figure.path().points[:151], -9999 / 80, 9999 / 80), atol=1e-3)
    for css, value in (("best", figure.best), ("bound", figure.bound)):
        assert lab.view().locator(f".v2a-db-{css}").inner_text() == f"{css} {value:.3f}"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kappa", [1.0, 100.0])
def test_the_marks_stand_where_the_thumb_of_the_slider_would_be(open_lab, kappa, method):
    figure = DescentBowl(kappa=kappa, method=method)
    lab = open_lab(kappa=kappa, method=method)
    track = lab.view().get_by_role("slider", name="Step size η").bounding_box()
    for css, value in (("best", figure.best), ("bound", figure.bound)):
        line = (
            lab.view()
            .locator(f".v2a-db-{css}")
            .evaluate(
                """(mark) => { const box = mark.getBoundingClientRect();
                return mark.classList.contains('v2a-db-best') ? box.right : box.left; }"""
            )
        )
        share = (value - 0.001) / 0.399
        assert line == pytest.approx(track["x"] + 9 + share * (track["width"] - 18), abs=1)
    assert math.isclose(
        DescentBowl(kappa=kappa, method=method, eta=figure.best).rate, rate(figure.H, figure.best, figure.beta)
    )
