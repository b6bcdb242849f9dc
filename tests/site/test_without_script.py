"""Without JavaScript the page is whole: a still figure with the right numbers, readable text, solutions that open."""

import numpy as np
import pytest
from site_reader import CHAPTER, contrast, painted
from softmax_page import FIGURE, assert_shows, bars, logits, number, tokens

from vec2attn.softmax import entropy, perplexity
from vec2attn.widgets.softmax_bars import SHOWN


@pytest.fixture(scope="module", params=["light", "dark"])
def page(readers_of_module, request):
    return readers_of_module(CHAPTER, script=False, dark=request.param == "dark").page


def test_still_picture_has_the_numbers_of_the_library(page):
    box = page.locator(FIGURE)
    assert box.locator("input, button, select").count() == 0, "nothing that looks as if it could be moved"
    python = bars()
    P, z = python.probabilities(), python.logits()
    H = float(entropy(P))
    order = np.argsort(-z, kind="stable")[:SHOWN]
    rows = box.locator("tbody tr")
    assert rows.count() == SHOWN + 1
    for i, row in zip(order, rows.all()[:SHOWN], strict=True):
        name, logit, share = row.locator("th, td").all_inner_texts()
        assert name.strip() == tokens()[i].replace(" ", "␣")
        assert_shows(logit, z[i])
        assert_shows(share, 100 * P[i])
        blue, green = row.locator(".v2a-share i").all()
        length = "(bar) => bar.getBoundingClientRect().width / bar.parentElement.getBoundingClientRect().width"
        assert green.evaluate(length) == pytest.approx(P[i], abs=0.01)
        assert blue.evaluate(length) > 0
    assert_shows(rows.last.locator("td").last.inner_text(), 100 * np.delete(P, order).sum())
    words = box.locator(".v2a-key").inner_text()
    assert_shows(words.split("entropy ")[1], H)
    assert_shows(words.split("perplexity ")[1], perplexity(H))
    assert number(words.split("T = ")[1])[0] == 1
    assert list(logits())[1] in box.inner_text()


def test_text_stands_out_from_what_is_behind_it(page):
    faint = []
    for selector in ("h1", ".bd-article p", f"{FIGURE} th", f"{FIGURE} td span", ".v2a-key", "pre span", "summary"):
        for element in page.locator(".bd-article").locator(selector).locator("visible=true").all()[:2]:
            text, behind = element.evaluate("(e) => getComputedStyle(e).color"), painted(page, element, 0, 0)
            if contrast(text, behind) < 4.5:
                faint.append(f"{selector}: {text} on {behind}")
    assert sorted(set(faint)) == []


def test_solutions_and_hidden_code_can_be_opened(page):
    folded = page.locator(".bd-article details")
    assert folded.count() >= 5
    for details in folded.all():
        details.scroll_into_view_if_needed()
        page.wait_for_timeout(100)  # what is out of sight is laid out when it comes near
        summary, inside = details.locator("summary"), details.locator("> :not(summary)").first
        assert not inside.is_visible()
        assert len(summary.locator("visible=true").inner_text().strip().splitlines()) == 1, "one label at a time"
        summary.click()
        assert inside.is_visible()
        assert inside.inner_text().strip()


def test_a_sentence_stands_where_a_plot_would_be(page):
    plots = page.locator(".v2a-plot")
    assert plots.count() >= 1
    for plot in plots.all():
        plot.scroll_into_view_if_needed()
        page.wait_for_timeout(100)
        text = plot.inner_text()
        assert plot.get_attribute("aria-label") in text
        assert "JavaScript" in text
        assert "{" not in text


def test_formulas_are_drawn(page):
    formula = page.locator(".katex-html").first
    assert formula.bounding_box()["height"] > 10
    assert page.locator(".katex math").count() > 20


def test_code_has_its_colours(page):
    colours = page.locator(".highlight pre span").evaluate_all("(all) => all.map((one) => getComputedStyle(one).color)")
    assert len(set(colours)) > 4
