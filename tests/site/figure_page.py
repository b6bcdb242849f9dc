"""An interactive figure as an open page shows it: the hands and eyes that the tests of all figures share."""

import re
from collections.abc import Sequence
from typing import Any

from site_reader import PAGES, SITE, Visit


def figures() -> list[tuple[str, str]]:
    """Return page and name of every figure in the built site, once each; quick questions have tests of their own."""
    found = {
        (path, name): None
        for path in PAGES
        if (SITE / path).is_file()
        for name in re.findall(r'class="v2a-figure" data-name="(\w+)"', (SITE / path).read_text(encoding="utf-8"))
        if name != "quick_question"
    }
    return list(found) or [("index.html", "none")]  # a site without figures must fail a test, not skip all of them


FIGURES = figures()


def number(text: str) -> float:
    """Read a number as the figures write it."""
    return float(text.replace("−", "-"))


class FigurePage:
    """A figure in an open page. A subclass names its page and itself."""

    page_path = ""
    name = ""

    def __init__(self, visit: Visit, nth: int = 0, go: bool = True) -> None:
        if go:
            visit.goto(self.page_path)
        self.visit, self.page = visit, visit.page
        self.css = f".v2a-figure[data-name={self.name}]"
        self.box = self.page.locator(self.css).nth(nth)
        self.box.scroll_into_view_if_needed()
        self.page.locator(f"{self.css}[data-state=live]").nth(nth).wait_for()
        self.settle()

    def settle(self) -> None:
        """Wait until what the last change asked for is drawn."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def button(self, name: str) -> Any:
        return self.box.get_by_role("button", name=name, exact=True)

    def slider(self, name: str) -> Any:
        return self.box.get_by_label(name, exact=True)

    def said(self) -> str:
        """Return the line that says what has just changed."""
        self.settle()
        return self.box.locator(".v2a-said").inner_text()

    def place(self, slider: Any, share: float | None = None) -> tuple[float, float]:
        """Return where the thumb of a slider is on the screen, or would be after `share` of its way."""
        area = slider.bounding_box()
        if share is None:
            share = slider.evaluate("(s) => (s.value - s.min) / (s.max - s.min)")
        return area["x"] + 9 + share * (area["width"] - 18), area["y"] + area["height"] / 2

    def by_mouse_and_keys(self, label: str, shares: Sequence[float], keys: Sequence[str]) -> None:
        """Move a slider by clicks on its way, then by keys; each time the numbers must be those of the library."""
        slider = self.slider(label)
        slider.scroll_into_view_if_needed()
        for share in shares:
            self.page.mouse.click(*self.place(slider, share))
            self.assert_equals_library()
        for key in keys:
            slider.press(key)
            self.assert_equals_library()
        assert slider.evaluate("(s) => s === document.activeElement")

    def assert_equals_library(self) -> Any:
        """Compare what is shown with the library."""
        raise NotImplementedError

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag with the mouse from one place of the screen to another."""
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=6)
        self.page.mouse.up()

    def swipe(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag with a finger."""
        (x, y), (right, down) = start, end
        finger = self.page.context.new_cdp_session(self.page)
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for step in range(1, 9):
            points = [{"x": x + (right - x) * step / 8, "y": y + (down - y) * step / 8}]
            finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        finger.detach()


def page_of(path: str, figure: str) -> type[FigurePage]:
    """Return a FigurePage for a figure that is known by its place alone."""
    return type("Page", (FigurePage,), {"page_path": path, "name": figure})


def twice(kind: type[FigurePage], visit: Visit, model: int) -> tuple[Any, Any]:
    """Open a figure's page with the figure in it twice; the second one is bound to this model (0: the same)."""
    marker = f'<div class="v2a-figure" data-name="{kind.name}"'

    def doubled(route: Any) -> None:
        answer = route.fetch()
        block = re.search(re.escape(marker) + r".*?</script></div>", answer.text(), re.DOTALL)[0]  # type: ignore[index]
        again = re.sub(r'\{"model":\d+,', f'{{"model":{model},', block) if model else block
        assert (again == block) == (model == 0)
        route.fulfill(response=answer, body=answer.text().replace(block, block + again))

    visit.page.route("**/*.html", doubled)
    return kind(visit), kind(visit, nth=1, go=False)
