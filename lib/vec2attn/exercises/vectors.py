"""Answers to the exercises of notebook 1.1, Vectors."""

import math

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.vectors import dot, project, unit


def _tables() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(112)
    return [
        (np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[4.0, 6.0], [1.0, 2.0], [-1.0, 0.0]])),
        (rng.normal(size=(3, 4)), rng.normal(size=(2, 4))),
        (rng.normal(size=(2, 5)), rng.normal(size=(4, 5)) * 3),
    ]


def _squares(X: np.ndarray) -> np.ndarray:
    return (X**2).sum(axis=1)


def _rows_and_directions() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(113)
    return [
        (np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([2.0, 1.0])),
        (rng.normal(size=(4, 3)), rng.normal(size=3)),
        (rng.normal(size=(2, 5)), rng.normal(size=5) * 4),
    ]


def _shadows(X: np.ndarray, d: np.ndarray) -> np.ndarray:
    return project(X, np.tile(d, (len(X), 1)))


def _needed(count: float, epsilon: float) -> int:
    return math.ceil(4 * math.log(count) / epsilon**2)


EXERCISES = {
    "1.1/1": Exercise(
        right=lambda: np.array([5, 2]),
        mistakes={
            "the dot products with b₁ and b₂; coordinates only if those have length 1": lambda: np.array([10, 4]),
            "the coordinates in the basis of the axes, which you were given": lambda: np.array([7, 3]),
            "coordinates of unit vectors along b₁ and b₂; these are longer": lambda: np.array([10, 4]) / math.sqrt(2),
            "the two coordinates in the wrong order": lambda: np.array([2, 5]),
        },
        praise="Mean and half the difference: stereo sound is stored that way, as middle and side.",
        tolerance=1e-3,
    ),
    "1.1/2": Exercise(
        right=lambda X, Y: ((X[:, None] - Y) ** 2).sum(axis=-1),
        inputs=_tables,
        mistakes={
            "the distances, where their squares are asked for": lambda X, Y: np.sqrt(
                ((X[:, None] - Y) ** 2).sum(axis=-1)
            ),
            "one dot product too few: the formula subtracts it twice": lambda X, Y: (
                _squares(X)[:, None] + _squares(Y) - X @ Y.T
            ),
            "plus, where the formula subtracts: these are the squared lengths of x + y": lambda X, Y: (
                _squares(X)[:, None] + _squares(Y) + 2 * X @ Y.T
            ),
        },
        praise="One matrix product and two lists of lengths: this is how search through millions of vectors is done.",
    ),
    "1.1/3": Exercise(
        right=lambda X, d: X - _shadows(X, d),
        inputs=_rows_and_directions,
        mistakes={
            "the shadow itself; what is left over is asked for": _shadows,
            "d taken as it is: divide by d · d, or make d a unit vector first": lambda X, d: X - (X @ d)[:, None] * d,
            "divided by the length of d once; twice is needed": lambda X, d: (
                X - (X @ d)[:, None] * d / np.sqrt(dot(d, d))
            ),
            "d itself subtracted from every row, however much of it the row holds": lambda X, d: X - d,
            "the unit vector subtracted from every row, however much of it the row holds": lambda X, d: X - unit(d),
        },
        praise="Every row is now orthogonal to d: no dot product can find that feature any more.",
    ),
    "1.1/4": Exercise(
        right=lambda: _needed(1e6, 0.2),
        mistakes={
            "2 ln N/ε², the n at which a single pair is expected; there are about N²/2 pairs": lambda: math.ceil(
                2 * math.log(1e6) / 0.2**2
            ),
            "the logarithm to base 10; e needs the natural one": lambda: math.ceil(4 * math.log10(1e6) / 0.2**2),
            "one dimension for every direction: that is what exactly orthogonal ones need": lambda: 1_000_000,
            "ε, where the formula has ε²": lambda: math.ceil(4 * math.log(1e6) / 0.2),
            "rounded down: 1381 dimensions are not quite enough": lambda: _needed(1e6, 0.2) - 1,
        },
        praise="A million directions in less than two thousand dimensions. Ten times as many need only 230 more.",
        tolerance=1e-9,
    ),
}
