"""The Python side of the figures: state, still pictures, mime bundles and refusals; every figure of the book."""

import base64
import importlib
import json
import pkgutil
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import traitlets

import vec2attn.widgets
from vec2attn.softmax import entropy, perplexity
from vec2attn.widgets.base import HERE, MIME, Figure, front_end
from vec2attn.widgets.softmax_bars import SoftmaxBars
from widgets.examples import EXAMPLES, MANY, few, percent, readable, softmax_bars


def figures():
    """Return the figures of the package: class by name."""
    for module in pkgutil.walk_packages(vec2attn.widgets.__path__, "vec2attn.widgets."):
        importlib.import_module(module.name)
    found, waiting = {}, [Figure]
    while waiting:
        for figure in waiting.pop().__subclasses__():
            waiting.append(figure)
            if figure.__module__.startswith("vec2attn.") and "name" in vars(figure):
                found[figure.name] = figure
    return found


def made(name, changed=True):
    example = EXAMPLES[name]
    return example.make(**example.changes) if changed else example.make()


def bundle(figure):
    data, _ = figure._repr_mimebundle_()
    return json.loads(json.dumps(data, allow_nan=False))


every_figure = pytest.mark.parametrize("name", figures())


@every_figure
def test_a_figure_has_its_files_and_an_example_for_these_tests(name):
    figure = figures()[name]
    assert figure.__module__ == f"vec2attn.widgets.{name}"
    assert (HERE / f"{name}.js").is_file()
    assert name in EXAMPLES, f"add {name} to tests/widgets/examples.py"
    assert isinstance(made(name), figure)


@every_figure
def test_the_front_end_is_one_module_without_imports(name):
    text = front_end(name)
    assert figures()[name]._esm == text
    assert not re.search(r"^\s*import\b|\bimport\(|\brequire\(", text, re.MULTILINE)
    assert re.search(r"^export default \{.*\brender\b.*\}", text, re.MULTILINE)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")  # a namespace, not an address that is fetched
    assert not re.search(r"url\(|@import", figures()[name]._css)  # and the styles ask no other host for anything


def test_a_figure_without_a_still_picture_says_so():
    class Bare(Figure):
        pass

    with pytest.raises(NotImplementedError, match="Bare has no still picture yet"):
        Bare().still()


# ---- State -----------------------------------------------------------------------------------------------------------


@every_figure
def test_what_a_reader_moves_and_what_the_browser_needs_is_in_the_state_and_nothing_else(name):
    figure, example = made(name), EXAMPLES[name]
    state = figure.state()
    assert set(example.changes) <= set(state)
    assert {trait: state[trait] for trait in example.changes} == example.changes
    assert not [trait for trait in state if trait.startswith("_") or trait in ("layout", "tabbable", "tooltip", "comm")]


@every_figure
def test_the_bundle_carries_name_model_state_and_still(name):
    figure = made(name)
    data = bundle(figure)
    assert set(data[MIME]) == {"name", "model", "state", "still"}
    assert (data[MIME]["name"], data[MIME]["model"]) == (name, figure.model_id)
    assert data[MIME]["still"] == figure.still()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == figure.model_id  # where a kernel runs


def revive(found):
    return base64.b64decode(found["$b64"]) if "$b64" in found else found


@every_figure
def test_the_state_comes_back_from_the_page_as_it_was(name):
    figure, again = made(name), made(name, changed=False)
    read = json.loads(json.dumps(bundle(figure)[MIME]["state"]), object_hook=revive)
    assert read == figure.state()
    assert again.state() != figure.state()
    again.set_state({trait: read[trait] for trait in EXAMPLES[name].changes})
    assert again.state() == figure.state()
    assert again.still() == figure.still()


@every_figure
def test_two_figures_share_no_state(name):
    first, second = made(name), made(name, changed=False)
    initial = {trait: getattr(second, trait) for trait in EXAMPLES[name].changes}
    first.set_state(EXAMPLES[name].changes)
    assert {trait: getattr(second, trait) for trait in initial} == initial
    assert first.model_id != second.model_id


# ---- Refusals --------------------------------------------------------------------------------------------------------

REFUSALS = [
    pytest.param(name, *refusal, id=f"{name} {refusal[0]}={refusal[1]}")
    for name, example in EXAMPLES.items()
    for refusal in example.refusals
]
WRONG = [
    pytest.param(name, *wrong, id=f"{name}: {wrong[2]}")
    for name, example in EXAMPLES.items()
    for wrong in example.wrong
]


@pytest.mark.parametrize(("name", "trait", "value", "words"), REFUSALS)
def test_a_wrong_value_is_refused_in_clear_words_and_the_old_one_stays(name, trait, value, words):
    figure = made(name)
    before = figure.state()
    with pytest.raises(traitlets.TraitError, match=words):
        setattr(figure, trait, value)
    assert figure.state() == before
    with pytest.raises(traitlets.TraitError, match=words):
        EXAMPLES[name].make(**{trait: value})


@pytest.mark.parametrize(("name", "arguments", "named", "words"), WRONG)
def test_a_figure_that_cannot_be_made_says_why(name, arguments, named, words):
    with pytest.raises(ValueError, match=words):
        figures()[name](*arguments, **named)


@every_figure
def test_a_misspelt_setting_is_refused(name):
    with pytest.raises(TypeError, match="temprature"):
        EXAMPLES[name].make(temprature=2.0)


# ---- Still pictures --------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Reads the cells of tables, and refuses HTML that is not well formed or could run a script."""

    ALONE = ("br", "hr", "img", "meta", "input", "wbr")

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.text = [], [], ""
        self.styles = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "iframe", "object", "embed", "link", "style"), tag
        for attribute, value in attributes:
            assert not attribute.startswith("on"), attribute
            assert "javascript:" not in (value or "")
            if attribute == "style":
                self.styles.append(value)
        if tag not in self.ALONE:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text += text
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += text


@every_figure
@pytest.mark.parametrize("changed", [False, True])
def test_a_still_picture_is_well_formed_and_holds_no_script(name, changed):
    still = Reader(made(name, changed).still())
    assert ("JavaScript" in still.text) == (name != "quick_question")  # says what is missing; of a question nothing is


STATES = [
    {},
    {"prompt": 3, "T": 5.0},
    {"prompt": 4, "T": 0.1, "c": -3.5},
    {"prompt": 1, "k": 1},
    *({"prompt": prompt, "k": 10} for prompt in range(5)),  # nothing is left for the others, whatever the rounding
    {"prompt": 2, "p": 0.9, "edits": [-1.5, 0.0, 3.0]},
    {"prompt": 2, "edits": [-22.0]},
    {"prompt": 0, "edits": [0.0] * 9 + [25.0]},
    {"prompt": 1, "edits": [-28.0, *[0.0] * 9], "c": 0.5},
]


def number(text):
    return float(text.replace("−", "-"))


@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_still_bars_show_the_numbers_of_the_library(state):
    figure = softmax_bars(**state)
    P, z, order = figure.probabilities(), figure.logits(), figure._order[figure.prompt]
    still = Reader(figure.still())
    _, *rows, rest = still.rows
    for (token, logit, share), i in zip(rows, order[:10], strict=True):
        assert (token, share) == (readable(figure._tokens[i]), percent(P[i]))
        assert number(logit) == pytest.approx(z[i], abs=0.005_001)
    assert rest == ["49,142 others", "", percent(P[order[10:]].sum())]
    H = float(entropy(P))
    said = re.search(r"T = (\S+), entropy (\S+) nats, perplexity (\S+)\. ", still.text)
    assert [number(text) for text in said.groups()] == [
        pytest.approx(figure.T, rel=1e-5),
        pytest.approx(H, abs=5.01e-4),
        pytest.approx(perplexity(H), abs=5.01e-3),
    ]
    shown = [text for row in still.rows[1:] for text in row[1:]] + list(said.groups())
    assert not [text for text in shown if re.fullmatch(r"[-−]0[.0]*( %)?", text)], "a minus sign before a zero"


@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_still_bars_stay_between_their_ends_and_longer_means_more(state):
    figure = softmax_bars(**state)
    bars = [float(x) for style in Reader(figure.still()).styles for x in re.findall(r"scaleX\(([^)]+)\)", style)]
    assert len(bars) == 21  # a logit and a probability for each shown token, a probability for all others
    assert all(0 <= bar <= 1 for bar in bars)
    P, z, order = figure.probabilities(), figure.logits(), figure._order[figure.prompt]
    assert bars[1:21:2] + bars[20:] == pytest.approx([*P[order[:10]], P[order[10:]].sum()], abs=1e-5)
    logits = np.array(bars[:20:2])[np.argsort(z[order[:10]], kind="stable")]
    assert (np.diff(logits) >= 0).all()


def test_tokens_and_prompts_are_text_whatever_they_hold():
    nasty = "<script>alert(1)</script>&amp;\"'"
    figure = SoftmaxBars({nasty: few(2000)}, [nasty, *MANY[1:]])
    still = Reader(figure.still())
    assert still.rows[1][0] == nasty.replace(" ", "␣")
    assert f"“{nasty} …”" in still.text


def test_the_figure_shows_what_was_set_in_python_and_python_sees_the_logits_moved():
    figure = softmax_bars(prompt=1)
    sydney, canberra = figure._order[1][:2]
    figure.edits = [0.0, 1.0]
    z, moved = softmax_bars(prompt=1).logits(), figure.logits()
    assert moved[canberra] == z[canberra] + 1
    assert (np.delete(moved, canberra) == np.delete(z, canberra)).all()
    P = figure.probabilities()
    assert P[canberra] / P[sydney] == pytest.approx(np.exp(moved[canberra] - moved[sydney]), rel=1e-12)
    figure.c = 2.0
    np.testing.assert_allclose(figure.probabilities(), P, rtol=1e-12)
