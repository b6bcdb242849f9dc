"""The figure of notebook 4.2: its arithmetic in the browser against the library, its still picture, its controls."""

import base64
import gzip
import math
import re

import numpy as np
import pytest

from vec2attn.datasets import cat
from vec2attn.svd import svd, truncate
from vec2attn.widgets.svd_truncation import ACCURACY, SIDE, SvdTruncation, digits
from widgets.node import Result, run

NAME = "svd_truncation"
SHAPES = {
    "wide": (7, 11),
    "tall": (40, 5),
    "square": (37, 37),
    "one row": (1, 6),
    "one column": (9, 1),
    "even at rank 2": (4, 5),
}


def random(shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def rounded(figure):
    """Return the pairs (√σ u, √σ v) as the figure sends them, read by other means than its own."""
    low, high = np.frombuffer(figure.factors, np.uint8).reshape(2, -1).astype(int)
    z = low + 256 * high
    whole = np.where(z % 2, -((z + 1) // 2), z // 2)
    return (figure.step * whole).reshape(-1, figure.rows + figure.columns)


def browser_sums(figure, ranks):
    calls = [("partialSum", figure.factors, figure.rows, figure.columns, figure.step, k) for k in ranks]
    return [np.reshape(found, (figure.rows, figure.columns)) for found in run(NAME, calls)]


# ---- What travels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_pairs_of_the_browser_are_the_factors_of_truncate_to_half_a_step(name):
    A = random(SHAPES[name])
    figure = SvdTruncation(A)
    L, R = truncate(*svd(A), min(A.shape))
    exact, sent = np.hstack([L.T, R]), rounded(figure)
    signs = np.sign((exact * sent).sum(axis=1))[:, None]  # each pair may be turned round
    np.testing.assert_allclose(sent, signs * exact, atol=0.5001 * figure.step)
    found = np.reshape(run(NAME, [("decode", figure.factors, figure.step)])[0], sent.shape)
    np.testing.assert_allclose(found, sent, rtol=1e-7)  # kept in float32
    sigma = run(NAME, [("spectrum", figure.sigma)])[0]
    np.testing.assert_allclose(sigma, svd(A)[1], rtol=1e-12)


def test_pictures_of_the_cat_are_right_to_a_twentieth_of_a_grey_level():
    figure, A = SvdTruncation(cat()), cat().astype(float)
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    ranks = (1, 7, 8, 9, 16, 20, 119, 199, 200)
    pairs, m = rounded(figure), len(A)
    for k, found in zip(ranks, browser_sums(figure, ranks), strict=True):
        same = pairs[:k, :m].T @ pairs[:k, m:]
        np.testing.assert_allclose(found, same, rtol=1e-6, atol=1e-6 * 255)  # the same rounded factors
        off = found - (U[:, :k] * s[:k]) @ Vt[:k]  # the exact ones
        assert math.sqrt((off**2).mean()) < 1.02 * ACCURACY * 255
        assert abs(off).max() < 0.25


@pytest.mark.parametrize("name", SHAPES)
def test_sums_of_every_rank_are_the_librarys(name):
    figure = SvdTruncation(random(SHAPES[name], seed=2))
    pairs, m = rounded(figure), figure.rows
    ranks = range(1, len(pairs) + 1)
    for k, found in zip(ranks, browser_sums(figure, ranks), strict=True):
        np.testing.assert_allclose(found, pairs[:k, :m].T @ pairs[:k, m:], rtol=1e-6, atol=1e-6)
        figure.rank = k
        spread = figure.high - figure.low
        assert math.sqrt(((found - figure.approximation()) ** 2).mean()) < 2 * ACCURACY * spread


def test_the_factors_are_small_for_a_page():
    figure = SvdTruncation(cat())
    assert len(gzip.compress(base64.b64encode(figure.factors))) < 120_000
    assert len(figure.factors) == 2 * 200 * 500


def test_a_very_large_first_value_cannot_overflow_the_whole_numbers():
    A = 1e6 + 1e-3 * random((30, 30))
    figure = SvdTruncation(A)
    L = rounded(figure)
    assert np.abs(L).max() / figure.step < 32_768
    np.testing.assert_allclose(L[:, :30].T @ L[:, 30:], A, rtol=1e-3)


# ---- Numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(200, 300), *SHAPES.values()], ids=str)
def test_energy_errors_and_storage_are_the_librarys(shape):
    A = cat() if shape == (200, 300) else random(shape, seed=3)
    figure = SvdTruncation(A)
    A, r = A.astype(float), min(A.shape)
    ranks = range(1, r + 1) if r < 50 else (1, 2, 20, 119, 120, 199, 200)
    calls = [("numbers", Result(0), *shape, k) for k in ranks]
    _, *found = run(NAME, [("spectrum", figure.sigma), *calls])
    for k, x in zip(ranks, found, strict=True):
        figure.rank = k
        assert x == pytest.approx(figure.numbers(), rel=1e-9, abs=1e-12)
        E = A - figure.approximation()
        tiny = 1e-9 * np.linalg.norm(A)
        assert x["two"] == pytest.approx(np.linalg.norm(E, 2), abs=tiny)
        assert x["frobenius"] == pytest.approx(np.linalg.norm(E), abs=tiny)
        assert x["share"] == pytest.approx(np.linalg.norm(E) / np.linalg.norm(A), abs=1e-9)
        assert x["rms"] == pytest.approx(math.sqrt((E**2).mean()), abs=tiny)
        assert x["energy"] == pytest.approx(1 - (np.linalg.norm(E) / np.linalg.norm(A)) ** 2, abs=1e-9)
        assert x["stored"] == k * (sum(shape) + 1)
        assert x["ratio"] == pytest.approx(x["stored"] / A.size)
        assert (k <= x["even"]) == (x["stored"] < A.size)


def test_the_break_even_of_the_cat():
    assert SvdTruncation(cat()).numbers()["even"] == 119


def test_numbers_are_written_alike_on_both_sides():
    values = [0, 0.0, 1, 9.99949, 12.5, 519.0124, 999.96, 1986.4, 28933.2, 123456.7, 0.0123456, 1.5e-3, 4.2e-7, 3.25e9]
    assert run(NAME, [("digits", x) for x in values]) == [digits(x) for x in values]
    assert [digits(x) for x in (0, 8.1084, 519.01, 1986.4, 28933.2, 4.2e-7, 3.25e9)] == [
        *("0", "8.108", "519.0", "1,986", "28,933", "4.200 · 10^−7", "3.250 · 10^9"),
    ]
    assert run(NAME, [("kept", 0.995549, False), ("kept", 0.9999999, False), ("kept", 1, True)]) == [
        *("99.554 %", "99.999 %", "100 %"),
    ]


# ---- Colours and places ----------------------------------------------------------------------------------------------


def test_grey_values_go_from_black_to_white_and_stop_there():
    assert run(NAME, [("grey", x, 0, 255) for x in (-3, 0, 0.4, 127.5, 200, 255, 300)]) == [0, 0, 0, 128, 200, 255, 255]
    assert run(NAME, [("grey", x, -1, 3) for x in (-1, 1, 3)]) == [0, 128, 255]


def test_no_error_has_no_colour_and_sign_and_size_are_told_apart():
    levels = run(NAME, [("level", e, 64) for e in (-100, -64, -16, -1, 0, 1, 16, 64, 100)])
    assert levels == [-127, -127, -64, -16, 0, 16, 64, 127, 127]
    tints = run(NAME, [("tint", level) for level in (-127, -16, 0, 16, 127)])
    assert [t[3] for t in tints] == [255, 32, 0, 32, 255]
    assert tints[0][:3] == tints[1][:3] != tints[3][:3] == tints[4][:3]


@pytest.mark.parametrize("ranks", [1, 2, 7, 200, 512])
def test_a_place_on_the_axis_and_the_rank_there_undo_each_other(ranks):
    places = run(NAME, [("across", k + 0.5, ranks) for k in range(1, ranks + 1)])
    assert (np.diff(places) > 0).all()
    assert run(NAME, [("rankAt", x, ranks) for x in places]) == list(range(1, ranks + 1))
    assert run(NAME, [("rankAt", -99, ranks), ("rankAt", 999, ranks)]) == [1, ranks]


def test_the_figure_says_what_has_changed():
    sigma = [5.0, 4.0, 2.0, 1.0]

    def say(rows, columns, before, k):
        return run(NAME, [("sentence", sigma, rows, columns, before, k)])[0]

    assert say(4, 40, 1, 2) == "Rank 2 adds 45 numbers; the 2-norm error falls from 4.000 to 2.000."
    assert say(4, 40, 3, 2) == "Rank 2 keeps 89.130 % of the energy in 56.3 % of the numbers."
    assert (
        say(4, 40, 2, 4)
        == "All 4 ranks: nothing is missing, and the factors hold 180 numbers, 1.13 times as many as A."
    )
    assert say(4, 5, 1, 2) == "2 ranks hold 20 numbers, as many as the 20 of A itself."
    assert say(4, 5, 1, 3) == "3 ranks hold 30 numbers, more than the 20 of A itself."


# ---- Any matrix, and the still picture -------------------------------------------------------------------------------


def test_a_list_and_a_matrix_of_low_rank_and_a_constant_one_will_do():
    assert SvdTruncation([[1, 2], [3, 4]]).rank == 1
    low = SvdTruncation(random((20, 3)) @ random((3, 30), seed=2))
    assert len(low.sigma) == 8 * 3
    constant = SvdTruncation(np.full((4, 6), 7.0))
    assert len(constant.sigma) == 8
    assert constant.low < constant.high
    assert "JavaScript" in constant.still()
    SvdTruncation(random((SIDE, 2))).still()


def test_bytes_are_grey_values_and_other_entries_use_their_range():
    figure = SvdTruncation(np.array([[10, 20], [30, 50]], np.uint8))
    assert (figure.low, figure.high, figure.limit) == (0, 255, 64)
    figure = SvdTruncation([[10, 20], [30, 50]])
    assert (figure.low, figure.high, figure.limit) == (10, 50, 10)


def decoded(page, still):
    """Return the grey values of the still's picture, as a browser reads the PNG."""
    return np.array(
        page.evaluate(
            """async (html) => {
                const box = document.createElement('div');
                box.innerHTML = html;
                const image = box.querySelector('img');
                await image.decode();
                const canvas = document.createElement('canvas');
                [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
                const context = canvas.getContext('2d');
                context.drawImage(image, 0, 0);
                const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                return Array.from({ length: canvas.height }, (_, i) =>
                    Array.from({ length: canvas.width }, (_, j) => data[4 * (i * canvas.width + j)]));
            }""",
            still,
        )
    )


@pytest.mark.parametrize("rank", [1, 20, 200])
def test_the_still_picture_is_the_approximation_and_has_its_numbers(page, rank):
    figure = SvdTruncation(cat(), rank=rank)
    still, x = figure.still(), figure.numbers()
    exact = np.clip(figure.approximation(), 0, 255).reshape(100, 2, 150, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(decoded(page, still), exact, atol=0.501)
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", still))
    assert facts["Rank"] == f"{rank} of 200"
    assert facts["Error, 2-norm"] == digits(x["two"])
    assert facts["Numbers stored"] == f"{501 * rank:,} of 60,000: {501 * rank / 600:.1f} %"
    assert len(still) < 30_000


def test_the_spectrum_of_the_still_picture_falls_and_breaks_at_the_cut():
    still = SvdTruncation(cat(), rank=20).still()
    kept, tail = re.findall(r'<polyline class="v2a-svd-(?:kept|tail)" points="([^"]*)"', still)
    assert (kept.count(","), tail.count(",")) == (20, 180)
    y = [float(pair.split(",")[1]) for pair in f"{kept} {tail}".split()]
    s = svd_values()
    slope = (y[0] - y[-1]) / (math.log(s[0]) - math.log(s[-1]))
    np.testing.assert_allclose(y, y[0] + slope * (np.log(s) - math.log(s[0])), atol=0.11)


def svd_values():
    return np.linalg.svd(cat().astype(float), compute_uv=False)


# ---- The controls, in a real browser ---------------------------------------------------------------------------------


def asked(lab):
    return [value for kind, *rest in lab.asked() if kind == "set" for value in rest[1:]]


@pytest.mark.parametrize(
    ("control", "key", "rank"),
    [
        *(("Rank k", key, rank) for key, rank in (("ArrowRight", 21), ("ArrowLeft", 19), ("Home", 1), ("End", 200))),
        *(("Cut", key, rank) for key, rank in (("ArrowRight", 21), ("ArrowUp", 21), ("ArrowLeft", 19))),
        *(("Cut", key, rank) for key, rank in (("ArrowDown", 19), ("Home", 1), ("End", 200), ("PageUp", 30))),
        *(("Cut", key, rank) for key, rank in (("PageDown", 10), ("Shift+ArrowRight", 30), ("Shift+ArrowLeft", 10))),
    ],
)
def test_a_key_sets_the_rank(open_lab, control, key, rank):
    lab = open_lab(SvdTruncation(cat()))
    lab.asked()
    slider = lab.view().get_by_role("slider", name=control)
    slider.press(key)
    assert asked(lab) == [rank]
    assert slider.get_attribute("aria-valuetext") in (str(rank), f"after {rank} of 200")


def test_buttons_go_one_rank_and_stop_at_the_ends(open_lab):
    lab = open_lab(SvdTruncation([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.5]], rank=2))
    lab.asked()
    more, fewer, reset = (lab.view().get_by_role("button", name=n) for n in ("one rank more", "one rank less", "Reset"))
    more.click()
    assert asked(lab) == [3]
    assert more.is_disabled()
    fewer.click()
    fewer.click()
    assert asked(lab)[-1] == 1
    assert fewer.is_disabled()
    more.click()
    assert asked(lab) == [2]
    reset.click()
    assert asked(lab) == [1], "a tenth of the ranks, and at least one"
    reset.click()
    assert asked(lab) == []


PIXELS = """(canvas) => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"""


@pytest.mark.parametrize("rank", [1, 5, 37])
def test_both_canvases_show_the_sum_and_what_is_missing(open_lab, rank):
    A = random((37, 41))
    figure = SvdTruncation(A, rank=12)
    lab = open_lab(figure)
    lab.arrive(rank=rank)
    figure.rank = rank
    image, residual = (
        np.reshape(canvas.evaluate(PIXELS), (37, 41, 4)) for canvas in lab.view().locator("canvas").all()
    )
    approximation = figure.approximation()
    grey = np.clip((approximation - A.min()) / np.ptp(A) * 255, 0, 255)
    np.testing.assert_allclose(image[..., 0], grey, atol=1)
    E = A - approximation
    place = np.sqrt(np.minimum(1, np.abs(E) / (np.ptp(A) / 4))) * 255
    if rank == 37:
        assert not residual[..., 3].any(), "nothing is missing, and no rounding shows"
        return
    np.testing.assert_allclose(residual[..., 3], place, atol=12)
    clear = np.abs(E) > 0.05 * np.ptp(A)
    np.testing.assert_array_equal(residual[..., 0][clear] > residual[..., 2][clear], E[clear] > 0)


def test_a_drag_of_the_cut_follows_the_mouse(open_lab):
    lab = open_lab(SvdTruncation(cat()))
    lab.asked()
    plot, handle = lab.view().locator("svg"), lab.view().get_by_role("slider", name="Cut")
    plot.scroll_into_view_if_needed()
    box, grip = plot.bounding_box(), handle.locator("circle").bounding_box()
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x + 100 / 200 * box["width"] * 296 / 360, y + 30, steps=7)
    lab.page.mouse.up()
    assert asked(lab)[-1] == pytest.approx(120, abs=1)
    lab.page.mouse.move(x, y)  # no longer in the hand
    assert asked(lab) == []
