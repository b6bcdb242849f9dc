"""Eigenvalues: bad input gets a clear error, in the reader's words (no checking hook here)."""

import math

import numpy as np
import pytest

from vec2attn.eigen import (
    inverse_iteration,
    lanczos,
    power_iteration,
    qr_algorithm,
    rayleigh_quotient,
    ritz_values,
    tridiagonalize,
)

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(3)
GOOD = [[4.0, 1.0], [1.0, 3.0]]
TAKES_A_MATRIX = {
    "rayleigh_quotient": lambda A: rayleigh_quotient(A, [1.0, 2.0]),
    "power_iteration": lambda A: power_iteration(A, rng=RNG),
    "inverse_iteration": lambda A: inverse_iteration(A, 1, rng=RNG),
    "tridiagonalize": tridiagonalize,
    "qr_algorithm": qr_algorithm,
    "lanczos": lambda A: lanczos(A, 2, 2, rng=RNG),
}
BAD = {
    "not square": ([[1.0, 2.0]], ValueError, r"A must be square, shape \(n, n\).*; got \(1, 2\)"),
    "a vector": ([1.0, 2.0], ValueError, r"A must be square.* got \(2,\)"),
    "a stack": (np.ones((2, 2, 2)), ValueError, r"A must be square.* got \(2, 2, 2\)"),
    "a single number": (3.0, ValueError, "A must be .* got the single number 3"),
    "empty": (np.zeros((0, 0)), ValueError, r"A is empty \(shape \(0, 0\)\)"),
    "NaN": ([[1.0, NAN], [NAN, 1.0]], ValueError, r"A holds a NaN \(first at index \(0, 1\)\)"),
    "infinity": ([[1.0, 0.0], [0.0, -INF]], ValueError, r"A holds an infinity \(first at index \(1, 1\)\)"),
    "complex": ([[1.0, 1j], [-1j, 1.0]], TypeError, "complex128"),
    "words": ([["a", "b"], ["c", "d"]], TypeError, "A must be an array or a list of real numbers"),
    "ragged": ([[1.0, 2.0], [1.0]], TypeError, "different lengths"),
}


@pytest.mark.parametrize("function", TAKES_A_MATRIX)
@pytest.mark.parametrize("case", BAD)
def test_a_bad_matrix_is_refused_by_all(function, case):
    A, error, words = BAD[case]
    with pytest.raises(error, match=words):
        TAKES_A_MATRIX[function](A)


@pytest.mark.parametrize("function", ["tridiagonalize", "qr_algorithm", "lanczos"])
def test_a_matrix_that_is_not_symmetric_is_refused_with_the_entries(function):
    with pytest.raises(ValueError, match=r"A\[0, 1\] = 1 but A\[1, 0\] = 1.5 \(the largest difference, 0.5\)"):
        TAKES_A_MATRIX[function]([[4.0, 1.0], [1.5, 3.0]])


def test_a_difference_far_above_rounding_is_no_symmetry():
    with pytest.raises(ValueError, match=r"A must be symmetric.*\(the largest difference, 1e-09\)"):
        qr_algorithm([[4.0, 1.0], [1.0 + 1e-9, 3.0]])


BOTH = {
    "power": lambda **more: power_iteration(GOOD, **more),
    "inverse": lambda **more: inverse_iteration(GOOD, 2.0, **more),
}
START = {
    "neither start nor rng": ({}, "either a start vector or an rng"),
    "both start and rng": ({"start": [1.0, 0.0], "rng": RNG}, "either a start vector or an rng"),
    "a start of three": ({"start": [1.0, 0.0, 0.0]}, r"start must be one vector of 2 numbers; got shape \(3,\)"),
    "two starts": ({"start": np.eye(2)}, r"start must be one vector of 2 numbers; got shape \(2, 2\)"),
    "a zero start": ({"start": [0.0, 0.0]}, "start is the zero vector: it has no direction"),
    "a NaN in the start": ({"start": [0.0, NAN]}, r"start holds a NaN \(first at index \(1,\)\)"),
    "tolerance 0": ({"rng": RNG, "tolerance": 0}, r"tolerance is a share, in \(0, 1\); got 0"),
    "tolerance NaN": ({"rng": RNG, "tolerance": NAN}, "tolerance is a share"),
    "no steps": ({"rng": RNG, "max_steps": 0}, "max_steps must be at least 1; got 0"),
}


@pytest.mark.parametrize("which", BOTH)
@pytest.mark.parametrize("case", START)
def test_a_bad_start_is_refused(which, case):
    more, words = START[case]
    with pytest.raises(ValueError, match=words):
        BOTH[which](**more)


def swap(v):
    return v[::-1]


def turn(v):
    return np.array([-v[1], v[0], 0.0])


REFUSALS = {
    "quotient, zero v": (lambda: rayleigh_quotient(GOOD, [0.0, 0.0]), "v is the zero vector"),
    "quotient, sizes": (lambda: rayleigh_quotient(GOOD, [1.0]), r"v must be one vector of 2 numbers; got shape \(1,\)"),
    "power, a function and no start": (lambda: power_iteration(swap, rng=RNG), "does not tell its size"),
    "power, a function of other size": (
        lambda: power_iteration(lambda v: v[:1], start=[1.0, 2.0]),
        r"A must take 2 numbers to 2 numbers; it returned shape \(1,\)",
    ),
    "power, a function with NaN": (
        lambda: power_iteration(lambda v: v * NAN, start=[1.0, 2.0]),
        "A v holds a NaN",
    ),
    "inverse, shift NaN": (lambda: inverse_iteration(GOOD, NAN, rng=RNG), "shift must be a finite number; got nan"),
    "inverse, shift infinite": (lambda: inverse_iteration(GOOD, INF, rng=RNG), "shift must be a finite number"),
    "QR, too few steps": (
        lambda: qr_algorithm(GOOD, max_steps=0),
        "no convergence: 0 of 2 eigenvalues found, and the next one not in 0 steps",
    ),
    "lanczos, no steps": (lambda: lanczos(GOOD, 2, 0, rng=RNG), "steps must lie in 1 … n.*got 0 steps and n = 2"),
    "lanczos, too many": (lambda: lanczos(GOOD, 2, 3, rng=RNG), "got 3 steps and n = 2"),
    "lanczos, wrong n": (lambda: lanczos(GOOD, 3, 2, rng=RNG), r"A has shape \(2, 2\), but n = 3"),
    "lanczos, not symmetric": (lambda: lanczos(turn, 3, 3, rng=RNG), "the map is not symmetric: after 2 products"),
    "lanczos, a function of other size": (
        lambda: lanczos(lambda v: np.append(v, 1.0), 2, 2, rng=RNG),
        r"A must take 2 numbers to 2 numbers; it returned shape \(3,\)",
    ),
    "ritz, sizes": (lambda: ritz_values([1.0, 2.0], [1.0, 2.0]), r"got alphas \(2,\) and betas \(2,\)"),
    "ritz, empty": (lambda: ritz_values([], []), "alphas is empty"),
    "ritz, NaN": (lambda: ritz_values([1.0, 2.0], [NAN]), "betas holds a NaN"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: qr_algorithm(GOOD, max_steps=2.5),
        lambda: power_iteration(GOOD, rng=RNG, max_steps=2.5),
        lambda: lanczos(GOOD, 2, 1.5, rng=RNG),
    ],
)
def test_a_count_that_is_not_whole_is_refused(call):
    with pytest.raises(TypeError, match="float"):
        call()
