"""What every figure's front end promises to its model, and what the controls of each do; in a real browser."""

import math
import re
from contextlib import contextmanager

import pytest

from vec2attn.softmax import entropy, perplexity
from widgets.examples import EXAMPLES, percent, readable, softmax_bars

# ---- Every figure ----------------------------------------------------------------------------------------------------

every_figure = pytest.mark.parametrize("name", EXAMPLES)


@every_figure
def test_a_change_from_python_is_drawn(open_lab, name):
    lab = open_lab(EXAMPLES[name].make())
    for trait, value in EXAMPLES[name].changes.items():
        before = lab.picture()
        lab.arrive(**{trait: value})
        assert lab.picture() != before, f"{trait} = {value} changes nothing"
    assert lab.asked() == []  # drawing never writes


@every_figure
def test_what_is_drawn_depends_on_the_state_alone(open_lab, name):
    example, pictures = EXAMPLES[name], []
    lab = open_lab(example.make())
    for trait, value in example.changes.items():
        lab.arrive(**{trait: value})
    pictures.append(lab.picture())
    pictures.append(open_lab(example.make(**example.changes)).picture())
    for picture in pictures:  # but for what has just happened
        picture["html"] = re.sub(r'<p class="v2a-(said|hidden)".*?</p>', "", picture["html"])
    assert pictures[0] == pictures[1]


@every_figure
def test_two_views_of_one_model_stay_in_step(open_lab, name):
    lab = open_lab(EXAMPLES[name].make(), views=2)
    for trait, value in EXAMPLES[name].changes.items():
        lab.arrive(**{trait: value})
        assert lab.picture(0) == lab.picture(1)


@every_figure
def test_many_changes_in_one_frame_are_drawn_once(open_lab, name):
    figure = EXAMPLES[name].make()
    lab, ((trait, value), *others) = open_lab(figure), EXAMPLES[name].changes.items()
    back = (trait, getattr(figure, trait))

    def reads_during(*changes):
        before = lab.page.evaluate("model.reads")[trait]
        lab.page.evaluate("(changes) => { for (const [n, v] of changes) model.arrive(n, v); }", changes)
        lab.frame()
        return lab.page.evaluate("model.reads")[trait] - before

    assert reads_during((trait, value)) == reads_during(back, (trait, value), back, *others) > 0


@every_figure
def test_the_clean_up_takes_every_listener_back(open_lab, name):
    lab = open_lab(EXAMPLES[name].make(), views=2)
    page = lab.page
    per_view = page.evaluate("model.ons") / 2
    assert per_view >= len(EXAMPLES[name].changes)
    page.evaluate("undo[0]()")
    assert page.evaluate("model.offs") == per_view
    trait, value = next(iter(EXAMPLES[name].changes.items()))
    dead, alive = lab.picture(0), lab.picture(1)
    lab.arrive(**{trait: value})
    assert lab.picture(0) == dead
    assert lab.picture(1) != alive
    page.evaluate("undo[1]()")
    assert page.evaluate("[model.offs - model.ons, model.listeners.length]") == [0, 0]


@every_figure
def test_the_clean_up_also_stops_a_drawing_that_is_due(open_lab, name):
    lab = open_lab(EXAMPLES[name].make())
    trait, value = next(iter(EXAMPLES[name].changes.items()))
    before = lab.picture()
    said = "[...document.querySelectorAll('.v2a-said, .v2a-hidden')].map((p) => p.textContent)"
    change = f"([name, value]) => {{ model.arrive(name, value); undo[0](); return {said}; }}"
    words = lab.page.evaluate(change, [trait, value])
    lab.frame()
    lab.page.wait_for_timeout(600)  # what is read aloud waits for half a second
    assert lab.picture() == before
    assert lab.page.evaluate(said) == words


@every_figure
def test_the_focus_stays_when_the_figure_is_drawn_anew(open_lab, name):
    example = EXAMPLES[name]
    lab = open_lab(example.make(**example.changes))  # moved, so that what sets it back is enabled
    (trait, value), *_ = example.changes.items()
    other = getattr(example.make(), trait)
    controls = lab.view().locator("input, select, button")
    assert controls.count() > 0
    for i in range(controls.count()):
        controls.nth(i).focus()
        assert lab.focused().startswith(f"{i} ")
        lab.arrive(**{trait: other if i % 2 == 0 else value})
        assert lab.focused().startswith(f"{i} ")


@every_figure
def test_every_control_has_a_name_that_is_read_aloud(open_lab, name):
    lab = open_lab(EXAMPLES[name].make())
    for role in ("slider", "combobox", "button"):
        nameless = lab.view().get_by_role(role, name=re.compile(r"^\s*$"))
        assert nameless.count() == 0


# ---- Softmax on vocabulary logits ------------------------------------------------------------------------------------


@contextmanager
def one_change(lab):
    """Give a dict that holds, after the block, what the block has made the front end set; it must have saved once."""
    lab.asked()
    found = {}
    yield found
    asked = lab.asked()
    assert asked[-1:] == [["save"]]
    assert ["save"] not in asked[:-1]
    found.update({name: value for _, name, value in asked[:-1]})


@pytest.mark.parametrize(
    ("label", "key", "trait", "value"),
    [
        ("Temperature T", "ArrowRight", "T", 10**0.01),
        ("Temperature T", "ArrowLeft", "T", 10**-0.01),
        ("Temperature T", "Home", "T", 0.1),
        ("Temperature T", "End", "T", 10**0.7),
        ("Top-k", "ArrowLeft", "k", 30_000),
        ("Top-k", "Home", "k", 1),
        ("Top-p", "ArrowLeft", "p", 0.99),
        ("Top-p", "Home", "p", 0.01),
        ("Add to every z", "ArrowRight", "c", 0.5),
        ("Add to every z", "Home", "c", -10),
        ("Add to every z", "End", "c", 10),
    ],
)
def test_a_key_on_a_slider_sets_its_trait(open_lab, label, key, trait, value):
    figure = softmax_bars()
    lab = open_lab(figure)
    with one_change(lab) as change:
        lab.view().get_by_role("slider", name=label, exact=True).press(key)
    assert change == {trait: pytest.approx(value, rel=1e-12)}
    figure.set_state(change)  # Python accepts what the slider sends
    assert getattr(figure, trait) == change[trait]


def test_the_sliders_come_back_to_exactly_one_and_all(open_lab):
    lab = open_lab(softmax_bars(T=2.0, k=100, p=0.5))
    with one_change(lab) as change:
        lab.view().get_by_role("slider", name="Temperature T").fill("0")
    assert change == {"T": 1}
    for label, trait, value in [("Top-k", "k", 49_152), ("Top-p", "p", 1)]:
        with one_change(lab) as change:
            lab.view().get_by_role("slider", name=label, exact=True).press("End")
        assert change == {trait: value}
    assert lab.view().get_by_role("button", name="Reset").is_disabled()


def test_choosing_a_prompt_forgets_the_edits_of_the_last(open_lab):
    figure = softmax_bars(edits=[1.0, -2.0])
    lab = open_lab(figure)
    with one_change(lab) as change:
        lab.view().get_by_role("combobox", name="Prompt").select_option(index=3)
    assert change == {"prompt": 3, "edits": []}
    first = lab.view().locator("tbody th").first
    assert first.inner_text() == readable(figure._tokens[figure._order[3][0]])


def test_reset_sets_everything_back_but_the_prompt_and_leaves_the_focus_near(open_lab):
    lab = open_lab(softmax_bars(prompt=2, T=0.5, k=40, p=0.9, c=3.0, edits=[1.0]))
    reset = lab.view().get_by_role("button", name="Reset")
    assert reset.is_enabled()
    with one_change(lab) as change:
        reset.focus()
        lab.page.keyboard.press("Enter")
    assert change == {"T": 1, "k": 49_152, "p": 1, "c": 0, "edits": []}
    assert reset.is_disabled()  # and a disabled button would lose the focus to the page
    assert "Prompt" in lab.focused()


def test_dragging_a_logit_sets_its_edit_and_no_other(open_lab):
    figure = softmax_bars(edits=[0.5], c=-2.5)
    lab = open_lab(figure)
    slider = lab.view().get_by_role("slider", name=re.compile("^Logit of")).nth(2)
    with one_change(lab) as change:
        slider.fill("9.5")
    (edits,) = change.values()
    figure.set_state(change)
    assert figure.logits()[figure._order[0][2]] == pytest.approx(9.5, abs=0.026)  # half a step of the slider
    assert edits[:2] + edits[3:] == [0.5] + [0] * 8
    with one_change(lab) as change:
        slider.fill(str(9.5 - edits[2]))  # back where it was, as near as the slider's steps allow
    assert change["edits"] == [0.5] + [0] * 9


@pytest.mark.parametrize(("key", "sign"), [("ArrowRight", 1), ("ArrowLeft", -1)])
@pytest.mark.parametrize("prompt", [0, 3])
def test_the_arrow_keys_move_every_logit_step_by_step(open_lab, prompt, key, sign):
    lab = open_lab(softmax_bars(prompt=prompt))
    sliders = lab.view().get_by_role("slider", name=re.compile("^Logit of"))
    for i in range(10):
        sliders.nth(i).focus()
        for steps in (1, 2):
            lab.page.keyboard.press(key)
            lab.frame()  # the slider is set anew from the model, as between two presses by hand
            edit = lab.page.evaluate("model.get('edits')")[i]
            assert sign * edit == pytest.approx(0.05 * steps, abs=0.026)  # from the stop that is nearest to the logit


@pytest.mark.parametrize("constant", [-10.0, 0.0, 10.0])
def test_the_sliders_of_the_logits_stand_where_the_numbers_say(open_lab, constant):
    lab = open_lab(softmax_bars(prompt=1, c=constant, edits=[12.0, -12.0, 6.5]))
    rows = lab.view().locator("tbody tr:not(.v2a-rest)")
    said = rows.evaluate_all("(rows) => rows.map((row) => row.querySelector('td span').textContent)")
    stands = rows.evaluate_all("(rows) => rows.map((row) => Number(row.querySelector('input').value))")
    assert stands == pytest.approx([float(z.replace("−", "-")) for z in said], abs=0.03)


def test_a_control_in_one_view_moves_the_other(open_lab):
    lab = open_lab(softmax_bars(), views=2)
    for label, key in [("Temperature T", "End"), ("Top-k", "Home"), ("Top-p", "Home"), ("Add to every z", "Home")]:
        lab.view(1).get_by_role("slider", name=label, exact=True).press(key)
        lab.frame()
        tables = [lab.view(i).locator("table").inner_html() for i in (0, 1)]
        assert tables[0] == tables[1]
        places = [lab.view(i).get_by_role("slider", name=label, exact=True).input_value() for i in (0, 1)]
        assert places[0] == places[1]


STATES = [
    {},
    {"prompt": 3, "T": 1.5},
    {"prompt": 4, "T": 0.1},  # the others share less than a float's last digit
    {"prompt": 1, "k": 2},
    {"prompt": 1, "k": 10},
    {"prompt": 2, "p": 0.5, "c": -3.5},
    {"prompt": 2, "p": 0.99, "edits": [-30.0, 0.0, 4.0]},
    {"prompt": 1, "k": 12, "edits": [-30.0]},
    {"prompt": 0, "T": 5.0, "k": 5000, "p": 0.95, "c": 7.5, "edits": [0.0] * 9 + [9.0]},
]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_figure_shows_the_numbers_of_the_library(open_lab, state):
    figure = softmax_bars(**state)
    lab = open_lab(figure)
    P, z, order = figure.probabilities(), figure.logits(), figure._order[figure.prompt]
    texts = "(rows) => rows.map((row) => [...row.querySelectorAll('th, td span')].map((cell) => cell.textContent))"
    *rows, rest = lab.view().locator("tbody tr").evaluate_all(texts)
    assert rows == [
        [
            readable(figure._tokens[i]),
            f"{z[i]:.2f}".replace("-", "−"),
            percent(P[i]),
        ]
        for i in order[:10]
    ]
    assert rest == ["49,142 others", percent(math.fsum(P[order[10:]]))]
    marked = lab.view().locator("tbody tr").evaluate_all("(rows) => rows.map((r) => r.classList.contains('v2a-cut'))")
    assert marked == [P[i] == 0 for i in order[:10]] + [(P[order[10:]] == 0).all()]
    H = float(entropy(P))
    faces = perplexity(H)
    assert lab.view().locator("dd").all_inner_texts() == [
        f"{H:.3f} nats",
        f"{faces:.2f}" if faces < 1000 else f"{faces:,.0f}",
        f"{(P > 0).sum():,} of 49,152",
    ]


def test_bars_are_as_long_as_the_shares_and_dashed_lines_stay_where_the_model_put_them(open_lab):
    figure = softmax_bars(prompt=1, T=2.0, k=300, c=4.0, edits=[-1.0, 0.5])
    tracks = open_lab(figure).view().locator("tbody tr .v2a-share")
    places = tracks.evaluate_all(
        """(tracks) => tracks.map((track) => {
          const [whole, bar, line] = [track, ...track.children].map((e) => e.getBoundingClientRect());
          return [bar.width / whole.width, (line.left - whole.left) / whole.width];
        })"""
    )
    shown, given = figure._order[1][:10], softmax_bars(prompt=1)
    for i, P in enumerate((figure.probabilities(), given.probabilities())):
        assert [place[i] for place in places] == pytest.approx([*P[shown], 1 - P[shown].sum()], abs=0.002)


def test_what_changes_is_said_at_once_and_read_aloud_when_the_hand_rests(open_lab):
    lab = open_lab(softmax_bars())
    seen, heard = lab.view().locator(".v2a-said"), lab.view().locator("p[role=status]")
    lab.page.wait_for_timeout(600)
    before = heard.inner_text()
    lab.view().get_by_role("slider", name="Temperature T").press("End")
    lab.frame()
    assert heard.inner_text() == before
    said = "document.querySelector('.v2a-said').textContent"
    lab.page.wait_for_function(f"{said}.startsWith('Temperature: entropy rose to ')")
    lab.page.wait_for_timeout(600)
    assert heard.inner_text() == seen.inner_text()
