"""Randomised SVD of a large matrix: against scikit-learn's at equal error, and against the full decomposition."""

import timeit

import numpy as np
from sklearn.utils.extmath import randomized_svd as sklearn_svd

from benchmarks import Row, compare
from vec2attn.svd import randomized_svd

N, K, PASSES = 4096, 64, 4


def falling_spectrum(n: int) -> np.ndarray:
    """Return a matrix with the singular values 1, 1/2, … 1/n between two random rotations; n is a power of 2."""
    rng = np.random.default_rng(3)
    A = np.diag((1 / np.arange(1, n + 1)).astype(np.float32))
    return _rotated(_rotated(A, rng).T, rng)


def _rotated(A: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return QA with Q = Hadamard matrix × random signs / √n: orthogonal, and n² log n operations."""
    n = len(A)
    A = rng.choice(np.array([-1, 1], np.float32), n)[:, None] * A / np.float32(np.sqrt(n))
    width = 1
    while width < n:
        pairs = A.reshape(n // (2 * width), 2, width, n)
        A = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1)
        width *= 2
    return A.reshape(n, n)


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
