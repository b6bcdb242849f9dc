"""The figure of notebook 2.1: its arithmetic in the browser against the library, its controls, its words."""

import itertools
import math
import re

import numpy as np
import pytest

from vec2attn.matrices import projection, reflection, rotation, scaling, shear
from vec2attn.vectors import project
from vec2attn.widgets.rotation_projection import CONVENTIONS, LETTER, REACH, RotationProjection, formula, kind
from widgets.node import run

NAME = "rotation_projection"
COLUMNS, ROWS = CONVENTIONS
THETAS = (-180, -137, -90, -45, -1, 0, 12.5, 30, 89, 90, 180)
PHIS = (0, 15, 45, 90, 121.5, 165, 180)
ENTRIES = ([1, 0.5, 0, 1], [-0.3, 1.25, 2, -2], [0, 0, 0, 0], [1, 2, 0.5, 1], [0.05, -1.95, 0.35, 0.7])


def call(names, *arguments):
    return run(NAME, [(name, *arguments) for name in names])


# ---- Arithmetic: the browser's against the library's -----------------------------------------------------------------


def test_rotations_and_projections_are_the_librarys():
    found = run(NAME, [("rotation", t) for t in THETAS] + [("projection", p) for p in PHIS])
    turns, shadows = np.array(found[: len(THETAS)]), np.array(found[len(THETAS) :])
    wanted = [rotation(math.radians(t)).ravel() for t in THETAS]
    np.testing.assert_allclose(turns, wanted, rtol=0, atol=1e-15)
    wanted = [projection([math.cos(math.radians(p)), math.sin(math.radians(p))]).ravel() for p in PHIS]
    np.testing.assert_allclose(shadows, wanted, rtol=0, atol=1e-15)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_images_and_shadows_of_the_letter_are_the_librarys(convention):
    states = [{"theta": t, "entries": []} for t in THETAS] + [{"theta": 30, "entries": e} for e in ENTRIES]
    for state, phi, n in itertools.product(states, PHIS[::2], (0, 1, 3)):
        figure = RotationProjection(**state, phi=phi, projections=n, convention=convention)
        letter = np.array(LETTER)
        A = rotation(math.radians(state["theta"])) if not state["entries"] else np.reshape(state["entries"], (2, 2))
        image = letter @ A.T if convention == "points @ A.T" else letter @ A
        np.testing.assert_allclose(figure.image(letter), image, atol=1e-15)
        u = np.array([math.cos(math.radians(phi)), math.sin(math.radians(phi))])
        shadow = project(image, np.broadcast_to(u, image.shape)) if n else image
        np.testing.assert_allclose(figure.shadow(letter), shadow, atol=1e-14)
    # the browser, on the same grid, in one batch
    grid = list(itertools.product(states, PHIS[::2], (0, 1, 3)))
    maps = run(NAME, [("mapOf", {**state, "convention": convention}) for state, _, _ in grid])
    calls = [
        ("projected", phi, [M[0] * x + M[1] * y, M[2] * x + M[3] * y], n)
        for M, (_, phi, n) in zip(maps, grid, strict=True)
        for x, y in LETTER
    ]
    found = np.array(run(NAME, calls)).reshape(len(grid), len(LETTER), 2)
    for (state, phi, n), seen in zip(grid, found, strict=True):
        figure = RotationProjection(**state, phi=phi, projections=n, convention=convention)
        np.testing.assert_allclose(seen, figure.shadow(np.array(LETTER)), rtol=0, atol=1e-12)


def test_a_quarter_turn_by_hand_in_both_conventions():
    state = {"theta": 90, "entries": []}
    columns, rows = run(NAME, [("mapOf", {**state, "convention": c}) for c in CONVENTIONS])
    (to_columns,), (to_rows,) = (run(NAME, [("apply", M, [1, 0])]) for M in (columns, rows))
    np.testing.assert_allclose(to_columns, [0, 1], atol=1e-15)
    np.testing.assert_allclose(to_rows, [0, -1], atol=1e-15)


def test_determinant_and_transpose_by_hand():
    assert call(["determinant", "transpose"], [1, 2, 3, 4]) == [-2, [1, 3, 2, 4]]


def test_a_dragged_tip_rests_on_a_twentieth_within_reach_and_the_other_tip_stays():
    state = {"theta": 0, "entries": [1, 0.5, -0.25, 1.5], "convention": COLUMNS}
    rows = {**state, "convention": ROWS}
    found = run(
        NAME,
        [
            ("moved", state, 0, [0.512, -0.98]),
            ("moved", state, 1, [9, -9]),
            ("moved", state, 1, [-0.01, 0.01]),
            ("moved", rows, 0, [0.512, -0.98]),
            ("moved", rows, 1, [9, -9]),
        ],
    )
    assert found == [
        [0.5, 0.5, -1, 1.5],
        [1, REACH, -0.25, -REACH],
        [1, 0, -0.25, 0],
        [0.5, -1, -0.25, 1.5],
        [1, 0.5, REACH, -REACH],
    ]
    for entries in found:
        RotationProjection(entries=entries)  # Python accepts them


# ---- Words -----------------------------------------------------------------------------------------------------------

KINDS = [
    (np.eye(2), "the identity: nothing moves"),
    (rotation(math.pi / 6), "a rotation by 30° counter-clockwise"),
    (rotation(-math.pi / 2), "a rotation by 90° clockwise"),
    (rotation(math.pi), "a rotation by 180°"),
    (rotation(-math.pi), "a rotation by 180°"),
    (rotation(math.radians(12.5)), "a rotation by 12.5° counter-clockwise"),
    (reflection(0), "a reflection in the line at 0°"),
    (reflection(math.pi), "a reflection in the line at 0°"),
    (reflection(math.radians(-20)), "a reflection in the line at 160°"),
    (np.array([[0, 1], [1, 0]]), "a reflection in the line at 45°"),
    (np.zeros((2, 2)), "singular: everything goes to 0"),
    (projection([1, 1]), "singular, an orthogonal projection on a line"),
    (scaling(1, 0), "singular, an orthogonal projection on a line"),
    (np.array([[1, 2], [0, 0]]), "singular, an oblique projection"),
    (np.array([[1, 2], [0.5, 1]]), "singular: the plane falls on a line"),
    (scaling(2, 0), "singular: the plane falls on a line"),
    (scaling(2, -0.5), "a scaling: x times 2.00, y times −0.50"),
    (2 * rotation(math.pi / 4), "a rotation by 45° counter-clockwise and a stretch by 2.00"),
    (shear(0.5), "a shear: areas stay, right angles do not"),
    (shear(-1.5).T, "a shear: areas stay, right angles do not"),
    (rotation(0.7) @ shear(1) @ rotation(-0.7), "a shear: areas stay, right angles do not"),
    (np.array([[1, 0.5], [-0.25, 1.5]]), "a general map, not mirrored"),
    (np.array([[1, 0.5], [0.25, -1.5]]), "a general map, mirrored"),
]


def test_kinds_by_hand_in_python_and_in_the_browser():
    wanted = [words for _, words in KINDS]
    assert [kind(M) for M, _ in KINDS] == wanted
    assert run(NAME, [("kind", M.ravel().tolist()) for M, _ in KINDS]) == wanted


def test_both_sides_name_every_map_of_a_grid_alike():
    values = (-1, -0.5, 0, 0.35, 1, 2)
    grid = [np.reshape(m, (2, 2)) for m in itertools.product(values, repeat=4)]
    names = [kind(M) for M in grid]
    assert run(NAME, [("kind", M.ravel().tolist()) for M in grid]) == names
    for M, name in zip(grid, names, strict=True):
        det = np.linalg.det(M)
        assert name.startswith("singular") == (abs(det) < 1e-12)
        assert ("projection" in name) == bool(np.allclose(M @ M, M) and abs(det) < 1e-12 and M.any())
        assert ("orthogonal projection" in name) == ("projection" in name and np.allclose(M, M.T))
        orthogonal = np.allclose(M.T @ M, np.eye(2))
        assert (
            name.startswith(("the identity", "a reflection"))
            or bool(re.fullmatch("a rotation by [^ ]+( .*clockwise)?", name))
        ) == orthogonal
        if "mirrored" in name:
            assert ("not mirrored" in name) == (det > 0)


AREAS = {1: "areas stay, not mirrored", -1: "areas stay, mirrored", 0: "no area is left"}
AREAS |= {2.5: "areas × 2.50, not mirrored", -0.75: "areas × 0.75, mirrored"}


def test_the_determinant_is_explained():
    assert dict(zip(AREAS, run(NAME, [("area", det) for det in AREAS]), strict=True)) == AREAS


def test_the_formula_is_the_same_on_both_sides_and_computes_the_shadow():
    cases = list(itertools.product(CONVENTIONS, (0, 1, 2, 3, 4, 12)))
    assert run(NAME, [("formula", *case) for case in cases]) == [formula(*case) for case in cases]
    assert formula(ROWS, 4) == "points @ A @ P … @ P (4 times)"
    figure = RotationProjection(entries=[1, 2, 0.5, -1], phi=20)
    for figure.convention, figure.projections in cases[:4] + cases[6:10]:
        names = {"points": np.array(LETTER), "A": figure.A, "P": figure.P}
        np.testing.assert_allclose(
            eval(formula(figure.convention, figure.projections), names), figure.shadow(np.array(LETTER)), atol=1e-14
        )


BEGIN = {"theta": 30, "phi": 165, "entries": [], "convention": COLUMNS, "projections": 0}
SHEAR = "The map is a shear: areas stay, right angles do not."
SAID = [
    ("", {}, "The map is a rotation by 30° counter-clockwise."),
    ("theta", {"theta": 90}, "Now a rotation by 90° counter-clockwise: (1, 0) goes to (0.00, 1.00)."),
    (
        "convention",
        {"theta": 90, "convention": ROWS},
        "The same four numbers, and the rows are now the images of (1, 0) and (0, 1): a rotation by 90° clockwise.",
    ),
    ("convention", {"entries": [1, 1, 1, 0]}, "The matrix equals its transpose, so both ways give the same image."),
    ("phi", {"phi": 12.5}, "The line is at 12.5°. Nothing is projected on it yet."),
    ("phi", {"phi": 0, "projections": 1}, "The line is at 0°; the shadow of the image of (1, 0) is (0.87, 0.00)."),
    ("tip 0", {"entries": [1, 0.5, 0, 1]}, f"(1, 0) now goes to (1.00, 0.00). {SHEAR}"),
    ("tip 1", {"entries": [1, 0.5, 0, 1]}, f"(0, 1) now goes to (0.50, 1.00). {SHEAR}"),
    (
        "project",
        {"projections": 1},
        "Every point of the image has gone to the nearest point of the line. "
        "Points on one ray can no longer be told apart.",
    ),
    ("again", {"projections": 2}, "Projected 2 times. No point has moved: each was on the line already, P² = P."),
    ("map", {}, "The image, not projected: a rotation by 30° counter-clockwise."),
    ("reset", {}, "Back at the start: a rotation by 30° counter-clockwise."),
]


def test_the_figure_says_what_has_changed():
    found = run(NAME, [("sentence", reason, {**BEGIN, **state}) for reason, state, _ in SAID])
    assert found == [words for *_, words in SAID]


# ---- The still picture -----------------------------------------------------------------------------------------------


def points_of(still, css):
    found = re.findall(rf'<polygon class="{css}[^"]*" points="([^"]+)"', still)
    return np.array([[float(v) for v in pair.split(",")] for pair in found[0].split()]) / [80, -80]


@pytest.mark.parametrize(
    "state", [{}, {"entries": [1, 0.5, -0.25, 1.5], "convention": ROWS, "projections": 2}], ids=str
)
def test_the_still_picture_draws_what_the_library_computes(state):
    figure = RotationProjection(**state)
    still = figure.still()
    np.testing.assert_allclose(points_of(still, "v2a-rp-in"), LETTER, atol=1e-3)
    np.testing.assert_allclose(points_of(still, "v2a-rp-out"), figure.image(np.array(LETTER)), atol=1e-3)
    e1, e2 = figure.image(np.eye(2))
    np.testing.assert_allclose(points_of(still, "v2a-rp-area"), [[0, 0], e1, e1 + e2, e2], atol=1e-3)
    assert still.count("v2a-rp-ray") == (len(LETTER) if figure.projections else 0)
    assert f"<code>{formula(figure.convention, figure.projections)}</code>: {figure.words()}." in still
    assert f"determinant {np.linalg.det(figure.A):.2f}" in still


def test_the_shadow_of_the_still_picture_lies_on_the_line():
    figure = RotationProjection(phi=40, projections=1)
    ends = re.search(r'class="v2a-rp-shadow" x1="(\S+)" y1="(\S+)" x2="(\S+)" y2="(\S+)"', figure.still())
    x1, y1, x2, y2 = (float(v) / 80 for v in ends.groups())
    places = sorted(figure.shadow(np.array(LETTER)) @ [math.cos(math.radians(40)), math.sin(math.radians(40))])
    assert [math.hypot(x1, y1), math.hypot(x2, y2)] == pytest.approx([abs(places[0]), abs(places[-1])], abs=2e-3)
    for x, y in ((x1, -y1), (x2, -y2)):
        assert y == pytest.approx(math.tan(math.radians(40)) * x, abs=2e-3)


# ---- The controls, in a real browser ---------------------------------------------------------------------------------


@pytest.fixture
def open_lab(open_lab):
    return lambda **traits: open_lab(RotationProjection(**traits))


TIPS = ("Where (1, 0) goes", "Where (0, 1) goes")


@pytest.mark.parametrize(
    ("label", "key", "change"),
    [
        ("Rotate by θ", "ArrowRight", {"theta": 31, "entries": []}),
        ("Rotate by θ", "Home", {"theta": -180, "entries": []}),
        ("Rotate by θ", "End", {"theta": 180, "entries": []}),
        ("Line at φ", "ArrowLeft", {"phi": 164}),
        ("Line at φ", "Home", {"phi": 0}),
        ("Line at φ", "End", {"phi": 180}),
    ],
)
def test_a_key_on_a_slider_sets_its_trait(open_lab, label, key, change):
    lab = open_lab()
    lab.asked()
    lab.view().get_by_role("slider", name=label, exact=True).press(key)
    assert lab.changes() == change
    RotationProjection(**change)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("tip", [0, 1])
def test_arrow_keys_move_a_tip_and_no_other(open_lab, tip, convention):
    start = [1.0, 0.5, -0.25, 1.5]
    lab = open_lab(entries=start, convention=convention)
    handle = lab.view().get_by_role("slider", name=TIPS[tip])
    handle.focus()
    M = np.reshape(start, (2, 2)) if convention == COLUMNS else np.reshape(start, (2, 2)).T
    for key, step in [
        ("ArrowRight", (0.05, 0)),
        ("ArrowUp", (0, 0.05)),
        ("Shift+ArrowLeft", (-0.25, 0)),
        ("ArrowDown", (0, -0.05)),
    ]:
        lab.page.keyboard.press(key)
        M = M.copy()
        M[:, tip] += step
        A = M if convention == COLUMNS else M.T
        assert lab.changes()["entries"] == pytest.approx(A.ravel().tolist(), abs=1e-12)
        x, y = (f"{v:.2f}".replace("-", "−") for v in M[:, tip])
        assert handle.get_attribute("aria-valuetext") == f"x {x}, y {y}"
    assert handle.evaluate("(h) => h === document.activeElement"), "the hand stays on the tip"


def test_a_tip_stops_at_the_edge_and_other_keys_are_the_browsers(open_lab):
    lab = open_lab(entries=[REACH, 0, 0, 1])
    lab.asked()
    handle = lab.view().get_by_role("slider", name=TIPS[0])
    for key in ("ArrowRight", "a", "Home"):
        handle.press(key)
    assert lab.changes() == {}


def test_a_tip_follows_the_mouse(open_lab):
    lab = open_lab(entries=[1, 0, 0, 1])
    lab.asked()
    plane, handle = lab.view().locator("svg"), lab.view().get_by_role("slider", name=TIPS[1])
    box, tip = plane.bounding_box(), handle.locator("rect").bounding_box()
    per_unit = box["width"] / 4.6
    x, y = tip["x"] + tip["width"] / 2, tip["y"] + tip["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x + 0.5 * per_unit, y + 2 * per_unit, steps=5)
    assert lab.changes()["entries"] == pytest.approx([1, 0.5, 0, -1])
    lab.page.mouse.up()
    lab.page.mouse.move(x, y)  # no longer in the hand
    assert lab.changes() == {}


def test_the_buttons_choose_the_convention_and_the_steps(open_lab):
    lab = open_lab()
    lab.asked()
    press = lambda name: lab.view().get_by_role("button", name=name, exact=True).click()  # noqa: E731
    pressed = lambda: [b.inner_text() for b in lab.view().locator("[aria-pressed=true]").all()]  # noqa: E731
    assert lab.view().get_by_role("button", name="project again").is_disabled()
    assert pressed() == [COLUMNS, "map"]
    for name, change in [
        (ROWS, {"convention": ROWS}),
        ("then project", {"projections": 1}),
        ("project again", {"projections": 2}),
        ("project again", {"projections": 3}),
        ("then project", {"projections": 3}),
        ("map", {"projections": 0}),
        (COLUMNS, {"convention": COLUMNS}),
    ]:
        press(name)
        assert lab.changes() == change
    assert pressed() == [COLUMNS, "map"]


def test_reset_goes_back_to_what_python_begins_with_and_leaves_the_focus_near(open_lab):
    lab = open_lab(theta=-40, phi=70, entries=[1, 0.5, -0.25, 1.5], convention=ROWS, projections=2)
    lab.asked()
    reset = lab.view().get_by_role("button", name="Reset")
    reset.focus()
    lab.page.keyboard.press("Enter")
    assert lab.changes() == {name: getattr(RotationProjection(), name) for name in BEGIN}
    assert reset.is_disabled()
    assert COLUMNS in lab.page.evaluate("document.activeElement.textContent")


def test_projecting_again_moves_nothing_in_the_picture(open_lab):
    lab = open_lab(projections=1)
    drawing = lambda: lab.view().locator("svg").inner_html()  # noqa: E731
    once = drawing()
    lab.view().get_by_role("button", name="project again").click()
    lab.frame()
    assert drawing() == once
    assert "P² = P" in lab.view().locator(".v2a-said").inner_text()


STATES = [
    {},
    {"theta": 90.0},
    {"theta": 90.0, "convention": ROWS},
    {"theta": -12.5, "phi": 33.0, "projections": 1},
    {"entries": [1, 0.5, -0.3, 1.5], "convention": ROWS, "projections": 3},
    {"entries": [1, 2, 0.5, 1]},
]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_figure_shows_the_numbers_of_the_library(open_lab, state):
    lab, figure = open_lab(**state), RotationProjection(**state)
    number = lambda x: f"{x + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−")  # noqa: E731
    pair = lambda p: f"({number(p[0])}, {number(p[1])})"  # noqa: E731
    assert lab.view().locator("tbody td").all_inner_texts() == [number(x) for x in figure.A.ravel()]
    what, det, image, shadow, code = lab.view().locator("dd").all_inner_texts()
    e1 = np.array([[1.0, 0.0]])
    assert what == figure.words()
    assert det.startswith(f"{number(np.linalg.det(figure.A))}: ")
    assert image == pair(figure.image(e1)[0])
    assert shadow == (pair(figure.shadow(e1)[0]) if figure.projections else "not projected")
    assert code == formula(figure.convention, figure.projections)
    drawn = lab.view().locator(".v2a-rp-out").get_attribute("points")
    drawn = np.array([[float(v) for v in p.split(",")] for p in drawn.split()]) / [80, -80]
    np.testing.assert_allclose(drawn, figure.image(np.array(LETTER)), atol=1e-3)
    of_rows = "v2a-rp-rows" in lab.view().locator("table").get_attribute("class")  # the style sheet hides one pair
    assert of_rows == (figure.convention == ROWS)
    assert lab.view().locator("thead th").all_text_contents() == ["(1, 0) ↓", "(0, 1) ↓"]
    assert lab.view().locator("tbody th").all_text_contents() == ["(1, 0) →", "(0, 1) →"]
