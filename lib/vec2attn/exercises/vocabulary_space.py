"""Answers to the exercises of notebook 1.3, Vocabulary space."""

import math

import numpy as np

from vec2attn.datasets import smollm2_logits, smollm2_tokens
from vec2attn.exercises import Exercise
from vec2attn.softmax import softmax


def _batches() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(132)
    return [(rng.normal(size=(3, 4)) * 3,), (rng.normal(size=(2, 5)) + 1000,), (rng.normal(size=(4, 2)) - 1000,)]


def _no_shift(Z: np.ndarray) -> np.ndarray:
    E = np.exp(Z)
    return E / E.sum(axis=-1, keepdims=True)


def _one_sum(Z: np.ndarray) -> np.ndarray:
    E = np.exp(Z - Z.max())
    return E / E.sum()


def _log_odds(p: float) -> float:
    return math.log(p / (1 - p))


def _cities() -> dict[str, float]:
    """Return probability and logit of the two cities in the real distribution."""
    z, tokens = smollm2_logits("australia").astype(np.float64), smollm2_tokens()
    p = softmax(z)
    sydney, canberra = tokens.index(" Sydney"), tokens.index(" Canberra")
    return {"p": float(p[canberra]), "behind": float(z[sydney] - z[canberra])}


def _distributions() -> list[tuple[np.ndarray, float]]:
    rng = np.random.default_rng(134)
    spread = softmax(rng.normal(size=9) * 2)
    return [(spread, 0.5), (spread, 0.8), (spread, 0.99), (np.array([0.1, 0.6, 0.3]), 0.6), (np.array([0.25] * 4), 0.3)]


def _nucleus_size(p: np.ndarray, share: float) -> int:
    return int((_running(p)[:-1] < share).sum()) + 1


def _running(p: np.ndarray, descending: bool = True) -> np.ndarray:
    ordered = np.sort(p)
    return np.cumsum(ordered[::-1] if descending else ordered)


EXERCISES = {
    "1.3/1": Exercise(
        right=lambda: np.array([1, 2, 5]) / 8,
        mistakes={
            "the logits divided by their sum; the exponential is missing": lambda: (
                np.log([1, 2, 5]) / np.log([1, 2, 5]).sum()
            ),
            "exponentials that are not divided by their sum": lambda: np.array([1.0, 2.0, 5.0]),
            "the arg max: softmax leaves something for everyone": lambda: np.array([0.0, 0.0, 1.0]),
        },
        praise="The exponential of ln 2 is 2: a logit is a logarithm of odds.",
        tolerance=1e-3,
    ),
    "1.3/2": Exercise(
        right=softmax,
        inputs=_batches,
        mistakes={
            "exponentials of the logits as they are, which overflow or vanish; shift first": _no_shift,
            "the wrong axis: here the columns sum to 1, but every row is one position": lambda Z: softmax(Z, axis=0),
            "one sum for the whole array: all entries together sum to 1, but each row must": _one_sum,
            "the logarithms of the probabilities": lambda Z: np.log(softmax(Z)),
        },
        praise="Every row sums to 1, also at logits of ±1000.",
    ),
    "1.3/3": Exercise(
        right=lambda: -_log_odds(_cities()["p"]),
        mistakes={
            "the gap to ␣Sydney: that makes the two equal, not one half": lambda: _cities()["behind"],
            "ln(0.5/p), as if the other probabilities stayed; they shrink when this one grows": lambda: math.log(
                0.5 / _cities()["p"]
            ),
            "a difference of probabilities; the question is about the logit": lambda: 0.5 - _cities()["p"],
            "the odds without their logarithm": lambda: (1 - _cities()["p"]) / _cities()["p"],
        },
        praise="Adding δ to one logit multiplies the odds of its token by e^δ, whatever the other tokens are.",
        tolerance=1e-3,
    ),
    "1.3/4": Exercise(
        right=_nucleus_size,
        inputs=_distributions,
        mistakes={
            "the token that crosses p is left out: the set must reach p": lambda p, share: (_running(p) < share).sum(),
            "sorted from the least probable up": lambda p, share: (_running(p, False) < share).sum() + 1,
            "not sorted: the tokens are taken in the order of the vocabulary": lambda p, share: (
                (np.cumsum(p) < share).sum() + 1
            ),
            "one token too many: a sum that equals p has reached it": lambda p, share: (_running(p) <= share).sum() + 1,
            "the number of tokens whose own probability is at least p": lambda p, share: (p >= share).sum(),
        },
        praise="Smallest set that reaches p, the crossing token included.",
        tolerance=1e-9,
    ),
}
