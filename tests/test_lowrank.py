"""Low rank at work: thin layers, LoRA with its gradients, and structured matrices, against dense matrices and torch."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vec2attn.lowrank import (
    LoRA,
    LowRankLinear,
    block_diagonal_linear,
    break_even_rank,
    circulant_linear,
    kronecker_linear,
)

SEEDS = st.integers(0, 10**6)


def trained_lora(rng, m, n, r, bias=True, **options):
    """Return a LoRA layer in the middle of training: B is no longer zero."""
    layer = LoRA(
        rng.standard_normal((m, n)), r, rng=rng, b=rng.standard_normal(m) if bias else None, **{"alpha": 3, **options}
    )
    layer.B[:] = rng.standard_normal((m, r))
    return layer


# ---- Two thin layers -------------------------------------------------------------------------------------------------


def test_two_thin_layers_worked_by_hand():
    layer = LowRankLinear([[1], [3]], [[1, 1, 0]], [10, 0])
    np.testing.assert_array_equal(layer([[1, 0, 2], [0, 1, -1]]), [[11, 3], [11, 3]])
    np.testing.assert_array_equal(layer([2, 3, 4]), [15, 15])
    assert (layer.parameters, layer.flops) == (5, 10)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 8), st.integers(1, 9), st.integers(1, 5))
def test_thin_layers_equal_the_dense_one_with_any_axes_before(seed, m, n, k):
    rng = np.random.default_rng(seed)
    layer = LowRankLinear(rng.standard_normal((m, k)), rng.standard_normal((k, n)), rng.standard_normal(m))
    for X in (rng.standard_normal((2, 3, n)), rng.standard_normal(n)):
        np.testing.assert_allclose(layer(X), X @ layer.dense().T + layer.b, atol=1e-12)


def test_truncated_is_the_nearest_of_that_rank():
    rng = np.random.default_rng(1)
    W = rng.standard_normal((7, 5))
    s = np.linalg.svd(W, compute_uv=False)
    for k in range(1, 6):
        layer = LowRankLinear.truncated(W, k, rng.standard_normal(7))
        assert np.linalg.norm(W - layer.dense(), 2) == pytest.approx([*s, 0][k], abs=1e-12)
        assert layer.parameters == k * (7 + 5)
        assert layer.b.shape == (7,)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 9), st.integers(1, 8), st.data())
def test_svd_of_a_thin_product_equals_that_of_the_dense_one(seed, m, n, data):
    k = data.draw(st.integers(1, min(m, n)))
    rng = np.random.default_rng(seed)
    layer = LowRankLinear(rng.standard_normal((m, k)), rng.standard_normal((k, n)))
    U, s, Vt = layer.svd()
    assert (U.shape, s.shape, Vt.shape) == ((m, k), (k,), (k, n))
    np.testing.assert_allclose(s, np.linalg.svd(layer.dense(), compute_uv=False)[:k], atol=1e-11)
    np.testing.assert_allclose((U * s) @ Vt, layer.dense(), atol=1e-11)
    np.testing.assert_allclose(U.T @ U, np.eye(k), atol=1e-12)
    np.testing.assert_allclose(Vt @ Vt.T, np.eye(k), atol=1e-12)


def test_svd_of_a_zero_change_is_zero():
    layer = LoRA(np.ones((4, 3)), 2, rng=np.random.default_rng(0))
    U, s, _ = layer.update().svd()
    np.testing.assert_array_equal(s, 0)
    np.testing.assert_allclose(U.T @ U, np.eye(2), atol=1e-14)


def test_at_the_break_even_rank_nothing_is_saved():
    assert break_even_rank(4096, 4096) == 2048
    assert break_even_rank(6, 3) == 2
    assert LowRankLinear(np.ones((6, 2)), np.ones((2, 3))).parameters == 6 * 3


# ---- LoRA ------------------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_usual_example():
    layer = LoRA(np.zeros((4096, 4096), np.float32), 8, rng=np.random.default_rng(0))
    assert layer.parameters == 65_536
    assert layer.parameters / layer.W.size == pytest.approx(0.0039, abs=1e-5)


def test_nothing_changes_at_the_start(rng):
    W, b, X = rng.standard_normal((4, 6)), rng.standard_normal(4), rng.standard_normal((5, 6))
    layer = LoRA(W, 2, rng=rng, alpha=16, b=b)
    np.testing.assert_array_equal(layer(X), X @ W.T + b)
    np.testing.assert_array_equal(layer.merge(), W)
    _, of_B, of_A = layer.gradients(X, rng.standard_normal((5, 4)))
    assert of_B.all()
    assert not of_A.any()


def test_a_starts_gaussian_with_variance_one_over_the_inputs():
    layer = LoRA(np.zeros((300, 400)), 250, rng=np.random.default_rng(2))
    assert layer.A.var() * 400 == pytest.approx(1, abs=0.02)  # s.e. 0.0045
    assert abs(layer.A.mean()) < 4 / math.sqrt(400 * layer.A.size)
    again = LoRA(np.zeros((300, 400)), 250, rng=np.random.default_rng(2))
    np.testing.assert_array_equal(layer.A, again.A)


def test_alpha_over_r_scales_the_change_and_is_one_by_default(rng):
    W = rng.standard_normal((5, 4))
    assert LoRA(W, 2, rng=rng).scale == 1
    layer = trained_lora(rng, 5, 4, 2, alpha=6)
    np.testing.assert_allclose(layer.merge() - layer.W, 3 * layer.B @ layer.A, atol=1e-14)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 8), st.integers(1, 9), st.data())
def test_merged_gives_the_same_outputs_and_unmerged_the_same_weight(seed, m, n, data):
    r = data.draw(st.integers(1, min(m, n)))
    rng = np.random.default_rng(seed)
    layer = trained_lora(rng, m, n, r)
    X = rng.standard_normal((2, 3, n))
    np.testing.assert_allclose(X @ layer.merge().T + layer.b, layer(X), rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.unmerge(layer.merge()), layer.W, rtol=0, atol=1e-13)
    np.testing.assert_allclose(layer.update().dense(), layer.merge() - layer.W, atol=1e-13)


def test_the_frozen_weight_stays_and_an_update_is_a_copy(rng):
    layer = trained_lora(rng, 4, 3, 2)
    W, update = layer.W.copy(), layer.update()
    dense = update.dense()
    layer.merge()
    for p in layer.trained:
        p += 1
    np.testing.assert_array_equal(layer.W, W)
    np.testing.assert_array_equal(update.dense(), dense)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 7), st.integers(1, 8), st.booleans(), st.data())
def test_outputs_and_gradients_equal_those_of_torch(seed, m, n, bias, data):
    r = data.draw(st.integers(1, min(m, n)))
    rng = np.random.default_rng(seed)
    layer = trained_lora(rng, m, n, r, bias)
    X, G = rng.standard_normal((2, 5, n)), rng.standard_normal((2, 5, m))

    x, B, A = (torch.tensor(value, requires_grad=True) for value in (X, layer.B, layer.A))
    W, b = torch.tensor(layer.W), torch.tensor(np.broadcast_to(layer.b, m).copy())
    y = torch.nn.functional.linear(x, W + 3 / r * B @ A, b)
    y.backward(torch.tensor(G))

    np.testing.assert_allclose(layer(X), y.detach(), atol=1e-12)
    for mine, peer in zip(layer.gradients(X, G), (x.grad, B.grad, A.grad), strict=True):
        np.testing.assert_allclose(mine, peer, atol=1e-11)


def test_gradients_equal_slopes_measured_by_nudging(rng):
    layer = trained_lora(rng, 3, 4, 2)
    X, target = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))

    def loss():
        return ((layer(X) - target) ** 2).sum() / 2

    for p, gradient in zip(layer.trained, layer.gradients(X, layer(X) - target)[1:], strict=True):
        for at in np.ndindex(p.shape):
            slope = 0.0
            for h in (1e-5, -1e-5):
                p[at] += h
                slope += loss() / (2 * h)
                p[at] -= h
            assert gradient[at] == pytest.approx(slope, abs=1e-6)


def test_trained_by_its_gradients_it_learns_a_change_of_its_rank(rng):
    layer = LoRA(rng.standard_normal((5, 6)), 2, rng=rng)
    X = rng.standard_normal((40, 6))
    wanted = X @ (layer.W + rng.standard_normal((5, 2)) @ rng.standard_normal((2, 6))).T
    before = np.abs(layer(X) - wanted).max()
    for _ in range(3000):
        _, *gradients = layer.gradients(X, (layer(X) - wanted) / len(X))
        for p, g in zip(layer.trained, gradients, strict=True):
            p -= 0.1 * g
    assert np.abs(layer(X) - wanted).max() < 1e-6 * before


def test_float32_stays_float32(rng):
    W, X = rng.standard_normal((4, 3)).astype(np.float32), rng.standard_normal((2, 3)).astype(np.float32)
    layer = LoRA(W, 2, rng=rng, alpha=1)
    arrays = [layer(X), layer.merge(), *layer.trained, *layer.gradients(X, layer(X)), *layer.update().svd()]
    arrays += [LowRankLinear.truncated(W, 2)(X), circulant_linear(X, W[0]), block_diagonal_linear(X, W[:1, None])]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_one_row_is_enough(rng):
    layer = trained_lora(rng, 4, 3, 2)
    X, G = rng.standard_normal(3), rng.standard_normal(4)
    for one, several in zip(layer.gradients(X, G), layer.gradients(X[None], G[None]), strict=True):
        np.testing.assert_allclose(one, several.reshape(one.shape), atol=1e-14)


# ---- Other matrices with few numbers ---------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 4), st.integers(1, 5), st.integers(1, 6))
def test_block_diagonal_equals_the_dense_matrix(seed, groups, outputs, inputs):
    rng = np.random.default_rng(seed)
    blocks, X = rng.standard_normal((groups, outputs, inputs)), rng.standard_normal((2, 3, groups * inputs))
    dense = scipy.linalg.block_diag(*blocks)
    np.testing.assert_allclose(block_diagonal_linear(X, blocks), X @ dense.T, atol=1e-12)
    np.testing.assert_allclose(block_diagonal_linear(X[0, 0], blocks), dense @ X[0, 0], atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 12))
def test_circulant_equals_the_dense_matrix_for_even_and_odd_sizes(seed, n):
    rng = np.random.default_rng(seed)
    c, X = rng.standard_normal(n), rng.standard_normal((2, 3, n))
    np.testing.assert_allclose(circulant_linear(X, c), X @ scipy.linalg.circulant(c).T, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(SEEDS, *[st.integers(1, 4)] * 4)
def test_kronecker_equals_the_dense_matrix(seed, p, q, s, t):
    rng = np.random.default_rng(seed)
    A, B, X = rng.standard_normal((p, q)), rng.standard_normal((s, t)), rng.standard_normal((2, 3, q * t))
    np.testing.assert_allclose(kronecker_linear(X, A, B), X @ np.kron(A, B).T, atol=1e-12)
    np.testing.assert_allclose(kronecker_linear(X[0, 0], A, B), np.kron(A, B) @ X[0, 0], atol=1e-12)
