"""Layers, optimisers and minibatches: every refusal says what was met. Run without jaxtyping's hook."""

import math

import numpy as np
import pytest

from vec2attn.autograd import Tensor
from vec2attn.nn import MLP, Embedding, LayerNorm, Linear
from vec2attn.optim import SGD, Adam, AdamW, LossScaler, minibatches

RNG = np.random.default_rng(5)
W = Tensor([1.0], requires_grad=True)


def with_gradient_of_another_shape():
    w = Tensor([1.0], requires_grad=True)
    w.grad = np.ones(2)
    SGD([w], 0.1).step()


REFUSALS = {
    "other features": (lambda: Linear(4, 3, rng=RNG)(Tensor(np.ones((2, 5)))), r"takes 4 features.*\(2, 5\)"),
    "no output": (lambda: Linear(4, 0, rng=RNG), "got 4 and 0"),
    "a norm for others": (lambda: LayerNorm(4)(Tensor(np.ones((2, 5)))), "for 4 features"),
    "no such row": (lambda: Embedding(4, 2, rng=RNG)([4]), "0 … 3"),
    "half a row": (lambda: Embedding(4, 2, rng=RNG)([0.5]), "whole numbers"),
    "one size": (lambda: MLP([4], rng=RNG), r"got \[4\]"),
    "no parameters": (lambda: SGD([], 0.1), "no parameter to optimise"),
    "a constant": (lambda: SGD([Tensor([1.0])], 0.1), "parameter 0 requires no gradient"),
    "a rate of 0": (lambda: SGD([W], 0.0), "must be positive and finite; got 0"),
    "a rate of NaN": (lambda: SGD([W], math.nan), "learning rate .* got nan"),
    "an infinite rate": (lambda: Adam([W], math.inf), "learning rate .* got inf"),
    "momentum NaN": (lambda: SGD([W], 0.1, momentum=math.nan), r"\[0, 1\); got nan"),
    "momentum 1": (lambda: SGD([W], 0.1, momentum=1.0), r"\[0, 1\); got 1"),
    "Nesterov without momentum": (lambda: SGD([W], 0.1, nesterov=True), "give one"),
    "beta 1": (lambda: Adam([W], betas=(1.0, 0.9)), "two betas .* got .1.0, 0.9."),
    "one beta": (lambda: Adam([W], betas=(0.9,)), "two betas .* got .0.9,."),
    "eps 0": (lambda: Adam([W], eps=0.0), "finite eps"),
    "negative decay": (lambda: AdamW([W], weight_decay=-1.0), "weight_decay .* got -1"),
    "decay NaN": (lambda: AdamW([W], weight_decay=math.nan), "weight_decay .* got nan"),
    "infinite decay": (lambda: AdamW([W], weight_decay=math.inf), "weight_decay .* got inf"),
    "no rows": (lambda: minibatches(0, 4, RNG), "n must be a whole number from 1 on; got 0"),
    "minibatches of nothing": (lambda: minibatches(8, 0, RNG), "size must be .* got 0"),
    "another gradient's shape": (with_gradient_of_another_shape, r"parameter 0 has shape \(1,\); its grad has \(2,\)"),
    "no gradients": (lambda: SGD([W], 0.1).step(), r"call backward\(\)"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()


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
