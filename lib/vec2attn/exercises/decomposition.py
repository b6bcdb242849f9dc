"""Answers to the exercises of notebook 4.1, The decomposition."""

import math

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.matrices import least_squares
from vec2attn.svd import polar, pseudo_inverse, svd


def _singular_values() -> np.ndarray:
    return svd([[0, -3], [2, 0]])[1]


def _norms_of_an_outer_product() -> tuple[float, float, float]:
    A = np.outer([1, 2, 2], [3, 4])
    return float(np.linalg.norm(A, 2)), float(np.linalg.norm(A, "nuc")), float(np.linalg.norm(pseudo_inverse(A), 2))


def _maps_that_forget() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(413)
    shapes = ((6, 2, 4), (3, 3, 5), (4, 4, 4), (4, 1, 4))  # rows, rank, columns
    return [
        (rng.normal(size=(m, r)) @ rng.normal(size=(r, n)) if r < min(m, n) else rng.normal(size=(m, n)), x)
        for m, r, n in shapes
        for x in [rng.normal(size=n)]
    ]


def _forgotten(A: np.ndarray, x: np.ndarray) -> np.ndarray:
    return x - _seen(A, x)


def _seen(A: np.ndarray, x: np.ndarray) -> np.ndarray:
    _, s, Vt = svd(A)
    rows = Vt[s > 1e-10 * s[0]]
    return rows.T @ (rows @ x)


def _two_tables() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(414)
    tables = []
    for words, d in ((20, 3), (30, 5), (12, 2)):
        X = rng.normal(size=(words, d)) * np.arange(1, d + 1)
        turned = X @ polar(rng.normal(size=(d, d)))[0].T
        tables.append((X, turned + 0.1 * rng.normal(size=X.shape)))
    return tables


def _align(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    return polar(Y.T @ X)[0]


EXERCISES = {
    "4.1/1": Exercise(
        right=_singular_values,
        mistakes={
            "the other order: the largest comes first": lambda: _singular_values()[::-1],
            "the eigenvalues of AᵀA: singular values are their roots": lambda: _singular_values() ** 2,
            "the entries with a sign: singular values are lengths": lambda: [2, -3],
            "the entries with a sign, the larger first: singular values are lengths": lambda: [-3, 2],
            "the size of the eigenvalues: this matrix has no eigenvector along which it stretches": lambda: (
                [math.sqrt(6)] * 2
            ),
        },
        praise="Columns at a right angle are V = I already, up to order and signs.",
        tolerance=1e-3,
    ),
    "4.1/2": Exercise(
        right=_norms_of_an_outer_product,
        mistakes={
            "1 for the last: A⁺ stretches by 1/σ, where σ is not 0": lambda: (15, 15, 1),
            "15 for the last: A⁺ undoes the stretch": lambda: (15, 15, 15),
            "the squares: ‖x‖² and ‖y‖² where the lengths are needed": lambda: (225, 225, 1 / 225),
            "the dot products with themselves are added, not multiplied": lambda: (34, 34, 1 / 34),
            "the lengths are added: they multiply": lambda: (8, 8, 1 / 8),
            "30 for the nuclear norm: the second singular value is 0": lambda: (15, 30, 1 / 15),
        },
        praise="An outer product is an SVD of one term; sums of such terms are the subject of 4.2.",
        tolerance=1e-3,
    ),
    "4.1/3": Exercise(
        right=_forgotten,
        inputs=_maps_that_forget,
        mistakes={
            "what A does see: the projection on the row space": _seen,
            "no cut: directions with σ = 0 were taken for seen": lambda A, x: x - svd(A)[2].T @ (svd(A)[2] @ x),
            "the step was taken twice: x is mirrored, and not projected": lambda A, x: x - 2 * _seen(A, x),
        },
        praise="Two inputs that differ by a forgotten part have the same output.",
    ),
    "4.1/4": Exercise(
        right=_align,
        inputs=_two_tables,
        mistakes={
            "the transpose: with it, X @ R is near to Y and X @ R.T is not": lambda X, Y: _align(X, Y).T,
            "not orthogonal: the least-squares map, which stretches too": lambda X, Y: least_squares(X, Y).T,
            "not orthogonal: the transpose of the least-squares map, which stretches too": least_squares,
            "not orthogonal: YᵀX itself, with its singular values": lambda X, Y: Y.T @ X,
        },
        praise="One SVD of a d × d matrix, however many rows the tables have.",
    ),
}
