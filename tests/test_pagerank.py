"""PageRank (notebook 3.2): by hand, by the slow loop, against networkx and a dense eigenvector, and by its laws."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vec2attn.datasets import numpy_links
from vec2attn.pagerank import pagerank

# ndenumerate → flatiter, ndindex; ndindex → flatiter, ndenumerate; flatiter is dangling
THREE = np.array([[0, 1], [0, 2], [2, 1], [2, 0]])


@st.composite
def graphs(draw, weighted=False):
    """Draw n, links (with loops and pairs that come twice), weights and a teleport vector."""
    n = draw(st.integers(1, 8))
    count = draw(st.integers(0, 20))
    links = draw(arrays(int, (count, 2), elements=st.integers(0, n - 1)))
    weights = draw(arrays(float, count, elements=st.sampled_from([0, 0.25, 1, 3]))) if weighted else None
    t = draw(arrays(float, n, elements=st.sampled_from([0, 1, 2.5])))
    t[draw(st.integers(0, n - 1))] = 1
    return n, links, weights, t


def google(links, n, damping, weights=None, t=None):
    """Build G as a full matrix, one link after the other."""
    t = np.full(n, 1 / n) if t is None else t / t.sum()
    P = np.zeros((n, n))
    for row, (i, j) in enumerate(links):
        P[i, j] += 1 if weights is None else weights[row]
    for i in range(n):
        P[i] = P[i] / P[i].sum() if P[i].any() else t
    return damping * P + (1 - damping) * np.outer(np.ones(n), t)


def theirs(links, n, damping, weights=None, t=None):
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(n))
    weights = np.ones(len(links)) if weights is None else weights
    graph.add_weighted_edges_from((int(i), int(j), w) for (i, j), w in zip(links, weights, strict=True))
    there = None if t is None else dict(enumerate(t))
    ranks = nx.pagerank(graph, alpha=damping, personalization=there, tol=1e-16, max_iter=5000)
    return np.array([ranks[i] for i in range(n)])


# ---- By hand ---------------------------------------------------------------------------------------------------------


def test_three_pages_by_hand():
    f = 0.475 / (1 + 0.425 - 0.85 / 3)  # f = 0.85 ((1 − f)/2 + f/3) + 0.05
    ranks, _ = pagerank(THREE, 3)
    np.testing.assert_allclose(ranks, [(1 - f) / 2, f, (1 - f) / 2], atol=1e-12)


def test_a_link_leads_from_the_first_column_to_the_second():
    ranks, _ = pagerank([[0, 1]], 2)
    assert ranks[1] > ranks[0]
    np.testing.assert_allclose(ranks, [1 / 2.85, 1.85 / 2.85], atol=1e-12)  # r1 = r0 + 0.85 r0


def test_a_pair_that_nobody_else_links_has_the_average_rank_whatever_the_damping():
    for damping in (0.1, 0.85, 0.99):
        ranks, _ = pagerank([[0, 1], [1, 0], [2, 3], [3, 2], [4, 3]], 6, damping=damping, max_steps=5000)
        np.testing.assert_allclose(ranks[:2].sum(), 2 * (1 - damping + damping * ranks[5]) / 6 / (1 - damping))


@pytest.mark.parametrize("links", [[], np.empty((0, 2), int), [[0, 0]]])
def test_a_single_node_has_all_the_rank(links):
    ranks, residuals = pagerank(links, 1)
    np.testing.assert_array_equal(ranks, [1])
    np.testing.assert_array_equal(residuals, [0])


def test_without_links_the_ranks_are_the_teleport_vector():
    np.testing.assert_allclose(pagerank([], 4)[0], np.full(4, 0.25))
    np.testing.assert_allclose(pagerank([], 3, teleport=[1, 0, 3])[0], [0.25, 0, 0.75])


def test_damping_0_is_teleport_only_and_1_is_links_only():
    np.testing.assert_allclose(pagerank(THREE, 3, damping=0)[0], np.full(3, 1 / 3))
    ranks, _ = pagerank([[0, 0], [0, 1], [1, 2]], 3, damping=1, teleport=[1, 0, 0])  # from 2, without links, back to 0
    np.testing.assert_allclose(ranks, [1 / 2, 1 / 4, 1 / 4], atol=1e-11)


# ---- Against peers ---------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(graphs(weighted=True), st.sampled_from([0.3, 0.85, 0.97]))
def test_ranks_equal_networkxs(graph, damping):
    n, links, weights, t = graph
    ranks, _ = pagerank(links, n, weights=weights, damping=damping, teleport=t, tolerance=1e-14, max_steps=5000)
    np.testing.assert_allclose(ranks, theirs(links, n, damping, weights, t), atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(graphs(weighted=True), st.sampled_from([0.3, 0.85, 0.97]))
def test_ranks_are_the_left_eigenvector_of_the_google_matrix(graph, damping):
    n, links, weights, t = graph
    ranks, _ = pagerank(links, n, weights=weights, damping=damping, teleport=t, tolerance=1e-14, max_steps=5000)
    np.testing.assert_allclose(ranks @ google(links, n, damping, weights, t), ranks, atol=1e-12)
    np.testing.assert_allclose(ranks.sum(), 1, rtol=1e-14)
    assert (ranks >= 0).all()


@pytest.mark.parametrize("damping", [0.5, 0.85, 0.99])
def test_on_numpys_links_ranks_equal_networkxs(damping):
    names, links = numpy_links()
    ranks, _ = pagerank(links, len(names), damping=damping, tolerance=1e-14, max_steps=5000)
    np.testing.assert_allclose(ranks, theirs(links, len(names), damping), rtol=0, atol=1e-10)


def test_on_a_larger_graph_ranks_equal_networkxs():
    rng = np.random.default_rng(6)
    links = np.stack([rng.integers(0, 3000, 20_000), (3000 * rng.random(20_000) ** 3).astype(int)], axis=1)
    weights = rng.random(20_000)
    ranks, _ = pagerank(links, 3000, weights=weights, tolerance=1e-14)
    np.testing.assert_allclose(ranks, theirs(links, 3000, 0.85, weights), rtol=0, atol=1e-10)


# ---- Laws ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from([0.2, 0.85, 0.95]))
def test_each_residual_is_at_most_the_one_before_times_the_damping(graph, damping):
    n, links, _, t = graph
    _, residuals = pagerank(links, n, damping=damping, teleport=t)
    assert (residuals[1:] <= damping * residuals[:-1] + 1e-15).all()
    assert residuals[-1] <= 1e-12


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from([0.2, 0.85, 0.95]))
def test_the_error_is_bounded_by_the_last_residual(graph, damping):
    n, links, _, t = graph
    rough, residuals = pagerank(links, n, damping=damping, teleport=t, tolerance=1e-3)
    exact, _ = pagerank(links, n, damping=damping, teleport=t, tolerance=1e-14)
    assert np.abs(rough - exact).sum() <= damping / (1 - damping) * residuals[-1] + 1e-13


@settings(max_examples=60, deadline=None)
@given(graphs(weighted=True), st.randoms(use_true_random=False))
def test_order_of_the_links_is_irrelevant_and_nodes_may_be_renamed(graph, random):
    n, links, weights, t = graph
    rows, name = random.sample(range(len(links)), len(links)), np.array(random.sample(range(n), n))
    ranks, _ = pagerank(links, n, weights=weights, teleport=t)
    shuffled, _ = pagerank(links[rows], n, weights=weights[rows], teleport=t)
    np.testing.assert_allclose(shuffled, ranks, atol=1e-12)
    there = np.empty(n)
    there[name] = t
    renamed, _ = pagerank(name[links], n, weights=weights, teleport=there)
    np.testing.assert_allclose(renamed[name], ranks, atol=1e-12)


def test_a_pair_that_comes_twice_counts_as_a_link_of_weight_2():
    twice, _ = pagerank([[0, 1], [0, 1], [0, 2], [1, 0]], 3)
    heavy, _ = pagerank([[0, 1], [0, 2], [1, 0]], 3, weights=[2, 1, 1])
    once, _ = pagerank([[0, 1], [0, 2], [1, 0]], 3)
    np.testing.assert_allclose(twice, heavy, rtol=1e-14)
    assert twice[1] > once[1] + 0.01


def test_only_the_proportions_of_weights_and_teleport_count():
    weights, t = np.array([1, 2, 3, 4.0]), np.array([3, 1, 2.0])
    here, _ = pagerank(THREE, 3, weights=weights, teleport=t)
    for factor in (1e-300, 1e300, 5e307):  # the last: 3, 1 and 2 of it sum to infinity
        there, _ = pagerank(THREE, 3, weights=min(factor, 1e307) * weights, teleport=factor * t)
        np.testing.assert_allclose(there, here, rtol=1e-12)


def test_a_link_of_weight_0_is_no_link_and_its_node_may_be_dangling():
    without, _ = pagerank([[0, 1], [2, 0]], 3)
    with_it, _ = pagerank([[0, 1], [1, 2], [2, 0]], 3, weights=[1, 0, 5])
    np.testing.assert_allclose(with_it, without, rtol=1e-14)


def test_links_may_be_of_any_whole_type_and_lists():
    wanted, _ = pagerank(THREE, 3)
    for links in (THREE.tolist(), THREE.astype(np.uint8), THREE.astype(np.int32), THREE.T.copy().T):
        np.testing.assert_array_equal(pagerank(links, np.int64(3))[0], wanted)


def test_residuals_fall_by_the_damping_factor_in_the_end_where_the_graph_has_an_isolated_swing():
    names, links = numpy_links()
    _, residuals = pagerank(links, len(names), damping=0.99, max_steps=5000)
    np.testing.assert_allclose(residuals[1000:2000] / residuals[999:1999], 0.99, rtol=1e-4)


def test_the_residuals_of_all_dampings_are_one_curve_times_powers_of_the_damping():
    names, links = numpy_links()
    curves = []
    for damping in (0.6, 0.85, 0.99):
        _, residuals = pagerank(links, len(names), damping=damping, max_steps=5000)
        curves.append((residuals / damping ** np.arange(1, len(residuals) + 1))[:40])
    np.testing.assert_allclose(curves[0], curves[2], rtol=1e-6)
    np.testing.assert_allclose(curves[1], curves[2], rtol=1e-9)


def test_one_step_more_would_change_less_than_the_tolerance():
    names, links = numpy_links()
    for tolerance in (1e-3, 1e-9):
        ranks, residuals = pagerank(links, len(names), tolerance=tolerance)
        assert residuals[-1] <= tolerance < residuals[-2]
        assert np.abs(ranks @ google(links, len(names), 0.85) - ranks).sum() <= tolerance
