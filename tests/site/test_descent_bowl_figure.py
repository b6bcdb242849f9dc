"""The figure of notebook 3.3 on its built page: mouse, keys and touch move it, and its numbers are the library's."""

import re

import numpy as np
import pytest
from figure_page import FigurePage

from vec2attn.widgets.descent_bowl import DescentBowl

CHAPTER = "chapters/03_eigen/curvature.html"
READ = """(box) => {
    const [eta, kappa] = [...box.querySelectorAll('input')].map((input) => input.getAttribute('aria-valuetext'));
    return {
        eta: Number(eta), kappa: Number(kappa),
        method: box.querySelector('[aria-pressed=true]').textContent,
        start: box.querySelector('.v2a-db-handle').getAttribute('aria-valuetext'),
        facts: [...box.querySelectorAll('dd')].map((dd) => dd.textContent),
        track: box.querySelector('.v2a-db-track').getAttribute('d'),
        off: box.querySelector('.v2a-db-off') !== null,
        said: box.querySelector('.v2a-said').textContent,
    };
}"""


def numbers(text):
    return [float(x.replace("−", "-")) for x in re.findall(r"[-−]?\d+\.?\d*", text)]


class Bowl(FigurePage):
    """The figure in an open page."""

    page_path, name = CHAPTER, "descent_bowl"

    def read(self):
        self.settle()
        return self.box.evaluate(READ)

    def press(self, name):
        self.button(name).click()

    def at(self, point):
        """Return where a point of the bowl is on the screen."""
        area = self.box.locator("svg").bounding_box()
        scale = area["width"] / 6.8
        return area["x"] + (point[0] + 3.4) * scale, area["y"] + (2.4 - point[1]) * scale

    def assert_equals_library(self, **expected):
        """Compare all that is shown with the library, for the state that the controls show or that is given."""
        seen = self.read()
        traits = {"start": numbers(seen["start"])} | {k: seen[k] for k in ("eta", "kappa", "method")} | expected
        figure = DescentBowl(**traits)
        low, ratio, formula, measured, end = seen["facts"]
        assert numbers(low) == pytest.approx(np.diag(figure.H).tolist(), abs=0.0051)
        assert float(ratio) == pytest.approx(figure.eta / figure.bound, abs=5.1e-4)
        assert float(formula) == pytest.approx(figure.rate, abs=5.1e-5)
        assert float(measured) == pytest.approx(figure.measured(), abs=5.1e-5)
        assert end == figure.verdict()
        drawn = np.reshape(numbers(seen["track"]), (-1, 2)) / [80, -80]
        wanted = np.clip(figure.path().points[:151], -9999 / 80, 9999 / 80)
        np.testing.assert_allclose(drawn, wanted, atol=1e-3)
        assert seen["off"] == (figure.eta >= figure.bound)
        return seen


@pytest.fixture
def bowl(reader):
    return Bowl(reader())


@pytest.fixture
def phone(reader):
    return Bowl(reader(width=360, touch=True))


def test_the_figure_starts_below_the_bound(bowl):
    seen = bowl.assert_equals_library(start=[-2.6, 1.4], eta=0.15, kappa=10, method="plain")
    assert bowl.button("Reset").is_disabled()
    assert not seen["off"]


@pytest.mark.parametrize("label", ["Step size η", "Condition κ"])
def test_sliders_by_mouse_and_keys_give_the_numbers_of_the_library(bowl, label):
    bowl.by_mouse_and_keys(label, (0.3, 0.8), ("ArrowRight", "PageDown", "Home", "End"))


def test_the_predictions_of_the_text_come_true(bowl):
    bowl.press("Best step")
    assert bowl.assert_equals_library(eta=2 / 11)["facts"][4] == "35 steps"
    bowl.slider("Step size η").fill("0.2")
    assert bowl.assert_equals_library(eta=0.2)["facts"][4] == "not within 1000 steps"
    bowl.slider("Step size η").fill("0.21")
    assert bowl.assert_equals_library(eta=0.21)["facts"][4].startswith("diverges")
    bowl.drag(bowl.at((-2.6, 1.4)), bowl.at((-2.6, 0)))
    seen = bowl.assert_equals_library(start=[-2.6, 0])
    assert seen["facts"][4] == "30 steps"
    assert "On this axis only the smaller curvature acts" in seen["said"]
    bowl.press("Reset")
    bowl.slider("Condition κ").press("End")
    bowl.press("Best step")
    assert bowl.assert_equals_library(kappa=100, eta=2 / 10.1)["facts"][4] == "346 steps"
    bowl.press("momentum")
    bowl.press("Best step")
    best = DescentBowl(kappa=100, method="momentum").best
    seen = bowl.assert_equals_library(kappa=100, method="momentum", eta=best)
    assert int(seen["facts"][4].split()[0]) < 346 / 5
    bowl.press("Reset")
    bowl.assert_equals_library(eta=0.15, kappa=10, method="plain", start=[-2.6, 1.4])


def test_arrow_keys_move_the_start_and_the_page_stays(bowl):
    handle = bowl.box.get_by_role("slider", name="Start")
    handle.focus()
    top = bowl.page.evaluate("scrollY")
    for key, start in (("ArrowRight", [-2.5, 1.4]), ("ArrowDown", [-2.5, 1.3]), ("Shift+ArrowLeft", [-3, 1.3])):
        bowl.page.keyboard.press(key)
        bowl.assert_equals_library(start=start)
    assert bowl.page.evaluate("scrollY") == top


def test_a_finger_drags_the_start_and_the_page_does_not_scroll(phone):
    phone.box.locator("svg").scroll_into_view_if_needed()
    hit = phone.box.locator(".v2a-db-hit").bounding_box()
    assert min(hit["width"], hit["height"]) >= 24
    top = phone.page.evaluate("scrollY")
    phone.swipe(phone.at((-2.6, 1.4)), phone.at((2, -1.5)))
    np.testing.assert_allclose(numbers(phone.assert_equals_library()["start"]), [2, -1.5], atol=0.11)
    assert phone.page.evaluate("scrollY") == top


def test_without_a_script_the_still_picture_has_the_numbers(reader):
    box = reader(CHAPTER, script=False).page.locator(".v2a-figure[data-name=descent_bowl]")
    assert box.locator("button, input, [tabindex]").count() == 0
    figure, text = DescentBowl(), box.inner_text()
    for value in (figure.verdict(), f"{figure.rate:.4f}", f"best {figure.best:.4f}, bound {figure.bound:.4f}"):
        assert value in text
    drawn = np.reshape(numbers(box.locator(".v2a-db-track").get_attribute("d")), (-1, 2)) / [80, -80]
    np.testing.assert_allclose(drawn, figure.path().points[:151], atol=1e-3)
