"""pagerank.py against networkx and scipy on a random graph of 100,000 nodes whose popular nodes get most of the links.

networkx gets a graph that is already built; what is timed is its `pagerank`, which turns the graph's dictionaries into
a sparse matrix and then takes the same steps. So a second row takes that away: scipy gets the same list of links as we
do, makes its matrix, and multiplies by it.
"""

import networkx as nx
import numpy as np
import scipy.sparse

from benchmarks import Row, compare
from vec2attn.pagerank import pagerank

NODES, LINKS, DAMPING, TOLERANCE = 100_000, 1_000_000, 0.85, 1e-8


def graph() -> np.ndarray:
    """Return different links; the chance to be a target has a heavy tail, and some nodes have no links."""
    rng = np.random.default_rng(1)
    popularity = rng.pareto(1.5, NODES) + 1
    source = rng.integers(0, NODES - 3000, LINKS)
    links = np.stack([source, rng.choice(NODES, LINKS, p=popularity / popularity.sum())], axis=1)
    return np.unique(links, axis=0)


def by_sparse_matrix(links: np.ndarray) -> np.ndarray:
    """Do as networkx does, from the list of links on."""
    out = np.bincount(links[:, 0], minlength=NODES)
    P = scipy.sparse.csr_array((1 / out[links[:, 0]], (links[:, 0], links[:, 1])), shape=(NODES, NODES))
    r = np.full(NODES, 1 / NODES)
    while True:
        after = DAMPING * (r @ P + r[out == 0].sum() / NODES) + (1 - DAMPING) / NODES
        change, r = np.abs(after - r).sum(), after
        if change <= TOLERANCE:
            return r


def measure() -> list[Row]:
    """Return one row a peer; all three must find the same ranks."""
    links = graph()
    built = nx.DiGraph()
    built.add_nodes_from(range(NODES))
    built.add_edges_from(links.tolist())

    def ours() -> np.ndarray:
        return pagerank(links, NODES, damping=DAMPING, tolerance=TOLERANCE)[0]

    def networkx() -> dict[int, float]:
        return nx.pagerank(built, alpha=DAMPING, tol=TOLERANCE / NODES)  # it multiplies by the number of nodes

    ranks = ours()
    found = networkx()
    np.testing.assert_allclose([found[i] for i in range(NODES)], ranks, rtol=0, atol=1e-10)
    np.testing.assert_allclose(by_sparse_matrix(links), ranks, rtol=0, atol=1e-10)
    what = f"pagerank, {len(links):,} links"
    return [
        compare(what, "networkx", ours, networkx, 1.0, rounds=3),
        compare(what, "scipy", ours, lambda: by_sparse_matrix(links), 2.5, rounds=5),
    ]
