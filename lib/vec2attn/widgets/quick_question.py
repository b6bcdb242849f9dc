"""Quick questions inside a notebook: one picks or types an answer, and is told what is right or wrong about it.

The right answer is computed where the question stands, by the library; so are the wrong ones that a typical slip leads
to. Everything is in the page: it needs no kernel, and without JavaScript the answer is folded away below the question.
"""

import html
import math
import re
from collections.abc import Sequence
from numbers import Real
from typing import Any, SupportsFloat

import numpy as np
import traitlets

from vec2attn.widgets.base import Figure

LETTERS = "ABCDEF"


class QuickQuestion(Figure):
    """A question with an answer to choose or to type; made by `choice` and `numeric`."""

    name = "quick_question"

    ask = traitlets.Unicode(help="the question, as HTML").tag(sync=True)
    options = traitlets.List(traitlets.List(), help="text and explanation of each option, as HTML").tag(sync=True)
    right = traitlets.Int(-1, help="which option is right, from 0").tag(sync=True)
    answer = traitlets.Float(allow_none=True, default_value=None, help="the number asked for").tag(sync=True)
    within = traitlets.Float(0.0, help="how far off a typed number may be, as a share of the answer").tag(sync=True)
    shown = traitlets.Unicode(help="the number asked for, as text with its unit").tag(sync=True)
    unit = traitlets.Unicode(help="what stands behind the field").tag(sync=True)
    why = traitlets.Unicode(help="why the number is what it is, as HTML").tag(sync=True)
    mistakes = traitlets.List(traitlets.List(), help="numbers that a slip leads to, with what it is").tag(sync=True)
    given = traitlets.Unicode(help="the reader's answer: the number of an option from 0, or a number").tag(sync=True)

    @traitlets.validate("given")
    def _check(self, proposal: Any) -> Any:
        given = proposal["value"]
        if self.options and given and not (given.isdecimal() and int(given) < len(self.options)):
            raise traitlets.TraitError(
                f"given must be empty or the number of an option, 0 to {len(self.options) - 1}; got {given!r}"
            )
        return given

    def still(self) -> str:
        """Return the question with its answer folded away."""
        if self.options:
            items = "".join(f"<li>{text}</li>" for text, _ in self.options)
            body = f'<ol type="A">{items}</ol>'
            told = "".join(
                f"<p><b>{LETTERS[i]}{', right' if i == self.right else ''}.</b> {why}</p>"
                for i, (_, why) in enumerate(self.options)
            )
        else:
            body = ""
            told = f"<p><b>{html.escape(self.shown)}.</b> {self.why}</p>" + "".join(
                f"<p><b>Not {number}.</b> {why}</p>" for _, why, number in self.mistakes
            )
        return (
            f'<div class="v2a v2q"><p class="v2q-ask">{self.ask}</p>{body}'
            f"<details><summary>Answer</summary>{told}</details></div>"
        )


def choice(ask: str, options: Sequence[tuple[str, Any, str]], answer: Any) -> QuickQuestion:
    """Ask which of some options is right.

    Parameters
    ----------
    ask : the question; `code` between backticks, *emphasis* between stars
    options : for each its text, its value, and what is to be said to who picks it
    answer : the value of the right option, computed; numbers count as equal up to rounding

    Raises
    ------
    ValueError : the answer is the value of no option, or of two; fewer than two options; an option without explanation
    """
    if not 2 <= len(options) <= len(LETTERS):
        raise ValueError(f"a choice needs 2 to {len(LETTERS)} options; got {len(options)}")
    _explained([ask, *(part for text, _, why in options for part in (text, why))])
    right = [i for i, (_, value, _) in enumerate(options) if _equal(value, answer)]
    if len(right) != 1:
        values = [value for _, value, _ in options]
        raise ValueError(f"one option must have the value {answer!r}; the values are {values!r}")
    return QuickQuestion(
        ask=marked(ask), options=[[marked(text), marked(why)] for text, _, why in options], right=right[0]
    )


def numeric(
    ask: str,
    answer: SupportsFloat,
    why: str,
    mistakes: Sequence[tuple[SupportsFloat, str]],
    unit: str = "",
    within: float | int = 0.0,
) -> QuickQuestion:
    """Ask for a number.

    Parameters
    ----------
    ask : the question; `code` between backticks, *emphasis* between stars
    answer : the right number, computed
    why : why it is right
    mistakes : numbers, also computed, that a slip leads to, each with what the slip is
    unit : what stands behind the field
    within : how far off an answer may be, as a share of the right one: 0 for a whole number, 0.01 for 1 %

    Raises
    ------
    ValueError : a number that is not finite, a share outside [0, 1), no mistake, or one that would count as right
    """
    numbers = [float(x) for x in (answer, *(value for value, _ in mistakes))]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"the answer and the mistakes must be finite; got {numbers}")
    if not 0 <= within < 1:
        raise ValueError(f"within is a share in [0, 1); got {within}")
    if not mistakes:
        raise ValueError("a question needs at least one mistake to explain")
    _explained([ask, why, *(text for _, text in mistakes)])
    right, *wrong = numbers
    if taken := [x for x in wrong if abs(x - right) <= within * abs(right) + 1e-9 * abs(right)]:
        raise ValueError(f"the mistakes {taken} would count as right: the answer is {right:g}, within {within:g}")
    return QuickQuestion(
        ask=marked(ask),
        answer=right,
        within=float(within),
        shown=f"{_written(right)} {unit}".strip(),
        unit=unit,
        why=marked(why),
        mistakes=[[value, marked(text), _written(value)] for value, (_, text) in zip(wrong, mistakes, strict=True)],
    )


def marked(text: str) -> str:
    """Return text as HTML, with `code` between backticks and *emphasis* between stars."""
    parts = re.split(r"(`[^`]+`|\*[^*\s](?:[^*]*[^*\s])?\*)", text)
    written = (
        f"<code>{html.escape(part[1:-1])}</code>" if part.startswith("`") and len(part) > 2
        else f"<em>{html.escape(part[1:-1])}</em>" if part.startswith("*") and len(part) > 2
        else html.escape(part)
        for part in parts
    )  # fmt: skip
    return "".join(written)


def _written(x: float) -> str:
    text = f"{x:,.0f}" if x == int(x) and abs(x) < 1e15 else f"{x:.4g}"
    return text.replace("-", "−")


def _equal(a: Any, b: Any) -> bool:
    truths = [isinstance(x, bool | np.bool_) for x in (a, b)]
    if any(truths):
        return all(truths) and bool(a == b)
    if isinstance(a, Real) and isinstance(b, Real):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)
    return bool(a == b)


def _explained(texts: list[str]) -> None:
    if not all(text.strip() for text in texts):
        raise ValueError("the question, every option and every explanation need some words")
