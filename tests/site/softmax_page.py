"""The softmax figure of notebook 1.3 as a page shows it, and what the library says that it should show."""

import re
from functools import cache
from typing import Any

import numpy as np
from figure_page import FigurePage
from site_reader import CHAPTER

from vec2attn.datasets import smollm2_logits, smollm2_prompts, smollm2_tokens
from vec2attn.softmax import entropy, perplexity, temperature, top_k, top_p
from vec2attn.widgets.softmax_bars import SHOWN, SoftmaxBars

FIGURE = ".v2a-figure[data-name=softmax_bars]"
STEP = 0.05  # of a logit
SLIDERS = {"T": "Temperature T", "k": "Top-k", "p": "Top-p", "c": "Add to every z"}
READ = """(box) => {
    const text = (selector, from = box) => from.querySelector(selector)?.textContent ?? null;
    const sliders = {};
    for (const row of box.querySelectorAll('.v2a-slider')) {
        const input = row.querySelector('input');
        sliders[text('label', row)] = {
            at: Number(input.value), said: input.getAttribute('aria-valuetext'), shown: text('output', row),
        };
    }
    const row = (tr) => {
        const input = tr.querySelector('input'), [bar, ghost] = tr.querySelectorAll('.v2a-share > *');
        const area = bar.parentElement.getBoundingClientRect();
        return {
            name: text('th', tr), z: text('td:nth-child(2)', tr), p: text('td:last-child span', tr),
            at: input && Number(input.value), range: input && [Number(input.min), Number(input.max)],
            said: input?.getAttribute('aria-valuetext') ?? null,
            length: bar.getBoundingClientRect().width / area.width,
            given: (ghost.getBoundingClientRect().left - area.left) / area.width,
            cut: tr.classList.contains('v2a-cut'),
        };
    };
    return {
        prompt: box.querySelector('select').selectedIndex,
        sliders,
        rows: [...box.querySelectorAll('tbody tr')].map(row),
        numbers: [...box.querySelectorAll('dd')].map((dd) => dd.textContent),
        seen: text('.v2a-said'), heard: text('[role=status]'), reset: !box.querySelector('button').disabled,
    };
}"""


tokens = cache(smollm2_tokens)


@cache
def logits() -> dict[str, np.ndarray]:
    return {text: smollm2_logits(key) for key, text in smollm2_prompts().items()}


@cache
def stops() -> list[int]:
    """Return the numbers of tokens that the top-k slider can keep, from one to all."""
    steps = [*range(1, 10), *(round(m * 10**n) for n in range(1, 6) for m in (1, 1.5, 2, 3, 5, 7))]
    return [*(k for k in steps if k < len(tokens())), len(tokens())]


@cache
def _made() -> SoftmaxBars:
    return SoftmaxBars(logits(), tokens(), prompt=1)


def bars(**traits: Any) -> SoftmaxBars:
    """Return the notebook's figure, in Python, with these traits and otherwise as it begins; always the same object."""
    begin = {"prompt": 1, "T": 1.0, "k": len(tokens()), "p": 1.0, "c": 0.0, "edits": []}
    for name, value in {**begin, **traits}.items():
        _made().set_trait(name, value)
    return _made()


@cache
def given(prompt: int) -> np.ndarray:
    """Return the probabilities that the model gave: what the dashed lines mark."""
    return bars(prompt=prompt).probabilities()


def number(text: str) -> tuple[float, int]:
    """Return a shown number and how many decimals it has."""
    found = re.match(r"[+−]?[\d,]+(\.\d+)?", text)
    assert found, f"{text!r} does not begin with a number"
    plain = found[0].replace(",", "").replace("−", "-")
    return float(plain), len(plain.partition(".")[2])


def assert_shows(text: str, value: float) -> None:
    """Fail unless the number in `text` is `value` rounded to the digits shown (float32 in the page: 1e-6 of slack)."""
    shown, decimals = number(text)
    slack = 1e-6 * max(1.0, abs(value))
    assert abs(shown - value) <= 0.5 * 10**-decimals + slack, f"the page shows {text!r}, the library says {value:.8g}"


def assert_shows_share(text: str, share: float) -> None:
    """Fail unless `text` gives this probability, in percent, with enough digits to tell small ones apart."""
    if share == 0:
        assert text == "cut"
    elif share < 1e-4:
        assert text == "<0.01 %" or abs(share - 1e-4) < 1e-9
    else:
        assert_shows(text, 100 * share)
        assert text.endswith(" %")
        assert number(text)[1] == (2 if number(text)[0] < 10 else 1), f"{text!r}: 0.12 %, 1.23 %, 12.3 %"


class SoftmaxPage(FigurePage):
    """The figure in an open page: hands for the controls, eyes for the numbers."""

    page_path, name = CHAPTER, "softmax_bars"

    def start_again(self) -> "SoftmaxPage":
        """Bring the figure back to where it began, as its own button does; load the page anew if that fails."""
        self.page.mouse.up()
        self.box.locator("select").select_option(index=1)
        self.settle()
        button = self.box.locator("button")
        if button.is_enabled():
            button.click()
        self.page.evaluate("document.activeElement.blur()")
        self.settle()
        try:
            self.assert_equals_library()
            assert not self.read()["reset"]
        except AssertionError:
            self.__init__(self.visit)
        return self

    def logit(self, i: int) -> Any:
        return self.box.locator(".v2a-logit").nth(i)

    def control(self, name: str) -> Any:
        """Return the control of a trait: "T", "k", "p", "c", or "logit 3"."""
        return self.slider(SLIDERS[name]) if name in SLIDERS else self.logit(int(name.split()[1]))

    def read(self) -> dict[str, Any]:
        self.settle()
        return self.box.evaluate(READ)

    def point(self, control: Any, share: float | None = None) -> tuple[float, float]:
        """Return where the thumb of a slider is, or would be after `share` of its way."""
        area = control.bounding_box()
        low, high, at = control.evaluate("(s) => [Number(s.min), Number(s.max), Number(s.value)]")
        thumb = 12 if "v2a-logit" in (control.get_attribute("class") or "") else 18
        share = (at - low) / (high - low) if share is None else share
        return area["x"] + thumb / 2 + share * (area["width"] - thumb), area["y"] + area["height"] / 2

    def drag_to(self, control: Any, share: float) -> None:
        control.scroll_into_view_if_needed()
        self.drag(self.point(control), self.point(control, share))

    def swipe_to(self, control: Any, share: float) -> None:
        control.scroll_into_view_if_needed()
        self.swipe(self.point(control), self.point(control, share))

    def traits(self, seen: dict[str, Any]) -> dict[str, Any]:
        """Return the traits that the positions of the controls stand for, as the book defines them."""
        at = {trait: seen["sliders"][label] for trait, label in SLIDERS.items()}
        c = at["c"]["at"]
        first = np.sort(list(logits().values())[seen["prompt"]])[::-1]
        # a logit moves by whole steps from where the model put it: its text tells how many
        moved = [number(row["z"])[0] - c - z for row, z in zip(seen["rows"][:-1], first, strict=False)]
        return {
            "prompt": seen["prompt"],
            "T": 10 ** at["T"]["at"],
            "k": stops()[at["k"]["at"]],
            "p": at["p"]["at"],
            "c": c,
            "edits": [STEP * round(float(move) / STEP) for move in moved],
        }

    def assert_equals_library(self) -> dict[str, Any]:
        """Compare all that the page shows with the library on the full vector; gives what the page shows."""
        seen = self.read()
        traits = self.traits(seen)
        python = bars(**traits)
        P, z = python.probabilities(), python.logits()
        order = python._order[seen["prompt"]][:SHOWN]
        cut = top_p(top_k(temperature(z, traits["T"]), traits["k"]), traits["p"])
        H, first = float(entropy(P)), given(seen["prompt"])
        for trait, label in SLIDERS.items():
            slider = seen["sliders"][label]
            assert slider["said"] == slider["shown"]
            if trait == "k" and traits["k"] == len(P):
                assert slider["shown"] == "all"
            else:
                assert_shows(slider["shown"], traits[trait])
        *rows, rest = seen["rows"]
        assert len(rows) == SHOWN
        for row, i in zip(rows, order, strict=True):
            assert row["name"] == tokens()[i].replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")
            assert_shows(row["z"], z[i])
            assert_shows_share(row["p"], P[i])
            said = "0 %" if row["p"] == "cut" else row["p"]
            assert row["said"] == f"{row['z']}, probability {said}"
            assert abs(row["at"] - np.clip(z[i], *row["range"])) <= 0.0251, "the handle stands where its logit is"
            assert row["cut"] == (P[i] == 0)
        others = np.delete(P, order)
        assert_shows_share(rest["p"], others.sum())
        lengths, wanted = [row["length"] for row in seen["rows"]], [*P[order], others.sum()]
        assert np.allclose(lengths, wanted, atol=0.02), "bars are as long as the probabilities"
        dashes = [row["given"] for row in seen["rows"]]
        assert np.allclose(dashes, [*first[order], 1 - first[order].sum()], atol=0.02)
        assert_shows(seen["numbers"][0], H)
        assert_shows(seen["numbers"][1], perplexity(H))
        assert seen["numbers"][2] == f"{np.isfinite(cut).sum():,} of {len(P):,}"
        return seen
