"""Bad input gets a clear error, in the reader's words.

These tests run without jaxtyping's hook: it would answer first, and readers do not have it.
"""

import math
import sys

import numpy as np
import pytest

from vec2attn import softmax as s
from vec2attn.vectors import dot, norm, one_hot

NAN, INF = math.nan, math.inf
REFUSALS = {
    "temperature zero": (lambda: s.temperature([1.0], 0), ValueError, "positive finite number; got T=0"),
    "temperature negative": (lambda: s.temperature([1.0], -1), ValueError, "got T=-1"),
    "temperature NaN": (lambda: s.temperature([1.0], NAN), ValueError, "got T=nan"),
    "temperature infinite": (lambda: s.temperature([1.0], INF), ValueError, "got T=inf"),
    "p zero": (lambda: s.top_p([1.0], 0), ValueError, r"in \(0, 1\]; got 0"),
    "p above one": (lambda: s.top_p([1.0], 1.01), ValueError, "got 1.01"),
    "p NaN": (lambda: s.top_p([1.0], NAN), ValueError, "got nan"),
    "k zero": (lambda: s.top_k([1.0, 2.0], 0), ValueError, "1 … 2 .*got 0"),
    "k beyond the vocabulary": (lambda: s.top_k([1.0, 2.0], 3), ValueError, "1 … 2 .*got 3"),
    "k not whole": (lambda: s.top_k([1.0, 2.0], 1.5), TypeError, "float"),
    "empty logits": (lambda: s.softmax([]), ValueError, "logits is empty"),
    "empty axis": (lambda: s.softmax(np.zeros((3, 0))), ValueError, r"empty \(shape \(3, 0\)\)"),
    "NaN logit": (lambda: s.softmax([[1.0, 2.0], [NAN, 2.0]]), ValueError, r"NaN \(first at index \(1, 0\)\)"),
    "infinite logit": (
        lambda: s.log_softmax([1.0, INF]),
        ValueError,
        r"an infinity \(first at index \(1,\)\); every entry must be finite or −inf",
    ),
    "nothing allowed": (lambda: s.softmax([-INF, -INF]), ValueError, "all tokens are forbidden"),
    "nothing allowed, top-p": (lambda: s.top_p([-INF, -INF], 0.5), ValueError, "all tokens are forbidden"),
    "no such axis": (lambda: s.softmax([1.0, 2.0], axis=1), ValueError, r"axis must lie in -1 … 0; got 1"),
    "a single number": (lambda: s.logsumexp(np.float64(3)), ValueError, "single number 3"),
    "words": (lambda: s.softmax(["a", "b"]), TypeError, "real numbers; got <U1"),
    "complex": (lambda: s.softmax([1j]), TypeError, "complex128"),
    "ragged rows": (lambda: s.softmax([[1.0], [1.0, 2.0]]), TypeError, "rows have different lengths"),
    "logits where probabilities belong": (lambda: s.entropy([3.0, -1.0]), ValueError, "are these logits"),
    "sum not one": (lambda: s.entropy([0.5, 0.4]), ValueError, "sum to 1 .*0.9 was met"),
    "base one": (lambda: s.entropy([1.0], base=1), ValueError, "above 1"),
    "shapes of p and q": (lambda: s.kl_divergence([1.0], [0.5, 0.5]), ValueError, r"p has shape \(1,\) but q .*\(2,\)"),
    "target outside": (lambda: s.cross_entropy([1.0, 2.0], 2), ValueError, "lie in 0 … 1; got 2 … 2"),
    "target negative": (lambda: s.cross_entropy([1.0, 2.0], -1), ValueError, "got -1"),
    "targets too few": (lambda: s.cross_entropy(np.zeros((3, 2)), [1, 0]), ValueError, r"of shape \(3,\); got \(2,\)"),
    "target not a distribution": (lambda: s.cross_entropy([1.0, 2.0], [0.5, 0.6]), ValueError, "target must sum to 1"),
    "negative loss": (lambda: s.perplexity([1.0, -0.1]), ValueError, "never negative"),
    "sample of a matrix": (lambda: s.sample([[1.0], [1.0]], np.random.default_rng(1)), ValueError, "row by row"),
    "dot of different lengths": (lambda: dot([1.0, 2.0], [1.0]), ValueError, r"u has shape \(2,\) but v has shape"),
    "dot that would broadcast": (lambda: dot(np.ones((2, 3)), np.ones(3)), ValueError, "same shape"),
    "norm of infinity": (lambda: norm([1.0, INF]), ValueError, "must be finite"),
    "one-hot outside": (lambda: one_hot(3, 3), ValueError, "indices 0 … 2; got 3"),
    "one-hot negative": (lambda: one_hot(-1, 3), ValueError, "got -1"),
}


def test_the_checking_hook_is_not_at_work_here():
    assert not hasattr(s.softmax, "__wrapped__"), "run these tests without --jaxtyping-packages"
    assert "vec2attn" in sys.modules


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("function", [s.softmax, s.log_softmax, s.logsumexp])
def test_inputs_are_not_changed(function):
    z = np.array([[3.0, -INF, 1.0]])
    kept = z.copy()
    function(z)
    np.testing.assert_array_equal(z, kept)
