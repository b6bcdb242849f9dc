"""Bad input to the principal components of notebook 3.2 gets a clear error; without jaxtyping's hook."""

import math

import numpy as np
import pytest

from vec2attn.pca import covariance, pca

NAN, INF = math.nan, math.inf
X = np.array([[1.0, 2, 0], [3, 5, 1], [7, 1, 1], [7, 5, 0]])
LINE = np.outer([1.0, 2, 4], [3, 4])
REFUSALS = {
    "nothing": (lambda: pca([]), ValueError, "X is empty"),
    "a vector": (lambda: pca([1, 2, 3]), ValueError, r"one sample a row \(n, d\); got shape \(3,\)"),
    "a block": (lambda: pca(np.ones((2, 3, 4))), ValueError, r"got shape \(2, 3, 4\)"),
    "one sample": (lambda: pca([[1, 2, 3]]), ValueError, "at least two samples; X has one row"),
    "equal samples": (lambda: pca([[0.1, 7]] * 3), ValueError, "all samples are equal: there is no direction"),
    "a NaN": (lambda: pca([[1, 2], [3, NAN]]), ValueError, r"X holds a NaN \(first at index \(1, 1\)\)"),
    "an infinity": (lambda: covariance([[1, 2], [INF, 3]]), ValueError, r"X holds an infinity"),
    "words": (lambda: pca([["a"], ["b"]]), TypeError, "X must be .*real numbers"),
    "complex": (lambda: pca([[1j], [2]]), TypeError, "X must be .*real numbers; got complex128"),
    "ragged": (lambda: pca([[1, 2], [3]]), TypeError, "rows have different lengths"),
    "k 0": (lambda: pca(X, 0), ValueError, "k must lie in 1 … 3, the smaller of 4 samples and 3 features; got 0"),
    "k above the features": (lambda: pca(X, 4), ValueError, r"k must lie in 1 … 3, .*; got 4"),
    "k above the samples": (lambda: pca(X.T, 4), ValueError, "k must lie in 1 … 3, the smaller of 3 samples and 4"),
    "a share for k": (lambda: pca(X, 0.9), TypeError, "float"),
    "too large to square": (lambda: pca(1e200 * X), ValueError, "variance of X overflows: multiply or divide"),
    "too large to add": (lambda: pca(2e307 * X), ValueError, "mean of X overflows"),
    "too small to square": (lambda: pca(1e-200 * X), ValueError, "variance of X underflows: multiply or divide"),
    "covariance of one sample": (lambda: covariance([[1, 2]]), ValueError, "at least two samples"),
    "covariance too large": (lambda: covariance(1e200 * X), ValueError, "covariance of X overflows"),
    "project other features": (
        lambda: pca(X).project([1, 2]),
        ValueError,
        r"X needs rows of 3 numbers; got shape \(2,",
    ),
    "project one number": (lambda: pca(X).project([1]), ValueError, r"X needs rows of 3 numbers; got shape \(1,"),
    "project a NaN": (lambda: pca(X).project([1, 2, NAN]), ValueError, "X holds a NaN"),
    "reconstruct features": (
        lambda: pca(X, 2).reconstruct(X),
        ValueError,
        r"Z needs rows of 2 numbers; got shape \(4, 3\)",
    ),
    "whiten a line": (
        lambda: pca(LINE).whiten(LINE),
        ValueError,
        "1 of the 2 components have no variance to divide by: take k = 1",
    ),
    "whiten as many as samples": (lambda: pca(X.T).whiten(X.T), ValueError, "1 of the 3 .* take k = 2"),
    "whiten other features": (lambda: pca(X, 1).whiten([[1, 2]]), ValueError, "X needs rows of 3 numbers"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_input_is_refused_with_a_reason(case):
    call, kind, words = REFUSALS[case]
    with pytest.raises(kind, match=words):
        call()
