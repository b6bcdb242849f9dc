"""Answers to the exercises of notebook 3.1, Eigenvectors."""

import numpy as np

from vec2attn.eigen import qr_algorithm
from vec2attn.exercises import Exercise
from vec2attn.matrices import orthogonal_init

_VALUES = np.array([2.0, -3.0])


def _polynomial(x: np.ndarray) -> np.ndarray:
    return np.sort(x**2 - x + 1)


def _best_shift() -> list[float]:
    c = 4 / 2
    return [c, max(abs(4 - c), abs(c)) / (5 - c)]


def _pairs() -> list[tuple[np.ndarray, float, np.ndarray]]:
    rng = np.random.default_rng(313)
    cases = []
    for n, i in ((2, 1), (4, 0), (5, 3)):
        A = rng.normal(size=(n, n))
        values, V = qr_algorithm(A + A.T)
        cases.append((A + A.T, float(values[i]), V[:, i] * float(rng.uniform(2, 5))))
    return cases


def _deflate(A: np.ndarray, value: float | int, vector: np.ndarray) -> np.ndarray:
    return A - value * np.outer(vector, vector) / (vector @ vector)


def _positive() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(314)
    cases = []
    for n in (2, 3, 6):
        V = orthogonal_init(n, n, rng)
        A = (V * rng.uniform(0.2, 5, size=n)) @ V.T
        cases.append(((A + A.T) / 2,))
    return cases


def _with_values(A: np.ndarray, power: float | int) -> np.ndarray:
    values, V = qr_algorithm(A)
    return (V * values**power) @ V.T


EXERCISES = {
    "3.1/1": Exercise(
        right=lambda: _polynomial(_VALUES),
        mistakes={
            "the right numbers in the other order: the smaller one first": lambda: _polynomial(_VALUES)[::-1],
            "I left out: it adds 1 to every eigenvalue": lambda: _polynomial(_VALUES) - 1,
            "(−3)² taken as −9": lambda: np.sort([2**2 - 2 + 1, -(3**2) + 3 + 1]),
            "A added instead of subtracted": lambda: np.sort(_VALUES**2 + _VALUES + 1),
        },
        praise="A polynomial of A has the same eigenvectors, and the polynomial of each eigenvalue.",
    ),
    "3.1/2": Exercise(
        right=_best_shift,
        mistakes={
            "the shift that takes the interval's upper end to 0: its lower end is now at −4": lambda: [4.0, 4.0],
            "the shift that takes 4 to 0, and a rate that forgets the lower end": lambda: [4.0, 0.0],
            "the right shift, but 5 has moved too": lambda: [2.0, 2 / 5],
            "the right shift with the rate of no shift": lambda: [2.0, 4 / 5],
            "a shift to the other side": lambda: [-2.0, 6 / 7],
            "the middle of 0 and 5: the unwanted interval ends at 4": lambda: [2.5, 1.0],
        },
        praise="The unwanted interval belongs around 0.",
        tolerance=1e-3,
    ),
    "3.1/3": Exercise(
        right=_deflate,
        inputs=_pairs,
        mistakes={
            "the vector used as if its length were 1; divide by v · v": lambda A, value, v: A - value * np.outer(v, v),
            "divided by the length of v once: two factors v need v · v": lambda A, value, v: (
                A - value * np.outer(v, v) / np.sqrt(v @ v)
            ),
            "λ I taken away, which moves every eigenvalue": lambda A, value, v: A - value * np.eye(len(A)),
            "the projection without its factor λ": lambda A, value, v: A - np.outer(v, v) / (v @ v),
            "only what was to be removed: subtract it from A": lambda A, value, v: A - _deflate(A, value, v),
        },
        praise="What is left has the other eigenvectors, and 0 for this one.",
    ),
    "3.1/4": Exercise(
        right=lambda A: _with_values(A, -0.5),
        inputs=_positive,
        mistakes={
            "the root itself; M must undo it": lambda A: _with_values(A, 0.5),
            "the inverse of A: then M A M is M, not I": lambda A: _with_values(A, -1),
            "the root entry by entry, which is no root of the matrix": lambda A: 1 / np.sqrt(np.abs(A)),
            "V in the wrong order: V Λ Vᵀ, with the eigenvectors in the columns of V": lambda A: (
                qr_algorithm(A)[1].T @ np.diag(qr_algorithm(A)[0] ** -0.5) @ qr_algorithm(A)[1]
            ),
        },
        praise="M scales each eigen-direction to stretch 1; the same M whitens data in 3.2.",
    ),
}
