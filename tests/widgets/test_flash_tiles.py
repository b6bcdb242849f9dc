"""The figure of notebook 7.5: the browser's sums against the library's OnlineSoftmax, its words, its controls."""

import itertools
import re

import numpy as np
import pytest
import torch

from vec2attn.attention import scaled_dot_product_attention
from vec2attn.fast_attention import Pattern, tiled_attention
from vec2attn.widgets.base import fixed
from vec2attn.widgets.flash_tiles import TILES, FlashTiles, N
from widgets.examples import flash_tiles
from widgets.node import run

NAME = "flash_tiles"
CUTS = [*itertools.product(TILES, (False, True))]
QUERY, KEY, VALUE = (np.round(m, 2) for m in np.random.default_rng(75).normal(size=(3, N, 2)) * [[[3]], [[2]], [[1]]])


def states(query=None):
    """Return figures at steps from first to last, for every cut."""
    found = []
    for tile, causal in CUTS:
        total = flash_tiles(tile=tile, causal=causal, step=0).steps
        for step in sorted({0, 1, 2, 3, total // 2, total - 1, total} & set(range(total + 1))):
            found.append({"tile": tile, "causal": causal, "step": step, "query": query or 1 + (step + tile) % N})
    return found


def sent(figure):
    return {name: getattr(figure, name) for name in ("scores", "values", "tile", "causal", "query", "step")}


# ---- Arithmetic ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tile", "causal"), CUTS)
def test_after_every_step_the_sums_are_those_of_the_library(tile, causal):
    figure = flash_tiles(tile=tile, causal=causal, step=0)
    calls = [("sums", figure.scores, figure.values, tile, causal, s) for s in range(figure.steps + 1)]
    for step, found in enumerate(run(NAME, calls)):
        figure.step = step
        wanted = figure.sums()
        np.testing.assert_allclose(found["m"], wanted.m, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found["l"], wanted.l, rtol=1e-12, atol=0)
        np.testing.assert_allclose(np.reshape(found["y"], (N, 2)), wanted.y, rtol=0, atol=1e-11)
        for name, values in (("oldM", wanted.old_m), ("oldL", wanted.old_l), ("factor", wanted.factor)):
            np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("tile", "causal"), CUTS)
def test_the_last_step_is_the_librarys_tiled_attention_and_the_plain_one(tile, causal):
    figure = FlashTiles(QUERY, KEY, VALUE, tile=tile, causal=causal, step=0)
    figure.step = figure.steps
    Q, K, V = map(torch.from_numpy, (QUERY, KEY, VALUE))
    sums = figure.sums()
    mine = sums.y / sums.l[:, None]
    pattern = Pattern("causal" if causal else "full")
    mask = torch.ones(N, N, dtype=torch.bool).tril() if causal else None
    for wanted in (
        tiled_attention(Q, K, V, pattern, tile=(tile, tile)),
        scaled_dot_product_attention(Q, K, V, mask)[0],
        figure.full(),
    ):
        np.testing.assert_allclose(mine, wanted, rtol=0, atol=1e-12)
    calls = [("full", figure.scores, figure.values, causal, r) for r in range(N)]
    np.testing.assert_allclose(run(NAME, calls), figure.full(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("tile", "causal"), CUTS)
def test_order_and_last_step_of_a_query(tile, causal):
    figure = flash_tiles(tile=tile, causal=causal, step=0)
    order = [[i.start, i.stop, j.start, j.stop] for i, j in figure.order()]
    found, *last = run(NAME, [("order", tile, causal), *(("lastStep", tile, causal, r) for r in range(N))])
    assert found == order
    assert last == [max(s for s, t in enumerate(order, 1) if t[0] <= r < t[1]) for r in range(N)]
    pairs = {(i, j) for i0, i1, j0, j1 in order for i in range(i0, i1) for j in range(j0, j1)}
    assert pairs >= {(i, j) for i in range(N) for j in range(N) if j <= i or not causal}
    assert not [t for t in order if causal and t[2] > t[1] - 1], "no tile that lies in the future as a whole"


def test_an_order_by_hand():
    assert run(NAME, [("order", 4, True)]) == [[[0, 4, 0, 4], [4, 8, 0, 4], [4, 8, 4, 8]]]
    assert [flash_tiles(tile=b, causal=c, step=0).steps for b, c in CUTS] == [64, 36, 16, 10, 9, 6, 4, 3, 1, 1]


# ---- Words -----------------------------------------------------------------------------------------------------------


def test_the_numbers_beside_the_picture_are_pythons():
    cases = [flash_tiles(**{**state, "query": query}) for state in states() for query in (1, 4, 5, 8)]
    for figure, found in zip(cases, run(NAME, [("facts", sent(figure)) for figure in cases]), strict=True):
        assert found == {key: list(texts[1:]) for key, texts in figure.facts().items()}, figure.state()


def by_hand(**traits):
    """Return a figure in which every score of query 1 is a whole number: 0, 1, 2, …, and all others are 0."""
    Q, K = np.zeros((N, 1)), np.arange(8.0)[:, None]
    Q[0] = 1
    V = np.stack([np.arange(8.0), np.ones(N)], axis=1)
    return FlashTiles(Q, K, V, **{"query": 1, "step": 1} | traits)


def test_facts_by_hand():
    e = np.exp(-1)
    facts = by_hand(step=1).facts()
    assert facts["m"][1:] == ("1.00", "the first tile")
    assert facts["l"][1:] == (f"{1 + e:.3f}", f"0.000 · 0.000 + {1 + e:.3f}")
    assert facts["y"][1:] == (f"({1 / (1 + e):.2f}, 1.00)", "from 2 of 8 keys")
    facts = by_hand(step=2).facts()
    assert facts["factor"][1:] == (f"{e**2:.3f}", "e^(1.00 − 3.00)")
    assert facts["l"][1:] == (f"{1 + e + e**2 + e**3:.3f}", f"{e**2:.3f} · {1 + e:.3f} + {1 + e:.3f}")
    assert facts["held"][1:] == ("12", "tile 4; m, l, Y 8; naive 64")
    assert by_hand(step=5).facts()["factor"][1:] == ("–", "not its turn")
    assert by_hand(query=3, step=6).facts()["factor"][1:] == ("1.000", "nothing is rescaled")
    assert by_hand(query=3, step=4).facts()["y"][1:] == ("–", "begins at step 5")
    assert by_hand(tile=8, step=1).facts()["held"][1:] == ("96", "tile 64; m, l, Y 32; naive 64")
    assert by_hand(step=4).facts()["full"][2] == "equal, to rounding"
    assert by_hand(step=0).facts()["held"][1:] == ("0", "naive: 64 scores")


SAID = [
    ("", {"step": 0}, "No tile yet: no score has been computed."),
    ("step", {"step": 1}, "Step 1: queries 1–2 meet keys 1–2. Query 1 begins with m = 1.00."),
    (
        "step",
        {"step": 2},
        "Step 2: queries 1–2 meet keys 3–4. A larger score for query 1: m rises to 3.00, and the old sums count "
        "0.135 times.",
    ),
    (
        "step",
        {"step": 4},
        "Step 4: queries 1–2 meet keys 7–8. A larger score for query 1: m rises to 7.00, and the old sums count "
        "0.135 times. All its keys are seen: y = (6.42, 1.00), as with the full softmax.",
    ),
    ("step", {"step": 5}, "Step 5: queries 3–4 meet keys 1–2. Query 1 is done."),
    ("query", {"step": 5, "query": 8}, "Step 5: queries 3–4 meet keys 1–2. Query 8 waits."),
    (
        "step",
        {"step": 6, "query": 3},
        "Step 6: queries 3–4 meet keys 3–4. No larger score for query 3: nothing is rescaled.",
    ),
    ("step", {"tile": 1, "step": 9, "query": 2}, "Step 9: query 2 meets key 1. Query 2 begins with m = 0.00."),
    (
        "tile",
        {"tile": 3, "step": 3},
        "Tiles of 3 × 3, 9 steps. Query 1: all its keys are seen: y = (6.42, 1.00), as with the full softmax.",
    ),
    (
        "causal",
        {"causal": True, "step": 1},
        "Causal: 6 of 16 tiles lie in the future and are skipped. Query 1: all its keys are seen: y = (0.00, 1.00), "
        "as with the full softmax.",
    ),
    ("causal", {"causal": False, "step": 2}, "Every query sees all keys: 16 tiles."),
    (
        "causal",
        {"causal": True, "tile": 8, "step": 0},
        "Causal: with one tile for all nothing can be skipped, only masked.",
    ),
]


def test_the_figure_says_what_has_changed():
    found = run(NAME, [("sentence", reason, sent(by_hand(**state))) for reason, state, _ in SAID])
    assert found == [words for *_, words in SAID]


# ---- Pictures --------------------------------------------------------------------------------------------------------

READ = """(box) => {
    const all = (css) => [...box.querySelectorAll(css)], d = (css) => all(css)[0].getAttribute('d');
    const lens = all('.v2a-ft-lens')[0], clip = (lens.style.clipPath.match(/\\d+/g) ?? []).map(Number);
    const shown = (e) => e.getAttribute('display') !== 'none';
    const box_of = (e) => ['x', 'y', 'width', 'height'].map((name) => Number(e.getAttribute(name)));
    const [x, y, whole] = box_of(all('.v2a-ft-whole')[0]), one = (n, i) => n[i] ?? n[i - 2] ?? n[0];  // CSS shortens
    const [north, east, south, west] = [0, 1, 2, 3].map((i) => one(clip, i));
    const [left, top, width, height] = [x + west, y + north, whole - west - east, whole - north - south];
    const inside = [...lens.querySelectorAll('text')].filter((t) => t.textContent && Number(t.getAttribute('x')) > left
        && Number(t.getAttribute('x')) < left + width && Number(t.getAttribute('y')) > top
        && Number(t.getAttribute('y')) < top + height);
    return {
        now: all('.v2a-ft-now').filter(shown).map(box_of), lens: shown(lens) ? [left, top, width, height] : null,
        inside: shown(lens) ? inside.map((t) => t.textContent) : [],
        done: d('.v2a-ft-done'), out: d('.v2a-ft-out'), half: d('.v2a-ft-half'),
        skip: d('.v2a-ft-skip'), mask: d('.v2a-ft-mask'), grid: d('.v2a-ft-grid'),
        columns: [294, 332].map((x) => all(`text[x="${x}"]:not(.v2a-ft-head)`).map((t) => t.textContent)),
        row: box_of(all('.v2a-ft-row')[0]),
    };
}"""


def texts(still):
    return re.findall(r"<text x=\"(\d+)\" y=\"(\d+)\">([^<]*)</text>", still)


@pytest.mark.parametrize("state", states(), ids=lambda s: "-".join(map(str, s.values())))
def test_the_picture_and_its_still_show_the_scores_of_the_tile_and_the_sums(open_lab, state):
    figure = flash_tiles(**state)
    lab, still = open_lab(figure), figure.still()
    seen, sums, S = lab.view().evaluate(READ), figure.sums(), np.reshape(figure.scores, (N, N))
    cells = []
    if figure.step:
        i, j = figure.order()[figure.step - 1]
        frame = [24 + 30 * j.start, 20 + 30 * i.start, 30 * len(j), 30 * len(i)]
        assert (seen["now"], seen["lens"]) == ([frame], frame)
        cells = [fixed(S[a, b], 1) for a in i for b in j if b <= a or not figure.causal]
    else:
        assert (seen["now"], seen["lens"]) == ([], None)
    assert seen["inside"] == cells
    begun = sums.l > 0
    wanted = [
        [f"{v:.2f}".replace("-", "−") if b else "" for v, b in zip(x, begun, strict=True)] for x in (sums.m, sums.l)
    ]
    assert seen["columns"] == wanted
    for name in ("done", "out", "half", "skip", "mask", "grid"):
        assert f'<path class="v2a-ft-{name}" d="{seen[name]}">' in still, name
    drawn = [t for x, _, t in texts(still) if int(x) < 290]
    assert drawn == seen["inside"]
    assert [t for x, _, t in texts(still) if x == "294"] == [t for t in seen["columns"][0] if t]
    for name, value, meaning in figure.facts().values():
        assert f"<dt>{name}</dt><dd><b>{value}</b> <small>{meaning}</small></dd>" in still


def test_a_tile_in_the_future_is_struck_out_and_a_pair_crossed(open_lab):
    seen = open_lab(flash_tiles(tile=4, causal=True, step=3, query=1)).view().evaluate(READ)
    assert seen["skip"].count("M") == 1
    assert seen["mask"].count("M") == 2 * 6
    assert seen["done"].count("M") == 3


# ---- Controls --------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_lab(open_lab):
    return lambda figure=None: open_lab(figure or flash_tiles())


@pytest.mark.parametrize(
    ("label", "key", "change"),
    [
        ("Step", "ArrowRight", {"step": 12}),
        ("Step", "Home", {"step": 0}),
        ("Step", "End", {"step": 16}),
        ("Query", "ArrowLeft", {"query": 4}),
        ("Query", "End", {"query": 8}),
    ],
)
def test_a_key_on_a_slider_sets_its_trait(open_lab, label, key, change):
    lab = open_lab()
    lab.asked()
    lab.view().get_by_role("slider", name=label, exact=True).press(key)
    assert lab.changes() == change


def test_another_cut_goes_to_the_end_of_the_chosen_query(open_lab):
    lab = open_lab()
    lab.asked()
    choice = lab.view().get_by_role("combobox", name="Tile size")
    choice.select_option("3")
    assert lab.changes() == {"tile": 3, "step": 6}
    lab.view().get_by_role("button", name="Causal").click()
    assert lab.changes() == {"causal": True, "step": 3}
    assert lab.view().get_by_role("button", name="Causal").get_attribute("aria-pressed") == "true"
    facts = lab.view().locator("dl").inner_text()
    assert "equal, to rounding" in facts
    assert "all keys seen" in facts


def test_buttons_go_one_tile_either_way_and_stop_at_both_ends(open_lab):
    lab = open_lab(flash_tiles(step=1))
    lab.asked()
    back, after = (lab.view().get_by_role("button", name=name, exact=True) for name in ("Back", "Next tile"))
    back.click()
    assert lab.changes() == {"step": 0}
    assert (back.get_attribute("aria-disabled"), after.get_attribute("aria-disabled")) == ("true", "false")
    back.click(force=True)
    assert lab.changes() == {}
    lab.arrive(step=15)
    after.click()
    assert lab.changes() == {"step": 16}
    after.click(force=True)
    assert lab.changes() == {}


def test_reset_brings_back_what_python_begins_with(open_lab):
    lab = open_lab(flash_tiles(tile=4, causal=True, query=2, step=1))
    lab.asked()
    reset = lab.view().get_by_role("button", name="Reset")
    reset.click()
    start = flash_tiles().state()
    assert lab.changes() == {name: start[name] for name in ("tile", "causal", "query", "step")}
    assert reset.is_disabled()
    assert lab.focused().endswith("Tile size")


def test_python_may_set_the_tile_before_the_step(open_lab):
    lab = open_lab(flash_tiles(tile=1, step=60))
    lab.arrive(tile=4)
    assert lab.view().get_by_role("slider", name="Step").get_attribute("aria-valuetext") == "4 of 4"
    figure = flash_tiles(tile=1, step=60)
    figure.tile = 4
    assert figure.step == figure.steps == 4


def test_other_scores_from_python_are_drawn(open_lab):
    lab = open_lab()
    lab.arrive(scores=[float(k % 7) for k in range(64)])
    assert lab.view().evaluate(READ)["inside"] == ["1.0", "2.0", "2.0", "3.0"]
