"""What the browser computes and shows in attention_explorer.js, against the library's attention."""

import itertools
import re

import numpy as np
import pytest
import torch

from vec2attn.attention import causal_mask, scaled_dot_product_attention
from vec2attn.softmax import entropy, perplexity
from vec2attn.widgets.attention_explorer import AttentionExplorer
from widgets.examples import HEADS, SENTENCES, attention_explorer, small_heads
from widgets.node import Result, run

NAME = "attention_explorer"
SETTINGS = [
    {"T": T, "scaled": scaled, "causal": causal}
    for T, scaled, causal in itertools.product((0.1, 0.5, 1.0, 3.0, 10.0), (True, False), (True, False))
]


def by_the_library(figure):
    """Return scores and weights from the numbers that travel, read and computed by other means than the figure's."""
    text, d = figure.texts[figure.text], figure.d
    n = len(text["tokens"])
    Q, K = (
        torch.tensor(np.frombuffer(text[part], "<f2").astype(float).reshape(-1, n, d)[figure.head]) for part in "QK"
    )
    if not figure.scaled:
        Q = Q * d**0.5
    mask = causal_mask(n) if figure.causal else None
    _, A = scaled_dot_product_attention(Q / figure.T, K, torch.eye(n, dtype=Q.dtype), mask)
    return (Q @ K.T / figure.T / d**0.5).numpy(), A.numpy()


# ---- The mathematics -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", range(len(SENTENCES)))
def test_scores_and_weights_are_the_librarys(text):
    figure = attention_explorer(text=text)
    sent, n = figure.texts[text], len(figure.tokens)
    calls = [("decode", sent["Q"]), ("decode", sent["K"])]
    for head in range(len(HEADS)):
        calls.append(("products", Result(0), Result(1), n, figure.d, head))
        calls += [("attention", Result(len(calls) - 1), n, figure.d, settings) for settings in SETTINGS]
    found = [x for x in run(NAME, calls) if isinstance(x, dict)]
    for (head, settings), x in zip(itertools.product(range(len(HEADS)), SETTINGS), found, strict=True):
        figure.set_state({"head": head, **settings})
        S, A = by_the_library(figure)
        scores, weights = (np.reshape(x[part], (n, n)) for part in ("scores", "weights"))
        np.testing.assert_allclose(weights, A, atol=1e-12)
        np.testing.assert_allclose(figure.weights(), A, atol=1e-12)
        allowed = np.tri(n, dtype=bool) if settings["causal"] else np.ones((n, n), bool)
        np.testing.assert_allclose(scores[allowed], S[allowed], rtol=1e-12)
        assert (scores[~allowed] == -np.inf).all()
        assert (weights[~allowed] == 0).all()


def test_numbers_of_16_bits_arrive_exactly():
    values = np.array([0, 1, -1, 0.1, -2.71828, 65504, -65504, 6e-8, 3.05e-5, 1 / 3], np.float16)
    (found,) = run(NAME, [("decode", values.astype("<f2").tobytes())])
    np.testing.assert_array_equal(found, values.astype(float))


def test_a_summary_is_that_of_entropy_and_perplexity():
    figure = attention_explorer(head=1, causal=True, T=0.7)
    A, S, n, sent = figure.weights(), figure.scores(), len(figure.tokens), figure.texts[0]
    calls = [
        ("decode", sent["Q"]),
        ("decode", sent["K"]),
        ("products", Result(0), Result(1), n, figure.d, 1),
        ("attention", Result(2), n, figure.d, {"T": 0.7, "causal": True}),
        *[("summary", Result(3), n, query) for query in range(n)],
    ]
    _, _, _, again, *found = run(NAME, calls)
    np.testing.assert_allclose(again["weights"], A.ravel(), atol=1e-12)
    for query, x in enumerate(found):
        H = entropy(A[query])
        allowed = S[query, : query + 1]
        assert x["best"] == A[query].argmax()
        assert x["keys"] == query + 1
        assert (x["largest"], x["entropy"], x["perplexity"], x["low"], x["high"]) == pytest.approx(
            (A[query].max(), H, perplexity(H), allowed.min(), allowed.max()), abs=1e-12
        )


def test_a_case_worked_by_hand():
    # one feature, so √d = 1; scores 0 and ln 3 of both queries: weights 1/4 and 3/4
    dots = np.array([0, np.log(3), 0, np.log(3)])
    plain, masked = run(
        NAME, [("attention", dots.tolist(), 2, 1), ("attention", dots.tolist(), 2, 1, {"causal": True})]
    )
    assert plain["weights"] == pytest.approx([0.25, 0.75, 0.25, 0.75])
    assert masked["weights"] == pytest.approx([1, 0, 0.25, 0.75])


def test_huge_scores_do_not_overflow():
    (found,) = run(NAME, [("attention", [1e4, -1e4, 9e3, 9e3], 2, 1, {"T": 0.1})])
    assert found["weights"] == [1, 0, 0.5, 0.5]


def test_the_root_of_d_is_a_temperature():
    figure = attention_explorer(scaled=False)
    without = figure.weights()
    figure.set_state({"scaled": True, "T": 5**-0.5})
    np.testing.assert_allclose(figure.weights(), without, atol=1e-12)


A, B = {"entropy": 1.0, "perplexity": 2.718, "largest": 0.7}, {"entropy": 0.25, "perplexity": 1.284, "largest": 0.95}
EVEN, PEAKED = "1.00 nats, as even as over 2.7 of 14 tokens", "0.25 nats, as even as over 1.3 of 14 tokens"
SAID = [
    ("", None, A, f"“it” gives 0.700 to “milk”. Entropy {EVEN}."),
    ("Temperature", A, B, f"Temperature: entropy fell to {PEAKED}. “it” gives 0.950 to “milk”."),
    ("Causal mask", B, A, f"Causal mask: entropy rose to {EVEN}. “it” gives 0.700 to “milk”."),
    ("No mask", A, A, f"No mask: “it” gives 0.700 to “milk”. Entropy {EVEN}."),
]


def test_the_figure_says_what_has_changed():
    calls = [("sentence", reason, before, now, "it", "milk", 14) for reason, before, now, _ in SAID]
    assert run(NAME, calls) == [words for *_, words in SAID]


# ---- Python ----------------------------------------------------------------------------------------------------------


def bars(html, css):
    """Return the lengths of bars, 1 for the longest that can be."""
    return [float(x) / 62 for x in re.findall(r"h([\d.]+)v", re.search(rf'class="v2a-ae-{css}" d="([^"]*)"', html)[1])]


def test_a_shorter_text_takes_the_query_along():
    figure = attention_explorer(query=8)
    figure.text = 1
    assert figure.query == 2
    assert figure.weights().shape == (3, 3)


def test_rounding_to_16_bits_moves_no_weight_by_a_thousandth():
    figure = attention_explorer()
    for head, name in enumerate(HEADS):
        figure.head = head
        Q, K, _ = small_heads(figure.tokens)[name]
        _, exact = scaled_dot_product_attention(*(torch.tensor(x) for x in (Q, K, K)))
        assert abs(figure.weights() - exact.numpy()).max() < 5e-3


def test_heads_without_values_are_welcome():
    figure = AttentionExplorer({"a": (["x", "y"], {"h": (np.eye(2), [[1, 2], [3, 4]])})})
    assert not np.frombuffer(figure.texts[0]["lengths"], "<f2").any()
    assert bars(figure.still(), "value") == [0, 0]


@pytest.mark.parametrize(
    "settings", [{}, {"query": 3, "causal": True, "T": 0.5}, {"text": 1, "head": 2, "scaled": False}]
)
def test_the_still_picture_shows_the_numbers_of_the_library(settings):
    figure = attention_explorer(**settings)
    _, A = by_the_library(figure)
    row, n = A[figure.query], len(A)
    still = figure.still()
    shown = re.findall(r'class="v2a-ae-number"[^>]*>([^<]*)<', still)
    hidden = [figure.causal and j > figure.query for j in range(n)]
    assert [text == "masked" for text in shown] == hidden
    assert [0 if no else float(text) for text, no in zip(shown, hidden, strict=True)] == pytest.approx(row, abs=5.1e-4)
    assert bars(still, "weight") == pytest.approx(row, abs=1e-3)
    lengths = np.frombuffer(figure.texts[figure.text]["lengths"], "<f2").reshape(-1, n)[figure.head]
    assert bars(still, "value") == pytest.approx(row * lengths, abs=1e-3)
    thick = re.findall(r'class="v2a-ae-line" stroke-width="([^"]*)"', still)
    assert [float(t) / 10 for t in thick] == pytest.approx(row, abs=1e-3)
    H = entropy(row)
    assert f"<dd>{H:.3f} nats</dd>" in still
    assert f"<dd>{perplexity(H):.2f} of {n}</dd>" in still
    cells = re.findall(r'class="v2a-ae-cell" x="([^"]*)" y="([^"]*)".*?fill-opacity="([^"]*)"', still)
    seen = np.zeros((n, n))
    for x, y, strength in cells:
        seen[round((float(y) - 66) / 258 * n), round((float(x) - 68) / 258 * n)] = float(strength) ** 2
    np.testing.assert_allclose(seen, A, atol=2e-3)


def test_tokens_are_text_whatever_they_hold():
    nasty = "<b>&"
    figure = AttentionExplorer({nasty: ([nasty, "\n"], {nasty: (np.eye(2), np.eye(2))})})
    assert "<b>" not in figure.still()
    assert "↵" in figure.still()


# ---- Controls --------------------------------------------------------------------------------------------------------


def test_keys_walk_round_the_tokens(open_lab):
    lab = open_lab(attention_explorer(query=7))
    lab.view().get_by_role("radio", name=".").focus()
    for key, query in (("ArrowDown", 8), ("ArrowRight", 0), ("ArrowUp", 8), ("ArrowLeft", 7), ("Home", 0), ("End", 8)):
        lab.page.keyboard.press(key)
        assert lab.changes() == {"query": query}
        chosen = lab.view().get_by_role("radio", checked=True)
        assert chosen.count() == 1
        assert chosen.evaluate("(e) => e === document.activeElement")
    lab.page.keyboard.press("a")
    assert lab.changes() == {}


def test_a_shorter_text_is_shown_with_its_last_token(open_lab):
    lab = open_lab(attention_explorer(query=8))
    lab.view().get_by_label("Text").select_option(index=1)
    assert lab.changes() == {"text": 1, "query": 2}
    assert lab.view().get_by_role("radio").count() == 3


def test_toggles_the_temperature_and_reset_set_their_traits(open_lab):
    lab = open_lab(attention_explorer())
    view = lab.view()
    assert view.get_by_role("button", name="Reset").is_disabled()
    for name, trait, value in (("Without √d", "scaled", False), ("Causal mask", "causal", True)):
        button = view.get_by_role("button", name=name)
        button.click()
        assert lab.changes() == {trait: value}
        assert button.get_attribute("aria-pressed") == "true"
        button.click()
        assert lab.changes() == {trait: not value}
    view.get_by_label("Temperature T").press("ArrowLeft")
    assert lab.changes() == {"T": pytest.approx(10**-0.02)}
    view.get_by_role("button", name="Reset").click()
    assert lab.changes() == {"T": 1, "scaled": True, "causal": False}
    assert "SELECT Head" in lab.focused()


def test_the_table_is_painted_with_the_roots_of_the_weights(open_lab):
    figure = attention_explorer(head=2, causal=True)
    lab = open_lab(figure)
    pixels = (
        lab.view()
        .locator("canvas")
        .evaluate("(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    )
    alpha = np.reshape(pixels, (9, 9, 4))[..., 3] / 255
    np.testing.assert_allclose(alpha, np.sqrt(figure.weights()), atol=1 / 255)
    assert lab.view().locator(".v2a-ae-hidden").get_attribute("d").count("M") == 9 * 8 / 2
    assert lab.view().locator(".v2a-ae-hidden").get_attribute("display") == "inline"
