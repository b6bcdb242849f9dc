"""Layers and optimisers on our own engine: the same losses as torch, step by step, from the same first weights."""

import numpy as np
import pytest
import torch
from torch import nn as tnn

from vec2attn.autograd import Tensor, cross_entropy, grad_check
from vec2attn.nn import MLP, Embedding, LayerNorm, Linear
from vec2attn.optim import SGD, Adam, AdamW, LossScaler

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


RNG = np.random.default_rng(5)
W = Tensor([1.0], requires_grad=True)
REFUSALS = {
    "other features": (lambda: Linear(4, 3, rng=RNG)(Tensor(np.ones((2, 5)))), r"takes 4 features.*\(2, 5\)"),
    "no output": (lambda: Linear(4, 0, rng=RNG), "got 4 and 0"),
    "a norm for others": (lambda: LayerNorm(4)(Tensor(np.ones((2, 5)))), "for 4 features"),
    "no such row": (lambda: Embedding(4, 2, rng=RNG)([4]), "0 … 3"),
    "half a row": (lambda: Embedding(4, 2, rng=RNG)([0.5]), "whole numbers"),
    "one size": (lambda: MLP([4], rng=RNG), r"got \[4\]"),
    "no parameters": (lambda: SGD([], 0.1), "no parameter to optimise"),
    "a constant": (lambda: SGD([Tensor([1.0])], 0.1), "parameter 0 requires no gradient"),
    "a rate of 0": (lambda: SGD([W], 0.0), "must be positive; got 0"),
    "momentum 1": (lambda: SGD([W], 0.1, momentum=1.0), r"\[0, 1\); got 1"),
    "Nesterov without momentum": (lambda: SGD([W], 0.1, nesterov=True), "give one"),
    "beta 1": (lambda: Adam([W], betas=(1.0, 0.9)), "betas"),
    "negative decay": (lambda: AdamW([W], weight_decay=-1.0), "must not be negative"),
    "no gradients": (lambda: SGD([W], 0.1).step(), r"call backward\(\)"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()


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


SMALL = Tensor(np.ones(2, np.float16), requires_grad=True)


def step_with(parameter, grad, scale=1.0):
    parameter.grad = np.asarray(grad, parameter.dtype)
    LossScaler(scale).step(SGD([parameter], 0.1))


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: LossScaler(0.0), ValueError, "positive finite number; got 0"),
        (lambda: LossScaler(float("nan")), ValueError, "got nan"),
        (lambda: LossScaler(interval=0), ValueError, "interval must be a whole number"),
        (lambda: step_with(SMALL, [1, 1]), ValueError, "keep them in float32"),
        (
            lambda: step_with(W, [np.nan], 2.0**-24),
            FloatingPointError,
            "NaN or infinite with every scale",
        ),
        (lambda: LossScaler().step(SGD([Tensor([1.0], requires_grad=True)], 0.1)), ValueError, r"call backward\(\)"),
    ],
    ids=["scale 0", "scale NaN", "interval 0", "float16 weights", "never finite", "no gradients"],
)
def test_the_scaler_refuses(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
