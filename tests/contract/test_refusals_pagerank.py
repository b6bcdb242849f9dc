"""Bad input to PageRank gets a clear error; without jaxtyping's hook, which would answer first."""

import math

import numpy as np
import pytest

from vec2attn.pagerank import pagerank

NAN, INF = math.nan, math.inf
PAIR = [[0, 1], [1, 0]]
REFUSALS = {
    "no nodes": (lambda: pagerank([], 0), ValueError, "n must be at least 1; got 0"),
    "negative n": (lambda: pagerank([], -3), ValueError, "n must be at least 1; got -3"),
    "half a node": (lambda: pagerank([], 1.5), TypeError, "float"),
    "a node beyond the last": (
        lambda: pagerank([[0, 1], [1, 2]], 2),
        ValueError,
        "link 1 goes from 1 to 2; the 2 nodes are 0 … 1",
    ),
    "a negative node": (lambda: pagerank([[-1, 0]], 2), ValueError, "link 0 goes from -1 to 0; the 2 nodes are 0 … 1"),
    "a huge node": (lambda: pagerank(np.array([[0, 2**64 - 1]], np.uint64), 2), ValueError, "the 2 nodes are 0 … 1"),
    "nodes that are no whole numbers": (lambda: pagerank([[0.0, 1.0]], 2), TypeError, "whole numbers; got float64"),
    "truth values": (lambda: pagerank(np.array([[True, False]]), 2), TypeError, "whole numbers; got bool"),
    "names": (lambda: pagerank([["a", "b"]], 2), TypeError, "pairs of whole numbers; got <U1"),
    "ragged": (lambda: pagerank([[0, 1], [1]], 2), TypeError, "links .* rows have different lengths"),
    "a matrix instead of links": (lambda: pagerank(np.ones((3, 3), int), 3), ValueError, r"\(links, 2\).*got \(3, 3\)"),
    "links as two rows": (lambda: pagerank([[0, 1, 1], [1, 0, 1]], 2), ValueError, r"\(links, 2\).* got \(2, 3\)"),
    "one link without its list": (lambda: pagerank([0, 1], 2), ValueError, r"got \(2,\)"),
    "damping above 1": (lambda: pagerank(PAIR, 2, damping=1.01), ValueError, r"in \[0, 1\]; got 1.01"),
    "damping below 0": (lambda: pagerank(PAIR, 2, damping=-0.1), ValueError, r"in \[0, 1\]; got -0.1"),
    "damping NaN": (lambda: pagerank(PAIR, 2, damping=NAN), ValueError, r"in \[0, 1\]; got nan"),
    "tolerance 0": (lambda: pagerank(PAIR, 2, tolerance=0), ValueError, "finite number above 0; got 0"),
    "tolerance NaN": (lambda: pagerank(PAIR, 2, tolerance=NAN), ValueError, "above 0; got nan"),
    "tolerance infinite": (lambda: pagerank(PAIR, 2, tolerance=INF), ValueError, "above 0; got inf"),
    "no steps": (lambda: pagerank(PAIR, 2, max_steps=0), ValueError, "max_steps must be at least 1; got 0"),
    "weights too few": (lambda: pagerank(PAIR, 2, weights=[1]), ValueError, r"each of the 2 links; got shape \(1,\)"),
    "weights for no links": (lambda: pagerank([], 2, weights=[1]), ValueError, "each of the 0 links"),
    "no weights for links": (lambda: pagerank(PAIR, 2, weights=[]), ValueError, "weights is empty"),
    "weights negative": (lambda: pagerank(PAIR, 2, weights=[1, -2]), ValueError, "weight 1 is -2"),
    "weights NaN": (lambda: pagerank(PAIR, 2, weights=[NAN, 1]), ValueError, "weights holds a NaN"),
    "weights infinite": (lambda: pagerank(PAIR, 2, weights=[1, INF]), ValueError, "weights holds an infinity"),
    "weights that overflow": (
        lambda: pagerank([[0, 1], [0, 0]], 2, weights=[1e308, 1e308]),
        ValueError,
        "sum to infinity: divide all weights",
    ),
    "teleport of another length": (
        lambda: pagerank(PAIR, 2, teleport=[1, 0, 0]),
        ValueError,
        r"each of the 2 nodes; got shape \(3,\)",
    ),
    "teleport nowhere": (lambda: pagerank(PAIR, 2, teleport=[0, 0]), ValueError, "not 0 everywhere; got 0.0 … 0.0"),
    "teleport negative": (lambda: pagerank(PAIR, 2, teleport=[2, -1]), ValueError, "not be negative, .* got -1"),
    "teleport NaN": (lambda: pagerank(PAIR, 2, teleport=[NAN, 1]), ValueError, "teleport holds a NaN"),
    "too few steps": (
        lambda: pagerank([[0, 1]], 2, max_steps=3),
        np.linalg.LinAlgError,
        "no convergence in 3 steps: the residual is .*e-0., the tolerance 1.0e-12; allow more steps",
    ),
    "a swing that never ends": (
        lambda: pagerank(PAIR, 2, damping=1, teleport=[1, 0]),
        np.linalg.LinAlgError,
        r"the residual is 2.0e\+00, .* with damping 1 the ranks may swing for ever",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_input_is_refused_with_a_reason(case):
    call, kind, words = REFUSALS[case]
    with pytest.raises(kind, match=words):
        call()
