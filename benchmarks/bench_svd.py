"""Randomised SVD of a large matrix: against scikit-learn's at equal error, and against the full decomposition."""

import timeit

import numpy as np
from sklearn.utils.extmath import randomized_svd as sklearn_svd

from benchmarks import Row, compare
from vec2attn.svd import randomized_svd

N, K, PASSES = 4096, 64, 4


def falling_spectrum(n: int) -> np.ndarray:
    """Return a matrix with the singular values 1, 1/2, … 1/n: two products of mirrors stand for random rotations."""
    rng = np.random.default_rng(3)
    A = np.diag((1 / np.arange(1, n + 1)).astype(np.float32))
    for _ in range(8):  # I − 2uuᵀ on either side mixes all entries and changes no singular value
        for side in (A, A.T):
            u = rng.standard_normal(n).astype(np.float32)
            u /= np.linalg.norm(u)
            side -= np.outer(2 * u, u @ side)
    return A


def measure() -> list[Row]:
    """Return one row a peer, after both randomised methods were found to be equally near to the best error."""
    A = falling_spectrum(N)

    def ours() -> tuple[np.ndarray, ...]:
        return randomized_svd(A, K, rng=np.random.default_rng(1), passes=PASSES)

    def theirs() -> tuple[np.ndarray, ...]:
        return sklearn_svd(A, K, n_iter=PASSES, power_iteration_normalizer="QR", flip_sign=False, random_state=1)

    best = np.linalg.norm(1 / np.arange(K + 1, N + 1))
    errors = [np.linalg.norm(A - (U * s) @ Vt) / best - 1 for U, s, Vt in (ours(), theirs())]
    print(f"randomized_svd: error above the best, ours {errors[0]:.1e}, scikit-learn {errors[1]:.1e}")
    assert abs(errors[0] - errors[1]) < 0.01
    rows = [compare(f"randomized_svd, {N}², rank {K}", "sklearn", ours, theirs, 1.2, rounds=5)]
    full = timeit.timeit(lambda: np.linalg.svd(A, full_matrices=False), number=1)
    return [*rows, Row(f"randomized_svd, {N}², rank {K}", "full SVD", rows[0].ours, full, 0.1)]
