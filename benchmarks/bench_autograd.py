"""The engine: one training step of a network for digits against torch, autograd, numpy by hand, an engine of scalars.

The step by hand records nothing and checks nothing: an engine over numpy can come near it and not below. The scalars
are compared by time for each FLOP, on a network that they can finish: 2 · weights · rows forward, twice that back.
Checkpoints are compared with none: time of a step, and bytes kept against the formula k + 2n/k.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks import Row, compare
from vec2attn.autograd import Tensor, checkpoint, cross_entropy, saved_bytes, tanh
from vec2attn.nn import MLP
from vec2attn.optim import SGD

BATCH, SIZES, RATE = 128, (784, 256, 10), 0.1


class Value:
    """One number that remembers its parents and the derivatives with respect to them."""

    def __init__(self, data: float, parents: tuple["Value", ...] = (), slopes: tuple[float, ...] = ()) -> None:
        self.data, self.parents, self.slopes, self.grad = data, parents, slopes, 0.0

    def __add__(self, other: "Value") -> "Value":
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: "Value") -> "Value":
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def relu(self) -> "Value":
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))

    def backward(self) -> None:
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack += [(node, True), *((parent, False) for parent in node.parents)]
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                parent.grad += node.grad * slope


def training_steps() -> tuple[Callable[[], Any], ...]:
    """Return a step of ours, of torch, of autograd and one by hand, from the same weights; their losses must agree."""
    rng = np.random.default_rng(61)
    X, y = rng.normal(size=(BATCH, SIZES[0])).astype(np.float32), rng.integers(SIZES[-1], size=BATCH)
    model = MLP(SIZES, rng=rng)
    optimizer = SGD(model.parameters(), RATE)
    linears = [torch.nn.Linear(n, m) for n, m in itertools.pairwise(SIZES)]
    peer = torch.nn.Sequential(linears[0], torch.nn.ReLU(), linears[1])
    with torch.no_grad():
        for mine, theirs in zip(model.parameters(), peer.parameters(), strict=True):
            theirs.copy_(torch.tensor(mine.data))
    weights = [p.data.copy() for p in model.parameters()]
    peer_optimizer, TX, Ty = torch.optim.SGD(peer.parameters(), RATE), torch.tensor(X), torch.tensor(y)
    constant, rows = Tensor(X), np.arange(BATCH)  # both engines have the data as a tensor of theirs

    def ours() -> float:
        optimizer.zero_grad()
        loss = cross_entropy(model(constant), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def torchs() -> float:
        peer_optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(peer(TX), Ty)
        loss.backward()
        peer_optimizer.step()
        return loss.item()

    def loss_of(parameters: list[np.ndarray]) -> Any:
        W, b, V, c = parameters
        z = anp.dot(anp.maximum(anp.dot(X, W.T) + b, 0), V.T) + c
        z = z - anp.max(z, axis=1, keepdims=True)
        return -anp.mean(z[rows, y] - anp.log(anp.sum(anp.exp(z), axis=1)))

    value_and_gradient = autograd.value_and_grad(loss_of)

    def autograds() -> float:
        loss, slopes = value_and_gradient(weights)
        for i, slope in enumerate(slopes):
            weights[i] = weights[i] - np.float32(RATE) * slope
        return float(loss)

    mine = [p.data.copy(order="K") for p in model.parameters()]

    def by_hand() -> float:
        W, b, V, c = mine
        h = X @ W.T
        h += b
        h = np.maximum(h, 0)
        z = h @ V.T
        z += c
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(p[rows, y]).mean()
        p[rows, y] -= 1
        p /= BATCH
        g = (p @ V) * (h > 0)
        for i, slope in enumerate(((X.T @ g).T, g.sum(axis=0), (h.T @ p).T, p.sum(axis=0))):
            change = np.float32(RATE) * slope
            mine[i] = np.subtract(mine[i], change, out=change)
        return float(loss)

    for _ in range(3):
        np.testing.assert_allclose([ours(), torchs(), by_hand()], autograds(), rtol=1e-4)
    return ours, torchs, autograds, by_hand


def scalar_step(sizes: tuple[int, int, int], rows: int) -> Callable[[], Any]:
    """Return a forward and backward pass through a network of scalars."""
    rng = np.random.default_rng(62)
    X = rng.normal(size=(rows, sizes[0])).tolist()
    weights = [rng.normal(size=(m, n)).tolist() for n, m in itertools.pairwise(sizes)]

    def step() -> None:
        layers = [[[Value(w) for w in row] for row in W] for W in weights]
        total = Value(0.0)
        for x in X:
            signal = [Value(v) for v in x]
            for W in layers:
                products = [[w * v for w, v in zip(row, signal, strict=True)] for row in W]
                signal = [sum(row[1:], row[0]).relu() for row in products]
            total = sum(signal, total)
        total.backward()

    return step


def checkpointed() -> list[Row]:
    """Return the time and the bytes of n layers in k segments; the gradients must be those without."""
    n, k, rows, d = 32, 8, 128, 256
    rng = np.random.default_rng(63)
    weights = [Tensor(rng.normal(size=(d, d)).astype(np.float32) / 16, requires_grad=True) for _ in range(n)]
    X = Tensor(rng.normal(size=(rows, d)).astype(np.float32))
    parts = [weights[i : i + n // k] for i in range(0, n, n // k)]

    def segment(h: Any, *part: Any) -> Any:
        for W in part:
            h = tanh(h @ W.T)
        return h

    def in_segments() -> Any:
        h = X
        for part in parts:
            h = checkpoint(segment, h, *part)
        return h

    def gradients_of(forward: Callable[[], Any]) -> list[np.ndarray]:
        for W in weights:
            W.zero_grad()
        forward().sum().backward()
        return [W.grad for W in weights]

    def whole() -> Any:
        return segment(X, *weights)

    for mine, plain in zip(gradients_of(in_segments), gradients_of(whole), strict=True):
        np.testing.assert_array_equal(mine, plain)
    given = X.data.nbytes
    kept = saved_bytes(in_segments()) - given - sum(W.data.nbytes for W in weights)
    opened = saved_bytes(segment(X, *parts[0])) - given - sum(W.data.nbytes for W in parts[0])
    what = f"checkpoints, {n} layers in {k}"
    return [
        compare(what, "none", lambda: gradients_of(in_segments), lambda: gradients_of(whole), 1.5),
        Row("bytes of their peak", "formula", kept + opened, (k + 2 * n / k) * given, 1.0),
    ]


def measure() -> list[Row]:
    """Return one row a peer, and what checkpoints cost."""
    small, rows = (32, 16, 4), 4
    ours, torchs, autograds, by_hand = training_steps()
    what = "MLP step, 784-256-10, 128 rows"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):  # one core for all: threads that wait for each other would decide the ratio
            against_scalars = compare("MLP step, time per FLOP", "scalars", ours, scalar_step(small, rows), 0.01)
            flops = [6 * n * (a * b + b * c) for n, (a, b, c) in ((BATCH, SIZES), (rows, small))]
            return [
                compare(what, "torch", ours, torchs, 1.2),
                compare(what, "autograd", ours, autograds, 0.5, rounds=45),  # near the goal: more rounds
                compare(what, "numpy by hand", ours, by_hand, 1.2, rounds=45),
                dataclasses.replace(
                    against_scalars, ours=against_scalars.ours / flops[0], theirs=against_scalars.theirs / flops[1]
                ),
                *checkpointed(),
            ]
    finally:
        torch.set_num_threads(threads)
