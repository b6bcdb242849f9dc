"""Answers to the exercises of notebook 7.5, Fast attention."""

from typing import Any

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.softmax import logsumexp, softmax


def _windows() -> list[tuple[int, int]]:
    return [(5, 1), (5, 2), (8, 3), (6, 6), (4, 9), (1000, 64)]


def _pairs(n: int, window: int) -> int:
    return sum(min(i, window) for i in range(1, n + 1))


def _tiles() -> list[tuple[Any, ...]]:
    rng, found = np.random.default_rng(754), []
    for n, d, e, cut, size in (
        (6, 4, 3, slice(0, 2), 0),
        (7, 9, 2, slice(4, 7), 0),
        (5, 16, 6, slice(1, 4), 1000),
    ):
        q, K, V, u = (rng.normal(size=s) for s in (d, (n, d), (n, e), e))
        K = K + size * np.sqrt(d) * q / (q @ q)  # all scores near `size`
        s = K @ q / np.sqrt(d)
        found.append((q, K[cut], V[cut], u, softmax(s) @ V, float(logsumexp(s))))
    return found


def _parts(*given: Any) -> tuple[Any, ...]:
    """Return the root of d, the scores, the weights, and the gradients of these."""
    q, K, V, u, _, L = given
    root = np.sqrt(len(q))
    s = K @ q / root
    return root, s, np.exp(s - L), V @ u


def _tile_gradient(*given: Any) -> np.ndarray:
    q, _, _, u, y, _ = given
    root, _, a, da = _parts(*given)
    return np.outer(a * (da - u @ y), q) / root


def _softmax_of_the_tile(*given: Any) -> np.ndarray:
    q, _, _, u, y, _ = given
    root, s, _, da = _parts(*given)
    return np.outer(softmax(s) * (da - u @ y), q) / root


def _mean_of_the_tile(*given: Any) -> np.ndarray:
    root, _, a, da = _parts(*given)
    return np.outer(a * (da - a @ da), given[0]) / root


def _no_mean(*given: Any) -> np.ndarray:
    root, _, a, da = _parts(*given)
    return np.outer(a * da, given[0]) / root


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
        right=_tile_gradient,
        inputs=_tiles,
        mistakes={
            "a softmax of the tile alone; the weights are shares of all keys, and L knows their sum": (
                _softmax_of_the_tile
            ),
            "the mean over this tile; over all keys it is u · y": _mean_of_the_tile,
            "the mean u · y is not taken away": _no_mean,
            "the root of d is missing in the last step": lambda *given: _tile_gradient(*given) * np.sqrt(len(given[0])),
        },
        praise="Two numbers for each query, L and u · y, stand in for the whole row.",
    ),
}
