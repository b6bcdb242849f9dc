"""Orthonormal bases and least squares: bad input gets a clear error, in the reader's words (no checking hook here)."""

import math

import numpy as np
import pytest

from vec2attn.matrices import gram_schmidt, householder_qr, least_squares, orthogonal_init

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(3)
TWICE = [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]
SHAPES = r"at least as many rows as columns; got shape"
FACTOR = {
    "gram_schmidt": gram_schmidt,
    "classical": lambda A: gram_schmidt(A, "classical"),
    "householder_qr": householder_qr,
    "least_squares": lambda A: least_squares(A, [1.0, 2.0, 3.0]),
}
BAD = {
    "wide": ([[1.0, 2.0]], ValueError, rf"{SHAPES} \(1, 2\)"),
    "a vector": ([1.0, 2.0, 3.0], ValueError, rf"{SHAPES} \(3,\)"),
    "three axes": (np.ones((3, 2, 2)), ValueError, rf"{SHAPES} \(3, 2, 2\)"),
    "a single number": (3.0, ValueError, "A must be .* got the single number 3"),
    "empty": ([], ValueError, r"A is empty \(shape \(0,\)\)"),
    "no columns": (np.zeros((3, 0)), ValueError, r"A is empty \(shape \(3, 0\)\)"),
    "NaN": ([[1.0, 2.0], [3.0, NAN]], ValueError, r"A holds a NaN \(first at index \(1, 1\)\)"),
    "infinity": ([[1.0, -INF], [3.0, 1.0]], ValueError, r"A holds an infinity \(first at index \(0, 1\)\)"),
    "words": ([["a"], ["b"]], TypeError, "A must be an array or a list of real numbers"),
    "complex": ([[1j], [1.0]], TypeError, "complex128"),
    "ragged": ([[1.0, 2.0], [1.0]], TypeError, "different lengths"),
}


@pytest.mark.parametrize("function", FACTOR)
@pytest.mark.parametrize("case", BAD)
def test_a_bad_matrix_is_refused_by_all(function, case):
    A, error, words = BAD[case]
    with pytest.raises(error, match=words):
        FACTOR[function](A)


REFUSALS = {
    "dependent, modified": (
        lambda: gram_schmidt(TWICE),
        "column 1 is, to rounding, a linear combination of the columns",
    ),
    "dependent, classical": (lambda: gram_schmidt(TWICE, "classical"), "column 1 is, to rounding"),
    "a zero column": (lambda: gram_schmidt([[1.0, 0.0], [0.0, 0.0]]), "column 1 .* no direction is left"),
    "a zero first column": (lambda: gram_schmidt([[0.0], [0.0]]), "column 0 .* no direction is left"),
    "no such method": (lambda: gram_schmidt([[1.0]], "fast"), '"classical" or "modified"; got \'fast\''),
    "fit, dependent": (lambda: least_squares(TWICE, [1.0, 2.0, 3.0]), "linearly dependent: many X are equally good"),
    "fit, all zero": (lambda: least_squares(np.zeros((3, 2)), [1.0, 2.0, 3.0]), "linearly dependent"),
    "fit, too few targets": (lambda: least_squares(np.eye(3), [1.0, 2.0]), r"same number of rows; got A \(3, 3\) and"),
    "fit, NaN target": (lambda: least_squares(np.eye(2), [1.0, NAN]), r"B holds a NaN \(first at index \(1,\)\)"),
    "fit, one target": (lambda: least_squares(np.eye(1), 2.0), "B must be .* got the single number 2"),
    "start without rows": (lambda: orthogonal_init(0, 3, RNG), "at least one row and one column; got 0 × 3"),
    "start, negative": (lambda: orthogonal_init(3, -1, RNG), "got 3 × -1"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()


def test_a_size_that_is_not_whole_is_refused():
    with pytest.raises(TypeError, match="float"):
        orthogonal_init(2.5, 3, RNG)


def test_a_hidden_dependence_is_found_by_least_squares():
    # A = product of thin factors: the diagonal of R need not hold a tiny entry
    rng = np.random.default_rng(1)
    for _ in range(300):
        n = int(rng.integers(3, 40))
        k = int(rng.integers(2, n + 1))
        rank = int(rng.integers(1, k))
        A = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, k))
        with pytest.raises(ValueError, match="linearly dependent"):
            least_squares(A, np.ones(n))


def test_a_hilbert_matrix_too_large_for_its_rank_is_refused_by_modified_gram_schmidt():
    i = np.arange(14)
    with pytest.raises(ValueError, match="column 13 is, to rounding"):
        gram_schmidt(1 / (i[:, None] + i + 1))
