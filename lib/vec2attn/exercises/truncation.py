"""Answers to the exercises of notebook 4.2, Truncation and compression."""

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.svd import random_spectrum

M, N = 11_008, 4_096


def _spectra() -> list[tuple[np.ndarray, float]]:
    rng = np.random.default_rng(422)
    falling = [np.sort(rng.exponential(size=r))[::-1] for r in (9, 17, 30)]
    return [(falling[0], 0.1), (falling[1], 0.3), (falling[2], 0.05), (falling[2], 0.7)]


def _rank_for(s: np.ndarray, error: float | int, power: int = 2, share: float | None = None) -> int:
    left = np.append(np.cumsum(s[::-1] ** power)[::-1], 0)
    return int(np.argmax(left[1:] <= (error**power if share is None else share) * left[0])) + 1


def _share_kept(error: float | int, power: int = 2) -> float:
    law = random_spectrum(4_000, 4_000)
    tail = np.cumsum(law[::-1] ** power)[::-1] / (law**power).sum()
    return float(np.mean(tail > error))


def _layers() -> list[tuple[np.ndarray, np.ndarray, int]]:
    rng = np.random.default_rng(424)
    sizes = ((5, 4, 30, 2), (6, 7, 40, 3), (4, 6, 25, 1))
    return [(rng.normal(size=(m, n)), rng.normal(size=(rows, n)) * 2.0 ** -np.arange(n), k) for m, n, rows, k in sizes]


def _project(W: np.ndarray, of: np.ndarray, k: int) -> np.ndarray:
    """Return W on the span of the first k right singular vectors of a matrix with as many columns as W has rows."""
    Vt = np.linalg.svd(of, full_matrices=False)[2][:k]
    return Vt.T @ (Vt @ W)


EXERCISES = {
    "4.2/1": Exercise(
        right=lambda: M * N // (4 * (M + N)),
        mistakes={
            "a quarter of the singular values; a quarter of the numbers is asked for": lambda: N // 4,
            "the break-even: there the factors hold as many numbers as the matrix": lambda: M * N // (M + N),
            "rounded up, which is a little more than a quarter": lambda: -(-M * N // (4 * (M + N))),
            "the quotient itself; a rank is a whole number": lambda: M * N / (4 * (M + N)),
        },
        praise="Less than a fifth of the ranks, for a quarter of the numbers.",
    ),
    "4.2/2": Exercise(
        right=_rank_for,
        inputs=_spectra,
        mistakes={
            "the energy that is lost, compared with the error itself: square the error": lambda s, e: _rank_for(
                s, e, share=e
            ),
            "the singular values are added as they are; the Frobenius norm adds their squares": lambda s, e: _rank_for(
                s, e, power=1
            ),
            "the index of the last value that is kept; the rank is one more": lambda s, e: _rank_for(s, e) - 1,
            "one rank too many: does the tail begin behind the last value that is kept?": lambda s, e: (
                _rank_for(s, e) + 1
            ),
            "the 2-norm: the first value cut off, as a share of the largest": lambda s, e: int(
                np.argmax(np.append(s[1:], 0) <= e * s[0]) + 1
            ),
        },
        praise="An error of ε keeps 1 − ε² of the energy.",
    ),
    "4.2/3": Exercise(
        right=lambda: _share_kept(0.05**2),
        mistakes={
            "95 % of the energy: that is an error of √0.05 = 0.22": lambda: _share_kept(0.05),
            "the share that is cut off": lambda: 1 - _share_kept(0.05**2),
            "the singular values are added as they are; the Frobenius norm adds their squares": lambda: _share_kept(
                0.05, power=1
            ),
        },
        praise="Two factors of that rank hold 1.71 times as many numbers as the matrix.",
        tolerance=2e-3,
    ),
    "4.2/4": Exercise(
        right=lambda W, X, k: _project(W, X @ W.T, k),
        inputs=_layers,
        mistakes={
            "the best for the weights: X has no say in it": lambda W, X, k: _project(W, W.T, k),
            "the first directions of the inputs; the outputs decide": lambda W, X, k: _project(W.T, X, k).T,
        },
        praise="The same rank, chosen by what comes out instead of by what is stored.",
    ),
}
