"""Layers and optimisers on our own engine: the same losses as torch, step by step, from the same first weights."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn as tnn

from vec2attn.autograd import Tensor, cross_entropy, grad_check
from vec2attn.nn import MLP, Embedding, LayerNorm
from vec2attn.optim import SGD, Adam, AdamW, LossScaler, minibatches

METHODS = {
    "SGD": (lambda p: SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "momentum": (lambda p: SGD(p, 0.05, momentum=0.9), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
    "Nesterov": (
        lambda p: SGD(p, 0.05, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    ),
    "Adam": (lambda p: Adam(p, 0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "AdamW": (lambda p: AdamW(p, 0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)),
}


@pytest.mark.parametrize("method", METHODS)
def test_every_loss_of_training_is_torchs(method):
    rng = np.random.default_rng(0)
    ours = MLP([7, 6, 5, 3], rng=rng, dtype=np.float64)
    layers = [tnn.Linear(7, 6), tnn.ReLU(), tnn.Linear(6, 5), tnn.ReLU(), tnn.Linear(5, 3)]
    theirs = tnn.Sequential(*layers).double()
    with torch.no_grad():
        for mine, peer in zip(ours.parameters(), theirs.parameters(), strict=True):
            peer.copy_(torch.tensor(mine.data))
    mine, peer = (make(net.parameters()) for make, net in zip(METHODS[method], (ours, theirs), strict=True))
    losses = []
    for _ in range(60):
        X, y = rng.standard_normal((11, 7)), rng.integers(0, 3, 11)
        loss = cross_entropy(ours(Tensor(X)), y)
        other = tnn.functional.cross_entropy(theirs(torch.tensor(X)), torch.tensor(y))
        for optimiser, value in ((mine, loss), (peer, other)):
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
        losses.append((loss.item(), other.item()))
    np.testing.assert_allclose(*zip(*losses, strict=True), rtol=1e-9)
    assert losses[0] != losses[-1]


def test_layer_norm_is_torchs_and_its_gradient_right():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((4, 3, 6)) * 3 + 1
    layer = LayerNorm(6, dtype=np.float64)
    layer.gamma.assign(rng.standard_normal(6))
    layer.beta.assign(rng.standard_normal(6))
    gamma, beta = (torch.tensor(p.data) for p in layer.parameters())
    peer = tnn.functional.layer_norm(torch.tensor(X), (6,), gamma, beta)
    np.testing.assert_allclose(layer(Tensor(X)).data, peer.numpy(), atol=1e-12)
    assert grad_check(layer, X[0], rng=rng) < 1e-6


def test_an_embedding_looks_rows_up_and_adds_the_gradients_of_repeats():
    layer = Embedding(5, 3, rng=np.random.default_rng(2), dtype=np.float64)
    layer([[1, 4], [1, 0]]).sum().backward()
    np.testing.assert_array_equal(layer.table.grad, np.outer([1, 2, 0, 0, 1], np.ones(3)))
    np.testing.assert_array_equal(layer([4]).data, layer.table.data[[4]])


def test_parameters_are_found_once_each():
    net = MLP([4, 3, 2], rng=np.random.default_rng(3))
    assert [p.shape for p in net.parameters()] == [(3, 4), (3,), (2, 3), (2,)]
    net.again = net.layers[0]
    assert len(net.parameters()) == 4
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}


def test_first_weights_keep_the_size_of_signals_through_relu():
    rng = np.random.default_rng(4)
    net = MLP([200] * 12, rng=rng)
    X = rng.standard_normal((50, 200)).astype(np.float32)
    assert 0.2 < net(Tensor(X)).data.std() / np.sqrt(2) < 5


def test_an_epoch_takes_every_row_once_in_an_order_of_its_own():
    rng = np.random.default_rng(6)
    parts = minibatches(11, 4, rng)
    assert [len(part) for part in parts] == [4, 4, 3]
    assert sorted(np.concatenate(parts)) == list(range(11))
    first, second = (np.concatenate(minibatches(200, 7, rng)) for _ in range(2))
    assert (first != np.arange(200)).any()
    assert (first != second).any()


def test_one_minibatch_of_all_rows_where_there_are_fewer_than_asked_for():
    (whole,) = minibatches(3, 5, np.random.default_rng(7))
    assert sorted(whole) == [0, 1, 2]


def test_the_same_generator_gives_the_same_minibatches():
    one, other = (minibatches(9, 2, np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(np.concatenate(one), np.concatenate(other))


def test_adams_first_step_has_the_length_of_the_rate_whatever_the_gradient():
    w = Tensor(np.zeros(3), requires_grad=True)
    w.grad = np.array([1e-3, -5.0, 1e6])
    Adam([w], 0.25, eps=1e-12).step()
    np.testing.assert_allclose(w.data, [-0.25, 0.25, -0.25], rtol=1e-8)


@given(st.floats(1e-3, 1e3), st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_adam_does_not_see_the_scale_of_the_loss(scale, steps):
    gradients = np.random.default_rng(9).normal(size=(steps, 4))
    ends = []
    for factor in (1.0, scale):
        w = Tensor(np.ones(4), requires_grad=True)
        optimiser = Adam([w], 0.1, eps=1e-14)
        for g in gradients:
            w.grad = factor * g
            optimiser.step()
        ends.append(w.data)
    np.testing.assert_allclose(*ends, rtol=1e-8)


def test_velocity_and_running_means_by_hand():
    moved = {}
    for make in (lambda p: SGD(p, 0.1, momentum=0.5), lambda p: Adam(p, 0.1, betas=(0.5, 0.75))):
        w = Tensor([0.0], requires_grad=True)
        optimiser = make([w])
        for g in (4.0, 2.0):
            w.grad = np.array([g])
            optimiser.step()
        moved[type(optimiser)] = w.data[0]
    assert moved[SGD] == pytest.approx(-0.1 * (4 + (2 + 0.5 * 4)))
    m, s = (0.5 * 2 + 1) / (1 - 0.5**2), (0.75 * 4 + 1) / (1 - 0.75**2)  # m was 2, s was 4
    assert moved[Adam] == pytest.approx(-0.1 - 0.1 * m / np.sqrt(s))


def test_decay_shrinks_weights_without_a_gradient_by_one_factor():
    w = Tensor([1.0, -20.0], requires_grad=True)
    optimiser = AdamW([w], 0.1, weight_decay=0.5)
    for _ in range(3):
        w.grad = np.zeros(2)
        optimiser.step()
    np.testing.assert_allclose(w.data, np.array([1, -20]) * 0.95**3)


def test_a_parameter_without_a_gradient_stays():
    still, moving = (Tensor([1.0], requires_grad=True) for _ in range(2))
    moving.grad = np.array([1.0])
    SGD([still, moving], 0.5).step()
    assert (still.item(), moving.item()) == (1.0, 0.5)


def test_zero_grad_forgets_all_gradients():
    w = Tensor([1.0], requires_grad=True)
    w.grad = np.array([1.0])
    optimiser = SGD([w], 1)  # a whole number is a rate too
    optimiser.zero_grad()
    assert w.grad is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", METHODS)
def test_parameters_keep_their_type(method, dtype):
    net = MLP([3, 2], rng=np.random.default_rng(10), dtype=dtype)
    optimiser = METHODS[method][0](net.parameters())
    for _ in range(2):
        optimiser.zero_grad()
        cross_entropy(net(np.ones((2, 3), dtype)), [0, 1]).backward()
        optimiser.step()
    assert {p.dtype for p in net.parameters()} == {np.dtype(dtype)}
    assert all(p.data.dtype == dtype for p in net.parameters())


# ---- Loss scaling ----------------------------------------------------------------------------------------------------


def test_the_scaler_steps_skips_halves_and_doubles_as_torchs():
    rng = np.random.default_rng(4)
    w, peer = Tensor(np.zeros(5, np.float32), requires_grad=True), torch.zeros(5, requires_grad=True)
    ours, theirs = SGD([w], 0.1, momentum=0.9), torch.optim.SGD([peer], 0.1, momentum=0.9)
    mine, torchs = LossScaler(2.0**10, interval=3), torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
    scales, stepped = [], []
    for step in range(24):
        slope = rng.standard_normal(5).astype(np.float32)
        if step in (4, 5, 9, 15):
            slope[step % 5] = np.inf if step != 9 else np.nan
        ours.zero_grad()
        theirs.zero_grad()
        mine.scaled((w * slope).sum()).backward()
        torchs.scale((peer * torch.tensor(slope)).sum()).backward()
        stepped.append(mine.step(ours))
        torchs.step(theirs)
        torchs.update()
        assert mine.scale == torchs.get_scale()
        np.testing.assert_allclose(w.data, peer.detach().numpy(), rtol=1e-6)
        scales.append(mine.scale)
    assert [i for i, done in enumerate(stepped) if not done] == [4, 5, 9, 15]
    assert (min(scales), max(scales)) == (2.0**9, 2.0**11)


def test_a_skipped_step_leaves_weights_and_momentum_alone():
    w = Tensor(np.ones(2, np.float32), requires_grad=True)
    sgd, scaler = SGD([w], 0.5, momentum=0.9), LossScaler(4.0)
    w.grad = np.array([np.inf, 1], np.float32)
    assert not scaler.step(sgd)
    assert (scaler.scale, sgd.state) == (2.0, [None])
    np.testing.assert_array_equal(w.data, 1)
    w.grad = np.array([2, 4], np.float32)
    assert scaler.step(sgd)
    np.testing.assert_array_equal(w.data, [1 - 0.5 * 2 / 2, 1 - 0.5 * 4 / 2])


def test_scaling_rescues_gradients_that_float16_rounds_to_zero():
    w = Tensor(np.ones(3, np.float32), requires_grad=True)
    for scaler, moved in ((LossScaler(1.0), 0), (LossScaler(2.0**16), 1e-9)):
        w.assign(np.ones(3, np.float32))
        w.zero_grad()
        small = (w.astype(np.float16) * np.float16(1e-4)).astype(np.float32) * np.float32(1e-5)
        scaler.scaled(small.sum()).backward()
        assert scaler.step(SGD([w], 1.0))
        np.testing.assert_allclose(w.grad, moved, rtol=1e-2)
