"""Decompositions of tensors: exact at the true rank, errors as promised, and the same as TensorLy's."""

import math

import numpy as np
import pytest
import tensorly
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorly import decomposition

from vec2attn.decompositions import CP, TensorTrain, Tucker, cp_als, tensor_train, tucker
from vec2attn.tensors import einsum, unfold


def random(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def sum_of_products(shape, rank, seed=0):
    """Return a tensor that is a sum of `rank` outer products, and their factors."""
    factors = [random((n, rank), seed + i) for i, n in enumerate(shape)]
    letters = "ijkl"[: len(shape)]
    return einsum(f"{','.join(x + 'r' for x in letters)}->{letters}", *factors), factors


def train(shape, ranks, seed=0):
    """Return a tensor with these tensor-train ranks."""
    bonds = [1, *ranks, 1]
    cores = [random((bonds[i], n, bonds[i + 1]), seed + i) for i, n in enumerate(shape)]
    return TensorTrain(tuple(cores), 0.0).full()


def relative(T, near):
    return np.linalg.norm(T - near) / np.linalg.norm(T)


def tail(T, axes, rank):
    """Return what the best matrix of this rank loses of T, its first axes against the others."""
    s = np.linalg.svd(T.reshape(math.prod(T.shape[:axes]), -1), compute_uv=False)
    return np.sqrt((s[rank:] ** 2).sum())


# ---- Rebuilding and counting -----------------------------------------------------------------------------------------


def test_each_rebuilds_the_tensor_by_its_formula_and_counts_its_numbers():
    A, B, C = random((2, 5)), random((3, 5)), random((4, 5))
    weights = np.array([5.0, 4, 3, 2, 1])
    cp = CP(weights, (A, B, C), np.zeros(1), True)
    np.testing.assert_allclose(cp.full(), np.einsum("r,ir,jr,kr->ijk", weights, A, B, C), atol=1e-12)
    assert cp.parameters == 5 + 5 * (2 + 3 + 4)
    U, V, W, G = random((4, 2)), random((5, 3)), random((6, 2)), random((2, 3, 2))
    small = Tucker(G, (U, V, W), np.zeros(1))
    np.testing.assert_allclose(small.full(), np.einsum("abc,ia,jb,kc->ijk", G, U, V, W), atol=1e-12)
    assert small.parameters == 2 * 3 * 2 + 4 * 2 + 5 * 3 + 6 * 2
    cores = random((1, 4, 2)), random((2, 5, 3)), random((3, 6, 1))
    row = TensorTrain(cores, 0.0)
    np.testing.assert_allclose(row.full(), np.einsum("xia,ajb,bky->ijk", *cores), atol=1e-12)
    assert (row.parameters, row.ranks) == (4 * 2 + 2 * 5 * 3 + 3 * 6, (2, 3))


def test_an_entry_of_a_train_is_a_product_of_small_matrices():
    row = tensor_train(random((3, 4, 2, 5)), tolerance=0)
    product = np.eye(1)
    for core, i in zip(row.cores, (2, 1, 0, 4), strict=True):
        product = product @ core[:, i, :]
    np.testing.assert_allclose(product[0, 0], random((3, 4, 2, 5))[2, 1, 0, 4])


# ---- CP --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "rank"), [((5, 6, 7), 3), ((4, 3, 5), 2), ((3, 4, 5, 6), 3), ((6, 5), 2)])
def test_cp_is_exact_at_the_true_rank(shape, rank):
    T, _ = sum_of_products(shape, rank, seed=3)
    found = cp_als(T, rank, rng=np.random.default_rng(0), max_sweeps=2000, tolerance=1e-12)
    assert found.converged
    assert relative(T, found.full()) < 1e-8


def test_cp_finds_the_very_factors_but_for_order_and_signs():
    T, factors = sum_of_products((6, 5, 7), 3, seed=5)
    found = cp_als(T, 3, rng=np.random.default_rng(1), max_sweeps=2000, tolerance=1e-13)
    lengths = np.prod([np.linalg.norm(F, axis=0) for F in factors], axis=0)
    np.testing.assert_allclose(found.weights, np.sort(lengths)[::-1], rtol=1e-6)
    for F, mine in zip(factors, found.factors, strict=True):
        wanted = (F / np.linalg.norm(F, axis=0))[:, np.argsort(-lengths)]
        np.testing.assert_allclose(np.abs((wanted * mine).sum(axis=0)), 1, rtol=1e-9)


def test_cp_weights_fall_columns_have_length_1_and_the_last_error_is_that_of_the_result():
    T = random((4, 5, 6), 2)
    found = cp_als(T, 4, rng=np.random.default_rng(0), max_sweeps=40)
    assert (np.diff(found.weights) <= 0).all()
    assert found.weights[-1] >= 0
    for F in found.factors:
        np.testing.assert_allclose(np.linalg.norm(F, axis=0), 1)
    assert found.errors[-1] == pytest.approx(relative(T, found.full()), rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(2, 5), min_size=2, max_size=4), st.integers(1, 4), st.integers(0, 999))
def test_no_sweep_of_cp_makes_the_error_larger(shape, rank, seed):
    found = cp_als(random(shape, seed), rank, rng=np.random.default_rng(seed), max_sweeps=15)
    assert (np.diff(found.errors) <= 1e-9).all()
    assert found.errors[0] <= 1 + 1e-12


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(3, 6), min_size=3, max_size=4), st.integers(1, 3), st.integers(1, 6), st.integers(0, 99))
def test_cp_makes_the_same_sweeps_as_tensorly(shape, rank, sweeps, seed):
    T = random(shape, seed)
    start = np.random.default_rng(seed)
    factors = [start.standard_normal((n, rank)) for n in shape]
    theirs = decomposition.parafac(T, rank, init=(np.ones(rank), factors), n_iter_max=sweeps, tol=0)
    mine = cp_als(T, rank, rng=np.random.default_rng(seed), max_sweeps=sweeps, tolerance=0)
    np.testing.assert_allclose(mine.full(), tensorly.cp_to_tensor(theirs), rtol=1e-5, atol=1e-6)


def test_cp_of_a_matrix_is_as_good_as_its_truncated_svd():
    T = random((6, 8))
    found = cp_als(T, 2, rng=np.random.default_rng(0), max_sweeps=5000, tolerance=1e-14)
    assert found.errors[-1] == pytest.approx(tail(T, 1, 2) / np.linalg.norm(T), rel=1e-6)


def test_cp_stops_for_the_reason_it_says():
    T, _ = sum_of_products((4, 5, 6), 2)
    assert not cp_als(T, 2, rng=np.random.default_rng(0), max_sweeps=2).converged
    loose = cp_als(random((4, 5, 6)), 2, rng=np.random.default_rng(0), tolerance=1e-2)
    assert loose.converged
    steps = -np.diff(loose.errors)
    assert steps[-1] <= 1e-2 < steps[:-1].min(initial=1.0)


def test_the_product_of_2_by_2_matrices_has_rank_7():
    S = np.zeros((4, 4, 4))
    for i, j, k in np.ndindex(2, 2, 2):
        S[2 * i + j, 2 * j + k, 2 * i + k] = 1
    errors = {r: min(cp_als(S, r, rng=np.random.default_rng(n)).errors[-1] for n in range(8)) for r in (6, 7)}
    assert errors[7] < 1e-6
    assert errors[6] > 0.1


def test_a_rank_above_what_is_there_does_no_harm():
    T, _ = sum_of_products((4, 5, 6), 1)
    found = cp_als(T, 3, rng=np.random.default_rng(0))
    assert found.errors[-1] < 1e-8
    assert np.isfinite(found.full()).all()


# ---- Tucker ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["hosvd", "hooi"])
@pytest.mark.parametrize(("shape", "ranks"), [((5, 6, 7), (2, 3, 4)), ((3, 4, 5, 6), (2, 2, 3, 2)), ((5, 7), (2, 2))])
def test_tucker_is_exact_at_the_true_ranks(method, shape, ranks):
    factors = tuple(random((n, r), i) for i, (n, r) in enumerate(zip(shape, ranks, strict=True)))
    T = Tucker(random(ranks, 9), factors, np.zeros(1)).full()
    found = tucker(T, ranks, method=method)
    assert found.core.shape == ranks
    assert relative(T, found.full()) < 1e-12
    assert found.errors[-1] < 1e-12


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(2, 5), min_size=2, max_size=4), st.data(), st.integers(0, 999))
def test_hosvd_keeps_its_error_bound_and_hooi_is_no_worse(shape, data, seed):
    T = random(shape, seed)
    ranks = [data.draw(st.integers(1, n)) for n in shape]
    ranks = [min(r, math.prod(ranks) // r) for r in ranks]
    if any(r * r > math.prod(ranks) for r in ranks):
        ranks = [1] * len(ranks)
    first, better = tucker(T, ranks, method="hosvd"), tucker(T, ranks)
    tails = [tail(np.moveaxis(T, n, 0), 1, r) for n, r in enumerate(ranks)]
    length = np.linalg.norm(T)
    assert max(tails) <= first.errors[0] * length + 1e-9  # no approximation with this rank can be nearer
    assert first.errors[0] * length <= math.sqrt(sum(t * t for t in tails)) + 1e-9
    assert better.errors[0] == pytest.approx(first.errors[0])
    assert (np.diff(better.errors) <= 1e-9).all()
    for found in (first, better):
        assert found.errors[-1] == pytest.approx(relative(T, found.full()), abs=1e-9)
        for U in found.factors:
            np.testing.assert_allclose(U.T @ U, np.eye(U.shape[1]), atol=1e-9)


def test_the_slices_of_the_core_of_hosvd_are_orthogonal_and_their_lengths_are_the_singular_values():
    T = random((4, 5, 6))
    core = tucker(T, T.shape, method="hosvd").core
    for n in range(3):
        gram = unfold(core, n) @ unfold(core, n).T
        s = np.linalg.svd(unfold(T, n), compute_uv=False)
        np.testing.assert_allclose(gram, np.diag(s**2), atol=1e-9)


def test_hooi_finds_what_tensorly_finds():
    T, _ = sum_of_products((6, 7, 8), 4, seed=1)
    T += 0.1 * random(T.shape, 7)
    core, factors = decomposition.tucker(T, [2, 3, 2], init="svd", n_iter_max=200, tol=1e-12)
    mine = tucker(T, [2, 3, 2], max_sweeps=200, tolerance=1e-12)
    np.testing.assert_allclose(mine.full(), tensorly.tucker_to_tensor((core, factors)), atol=1e-4)
    assert mine.errors[-1] < mine.errors[0] - 1e-4
    assert len(tucker(T, [2, 3, 2], method="hosvd").errors) == 1


# ---- Tensor train ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "ranks"), [((5, 6, 7), (3, 4)), ((3, 4, 5, 6), (2, 5, 3)), ((2,) * 8, (2,) * 7), ((5, 7), (2,))]
)
def test_a_train_is_exact_at_the_true_ranks_and_finds_them(shape, ranks):
    T = train(shape, ranks)
    for found in (tensor_train(T, ranks=ranks), tensor_train(T, tolerance=0), tensor_train(T, tolerance=1e-9)):
        assert found.ranks == ranks
        assert relative(T, found.full()) < 1e-12
        assert found.error < 1e-12


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.floats(0, 0.99), st.integers(0, 999))
def test_the_tolerance_is_met_the_error_known_and_left_cores_orthonormal(shape, tolerance, seed):
    T = random(shape, seed)
    found = tensor_train(T, tolerance=tolerance)
    assert found.error <= tolerance + 1e-12
    assert relative(T, found.full()) == pytest.approx(found.error, abs=1e-10)
    assert [core.shape[1] for core in found.cores] == shape
    for core in found.cores[:-1]:
        M = core.reshape(-1, core.shape[2])
        np.testing.assert_allclose(M.T @ M, np.eye(M.shape[1]), atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 5), min_size=3, max_size=4), st.integers(1, 6), st.integers(0, 999))
def test_the_error_of_a_train_lies_between_the_largest_tail_and_the_root_of_their_squares(shape, rank, seed):
    T = random(shape, seed)
    found = tensor_train(T, ranks=[rank] * (len(shape) - 1))
    tails = [tail(T, n + 1, r) for n, r in enumerate(found.ranks)]
    error = found.error * np.linalg.norm(T)
    assert max(tails) <= error + 1e-9
    assert error <= math.sqrt(sum(t * t for t in tails)) + 1e-9
    assert all(r <= rank for r in found.ranks)


def test_a_tighter_tolerance_never_has_smaller_ranks_and_ranks_are_not_larger_than_needed():
    T = random((4, 5, 6))
    trains = [tensor_train(T, tolerance=t) for t in (0.8, 0.5, 0.2, 0.0)]
    sizes = [row.parameters for row in trains]
    assert sizes == sorted(sizes)
    allowed = 0.5 / math.sqrt(2) * np.linalg.norm(T)
    first = trains[1].ranks[0]
    assert tail(T, 1, first) <= allowed < tail(T, 1, first - 1)


def test_a_train_is_tensorlys():
    T = random((4, 5, 3, 6), 4)
    theirs = decomposition.tensor_train(T, rank=[1, 3, 4, 2, 1])
    mine = tensor_train(T, ranks=[3, 4, 2])
    np.testing.assert_allclose(mine.full(), tensorly.tt_to_tensor(theirs), atol=1e-9)


def test_a_train_of_a_matrix_is_its_truncated_svd():
    T = random((6, 8))
    U, s, Vt = np.linalg.svd(T)
    np.testing.assert_allclose(tensor_train(T, ranks=[3]).full(), U[:, :3] * s[:3] @ Vt[:3], atol=1e-10)


def test_a_wave_of_a_million_numbers_has_bonds_of_2():
    x = np.sin(0.01 * np.arange(2**16) + 0.3)
    row = tensor_train(x.reshape((2,) * 16), tolerance=1e-9)
    assert row.ranks == (2,) * 15
    assert row.parameters == 2 * 4 + 14 * 8
    np.testing.assert_allclose(row.full().ravel(), x, atol=1e-10)


# ---- All three -------------------------------------------------------------------------------------------------------

EACH = {
    "cp": lambda T: cp_als(T, 2, rng=np.random.default_rng(0), max_sweeps=20),
    "hosvd": lambda T: tucker(T, (2, 2, 2), method="hosvd"),
    "hooi": lambda T: tucker(T, (2, 2, 2)),
    "train": lambda T: tensor_train(T, ranks=(2, 2)),
}


@pytest.mark.parametrize("name", EACH)
def test_float32_stays_float32_and_whole_numbers_become_float64(name):
    T = random((3, 4, 5))
    assert EACH[name](T.astype(np.float32)).full().dtype == np.float32
    assert EACH[name]((10 * T).astype(int)).full().dtype == np.float64
    kept = T.copy()
    EACH[name](T)
    np.testing.assert_array_equal(T, kept)


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_very_large_and_very_small_entries_change_only_the_scale(name, factor):
    T = random((3, 4, 5), 1)
    near, far = EACH[name](T).full(), EACH[name](factor * T).full()
    np.testing.assert_allclose(far / factor, near, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["hosvd", "hooi", "train"])
def test_a_tensor_of_zeros_is_rebuilt_as_zeros(name):
    found = EACH[name](np.zeros((3, 4, 5)))
    np.testing.assert_array_equal(found.full(), np.zeros((3, 4, 5)))
    assert tensor_train(np.zeros((3, 4)), tolerance=0.1).ranks == (1,)
