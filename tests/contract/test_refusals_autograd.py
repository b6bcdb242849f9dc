"""The engine: every refusal says what was met and what to do (no checking hook here)."""

import numpy as np
import pytest

from vec2attn import autograd as ag
from vec2attn.autograd import Operation, Tensor, checkpoint, draw, grad_check, gradients, hvp, jvp, no_grad

RNG = np.random.default_rng(0)


def leaf(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


def backward_without_grad():
    with no_grad():
        y = leaf(2).sum()
    y.backward()


def change_in_place():
    array = np.ones(2)
    array += leaf(2)


def set_entry():
    leaf(2)[0] = 5


def without_derivative():
    Operation(np.cos)(leaf()).backward()


def derivative_missing():
    two = Operation(np.multiply)
    two.differentiate(lambda g, y, a, b: (lambda: g * b,))
    two(leaf(), leaf()).backward()


def derivative_of_wrong_shape():
    wrong = Operation(np.sum)
    wrong.differentiate(lambda g, y, x: (lambda: g,))
    wrong(leaf(3)).backward()


def captured():
    W = leaf(2)
    checkpoint(lambda t: t * W, leaf(2)).sum().backward()


def assigned_after_use():
    x = leaf(2)
    y = (x * x).sum()
    x.assign([1, 2])
    y.backward()


Z = np.zeros((2, 3))
REFUSALS = {
    # making a tensor
    "a tensor of a tensor": (lambda: Tensor(leaf(2)), TypeError, r"tensor already; x\.detach\(\)"),
    "a tensor of tensors": (lambda: Tensor([leaf(), leaf()]), TypeError, r"concatenate\(.*joins tensors"),
    "ragged": (lambda: Tensor([[1.0], [1.0, 2.0]]), TypeError, "rows have different lengths"),
    "words": (lambda: Tensor(["a"]), TypeError, "a tensor needs real numbers; got <U1 values"),
    "complex": (lambda: Tensor(1j), TypeError, "got complex128"),
    "nothing": (lambda: Tensor(None), TypeError, "got object values"),
    "gradients of whole numbers": (
        lambda: Tensor([1, 2], requires_grad=True),
        TypeError,
        "got int64: write 1.0 instead of 1, or use .astype",
    ),
    "astype to whole numbers": (lambda: leaf(2).astype(int), TypeError, r"x\.data\.astype\(int64\)"),
    # computing
    "complex factor": (lambda: leaf(2) * 1j, TypeError, "multiply takes real numbers; got complex128 values"),
    "adding words": (lambda: leaf(2) + "a", TypeError, "add takes real numbers; got <U1"),
    "adding nothing": (lambda: leaf(2) + None, TypeError, "add takes real numbers; got object"),
    "a list with a tensor": (lambda: leaf(2) * [leaf(), 1.0], TypeError, r"multiply\(a, b\), not in a list"),
    "concatenating a list": (lambda: ag.concatenate([leaf(2), leaf(2)], axis=0), TypeError, r"concatenate\(a, b\)"),
    "shapes": (lambda: leaf(2, 3) + leaf(2), ValueError, r"\(2,3\) \(2,\)"),
    "product": (
        lambda: leaf(2, 3) @ leaf(2, 3),
        ValueError,
        r"as many columns of A as rows of B; got shapes \(2, 3\) and \(2, 3\)",
    ),
    "product with a number": (lambda: leaf(2, 3) @ 2.0, ValueError, r"got shapes \(2, 3\) and \(\)"),
    "numpy's function": (
        lambda: np.exp(leaf(2)),
        TypeError,
        r"numpy\.exp would lose this tensor's history: use .* vec2attn\.autograd, or x\.data",
    ),
    "numpy's sum": (lambda: np.sum(leaf(2)), TypeError, r"numpy\.sum would lose .*: use a method"),
    "numpy's concatenate": (lambda: np.concatenate([leaf(2)]), TypeError, r"numpy\.concatenate would lose"),
    "numpy's reduction": (lambda: np.add.reduce(leaf(2)), TypeError, r"numpy\.add would lose"),
    "an array changed in place": (change_in_place, TypeError, r"write y = y \+ x instead of y \+= x"),
    "as an array": (lambda: np.asarray(leaf(2)), TypeError, r"use the functions of vec2attn\.autograd, or x\.data"),
    "an entry": (set_entry, TypeError, r"entries of a tensor cannot be set.*x\.assign"),
    "rows of a number": (lambda: list(leaf()), TypeError, "no rows to go through"),
    "several as one": (lambda: leaf(2).item(), ValueError, r"shape \(2,\) is no single number"),
    "mean of nothing": (lambda: leaf(0).mean(), ValueError, r"shape \(0,\) has no entries to take the mean of"),
    # formulas
    "no formula": (lambda: ag.einsum(leaf(2), "i->i"), ValueError, "the formula comes first, einsum"),
    "no arrow": (lambda: ag.einsum("ij,jk", Z, Z), ValueError, "need a formula such as 'ij,jk->ik'"),
    "a letter twice": (lambda: ag.einsum("ii->i", leaf(2, 2)), ValueError, "no letter twice"),
    "an ellipsis": (lambda: ag.einsum("...i->i", leaf(2, 2)), ValueError, "need a formula"),
    "wrong number of axes": (lambda: ag.einsum("ij->i", leaf(2)), ValueError, r"does not fit arrays of shapes \(2,\)"),
    "wrong number of arrays": (lambda: ag.einsum("i,i->", leaf(2)), ValueError, "does not fit"),
    "an output from nowhere": (lambda: ag.einsum("i->k", leaf(2)), ValueError, "does not fit"),
    "two sizes": (lambda: ag.einsum("ij,jk->ik", leaf(2, 3), leaf(1, 2)), ValueError, "axis j has size 3 and, .* 1"),
    # losses
    "softmax of a NaN": (lambda: ag.softmax(Tensor([np.nan, 1])), ValueError, "logits holds a NaN"),
    "softmax along no axis": (lambda: ag.softmax(leaf(2), axis=1), ValueError, "axis must lie in -1 … 0; got 1"),
    "targets that are no numbers of classes": (
        lambda: ag.cross_entropy(leaf(2, 3), [0.0, 1.0]),
        ValueError,
        r"whole-number targets \(…\); got \(2, 3\) and float64 \(2,\)",
    ),
    "too few targets": (lambda: ag.cross_entropy(leaf(2, 3), [0]), ValueError, r"got \(2, 3\) and int64 \(1,\)"),
    "a target beyond": (lambda: ag.cross_entropy(leaf(2, 3), [0, 3]), ValueError, "lie in 0 … 2; got 0 … 3"),
    "a negative target": (lambda: ag.cross_entropy(leaf(2, 3), [0, -1]), ValueError, "got -1 … 0"),
    "no targets": (lambda: ag.cross_entropy(leaf(0, 3), np.zeros(0, int)), ValueError, "got none"),
    "logits of no class": (lambda: ag.cross_entropy(leaf(), 0), ValueError, r"need logits \(…, classes\)"),
    # going back
    "a root with a shape": (
        lambda: leaf(2, 3).backward(),
        ValueError,
        r"shape \(2, 3\) has a Jacobian, not a gradient: .* y\.sum\(\)\.backward\(\), or .* y\.backward\(u\)",
    ),
    "a root without history": (lambda: Tensor(1.0).backward(), ValueError, "make the parameters with requires_grad"),
    "computed in no_grad": (backward_without_grad, ValueError, r"outside no_grad\(\)"),
    "a gradient of another shape": (
        lambda: leaf(2).backward(np.ones(3)),
        ValueError,
        r"the gradient must have the shape \(2,\) of the tensor; got \(3,\)",
    ),
    "a gradient of words": (lambda: leaf(2).backward(["a", "b"]), (TypeError, ValueError), "a gradient needs"),
    "for a constant": (
        lambda: gradients(leaf(), [Tensor(1.0)]),
        ValueError,
        "input 0 requires no gradient: make it with requires_grad=True",
    ),
    "for an array": (lambda: gradients(leaf(), [np.ones(2)]), TypeError, "input 0 is no tensor but ndarray"),
    "for a tensor without a list": (lambda: gradients(leaf(), leaf()), TypeError, r"inputs come as a list: \[x\]"),
    "no derivative": (without_derivative, TypeError, "cos has no derivative: give it one with its .differentiate"),
    "too few derivatives": (derivative_missing, ValueError, "2 inputs and 1 derivatives: give one for each"),
    "a derivative of another shape": (
        derivative_of_wrong_shape,
        ValueError,
        r"derivative of sum has shape \(\); its input has \(3,\)",
    ),
    "assigned after use": (assigned_after_use, RuntimeError, "go backward first, or compute the result again"),
    # assigning
    "assigning to a result": (
        lambda: (leaf(2) * 2).assign([1, 2]),
        ValueError,
        "only leaves can be assigned to; this tensor was computed by multiply",
    ),
    "assigning another shape": (
        lambda: leaf(2).assign([1, 2, 3]),
        ValueError,
        r"the tensor has shape \(2,\); the new values have \(3,\)",
    ),
    "assigning complex numbers": (lambda: leaf(2).assign([1j, 2]), TypeError, "got complex128"),
    # beyond
    "jvp without a tangent": (
        lambda: jvp(ag.exp, [np.ones(2)], []),
        ValueError,
        r"one tangent for each input, in its shape; got inputs \[\(2,\)\] and tangents \[\]",
    ),
    "hvp with another shape": (lambda: hvp(ag.exp, [np.ones(2)], [np.ones(3)]), ValueError, r"tangents \[\(3,\)\]"),
    "jvp without lists": (lambda: jvp(ag.exp, np.ones(2), np.ones(2)), ValueError, r"as lists, .*: \[x\], \[v\]"),
    "hvp of several numbers": (lambda: hvp(ag.exp, [np.ones(2)], [np.ones(2)]), ValueError, "has a Jacobian"),
    "jvp of whole numbers": (lambda: jvp(ag.exp, [np.ones(2, int)], [np.ones(2)]), TypeError, "write 1.0 instead"),
    "a function that returns an array": (
        lambda: jvp(lambda x: x.data, [np.ones(2)], [np.ones(2)]),
        TypeError,
        "must return a tensor; it returned ndarray",
    ),
    "checkpoint of such a function": (lambda: checkpoint(lambda x: x.data, leaf(2)), TypeError, "returned ndarray"),
    "checkpoint without its parameter": (captured, ValueError, "requires a gradient: pass it as an input"),
    "a picture of an array": (lambda: draw(Z), TypeError, "y must be a tensor; got ndarray"),
    "a picture with a name for no tensor": (lambda: draw(leaf(), w=1.0), TypeError, "w must be a tensor; got float"),
    "a picture of gradients without a root": (lambda: draw(leaf(2) * 2, gradient=True), ValueError, "has a Jacobian"),
    "a check in float32": (
        lambda: grad_check(ag.exp, np.ones(2, np.float32), rng=RNG),
        ValueError,
        r"needs float64 inputs; got \['float32'\]",
    ),
    "a check of nothing": (lambda: grad_check(ag.exp, rng=RNG), ValueError, r"needs float64 inputs; got \[\]"),
    "a check of the third order": (
        lambda: grad_check(ag.exp, np.ones(2), order=3, rng=RNG),
        ValueError,
        "order must be 1 or 2; got 3",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_says_what_was_met_and_what_to_do(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        call()


def test_after_a_refusal_recording_is_as_before():
    for case in ("computed in no_grad", "no derivative", "for a constant", "checkpoint without its parameter"):
        with pytest.raises((TypeError, ValueError)):
            REFUSALS[case][0]()
    assert (leaf() * 2).requires_grad
