"""Answers to the exercises of notebook 7.3, Real weights."""

from typing import Any

import numpy as np

from vec2attn.exercises import Exercise


def _batches() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(732)
    return [
        (rng.normal(1, 1, size=(b, t, d)), np.array(lengths))
        for b, t, d, lengths in ((2, 4, 3, [2, 4]), (3, 5, 4, [1, 3, 5]), (1, 6, 2, [4]))
    ]


def _pool(X: np.ndarray, lengths: Any) -> np.ndarray:
    mask = np.arange(X.shape[1]) < np.asarray(lengths)[:, None]
    return _unit((X * mask[..., None]).sum(axis=1))


def _unit(V: np.ndarray) -> np.ndarray:
    return V / np.linalg.norm(V, axis=1, keepdims=True)


def _mean(X: np.ndarray, lengths: Any) -> np.ndarray:
    mask = np.arange(X.shape[1]) < np.asarray(lengths)[:, None]
    sums: np.ndarray = (X * mask[..., None]).sum(axis=1)
    return sums / np.asarray(lengths)[:, None]


def _blocks() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(733)
    return [(rng.normal(size=32),), (rng.uniform(2, 5, size=32),), (np.append(rng.normal(size=31), 20.0),)]


def _levels(w: np.ndarray, steps: float | int = 15, to: Any = np.round) -> np.ndarray:
    m = w.min()
    d = (w.max() - m) / steps
    return d * to((w - m) / d) + m


def _without_m(w: np.ndarray) -> np.ndarray:
    d = np.abs(w).max() / 7
    return d * np.clip(np.round(w / d), -8, 7)


def _queries() -> list[tuple[np.ndarray, int]]:
    rng = np.random.default_rng(734)
    return [(rng.normal(size=(rows, d)), heads) for rows, d, heads in ((6, 3, 1), (12, 5, 2), (24, 4, 3))]


def _to_halves(W: np.ndarray, heads: int) -> np.ndarray:
    return W.reshape(heads, -1, 2, W.shape[1]).swapaxes(1, 2).reshape(W.shape)


EXERCISES = {
    "7.3/1": Exercise(
        right=lambda: np.array([4 + 32 / 128, 8 + 16 / 128]),
        mistakes={
            "blocks of 32, as they are in the file": lambda: np.array([4 + 32 / 32, 8 + 16 / 32]),
            "Q4_1 has a smallest value m beside the scale d": lambda: np.array([4 + 16 / 128, 8 + 16 / 128]),
            "Q8_0 has a scale only, no smallest value": lambda: np.array([4 + 32 / 128, 8 + 32 / 128]),
            "scale and smallest value are forgotten": lambda: np.array([4.0, 8.0]),
            "bits of a block divided into bytes": lambda: np.array([4 + 4 / 128, 8 + 2 / 128]),
        },
        praise="Larger blocks are smaller files and coarser steps.",
    ),
    "7.3/2": Exercise(
        right=_pool,
        inputs=_batches,
        mistakes={
            "padding is counted": lambda X, lengths: _unit(X.mean(axis=1)),
            "the vectors do not have length 1": _mean,
            "sums that do not have length 1": lambda X, lengths: _mean(X, lengths) * np.asarray(lengths)[:, None],
            "the last tokens are taken, not the first": lambda X, lengths: _pool(X[:, ::-1], lengths),
            "the first token alone, [CLS]": lambda X, lengths: _unit(X[:, 0]),
        },
        praise="Scaled to length 1, a sum is as good as a mean.",
    ),
    "7.3/3": Exercise(
        right=_levels,
        inputs=_blocks,
        mistakes={
            "16 steps: 16 levels have 15 steps between them": lambda w: _levels(w, 16),
            "rounded down, not to the nearest level": lambda w: _levels(w, to=np.floor),
            "no smallest value m, levels on both sides of 0": _without_m,
            "the levels q, not the numbers that they stand for": lambda w: np.round(15 * (w - w.min()) / np.ptp(w)),
            "m is not added again": lambda w: _levels(w) - w.min(),
        },
        praise="One outlier makes the step large for all 32.",
    ),
    "7.3/4": Exercise(
        right=_to_halves,
        inputs=_queries,
        mistakes={
            "the other way, from halves to pairs": lambda W, heads: (
                W.reshape(heads, 2, -1, W.shape[1]).swapaxes(1, 2).reshape(W.shape)
            ),
            "all heads at once; the order is within each head": lambda W, heads: np.concatenate([W[0::2], W[1::2]]),
            "nothing has moved": lambda W, heads: W,
        },
        praise="The same for the keys, with their own number of heads; then no dot product changes.",
    ),
}
