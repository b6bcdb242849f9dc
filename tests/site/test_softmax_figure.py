"""The softmax figure answers to mouse, keys and touch, and every number it shows is the library's."""

import pytest
from site_reader import choose_theme, contrast, painted, theme
from softmax_page import SLIDERS, STEP, SoftmaxPage, assert_shows, bars, logits, number

from vec2attn.softmax import entropy

CONTROLS = [*SLIDERS, "logit 0", "logit 4", "logit 9"]
COLOURS = {"light": ("rgb(11, 99, 181)", "rgb(15, 123, 95)"), "dark": ("rgb(108, 182, 255)", "rgb(76, 201, 160)")}


@pytest.fixture(scope="module")
def wide(readers_of_module):
    return SoftmaxPage(readers_of_module())


@pytest.fixture(scope="module")
def narrow(readers_of_module):
    return SoftmaxPage(readers_of_module(width=360, touch=True))


@pytest.fixture
def figure(wide):
    """Use the figure with mouse and keys in a wide window, from its first numbers on."""
    return wide.start_again()


@pytest.fixture
def phone(narrow):
    """Use the figure with a finger on a screen of 360 px, from its first numbers on."""
    return narrow.start_again()


def shown(seen: dict) -> dict:
    """Return all but the line that says what changed, which comes when the hand rests."""
    return {part: value for part, value in seen.items() if part not in ("seen", "heard")}


def changed(before: dict, after: dict) -> bool:
    return [row["p"] for row in before["rows"]] != [row["p"] for row in after["rows"]]


def test_figure_starts_with_the_numbers_of_the_notebook(figure):
    seen = figure.assert_equals_library()
    assert seen["prompt"] == 1
    assert not seen["reset"]
    assert seen["sliders"]["Temperature T"]["shown"] == "1.00"


@pytest.mark.parametrize("name", CONTROLS)
def test_dragging_with_the_mouse_gives_the_numbers_of_the_library(figure, name):
    before = figure.read()
    for share in (0.3, 0.72):
        figure.drag_to(figure.control(name), share)
        seen = figure.read()
        position = figure.control(name).evaluate("(s) => (s.value - s.min) / (s.max - s.min)")
        assert abs(position - share) < 0.06
        figure.assert_equals_library()
        assert changed(before, seen) == (name != "c")


@pytest.mark.parametrize("name", CONTROLS)
def test_keys_give_the_numbers_of_the_library(figure, name):
    control = figure.control(name)
    control.focus()
    low, high, step = control.evaluate("(s) => [Number(s.min), Number(s.max), Number(s.step)]")
    down, up = ("ArrowRight", "ArrowLeft") if name in ("T", "c") else ("ArrowLeft", "ArrowRight")
    for keys in ([down] * 7, [up] * 2, ["PageUp"], ["PageDown"] * 3, ["Home"], ["End"]):
        for key in keys:
            before = float(control.input_value())
            figure.page.keyboard.press(key)
            figure.settle()
            after = float(control.input_value())
            assert low - 1e-9 <= after <= high + 1e-9
            if key.startswith("Arrow"):
                sign = 1 if key == "ArrowRight" else -1
                assert after == pytest.approx(min(high, max(low, before + sign * step)), abs=1e-6), f"{key}: one step"
        if keys[0] in ("Home", "End"):
            assert after == pytest.approx(low if keys[0] == "Home" else high, abs=step)
        figure.assert_equals_library()
    assert control.evaluate("(s) => s === document.activeElement"), "the hand stays on the control"


@pytest.mark.parametrize("i", range(10))
def test_one_press_of_a_key_moves_any_logit_by_one_step_either_way(figure, i):
    control = figure.logit(i)
    control.focus()
    start = number(figure.read()["rows"][i]["z"])[0]
    figure.page.keyboard.press("ArrowRight")
    right = number(figure.read()["rows"][i]["z"])[0]
    assert right - start == pytest.approx(STEP, abs=0.0101)
    figure.page.keyboard.press("ArrowRight")
    assert number(figure.read()["rows"][i]["z"])[0] - right == pytest.approx(STEP, abs=0.0101)
    for _ in range(3):
        figure.page.keyboard.press("ArrowLeft")
        figure.settle()
    assert number(figure.read()["rows"][i]["z"])[0] - start == pytest.approx(-STEP, abs=0.0101)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_finger_on_a_narrow_screen_gives_the_numbers_of_the_library(phone, name):
    before = phone.read()
    where = "(s) => (s.value - s.min) / (s.max - s.min)"
    first, second = (0.9, 0.3) if phone.control(name).evaluate(where) < 0.5 else (0.1, 0.7)
    for share in (first, second):  # a short way would be a tap, not a drag
        phone.swipe_to(phone.control(name), share)
        seen = phone.read()
        position = phone.control(name).evaluate(where)
        assert abs(position - share) < 0.1
        phone.assert_equals_library()
        assert changed(before, seen) == (name != "c")


def test_a_tap_beside_the_thumb_moves_it_there(phone):
    control = phone.control("T")
    control.scroll_into_view_if_needed()
    phone.page.touchscreen.tap(*phone.point(control, 0.9))
    assert phone.assert_equals_library()["sliders"]["Temperature T"]["at"] > 0.4


def test_every_prompt_can_be_chosen(figure):
    for prompt, text in enumerate(logits()):
        figure.box.locator("select").select_option(index=prompt)
        seen = figure.assert_equals_library()
        assert seen["prompt"] == prompt
        first_line = text.strip().split("\n")[0]
        assert first_line in figure.box.locator("option").nth(prompt).inner_text()


def test_prompts_can_be_chosen_with_keys(figure):
    figure.box.locator("select").focus()
    figure.page.keyboard.press("ArrowDown")
    assert figure.assert_equals_library()["prompt"] == 2
    figure.page.keyboard.press("Home")
    assert figure.assert_equals_library()["prompt"] == 0


def test_another_prompt_forgets_the_edited_logits_and_keeps_the_sliders(figure):
    figure.drag_to(figure.logit(0), 0.4)
    figure.drag_to(figure.control("T"), 0.5)
    hot = figure.read()["sliders"]["Temperature T"]
    figure.box.locator("select").select_option(index=3)
    assert figure.assert_equals_library()["sliders"]["Temperature T"] == hot


def test_adding_a_constant_changes_every_logit_and_no_probability(figure):
    before = figure.read()
    for share in (0.8, 0.1):
        figure.drag_to(figure.control("c"), share)
        after = figure.assert_equals_library()
        assert all(a["z"] != b["z"] for a, b in zip(after["rows"][:-1], before["rows"][:-1], strict=True))
        assert [row["p"] for row in after["rows"]] == [row["p"] for row in before["rows"]]
        assert after["numbers"] == before["numbers"]


def test_controls_work_together(figure):
    figure.drag_to(figure.control("T"), 0.8)
    figure.drag_to(figure.logit(2), 0.85)
    figure.drag_to(figure.control("k"), 0.6)
    figure.drag_to(figure.control("p"), 0.7)
    seen = figure.assert_equals_library()
    assert 0 < number(seen["numbers"][2])[0] < 1000
    figure.drag_to(figure.control("c"), 0.9)
    shifted = figure.assert_equals_library()
    assert [row["p"] for row in shifted["rows"]] == [row["p"] for row in seen["rows"]]


def test_what_is_not_cut_is_never_shown_as_nothing(figure):
    figure.logit(0).focus()
    figure.page.keyboard.press("End")
    figure.control("T").focus()
    figure.page.keyboard.press("Home")
    seen = figure.assert_equals_library()
    assert {row["p"] for row in seen["rows"][1:]} == {"<0.01 %"}


@pytest.mark.parametrize("way", ["mouse", "keys", "touch"])
def test_reset_brings_the_first_numbers_back(request, way):
    figure = request.getfixturevalue("phone" if way == "touch" else "figure")
    first = figure.read()
    for name in ("T", "k", "p", "c", "logit 1"):
        figure.drag_to(figure.control(name), 0.4)
    assert changed(first, figure.read())
    button = figure.box.get_by_role("button", name="Reset")
    if way == "keys":
        button.focus()
        figure.page.keyboard.press("Enter")
    else:
        button.tap() if way == "touch" else button.click()
    last = figure.assert_equals_library()
    assert shown(last) == shown(first)
    if way == "keys":
        assert figure.page.evaluate("document.activeElement !== document.body"), "focus must not fall off the page"


def accessible(figure: SoftmaxPage, control) -> tuple[str, str]:
    """Return role and name of a control from the browser's accessibility tree."""
    control.evaluate("(c) => c.setAttribute('data-asked', '')")
    session = figure.page.context.new_cdp_session(figure.page)
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": "[data-asked]"})["nodeId"]
    found = session.send("Accessibility.getPartialAXTree", {"nodeId": node, "fetchRelatives": False})["nodes"][0]
    session.detach()
    control.evaluate("(c) => c.removeAttribute('data-asked')")
    assert not found["ignored"]
    return found["role"]["value"], found["name"]["value"]


def test_a_screen_reader_hears_names_and_values(figure):
    figure.drag_to(figure.control("T"), 0.4)
    seen = figure.assert_equals_library()  # compares the value texts too
    for trait, label in SLIDERS.items():
        assert accessible(figure, figure.control(trait)) == ("slider", label)
        assert figure.control(trait).get_attribute("aria-valuetext") == seen["sliders"][label]["shown"]
    for i, row in enumerate(seen["rows"][:-1]):
        assert accessible(figure, figure.logit(i)) == ("slider", f"Logit of {row['name']}")
        assert figure.logit(i).get_attribute("aria-valuetext") == f"{row['z']}, probability {row['p']}"
    assert accessible(figure, figure.box.locator("select")) == ("combobox", "Prompt")
    assert accessible(figure, figure.box.locator("button")) == ("button", "Reset")
    assert figure.box.locator("tbody th[scope=row]").count() == 11
    assert figure.box.locator("thead th[scope=col]").count() == 3


def test_the_figure_says_what_changed_once_the_hand_rests(figure):
    status = figure.box.locator("[role=status]")
    resting = "(s) => s.textContent && s.textContent === s.previousElementSibling.textContent"
    figure.page.wait_for_function(resting, arg=status.element_handle())
    status.evaluate(
        """(status) => {
            status.spoken = [];
            new MutationObserver(() => status.spoken.push(status.textContent)).observe(status, { childList: true });
        }"""
    )
    figure.drag_to(figure.control("T"), 0.3)
    figure.page.wait_for_function("(s) => s.spoken.length > 0", arg=status.element_handle())
    (spoken,) = status.evaluate("(s) => s.spoken")
    seen = figure.assert_equals_library()
    H = float(entropy(bars(**figure.traits(seen)).probabilities()))
    assert spoken.startswith("Temperature: entropy fell to ")
    assert spoken.endswith(" Most probable: ␣Sydney.")
    assert_shows(spoken.split("fell to ")[1], H)
    assert seen["seen"] == spoken, "the eye reads what the ear hears"

    figure.drag_to(figure.control("c"), 0.75)
    shift = figure.read()["sliders"]["Add to every z"]["at"]
    figure.page.wait_for_function("(s) => s.spoken.length > 1", arg=status.element_handle())
    assert status.inner_text() == f"Every logit moved by {shift:.1f}; no probability moved."


def test_the_figure_follows_the_theme_of_the_page(reader):
    figure = SoftmaxPage(reader())
    before = figure.read()
    assert theme(figure.page) == "light"
    for wanted in ("dark", "light"):
        choose_theme(figure.page, wanted)
        figure.settle()
        blue, green = COLOURS[wanted]
        assert painted(figure.page, figure.box.locator(".v2a-share i").first) == green
        assert painted(figure.page, figure.logit(0)) == blue
        name = figure.box.locator("tbody th").first
        text = name.evaluate("(th) => getComputedStyle(th).color")
        assert contrast(text, painted(figure.page, name, right=0, down=1)) >= 7
        assert shown(figure.read()) == shown(before)


def test_the_figure_follows_the_system_when_the_page_does(reader):
    figure = SoftmaxPage(reader(dark=True))
    assert theme(figure.page) == "dark"
    bar = figure.box.locator(".v2a-share i").first
    assert painted(figure.page, bar) == COLOURS["dark"][1]
    figure.page.emulate_media(color_scheme="light")
    figure.settle()
    assert painted(figure.page, bar) == COLOURS["light"][1]
