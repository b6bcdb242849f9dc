"""cost.py: the blocked product against the loop that it replaces, and against BLAS, which it calls tile by tile."""

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import Row, compare
from vec2attn.cost import blocked_matmul


def measure() -> list[Row]:
    """Return one row a peer."""
    rng = np.random.default_rng(2)
    A, B = rng.normal(size=(2, 96, 96))
    rows, columns = A.tolist(), B.T.tolist()
    large, other = rng.normal(size=(2, 1024, 1024)).astype(np.float32)

    def triple_loop() -> list[list[float]]:
        return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in rows]

    with threadpool_limits(1):  # one core for both: with more, threads that wait for each other decide the ratio
        return [
            compare("blocked_matmul, 96 × 96", "loop", lambda: blocked_matmul(A, B, 32), triple_loop, 0.02),
            compare(
                "blocked_matmul, 1024 × 1024",
                "BLAS",
                lambda: blocked_matmul(large, other, 256),
                lambda: large @ other,
                3.0,
            ),
        ]
