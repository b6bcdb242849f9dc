"""Answers to the exercises of notebook 1.2, Embedding space."""

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.vectors import nearest, one_hot, project


def _texts() -> list[tuple[list[int], np.ndarray, int]]:
    rng = np.random.default_rng(122)
    return [(t, rng.normal(size=(len(t), d)), V) for t, d, V in (([3, 0, 3, 2], 2, 5), ([1, 1, 1], 3, 4), ([6], 4, 7))]


def _change(tokens: list[int], G: np.ndarray, V: int) -> np.ndarray:
    X = np.array([one_hot(i, V) for i in tokens])
    return X.T @ G


def _last_wins(tokens: list[int], G: np.ndarray, V: int) -> np.ndarray:
    change = np.zeros((V, G.shape[1]))
    change[tokens] += G
    return change


def _tables() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(123)
    lengths = rng.uniform(0.1, 10, size=(12, 1))
    return [(rng.normal(size=(12, 3)) * lengths,), (rng.normal(size=(9, 2)) + 2,), (rng.normal(size=(30, 4)),)]


def _others(T: np.ndarray, metric: str = "cosine") -> np.ndarray:
    """Return for each row which other row is the nearest."""
    found = [nearest(t, T, 1, metric, exclude=(i,))[0][0] for i, t in enumerate(T)]  # type: ignore[arg-type]
    return np.array(found)


def _count(T: np.ndarray, metric: str = "cosine") -> np.ndarray:
    return np.bincount(_others(T, metric), minlength=len(T))


def _rows_axes_and_factors() -> list[tuple[np.ndarray, np.ndarray, float]]:
    rng = np.random.default_rng(124)
    sizes = ((4, 3, 1, 3.0), (2, 5, 7, 0.0), (3, 3, 2, 0.5))
    return [(rng.normal(size=(m, n)), rng.normal(size=n) * length, s) for m, n, length, s in sizes]


def _shadows(T: np.ndarray, axis: np.ndarray) -> np.ndarray:
    return project(T, np.broadcast_to(axis, T.shape))


def _stretched(T: np.ndarray, axis: np.ndarray, s: float) -> np.ndarray:
    return T + (s - 1) * _shadows(T, axis)


EXERCISES = {
    "1.2/1": Exercise(
        right=lambda: np.array([20, 20 * 999]),
        mistakes={
            "one 1 in the whole product: but every number of the result needs it once": lambda: np.array([1, 19_999]),
            "the row's own zeros: each meets all 20 numbers of its row of the table": lambda: np.array([20, 999]),
            "all multiplications for the zeros, those with the 1 too": lambda: np.array([20, 20_000]),
            "operations: additions are not asked for": lambda: np.array([40, 2 * 20 * 999]),
            "exchanged: first the factor 1, then 0": lambda: np.array([20 * 999, 20]),
        },
        praise="20 of 20,000: the rest is multiplied by 0, and a look-up leaves it out.",
        tolerance=1e-9,
    ),
    "1.2/2": Exercise(
        right=_change,
        inputs=_texts,
        mistakes={
            "the last row wins: a token that occurs twice must get the sum of both": _last_wins,
            "the mean over the occurrences of a token; the product adds": lambda tokens, G, V: (
                _change(tokens, G, V) / np.maximum(np.bincount(tokens, minlength=V), 1)[:, None]
            ),
            "each row counted once, not the rows of G": lambda tokens, G, V: _change(tokens, np.ones_like(G), V),
        },
        praise="Look-up backwards is adding to rows: only rows of tokens that occur change.",
    ),
    "1.2/3": Exercise(
        right=_count,
        inputs=_tables,
        mistakes={
            "every row is its own nearest: leave it out": lambda T: np.ones(len(T)),
            "the largest dot product instead of the largest cosine: divide by the lengths": lambda T: _count(T, "dot"),
            "the smallest distance instead of the largest cosine": lambda T: _count(T, "euclidean"),
            "which row is nearest to each, not how often a row is": lambda T: _others(T),
        },
        praise="The counts sum to the number of rows; they differ: some rows are hubs, some are nobody's.",
    ),
    "1.2/4": Exercise(
        right=_stretched,
        inputs=_rows_axes_and_factors,
        mistakes={
            "the axis is taken as a unit vector, which it need not be: divide by axis · axis": lambda T, axis, s: (
                T + (s - 1) * np.outer(T @ axis, axis)
            ),
            "divided by the length once; the formula has it squared": lambda T, axis, s: (
                T + (s - 1) * np.outer(T @ axis, axis) / np.linalg.norm(axis)
            ),
            "s shadows added: each row holds one already": lambda T, axis, s: T + s * _shadows(T, axis),
            "the stretched shadows alone; the rest of each row must stay": lambda T, axis, s: s * _shadows(T, axis),
            "the rest stretched, not the shadow": lambda T, axis, s: s * T + (1 - s) * _shadows(T, axis),
            "the axis added to every row: a move, whatever the row's share of it": lambda T, axis, s: (
                T + (s - 1) * axis
            ),
        },
        praise="With s = 1 nothing happens, with s = 0 the direction is gone; what is orthogonal to it never changes.",
    ),
}
