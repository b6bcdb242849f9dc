"""Fast attention: bad input gets a clear error, in the reader's words (no checking hook here)."""

import pytest
import torch

from vec2attn.fast_attention import Pattern, linear_attention, tiled_attention

X, LONG = torch.zeros(5, 4), torch.zeros(7, 4)
NOTHING = Pattern("blocks", layout=torch.tensor([[True], [False], [True]]), block=2)
REFUSALS = {
    "another d": (lambda: tiled_attention(X, torch.zeros(5, 3), X), "Q has d=4 but K has d=3"),
    "a tile of nothing": (lambda: tiled_attention(X, X, X, tile=(0, 3)), r"got \(0, 3\)"),
    "causal, other lengths": (lambda: tiled_attention(X, LONG, LONG, Pattern("causal")), "got 5 and 7"),
    "window, other lengths": (lambda: tiled_attention(X, LONG, LONG, Pattern("window", window=2)), "got 5 and 7"),
    "an unknown kind": (lambda: Pattern("diagonal"), "'diagonal'"),
    "no window": (lambda: Pattern("window"), "window=None"),
    "a window of 0": (lambda: Pattern("window", window=0), "window=0"),
    "no layout": (lambda: Pattern("blocks", block=2), "needs a layout"),
    "another layout": (lambda: tiled_attention(X, X, X, NOTHING), r"need a layout \(3, 3\); got \(3, 1\)"),
    "a query without keys": (lambda: tiled_attention(X, torch.zeros(2, 4), torch.zeros(2, 4), NOTHING), "no key"),
    "linear, another d": (lambda: linear_attention(X, torch.zeros(5, 3), X), "Q has d=4 but K has d=3"),
    "linear, other lengths": (lambda: linear_attention(X, LONG, LONG, causal=True), "got 5 and 7"),
    "negative features": (lambda: linear_attention(X - 1, X, X, feature=lambda x: x), "negative feature"),
    "no weight": (lambda: linear_attention(X, X, X, feature=torch.relu), "all weights .* are 0"),
    "linear, chunk 0": (lambda: linear_attention(X, X, X, chunk=0), "got 0"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()
