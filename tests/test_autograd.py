"""The engine: every derivative against differences and against torch; graphs of all kinds; what numpy does with it."""

import gc
import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vec2attn import autograd as ag
from vec2attn.autograd import Operation, Tensor, grad_check, gradients, no_grad, operation
from vec2attn.autograd.engine import newest_first


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def away_from_zero(x):
    return x + np.where(x < 0, -0.4, 0.4)


def positive(x):
    return np.abs(x) + 0.3


def distinct(x):
    """Return numbers of which no two are equal or close, so that the largest stays the largest."""
    return np.argsort(np.argsort(x.ravel())).reshape(x.shape) / max(x.size, 1) + 0.01 * np.tanh(x) / max(x.size, 1)


# ---- Every operation, in any shape -----------------------------------------------------------------------------------

same = lambda x: x  # noqa: E731
# ours, torch's, what the input must be like
UNARY = {
    "negative": (lambda x: -x, lambda x: -x, same),
    "exp": (ag.exp, torch.exp, same),
    "log": (ag.log, torch.log, positive),
    "sqrt": (ag.sqrt, torch.sqrt, positive),
    "tanh": (ag.tanh, torch.tanh, same),
    "sigmoid": (ag.sigmoid, torch.sigmoid, same),
    "relu": (ag.relu, torch.relu, away_from_zero),
    "absolute": (ag.absolute, torch.abs, away_from_zero),
    "gelu": (ag.gelu, lambda x: torch.nn.functional.gelu(x, approximate="tanh"), same),
    "square": (lambda x: x**2, lambda x: x**2, same),
    "cube": (lambda x: x**3, lambda x: x**3, same),
    "power 1": (lambda x: x**1, lambda x: x**1, same),
    "power 0": (lambda x: x**0, lambda x: x**0, same),
    "power 1.5": (lambda x: x**1.5, lambda x: x**1.5, positive),
    "power −2": (lambda x: x**-2.0, lambda x: x**-2.0, away_from_zero),
    "2 to the x": (lambda x: 2.0**x, lambda x: 2.0**x, same),
    "number first": (lambda x: 3 - 2 / (1.5 + x), lambda x: 3 - 2 / (1.5 + x), positive),
    "used twice": (lambda x: x * x + x, lambda x: x * x + x, same),
}
BINARY = {
    "add": (lambda a, b: a + b, same, same),
    "subtract": (lambda a, b: a - b, same, same),
    "multiply": (lambda a, b: a * b, same, same),
    "divide": (lambda a, b: a / b, same, away_from_zero),
    "power": (lambda a, b: a**b, positive, same),
}


@st.composite
def shapes(draw, least=0, most=3):
    return tuple(draw(st.lists(st.integers(1, 4), min_size=least, max_size=most)))


@st.composite
def broadcastable(draw):
    """Return two shapes that broadcast: axes of size 1 and missing ones in either."""
    whole = draw(shapes())
    parts = [tuple(1 if draw(st.booleans()) else n for n in whole)[draw(st.integers(0, len(whole))) :] for _ in "ab"]
    return parts


def check_both(ours, theirs, *arrays, second=True):
    """Value, gradient and second derivative: equal to torch's and to differences."""
    rng = np.random.default_rng(7)
    assert grad_check(ours, *arrays, rng=rng) < 1e-6
    if second:
        assert grad_check(ours, *arrays, order=2, rng=rng) < 1e-6
    compare_with_torch(ours, theirs, *arrays)


def compare_with_torch(ours, theirs, *arrays):
    rng = np.random.default_rng(8)
    mine = [Tensor(x, requires_grad=True) for x in arrays]
    peer = [torch.tensor(x, requires_grad=True) for x in arrays]
    y, z = ours(*mine), theirs(*peer)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12, atol=1e-13)
    assert y.shape == tuple(z.shape)
    u = rng.standard_normal(y.shape)
    y.backward(u)
    z.backward(torch.tensor(u))
    for a, b in zip(mine, peer, strict=True):
        wanted = np.zeros(a.shape) if b.grad is None else b.grad.numpy()
        np.testing.assert_allclose(np.zeros(a.shape) if a.grad is None else a.grad, wanted, rtol=1e-10, atol=1e-12)
        assert a.grad is None or (a.grad.shape, a.grad.dtype) == (a.shape, a.dtype)


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_tensor(name):
    ours, theirs, like = UNARY[name]

    @settings(max_examples=12)
    @given(shapes(), st.integers(0, 1000))
    def check(shape, seed):
        check_both(ours, theirs, like(random(seed, *shape)))

    check()


@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_broadcasts_and_its_gradients_are_summed_back(name):
    f, like_a, like_b = BINARY[name]

    @settings(max_examples=12)
    @given(broadcastable(), st.integers(0, 1000))
    def check(both, seed):
        a, b = (random(seed + i, *shape) for i, shape in enumerate(both))
        check_both(f, f, like_a(a), like_b(b))

    check()


def test_a_gradient_is_summed_over_the_axes_that_were_repeated():
    x, b = Tensor(np.ones((2, 3)), requires_grad=True), Tensor(np.zeros((1, 3)), requires_grad=True)
    u = np.arange(6.0).reshape(2, 3)
    (x + b).backward(u)
    np.testing.assert_array_equal(b.grad, [[3, 5, 7]])
    np.testing.assert_array_equal(x.grad, u)


MATMULS = [
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((3,), (2, 3, 4)),
    ((5, 2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((6, 5, 2, 3), (3,)),
    ((3,), (6, 5, 3, 4)),
    ((2, 5, 1, 3), (3, 1)),
    ((1, 1), (1, 1)),
]


@pytest.mark.parametrize(("a", "b"), MATMULS, ids=str)
def test_matrix_products_of_all_shapes(a, b):
    check_both(lambda A, B: A @ B, torch.matmul, random(1, *a), random(2, *b))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 3), (5, 2, 3)], ids=str)
def test_linear_layers(shape, order, bias):
    arrays = [random(1, *shape), np.asarray(random(2, 4, 3), order=order), *([random(3, 4)] if bias else [])]
    check_both(ag.linear, torch.nn.functional.linear, *arrays)
    W = Tensor(arrays[1], requires_grad=True)
    ag.linear(arrays[0], W).sum().backward()
    assert W.grad.flags.c_contiguous == W.data.flags.c_contiguous, "optimisers go through both in one order"


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((2, 4), (5, 3)), r"W \(5, 3\) takes 3 features; X has shape \(2, 4\)"),
        (((), (5, 3)), r"takes 3 features; X has shape \(\)"),
        (((2, 3), (3,)), r"W \(3,\) takes no features"),
        (((2, 3), (5, 3), (3,)), r"W \(5, 3\) has 5 outputs; b has shape \(3,\)"),
        (((2, 3), (5, 3), (2, 5)), r"has 5 outputs; b has shape \(2, 5\)"),
    ],
)
def test_linear_refuses_what_does_not_fit(shapes, words):
    with pytest.raises(ValueError, match=words):
        ag.linear(*(Tensor(np.ones(shape), requires_grad=True) for shape in shapes))


def test_linear_refuses_a_second_bias():
    W, b = Tensor(np.ones((5, 3)), requires_grad=True), Tensor(np.ones(5), requires_grad=True)
    with pytest.raises(TypeError, match="at most one b; got 2"):
        ag.linear(np.ones((2, 3)), W, b, b)


def test_no_two_gradients_share_their_memory():
    x, W, V = (Tensor(random(i, 3, 3), requires_grad=True) for i in range(3))
    b, c = (Tensor(random(i, 3), requires_grad=True) for i in (4, 5))
    h = ag.linear(x[0], W, b) + ag.linear(x[1], V, c)  # b and c get the very g that is passed on
    y = (h + x @ W + (x @ V.T).T).sum()
    y.backward()
    leaves = [x, W, V, b, c]
    arrays = [a for leaf in leaves for a in (leaf.grad, leaf.data)] + [h.data, y.data]
    for i, a in enumerate(arrays):
        assert not any(np.shares_memory(a, other) for other in arrays[i + 1 :])
    for leaf in leaves:
        leaf.grad *= 0.5  # as when gradients are clipped


AXES = [None, 0, -1, 1, (0, 2), (-1, 0), (0, 1, 2)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_reductions(name, axis, keepdims):
    x = distinct(random(3, 2, 3, 4))
    dim = (0, 1, 2) if axis is None else axis
    peer = "amax" if name == "max" else name
    check_both(
        lambda t: getattr(t, name)(axis=axis, keepdims=keepdims),
        lambda t: getattr(t, peer)(dim=dim, keepdim=keepdims),
        x,
    )


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_reductions_of_a_single_number(name, shape):
    check_both(lambda t: getattr(t, name)() * 2, lambda t: getattr(t, name)() * 2, random(3, *shape))


def test_equal_largest_entries_share_the_gradient():
    compare_with_torch(lambda t: t.max(axis=0), lambda t: t.amax(0), np.array([[1.0, 2.0], [1.0, 0.0], [0.5, 2.0]]))
    a, b = np.array([1.0, 2.0, -np.inf, np.inf]), np.array([1.0, 3.0, -np.inf, 0.0])
    compare_with_torch(ag.maximum, torch.maximum, a, b)


SHAPES = {
    "reshape": (lambda x: x.reshape(4, 6), lambda x: x.reshape(4, 6)),
    "reshape by −1": (lambda x: x.reshape(-1), lambda x: x.reshape(-1)),
    "reshape to a tuple": (lambda x: x.reshape((6, 4)), lambda x: x.reshape(6, 4)),
    "reshape to a list": (lambda x: x.reshape([6, -1]), lambda x: x.reshape(6, -1)),
    "reshape to numpy's numbers": (lambda x: x.reshape(np.int64(24)), lambda x: x.reshape(24)),
    "T": (lambda x: x.T, lambda x: x.permute(2, 1, 0)),
    "mT": (lambda x: x.mT, lambda x: x.mT),
    "transpose": (lambda x: x.transpose(2, 0, 1), lambda x: x.permute(2, 0, 1)),
    "transpose by a tuple": (lambda x: x.transpose((1, 2, 0)), lambda x: x.permute(1, 2, 0)),
    "transpose from the end": (lambda x: x.transpose(-1, 0, -2), lambda x: x.permute(-1, 0, -2)),
    "concatenate": (
        lambda x: ag.concatenate(x, 2 * x[:, :1], x * x, axis=1),
        lambda x: torch.cat([x, 2 * x[:, :1], x * x], 1),
    ),
    "concatenate from the end": (
        lambda x: ag.concatenate(x, np.ones((2, 3, 2)), axis=-1),
        lambda x: torch.cat([x, torch.ones(2, 3, 2)], -1),
    ),
    "concatenate along the first": (lambda x: ag.concatenate(x, x), lambda x: torch.cat([x, x])),
    "where": (lambda x: ag.where(x > 0, x, x * x), lambda x: torch.where(x > 0, x, x * x)),
    "where, repeated": (
        lambda x: ag.where([True, False, True, True], x[0, 0], x),
        lambda x: torch.where(torch.tensor([True, False, True, True]), x[0, 0], x),
    ),
    "where, a number": (lambda x: ag.where(x > 0, 0.5, x), lambda x: torch.where(x > 0, 0.5, x)),
    "maximum": (lambda x: ag.maximum(x, 0.1), lambda x: torch.maximum(x, torch.tensor(0.1, dtype=x.dtype))),
    "rows one by one": (lambda x: sum(i * row for i, row in enumerate(x)), lambda x: x[1].clone()),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_joints_and_choices(name):
    check_both(*SHAPES[name], random(4, 2, 3, 4))


INDICES = {
    "a number": 1,
    "from the end": -1,
    "numpy's number": np.int64(1),
    "a slice": slice(0, 2),
    "a slice with a step": (slice(None), slice(None, None, 2)),
    "backwards in numpy, a list": [2, 1, 0],
    "a new axis": (None, slice(None), None),
    "an ellipsis": (..., 1),
    "all": ...,
    "repeats": [0, 0, 2, 0],
    "repeats in two axes": ([0, 1, 1, 0], [2, 2, 2, 2]),
    "repeats in a tuple of tuples": ((0, 0, 1),),
    "pairs": np.array([[0, 1], [1, 1]]),
    "repeats beside a slice": (slice(None), [1, 1, 3]),
    "a mask": np.arange(20).reshape(5, 4) % 3 == 0,
    "a mask of rows": [True, False, True, True, False],
    "an empty choice": np.zeros(0, int),
    "a range": range(0, 5, 2),
}


@pytest.mark.parametrize("name", INDICES)
def test_indices_and_entries_taken_more_than_once(name):
    index, x = INDICES[name], random(5, 5, 4)
    theirs = list(index) if isinstance(index, range) else index
    check_both(lambda t: t[index] * 2, lambda t: t[theirs] * 2, x)
    np.testing.assert_array_equal(Tensor(x)[index].data, x[index])


def test_a_tensor_of_whole_numbers_is_an_index():
    x = Tensor(random(5, 5, 4), requires_grad=True)
    x[Tensor([0, 0, 3])].sum().backward()
    np.testing.assert_array_equal(x.grad, [[2] * 4, [0] * 4, [0] * 4, [1] * 4, [0] * 4])


FORMULAS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,ij->", (2, 3), (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->i", (2, 3)),
    ("->", ()),
    (",i->i", (), (3,)),
    ("ij,k->i", (2, 3), (4,)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("a b, b -> a", (2, 3), (3,)),
    ("i,i,i->", (4,), (4,), (4,)),
]


@pytest.mark.parametrize(("formula", "shapes"), [(f, s) for f, *s in FORMULAS], ids=[f for f, *_ in FORMULAS])
def test_einsum(formula, shapes):
    arrays = [random(6 + i, *shape) for i, shape in enumerate(shapes)]
    check_both(lambda *t: ag.einsum(formula, *t), lambda *t: torch.einsum(formula, *t), *arrays)


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_softmax_and_its_logarithms(name, axis):
    check_both(lambda z: getattr(ag, name)(z, axis=axis), lambda z: getattr(torch, name)(z, axis), random(9, 3, 4, 5))


def test_softmax_without_an_axis_takes_the_last():
    for name in ("softmax", "log_softmax", "logsumexp"):
        check_both(getattr(ag, name), lambda z, name=name: getattr(torch, name)(z, -1), random(9, 2, 3))


def test_a_masked_logit_has_probability_and_gradient_zero():
    z = np.array([[1.0, -np.inf, 2.0], [0.5, 0.0, -np.inf]])
    for name in ("softmax", "logsumexp"):
        compare_with_torch(getattr(ag, name), lambda t, name=name: getattr(torch, name)(t, -1), z)


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5), (5,)])
def test_cross_entropy(shape):
    targets = np.random.default_rng(1).integers(5, size=shape[:-1])

    def peer(z):
        return torch.nn.functional.cross_entropy(z.reshape(-1, 5), torch.tensor(targets).reshape(-1))

    check_both(lambda z: ag.cross_entropy(z, targets), peer, random(10, *shape))


def test_the_gradient_of_cross_entropy_is_p_minus_y():
    z = Tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    ag.cross_entropy(z, [1]).backward()
    np.testing.assert_allclose(z.grad, [[0.0900305732, 0.2447284711 - 1, 0.6652409558]], atol=1e-9)


def test_a_whole_network_against_torch_in_both_orders():
    X, W, V = random(11, 6, 3), random(12, 5, 3), random(13, 4, 5)
    y = np.array([0, 3, 1, 1, 2, 0])

    def ours(W, V):
        return ag.cross_entropy(ag.gelu(X @ W.T) @ V.T, y)

    def theirs(W, V):
        hidden = torch.nn.functional.gelu(torch.tensor(X) @ W.T, approximate="tanh")
        return torch.nn.functional.cross_entropy(hidden @ V.T, torch.tensor(y))

    check_both(ours, theirs, W, V)


# ---- The points at which rules have a hole ---------------------------------------------------------------------------


def test_powers_at_zero():
    x = np.array([0.0, 2.0, -1.5, 0.0])
    for n in (0, 1, 2, 3):
        compare_with_torch(lambda t, n=n: t**n, lambda t, n=n: t**n, x)
    e = np.array([0.0, 0.0, 1.0, 2.0])
    compare_with_torch(lambda t: t**e, lambda t: t ** torch.tensor(e), x)
    compare_with_torch(lambda a, b: a**b, lambda a, b: a**b, np.array([0.0, 0.0, 3.0]), np.array([2.0, 1.0, 0.0]))
    # the second derivative of x² is 2 at 0 too
    t = Tensor([0.0, 1.0], requires_grad=True)
    (g,) = gradients((t**2).sum(), [t], graph=True)
    np.testing.assert_array_equal(gradients(g.sum(), [t])[0].data, [2, 2])


def test_the_slope_at_a_kink_is_zero_as_in_torch():
    for ours, theirs in ((ag.relu, torch.relu), (ag.absolute, torch.abs)):
        compare_with_torch(ours, theirs, np.array([-1.0, 0.0, 2.0]))


def test_sigmoid_keeps_its_digits_far_out():
    x = np.array([-700.0, -40.0, 0.0, 40.0, 800.0])
    np.testing.assert_allclose(ag.sigmoid(Tensor(x)).data, torch.sigmoid(torch.tensor(x)).numpy(), rtol=1e-14)


def test_a_nan_flows_as_in_numpy():
    x = np.array([1.0, np.nan, 3.0])
    t = Tensor(x, requires_grad=True)
    for ours, numpys in ((ag.exp(t), np.exp(x)), (t.sum(), x.sum()), (t.max(), x.max()), (t * 2, x * 2)):
        np.testing.assert_array_equal(ours.data, numpys)
    (t * t).sum().backward()
    np.testing.assert_array_equal(t.grad, 2 * x)
    assert np.isnan(gradients(t.max(), [t])[0].data).all()


def test_infinities_come_where_numpy_has_them():
    t = Tensor([0.0, 4.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        ag.sqrt(t).sum().backward()
        np.testing.assert_array_equal(t.grad, [np.inf, 0.25])
        np.testing.assert_array_equal(ag.log(t).data, [-np.inf, np.log(4)])


EMPTY = {
    "sum": (lambda t: t.sum(), (0, 3)),
    "sum of rows": (lambda t: t.sum(axis=1), (0, 3)),
    "sum of columns": (lambda t: t.sum(axis=0), (0, 3)),
    "product": (lambda t: t @ np.ones((3, 2)), (0, 3)),
    "product over nothing": (lambda t: np.ones((2, 0)) @ t, (0, 3)),
    "batch": (lambda t: t @ np.ones((0, 4)), (5, 2, 0)),
    "row": (lambda t: t @ np.ones((5, 0, 4)), (0,)),
    "column": (lambda t: t @ np.ones(0), (4, 0)),
    "add": (lambda t: t + np.ones((1, 3)), (0, 3)),
    "reshape": (lambda t: t.reshape(3, 0), (0, 3)),
    "take": (lambda t: t[:0], (4, 3)),
    "concatenate": (lambda t: ag.concatenate(t, np.ones((2, 3))), (0, 3)),
    "mean of no rows": (lambda t: t.mean(axis=1), (0, 3)),
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty_tensors_have_empty_gradients(name):
    f, shape = EMPTY[name]
    t = Tensor(np.ones(shape), requires_grad=True)
    f(t).sum().backward()
    assert t.grad.shape == shape
    assert not t.grad.any()
    assert grad_check(f, np.ones(shape), rng=np.random.default_rng(0)) == 0


# ---- Graphs ----------------------------------------------------------------------------------------------------------


def test_a_hand_worked_graph():
    a, b, c = (Tensor(x, requires_grad=True) for x in (2.0, -3.0, 10.0))
    y = (a * b + c) * a  # (−6 + 10) · 2
    y.backward()
    assert (y.item(), a.grad, b.grad, c.grad) == (8, 4 + 2 * -3, 4, 2)


def test_a_diamond_counts_each_path_once():
    x = Tensor(3.0, requires_grad=True)
    left, right = x * x, x + 1
    y = left * right + left
    y.backward()
    assert x.grad == 3 * 9 + 2 * 3 * 2  # x³ + 2x²


def test_many_diamonds_in_a_row_are_walked_once_each():
    """2⁶⁰ paths: whoever follows each of them never comes back."""
    calls = []

    @operation()
    def twice(a, b):
        return a + b

    @twice.differentiate
    def _twice(g, y, a, b):
        calls.append(1)
        return lambda: g, lambda: g

    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = twice(y, y)
    y.backward()
    assert x.grad == 2.0**60
    assert len(calls) == 60


def test_a_chain_of_100_000_goes_forward_back_and_away_without_recursion():
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 0.5
    assert sys.getrecursionlimit() < 100_000
    y.backward()
    assert x.grad == 1
    assert len(newest_first(y)) == 100_001
    del y
    gc.collect()
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (g,) = gradients(y, [x], graph=True)
    assert g.item() == 1


def test_a_second_backward_adds_the_same_once_more_and_nothing_between_counts_twice():
    x = Tensor([1.0, 2.0], requires_grad=True)
    h = x * x
    y = (h * h).sum()
    y.backward()
    first = x.grad.copy()
    np.testing.assert_array_equal(first, [4, 32])
    y.backward()
    np.testing.assert_array_equal(x.grad, 2 * first)
    assert h.grad is None  # kept nowhere, so it cannot pile up
    x.zero_grad()
    y.backward()
    np.testing.assert_array_equal(x.grad, first)


def test_two_results_that_share_a_part_add_up():
    x = Tensor(2.0, requires_grad=True)
    h = x * x
    (3 * h).backward()
    (h + x).backward()
    assert x.grad == 3 * 4 + 4 + 1


def test_gradients_touch_no_grad_and_reach_what_lies_between():
    x = Tensor(2.0, requires_grad=True)
    h = x * x
    y = h * x
    g_h, g_x, g_y = gradients(y, [h, x, y])
    assert (g_h.item(), g_x.item(), g_y.item()) == (2, 12, 1)
    assert x.grad is None
    assert not g_x.requires_grad


def test_what_y_does_not_depend_on_has_gradient_zero():
    x, other = Tensor(2.0, requires_grad=True), Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    g = gradients(x * x, [other])[0]
    assert (g.shape, g.dtype, g.data.any()) == ((2, 3), np.float32, np.False_)


def test_only_the_wanted_branch_is_walked():
    def never(g, y, x):
        raise AssertionError("this branch was not asked for")

    closed = Operation(np.cos)
    closed.differentiate(never)
    x, z = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    y = x * x + closed(z)
    assert gradients(y, [x])[0].item() == 4
    with pytest.raises(AssertionError, match="not asked for"):
        y.backward()


def test_a_constant_costs_no_gradient():
    def never():
        raise AssertionError("nobody asked for the gradient of a constant")

    half = Operation(np.multiply)
    half.differentiate(lambda g, y, a, b: (lambda: g * b, never))
    x = Tensor(2.0, requires_grad=True)
    half(x, Tensor(5.0)).backward()
    assert x.grad == 5


def test_gradients_of_gradients_and_mixed_partials():
    x, y = Tensor(1.5, requires_grad=True), Tensor(-0.5, requires_grad=True)
    f = ag.exp(x * y) * x**3
    f_x, f_y = gradients(f, [x, y], graph=True)
    (f_xy,), (f_yx,) = gradients(f_x, [y]), gradients(f_y, [x], graph=True)
    assert f_xy.item() == pytest.approx(f_yx.item(), rel=1e-13)
    # f_y = x⁴ e^xy, so f_xy = (4x³ + x⁴y) e^xy, and f_xyx follows
    a, b, e = 1.5, -0.5, math.exp(-0.75)
    assert f_xy.item() == pytest.approx((4 * a**3 + a**4 * b) * e, rel=1e-13)
    f_yxx = gradients(f_yx, [x])[0]
    wanted = (12 * a**2 + 4 * a**3 * b + (4 * a**3 + a**4 * b) * b) * e
    assert f_yxx.item() == pytest.approx(wanted, rel=1e-12)


def test_backward_of_a_gradient_penalty_equals_torchs():
    W, X = random(14, 3, 4), random(15, 5, 4)
    w, t = Tensor(W, requires_grad=True), torch.tensor(W, requires_grad=True)
    (g,) = gradients((ag.tanh(X @ w.T) ** 2).sum(), [w], graph=True)
    (g * g).sum().backward()
    (h,) = torch.autograd.grad((torch.tanh(torch.tensor(X) @ t.T) ** 2).sum(), t, create_graph=True)
    (h * h).sum().backward()
    np.testing.assert_allclose(w.grad, t.grad.numpy(), rtol=1e-10)


def test_no_grad_records_nothing_also_inside_itself_and_after_an_error():
    x = Tensor(2.0, requires_grad=True)
    with no_grad():
        with no_grad():
            assert not (x * x).requires_grad
        assert not (x * x).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    y = x * x
    assert y.requires_grad
    with no_grad():
        y.backward()  # what is recorded can be walked anywhere
        g = gradients(y, [x], graph=True)[0]
    assert (x.grad, g.requires_grad) == (4, True)


def test_detach_is_a_constant_with_the_same_numbers():
    x = Tensor(3.0, requires_grad=True)
    (x * x.detach()).backward()
    assert x.grad == 3
    assert np.shares_memory(x.detach().data, x.data)


# ---- Changes after use -----------------------------------------------------------------------------------------------

READERS = {
    "multiply": lambda x: x * Tensor([2.0, 3.0], requires_grad=True),
    "matmul": lambda x: x @ Tensor([2.0, 3.0], requires_grad=True),
    "power": lambda x: x**3,
    "divide": lambda x: 1 / x,
    "tanh": ag.tanh,
    "relu": ag.relu,
    "max": lambda x: x.max(),
    "softmax": ag.softmax,
    "einsum": lambda x: ag.einsum("i,i->", x, x),
}
LINEAR = {
    "add": lambda x: x + 1,
    "subtract": lambda x: 3 - x,
    "negative": lambda x: -x,
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.reshape(2, 1).sum(axis=0),
    "reshape": lambda x: x.reshape(2, 1),
    "take": lambda x: x[[0, 0, 1]],
    "concatenate": lambda x: ag.concatenate(x, x),
    "where": lambda x: ag.where([True, False], x, 0),
    "transpose": lambda x: x.reshape(1, 2).T.mT,
    "astype": lambda x: x.astype(np.float32),
}


@pytest.mark.parametrize("name", READERS)
def test_assigning_after_use_is_refused_where_the_old_numbers_are_needed(name):
    x = Tensor([0.5, 1.5], requires_grad=True)
    y = READERS[name](x).sum()
    x.assign([9.0, 9.0])
    with pytest.raises(RuntimeError, match=r"shape \(2,\) was assigned to after .* go backward first"):
        y.backward()


@pytest.mark.parametrize("name", LINEAR)
def test_assigning_after_use_is_right_where_they_are_not(name):
    x, again = (Tensor([0.5, 1.5], requires_grad=True) for _ in "ab")
    y, z = LINEAR[name](x).sum(), LINEAR[name](again).sum()
    before = y.item()
    x.assign([9.0, 9.0])
    y.backward()
    z.backward()
    assert y.item() == before
    np.testing.assert_array_equal(x.grad, again.grad)


def test_assigning_keeps_dtype_and_older_results():
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    view, values = x.reshape(2, 1), np.array([3.0, 4.0])
    x.assign(values)
    values[0] = 7
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.data, [3, 4])
    np.testing.assert_array_equal(view.data, [[1], [1]])
    x.assign(Tensor([5.0, 6.0]))
    np.testing.assert_array_equal(x.data, [5, 6])


CHANGED = {
    "a factor": (np.array([2.0, 3.0]), lambda x, c: x * c, 0),
    "a matrix": (np.eye(2), lambda x, c: c @ x, 0),
    "an index": (np.array([0, 0]), lambda x, c: x[c], 1),
    "a condition": (np.array([True, False]), lambda x, c: ag.where(c, x, 0), 1),
    "targets": (np.array(0), lambda x, c: ag.cross_entropy(x, c), 1),
    "exponents": (np.array([2.0, 3.0]), lambda x, c: x**c, 0),
}


@pytest.mark.parametrize("name", CHANGED)
def test_an_array_from_outside_may_change_before_the_way_back(name):
    array, f, new = CHANGED[name]
    results = []
    for change in (False, True):
        x, c = Tensor([0.5, 1.5], requires_grad=True), array.copy()
        y = f(x, c).sum()
        if change:
            c[...] = new
        y.backward()
        results.append(x.grad)
        assert c.flags.writeable
    np.testing.assert_array_equal(*results)


def test_the_gradient_given_to_backward_stays_the_callers_own():
    x, u = Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    (x + 0).backward(u)
    assert u.flags.writeable
    assert not np.shares_memory(x.grad, u)
    x.grad *= 0.5  # as when gradients are clipped
    np.testing.assert_array_equal(u, [3, 4])


def test_data_is_read_only_and_nobody_elses():
    array = np.ones(3)
    x = Tensor(array, requires_grad=True)
    array[0] = 5
    np.testing.assert_array_equal(x.data, 1)
    for tensor in (x, x * 2, x.reshape(3, 1), x[:2], x.detach()):
        with pytest.raises(ValueError, match="read-only"):
            tensor.data[0] = 1


# ---- Kinds of numbers ------------------------------------------------------------------------------------------------


@given(
    st.sampled_from([np.float16, np.float32, np.float64]),
    st.sampled_from([np.float32, np.float64, np.int64, np.bool_, int, float]),
    st.sampled_from(["+", "-", "*", "/", "@"]),
)
def test_gradients_have_the_dtype_of_their_leaf_and_results_that_of_numpy(mine, other, sign):
    operators = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: b - a,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "@": lambda a, b: a @ b,
    }
    x = np.array([1.0, 2.0, 4.0], mine)
    c = other(2) if other in (int, float) and sign != "@" else np.ones(3, other)
    f = operators[sign]
    leaf = Tensor(x, requires_grad=True)
    y = f(leaf, c)
    assert y.dtype == f(x, c).dtype
    np.testing.assert_array_equal(y.data, f(x, c))
    y.sum().backward()
    assert leaf.grad.dtype == mine
    assert gradients(y.sum(), [leaf])[0].dtype == mine
    assert gradients(y.sum(), [leaf], graph=True)[0].dtype == mine


def test_a_coarser_type_in_between_rounds_the_gradient_too():
    x = Tensor(np.float32(1.0), requires_grad=True)
    y = x.astype(np.float16) * 2
    assert y.dtype == np.float16
    (y.astype(np.float32) * 1e-9).backward()
    assert (x.grad.dtype, x.grad) == (np.float32, 0)  # 2·10⁻⁹ is nothing in float16


def test_a_single_number_stays_an_array_without_axes():
    x = Tensor(2.0, requires_grad=True)
    y = x * 3 + x**2
    assert isinstance(y.data, np.ndarray)
    assert (y.shape, y.ndim, y.size, float(y), y.item()) == ((), 0, 1, 10, 10)
    y.backward()
    y.backward()
    assert isinstance(x.grad, np.ndarray)
    assert x.grad.shape == ()


# ---- Numpy's own operators -------------------------------------------------------------------------------------------

LEFT = {
    "an array": np.array([1.0, 2.0, 3.0]),
    "numpy's number": np.float64(2),
    "float32": np.float32(2),
    "a number": 2,
    "a list": [1.0, 2.0, 3.0],
}
SIGNS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("kind", LEFT)
def test_what_stands_left_of_a_tensor_leaves_the_operation_to_it(kind, sign):
    left, f = LEFT[kind], SIGNS[sign]
    x = Tensor([0.5, 1.5, 2.5], requires_grad=True)
    y = f(left, x)
    assert type(y) is Tensor
    np.testing.assert_allclose(y.data, f(np.asarray(left), x.data), rtol=1e-15)
    y.sum().backward()
    peer = torch.tensor([0.5, 1.5, 2.5], dtype=torch.float64, requires_grad=True)
    f(torch.tensor(left, dtype=torch.float64), peer).sum().backward()
    # the logarithm of a float32 base has float32's digits
    np.testing.assert_allclose(x.grad, peer.grad.numpy(), rtol=1e-7 if kind == "float32" else 1e-13)


def test_an_array_times_a_tensor_by_matmul():
    x = Tensor(np.eye(3), requires_grad=True)
    assert type(np.ones((2, 3)) @ x) is Tensor
    assert type([[1.0, 2.0, 3.0]] @ x) is Tensor


def test_comparisons_give_truth_values_from_either_side():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    for found, wanted in [
        (x > 2, [0, 0, 1]),
        (x >= 2, [0, 1, 1]),
        (x < 2, [1, 0, 0]),
        (x <= x, [1, 1, 1]),
        (x == 2, [0, 1, 0]),
        (x != 2, [1, 0, 1]),
        (np.array([2.0, 2.0, 2.0]) > x, [1, 0, 0]),
        (np.float64(2) <= x, [0, 1, 1]),
        (2 == x, [0, 1, 0]),
    ]:
        assert isinstance(found, np.ndarray)
        assert found.dtype == bool
        np.testing.assert_array_equal(found, np.array(wanted, bool))
    assert {x: 1}[x] == 1  # still a key, for what it is


def test_constants_go_into_numpy_and_tensors_with_a_history_do_not():
    assert np.asarray(Tensor([1.0, 2.0])).sum() == 3
    with pytest.raises(TypeError, match="numpy would lose"):
        np.asarray(Tensor(1.0, requires_grad=True))


def test_functions_on_arrays_alone_are_plain_numpy():
    A = random(1, 2, 3)
    assert isinstance(ag.softmax(A), np.ndarray)
    np.testing.assert_array_equal(ag.einsum("ij->ji", A), A.T)
    np.testing.assert_array_equal(ag.where(A > 0, A, 0), np.where(A > 0, A, 0))
    assert ag.exp(0.0) == 1


def test_a_tensor_prints_its_numbers_and_where_it_came_from():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "Tensor([1., 2.], requires_grad)"
    assert repr(x * 2) == "Tensor([2., 4.], from multiply)"
    assert repr(Tensor(3.0)) == "Tensor(3.)"
    assert len(x) == 2


# ---- The check itself ------------------------------------------------------------------------------------------------


def planted(derivative):
    wrong = Operation(np.sin)
    wrong.differentiate(derivative)
    return wrong


cosine = Operation(np.cos)
sine = planted(lambda g, y, x: (lambda: g * cosine(x),))
cosine.differentiate(lambda g, y, x: (lambda: -g * sine(x),))


def test_the_check_passes_a_right_derivative_in_both_orders():
    for order in (1, 2):
        assert grad_check(sine, random(1, 2, 3), order=order, rng=np.random.default_rng(0)) < 1e-8


WRONG = {
    "the sign": lambda g, y, x: (lambda: -g * cosine(x),),
    "a factor": lambda g, y, x: (lambda: 1.01 * g * cosine(x),),
    "a constant": lambda g, y, x: (lambda: g * np.cos(ag.engine.numbers(x)) + 1e-3,),
    "one entry": lambda g, y, x: (lambda: g * cosine(x) * (np.arange(x.size).reshape(x.shape) != 2),),
    "not a number": lambda g, y, x: (lambda: g * np.nan,),
    "nothing": lambda g, y, x: (lambda: g * 0,),
}


@pytest.mark.parametrize("shape", [(2, 3), (9, 11)])
@pytest.mark.parametrize("name", WRONG)
def test_the_check_notices_a_wrong_derivative(name, shape):
    assert not grad_check(planted(WRONG[name]), random(1, *shape), rng=np.random.default_rng(0)) < 1e-4


def test_the_check_notices_a_wrong_second_derivative_behind_a_right_first():
    flat = Operation(np.cos)
    flat.differentiate(lambda g, y, x: (lambda: g * sine(x),))  # the sign is missing
    f = planted(lambda g, y, x: (lambda: g * flat(x),))
    rng = np.random.default_rng(0)
    assert grad_check(f, random(1, 4), rng=rng) < 1e-8
    assert grad_check(f, random(1, 4), order=2, rng=rng) > 0.1
    lost = planted(lambda g, y, x: (lambda: g * np.cos(ag.engine.numbers(x)),))  # right, and without a history
    assert grad_check(lost, random(1, 4), rng=rng) < 1e-8
    assert grad_check(lost, random(1, 4), order=2, rng=rng) > 0.1


def test_the_check_notices_a_mistake_in_one_of_two_inputs():
    wrong = Operation(np.multiply)
    wrong.differentiate(lambda g, y, a, b: (lambda: g * b, lambda: g * b))
    assert grad_check(wrong, random(1, 3), random(2, 3), rng=np.random.default_rng(0)) > 0.1


def test_assigned_numbers_are_copied_unless_they_are_handed_over():
    w = Tensor(np.zeros(3), requires_grad=True)
    kept, given = np.ones(3), np.full(3, 2.0)
    w.assign(kept)
    kept[0] = 9
    np.testing.assert_array_equal(w.data, 1)
    w.assign(given, copy=False)
    assert np.shares_memory(w.data, given)
    with pytest.raises(ValueError, match="read-only"):
        given[0] = 9
    w.assign(np.full(3, 3, np.float32), copy=False)  # of another type, so a copy after all
    assert w.dtype == w.data.dtype == np.float64


def test_numbers_handed_over_are_noticed_on_the_way_back():
    w = Tensor(np.ones(3), requires_grad=True)
    y = (w * w).sum()
    w.assign(np.zeros(3), copy=False)
    with pytest.raises(RuntimeError, match="assigned to"):
        y.backward()
