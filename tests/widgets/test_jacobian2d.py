"""The figure of notebook 5.3: its arithmetic in the browser against the library, its controls, its words."""

import itertools
import re

import numpy as np
import pytest

from vec2attn.calculus import jacobian
from vec2attn.widgets.jacobian2d import GRID, LARGEST, MAPS, REACH, SIZE, SMALLEST, Jacobian2d, _digits, area
from widgets.node import run

NAME = "jacobian2d"
POINTS = [list(p) for p in itertools.product((-1.5, -0.35, 0.0, 0.8, 1.5), repeat=2)]
SIZES = (SMALLEST, 0.1, 0.25, LARGEST)


# ---- Arithmetic: the browser's against the library's -----------------------------------------------------------------


@pytest.mark.parametrize("name", MAPS)
def test_values_and_jacobians_are_the_librarys(name):
    found = run(NAME, [("image", name, p) for p in POINTS] + [("jacobian", name, p) for p in POINTS])
    f = MAPS[name].f
    np.testing.assert_allclose(found[: len(POINTS)], f(np.array(POINTS)), rtol=0, atol=1e-15)
    for p, J in zip(POINTS, found[len(POINTS) :], strict=True):
        np.testing.assert_allclose(np.reshape(J, (2, 2)), jacobian(f, p, "complex"), rtol=0, atol=1e-15)
        np.testing.assert_allclose(np.reshape(J, (2, 2)), jacobian(f, p), rtol=0, atol=1e-9)
        np.testing.assert_allclose(Jacobian2d(map=name, p=p).J, np.reshape(J, (2, 2)), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", MAPS)
def test_linearisations_and_largest_errors_are_the_librarys(name):
    grid = list(itertools.product(POINTS[::3], SIZES))
    near = run(NAME, [("neighbourhood", p, h) for p, h in grid])
    errors = run(NAME, [("largestError", {"map": name, "p": p, "h": h}) for p, h in grid])
    straight = run(NAME, [("linearised", name, p, [p[0] + h, p[1] - h]) for p, h in grid])
    for (p, h), points, seen, corner in zip(grid, near, errors, straight, strict=True):
        figure = Jacobian2d(map=name, p=p, h=h)
        np.testing.assert_allclose(points, figure.neighbourhood(), rtol=0, atol=1e-15)
        np.testing.assert_allclose(corner, figure.linearised(np.array([p[0] + h, p[1] - h])), rtol=0, atol=1e-14)
        assert seen["error"] == pytest.approx(figure.error, abs=1e-14)
        assert seen["ratio"] == pytest.approx(figure.error / h**2, rel=1e-9)
        x = np.array(seen["worst"])
        gap = np.linalg.norm(figure.f(x) - figure.f(np.array(p)) - jacobian(figure.f, p, "complex") @ (x - p))
        assert gap == pytest.approx(figure.error, abs=1e-14)


def test_the_square_by_hand():
    # half of (x + iy)²: the error is half of (dx + idy)², which is h² long in a corner
    for h in SIZES:
        (found,) = run(NAME, [("largestError", {"map": "square", "p": [0.3, -1.2], "h": h})])
        assert found["ratio"] == pytest.approx(1, rel=1e-9)
    assert Jacobian2d(map="square", p=[0.0, 0.0]).J.tolist() == [[0, 0], [0, 0]]
    assert Jacobian2d(map="square", p=[1.0, 0.5]).det == pytest.approx(1.25)  # |p|²


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("p", POINTS[::4], ids=str)
def test_the_ratio_to_h_squared_settles(name, p):
    ratio = [Jacobian2d(map=name, p=p, h=h).error / h**2 for h in (1 / 16, 1 / 32, SMALLEST)]
    assert ratio[1:] == pytest.approx([ratio[2]] * 2, rel=0.02)
    assert ratio[2] > 0.1


def test_the_fold_of_bend_is_where_the_text_says():
    assert Jacobian2d(map="bend", p=[1.0, 0.0]).det == 0
    assert Jacobian2d(map="bend", p=[1.5, 0.0]).det == pytest.approx(-0.5)


@pytest.mark.parametrize("name", MAPS)
def test_the_picture_holds_the_image_of_the_whole_grid(name):
    shown = MAPS[name]
    corners = np.array([[x, y] for x in (-GRID, GRID) for y in np.linspace(-GRID, GRID, 41)])
    for points in (corners, corners[:, ::-1]):
        assert (abs(shown.f(points) - shown.middle) <= shown.half).all()


AREAS = {1: "small areas stay", -0.75: "small areas × 0.75, mirrored", 0.004: "flattened, a direction is lost"}
AREAS |= {2.5: "small areas × 2.50", -1.0: "small areas stay, mirrored", 0: "flattened, a direction is lost"}


def test_the_determinant_is_explained_alike_on_both_sides():
    assert dict(zip(AREAS, run(NAME, [("area", det) for det in AREAS]), strict=True)) == AREAS
    assert {det: area(det) for det in AREAS} == AREAS


def test_digits_are_written_alike_on_both_sides():
    numbers = [0.5, 0.125, 0.0156, 0.17, 0.0000721, 0.0996, 0.999, 3.24, 12.7, 130.2, 1.0, 0.3]
    assert run(NAME, [("digits", x) for x in numbers]) == [_digits(x) for x in numbers]
    assert _digits(0.0000721) == "0.000072"


def test_notches_of_the_slider_are_sizes_and_four_of_them_halve():
    sizes = run(NAME, [("sizeOf", notch) for notch in range(21)])
    assert (sizes[0], sizes[-1]) == (SMALLEST, LARGEST)
    np.testing.assert_allclose(np.divide(sizes[4:], sizes[:-4]), 2, rtol=1e-15)
    assert run(NAME, [("notchOf", h) for h in sizes]) == list(range(21))


def test_a_dragged_point_rests_on_a_twentieth_within_reach():
    assert run(NAME, [("rest", [0.512, -0.98]), ("rest", [9, -9]), ("rest", [-0.01, 0.01])]) == [
        [0.5, -1],
        [REACH, -REACH],
        [0, 0],
    ]


BEGIN = {"map": "bend", "p": [0.5, -1.0], "h": 0.5}
SAID = [
    ("", None, {}, "Around p = (0.50, −1.00): small areas × 0.73; largest error 0.17."),
    (
        "h",
        BEGIN,
        {"h": 0.25},
        "h is 2 times smaller, the largest error 4.1 times smaller: 0.042. Divided by h² it is 0.67.",
    ),
    (
        "h",
        {**BEGIN, "h": 0.25},
        {},
        "h is 2 times larger, the largest error 4.1 times larger: 0.17. Divided by h² it is 0.68.",
    ),
    ("p", BEGIN, {"p": [1.0, 0.0]}, "p is now (1.00, 0.00), f(p) is (1.00, 0.50): flattened, a direction is lost."),
    (
        "map",
        BEGIN,
        {"map": "square"},
        "f(x, y) = ((x² − y²)/2, xy). Around p: small areas × 1.25; largest error 0.25.",
    ),
    ("reset", BEGIN, {}, "Back at the start. Around p: small areas × 0.73; largest error 0.17."),
]


def test_the_figure_says_what_has_changed():
    found = run(NAME, [("sentence", reason, before, {**BEGIN, **state}) for reason, before, state, _ in SAID])
    assert found == [words for *_, words in SAID]


# ---- The still picture -----------------------------------------------------------------------------------------------


def paths_of(still, css):
    """Return the paths of a class, each as a list of lines of points in the SVG's units."""
    found = re.findall(rf'<path class="v2a-j2-{css}" d="([^"]+)"', still)
    return [
        [np.array([[float(v) for v in p.split(",")] for p in line.split("L")]) for line in d.split("M")[1:]]
        for d in found
    ]


@pytest.mark.parametrize("state", [{}, {"map": "polar", "p": [-0.75, 1.25], "h": 0.125}], ids=str)
def test_the_still_picture_draws_what_the_library_computes(state):
    figure = Jacobian2d(**state)
    still, shown = figure.still(), MAPS[figure.map]
    corners = figure.neighbourhood()[[0, 0, -1, -1], [0, -1, -1, 0]]

    def placed(points, middle, half):
        return (points - np.array(middle)) * [SIZE / half, -SIZE / half]

    (square,) = paths_of(still, "in")[0]
    np.testing.assert_allclose(square[[0, 8, 16, 24]], placed(corners, (0, 0), 1.06 * GRID), atol=0.06)
    for css, images in (("out", figure.f(corners)), ("map", figure.linearised(corners))):
        (edge,) = paths_of(still, css)[0]
        np.testing.assert_allclose(edge[[0, 8, 16, 24]], placed(images, shown.middle, shown.half), atol=0.06)
    # the magnifier: the same, about f(p), as large as there is room
    factor = float(re.search("around, × ([0-9.]+)", still)[1])
    mesh, arrows = paths_of(still, "map")[1], paths_of(still, "arrow")[0]
    seen = np.array([mesh[0][0], mesh[0][-1], mesh[4][-1], mesh[4][0]])
    wanted = placed(figure.linearised(corners), figure.f(np.array(figure.p)), shown.half / factor)
    np.testing.assert_allclose(seen, wanted, rtol=0.06)
    every = np.concatenate(paths_of(still, "out")[1] + mesh)
    assert abs(every).max() == pytest.approx(SIZE / 1.1, abs=0.1)
    for i, column in enumerate(figure.J.T):
        tip = placed(figure.h * column, (0, 0), shown.half / factor)
        np.testing.assert_allclose(arrows[2 * i][-1], tip, rtol=0.06, atol=0.5)
    numbers = re.findall(r"<td>([−0-9.]+)</td>", still)
    np.testing.assert_allclose([float(x.replace("−", "-")) for x in numbers], figure.J.ravel(), atol=0.005001)
    assert f"{figure.error / figure.h**2:.2f}</dd>" in still
    assert f"<small>{area(figure.det)}</small>" in still


@pytest.mark.parametrize("name", MAPS)
def test_the_browser_draws_what_the_still_picture_draws(name):
    p, h = [-0.75, 1.25], 0.25
    figure = Jacobian2d(map=name, p=p, h=h)
    grid = figure.neighbourhood()
    (net,) = run(NAME, [("net",)])
    curved = figure.f(np.array(net))
    calls = [
        ("path", curved.tolist(), MAPS[name].middle, MAPS[name].half),
        ("edge", figure.f(grid).tolist()),
        ("mesh", figure.linearised(grid).tolist()),
        ("arrow", [1, 2], [0.5, -1.5]),
    ]
    path, edge, mesh, arrow = run(NAME, calls)
    still = figure.still()
    grids = paths_of(still, "grid")
    seen = [np.array([[float(v) for v in q.split(",")] for q in line.split("L")]) for line in path.split("M")[1:]]
    np.testing.assert_allclose(seen, grids[1], atol=0.11)
    shown = MAPS[name]
    np.testing.assert_allclose(
        (np.array(edge[0]) - shown.middle) * [SIZE / shown.half, -SIZE / shown.half],
        paths_of(still, "out")[0][0],
        atol=0.06,
    )
    assert len(mesh) == len(paths_of(still, "map")[1]) == 10
    np.testing.assert_allclose(arrow[0], [[1, 2], [1.5, 0.5]])
    assert arrow[1][1] == [1.5, 0.5]


# ---- The controls, in a real browser ---------------------------------------------------------------------------------


@pytest.fixture
def open_lab(open_lab):
    return lambda **traits: open_lab(Jacobian2d(**traits))


@pytest.mark.parametrize(
    ("label", "key", "change"),
    [
        ("x of p", "ArrowRight", {"p": [0.55, -1]}),
        ("x of p", "End", {"p": [1.5, -1]}),
        ("y of p", "ArrowLeft", {"p": [0.5, -1.05]}),
        ("y of p", "Home", {"p": [0.5, -1.5]}),
        ("Size h", "Home", {"h": SMALLEST}),
        ("Size h", "ArrowLeft", {"h": LARGEST / 2**0.25}),
    ],
)
def test_a_key_on_a_slider_sets_its_trait(open_lab, label, key, change):
    lab = open_lab()
    lab.asked()
    lab.view().get_by_role("slider", name=label, exact=True).press(key)
    (trait, value), *others = lab.changes().items()
    assert others == []
    assert {trait: pytest.approx(value, rel=1e-12)} == change
    Jacobian2d(**{trait: value})


def test_arrow_keys_move_the_point_and_stop_at_its_reach(open_lab):
    lab = open_lab(p=[1.4, 0.0])
    lab.asked()
    handle = lab.view().get_by_role("slider", name="The point p")
    handle.focus()
    for key, p in [
        ("ArrowUp", [1.4, 0.05]),
        ("Shift+ArrowDown", [1.4, -0.2]),
        ("ArrowLeft", [1.35, -0.2]),
        ("Shift+ArrowRight", [1.5, -0.2]),
    ]:
        lab.page.keyboard.press(key)
        assert lab.changes() == {"p": p}
        assert handle.get_attribute("aria-valuetext") == f"x {p[0]:.2f}, y {p[1]:.2f}".replace("-", "−")
    for key in ("ArrowRight", "a", "Home"):
        lab.page.keyboard.press(key)
    assert lab.changes() == {}
    assert handle.evaluate("(h) => h === document.activeElement")


def test_the_point_follows_the_mouse_until_it_is_let_go(open_lab):
    lab = open_lab(p=[0.0, 0.0])
    lab.asked()
    box = lab.view().locator("svg").first.bounding_box()
    scale = box["width"] / (2 * 1.06 * GRID)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.move(x + 4, y - 3)  # not quite in its middle: the point does not jump
    lab.page.mouse.down()
    lab.page.mouse.move(x + 4 + 1.2 * scale, y - 3 + 0.7 * scale, steps=5)
    assert lab.changes() == {"p": [1.2, -0.7]}
    lab.page.mouse.up()
    lab.page.mouse.move(x, y)
    assert lab.changes() == {}


def test_buttons_choose_the_map_halve_the_size_and_reset(open_lab):
    lab = open_lab(h=0.06)
    lab.asked()
    press = lambda name: lab.view().get_by_role("button", name=name, exact=True).click()  # noqa: E731
    press("polar")
    assert lab.changes() == {"map": "polar"}
    assert [b.inner_text() for b in lab.view().locator("[aria-pressed=true]").all()] == ["polar"]
    press("Halve h")
    assert lab.changes() == {"h": 0.03}
    press("Halve h")
    assert lab.changes() == {"h": SMALLEST}
    assert lab.view().get_by_role("button", name="Halve h").is_disabled()
    assert "Size h" in lab.focused()  # not lost with the button
    press("Reset")
    assert lab.changes() == BEGIN
    assert lab.view().get_by_role("button", name="Reset").is_disabled()
    assert "bend" in lab.page.evaluate("document.activeElement.textContent")


def test_what_python_sets_is_drawn(open_lab):
    lab = open_lab()
    lab.arrive(map="square", p=[-0.6, 1.1], h=0.125)
    figure = Jacobian2d(map="square", p=[-0.6, 1.1], h=0.125)
    cells = [float(t.replace("−", "-")) for t in lab.view().locator("td").all_inner_texts()]
    np.testing.assert_allclose(cells, figure.J.ravel(), atol=0.005001)
    facts = lab.view().locator("dd").all_inner_texts()
    assert facts[1].startswith(f"{figure.det:.2f}")
    assert facts[2].startswith(_digits(figure.error))
    assert facts[3].startswith(f"{figure.error / figure.h**2:.2f}")
    still = paths_of(figure.still(), "out")
    seen = [
        paths_of(f'<path class="v2a-j2-out" d="{d}"', "out")[0]
        for d in lab.view().locator("path.v2a-j2-out").evaluate_all("(all) => all.map((e) => e.getAttribute('d'))")
    ]
    for ours, theirs in zip(seen, still, strict=True):
        np.testing.assert_allclose(np.concatenate(ours), np.concatenate(theirs), atol=0.11)


def test_at_a_point_without_a_first_order_the_arrows_have_no_names(open_lab):
    lab = open_lab(map="square", p=[0.0, 0.0])
    assert (
        lab.view().locator("text.v2a-j2-label").evaluate_all("(all) => all.map((e) => e.getAttribute('visibility'))")
        == ["hidden"] * 2
    )
    assert lab.view().locator("dd").all_inner_texts()[1] == "0.00 flattened, a direction is lost"
    assert "v2a-j2-label" not in Jacobian2d(map="square", p=[0.0, 0.0]).still()
