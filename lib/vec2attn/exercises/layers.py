"""Answers to the exercises of notebook 2.2, Layers and projections between spaces."""

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.matrices import gram_schmidt, householder_qr, least_squares

WIDTH, MIDDLE = 4096, 64


def _fits() -> list[tuple[np.ndarray, np.ndarray, float]]:
    rng = np.random.default_rng(223)
    dependent = np.outer([1.0, 2, 3, 4], [1, -1, 2])
    return [
        (rng.normal(size=(7, 3)), rng.normal(size=7), 0.5),
        (dependent, rng.normal(size=4), 2.0),
        (rng.normal(size=(5, 2)), rng.normal(size=5), 9.0),
    ]


def _ridge(A: np.ndarray, b: np.ndarray, strength: float) -> np.ndarray:
    """Fit with the given number of times the identity under A."""
    k = A.shape[1]
    return least_squares(np.vstack([A, strength * np.eye(k)]), np.append(b, np.zeros(k)))


def _pull_to_one(A: np.ndarray, b: np.ndarray, strength: float) -> np.ndarray:
    k = A.shape[1]
    return least_squares(np.vstack([A, np.sqrt(strength) * np.eye(k)]), np.append(b, np.ones(k)))


def _columns() -> list[tuple[np.ndarray]]:
    i = np.arange(8)
    rng = np.random.default_rng(224)
    return [(1 / (i[:, None] + i[:6] + 1),), (rng.normal(size=(5, 3)),), (1 / (i[:5, None] + i[:5] + 1),)]


def _same_shadows_twice(A: np.ndarray) -> np.ndarray:
    """Subtract in the second pass what was already subtracted in the first."""
    Q = np.zeros(A.shape)
    for j in range(A.shape[1]):
        left = A[:, j] - 2 * Q[:, :j] @ (Q[:, :j].T @ A[:, j])
        Q[:, j] = left / np.linalg.norm(left)
    return Q


EXERCISES = {
    "2.2/1": Exercise(
        right=lambda: np.ones(3),
        mistakes={
            "the corner at (0, 0, 0) itself; another one is asked for": lambda: np.zeros(3),
            "a corner of the top row's null space only: check the second row too": lambda: np.array([1.0, 1.0, 0.0]),
            "a corner on the axis of depth; this drawing does not look along the z axis": lambda: np.array([0.0, 0, 1]),
        },
        praise="The null space is the line of sight, here the diagonal of the cube.",
    ),
    "2.2/2": Exercise(
        right=lambda: np.array([WIDTH - MIDDLE, 2 * MIDDLE / WIDTH]),
        mistakes={
            "the dimensions that are kept, not those that are lost": lambda: np.array([MIDDLE, 2 * MIDDLE / WIDTH]),
            "the weights of one of the two layers; there are two": lambda: np.array([WIDTH - MIDDLE, MIDDLE / WIDTH]),
            "the share that is saved, not the share that is left": lambda: np.array(
                [WIDTH - MIDDLE, 1 - 2 * MIDDLE / WIDTH]
            ),
            "the number of weights; their share of 4096² is asked for": lambda: np.array(
                [WIDTH - MIDDLE, 2 * MIDDLE * WIDTH]
            ),
        },
        praise="Whether those dimensions mattered is another question; the singular values of part 4 answer it.",
    ),
    "2.2/3": Exercise(
        right=lambda A, b, strength: _ridge(A, b, np.sqrt(strength)),
        inputs=_fits,
        mistakes={
            "λ instead of its square root: lengths are squared": _ridge,
            "plain least squares; λ has no effect": lambda A, b, strength: np.linalg.lstsq(A, b)[0],
            "ones under b: that pulls x to 1, not to 0": _pull_to_one,
            "λ times the number of rows": lambda A, b, strength: _ridge(A, b, np.sqrt(strength * len(A))),
        },
        praise="A penalty is a few more rows of data.",
    ),
    "2.2/4": Exercise(
        right=lambda A: householder_qr(A)[0],
        inputs=_columns,
        mistakes={
            "one pass only: the columns of the Hilbert matrix are not orthogonal": lambda A: gram_schmidt(
                A, "classical"
            )[0],
            "the second pass takes the shadows of the column as it came, not of what is left": _same_shadows_twice,
            "orthogonal, but not of length 1": lambda A: householder_qr(A)[0] * np.diag(householder_qr(A)[1]),
        },
        tolerance=1e-7,
        praise="Twice is enough.",
    ),
}
