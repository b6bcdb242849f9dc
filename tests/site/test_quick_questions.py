"""Quick questions on the built pages: each can be answered by keyboard, each wrong answer is explained."""

import json
import re

import pytest
from bs4 import BeautifulSoup
from site_reader import BEHIND, PAGES, SITE, choose_theme, contrast

BOX = ".v2a-figure[data-name=quick_question]"

NOTEBOOKS = [path for path in PAGES if re.match(r"chapters/\d\d_", path)]


def states(path):
    soup = BeautifulSoup((SITE / path).read_text(encoding="utf-8"), "html.parser")
    return [json.loads(script.string)["state"] for script in soup.select(f"{BOX} > script")]


def open_questions(visit, path):
    visit.goto(path)
    boxes = visit.page.locator(BOX)
    boxes.first.scroll_into_view_if_needed()
    for i in range(boxes.count()):
        visit.page.locator(f"{BOX}[data-state=live]").nth(i).wait_for()
    return boxes.all()


def settle(page):
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def text(fragment):
    return BeautifulSoup(fragment, "html.parser").get_text()


def test_every_notebook_asks_two_or_three_questions():
    counts = {path: len(states(path)) for path in NOTEBOOKS}
    assert counts
    assert not {path: n for path, n in counts.items() if not 2 <= n <= 3}


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_every_answer_is_judged_by_keyboard_alone_and_explained(reader, path):
    visit = reader()
    for box, state in zip(open_questions(visit, path), states(path), strict=True):
        told = box.get_by_role("status")
        assert told.inner_text() == ""
        if state["options"]:
            for i, (button, (_, why)) in enumerate(zip(box.get_by_role("button").all(), state["options"], strict=True)):
                button.press("Enter")
                settle(visit.page)
                word = "✓ Right." if i == state["right"] else "✗ Not quite."
                assert told.inner_text() == f"{word} {text(why)}"
                assert button.get_attribute("aria-pressed") == "true"
            continue
        field = box.get_by_role("textbox")
        typed = [(repr(value), f"✗ Not quite. {text(why)}") for value, why, _ in state["mistakes"]]
        typed += [
            ("many", "?  Write a number: 12, 0.75, 3/4 or 2e6."),
            (repr(state["answer"]), f"✓ Right. {text(state['why'])}"),
        ]
        for number, words in typed:
            field.fill(number)
            field.press("Enter")
            settle(visit.page)
            assert " ".join(told.inner_text().split()) == " ".join(words.split())
    assert visit.problems == []


def test_a_question_fits_a_phone_and_stands_out_in_both_themes(reader):
    visit = reader(width=360, touch=True)
    for box in open_questions(visit, NOTEBOOKS[0]):
        for control in box.locator("button, input").locator("visible=true").all():
            area = control.bounding_box()
            assert 0 <= area["x"] < area["x"] + area["width"] <= 360
            assert min(area["width"], area["height"]) >= 24
        control = box.locator("button").first
        control.tap()
        settle(visit.page)
        for theme in ("dark", "light"):
            choose_theme(visit.page, theme)
            for element in box.locator("p, button, .v2q-verdict b").locator("visible=true").all():
                colour, behind = element.evaluate(BEHIND)
                assert contrast(colour, behind) >= 4.5, element.inner_text()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_a_script_the_answer_unfolds(reader):
    visit = reader(script=False)
    visit.goto(NOTEBOOKS[0])
    for box, state in zip(visit.page.locator(BOX).all(), states(NOTEBOOKS[0]), strict=True):
        why = state["options"][state["right"]][1] if state["options"] else state["why"]
        folded = box.get_by_text(text(why), exact=False)
        assert folded.is_hidden()
        box.locator("summary").click()
        assert folded.is_visible()
