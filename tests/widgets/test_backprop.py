"""What the browser computes and shows in backprop.js, against the library's engine."""

import itertools
import re

import numpy as np
import pytest
import traitlets

from vec2attn.widgets.backprop import GRAPHS, INPUTS, Backprop
from widgets.node import run

GRID = [list(map(float, x)) for x in itertools.product((-3, -1.25, 0, 0.5, 2.75), repeat=3)]


def number(text):
    return float(text.replace("−", "-"))


# ---- The mathematics -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expression", range(len(GRAPHS)))
def test_values_slopes_and_gradients_are_those_of_the_library(expression):
    figure = Backprop(expression=expression)
    done = run("backprop", [("compute", GRAPHS[expression]["nodes"], inputs) for inputs in GRID])
    for inputs, found in zip(GRID, done, strict=True):
        figure.inputs = inputs
        np.testing.assert_allclose(found["values"], figure.values(), atol=1e-12)
        np.testing.assert_allclose(found["gradients"], figure.gradients(), atol=1e-12)
        for mine, theirs in zip(figure.slopes(), found["slopes"], strict=True):
            np.testing.assert_allclose(theirs, mine, atol=1e-12)
        np.testing.assert_allclose([sum(parts) for parts in found["parts"]], figure.gradients(), atol=1e-12)


def test_the_expressions_are_what_their_names_say():
    sigma = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    by_hand = [
        lambda a, b, c: np.tanh(a * b + c),
        lambda w, x, b: (max(w * x + b, 0) - 1) ** 2,
        lambda a, b, c: (a * b + c) * sigma(a * b + c),
    ]
    for expression, f in enumerate(by_hand):
        for inputs in GRID[::7]:
            assert Backprop(expression=expression, inputs=inputs).values()[-1] == pytest.approx(f(*inputs), abs=1e-12)


def test_lines_and_steps_agree_and_every_line_is_passed_after_the_node_it_leaves_is_complete():
    for expression, graph in enumerate(GRAPHS):
        figure = Backprop(expression=expression)
        lines, steps = run("backprop", [("lines", graph["nodes"]), ("steps", graph["nodes"])])
        assert [tuple(line) for line in lines] == figure.lines()
        assert steps == figure.steps
        for s, (i, _) in enumerate(lines):
            later = [graph["nodes"][k]["of"][j] for k, j in lines[s:]]
            assert i not in later, "its gradient is complete before it goes on"


def test_what_is_known_grows_by_one_thing_a_step():
    for graph in GRAPHS:
        nodes, operations = graph["nodes"], len(graph["nodes"]) - INPUTS
        (total,) = run("backprop", [("steps", nodes)])
        states = run("backprop", [("known", nodes, s) for s in range(total + 1)])
        counts = [state["values"] + sum(state["arrived"]) for state in states]
        assert counts == list(range(INPUTS, INPUTS + total + 1))
        assert all(state["values"] == len(nodes) for state in states[operations:])
        assert not any(any(state["arrived"]) for state in states[: operations + 1])


def test_the_sentences_say_what_was_multiplied_and_added():
    tanh, square, silu = (graph["nodes"] for graph in GRAPHS)
    said = run(
        "backprop",
        [
            ("sentence", tanh, [1.5, -1.0, 1.0], 0),
            ("sentence", tanh, [1.5, -1.0, 1.0], 1),
            ("sentence", tanh, [1.5, -1.0, 1.0], 3),
            ("sentence", tanh, [1.5, -1.0, 1.0], 4),
            ("sentence", tanh, [1.5, -1.0, 1.0], 9),
            ("sentence", square, [0.5, 2.0, -1.5], 9),
            ("sentence", silu, [1.0, 2.0, -1.0], 6),
            ("sentence", silu, [1.0, 2.0, -1.0], 8),
        ],
    )
    assert said == [
        "Only the inputs have values. Step computes the first operation.",
        "Forward: a·b is 1.500 · (−1.000) = −1.500.",
        "Forward: tanh(−0.500) = −0.462. That is f; now the way back.",
        "The way back begins at the result: f moves by 1 when f moves by 1, so its gradient is 1.",
        "Back from a·b to b: gradient 0.786 times local derivative 1.500 is 1.180. All gradients are known.",
        "Back from relu to w·x + b: gradient (−2.000) times local derivative 0.000 is 0.000. The slope is 0 here: "
        "nothing passes.",
        "Back from h · σ(h) to h = a·b + c: gradient 1.000 times local derivative 0.731 is 0.731. Its other use is "
        "still to come.",
        "Back from σ(h) to h = a·b + c: gradient 1.000 times local derivative 0.197 is 0.197. Both uses together: "
        "0.731 + 0.197 = 0.928.",
    ]


def test_a_move_is_compared_with_what_the_gradient_promised():
    figure = Backprop()
    before, after = [1.5, -1.0, 1.0], [1.6, -1.0, 1.0]
    figure.inputs = before
    f, slope = figure.values()[-1], figure.gradients()[0]
    figure.inputs = after
    change = figure.values()[-1] - f
    words, early, none = run(
        "backprop",
        [
            ("moved", GRAPHS[0]["nodes"], before, after, 9),
            ("moved", GRAPHS[0]["nodes"], before, after, 2),
            ("moved", GRAPHS[0]["nodes"], before, before, 9),
        ],
    )
    assert words.startswith("a moved by 0.10, f by ")
    numbers = list(map(number, re.findall(r"−?\d\.\d+", words)))
    np.testing.assert_allclose(numbers, [0.1, change, slope, 0.1, 0.1 * slope], atol=6e-4)
    assert (early, none) == ("a moved by 0.10.", "")


def test_two_contributions_are_written_as_a_sum():
    assert run("backprop", [("sum", []), ("sum", [0.5]), ("sum", [0.5, 0.25]), ("sum", [0.5, -0.25])]) == [
        "",
        "∂ 0.500",
        "∂ 0.500 + 0.250 = 0.750",
        "∂ 0.500 − 0.250 = 0.250",
    ]


# ---- Python ----------------------------------------------------------------------------------------------------------


def test_an_expression_with_fewer_steps_takes_the_step_along():
    figure = Backprop(expression=1, step=13)
    figure.expression = 0
    assert figure.step == figure.steps == 9


def test_the_graphs_cannot_be_replaced():
    with pytest.raises(traitlets.TraitError, match="read-only"):
        Backprop().graphs = []


def shown(html):
    """Return (label, value, gradient) of each box, and the texts beside lines."""
    boxes = re.findall(r'class="v2b-box.*?v2b-name"[^>]*>(.*?)<.*?<text[^>]*>(.*?)<.*?v2b-slope"[^>]*>(.*?)<', html)
    return boxes, re.findall(r'class="v2b-line.*?<text[^>]*>(.*?)<', html)


@pytest.mark.parametrize("expression", range(len(GRAPHS)))
def test_the_still_picture_and_the_live_one_show_the_same_at_every_step(open_lab, expression):
    figure = Backprop(expression=expression, inputs=[0.75, 2.0, -0.5], step=0)
    lab = open_lab(figure)
    nodes, values, given, slopes = figure.nodes, figure.values(), figure.gradients(), figure.slopes()
    for step in range(figure.steps + 1):
        figure.step = step
        lab.arrive(step=step)
        live = shown(lab.view().locator("svg").evaluate("(svg) => svg.outerHTML"))
        assert live == shown(figure.picture(step))
        boxes, beside = live
        assert [label for label, _, _ in boxes] == [node["label"] for node in nodes]
        for i, (_, value, gradient) in enumerate(boxes):
            assert (value != "") == (i < INPUTS + step)
            if value:
                assert number(value) == pytest.approx(values[i], abs=5.1e-4)
            if gradient and (step == figure.steps or i == len(nodes) - 1):
                assert number(gradient.split()[-1]) == pytest.approx(given[i], abs=5.1e-4)
        flat = [slope for row in slopes for slope in row]
        for text, slope in zip(beside, flat, strict=True):
            assert not text or number(text.removeprefix("× ")) == pytest.approx(slope, abs=5.1e-4)
        operations = len(nodes) - INPUTS
        assert sum(bool(text) for text in beside) == max(0, step - operations - 1)
    assert all(gradient for _, _, gradient in boxes)
    assert shown(figure.still()) == live  # who cannot step sees the end of the walk


# ---- Controls --------------------------------------------------------------------------------------------------------


def state(lab):
    lab.frame()
    return lab.page.evaluate("[model.get('expression'), model.get('inputs'), model.get('step')]")


def test_buttons_go_one_step_and_stop_at_both_ends(open_lab):
    lab = open_lab(Backprop())
    press = lambda name: lab.view().get_by_role("button", name=name, exact=True).click(force=True)  # noqa: E731
    for name, wanted in [("Step", 4), ("Back", 3), ("Back", 2), ("Back", 1), ("Back", 0), ("Back", 0), ("Step", 1)]:
        press(name)
        assert state(lab)[2] == wanted
    lab.arrive(step=9)
    press("Step")
    assert state(lab)[2] == 9


def test_sliders_set_inputs_and_step_and_python_accepts_them(open_lab):
    figure = Backprop()
    lab = open_lab(figure)
    for name, key in [("a", "End"), ("b", "ArrowRight"), ("c", "Home"), ("Step", "End")]:
        lab.view().get_by_role("slider", name=name, exact=True).press(key)
    expression, inputs, step = state(lab)
    assert inputs == pytest.approx([3, -0.95, -3])
    assert (expression, step) == (0, 9)
    figure.set_state({"inputs": inputs, "step": step})
    assert figure.inputs == inputs


def test_another_expression_starts_with_its_own_inputs_and_names(open_lab):
    figure = Backprop(step=9)
    lab = open_lab(figure)
    lab.view().get_by_role("combobox").select_option(index=1)
    assert state(lab) == [1, GRAPHS[1]["inputs"], 5]
    for name in ("w", "x", "b"):
        assert lab.view().get_by_role("slider", name=name, exact=True).count() == 1
    figure.set_state(dict(zip(("expression", "inputs", "step"), state(lab), strict=True)))
    assert figure.steps == 13


def test_reset_brings_the_inputs_back_and_leaves_the_focus_near(open_lab):
    lab = open_lab(Backprop(expression=2, inputs=[0.0, 1.0, 2.0], step=12))
    reset = lab.view().get_by_role("button", name="Reset")
    reset.click()
    assert state(lab) == [2, GRAPHS[2]["inputs"], 4]
    assert reset.is_disabled()
    assert "Step" in lab.focused()


def test_an_expression_from_python_with_a_step_beyond_its_end_is_drawn_at_its_end(open_lab):
    lab = open_lab(Backprop(expression=1, step=13))
    lab.arrive(expression=0)  # its step follows in a message of its own
    assert lab.view().get_by_role("slider", name="Step").get_attribute("aria-valuetext") == "9 of 9"
