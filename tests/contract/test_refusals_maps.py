"""Bad input to the maps of notebook 2.1 gets a clear error; without jaxtyping's hook, which would answer first."""

import math
import re

import numpy as np
import pytest

from vec2attn import matrices as m

NAN, INF = math.nan, math.inf
REFUSALS = {
    "rotation NaN": (lambda: m.rotation(NAN), ValueError, "theta must be a finite number; got nan"),
    "rotation infinite": (lambda: m.rotation(-INF), ValueError, "theta .* got -inf"),
    "rotation by words": (lambda: m.rotation("90°"), TypeError, "real number"),
    "reflection NaN": (lambda: m.reflection(NAN), ValueError, "phi must be a finite number; got nan"),
    "shear infinite": (lambda: m.shear(INF), ValueError, "amount must be a finite number; got inf"),
    "scaling without factors": (lambda: m.scaling(), ValueError, "a factor for each axis; got none"),
    "scaling with a NaN": (lambda: m.scaling(2, NAN), ValueError, "a factor must be a finite number; got nan"),
    "projection on nothing": (lambda: m.projection([]), ValueError, "basis is empty"),
    "projection on the zero vector": (lambda: m.projection([0, 0]), ValueError, "basis is zero: it spans no line"),
    "projection on dependent rows": (
        lambda: m.projection([[1, 2, 3], [2, 4, 6]]),
        ValueError,
        "the 2 rows of the basis are linearly dependent",
    ),
    "projection with a zero row": (lambda: m.projection([[1, 2], [0, 0]]), ValueError, "linearly dependent"),
    "projection on too many rows": (
        lambda: m.projection([[1, 0], [0, 1], [1, 1]]),
        ValueError,
        "the 3 rows of the basis are linearly dependent",
    ),
    "projection on a block": (lambda: m.projection(np.ones((2, 3, 4))), ValueError, r"\(k, n\); got shape \(2, 3, 4\)"),
    "projection NaN": (lambda: m.projection([1, NAN]), ValueError, r"basis holds a NaN \(first at index \(1,\)\)"),
    "linear sizes": (
        lambda: m.linear(np.ones((5, 3)), np.ones((3, 4))),
        ValueError,
        r"need X \(…, inputs\) and W \(outputs, inputs\); got X \(5, 3\) and W \(3, 4\)",
    ),
    "linear with a vector for W": (lambda: m.linear([1, 2], [1, 2]), ValueError, r"got X \(2,\) and W \(2,\)"),
    "linear of a number": (lambda: m.linear(np.float64(3), [[1]]), ValueError, "X must be .* single number 3"),
    "linear with infinity": (lambda: m.linear([1, INF], [[1, 2]]), ValueError, "X holds an infinity"),
    "linear of words": (lambda: m.linear(["a"], [[1]]), TypeError, "X must be .*real numbers; got <U1"),
    "affine with a bias that would broadcast": (
        lambda: m.affine([1, 2], np.ones((3, 2)), [1]),
        ValueError,
        r"need W \(outputs, inputs\) and b \(outputs,\); got W \(3, 2\) and b \(1,\)",
    ),
    "affine with a bias of the inputs": (
        lambda: m.affine([1, 2], np.ones((3, 2)), [1, 2]),
        ValueError,
        r"got W \(3, 2\) and b \(2,\)",
    ),
    "affine with a vector for W": (lambda: m.affine([1, 2], [1, 2], [1, 2]), ValueError, r"got W \(2,\) and b \(2,\)"),
    "affine sizes": (
        lambda: m.affine([1, 2, 3], np.ones((3, 2)), [1, 2, 3]),
        ValueError,
        r"got X \(3,\) and W \(3, 2\)",
    ),
}


def test_the_checking_hook_is_not_at_work_here():
    assert not hasattr(m.linear, "__wrapped__"), "run these tests without --jaxtyping-packages"


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error) as raised:
        call()
    assert re.search(words, str(raised.value))


def test_inputs_are_not_changed():
    X, W, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([7.0, 8.0])
    before = [a.copy() for a in (X, W, b)]
    m.affine(X, W, b)
    m.projection(W)
    for array, kept in zip((X, W, b), before, strict=True):
        np.testing.assert_array_equal(array, kept)
