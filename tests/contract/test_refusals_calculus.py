"""Bad input to the derivatives of notebook 5.3 gets a clear error; without jaxtyping's hook, which would answer."""

import math

import numpy as np
import pytest

from vec2attn import calculus as c
from vec2attn.softmax import softmax

NAN, INF = math.nan, math.inf
ONE = np.ones((2, 3))
REFUSALS = {
    "no such method": (
        lambda: c.jacobian(np.sin, [1.0], "forward"),
        ValueError,
        '"central" or "complex"; got .forward',
    ),
    "step zero": (
        lambda: c.jacobian(np.sin, [1.0], step=0),
        ValueError,
        "step must be a positive finite number; got 0",
    ),
    "step negative": (lambda: c.jvp(np.sin, [1.0], [1.0], step=-1e-3), ValueError, "got -0.001"),
    "step NaN": (lambda: c.vjp(np.sin, [1.0], [1.0], step=NAN), ValueError, "got nan"),
    "step infinite": (lambda: c.jacobian(np.sin, [1.0], "complex", INF), ValueError, "got inf"),
    "step lost in rounding": (
        lambda: c.jacobian(np.sin, [1e9], step=1e-9),
        ValueError,
        r"step 1e-09 is lost in rounding beside x of size 1e\+09; take a larger one",
    ),
    "x empty": (lambda: c.jacobian(np.sin, []), ValueError, "x is empty"),
    "x a number": (lambda: c.jacobian(np.sin, 2.0), ValueError, "x must be .* got the single number 2.0"),
    "x NaN": (lambda: c.jvp(np.sin, [NAN], [1.0]), ValueError, "x holds a NaN"),
    "x complex": (lambda: c.jacobian(np.sin, [1j]), TypeError, "x must be .*complex128"),
    "f returns nothing": (
        lambda: c.jacobian(lambda x: None, [1.0]),
        TypeError,
        "f must return an array of real numbers",
    ),
    "f returns words": (lambda: c.jacobian(lambda x: "sin", [1.0]), TypeError, "got <U3 values"),
    "f returns truth": (lambda: c.jacobian(lambda x: x > 0, [1.0]), TypeError, "got bool values"),
    "f returns complex numbers": (lambda: c.jacobian(lambda x: 1j * x, [1.0]), TypeError, "got complex128 values"),
    "f returns an empty array": (
        lambda: c.jacobian(lambda x: x[:0], [1.0]),
        ValueError,
        r"f\(x\) is empty \(shape \(0,\)",
    ),
    "f is not finite at x": (lambda: c.jacobian(lambda x: x * NAN, [1.0]), ValueError, r"f\(x\) holds a NaN"),
    "f is not finite beside x": (
        lambda: c.jacobian(lambda x: np.where(x < 0, INF, x), [0.0]),
        ValueError,
        "one step beside it",
    ),
    "f changes its shape": (
        lambda: c.jacobian(lambda x: x if x[0] == 1 else np.append(x, 0), [1.0]),
        ValueError,
        r"it was \(1,\), and \(2,\) one step further",
    ),
    "f changes its shape for complex numbers": (
        lambda: c.jacobian(lambda x: x if x.dtype == float else np.append(x, 0), [1.0], "complex"),
        ValueError,
        r"it was \(1,\), and \(2,\) for a complex x",
    ),
    "complex step of a function of reals": (
        lambda: c.jacobian(softmax, [1.0, 2.0], "complex"),
        TypeError,
        'needs a function that accepts complex numbers; this one stopped with "logits must be .*method="central"',
    ),
    "complex step of an absolute value": (
        lambda: c.jacobian(np.abs, [1.0], "complex"),
        TypeError,
        "accepts complex numbers; this one returned float64 values for a complex x",
    ),
    "complex step to infinity": (
        lambda: c.jvp(lambda x: x * (NAN if x.dtype.kind == "c" else 1), [1.0], [1.0], "complex"),
        ValueError,
        "NaN or an infinity for a complex x",
    ),
    "direction of another shape": (
        lambda: c.jvp(np.sin, [1.0, 2.0], [1.0]),
        ValueError,
        r"x has shape \(2,\) but v has shape \(1,\)",
    ),
    "weights of another shape": (
        lambda: c.vjp(np.sin, [1.0, 2.0], [[1.0, 2.0]]),
        ValueError,
        r"u needs the shape of f\(x\), \(2,\); got \(1, 2\)",
    ),
    "weights with a NaN": (lambda: c.vjp(np.sin, [1.0], [NAN]), ValueError, "u holds a NaN"),
    "product: inner sizes": (
        lambda: c.matmul_vjp(ONE, ONE, ONE),
        ValueError,
        r"need A \(…, m, k\), B \(…, k, n\) and U \(…, m, n\); got A \(2, 3\), B \(2, 3\), U \(2, 3\)",
    ),
    "product: U": (lambda: c.matmul_vjp(ONE, ONE.T, ONE), ValueError, r"U \(2, 3\)"),
    "product: vectors": (lambda: c.matmul_vjp([1.0], [1.0], [1.0]), ValueError, r"got A \(1,\)"),
    "product: a batch that would broadcast": (
        lambda: c.matmul_vjp(ONE[None], ONE.T, np.ones((1, 2, 2))),
        ValueError,
        r"A \(1, 2, 3\), B \(3, 2\)",
    ),
    "softmax of a NaN": (lambda: c.softmax_jacobian([1.0, NAN]), ValueError, "logits holds a NaN"),
    "softmax of nothing allowed": (lambda: c.softmax_jacobian([-INF, -INF]), ValueError, "all tokens are forbidden"),
    "softmax: shape of u": (
        lambda: c.softmax_vjp(ONE, ONE[0]),
        ValueError,
        r"logits has shape \(2, 3\) but u has .*\(3,\)",
    ),
    "softmax: u infinite": (lambda: c.softmax_vjp(ONE, INF * ONE), ValueError, "u holds an infinity"),
    "loss: no such token": (lambda: c.cross_entropy_gradient([1.0, 2.0], 2), ValueError, "lie in 0 … 1; got 2"),
    "loss: too few targets": (lambda: c.cross_entropy_gradient(ONE, [1]), ValueError, r"of shape \(2,\); got \(1,\)"),
    "loss: no distribution": (lambda: c.cross_entropy_gradient([1.0, 2.0], [0.5, 0.6]), ValueError, "sum to 1"),
    "loss: a forbidden target": (lambda: c.cross_entropy_gradient([1.0, -INF], 1), ValueError, "the loss is infinite"),
    "norm: a constant row": (
        lambda: c.layer_norm([[1.0, 2.0], [3.0, 3.0]], 0),
        ValueError,
        r"row \(1,\) of X is constant: its standard deviation is 0, and eps is 0 too",
    ),
    "norm: eps negative": (
        lambda: c.layer_norm(ONE, -1e-5),
        ValueError,
        "eps must be a finite number, 0 or above; got -1e-05",
    ),
    "norm: eps NaN": (lambda: c.layer_norm_vjp(ONE, ONE, NAN), ValueError, "got nan"),
    "norm: shapes": (
        lambda: c.layer_norm_vjp(ONE, ONE.T),
        ValueError,
        r"X has shape \(2, 3\) but U has shape \(3, 2\)",
    ),
    "norm: a NaN": (lambda: c.layer_norm([[NAN, 1.0]]), ValueError, "X holds a NaN"),
    "attention: sizes of keys": (
        lambda: c.attention_vjp(ONE, np.ones((4, 2)), np.ones((4, 5)), np.ones((2, 5))),
        ValueError,
        r"need Q \(…, q, d\).*got Q \(2, 3\), K \(4, 2\), V \(4, 5\), U \(2, 5\)",
    ),
    "attention: keys and values": (
        lambda: c.attention_vjp(ONE, np.ones((4, 3)), np.ones((5, 5)), np.ones((2, 5))),
        ValueError,
        r"V \(5, 5\)",
    ),
    "attention: U": (lambda: c.attention_vjp(ONE, ONE, ONE, ONE.T), ValueError, r"U \(3, 2\)"),
    "attention: one vector": (lambda: c.attention_vjp([1.0], [1.0], [1.0], [1.0]), ValueError, r"got Q \(1,\)"),
    "attention: a batch that would broadcast": (
        lambda: c.attention_vjp(ONE[None], ONE, ONE, ONE[None]),
        ValueError,
        r"got Q \(1, 2, 3\), K \(2, 3\)",
    ),
    "attention: mask of numbers": (
        lambda: c.attention_vjp(ONE, ONE, ONE, ONE, np.eye(2)),
        TypeError,
        "the mask holds True and False; got float64 values",
    ),
    "attention: shape of the mask": (
        lambda: c.attention_vjp(ONE, ONE, ONE, ONE, np.ones((1, 2), bool)),
        ValueError,
        r"the mask must have the shape \(2, 2\), queries by keys, .*got \(1, 2\)",
    ),
    "attention: a query without keys": (
        lambda: c.attention_vjp(ONE, ONE, ONE, ONE, np.array([[True, True], [False, False]])),
        ValueError,
        r"the mask leaves no key for query \(1,\)",
    ),
    "attention: a NaN": (lambda: c.attention_vjp(ONE, ONE, NAN * ONE, ONE), ValueError, "V holds a NaN"),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_refusal(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        call()


def test_inputs_are_not_changed():
    X = np.arange(6.0).reshape(2, 3)
    kept = X.copy()
    c.jacobian(np.tanh, X)
    c.jvp(np.tanh, X, X)
    c.vjp(np.tanh, X, X)
    c.matmul_vjp(X, X.T, np.ones((2, 2)))
    c.softmax_vjp(X, X)
    c.layer_norm_vjp(X, X)
    c.attention_vjp(X, X, X, X)
    np.testing.assert_array_equal(X, kept)
