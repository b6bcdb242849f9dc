"""The tools around the notebooks refuse what they cannot use, in the reader's words.

These tests run without jaxtyping's hook: it would answer first, and readers do not have it.
"""

import pytest

from vec2attn.exercises import check
from vec2attn.notebook import show
from vec2attn.plots import arrows, line, plot
from vec2attn.widgets.softmax_bars import SoftmaxBars

TOKENS = [f" word{i}" for i in range(2000)]


def draw(**settings):
    return plot([line([1, 2], [3, 4], "a", "in")], x="x", y="y", description="A line.", **settings)


REFUSALS = {
    "a key that is a number": (lambda: check(1.3, 1), ValueError, r"no exercise 1\.3; there are: "),
    "a key that is nothing": (lambda: check(None, 1), ValueError, "no exercise None; "),
    "a key in a list": (lambda: check(["1.3/1"], 1), ValueError, r"no exercise \['1\.3/1'\]; "),
    "the source of a number": (lambda: show(3), TypeError, "3 has no Python source"),
    "the source of a built-in": (lambda: show(len), TypeError, "len has no Python source"),
    "an unknown role": (
        lambda: line([1], [1], "a", "blue"),
        ValueError,
        "role 'blue'.* in, key, out, map, error, muted",
    ),
    "different lengths": (lambda: line([1, 2], [1, 2, 3], "a", "in"), ValueError, "2 .*3"),
    "an arrow from one point": (lambda: arrows([[(1, 2)]], "a", "in"), ValueError, r"two points .*\[\(1, 2\)\]"),
    "an arrow in space": (lambda: arrows([[(1, 2, 3), (4, 5, 6)]], "a", "in"), ValueError, "two points "),
    "an unknown axis": (lambda: draw(log="z"), ValueError, "log .*'z'"),
    "logits in a list": (lambda: SoftmaxBars({"a": [0.5] * 2000}, TOKENS[:-1]), ValueError, r"1999 .*2000"),
    "logits that are words": (
        lambda: SoftmaxBars({"a": TOKENS}, TOKENS),
        TypeError,
        "'a'.* must be .*real numbers",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        call()


def test_a_list_of_logits_will_do():
    figure = SoftmaxBars({"a": [i / 100 for i in range(2000)]}, TOKENS)
    assert figure.logits().argmax() == 1999
