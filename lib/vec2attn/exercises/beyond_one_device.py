"""Answers to the exercises of notebook 7.6, Beyond one device."""

import numpy as np

from vec2attn.exercises import Exercise


def _microbatches() -> int:
    from vec2attn.parallel import pipeline_bubble  # torch, only when it is needed

    return next(M for M in range(1, 1000) if pipeline_bubble(8, M) <= 0.1)


def _places() -> list[tuple[int, int, int]]:
    return [(0, 4, 2), (1, 4, 2), (2, 6, 3), (1, 8, 4), (0, 2, 1)]


def _positions(rank: int, n: int, P: int, *, second: int | None = None) -> np.ndarray:
    half = n // 2
    first, last = rank * half, (2 * P - 1 - rank if second is None else second) * half
    return np.concatenate([first + np.arange(half), last + np.arange(half)])


def _states() -> list[tuple[np.ndarray, float, np.ndarray, float]]:
    rng = np.random.default_rng(762)
    levels = ((0.3, 1.1), (1000.0, 998.5), (-1200.0, -1199.0))
    return [(rng.normal(size=4), c1, rng.normal(size=4), c2) for c1, c2 in levels]


def _merge(y1: np.ndarray, c1: float, y2: np.ndarray, c2: float) -> np.ndarray:
    w = np.exp(c2 - np.logaddexp(c1, c2))
    return (1 - w) * y1 + w * y2


def _merge_weighted_by_logarithms(y1: np.ndarray, c1: float, y2: np.ndarray, c2: float) -> np.ndarray:
    return (c1 * y1 + c2 * y2) / (c1 + c2)


def _merge_without_dividing(y1: np.ndarray, c1: float, y2: np.ndarray, c2: float) -> np.ndarray:
    m = max(c1, c2)
    return np.exp(c1 - m) * y1 + np.exp(c2 - m) * y2


EXERCISES = {
    "7.6/1": Exercise(
        right=_microbatches,
        mistakes={
            "P − 1 over M: the line fills and empties within the same time, M + P − 1": lambda: 70,
            "P over M + P: one stage fewer than there are has to be waited for": lambda: 72,
            "the share of the time in use; 10 % may be idle, 90 % not": lambda: 1,
        },
        praise="Many small parts fill the line; they also make thin matrices.",
    ),
    "7.6/2": Exercise(
        right=_positions,
        inputs=_places,
        mistakes={
            "one stretch after the other: the last rank has nearly twice the mean": lambda rank, n, P: (
                np.arange(n) + rank * n
            ),
            "stripes: nearly even; here two whole stretches are asked for": lambda rank, n, P: np.arange(n) * P + rank,
            "stretches r and r + P: a later rank has the later one of both": lambda rank, n, P: _positions(
                rank, n, P, second=rank + P
            ),
            "2P − r as the second; stretches are numbered from 0, so the last is 2P − 1": lambda rank, n, P: _positions(
                rank, n, P, second=2 * P - rank
            ),
        },
        praise="The first with the last: every rank has the same number of pairs, exactly.",
    ),
    "7.6/3": Exercise(
        right=_merge,
        inputs=_states,
        mistakes={
            "the plain mean: the device with the larger sum of exponentials counts more": lambda y1, c1, y2, c2: (
                (y1 + y2) / 2
            ),
            "the logarithms as weights; the sums are their exponentials": _merge_weighted_by_logarithms,
            "the sum of the weights is missing below the line": _merge_without_dividing,
            "the two devices are swapped": lambda y1, c1, y2, c2: _merge(y2, c1, y1, c2),
        },
        praise="A softmax over devices, and it can be merged again.",
    ),
}
