"""Training: bad input gets a clear error, in the reader's words (no checking hook here)."""

import numpy as np
import pytest
import torch

from vec2attn.train import (
    Bigram,
    adamw,
    bits_per_character,
    clip_gradients,
    held_out_loss,
    learning_rate,
    next_token_loss,
    train,
    windows,
)
from vec2attn.transformer import GPT, GPTConfig

IDS = torch.arange(30) % 5
RNG = np.random.default_rng(0)
BIGRAM = Bigram(np.arange(10) % 3, 3)


def gpt(bad=False):
    model = GPT(GPTConfig(vocabulary=5, length=8, d=4, heads=1, layers=1))
    if bad:
        with torch.no_grad():
            model.norm.weight.fill_(torch.nan)
    return model


def run(**changed):
    settings = {"rng": RNG, "steps": 2, "length": 8} | changed
    return list(train(gpt(settings.pop("bad", False)), IDS, IDS, **settings))


REFUSALS = {
    "a text as short as a window": (lambda: windows(IDS, 30, 2, RNG), r"window of 30 tokens .* got shape \(30,\)"),
    "a batch for a text": (lambda: windows(IDS.view(5, 6), 3, 2, RNG), r"got shape \(5, 6\)"),
    "no length": (lambda: windows(IDS, 0, 2, RNG), "length must be a whole number from 1 on; got 0"),
    "no batch": (lambda: windows(IDS, 3, 0, RNG), "batch must be a whole number from 1 on; got 0"),
    "targets that do not fit": (
        lambda: next_token_loss(torch.zeros(2, 3, 5), IDS[:2]),
        r"logits \(2, 3, 5\), targets \(2,\)",
    ),
    "no target": (lambda: next_token_loss(torch.zeros(0, 5), IDS[:0]), r"targets \(0,\)"),
    "one token": (lambda: held_out_loss(gpt(), IDS[:1], length=8), r"at least two tokens; got shape \(1,\)"),
    "no window": (lambda: held_out_loss(gpt(), IDS, length=0), "length must be a whole number"),
    "no pair": (lambda: Bigram(np.array([1]), 3), r"at least two token ids; got shape \(1,\)"),
    "fractions": (lambda: Bigram(np.array([0.5, 1.0]), 3), "token ids; got shape .* of float64"),
    "an id too large": (lambda: Bigram(np.array([0, 3]), 3), r"lie in 0 … 2; got 0 … 3"),
    "a negative id": (lambda: BIGRAM.loss(np.array([0, -1])), r"lie in 0 … 2; got -1 … 0"),
    "an id too large for a unigram": (lambda: BIGRAM.unigram_loss(np.array([0, 7])), r"got 0 … 7"),
    "no smoothing": (lambda: Bigram(np.array([0, 1]), 3, k=0), "no pair is impossible; got 0"),
    "NaN smoothing": (lambda: Bigram(np.array([0, 1]), 3, k=np.nan), "got nan"),
    "a negative loss": (lambda: bits_per_character(-0.1, 3, 3), "never negative; got -0.1"),
    "a NaN loss": (lambda: bits_per_character(float("nan"), 3, 3), "holds a NaN"),
    "no characters": (lambda: bits_per_character(1.0, 3, 0), "characters must be a whole number from 1 on; got 0"),
    "past the end": (lambda: learning_rate(1.1, 1.0), "got used=1.1"),
    "only warm-up": (lambda: learning_rate(0.5, 1.0, warmup=1), "warmup=1"),
    "a floor above the peak": (lambda: learning_rate(0.5, 1.0, floor=2), "floor=2"),
    "no peak": (lambda: learning_rate(0.5, 0), "peak=0"),
    "a NaN peak": (lambda: learning_rate(0.5, float("nan")), "peak=nan"),
    "no gradient": (lambda: clip_gradients(gpt(), 1.0), "call backward"),
    "gradients that are not finite": (lambda: run(bad=True), "length of the gradient is nan: has the loss grown"),
    "no step": (lambda: run(steps=0), "steps must be a whole number from 1 on; got 0"),
    "no report": (lambda: run(every=0), "every must be a whole number from 1 on; got 0"),
    "no time": (lambda: run(seconds=0), "seconds must be positive; got 0"),
    "negative decay": (lambda: run(weight_decay=-1.0), "weight_decay must not be negative; got -1.0"),
    "no parameter": (lambda: adamw(torch.nn.ReLU()), "no parameter to train"),
    "no length to clip to": (lambda: run(clip=0), "positive length; got 0"),
    "a window longer than the model knows": (lambda: run(length=9), "knows 8 positions; got 9"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()
