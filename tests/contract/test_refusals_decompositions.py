"""Decompositions and diagrams: bad input gets a clear error, in the reader's words (no checking hook here)."""

import math

import numpy as np
import pytest

from vec2attn.decompositions import cp_als, tensor_train, tucker
from vec2attn.networks import diagram

T = np.arange(24.0).reshape(2, 3, 4)


def cp(X=T, rank=2, **more):
    return cp_als(X, rank, rng=np.random.default_rng(0), **more)


EACH = {"cp": cp, "tucker": lambda X: tucker(X, (1, 1, 1)), "train": lambda X: tensor_train(X, tolerance=0.1)}


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        ([1.0, 2.0], ValueError, r"T needs at least two axes; got shape \(2,\): reshape it first"),
        ([[[1.0, math.nan]]], ValueError, r"T holds a NaN \(first at index \(0, 0, 1\)\)"),
        ([[[math.inf]]], ValueError, "T holds an infinity"),
        (np.zeros((2, 0, 3)), ValueError, r"T is empty \(shape \(2, 0, 3\)\)"),
        ([["a"]], TypeError, "T must be an array or a list of real numbers"),
        (1j * T, TypeError, "complex128 values"),
    ],
)
def test_what_is_no_tensor_is_refused_by_all(name, X, error, words):
    with pytest.raises(error, match=words):
        EACH[name](X)


REFUSALS = {
    "cp: no rank": (lambda: cp(rank=0), ValueError, "rank must be a whole number from 1 on; got 0"),
    "cp: half a rank": (lambda: cp(rank=1.5), TypeError, "rank must be a whole number; got 1.5"),
    "cp: no sweeps": (lambda: cp(max_sweeps=0), ValueError, "max_sweeps must be a whole number from 1 on"),
    "cp: tolerance": (lambda: cp(tolerance=-1e-9), ValueError, "tolerance must be a finite number ≥ 0; got -1e-09"),
    "cp: tolerance NaN": (lambda: cp(tolerance=math.nan), ValueError, "tolerance must be a finite number"),
    "cp: zeros": (lambda: cp(np.zeros((2, 3))), ValueError, r"T \(2, 3\) is zero everywhere"),
    "tucker: too few": (
        lambda: tucker(T, (2, 2)),
        ValueError,
        r"ranks must be one for each axis, 3 in all; got 2: \(2, 2\)",
    ),
    "tucker: above the size": (
        lambda: tucker(T, (2, 4, 4)),
        ValueError,
        r"rank 4 of axis 1 may exceed neither its size nor the product .* the ranks \(2, 4, 4\) for T \(2, 3, 4\)",
    ),
    "tucker: above the others": (lambda: tucker(T, (1, 2, 3)), ValueError, "rank 3 of axis 2 may exceed neither"),
    "tucker: zero": (lambda: tucker(T, (1, 0, 1)), ValueError, r"ranks must be at least 1; got \(1, 0, 1\)"),
    "tucker: no ranks": (lambda: tucker(T, 2), TypeError, "ranks must be whole numbers, one for each axis; got 2"),
    "tucker: halves": (lambda: tucker(T, (1, 1.5, 1)), TypeError, "ranks must be whole numbers"),
    "tucker: method": (lambda: tucker(T, (1, 1, 1), method="svd"), ValueError, '"hosvd" or "hooi"; got \'svd\''),
    "tucker: sweeps": (lambda: tucker(T, (1, 1, 1), max_sweeps=-1), ValueError, "max_sweeps must be a whole number"),
    "tucker: tolerance": (lambda: tucker(T, (1, 1, 1), tolerance=math.inf), ValueError, "tolerance must be a finite"),
    "train: nothing": (lambda: tensor_train(T), ValueError, "give either the ranks, one for each bond, or a tolerance"),
    "train: both": (lambda: tensor_train(T, ranks=(1, 1), tolerance=0.1), ValueError, "give either the ranks"),
    "train: too many": (
        lambda: tensor_train(T, ranks=(1, 1, 1)),
        ValueError,
        "one for each bond between two axes, 2 in all; got 3",
    ),
    "train: zero": (lambda: tensor_train(T, ranks=(1, 0)), ValueError, r"ranks must be at least 1; got \(1, 0\)"),
    "train: halves": (lambda: tensor_train(T, ranks=(1, 1.5)), TypeError, "ranks must be whole numbers"),
    "train: tolerance": (lambda: tensor_train(T, tolerance=1), ValueError, r"a relative error, in \[0, 1\); got 1"),
    "train: negative": (lambda: tensor_train(T, tolerance=-0.1), ValueError, "got -0.1"),
    "train: NaN": (lambda: tensor_train(T, tolerance=math.nan), ValueError, "got nan"),
    "diagram: no text": (lambda: diagram(T), TypeError, "the formula comes first"),
    "diagram: two arrows": (lambda: diagram("i->i->i"), ValueError, "one arrow"),
    "diagram: from nowhere": (lambda: diagram("i->j"), ValueError, "letter 'j' of the result is in no operand"),
    "diagram: no letter": (lambda: diagram("i,->i"), ValueError, "every array of a network needs a letter"),
    "diagram: too many": (
        lambda: diagram(",".join("abcdefghijklm")),
        ValueError,
        "at most 12 arrays can be drawn so that they are legible; got 13",
    ),
    "diagram: names": (
        lambda: diagram("ij,jk->ik", "U V W"),
        ValueError,
        "'ij,jk->ik' has 2 arrays; got 3 names: U, V, W",
    ),
    "diagram: sizes": (lambda: diagram("ij->i", sizes={"z": 2}), ValueError, "letter 'z' has a size, and is not in"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        call()
