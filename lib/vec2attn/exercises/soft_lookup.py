"""Answers to the exercises of notebook 7.1, Attention is a soft look-up."""

import numpy as np

from vec2attn.calculus import attention_vjp
from vec2attn.exercises import Exercise
from vec2attn.softmax import softmax


def _back(n: int) -> np.ndarray:
    return np.arange(n)[:, None] - np.arange(n)


def _window_mask(n: int, w: int) -> np.ndarray:
    return (_back(n) >= 0) & (_back(n) < w)


def _arrays(seed: int, *shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=shape) for shape in shapes)


def _tables() -> list[tuple[np.ndarray, ...]]:
    small, other = _arrays(713, (3,), (5, 3), (5, 2)), _arrays(714, (4,), (7, 4), (7, 4))
    q, K, V = _arrays(715, (2,), (4, 2), (4, 3))
    return [small, other, (1000 * q, 3 * K, V)]


def _scores(q: np.ndarray, K: np.ndarray) -> np.ndarray:
    return K @ q / np.sqrt(len(q))


def _heads() -> list[tuple[np.ndarray, ...]]:
    sizes = ((716, 3, 5, 4, 2), (717, 6, 2, 3, 7), (718, 2, 4, 5, 3))
    return [_arrays(seed, (q, d), (k, d), (k, e), (q, e)) for seed, q, k, d, e in sizes]


def _diagonal_only(Q: np.ndarray, K: np.ndarray, V: np.ndarray, U: np.ndarray) -> np.ndarray:
    A = softmax(Q @ K.T / np.sqrt(K.shape[1]))
    dS = A * (U @ V.T)
    return (dS.T @ Q).sum(axis=0) / np.sqrt(K.shape[1])


EXERCISES = {
    "7.1/1": Exercise(
        right=lambda: np.log(99),
        mistakes={
            "the ratio of the weights itself; it is e to the difference of the scores": lambda: 99.0,
            "ln 100: the ratio of the two weights is 0.99 to 0.01": lambda: np.log(100),
            "the weight in place of the ratio of the weights": lambda: np.log(0.99),
            "the ratio of the new weight to the old one": lambda: 0.99 / softmax([1.0, 0.0])[0],
        },
        praise="Each further 9 takes only about 2.3 more.",
        tolerance=1e-3,
    ),
    "7.1/2": Exercise(
        right=_window_mask,
        inputs=lambda: [(5, 2), (4, 1), (6, 4), (3, 7)],
        mistakes={
            "one position too many: the window counts the position itself": lambda n, w: _window_mask(n, w + 1),
            "one position too few: the position itself and w − 1 before it": lambda n, w: (
                (_back(n) >= 0) & (_back(n) < w - 1)
            ),
            "True where attention is forbidden": lambda n, w: ~_window_mask(n, w),
            "it sees the future: rows are queries, columns keys": lambda n, w: _window_mask(n, w).T,
            "both sides: keys after the query are allowed too": lambda n, w: abs(_back(n)) < w,
            "no window, only the causal mask": lambda n, w: _back(n) >= 0,
        },
        praise="Of all pairs at most n·w are left.",
    ),
    "7.1/3": Exercise(
        right=lambda q, K, V: softmax(_scores(q, K)) @ V,
        inputs=_tables,
        mistakes={
            "the root of d is missing": lambda q, K, V: softmax(K @ q) @ V,
            "divided by d in place of its root": lambda q, K, V: softmax(K @ q / len(q)) @ V,
            "the weights are not divided by their sum": lambda q, K, V: np.exp(_scores(q, K) - _scores(q, K).max()) @ V,
            "exp overflows: subtract the largest score from all of them": lambda q, K, V: (
                np.exp(_scores(q, K)) / np.exp(_scores(q, K)).sum() @ V
            ),
            "the value that fits best alone; the others count too": lambda q, K, V: V[_scores(q, K).argmax()],
        },
        praise="One value and two numbers, however many keys there are.",
    ),
    "7.1/4": Exercise(
        right=lambda Q, K, V, U: np.zeros(K.shape[1]),
        inputs=_heads,
        mistakes={
            "a bias of the queries; here it is added to the keys": lambda Q, K, V, U: attention_vjp(Q, K, V, U)[0].sum(
                axis=0
            ),
            "the derivative of softmax without its second part, −ppᵀ": _diagonal_only,
            "the scores without softmax": lambda Q, K, V, U: ((U @ V.T).T @ Q).sum(axis=0) / np.sqrt(K.shape[1]),
        },
        praise="Only differences of scores count: a bias of the keys does nothing.",
    ),
}
