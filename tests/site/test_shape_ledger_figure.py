"""The shape ledger on the built page: the library's shapes and counts, by mouse, keys and touch; the still picture."""

import re

import pytest
from figure_page import FigurePage

from vec2attn.cost import block_ledger, total
from vec2attn.widgets.shape_ledger import CHOICES, DIAGRAMS, ShapeLedger

CHAPTER = "chapters/07_attention/heads_and_blocks.html"
BLOCK = "Parameters of the block"


class LedgerPage(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "shape_ledger"

    def option(self, name):
        return self.box.get_by_role("option", name=re.compile(f"^{name}[,:]"))

    def fact(self, label):
        return self.box.locator("dt", has_text=label).first.locator("xpath=following-sibling::dd[1]").inner_text()

    def assert_equals_library(self, step, **traits):
        """Compare the shapes on all lines, the chosen step and the sums with the library's."""
        self.settle()
        figure = ShapeLedger(step=step, **traits)
        memory = {"memory": figure.positions} if figure.source == "memory" else {}
        sizes = (figure.batch, figure.tokens, figure.width, figure.heads)
        ledger = block_ledger(*sizes, head_size=figure.head_size, **memory)
        assert self.fact(BLOCK) == f"{total(ledger).parameters:,}"
        assert self.fact("FLOPs of its matrix products") == f"{total(ledger).flops:,}"
        for line in DIAGRAMS[figure.source]:
            if line["key"] in ledger:
                shape = list(ledger[line["key"]].shape)
                assert self.option(line["name"]).get_attribute("aria-label").endswith(f": {shape}")
        labels = [
            str([figure.sizes[x] for x in axes]) for s in DIAGRAMS[figure.source] for *_, axes in s["edges"] if axes
        ]
        assert self.box.locator(".v2s-shape").all_text_contents() == labels
        if step in ledger:
            for label, number in (("Parameters", ledger[step].parameters), ("FLOPs", ledger[step].flops)):
                assert self.fact(label) == "none" if number == 0 else self.fact(label).endswith(f" = {number:,}")


@pytest.fixture
def figure(reader):
    return LedgerPage(reader())


def test_the_figure_starts_with_the_ledger_of_the_notebook(figure):
    figure.assert_equals_library("scores")
    assert figure.fact("Shape") == "5 texts × 8 heads × 12 queries × 12 keys"
    assert figure.fact("FLOPs") == "2 · 5 · 8 · 12 · 12 · 64 = 737,280"
    assert figure.said() == "Scores: [5, 8, 12, 12], no parameters, 737,280 FLOPs."


def test_the_mouse_chooses_steps_and_drags_sizes(figure):
    figure.option("Output map").locator("rect").click()
    figure.assert_equals_library("output")
    assert figure.fact("Parameters") == "512 · 768 + 768 = 393,984"
    slider = figure.slider("Heads H")
    slider.scroll_into_view_if_needed()
    figure.drag(figure.place(slider), figure.place(slider, 1))
    figure.assert_equals_library("output", heads=CHOICES["heads"][-1])
    assert "scores × " in figure.said()


def test_all_of_it_works_by_keys_alone(figure):
    keys = figure.page.keyboard
    figure.box.locator("[role=option][tabindex='0']").focus()
    keys.press("ArrowDown")
    figure.assert_equals_library("weights")
    keys.press("End")
    figure.assert_equals_library("sum 2")
    figure.slider("Tokens T").press("ArrowRight")
    figure.assert_equals_library("sum 2", tokens=16)
    figure.slider("Keys and values come from").focus()
    keys.press("ArrowDown")
    figure.assert_equals_library("sum 2", tokens=16, source="memory")
    figure.slider("Step").press("Home")
    figure.assert_equals_library("input", tokens=16, source="memory")
    figure.button("Reset").press("Enter")
    figure.assert_equals_library("scores")


@pytest.mark.parametrize("source", DIAGRAMS)
def test_a_finger_chooses_every_box_on_a_phone(reader, source):
    figure = LedgerPage(reader(width=360, touch=True))
    figure.slider("Keys and values come from").select_option(source)
    figure.settle()
    for step in DIAGRAMS[source]:
        box = figure.option(step["name"]).locator("rect")
        assert box.bounding_box()["height"] >= 24
        box.tap()
        figure.settle()
        assert figure.box.locator(".v2s-name").inner_text() == step["name"]
    figure.assert_equals_library("sum 2", source=source)
    assert figure.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_is_told_stays_in_sight_while_one_walks_down_a_phone(reader):
    figure = LedgerPage(reader(width=360, touch=True))
    figure.box.locator(".v2s-picture").evaluate("(svg) => svg.scrollIntoView()")
    box = figure.option("Scores").locator("rect")
    box.tap()
    panel, seen = figure.box.locator(".v2s-panel").bounding_box(), figure.page.viewport_size["height"]
    assert 0 <= panel["y"]
    assert panel["y"] + panel["height"] <= seen + 1
    assert panel["y"] > box.bounding_box()["y"] + 24, "and does not cover what is chosen"


def test_without_scripts_the_picture_and_the_whole_ledger_are_there(reader):
    still = reader(CHAPTER, script=False).page.locator(f".v2a-figure[data-name={LedgerPage.name}] .v2a")
    figure = ShapeLedger()
    assert still.locator(".v2s-step").count() == len(DIAGRAMS["tokens"])
    rows = still.locator("tbody tr").all_inner_texts()
    for line, row in zip(figure.ledger().values(), rows, strict=False):
        assert row.split("\t")[1:] == [str(list(line.shape)), f"{line.parameters:,}", f"{line.flops:,}"]
    assert figure.sums()["parameters"] in rows[-1]
