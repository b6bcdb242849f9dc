"""The search for neighbours among 400,000 word vectors, against scikit-learn's search through all rows."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from benchmarks import Row, compare
from vec2attn.datasets import glove
from vec2attn.vectors import nearest

K = 10


def measure() -> list[Row]:
    """Return one row for a batch and one for a single query; both must find the same words."""
    _, table = glove()
    queries = table[np.random.default_rng(1).choice(20_000, 64, replace=False)]
    peer = NearestNeighbors(algorithm="brute", metric="cosine").fit(table)
    rows, scores = nearest(queries, table, K)
    far, their_rows = peer.kneighbors(queries, K)
    np.testing.assert_array_equal(rows, their_rows)
    np.testing.assert_allclose(1 - scores, far, atol=1e-6)  # theirs are sums in float32
    return [
        compare(
            f"nearest, {len(q)} in {len(table):,}",
            "sklearn",
            lambda q=q: nearest(q, table, K),
            lambda q=q: peer.kneighbors(q, K),
            1.2,
            rounds=7,
        )
        for q in (queries, queries[:1])
    ]
