"""Jacobian- and Hessian-vector products, checkpointing and the memory of a graph: against torch and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vec2attn import autograd as ag
from vec2attn.autograd import (
    Tensor,
    checkpoint,
    grad_check,
    gradients,
    hvp,
    jvp,
    largest_curvature,
    no_grad,
    saved_bytes,
)


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


# ours and torch's, of W (4, 3) and b (4,)
X = random(0, 5, 3)
FUNCTIONS = {
    "a layer": (lambda W, b: ag.tanh(X @ W.T + b), lambda W, b: torch.tanh(torch.tensor(X) @ W.T + b)),
    "softmax": (lambda W, b: ag.softmax(X @ W.T * b), lambda W, b: torch.softmax(torch.tensor(X) @ W.T * b, -1)),
    "powers": (lambda W, b: (W.T * b) ** 3, lambda W, b: (W.T * b) ** 3),
    "linear": (lambda W, b: W.sum(axis=1) - b, lambda W, b: W.sum(1) - b),
    "one input alone": (lambda W, b: ag.exp(W[[0, 0, 2]]), lambda W, b: torch.exp(W[[0, 0, 2]])),
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # torch's own, when it is first called
@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=8)
@given(seed=st.integers(0, 1000))
def test_jvp_equals_torchs_forward_mode(name, seed):
    ours, theirs = FUNCTIONS[name]
    primals, tangents = [random(seed, 4, 3), random(seed + 1, 4)], [random(seed + 2, 4, 3), random(seed + 3, 4)]
    y, change = jvp(ours, primals, tangents)
    z, moved = torch.func.jvp(theirs, *(tuple(map(torch.tensor, part)) for part in (primals, tangents)))
    np.testing.assert_allclose(y, z.numpy(), rtol=1e-12)
    np.testing.assert_allclose(change, moved.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=8)
@given(seed=st.integers(0, 1000))
def test_hvp_equals_torchs(name, seed):
    ours, theirs = FUNCTIONS[name]
    primals, tangents = [random(seed, 4, 3), random(seed + 1, 4)], [random(seed + 2, 4, 3), random(seed + 3, 4)]
    mine = hvp(lambda W, b: (ours(W, b) ** 2).sum(), primals, tangents)
    _, peer = torch.autograd.functional.hvp(
        lambda W, b: (theirs(W, b) ** 2).sum(), *(tuple(map(torch.tensor, part)) for part in (primals, tangents))
    )
    for a, b in zip(mine, peer, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-9, atol=1e-11)


def test_a_quadratic_has_its_matrix_as_hessian():
    A, x, v = random(1, 4, 4), random(2, 4), random(3, 4)
    (product,) = hvp(lambda t: 0.5 * (t @ (A @ t)), [x], [v])
    np.testing.assert_allclose(product, (A + A.T) / 2 @ v, rtol=1e-12)


def test_products_of_linear_and_constant_functions_are_zero_or_the_function_itself():
    x, v = random(1, 3), random(2, 3)
    np.testing.assert_array_equal(hvp(lambda t: (2 * t).sum(), [x], [v])[0], 0)
    np.testing.assert_array_equal(hvp(lambda t: Tensor(1.0), [x], [v])[0], 0)
    np.testing.assert_allclose(jvp(lambda t: 2 * t, [x], [v])[1], 2 * v)
    y, change = jvp(lambda t: Tensor([1.0, 2.0]), [x], [v])
    np.testing.assert_array_equal(y, [1, 2])
    np.testing.assert_array_equal(change, 0)


def test_products_work_inside_no_grad_and_leave_given_tensors_alone():
    W, v = Tensor(random(1, 3), requires_grad=True), random(2, 3)
    with no_grad():
        np.testing.assert_allclose(jvp(lambda t: t * t, [W], [v])[1], 2 * W.data * v)
        np.testing.assert_allclose(hvp(lambda t: (t * t).sum(), [W], [v])[0], 2 * v)
    assert W.grad is None


def test_the_largest_curvature_of_a_quadratic_is_an_eigenvalue_of_its_matrix_found_from_below():
    rng = np.random.default_rng(7)
    Q, _ = np.linalg.qr(random(8, 5, 5))
    for curvatures in ([1, 2, 3, 4, 9], [-9, 1, 2, 3, 4]):  # a negative one counts by its size
        A = Q * curvatures @ Q.T
        x, y = Tensor(random(9, 3), requires_grad=True), Tensor(random(10, 2), requires_grad=True)
        both = ag.concatenate(x, y)
        loss = 0.5 * (both @ (A @ both))
        found = largest_curvature(loss, [x, y], rng=rng, steps=40)
        assert found == pytest.approx(9, rel=1e-10)
        assert largest_curvature(loss, [x, y], rng=rng, steps=1) < 9


def test_a_plane_has_curvature_zero_and_no_step_is_refused():
    rng, x = np.random.default_rng(7), Tensor(random(1, 3), requires_grad=True)
    assert largest_curvature((2 * x).sum(), [x], rng=rng) == 0
    assert largest_curvature((x * 0 * x).sum(), [x], rng=rng) == 0
    with pytest.raises(ValueError, match="steps"):
        largest_curvature((x * x).sum(), [x], rng=rng, steps=0)


def test_dtypes_stay():
    x = np.ones(3, np.float32)
    y, change = jvp(ag.tanh, [x], [x])
    assert (y.dtype, change.dtype) == (np.float32, np.float32)
    assert hvp(lambda t: ag.tanh(t).sum(), [x], [x])[0].dtype == np.float32


# ---- Checkpoints -----------------------------------------------------------------------------------------------------


def block(x, W):
    return ag.softmax(ag.tanh(x @ W.T) @ W) * x


def network(x, W, V, keep):
    apply = (lambda f, *inputs: f(*inputs)) if keep else checkpoint
    h = apply(block, x, W)
    h = apply(block, h, V)
    return (apply(block, h, W) ** 2).sum()  # W a second time


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_a_checkpoint_changes_no_gradient(seed):
    arrays = random(seed, 6, 3), random(seed + 1, 4, 3), random(seed + 2, 5, 3)
    found = []
    for keep in (True, False):
        leaves = [Tensor(x, requires_grad=True) for x in arrays]
        y = network(*leaves, keep)
        y.backward()
        found.append([y.data, *(x.grad for x in leaves)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)  # the parts of W's gradient are added in another order
    np.testing.assert_array_equal(found[0][3], found[1][3])  # V is in one block: the very same numbers


def test_a_checkpoint_changes_no_second_derivative():
    arrays, v = (random(1, 6, 3), random(2, 4, 3), random(3, 5, 3)), (random(4, 6, 3), random(5, 4, 3), random(6, 5, 3))
    plain, saved = (hvp(lambda *t, keep=keep: network(*t, keep), arrays, v) for keep in (True, False))
    for a, b in zip(plain, saved, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    rng = np.random.default_rng(0)
    assert grad_check(lambda *t: network(*t, False), *arrays, order=2, rng=rng) < 1e-6


def test_an_input_made_of_another_is_not_counted_twice_in_either_order():
    x = Tensor(1.5, requires_grad=True)
    y = checkpoint(lambda a, b: a * b, x, x * x)  # x³
    (first,) = gradients(y, [x], graph=True)
    (second,) = gradients(first, [x], graph=True)
    (third,) = gradients(second, [x])
    assert (first.item(), second.item(), third.item()) == (3 * 1.5**2, 6 * 1.5, 6)


def test_a_checkpoint_keeps_its_inputs_alone():
    x, W = Tensor(random(1, 50, 30), requires_grad=True), Tensor(random(2, 40, 30), requires_grad=True)
    numbers = 50 * 30 + 40 * 30
    assert saved_bytes(checkpoint(block, x, W)) == 8 * (numbers + 50 * 30)
    # and without: x Wᵀ, its tanh, the product with W, its softmax
    assert saved_bytes(block(x, W)) == 8 * (numbers + 2 * 50 * 40 + 3 * 50 * 30)


def test_a_checkpoint_computes_once_on_the_way_back_and_only_then():
    calls = []

    def f(x):
        calls.append(x.requires_grad)
        return x * x

    x = Tensor(2.0, requires_grad=True)
    y = checkpoint(f, x)
    assert calls == [False]
    y.backward()
    assert (calls, x.grad) == ([False, True], 4)


def test_a_parameter_that_is_no_input_is_refused_in_both_orders():
    x, W = Tensor(random(1, 2, 3), requires_grad=True), Tensor(random(2, 4, 3), requires_grad=True)
    for inside in (lambda t: t @ W.T, lambda t: t @ (2 * W).T):
        y = checkpoint(inside, x).sum()
        with pytest.raises(ValueError, match=r"uses a tensor of shape \(4, 3\) that requires a gradient: pass it as"):
            y.backward()
        with pytest.raises(ValueError, match="pass it as an input"):
            gradients(y, [x], graph=True)


def test_constants_and_whole_numbers_may_be_inputs():
    W, ids = Tensor(random(2, 4, 3), requires_grad=True), np.array([0, 2, 2])
    y = checkpoint(lambda table, rows, factor: table[rows] * factor, W, ids, 2.0)
    y.sum().backward()
    np.testing.assert_array_equal(W.grad, [[2] * 3, [0] * 3, [4] * 3, [0] * 3])
    assert ids.flags.writeable
    with no_grad():
        assert not checkpoint(lambda t: t * 2, W).requires_grad


def test_an_input_of_which_nothing_depends_has_gradient_zero():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = checkpoint(lambda t: Tensor(np.ones(2)), x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 0)


def test_an_input_assigned_to_before_the_way_back_is_refused():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = checkpoint(lambda t: t * t, x).sum()
    x.assign([3.0, 4.0])
    with pytest.raises(RuntimeError, match="assigned to after checkpoint of"):
        y.backward()


# ---- Memory ----------------------------------------------------------------------------------------------------------


def test_saved_bytes_by_hand():
    x = Tensor(np.ones(100), requires_grad=True)
    assert saved_bytes(x) == 800
    y = x * np.ones(100)  # x, the constant, the result
    assert saved_bytes(y) == 2400
    assert saved_bytes(y.reshape(10, 10).T) == 2400  # views
    assert saved_bytes(y * 2.0) == 3200  # a number is no array
    assert saved_bytes(x * x + x) == 2400  # each once
    assert saved_bytes(x[np.zeros(50, int)]) == 800 + 400 + 400  # the index is kept
    assert saved_bytes(ag.where(np.ones(100, bool), x, 0)) == 1600 + 100
    with no_grad():
        assert saved_bytes(x * x) == 800
