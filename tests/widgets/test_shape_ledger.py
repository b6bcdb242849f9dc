"""What the browser computes and draws in shape_ledger.js, against the library, built layers and the still picture."""

import itertools
import re

import pytest
import torch
import traitlets

from vec2attn.attention import MultiHeadAttention
from vec2attn.cost import Step, block_ledger, total
from vec2attn.transformer import Block, FeedForward
from vec2attn.widgets.shape_ledger import CHOICES, DIAGRAMS, HEIGHT, LIMITS, WIDTH, WORDS, ShapeLedger
from widgets.node import run

GRID = [
    {},
    {"batch": 1, "tokens": 1024, "width": 768, "heads": 12},
    {"batch": 8, "tokens": 8192, "positions": 8192, "width": 8192, "heads": 64, "head_size": 128, "source": "memory"},
    {"batch": 2, "tokens": 1, "positions": 7, "width": 3, "heads": 5, "head_size": 11, "source": "memory"},
    {"batch": 3, "tokens": 100, "positions": 9, "width": 64, "heads": 1, "head_size": 96},
    {"batch": 1, "tokens": 6, "positions": 1, "width": 1600, "heads": 25, "source": "memory", "step": "memory"},
]
every_size = pytest.mark.parametrize("traits", GRID, ids=str)
ALONE = {
    "input",
    "memory",
    "split",
    "join",
}  # they compute nothing: no line in the library's


def values(figure):
    return {name: getattr(figure, name) for name in (*LIMITS, "source", "step")}


def browser(figure, *names):
    """Return what exported functions make of the figure's steps and sizes."""
    (sizes,) = run("shape_ledger", [("symbols", values(figure))])
    assert sizes == figure.sizes
    return run("shape_ledger", [(name, DIAGRAMS[figure.source], sizes) for name in names])


# ---- The mathematics -------------------------------------------------------------------------------------------------


@every_size
def test_the_ledger_is_that_of_the_library(traits):
    figure = ShapeLedger(**traits)
    memory = {"memory": figure.positions} if figure.source == "memory" else {}
    wanted = block_ledger(
        figure.batch, figure.tokens, figure.width, figure.heads, head_size=figure.head_size, **memory
    )  # fmt: skip
    found = figure.ledger()
    assert {key: step for key, step in found.items() if key not in ALONE} == wanted
    for key in ALONE & set(found):
        assert (found[key].parameters, found[key].flops, found[key].others) == (0, 0, 0)
    (lines,) = browser(figure, "ledger")
    assert {s["key"]: Step(tuple(s["shape"]), s["parameters"], s["flops"], s["others"]) for s in lines} == found
    (sums,) = browser(figure, "sums")
    assert sums == figure.sums()
    assert sums["parameters"] == f"{total(wanted).parameters:,}"
    assert sums["flops"] == f"{total(wanted).flops:,}"
    shares = [float(share) for share in re.findall(r"([\d.]+) %", sums["shares"])]
    assert sum(shares) == pytest.approx(100, abs=0.11)
    assert shares[2] == pytest.approx(100 * (wanted["up"].flops + wanted["down"].flops) / total(wanted).flops, abs=0.05)


def test_shapes_that_compute_nothing_and_the_block_are_those_of_built_layers():
    figure = ShapeLedger(batch=2, tokens=5, positions=7, width=24, heads=3, head_size=10, source="memory")
    layer = MultiHeadAttention(24, 3, head_size=10)
    X, M = torch.randn(2, 5, 24), torch.randn(2, 7, 24)
    Q, K, V = layer.project(X, M)
    found = figure.ledger()
    assert found["split"].shape == Q.shape
    labels = [[figure.sizes[x] for x in axes] for step in DIAGRAMS["memory"] if step["key"] == "split"
              for *_, axes in step["edges"]]  # fmt: skip
    assert labels == [list(M.shape) for M in (Q, K, V)]
    assert found["join"].shape == Q.transpose(1, 2).flatten(-2).shape
    assert (found["input"].shape, found["memory"].shape) == (X.shape, M.shape)
    block = Block(24, layer, FeedForward(24, 96))
    assert sum(step.parameters for step in found.values()) == sum(p.numel() for p in block.parameters())


def test_terms_worked_by_hand():
    sizes = {"B": 5, "T": 12, "d": 768}
    cases = [("value", "2 B T d", sizes), ("value", "", sizes), ("written", ["d T", "d"], sizes),
             ("written", ["", ""], sizes), ("commas", 1234567), ("commas", 999)]  # fmt: skip
    wanted = [2 * 5 * 12 * 768, 0, "768 · 12 + 768 = 9,984", "none", "1,234,567", "999"]
    assert run("shape_ledger", cases) == wanted


@every_size
def test_what_is_told_about_every_step_is_the_same_in_python_and_in_the_browser(traits):
    figure = ShapeLedger(**traits)
    steps = DIAGRAMS[figure.source]
    told = run("shape_ledger", [("facts", step, figure.sizes) for step in steps])
    for step, texts in zip(steps, told, strict=True):
        figure.step = step["key"]
        assert texts == figure.facts()
        line = figure.ledger()[step["key"]]
        for name, number in (("parameters", line.parameters), ("flops", line.flops), ("others", line.others)):
            assert texts[name] == "none" if number == 0 else texts[name].endswith(f" = {number:,}")
        assert {word for _, word in step["axes"]} <= set(WORDS)


def test_one_of_a_thing_is_not_called_many():
    figure = ShapeLedger(batch=1, tokens=1, heads=1, head_size=1, step="weights")
    assert figure.facts()["shape"] == "1 text × 1 head × 1 query × 1 key"
    figure.tokens = 3
    assert figure.facts()["shape"] == "1 text × 1 head × 3 queries × 3 keys"


SAID = [
    (({}, {"step": "output"}), "Output map: [5, 12, 768], 393,984 parameters, 47,185,920 FLOPs."),
    (({}, {"step": "weights"}), "Attention weights: [5, 8, 12, 12], no parameters, no matrix product."),
    (({}, {"tokens": 24}), "24 tokens instead of 12. Parameters as before, FLOPs × 2.00, scores × 4.00."),
    (
        ({}, {"source": "memory", "positions": 3}),
        "Keys and values come from a memory. Parameters as before, FLOPs × 0.90, scores × 0.25.",
    ),
    (({"tokens": 8192}, {"tokens": 1}), "1 token instead of 8,192."),
    (({}, {"batch": 1, "width": 64}), "Other sizes. Parameters × 0.0"),
]


@pytest.mark.parametrize(("changes", "words"), SAID)
def test_the_figure_says_what_a_change_did(changes, words):
    before, now = ShapeLedger(**changes[0]), ShapeLedger(**changes[1])
    (said,) = run("shape_ledger", [("sentence", DIAGRAMS, values(before), values(now))])
    assert said.startswith(words)


def test_the_first_sentence_is_about_the_step():
    (said,) = run("shape_ledger", [("sentence", DIAGRAMS, None, values(ShapeLedger()))])
    assert said == "Scores: [5, 8, 12, 12], no parameters, 737,280 FLOPs."


# ---- Python ----------------------------------------------------------------------------------------------------------


def test_without_a_memory_the_step_goes_to_the_input():
    figure = ShapeLedger(source="memory", step="memory")
    figure.source = "tokens"
    assert figure.step == "input"
    with pytest.raises(traitlets.TraitError, match="step must be one of input, norm 1"):
        figure.step = "memory"


def test_the_sliders_offer_what_python_accepts():
    for name, choices in CHOICES.items():
        assert choices == sorted(set(choices))
        assert choices[-1] <= LIMITS[name]
        for size in choices:
            ShapeLedger(**{name: size})


# ---- What the figure shows -------------------------------------------------------------------------------------------

DRAWN = """(box) => [...box.querySelectorAll('.v2s-step')].map((g) => {
    const of = (e, names) => [...names.map((name) => e.getAttribute(name)), e.textContent];
    const all = (css, ...names) => [...g.querySelectorAll(css)].map((e) => of(e, names));
    const boxes = all('rect', 'x', 'y', 'width', 'height'), texts = all('text', 'class', 'x', 'y', 'text-anchor');
    return [g.getAttribute('class'), all('path:not(.v2s-hit)', 'class', 'd'), boxes, texts];
})"""
CORNERS = """(all) => all.map((text) => {
    const box = text.getBBox();
    return [box.x, box.x + box.width, box.y + box.height];
})"""
FOCUS = "[document.activeElement.getAttribute('aria-selected'), document.activeElement.tabIndex]"


@every_size
def test_the_still_picture_is_the_live_one_and_nothing_leaves_it(open_lab, traits):
    figure = ShapeLedger(**traits)
    lab = open_lab(figure)
    live = lab.view().evaluate(DRAWN)
    lab.page.evaluate(
        "(html) => { const d = document.createElement('article'); d.innerHTML = html; document.body.append(d); }",
        figure.still(),
    )
    still = lab.page.locator("article")
    assert still.evaluate(DRAWN) == live
    assert len(live) == len(DIAGRAMS[figure.source])
    for view in (lab.view(), still):
        assert view.locator("svg").get_attribute("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
        boxes = view.locator(".v2s-picture text").evaluate_all(CORNERS)
        assert all(left >= 0 and right <= WIDTH and low <= HEIGHT for left, right, low in boxes)
        rows = sorted((low, left, right) for left, right, low in boxes)
        for (low, _, right), (other, left, _) in itertools.pairwise(rows):
            assert low != other or left >= right - 1, "texts of one row run into each other"
    table = still.locator("tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    for (_, shape, parameters, flops), line in zip(table[:-1], figure.ledger().values(), strict=True):
        assert shape == str(list(line.shape))
        assert (parameters, flops) == (f"{line.parameters:,}", f"{line.flops:,}")
    assert table[-1][2:] == [figure.sums()["parameters"], figure.sums()["flops"]]


def shown(lab):
    """Return name, facts and sums that the view shows."""
    lab.frame()
    return [lab.view().locator(".v2s-name").inner_text(), *lab.view().locator("dd").all_inner_texts()]


def assert_shows(lab, **traits):
    figure = ShapeLedger(**traits)
    facts, sums = figure.facts(), figure.sums()
    name = next(step["name"] for step in DIAGRAMS[figure.source] if step["key"] == figure.step)
    order = ("formula", "shape", "parameters", "flops", "others")
    assert shown(lab) == [name, *(facts[key] for key in order), *sums.values()]
    assert lab.view().locator(".v2s-means").inner_text() == facts["means"]
    (chosen,) = lab.view().locator("[role=option][aria-selected=true]").all()
    assert chosen.get_attribute("aria-label").startswith(name)


@pytest.mark.parametrize("source", DIAGRAMS)
def test_every_box_and_every_line_can_be_chosen(open_lab, source):
    lab = open_lab(ShapeLedger(source=source))
    for step in DIAGRAMS[source]:
        option = lab.view().get_by_role("option", name=re.compile(f"^{step['name']}[,:]"))
        option.locator("rect").click()
        assert_shows(lab, source=source, step=step["key"])
        for n in range(len(step["edges"])):
            lab.page.evaluate("() => model.arrive('step', model.get('step') === 'join' ? 'mix' : 'join')")
            lab.frame()
            option.locator(".v2s-hit").nth(n).dispatch_event("click")
            assert_shows(lab, source=source, step=step["key"])


def test_a_click_beside_a_line_hits_it(open_lab):
    lab = open_lab(ShapeLedger(step="input"))
    lab.view().locator("svg").evaluate("(svg) => svg.scrollIntoView()")
    box = lab.view().locator("svg").bounding_box()
    scale = box["width"] / WIDTH
    (line,) = (path for s in DIAGRAMS["tokens"] if s["key"] == "sum 1" for path, *_ in s["edges"] if "H" in path)
    lane, end = map(int, re.search(r"H(\d+)V(\d+)", line).groups())
    lab.page.mouse.click(box["x"] + (lane - 6) * scale, box["y"] + (end - 100) * scale)
    assert_shows(lab, step="sum 1")


def test_arrow_keys_walk_through_the_block(open_lab):
    lab = open_lab(ShapeLedger(step="input"))
    keys = [step["key"] for step in DIAGRAMS["tokens"]]
    lab.view().locator("[role=option][tabindex='0']").focus()
    for key, step in [("ArrowUp", "input"), ("ArrowDown", keys[1]), ("ArrowRight", keys[2]), ("ArrowLeft", keys[1]),
                      ("End", "sum 2"), ("ArrowDown", "sum 2"), ("ArrowUp", keys[-2]), ("Home", "input")]:  # fmt: skip
        lab.page.keyboard.press(key)
        assert_shows(lab, step=step)
        here = lab.page.evaluate(FOCUS)
        assert here == ["true", 0], "the focus is on what is chosen"
    assert lab.view().locator("[role=option][tabindex='0']").count() == 1


@pytest.mark.parametrize("name", CHOICES)
def test_every_slider_reaches_its_ends_and_python_accepts_them(open_lab, name):
    letters = {"batch": "B", "tokens": "T", "positions": "S", "width": "d", "heads": "H", "head_size": "h"}
    lab = open_lab(ShapeLedger(source="memory", **{name: CHOICES[name][1]}))
    slider = lab.view().get_by_label(re.compile(rf" {letters[name]}$"))
    for key, place in (("Home", 0), ("End", -1), ("ArrowLeft", -2)):
        slider.press(key)
        size = CHOICES[name][place]
        assert_shows(lab, source="memory", **{name: size})
        assert slider.get_attribute("aria-valuetext").startswith(f"{size:,} ")
        assert re.match(rf"{size:,} .* instead of [\d,]+\. ", lab.view().locator(".v2a-said").inner_text())


def test_the_memory_comes_and_goes(open_lab):
    lab = open_lab(ShapeLedger())
    positions = lab.view().get_by_role("slider", name="Positions S")
    assert positions.is_disabled()
    lab.view().get_by_role("combobox").select_option("memory")
    assert_shows(lab, source="memory")
    assert positions.is_enabled()
    lab.view().get_by_role("option", name=re.compile("^Memory,")).locator("rect").click()
    assert_shows(lab, source="memory", step="memory")
    lab.view().get_by_role("combobox").select_option("tokens")
    assert_shows(lab, step="input")
    assert lab.changes()["step"] == "input", "Python would refuse the step that is gone"


def test_the_step_slider_counts_the_steps_of_its_source(open_lab):
    lab = open_lab(ShapeLedger(source="memory"))
    slider = lab.view().get_by_role("slider", name="Step")
    for key, step in (("End", "sum 2"), ("Home", "input"), ("ArrowRight", "memory")):
        slider.press(key)
        assert_shows(lab, source="memory", step=step)
    assert slider.get_attribute("aria-valuetext") == "2 of 18"


def test_reset_goes_where_python_begins(open_lab):
    lab = open_lab(ShapeLedger(source="memory", step="memory", tokens=64, batch=2))
    button = lab.view().get_by_role("button", name="Reset")
    button.click()
    assert_shows(lab)
    assert button.is_disabled()
    figure = ShapeLedger(source="memory", step="memory", tokens=64)
    asked = lab.changes()
    figure.set_state(asked)
    assert {name: asked[name] for name in values(figure)} == values(ShapeLedger())


def test_sizes_between_the_marks_of_a_slider_are_shown_as_they_are(open_lab):
    lab = open_lab(ShapeLedger(tokens=100))
    assert_shows(lab, tokens=100)
    slider = lab.view().get_by_role("slider", name="Tokens T")
    assert slider.get_attribute("aria-valuetext") == "100 tokens"
    assert slider.input_value() == str(CHOICES["tokens"].index(128))
