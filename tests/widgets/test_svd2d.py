"""The figure of notebook 4.1: its closed form against the library, the steps between, its words, its controls."""

import itertools
import math
import re

import numpy as np
import pytest

from vec2attn.svd import svd
from vec2attn.widgets.svd2d import LONGEST, Svd2d
from widgets.node import run

NAME = "svd2d"
GRID = [list(map(float, m)) for m in itertools.product((-0.8, -0.35, 0, 0.6, 0.8), repeat=4)]
ODD = [
    [1.0, 0.6, 0.0, 0.8],
    [1e-4, 0.0, 0.0, -1e-5],
    [1.0, 1.0, 1e-4, 0.0],
    [0.05, -1.15, 0.35, 0.2],
    [0.6, -0.6, -0.2, 0.2],  # rank one
    [-1.2, 0.0, 0.0, -1.2],
    [0.0, 1e-3, 1.0, 0.0],
    [1 - 1e-10, 0.0, 0.0, 1.0],  # as good as equal
]
ALL = GRID + ODD


def call(name, *arguments):
    (found,) = run(NAME, [(name, *arguments)])
    return found


# ---- Arithmetic: the browser's against the library's -----------------------------------------------------------------


@pytest.fixture(scope="module")
def closed():
    return run(NAME, [("svd2", entries) for entries in ALL])


def test_the_closed_form_gives_the_librarys_singular_values_and_the_same_matrix(closed):
    for entries, found in zip(ALL, closed, strict=True):
        A, U, V = np.reshape(entries, (2, 2)), np.reshape(found["U"], (2, 2)), np.reshape(found["V"], (2, 2))
        np.testing.assert_allclose(found["s"], svd(A)[1], rtol=0, atol=2e-9)  # below 1e-9 the figure writes 0
        np.testing.assert_allclose(U * found["s"] @ V.T, A, rtol=0, atol=2e-9)
        for Q in (U, V):
            np.testing.assert_allclose(Q.T @ Q, np.eye(2), atol=1e-12)


def test_each_pair_of_vectors_is_the_librarys_up_to_one_sign(closed):
    compared = 0
    for entries, found in zip(ALL, closed, strict=True):
        U, s, Vt = svd(entries_to_matrix(entries))
        if s[0] - s[1] < 1e-3:
            continue  # equal singular values: the vectors are not unique
        mine_U, mine_V = entries_to_matrix(found["U"]), entries_to_matrix(found["V"])
        for i in range(1 if s[1] < 1e-6 else 2):
            mine, theirs = np.outer(mine_U[:, i], mine_V[:, i]), np.outer(U[:, i], Vt[i])
            np.testing.assert_allclose(mine, theirs, atol=1e-6)
            compared += 1
    assert compared > 900


def entries_to_matrix(entries):
    return np.reshape(entries, (2, 2))


def test_the_signs_are_those_that_the_figure_promises_on_both_sides(closed):
    for entries, found in zip(ALL, closed, strict=True):
        U, s, V = Svd2d(entries=entries).svd()
        np.testing.assert_allclose(found["s"], s, atol=1e-9)
        np.testing.assert_allclose(entries_to_matrix(found["V"]), V, atol=1e-6)
        np.testing.assert_allclose(entries_to_matrix(found["U"]), U, atol=1e-6)
        assert np.linalg.det(V) == pytest.approx(1)  # V is a rotation
        assert V[0, 0] > -1e-9  # and v1 points to the right
        if s[1] > 0:
            assert found["mirrored"] == (np.linalg.det(U) < 0) == (np.linalg.det(entries_to_matrix(entries)) < 0)


def test_a_case_worked_by_hand():
    # AᵀA = [[1, 0.6], [0.6, 1]]: eigenvalues 1.6 and 0.4 along (1, 1) and (−1, 1)
    found = call("svd2", [1, 0.6, 0, 0.8])
    half = 1 / math.sqrt(2)
    np.testing.assert_allclose(found["s"], [math.sqrt(1.6), math.sqrt(0.4)], rtol=1e-14)
    np.testing.assert_allclose(found["V"], [half, -half, half, half], rtol=1e-14)
    np.testing.assert_allclose(found["U"], np.array([2, -1, 1, 2]) / math.sqrt(5), rtol=1e-14)


STEPS = (0, 0.3, 1, 1.5, 2, 2.4, 3)


def test_the_steps_between_are_the_same_on_both_sides_and_end_in_the_matrix():
    found = iter(run(NAME, [("mapSoFar", entries, step) for entries in ALL for step in STEPS]))
    for entries in ALL:
        _, s, V = Svd2d(entries=entries).svd()
        ends = {0: np.eye(2), 1: V.T, 2: np.diag(s) @ V.T, 3: entries_to_matrix(entries)}
        for step in STEPS:
            M = entries_to_matrix(next(found))
            np.testing.assert_allclose(M, Svd2d(entries=entries, step=step).map_so_far(), atol=1e-6)
            if step in ends:
                np.testing.assert_allclose(M, ends[step], atol=2e-9)


def test_the_turns_keep_lengths_and_a_mirror_is_flat_halfway():
    turning, over = (entries_to_matrix(call("mapSoFar", [1, 0.6, 0, d], s)) for d, s in ((0.8, 0.4), (-0.8, 2.5)))
    np.testing.assert_allclose(turning.T @ turning, np.eye(2), atol=1e-15)
    assert abs(np.linalg.det(over)) < 1e-15
    assert np.linalg.norm(over) > 1


def test_a_dragged_tip_rests_on_a_twentieth_within_reach_and_the_other_tip_stays():
    start = [0.5, 0.25, -0.3, 1.0]
    tips = [(0, [0.512, -0.98]), (1, [9, -9]), (1, [-0.01, 0.01]), (0, [0, 0]), (0, [1.19, 0.09]), (1, [-3, 0])]
    found = run(NAME, [("moved", start, i, tip) for i, tip in tips])
    assert found[:4] == [[0.5, 0.25, -1, 1.0], [0.5, 0.8, -0.3, -0.8], [0.5, 0, -0.3, 0], [0, 0.25, 0, 1.0]]
    assert found[5] == [0.5, -LONGEST, -0.3, 0]
    for (i, _), entries in zip(tips, found, strict=True):
        Svd2d(entries=entries)  # Python accepts them
        assert [entries[1 - i], entries[3 - i]] == [start[1 - i], start[3 - i]]


def test_the_head_of_an_arrow_ends_at_its_tip_and_a_zero_vector_has_none():
    left, tip, right = call("head", [0.6, -0.8])
    assert tip == [0.6, -0.8]
    assert math.dist(left, tip) == pytest.approx(math.dist(right, tip))
    assert np.dot(np.subtract(left, right), tip) == pytest.approx(0)
    assert np.dot(np.subtract(left, tip), tip) < 0
    assert call("head", [0, 0]) == []


# ---- Words -----------------------------------------------------------------------------------------------------------


def test_the_facts_are_the_same_on_both_sides():
    calls = [(entries, angle) for entries in ALL for angle in (-180, -37.5, 0, 90)]
    found = run(NAME, [("facts", *c) for c in calls])
    for (entries, angle), facts in zip(calls, found, strict=True):
        wanted = Svd2d(entries=entries, angle=angle).facts()
        assert facts == {key: list(texts[1:]) for key, texts in wanted.items()}


FACTS = {
    "an ellipse": (
        [1, 0.6, 0, 0.8],
        {
            "s1": ["1.26", "v₁ at 45.0° goes to u₁ at 26.6°"],
            "s2": ["0.63", "v₂ at 135.0° goes to u₂ at 116.6°"],
            "kappa": ["2.00", "1 would keep the circle round"],
            "det": ["0.80", "σ₁σ₂: not mirrored"],
            "rank": ["2", "an ellipse: nothing is lost"],
            "x": ["1.00", "x has length 1, at 90.0°"],
        },
    ),
    "mirrored": (
        [0, -1, -0.5, 0],
        {
            "s1": ["1.00", "v₁ at 90.0° goes to u₁ at 180.0°"],
            "s2": ["0.50", "v₂ at 180.0° goes to u₂ at 90.0°"],
            "kappa": ["2.00", "1 would keep the circle round"],
            "det": ["−0.50", "−σ₁σ₂: mirrored"],
            "rank": ["2", "an ellipse: nothing is lost"],
            "x": ["1.00", "x has length 1, at 90.0°"],
        },
    ),
    "a line": (
        [0.6, 0.6, 0.8, 0.8],
        {
            "s1": ["1.41", "v₁ at 45.0° goes to u₁ at 53.1°"],
            "s2": ["0.00", "v₂ at 135.0° goes to 0"],
            "kappa": ["∞", "σ₂ is 0"],
            "det": ["0.00", "singular: no inverse"],
            "rank": ["1", "a line: what lies along v₂ is lost"],
            "x": ["1.00", "x has length 1, at 90.0°"],
        },
    ),
    "a circle": (
        [0.6, -0.8, 0.8, 0.6],
        {
            "s1": ["1.00", "all directions alike: any v₁ would do"],
            "s2": ["1.00", "all directions alike: any v₂ would do"],
            "kappa": ["1.00", "1 would keep the circle round"],
            "det": ["1.00", "σ₁σ₂: not mirrored"],
            "rank": ["2", "a circle: nothing is lost"],
            "x": ["1.00", "x has length 1, at 90.0°"],
        },
    ),
    "a point": (
        [0, 0, 0, 0],
        {
            "s1": ["0.00", "all directions alike: any v₁ would do"],
            "s2": ["0.00", "all directions alike: any v₂ would do"],
            "kappa": ["none", "A is 0"],
            "det": ["0.00", "singular: no inverse"],
            "rank": ["0", "a point: everything is lost"],
            "x": ["0.00", "x has length 1, at 90.0°"],
        },
    ),
}


@pytest.mark.parametrize("case", FACTS)
def test_facts_by_hand(case):
    entries, wanted = FACTS[case]
    assert call("facts", entries, 90) == wanted


BEGIN = {"entries": [1, 0.6, 0, 0.8], "step": 3, "angle": 20}
MIRROR, LINE = [1, 0.6, 0, -0.8], [1, 0.5, 0, 0]
SAID = [
    ("", {}, "The longest radius of the ellipse is σ₁ = 1.26, the shortest σ₂ = 0.63."),
    ("", {"entries": MIRROR}, "The map mirrors: the determinant is negative."),
    ("step", {"step": 0}, "The circle as it comes in. v₁ and v₂ are at a right angle."),
    ("step", {"step": 0.5}, "Vᵀ turns, so far by 22.5° clockwise."),
    (
        "step",
        {"step": 1},
        "Vᵀ has turned everything by 45.0° clockwise: v₁ lies on the first axis, v₂ on the second.",
    ),
    ("step", {"step": 1.5}, "Σ stretches along the axes, so far by 1.13 and 0.82."),
    ("step", {"step": 2}, "Σ has stretched the first axis by 1.26 and the second by 0.63."),
    ("step", {"step": 2.5}, "U turns the plane so far by 13.3° counter-clockwise."),
    ("step", {}, "U has turned the plane by 26.6° counter-clockwise. The three steps together are A."),
    (
        "step",
        {"entries": MIRROR},
        "U has turned the plane over and by 26.6° clockwise. The three steps together are A.",
    ),
    ("tip 0", {}, "(1, 0) goes to (1.00, 0.00); σ₁ = 1.26, σ₂ = 0.63."),
    (
        "tip 1",
        {"entries": MIRROR},
        "(0, 1) goes to (0.60, −0.80); σ₁ = 1.26, σ₂ = 0.63. The map mirrors: the determinant is negative.",
    ),
    (
        "tip 1",
        {"entries": LINE},
        "(0, 1) goes to (0.50, 0.00); σ₁ = 1.12, σ₂ = 0.00. Singular: σ₂ = 0, the ellipse is a line, and v₂ goes to 0.",
    ),
    (
        "tip 1",
        {"entries": [1, 0, 0, 1]},
        "(0, 1) goes to (0.00, 1.00); σ₁ = 1.00, σ₂ = 1.00. "
        "The circle stays a circle, all directions are stretched alike.",
    ),
    ("", {"entries": [0, 1, 1, 0]}, "The circle stays a circle, mirrored: all directions are stretched alike."),
    ("", {"entries": [0, 0, 0, 0]}, "Everything goes to 0: both singular values are 0."),
    ("x", {}, "x is at 20.0°, and Ax is 1.18 long."),
    ("x", {"angle": -135}, "x is at −135.0°, and Ax is 1.26 long. It lies along v₁: no x gets longer."),
    ("x", {"angle": 135}, "x is at 135.0°, and Ax is 0.63 long. It lies along v₂: no x gets shorter."),
    ("reset", {}, "Back at the start. The longest radius of the ellipse is σ₁ = 1.26, the shortest σ₂ = 0.63."),
]


def test_the_figure_says_what_has_changed():
    found = run(NAME, [("sentence", reason, {**BEGIN, **state}) for reason, state, _ in SAID])
    assert found == [words for *_, words in SAID]


def test_the_progress_of_the_steps_in_few_words():
    steps = {0: "none", 0.05: "Vᵀ 5 %", 1: "Vᵀ 100 %", 1.35: "Σ 35 %", 2: "Σ 100 %", 2.95: "U 95 %", 3: "U 100 %"}
    assert run(NAME, [("progress", step) for step in steps]) == list(steps.values())


# ---- The still picture -----------------------------------------------------------------------------------------------


def drawn(still, css):
    return [
        np.array([[float(v) for v in pair.split(",")] for pair in points.split()]) / [80, -80]
        for points in re.findall(rf'<polygon class="{css}" points="([^"]+)"', still)
    ]


@pytest.mark.parametrize("state", [{}, {"step": 1.5}, {"entries": MIRROR, "step": 2.25, "angle": -60.0}], ids=str)
def test_the_still_picture_draws_what_the_library_computes(state):
    figure = Svd2d(**state)
    still = figure.still()
    (circle,), (image,) = drawn(still, "v2a-sv-in"), drawn(still, "v2a-sv-out")
    np.testing.assert_allclose(np.linalg.norm(circle, axis=1), 1, atol=2e-3)
    np.testing.assert_allclose(image, circle @ figure.map_so_far().T, atol=3e-3)
    lines = re.findall(r'v2a-sv-arrow\d" x1="0" y1="0" x2="(\S+)" y2="(\S+)"', still)
    ends = np.array(lines, dtype=float) / [80, -80]
    V = figure.svd()[2]
    np.testing.assert_allclose(ends, [*V.T, *(figure.map_so_far() @ V).T], atol=2e-3)
    for name, value, meaning in figure.facts().values():
        assert f"<dt>{name}</dt><dd><b>{value}</b> <small>{meaning}</small></dd>" in still


def test_the_ellipse_of_the_still_picture_is_as_long_as_sigma_1_and_as_wide_as_sigma_2():
    (image,) = drawn(Svd2d().still(), "v2a-sv-out")
    lengths = np.linalg.norm(image, axis=1)
    assert [lengths.max(), lengths.min()] == pytest.approx([math.sqrt(1.6), math.sqrt(0.4)], abs=2e-3)


# ---- The controls, in a real browser ---------------------------------------------------------------------------------


@pytest.fixture
def open_lab(open_lab):
    return lambda **traits: open_lab(Svd2d(**traits))


TIPS = ("Where (1, 0) goes", "Where (0, 1) goes")


@pytest.mark.parametrize(
    ("label", "key", "change"),
    [
        ("Step", "ArrowLeft", {"step": 2.95}),
        ("Step", "Home", {"step": 0}),
        ("x at angle", "ArrowRight", {"angle": 21}),
        ("x at angle", "Home", {"angle": -180}),
        ("x at angle", "End", {"angle": 180}),
    ],
)
def test_a_key_on_a_slider_sets_its_trait(open_lab, label, key, change):
    lab = open_lab()
    lab.asked()
    lab.view().get_by_role("slider", name=label, exact=True).press(key)
    assert lab.changes() == change
    Svd2d(**change)


@pytest.mark.parametrize("stop", range(4))
def test_a_button_goes_to_its_step(open_lab, stop):
    lab = open_lab(step=2.5)
    lab.asked()
    name = ("circle", "Vᵀ turns", "Σ stretches", "U turns")[stop]
    button = lab.view().get_by_role("button", name=name, exact=True)
    button.click()
    assert lab.changes() == {"step": stop}
    assert button.get_attribute("aria-pressed") == "true"
    assert lab.view().locator("[aria-pressed=true]").count() == 1
    acts = lab.view().locator(".v2a-sv-acts .v2a-sv-under").all_inner_texts()
    assert acts == [[], ["Vᵀ"], ["Σ"], ["U"]][stop]


@pytest.mark.parametrize("tip", [0, 1])
def test_arrow_keys_move_a_tip_and_no_other_and_all_steps_are_shown(open_lab, tip):
    lab = open_lab(step=1.0)
    handle = lab.view().get_by_role("slider", name=TIPS[tip])
    handle.focus()
    M = np.array([[1, 0.6], [0, 0.8]])
    for key, step in [("ArrowLeft", (-0.05, 0)), ("ArrowUp", (0, 0.05)), ("Shift+ArrowLeft", (-0.25, 0))]:
        lab.asked()
        lab.page.keyboard.press(key)
        M[:, tip] += step
        change = lab.changes()
        assert change["entries"] == pytest.approx(M.ravel().tolist(), abs=1e-12)
        assert change["step"] == 3
        x, y = (f"{v:.2f}".replace("-", "−") for v in M[:, tip])
        assert handle.get_attribute("aria-valuetext") == f"x {x}, y {y}"
    assert handle.evaluate("(h) => h === document.activeElement"), "the hand stays on the tip"


def test_a_tip_stops_at_the_edge_and_other_keys_are_the_browsers(open_lab):
    lab = open_lab(entries=[LONGEST, 0, 0, 1])
    lab.asked()
    handle = lab.view().get_by_role("slider", name=TIPS[0])
    for key in ("ArrowRight", "a", "Home"):
        handle.press(key)
    assert lab.changes() == {}


def test_a_tip_follows_the_mouse(open_lab):
    lab = open_lab(entries=[1, 0, 0, 1])
    lab.asked()
    box = lab.view().locator("svg").nth(1).bounding_box()
    scale = box["width"] / 3.8

    def at(x, y):
        return box["x"] + (x + 1.9) * scale, box["y"] + (1.9 - y) * scale

    mouse = lab.page.mouse
    mouse.move(*at(0, 1))
    mouse.down()
    mouse.move(*at(0.6, -0.8), steps=4)
    mouse.up()
    mouse.move(*at(1, 1))  # not held any more
    assert lab.changes()["entries"] == pytest.approx([1, 0.6, 0, -0.8])


def test_reset_brings_back_what_python_begins_with(open_lab):
    lab = open_lab(entries=[0.5, -0.9, 1.05, 0.75], step=1.5, angle=-60.0)
    lab.asked()
    reset = lab.view().get_by_role("button", name="Reset")
    reset.click()
    assert lab.changes() == Svd2d().state()
    assert reset.is_disabled()
    assert lab.page.evaluate("document.activeElement.textContent") == "U turns"


def test_the_matrices_are_shown_with_two_decimals(open_lab):
    lab = open_lab(entries=MIRROR)
    texts = [table.locator("td").all_inner_texts() for table in lab.view().locator("table").all()]
    U, s, V = Svd2d(entries=MIRROR).svd()
    wanted = [np.reshape(MIRROR, (2, 2)), U, np.diag(s), V.T]
    for shown, M in zip(texts, wanted, strict=True):
        found = [float(text.replace("−", "-")) for text in shown]
        assert found == pytest.approx(M.ravel().tolist(), abs=0.005001)
