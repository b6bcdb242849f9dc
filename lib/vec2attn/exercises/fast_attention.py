"""Answers to the exercises of notebook 7.5, Fast attention."""

import numpy as np

from vec2attn.exercises import Exercise


def _windows() -> list[tuple[int, int]]:
    return [(5, 1), (5, 2), (8, 3), (6, 6), (4, 9), (1000, 64)]


def _pairs(n: int, window: int) -> int:
    return sum(min(i, window) for i in range(1, n + 1))


def _halves() -> list[tuple[float, float, np.ndarray, float, float, np.ndarray]]:
    rng, found = np.random.default_rng(754), []
    for size, shift in ((1, 0), (3, 5), (300, 1000), (300, -1000)):
        s, V = size * rng.normal(size=(2, 5)) + [[0], [shift]], rng.normal(size=(2, 5, 3))
        m = s.max(axis=1)
        P = np.exp(s - m[:, None])
        sums = [(float(m[h]), float(P[h].sum()), P[h] @ V[h]) for h in (0, 1)]
        found.append((*sums[0], *sums[1]))
    return found


def _merge(m1: float, l1: float, Y1: np.ndarray, m2: float, l2: float, Y2: np.ndarray) -> np.ndarray:
    m = max(m1, m2)
    a, b = np.exp(m1 - m), np.exp(m2 - m)
    return (a * Y1 + b * Y2) / (a * l1 + b * l2)


EXERCISES = {
    "7.5/1": Exercise(
        right=lambda: 6.5 * 4096,
        mistakes={
            "6d, as in the text: this block has other matrices": lambda: 6.0 * 4096,
            "the weights instead of their FLOPs: each weight takes two": lambda: 3.25 * 4096,
            "keys and values with full matrices; 8 of 32 heads are a quarter": lambda: 7.25 * 4096,
            "two matrices in the FFN; this one has three": lambda: 4.75 * 4096,
            "one product of attention; there are two, QKᵀ and AV": lambda: 13.0 * 4096,
            "a multiple of d; the number of positions is asked for": lambda: 6.5,
        },
        praise="26,624 tokens. Llama 3 was trained on 8,192 first: below that length its weights cost more.",
        tolerance=1e-4,
    ),
    "7.5/2": Exercise(
        right=_pairs,
        inputs=_windows,
        mistakes={
            "every query with a full window; the first ones have less before them": lambda n, w: n * w,
            "the plain causal pattern, without a window": lambda n, w: n * (n + 1) // 2,
            "a window that does not contain the query itself": lambda n, w: _pairs(n - 1, w),
            "w positions before the query, and itself besides: one too many": lambda n, w: _pairs(n, w + 1),
            "nw − w(w−1)/2 also for windows longer than the text": lambda n, w: n * w - w * (w - 1) // 2,
        },
        praise="About nw, when the window is short: the cost grows with the length, no longer with its square.",
    ),
    "7.5/3": Exercise(
        right=lambda: 33,
        mistakes={
            "keys alone; the cache has values too": lambda: 66,
            "rounded down: with 32 tokens the state is still the larger one": lambda: 32,
            "not rounded; tokens come whole, and it must hold more": lambda: 32.5,
            "one number a feature instead of 64: the state is a matrix": lambda: 2,
        },
        praise="A state of fixed size costs as much as a cache of 32 tokens, and holds no more.",
        tolerance=1e-3,
    ),
    "7.5/4": Exercise(
        right=_merge,
        inputs=_halves,
        mistakes={
            "the sums added as they are; they were made with different maxima": lambda m1, l1, Y1, m2, l2, Y2: (
                (Y1 + Y2) / (l1 + l2)
            ),
            "the mean of the two outputs; the half with larger scores counts more": lambda m1, l1, Y1, m2, l2, Y2: (
                (Y1 / l1 + Y2 / l2) / 2
            ),
            "exp(m − m₁) instead of exp(m₁ − m): the factor the other way round": lambda m1, l1, Y1, m2, l2, Y2: _merge(
                -m1, l1, Y1, -m2, l2, Y2
            ),
            "exp(m₁) and exp(m₂) without taking a maximum away: they overflow": lambda m1, l1, Y1, m2, l2, Y2: (
                (np.exp(m1) * Y1 + np.exp(m2) * Y2) / (np.exp(m1) * l1 + np.exp(m2) * l2)
            ),
            "the merged sum Y, not yet divided by l": lambda m1, l1, Y1, m2, l2, Y2: (
                np.exp(m1 - max(m1, m2)) * Y1 + np.exp(m2 - max(m1, m2)) * Y2
            ),
        },
        praise="The same in any order and for any number of parts: this is what machines exchange in 7.6.",
    ),
}
