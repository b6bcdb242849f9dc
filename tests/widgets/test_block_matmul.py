"""What the browser computes in block_matmul.js, and what it shows, against the library and against slow loops."""

import itertools
import re

import numpy as np
import pytest

from vec2attn.cost import blocked_loads, matmul_flops
from vec2attn.widgets.block_matmul import BLOCKS, EMPTY, BlockMatmul, N
from widgets.node import run
from widgets.page import Lab
from widgets.tiles import READ, SUB, TOTAL, assert_tiles

STATES = [(b, s) for b in BLOCKS for s in sorted({0, 1, 2, 3, TOTAL[b] // 2, TOTAL[b] - 1, TOTAL[b]}) if s <= TOTAL[b]]


def walk(b):
    """Take the tiles as blocked_matmul takes them: its own loops, with a count instead of a product."""
    A, B, C = (np.zeros((N, N), int) for _ in range(3))
    yield (A, B, C), None
    for i, j, k in itertools.product(range(0, N, b), repeat=3):
        A[i : i + b, k : k + b] += 1
        B[k : k + b, j : j + b] += 1
        C[i : i + b, j : j + b] += b
        yield (A, B, C), (i // b, j // b, k // b)


# ---- The mathematics -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("b", BLOCKS)
def test_tiles_and_counts_of_every_step_are_those_of_the_loops(b):
    calls = [("counts", s, N, b) for s in range(TOTAL[b] + 1)] + [("tile", s, N, b) for s in range(1, TOTAL[b] + 1)]
    done = run("block_matmul", calls)
    figure = BlockMatmul(block=b)
    for s, (matrices, tile) in enumerate(walk(b)):
        figure.step = s
        python = figure.counts()
        for name, wanted in zip("ABC", matrices, strict=True):
            np.testing.assert_array_equal(np.reshape(done[s][name], (N, N)), wanted)
            np.testing.assert_array_equal(python[name], wanted)
        assert figure.loads() == matrices[0].sum() + matrices[1].sum()
        if tile:
            assert tuple(done[TOTAL[b] + s]) == figure.tiles()[-1] == tile
    assert figure.loads() == blocked_loads(N, N, N, b)
    assert (matrices[2] == N).all()  # every entry of C has its n products


def test_loads_are_those_of_the_library_for_any_sizes():
    sizes = [*itertools.product((1, 2, 5, 8), (1, 3, 8), (1, 7, 8), (1, 2, 3, 8))]
    assert run("block_matmul", [("blockedLoads", *s) for s in sizes]) == [blocked_loads(*s) for s in sizes]


def test_another_block_size_keeps_the_work_that_is_done_and_never_goes_beyond_the_end():
    cases = [(s, b, to) for b in BLOCKS for s in (0, 1, TOTAL[b] // 2, TOTAL[b]) for to in BLOCKS]
    for (s, b, to), got in zip(cases, run("block_matmul", [("sameWork", *c) for c in cases]), strict=True):
        assert 0 <= got <= TOTAL[to]
        assert got * to**3 >= s * b**3 > (got - 1) * to**3


def test_the_sentence_names_tiles_loads_and_what_is_complete():
    say = [("step", 6, 8, 2), ("step", 8, 8, 2), ("", 0, 8, 2), ("step", 64, 8, 2), ("block", 3, 8, 4), ("", 512, 8, 1)]
    assert run("block_matmul", [("sentence", *case) for case in say]) == [
        "Step 6 of 64: A₁₂ and B₂₂ loaded, 8 numbers for 8 multiplications.",
        "Step 8 of 64: A₁₄ and B₄₂ loaded, 8 numbers for 8 multiplications. C₁₂ is complete.",
        "Nothing is loaded yet.",
        "The product is complete: 512 numbers loaded, each used 2 times.",
        "Tiles of 4 × 4: the whole product loads 256 numbers, each used 4 times.",
        "The product is complete: 1,024 numbers loaded, each used once.",
    ]


# ---- Python ----------------------------------------------------------------------------------------------------------


def test_a_coarser_block_takes_the_step_along_to_the_end():
    figure = BlockMatmul(block=1, step=300)
    figure.block = 4
    assert figure.step == figure.steps == 8


@pytest.mark.parametrize(("b", "s"), STATES)
def test_the_still_picture_shows_counts_loads_and_the_tiles_of_now(b, s):
    figure = BlockMatmul(block=b, step=s)
    still, counts = figure.still(), figure.counts()
    for name, group in zip("ABC", re.findall(r"<g .*?</g>", still), strict=True):
        shown = "".join(re.findall(r'class="v2a-count"[^>]*>(.{8})<', group))
        assert shown == "".join(str(c) if c else EMPTY for c in counts[name].ravel())
        assert group.count("v2a-now") == (s > 0)
    if s:
        I, J, L = figure.tiles()[-1]
        (formula,) = re.findall(r">(C..)<.*>(\+= A..)<.*>(× B..)<", still.translate(SUB))
        assert formula == (f"C{I + 1}{J + 1}", f"+= A{I + 1}{L + 1}", f"× B{L + 1}{J + 1}")
    whole = blocked_loads(N, N, N, b)
    assert f"step {s} of {TOTAL[b]}: {figure.loads():,} numbers loaded." in still
    assert f"loads {whole:,}, each used {matmul_flops(N, N, N) // whole} times" in still


# ---- What the figure shows -------------------------------------------------------------------------------------------


@pytest.fixture
def lab(page):
    page.emulate_media(reduced_motion="no-preference")
    lab = Lab(page, BlockMatmul())
    yield lab
    lab.close()
    assert lab.errors == []


def read(lab):
    lab.frame()
    return lab.view().evaluate(READ)


def assert_equals_library(lab, b, s):
    return assert_tiles(read(lab), b, s)


@pytest.mark.parametrize(("b", "s"), STATES)
def test_the_figure_shows_the_numbers_of_the_library(lab, b, s):
    lab.arrive(block=b, step=s)
    assert_equals_library(lab, b, s)


def state(lab):
    lab.frame()
    return lab.page.evaluate("[model.get('block'), model.get('step')]")


def test_buttons_go_one_step_either_way_and_stop_at_both_ends(lab):
    press = lambda name: lab.view().get_by_role("button", name=name, exact=True).click(force=True)  # noqa: E731
    press("Back")
    assert state(lab) == [2, 0]
    press("Step")
    press("Step")
    assert state(lab) == [2, 2]
    press("Back")
    assert state(lab) == [2, 1]
    assert_equals_library(lab, 2, 1)
    lab.arrive(step=64)
    press("Step")
    press("Play a tile of C")
    assert state(lab) == [2, 64]


@pytest.mark.parametrize(("b", "start", "end"), [(1, 0, 8), (1, 3, 8), (2, 4, 8), (4, 7, 8), (8, 0, 1)])
def test_play_goes_to_the_end_of_a_tile_of_c_within_a_second(lab, b, start, end):
    lab.arrive(block=b, step=start)
    lab.asked()
    lab.view().get_by_role("button", name="Play").click()
    lab.page.wait_for_function("(end) => model.get('step') === end", arg=end, timeout=5000)
    steps = [value for kind, *rest in lab.asked() if kind == "set" for name, value in [rest] if name == "step"]
    assert steps == list(range(start + 1, end + 1)), "every step of the tile is shown"
    lab.page.wait_for_timeout(300)
    assert state(lab) == [b, end], "and no more"
    assert_equals_library(lab, b, end)


def test_a_motion_lasts_no_longer_than_a_second(lab):
    text = BlockMatmul._esm
    assert re.search(r"MOTION = (\d+);", text)[1] <= "999"
    assert "setInterval" in text
    assert "MOTION / q" in text


def test_readers_who_want_less_motion_see_the_end_at_once(lab):
    lab.page.emulate_media(reduced_motion="reduce")
    lab.arrive(block=1, step=0)
    lab.view().get_by_role("button", name="Play").click()
    assert state(lab) == [1, 8]
    assert [value for kind, *rest in lab.asked() if kind == "set" for _, value in [rest]] == [8]


@pytest.mark.parametrize("hand", ["slider", "button", "python", "clean-up"])
def test_whatever_else_is_done_ends_the_motion(lab, hand):
    lab.arrive(block=1, step=0)
    lab.view().get_by_role("button", name="Play").click()
    if hand == "slider":
        lab.view().get_by_role("slider", name="Step").press("End")
    elif hand == "button":
        lab.view().get_by_role("button", name="Back").click()
    elif hand == "python":
        lab.arrive(step=100)
    else:
        lab.page.evaluate("undo[0]()")
    first = state(lab)
    lab.page.wait_for_timeout(400)
    assert state(lab) == first
    assert first[1] < 8 or hand in ("slider", "python")


@pytest.mark.parametrize(
    ("key", "b", "s"), [("ArrowRight", 4, 4), ("ArrowLeft", 1, 256), ("End", 8, 1), ("Home", 1, 256)]
)
def test_the_block_slider_keeps_how_far_the_work_is(lab, key, b, s):
    lab.arrive(block=2, step=32)
    lab.view().get_by_role("slider", name="Block size b").press(key)
    assert state(lab) == [b, s]
    lab.page.wait_for_timeout(200)  # the sentence waits until the hand pauses
    assert assert_equals_library(lab, b, s)["said"].startswith(f"Tiles of {b} × {b}: the whole product loads ")
    figure = BlockMatmul(block=2, step=32)
    figure.set_state({"block": b, "step": s})  # Python accepts what the slider sends
    assert (figure.block, figure.step) == (b, s)


@pytest.mark.parametrize(("key", "s"), [("ArrowRight", 33), ("ArrowLeft", 31), ("Home", 0), ("End", 64)])
def test_keys_on_the_step_slider(lab, key, s):
    lab.arrive(block=2, step=32)
    lab.view().get_by_role("slider", name="Step").press(key)
    assert state(lab) == [2, s]
    assert_equals_library(lab, 2, s)


def test_a_block_from_python_with_a_step_beyond_its_end_is_drawn_at_its_end(lab):
    lab.arrive(block=1, step=400)
    lab.arrive(block=4)  # its step follows in a message of its own
    assert_equals_library(lab, 4, 8)
