"""Derivatives (notebook 5.3): by hand, by differences, by the complex step, and against torch and the book's engine."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vec2attn import autograd
from vec2attn.calculus import (
    attention_vjp,
    cross_entropy_gradient,
    jacobian,
    jvp,
    layer_norm,
    layer_norm_vjp,
    logsumexp_gradient,
    matmul_vjp,
    softmax_jacobian,
    softmax_vjp,
    vjp,
)
from vec2attn.softmax import cross_entropy, logsumexp, softmax

SIZES = st.integers(1, 4)
few = settings(max_examples=12)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def plain_softmax(z):
    """Softmax along the last axis; also of complex numbers, which the library's refuses."""
    E = np.exp(z - z.real.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def plain_layer_norm(x, eps=1e-5):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)


def attention(Q, K, V, mask=True):
    S = Q @ K.swapaxes(-1, -2) / math.sqrt(Q.shape[-1])
    return plain_softmax(np.where(mask, S, -1e9)) @ V


def plane(p):
    x, y = p
    return np.array([x * x * y, 5 * x + np.sin(y)])


# ---- Jacobians from values -------------------------------------------------------------------------------------------


def test_a_jacobian_by_hand():
    # f(x, y) = (x²y, 5x + sin y) at (3, 0): rows (2xy, x²) and (5, cos y)
    wanted = [[0, 9], [5, 1]]
    np.testing.assert_allclose(jacobian(plane, [3, 0]), wanted, atol=1e-9)
    np.testing.assert_allclose(jacobian(plane, [3, 0], method="complex"), wanted, rtol=1e-15, atol=1e-15)
    assert jvp(plane, [3, 0], [1, 2], method="complex") == pytest.approx([18, 7], rel=1e-15)
    assert vjp(plane, [3, 0], [1, 2], method="complex") == pytest.approx([10, 11], rel=1e-15)


@pytest.mark.parametrize("method", ["central", "complex"])
def test_the_jacobian_has_the_shape_of_the_result_and_then_that_of_the_input(method):
    A, x = normal(1, 5, 2), normal(2, 2, 3)
    J = jacobian(lambda x: A @ x, x, method)
    assert J.shape == (5, 3, 2, 3)
    wanted = np.einsum("ij,kl->ikjl", A, np.eye(3))
    np.testing.assert_allclose(J, wanted, atol=1e-9)
    gradient = jacobian(lambda x: (x * x).sum(), x, method)
    np.testing.assert_allclose(gradient, 2 * x, atol=1e-9)  # of one number: the shape of x


@given(SIZES, SIZES, SIZES, st.integers(0, 99))
@few
def test_products_with_the_jacobian_agree_with_it_and_with_each_other(m, n, k, seed):
    W, x, v, u = normal(seed, m, n), normal(seed + 1, n, k), normal(seed + 2, n, k), normal(seed + 3, m, k)

    def f(x):
        return np.tanh(W @ x) + (x * x).sum()

    for method, near in (("central", 1e-8), ("complex", 1e-13)):
        J = jacobian(f, x, method)
        Jv, uJ = jvp(f, x, v, method), vjp(f, x, u, method)
        np.testing.assert_allclose(Jv, np.tensordot(J, v, axes=2), atol=10 * near)
        np.testing.assert_allclose(uJ, np.tensordot(u, J, axes=2), atol=10 * near)
        assert (u * Jv).sum() == pytest.approx((uJ * v).sum(), abs=100 * near)


@pytest.mark.parametrize("method", ["central", "complex"])
def test_the_chain_rule_is_a_matrix_product(method):
    W, x = normal(3, 4, 3), normal(4, 3)
    g = lambda x: np.sin(W @ x)  # noqa: E731
    whole = jacobian(lambda x: plain_softmax(g(x)), x, method)
    np.testing.assert_allclose(whole, jacobian(plain_softmax, g(x), method) @ jacobian(g, x, method), atol=1e-8)


def test_jacobians_are_torchs():
    W, x = normal(5, 4, 3), normal(6, 3)
    theirs = torch.autograd.functional.jacobian(lambda x: torch.softmax(torch.tensor(W) @ x, 0), torch.tensor(x))
    ours = jacobian(lambda x: plain_softmax(W @ x), x, "complex")
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-15)
    np.testing.assert_allclose(jacobian(lambda x: softmax(W @ x), x), theirs.numpy(), rtol=0, atol=1e-9)


def test_the_default_step_of_central_differences_is_near_the_best():
    x = np.array([0.7])
    wanted = math.exp(0.7)
    errors = {h: abs(jacobian(np.exp, x, step=h)[0, 0] - wanted) for h in 10.0 ** np.arange(-12, 0)}
    default = abs(jacobian(np.exp, x)[0, 0] - wanted)
    assert default < 1e-9
    assert default < 30 * min(errors.values())
    assert errors[1e-12] > 1000 * default  # rounding
    assert errors[0.1] > 1000 * default  # the curve of f


def test_steps_grow_with_the_entries():
    x = np.array([1e8, 3.0])
    np.testing.assert_allclose(jacobian(lambda x: x**2, x), np.diag([2e8, 6]), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(jvp(lambda x: x**2, x, [1.0, 0.0]), [2e8, 0], rtol=1e-8, atol=1e-8)


def test_a_function_in_single_precision_gets_a_longer_step():
    x = np.array([0.7, -1.2])
    J = jacobian(lambda x: np.tanh(x.astype(np.float32)), x)
    np.testing.assert_allclose(J, np.diag(1 / np.cosh(x) ** 2), atol=2e-4)


def test_long_and_short_directions_are_scaled():
    x, v = np.array([0.3, -0.5]), np.array([2.0, -1.0])
    for factor in (1e-12, 1.0, 1e12):
        np.testing.assert_allclose(jvp(plane, x, factor * v) / factor, jacobian(plane, x) @ v, rtol=1e-8)
    assert (jvp(plane, x, [0, 0]) == 0).all()


def test_a_function_that_works_in_place_does_no_harm():
    def squared(x):
        x *= x
        return x

    x = np.array([3.0, 2.0])
    np.testing.assert_allclose(jacobian(squared, x), np.diag([6, 4]), atol=1e-8)
    np.testing.assert_allclose(jvp(squared, x, [1.0, 0.0]), [6, 0], atol=1e-8)
    assert x.tolist() == [3, 2]


def test_a_difference_is_divided_by_the_step_that_rounding_has_left():
    # beside 1e8 numbers are 1.5e-8 apart: of a step of 2e-8 there is less left
    assert jacobian(lambda x: 2 * x, [1e8], step=2e-8) == pytest.approx(2, rel=1e-15)


def test_the_cost_is_the_promised_number_of_evaluations():
    calls = []

    def f(x):
        calls.append(1)
        return np.array([x.sum(), (x * x).sum()])

    def count(work):
        calls.clear()
        work()
        return len(calls)

    x, v, u = normal(7, 6), normal(8, 6), normal(9, 2)
    one = 1  # f(x) itself, for its shape
    assert count(lambda: jacobian(f, x)) == 12 + one
    assert count(lambda: jacobian(f, x, "complex")) == 6 + one
    assert count(lambda: jvp(f, x, v)) == 2 + one
    assert count(lambda: jvp(f, x, v, "complex")) == 1 + one
    assert count(lambda: vjp(f, x, u)) == 12 + 2 * one


def test_the_complex_step_does_not_see_what_is_not_analytic():
    """A limit that the documentation states: |x| forgets the imaginary part."""
    x = np.array([-2.0, 3.0])
    J = jacobian(lambda x: abs(x) + 0 * x, x, "complex")
    np.testing.assert_array_equal(J, np.zeros((2, 2)))
    np.testing.assert_allclose(jacobian(lambda x: abs(x), x), np.diag([-1, 1]), atol=1e-9)


# ---- By hand ---------------------------------------------------------------------------------------------------------


def check_gradients(f, inputs, found, near=1e-8, exact=1e-14):
    """Compare gradients of a number f(*inputs) with central differences and the complex step, input by input."""
    assert len(found) == len(inputs)
    for i, gradient in enumerate(found):

        def one(x, i=i):
            return f(*inputs[:i], x, *inputs[i + 1 :])

        size = max(1.0, abs(gradient).max())
        assert gradient.shape == inputs[i].shape
        np.testing.assert_allclose(gradient, jacobian(one, inputs[i]), rtol=0, atol=near * size)
        np.testing.assert_allclose(gradient, jacobian(one, inputs[i], "complex"), rtol=0, atol=exact * size)


def test_a_matrix_product_by_hand():
    A, B, U = [[1, 2]], [[3], [4]], [[10]]  # AB = 11; ten times as much matters
    dA, dB = matmul_vjp(A, B, U)
    assert (dA.tolist(), dB.tolist()) == ([[30, 40]], [[10], [20]])


@given(SIZES, SIZES, SIZES, st.integers(0, 99))
@few
def test_the_product_rule_by_differences_and_by_the_slow_loop(m, k, n, seed):
    A, B, U = normal(seed, m, k), normal(seed + 1, k, n), normal(seed + 2, m, n)
    dA, dB = matmul_vjp(A, B, U)
    check_gradients(lambda A, B: (U * (A @ B)).sum(), [A, B], [dA, dB])
    slow = np.zeros_like(A)
    for i in range(m):
        for j in range(n):
            for c in range(k):
                slow[i, c] += U[i, j] * B[c, j]
    np.testing.assert_allclose(dA, slow, atol=1e-13)


def test_the_product_rule_for_a_batch():
    A, B, U = normal(1, 2, 3, 4), normal(2, 2, 4, 5), normal(3, 2, 3, 5)
    one_by_one = [matmul_vjp(a, b, u) for a, b, u in zip(A, B, U, strict=True)]
    for found, wanted in zip(matmul_vjp(A, B, U), zip(*one_by_one, strict=True), strict=True):
        np.testing.assert_allclose(found, np.stack(wanted), rtol=1e-14)


def test_the_derivative_of_softmax_by_hand():
    # p = (1/2, 1/4, 1/4)
    J = softmax_jacobian(np.log([2, 1, 1]))
    np.testing.assert_allclose(16 * J, [[4, -2, -2], [-2, 3, -1], [-2, -1, 3]], rtol=1e-14)
    np.testing.assert_allclose(16 * softmax_vjp(np.log([2, 1, 1]), [1, 0, 0]), [4, -2, -2], rtol=1e-14)


LOGITS = arrays(float, st.tuples(st.integers(1, 3), st.integers(1, 6)), elements=st.floats(-8, 8))


@given(LOGITS, st.integers(0, 99))
def test_the_derivative_of_softmax_is_symmetric_and_knows_no_constant(Z, seed):
    J, u = softmax_jacobian(Z), normal(seed, *Z.shape)
    np.testing.assert_allclose(J, J.swapaxes(-1, -2), atol=1e-16)
    np.testing.assert_allclose(J.sum(axis=-1), 0, atol=1e-15)
    assert np.linalg.eigvalsh(J).min() > -1e-15  # it is the Hessian of log-sum-exp, which is convex
    np.testing.assert_allclose(softmax_vjp(Z, u), np.einsum("bij,bi->bj", J, u), atol=1e-14)
    for z, found in zip(Z, J, strict=True):
        np.testing.assert_allclose(found, jacobian(softmax, z), atol=1e-8)
        np.testing.assert_allclose(found, jacobian(plain_softmax, z, "complex"), atol=1e-15)
        np.testing.assert_allclose(found, jacobian(logsumexp_gradient, z), atol=1e-8)


@given(LOGITS)
@few
def test_the_gradient_of_log_sum_exp_is_softmax(Z):
    for z in Z:
        np.testing.assert_allclose(logsumexp_gradient(z), jacobian(logsumexp, z), atol=1e-8)
        exact = jacobian(lambda z: np.log(np.exp(z).sum()), z, "complex")
        np.testing.assert_allclose(logsumexp_gradient(z), exact, atol=1e-14)


def test_forbidden_logits_get_no_gradient():
    z = np.array([1.0, -np.inf, 2.0])
    J = softmax_jacobian(z)
    assert (J[1] == 0).all()
    assert softmax_vjp(z, [1.0, 5.0, 2.0])[1] == 0
    assert cross_entropy_gradient(z, 0)[1] == 0


def test_the_gradient_of_the_loss_by_hand():
    np.testing.assert_allclose(cross_entropy_gradient(np.log([2, 1, 1]), 1), [0.5, -0.75, 0.25], rtol=1e-15)
    np.testing.assert_allclose(cross_entropy_gradient([0.0, 0.0], [0.9, 0.1]), [-0.4, 0.4], rtol=1e-14)


def test_the_gradient_of_the_loss_is_torchs_and_the_engines():
    Z, targets = normal(4, 5, 7), np.array([0, 6, 3, 3, 1])
    theirs = torch.tensor(Z, requires_grad=True)
    torch.nn.functional.cross_entropy(theirs, torch.tensor(targets), reduction="sum").backward()
    ours = cross_entropy_gradient(Z, targets)
    np.testing.assert_allclose(ours, theirs.grad.numpy(), atol=1e-15)
    engine = autograd.Tensor(Z, requires_grad=True)
    autograd.cross_entropy(engine, targets=targets).backward()
    np.testing.assert_allclose(ours / 5, engine.grad.data, atol=1e-15)  # the engine's is a mean
    np.testing.assert_allclose(ours.sum(axis=1), 0, atol=1e-15)
    y = softmax(normal(5, 5, 7))
    check_gradients(
        lambda Z: -(y * np.log(plain_softmax(Z))).sum(), [Z], [cross_entropy_gradient(Z, y)], near=1e-8, exact=1e-14
    )
    np.testing.assert_allclose(
        jacobian(lambda z: cross_entropy(z, 2), Z[0]), cross_entropy_gradient(Z[0], 2), atol=1e-8
    )


def test_layer_norm_by_hand():
    # mean 2, σ = √(8/3); u = (1, 0, 0) loses its mean and its part along x̂
    X = np.array([[0.0, 2.0, 4.0]])
    sigma = math.sqrt(8 / 3)
    np.testing.assert_allclose(layer_norm(X, 0), [[-2 / sigma, 0, 2 / sigma]])
    np.testing.assert_allclose(sigma * layer_norm_vjp(X, [[1.0, 0, 0]], 0), [[1 / 6, -1 / 3, 1 / 6]], atol=1e-15)


@given(st.integers(1, 3), st.integers(2, 6), st.sampled_from([0.0, 1e-5, 0.3]), st.integers(0, 99))
@few
def test_the_derivative_of_layer_norm_by_differences_and_as_a_projection(rows, n, eps, seed):
    X, U = normal(seed, rows, n), normal(seed + 1, rows, n)
    X[:, 0] += 3  # not near a constant row, where the derivative is steep
    found = layer_norm_vjp(X, U, eps)
    check_gradients(lambda X: (U * plain_layer_norm(X, eps)).sum(), [X], [found], near=1e-7, exact=1e-13)
    sigma = np.sqrt(X.var(axis=1, keepdims=True) + eps)
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-13)
    if eps == 0:
        P = np.array([sigma * layer_norm_vjp(X, np.broadcast_to(e, X.shape), 0) for e in np.eye(n)])
        for p in P.transpose(1, 0, 2):  # an orthogonal projection of rank n − 2
            np.testing.assert_allclose(p @ p, p, atol=1e-12)
            np.testing.assert_allclose(p, p.T, atol=1e-12)
            assert np.trace(p) == pytest.approx(n - 2, abs=1e-12)
        np.testing.assert_allclose((found * layer_norm(X, 0)).sum(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_layer_norm_and_its_derivative_are_torchs(eps):
    X, U = normal(6, 2, 4, 5), normal(7, 2, 4, 5)
    theirs = torch.tensor(X, requires_grad=True)
    Y = torch.nn.functional.layer_norm(theirs, (5,), eps=eps)
    Y.backward(torch.tensor(U))
    np.testing.assert_allclose(layer_norm(X, eps), Y.detach().numpy(), atol=1e-14)
    np.testing.assert_allclose(layer_norm_vjp(X, U, eps), theirs.grad.numpy(), atol=1e-14)


def test_attention_by_hand():
    # one query, two equal keys: Y is the mean of the values; a push on Y moves the scores by half the difference
    Q, K, V, U = [[1.0]], [[0.0], [0.0]], [[2.0], [6.0]], [[1.0]]
    dQ, dK, dV = attention_vjp(Q, K, V, U)
    assert dV.tolist() == [[0.5], [0.5]]
    assert dK.tolist() == [[-1.0], [1.0]]  # q · A (v − y): 1 · ½ · (2 − 4)
    assert dQ.tolist() == [[0.0]]


@given(SIZES, SIZES, SIZES, SIZES, st.integers(0, 99))
@few
def test_the_derivative_of_attention_by_differences(q, k, d, e, seed):
    Q, K, V, U = normal(seed, q, d), normal(seed + 1, k, d), normal(seed + 2, k, e), normal(seed + 3, q, e)
    check_gradients(
        lambda Q, K, V: (U * attention(Q, K, V)).sum(), [Q, K, V], attention_vjp(Q, K, V, U), near=1e-8, exact=1e-14
    )


@pytest.mark.parametrize("masked", [False, True])
def test_the_derivative_of_attention_is_torchs(masked):
    Q, K, V, U = normal(1, 3, 5, 4), normal(2, 3, 6, 4), normal(3, 3, 6, 2), normal(4, 3, 5, 2)
    mask = np.tri(5, 6, 1, dtype=bool) if masked else None
    theirs = [torch.tensor(x, requires_grad=True) for x in (Q, K, V)]
    attend = torch.nn.functional.scaled_dot_product_attention
    Y = attend(*theirs, attn_mask=None if mask is None else torch.tensor(mask))
    Y.backward(torch.tensor(U))
    ours = attention_vjp(Q, K, V, U, mask)
    for found, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, wanted.grad.numpy(), atol=1e-14)
    if masked:
        full = attention_vjp(Q, K, V, U, np.broadcast_to(mask, (3, 5, 6)).copy())
        for found, again in zip(ours, full, strict=True):
            np.testing.assert_array_equal(found, again)


def test_the_derivative_of_attention_is_the_engines():
    Q, K, V, U = normal(1, 5, 4), normal(2, 6, 4), normal(3, 6, 2), normal(4, 5, 2)
    q, k, v = (autograd.Tensor(x, requires_grad=True) for x in (Q, K, V))
    Y = autograd.softmax(q @ k.T * 0.5) @ v
    (Y * U).sum().backward()
    for found, wanted in zip(attention_vjp(Q, K, V, U), (q, k, v), strict=True):
        np.testing.assert_allclose(found, wanted.grad.data, atol=1e-14)


def test_a_key_that_no_query_may_see_gets_no_gradient():
    Q, K, V, U = normal(1, 3, 2), normal(2, 4, 2), normal(3, 4, 5), normal(4, 3, 5)
    mask = np.ones((3, 4), bool)
    mask[:, 2] = False
    _, dK, dV = attention_vjp(Q, K, V, U, mask)
    assert (dK[2] == 0).all()
    assert (dV[2] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_derivatives_by_hand_keep_the_precision(dtype):
    X, U = normal(1, 3, 4).astype(dtype), normal(2, 3, 4).astype(dtype)
    made = [
        *matmul_vjp(X, X.T, U @ X.T),
        softmax_jacobian(X),
        softmax_vjp(X, U),
        cross_entropy_gradient(X, [0, 1, 2]),
        layer_norm(X),
        layer_norm_vjp(X, U),
        *attention_vjp(X, X, X, U),
    ]
    assert {array.dtype for array in made} == {np.dtype(dtype)}
