"""Quick questions: what counts as right, what is said to a slip, and what stands on the page without a script."""

import re

import pytest
import traitlets

from vec2attn.widgets.quick_question import choice, marked, numeric
from widgets.node import run

OPTIONS = [("one", 1, "Too few."), ("`two`", 2, "Both."), ("three", 3.0, "Too many.")]
NUMBER = {
    "ask": "How many FLOPs has a product of 2×3 and 3×5?",
    "answer": 60,
    "why": "2·2·3·5.",
    "mistakes": [(30, "Multiplications *and* additions count."), (10, "That is the size of the result.")],
}


def typed(**changes):
    return numeric(**{**NUMBER, **changes})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("-3.5", -3.5), ("−3.5", -3.5), ("1,024", 1024), ("49 152", 49152), ("1_000", 1000), (".5", 0.5),
        ("2.", 2), ("2e6", 2e6), ("2E-3", 0.002), ("3/4", 0.75), ("-1/8", -0.125), ("10^6", 1e6), ("2*10^6", 2e6),
        ("1.5·10^-3", 0.0015), ("3×10^2", 300), ("+7", 7),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, number):
    assert run("quick_question", [("parse", text)]) == [pytest.approx(number, rel=1e-12)]


@pytest.mark.parametrize(
    "text", ["", "many", "1/0", "1/", "3 apples", "--2", "1e", "1.2.3", "/3", "^", "NaN", "Infinity"]
)
def test_what_is_no_number_is_asked_for_again(text):
    (judged,) = run("quick_question", [("judge", text, typed().state())])
    assert judged["kind"] == "unreadable"


def judged(question, *texts):
    return [(j["kind"], j["why"]) for j in run("quick_question", [("judge", t, question.state()) for t in texts])]


def test_the_answer_a_slip_and_any_other_number_are_told_apart():
    assert judged(typed(), "60", "30", "10", "61", "59", "-60") == [
        ("right", "2·2·3·5."),
        ("wrong", "Multiplications <em>and</em> additions count."),
        ("wrong", "That is the size of the result."),
        ("wrong", "Too large."),
        ("wrong", "Too small."),
        ("wrong", "The size is right, the sign is not."),
    ]


def test_a_typed_number_may_be_off_by_the_share_that_was_allowed():
    question = typed(answer=0.6652, within=0.01, mistakes=[(0.0900, "The smallest.")])
    kinds = [kind for kind, _ in judged(question, "0.6652", "0.67", "0.66", "0.672", "0.658", "0.09", "0.0905", "0")]
    assert kinds == ["right", "right", "right", "wrong", "wrong", "wrong", "wrong", "wrong"]
    assert judged(question, "0.0905") == [("wrong", "The smallest.")]


def test_zero_can_be_the_answer():
    question = typed(answer=0, mistakes=[(1, "No.")])
    assert [kind for kind, _ in judged(question, "0", "-0", "0.0", "1e-6", "1")] == ["right"] * 3 + ["wrong"] * 2


def test_the_right_option_is_the_one_with_the_computed_value():
    assert [choice("Q?", OPTIONS, answer).right for answer in (1, 2, 3)] == [0, 1, 2]
    assert choice("Q?", [("a", 0.1 + 0.2, "x"), ("b", 0.4, "y")], 0.3).right == 0
    assert choice("Q?", [("yes", True, "x"), ("no", False, "y")], False).right == 1
    assert choice("Q?", [("yes", True, "x"), ("one", 1, "y")], 1).right == 1, "True is no number here"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: choice("Q?", OPTIONS, 4), r"one option must have the value 4; the values are \[1, 2, 3\.0\]"),
        (lambda: choice("Q?", [*OPTIONS, ("III", 3, "x")], 3), "one option must have the value 3"),
        (lambda: choice("Q?", OPTIONS[:1], 1), "2 to 6 options; got 1"),
        (lambda: choice("Q?", OPTIONS * 3, 1), "2 to 6 options; got 9"),
        (lambda: choice("Q?", [("a", 1, " "), ("b", 2, "x")], 1), "need some words"),
        (lambda: choice("", OPTIONS, 1), "need some words"),
        (lambda: typed(mistakes=[]), "at least one mistake"),
        (lambda: typed(mistakes=[(60.0, "x")]), r"the mistakes \[60.0\] would count as right: the answer is 60"),
        (lambda: typed(within=0.1, mistakes=[(65, "x")]), "would count as right"),
        (lambda: typed(within=1), r"within is a share in \[0, 1\); got 1"),
        (lambda: typed(answer=float("nan")), "must be finite"),
        (lambda: typed(mistakes=[(float("inf"), "x")]), "must be finite"),
        (lambda: typed(why=""), "need some words"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_an_answer_that_is_no_option_is_refused():
    question = choice("Q?", OPTIONS, 1)
    with pytest.raises(traitlets.TraitError, match="0 to 2; got '7'"):
        question.given = "7"


def test_code_and_emphasis_are_marked_and_everything_else_is_text():
    assert marked("`a < b` and *c*: 2 * 3 * 4 <b>") == "<code>a &lt; b</code> and <em>c</em>: 2 * 3 * 4 &lt;b&gt;"


def test_without_a_script_the_answer_is_folded_away_with_every_explanation():
    for question in (choice("Which?", OPTIONS, 2), typed(unit="FLOPs")):
        before, folded = question.still().split("<details>")
        whys = ["Too few.", "Both.", "Too many."] if question.options else [why for _, why, _ in question.mistakes]
        assert all(why in folded and why not in before for why in whys)
        assert question.ask in before
    assert re.findall(r"<b>(.*?)</b>", typed(unit="FLOPs").still()) == ["60 FLOPs.", "Not 30.", "Not 10."]
    assert re.findall(r"<b>(.*?)</b>", choice("Which?", OPTIONS, 2).still()) == ["A.", "B, right.", "C."]


@pytest.mark.parametrize(("option", "word"), [(0, "✗ Not quite. Too few."), (1, "✓ Right. Both.")])
def test_a_pressed_option_is_judged_and_python_sees_it(open_lab, option, word):
    question = choice("Which?", OPTIONS, 2)
    lab = open_lab(question)
    lab.view().get_by_role("button").nth(option).press("Enter")
    lab.frame()
    assert lab.view().get_by_role("status").inner_text() == word
    assert [b.get_attribute("aria-pressed") for b in lab.view().get_by_role("button").all()] == [
        str(i == option).lower() for i in range(3)
    ]
    assert ["set", "given", str(option)] in lab.asked()


def test_a_typed_answer_is_judged_at_enter_and_can_be_shown_after_a_wrong_one(open_lab):
    lab = open_lab(typed(unit="FLOPs"))
    view = lab.view()
    field, reveal = view.get_by_role("textbox"), view.get_by_role("button", name="Show the answer")
    assert reveal.is_hidden()
    field.fill("30")
    field.press("Enter")
    lab.frame()
    assert view.get_by_role("status").inner_text() == "✗ Not quite. Multiplications and additions count."
    assert field.get_attribute("aria-invalid") == "true"
    reveal.click()
    lab.frame()
    assert view.get_by_role("status").inner_text() == "✓ Right. 2·2·3·5."
    assert field.input_value() == "60"
    assert reveal.is_hidden()
    assert lab.focused().startswith("0 ")
