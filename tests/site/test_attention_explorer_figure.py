"""The attention explorer on the built page: real heads, and every number the library's, by mouse, keys and touch."""

import base64
import json
import re

import numpy as np
import pytest
import torch
from figure_page import FigurePage
from site_reader import SITE

from vec2attn.attention import causal_mask, scaled_dot_product_attention
from vec2attn.pretrained import MiniLM
from vec2attn.softmax import entropy, perplexity

CHAPTER = "chapters/07_attention/soft_lookup.html"
SENTENCE = "The cat did not drink the milk because it was {}."
IT, MILK, CAT = 9, 7, 2


@pytest.fixture(scope="module")
def heads():
    """Return queries, keys and values of all heads for both texts: (layers, heads, tokens, d) each."""
    model, found = MiniLM.load(), []
    for ending in ("sour", "tired"):
        X, parts = model.encoder.embed(torch.tensor([model.tokenizer.encode(SENTENCE.format(ending))])), []
        with torch.no_grad():
            for block in model.encoder.blocks:
                parts.append(torch.stack(block.attention.project(X)))
                X = block(X)
        found.append(torch.cat(parts, dim=1).detach().double())
    return found


class Explorer(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "attention_explorer"

    def shown(self):
        """Return layer and head that are chosen, and the place of the query."""
        self.settle()
        head = self.slider("Head").evaluate("(s) => s.selectedOptions[0].textContent")
        layer, number_ = re.match(r"layer (\d+), head (\d+): ", head).groups()
        radios = self.box.get_by_role("radio").all()
        return int(layer), int(number_), [r.get_attribute("aria-checked") for r in radios].index("true")

    def assert_equals_library(self, QKV, T=1.0, scaled=True, causal=False):
        """Compare weights, bars and numbers with the library's, on the model's own queries and keys."""
        layer, head, query = self.shown()
        Q, K, V = (M[layer, head] for M in QKV)
        mask = causal_mask(len(Q)) if causal else None
        A = scaled_dot_product_attention(Q / T * (1 if scaled else 32**0.5), K, V, mask)[1].numpy()
        row = A[query]
        exact = max(5.1e-4, 3e-3 / T) * (1 if scaled else 6)  # three decimals; queries and keys travel in 16 bits
        texts = self.box.locator(".v2a-ae-number").all_text_contents()
        assert [text == "masked" for text in texts] == [causal and j > query for j in range(len(row))]
        assert [0 if text == "masked" else float(text) for text in texts] == pytest.approx(row, abs=exact)
        bars = {
            css: [
                float(x) / 62 for x in re.findall(r"h([\d.]+)v", self.box.locator(f".v2a-ae-{css}").get_attribute("d"))
            ]
            for css in ("weight", "value")
        }
        assert bars["weight"] == pytest.approx(row, abs=exact)
        thick = self.box.locator(".v2a-ae-line").evaluate_all("(all) => all.map((e) => e.getAttribute('stroke-width'))")
        assert [float(t) / 10 for t in thick] == pytest.approx(row, abs=exact + 1e-3)
        lengths = V.norm(dim=1).numpy()
        assert bars["value"] == pytest.approx(row * lengths / lengths.max(), abs=exact)
        alpha = self.box.locator("canvas").evaluate(
            """(c) => {
                const copy = new OffscreenCanvas(c.width, c.height).getContext('2d', { willReadFrequently: true });
                copy.drawImage(c, 0, 0);
                return [...copy.getImageData(0, 0, c.width, c.height).data];
            }"""
        )
        painted = np.reshape(alpha, (14, 14, 4))[..., 3] / 255
        np.testing.assert_allclose(painted**2, A, atol=2 * exact + 1 / 128)
        _, largest, nats, even = self.box.locator("dd").all_inner_texts()
        assert float(largest.split()[0]) == pytest.approx(row.max(), abs=exact)
        assert float(nats.split()[0]) == pytest.approx(entropy(row), abs=5 * exact)
        assert float(even.split()[0]) == pytest.approx(perplexity(entropy(row)), rel=6 * exact)


@pytest.fixture
def figure(reader):
    return Explorer(reader())


def test_every_head_and_text_shows_the_weights_of_the_model(figure, heads):
    for text, QKV in enumerate(heads):
        figure.slider("Text").select_option(index=text)
        for head in range(figure.slider("Head").locator("option").count()):
            figure.slider("Head").select_option(index=head)
            figure.assert_equals_library(QKV)


def test_it_turns_from_milk_to_cat(figure, heads):
    assert figure.shown() == (3, 1, IT)
    assert "“it” gives 0.5" in figure.said()
    assert "to “milk”" in figure.said()
    figure.slider("Text").select_option(index=1)
    assert "to “cat”" in figure.said()
    for QKV, word in zip(heads, (MILK, CAT), strict=True):
        Q, K, V = (M[3, 1] for M in QKV)
        assert scaled_dot_product_attention(Q, K, V)[1][IT].argmax() == word


def test_the_mouse_chooses_a_word_or_a_row_of_the_table(figure, heads):
    figure.box.get_by_role("radio", name="drink").click()
    assert figure.shown()[2] == 5
    figure.assert_equals_library(heads[0])
    table = figure.box.locator(".v2a-ae-table svg")
    table.scroll_into_view_if_needed()
    area = table.bounding_box()
    for row in (0, 7, 13):
        y = area["y"] + (66 + 258 * (row + 0.5) / 14) / 328 * area["height"]
        figure.page.mouse.click(area["x"] + area["width"] * 0.6, y)
        assert figure.shown()[2] == row
    figure.assert_equals_library(heads[0])


def test_the_squares_of_the_table_lie_under_its_frame(figure):
    canvas, frame = (figure.box.locator(css).bounding_box() for css in (".v2a-ae-table canvas", ".v2a-ae-frame"))
    for side in ("x", "y", "width", "height"):
        assert canvas[side] == pytest.approx(frame[side], abs=1.5)


def test_keys_choose_the_query_the_temperature_and_the_mask(figure, heads):
    figure.box.get_by_role("radio", checked=True).press("ArrowUp")
    assert figure.shown()[2] == IT - 1
    slider = figure.slider("Temperature T")
    slider.press("End")
    figure.assert_equals_library(heads[0], T=10)
    slider.press("Home")
    figure.assert_equals_library(heads[0], T=0.1)
    assert "entropy fell" in figure.said()
    figure.button("Reset").press("Enter")
    figure.button("Without √d").press("Enter")
    figure.assert_equals_library(heads[0], scaled=False)
    figure.button("Without √d").press("Enter")
    figure.button("Causal mask").press("Enter")
    figure.assert_equals_library(heads[0], causal=True)
    assert figure.said().startswith("Causal mask: ")


def test_a_finger_chooses_and_drags_at_360_px(reader, heads):
    figure = Explorer(reader(width=360, touch=True))
    word = figure.box.get_by_role("radio", name="was")
    word.scroll_into_view_if_needed()
    word.tap()
    assert figure.shown()[2] == IT + 1
    slider = figure.slider("Temperature T")
    slider.scroll_into_view_if_needed()
    figure.swipe(figure.place(slider), figure.place(slider, 0.75))
    T = 10 ** float(slider.input_value())
    assert T > 2
    figure.assert_equals_library(heads[0], T=T)
    figure.button("Causal mask").tap()
    figure.assert_equals_library(heads[0], T=T, causal=True)


def test_the_data_of_the_figure_are_small():
    page = (SITE / CHAPTER).read_text(encoding="utf-8")
    block = re.search(
        r'data-name="attention_explorer".*?<script type="application/json">(.*?)</script>', page, re.DOTALL
    )
    sent = [part for text in json.loads(block[1])["state"]["texts"] for part in text.values() if "$b64" in part]
    assert len(sent) == 2 * 3
    assert sum(len(base64.b64decode(part["$b64"])) for part in sent) < 25_000


def test_without_a_script_the_picture_has_the_same_numbers(reader, heads):
    box = reader(script=False).goto(CHAPTER).page.locator(".v2a-figure[data-name=attention_explorer]").first
    Q, K, V = (M[3, 1] for M in heads[0])
    row = scaled_dot_product_attention(Q, K, V)[1][IT].numpy()
    shown = [float(text) for text in box.locator(".v2a-ae-number").all_text_contents()]
    assert shown == pytest.approx(row, abs=2e-3)
    assert "JavaScript" in box.inner_text()
