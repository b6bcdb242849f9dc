"""Answers to the exercises of notebook 4.3, Low rank at work."""

from collections.abc import Callable

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.svd import svd

LAYERS, WIDTH, RANK = 96, 12_288, 4
HEADS, HEAD, COMMON, POSITION = 128, 128, 512, 64


def _numbers(matrices: int = 2, bytes_each: float = 2) -> np.ndarray:
    numbers = LAYERS * matrices * RANK * (WIDTH + WIDTH)
    return np.array([numbers, bytes_each * numbers / 1e6])


def _pairs() -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(433)
    return [
        (rng.normal(size=(m, r)), rng.normal(size=(r, n)), rng.normal(size=(m, s)), rng.normal(size=(s, n)))
        for m, n, r, s in ((4, 3, 1, 1), (5, 6, 2, 2), (6, 4, 3, 3))
    ]


def _join(B1: np.ndarray, A1: np.ndarray, B2: np.ndarray, A2: np.ndarray) -> np.ndarray:
    return np.vstack([np.hstack([B1, B2]), np.vstack([A1, A2]).T])


def _matrices() -> list[tuple[np.ndarray, int, int]]:
    rng = np.random.default_rng(434)
    exact = np.kron(rng.normal(size=(2, 2)), rng.normal(size=(3, 3)))
    return [(exact, 2, 3), (rng.normal(size=(6, 6)), 3, 2), (rng.normal(size=(8, 8)), 2, 4)]


def _nearest(rows_of: Callable[[np.ndarray, int, int], np.ndarray], W: np.ndarray, q: int, t: int) -> np.ndarray:
    """Return the Kronecker product of the first pair of singular vectors of a rearranged W."""
    U, s, Vt = svd(rows_of(W, q, t))
    return np.kron(s[0] * U[:, 0].reshape(q, q), Vt[0].reshape(t, t))


def _blocks_as_rows(W: np.ndarray, q: int, t: int) -> np.ndarray:
    return W.reshape(q, t, q, t).transpose(0, 2, 1, 3).reshape(q * q, t * t)


def _swapped(W: np.ndarray, q: int, t: int) -> np.ndarray:
    U, s, Vt = svd(_blocks_as_rows(W, q, t))
    return np.kron(Vt[0].reshape(t, t), s[0] * U[:, 0].reshape(q, q))


def _unscaled(W: np.ndarray, q: int, t: int) -> np.ndarray:
    U, _, Vt = svd(_blocks_as_rows(W, q, t))
    return np.kron(U[:, 0].reshape(q, q), Vt[0].reshape(t, t))


EXERCISES = {
    "4.3/1": Exercise(
        right=_numbers,
        mistakes={
            "half of it: a query and a value matrix in each layer, and for each a B and an A": lambda: _numbers(
                matrices=1
            ),
            "twice as much: only two matrices in each layer are adapted, and r is 4": lambda: _numbers(matrices=4),
            "four bytes for each number; here it is two": lambda: _numbers(bytes_each=4),
            "bytes for the second number; megabytes are asked for": lambda: _numbers(bytes_each=2e6),
        },
        praise="A file of 38 MB for a model of 350 GB.",
        tolerance=1e-3,
    ),
    "4.3/2": Exercise(
        right=lambda: (COMMON + POSITION) / (2 * HEADS * HEAD),
        mistakes={
            "the usual way keeps values as well as keys": lambda: (COMMON + POSITION) / (HEADS * HEAD),
            "the key for the position is kept too": lambda: COMMON / (2 * HEADS * HEAD),
            "keys and values come from one common vector: it is kept once": lambda: (
                (2 * COMMON + POSITION) / (2 * HEADS * HEAD)
            ),
            "the usual way keeps keys and values for every head": lambda: (COMMON + POSITION) / (2 * HEAD),
            "the memory that is saved; the share that is left is asked for": lambda: (
                1 - (COMMON + POSITION) / (2 * HEADS * HEAD)
            ),
        },
        praise="Less than a fiftieth: the keys and values of all heads have rank 512 together, by construction.",
        tolerance=1e-3,
    ),
    "4.3/3": Exercise(
        right=_join,
        inputs=_pairs,
        mistakes={
            "the second pair first in B and last in A: column i of B belongs to row i of A": lambda B1, A1, B2, A2: (
                np.vstack([np.hstack([B2, B1]), np.vstack([A1, A2]).T])
            ),
            "the second change is subtracted": lambda B1, A1, B2, A2: _join(B1, A1, -B2, A2),
            "the mean of the two changes; their sum is asked for": lambda B1, A1, B2, A2: _join(B1 / 2, A1, B2 / 2, A2),
        },
        praise="The rank of a sum is at most the sum of the ranks.",
    ),
    "4.3/4": Exercise(
        right=lambda W, q, t: _nearest(_blocks_as_rows, W, q, t),
        inputs=_matrices,
        mistakes={
            "no rearrangement: row i of blocks must not stay a row of W": lambda W, q, t: _nearest(
                lambda W, q, t: W.reshape(q * q, t * t), W, q, t
            ),
            "the factors in the other order: A is the large pattern, B the block": _swapped,
            "the singular value is missing": _unscaled,
        },
        praise="A Kronecker product is a matrix of rank 1, looked at in another order.",
    ),
}
