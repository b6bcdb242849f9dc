"""The SVD and its relatives: bad input gets a clear error, in the reader's words (no checking hook here)."""

import math

import numpy as np
import pytest

from vec2attn.svd import (
    effective_rank,
    marchenko_pastur,
    polar,
    pseudo_inverse,
    random_spectrum,
    randomized_svd,
    svd,
    truncate,
)

RNG = np.random.default_rng(0)
OF_A_MATRIX = {
    "svd": svd,
    "pseudo_inverse": pseudo_inverse,
    "polar": polar,
    "randomized_svd": lambda A: randomized_svd(A, 1, rng=RNG),
}
BAD = {
    "a vector": ([1.0, 2.0], ValueError, r"A must be a matrix, with rows and columns; got shape \(2,\)"),
    "three axes": (np.ones((2, 2, 2)), ValueError, r"A must be a matrix.* \(2, 2, 2\)"),
    "empty": (np.zeros((0, 3)), ValueError, r"A is empty \(shape \(0, 3\)\)"),
    "NaN": ([[1.0, math.nan]], ValueError, r"A holds a NaN \(first at index \(0, 1\)\)"),
    "infinity": ([[math.inf]], ValueError, "A holds an infinity"),
    "words": ([["a"]], TypeError, "A must be an array or a list of real numbers"),
    "complex": ([[1j]], TypeError, "complex128"),
    "ragged": ([[1.0, 2.0], [1.0]], TypeError, "different lengths"),
}


@pytest.mark.parametrize("function", OF_A_MATRIX)
@pytest.mark.parametrize("case", BAD)
def test_a_bad_matrix_is_refused_by_all(function, case):
    A, error, words = BAD[case]
    with pytest.raises(error, match=words):
        OF_A_MATRIX[function](A)


A = np.arange(6.0).reshape(2, 3)
FACTORS = np.linalg.svd(A, full_matrices=False)
REFUSALS = {
    "k = 0": (lambda: randomized_svd(A, 0, rng=RNG), r"k must lie in 1 … 2 for A \(2, 3\); got 0"),
    "k too large": (lambda: randomized_svd(A, 3, rng=RNG), "got 3"),
    "negative passes": (lambda: randomized_svd(A, 1, rng=RNG, passes=-1), "must be ≥ 0; got 10 and -1"),
    "negative oversampling": (lambda: randomized_svd(A, 1, rng=RNG, oversampling=-2), "got -2 and 4"),
    "truncate at 0": (lambda: truncate(*FACTORS, 0), "k must lie in 1 … 2, the number of singular values; got 0"),
    "truncate too late": (lambda: truncate(*FACTORS, 3), "got 3"),
    "factors of two matrices": (
        lambda: truncate(FACTORS[0], FACTORS[1], np.eye(3), 1),
        r"got U \(2, 2\), s \(2,\), Vt \(3, 3\)",
    ),
    "share of 1": (lambda: pseudo_inverse(A, relative=1), r"relative must lie in \[0, 1\); got 1"),
    "polar of a wide matrix": (lambda: polar(A), r"got shape \(2, 3\): take the factors of A.T"),
    "negative singular value": (lambda: effective_rank([1.0, -1.0]), "none negative"),
    "all zero": (lambda: effective_rank([0.0, 0.0]), "not all zero"),
    "longer by shorter": (
        lambda: marchenko_pastur([1.0], 4),
        r"shorter side divided by the longer, in \(0, 1\]; got 4",
    ),
    "ratio of 0": (lambda: marchenko_pastur([1.0], 0), "got 0"),
    "ratio of NaN": (lambda: marchenko_pastur([1.0], math.nan), "got nan"),
    "density below 0": (lambda: marchenko_pastur([1.0, -0.5], 1), "never negative; got -0.5"),
    "density at NaN": (lambda: marchenko_pastur([math.nan], 1), "x holds a NaN"),
    "no rows": (lambda: random_spectrum(0, 3), "at least one row and one column; got 0 × 3"),
    "a matrix for singular values": (lambda: effective_rank([[1.0]]), r"one axis.* got shape \(1, 1\)"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()


def test_no_convergence_is_said():
    with pytest.raises(RuntimeError, match=r"A \(5, 4\) are not orthogonal after 1 sweeps"):
        svd(RNG.standard_normal((5, 4)), max_sweeps=1)
