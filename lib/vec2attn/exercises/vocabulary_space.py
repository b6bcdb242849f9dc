"""Answers to the exercises of notebook 1.3, Vocabulary space."""

import math

import numpy as np

from vec2attn.datasets import smollm2_logits, smollm2_tokens
from vec2attn.exercises import Exercise
from vec2attn.softmax import log_softmax, softmax


def _batches() -> list[tuple[np.ndarray]]:
    """Return arrays whose rows differ in level, and one with a probability that is rounded to 0."""
    rng = np.random.default_rng(132)
    levels = np.array([[0.0, 1, 2], [-1000, -999, -998]])
    return [(levels,), (np.array([[0.0, -2000.0]]),), (rng.normal(size=(3, 4)) * 3,), (rng.normal(size=(4, 2)) + 1e4,)]


def _no_shift(Z: np.ndarray) -> np.ndarray:
    return Z - np.log(np.exp(Z).sum(axis=-1, keepdims=True))


def _one_maximum(Z: np.ndarray) -> np.ndarray:
    shifted = Z - Z.max()
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _one_sum(Z: np.ndarray) -> np.ndarray:
    shifted = Z - Z.max()
    return shifted - np.log(np.exp(shifted).sum())


def _cities() -> tuple[float, float, float]:
    """Return the probability of Canberra, its logit, and by how much Sydney's is larger, in the real distribution."""
    z, tokens = smollm2_logits("australia").astype(np.float64), smollm2_tokens()
    sydney, canberra = tokens.index(" Sydney"), tokens.index(" Canberra")
    return float(softmax(z)[canberra]), float(z[canberra]), float(z[sydney] - z[canberra])


def _log_odds() -> float:
    p, _, _ = _cities()
    return math.log(p / (1 - p))


def _distributions() -> list[tuple[np.ndarray, float]]:
    rng = np.random.default_rng(134)
    spread = softmax(rng.normal(size=9) * 2)
    small = [(np.array([0.1, 0.6, 0.3]), 0.6), (np.array([0.25] * 4), 0.3), (np.array([0.1] * 10), 1.0)]
    return [*small, (spread, 0.5), (spread, 0.8), (spread, 0.99)]


def _falling_sums(p: np.ndarray) -> np.ndarray:
    return np.cumsum(np.sort(p)[::-1])


EXERCISES = {
    "1.3/1": Exercise(
        right=lambda: np.array([1, 2, 5]) / 8,
        mistakes={
            "the logits divided by their sum; the exponential is missing": lambda: (
                np.log([1, 2, 5]) / np.log([1, 2, 5]).sum()
            ),
            "exponentials that are not divided by their sum": lambda: np.array([1.0, 2.0, 5.0]),
            "e⁰ taken as 0; it is 1": lambda: np.array([0, 2, 5]) / 7,
            "softmax of (0, 2, 5): the logarithms were dropped": lambda: softmax([0, 2, 5]),
            "the arg max: softmax leaves something for everyone": lambda: np.array([0.0, 0.0, 1.0]),
        },
        praise="The exponential of ln 2 is 2.",
        tolerance=1e-3,
    ),
    "1.3/2": Exercise(
        right=log_softmax,
        inputs=_batches,
        mistakes={
            "the probabilities; their logarithms are asked for": softmax,
            "the logarithm of probabilities: a small one is rounded to 0, and its logarithm is −∞": lambda Z: np.log(
                softmax(Z)
            ),
            "exponentials of the logits as they are, which overflow or vanish; shift first": _no_shift,
            "one maximum for the whole array: a row far below it vanishes; take that of each row": _one_maximum,
            "one sum for the whole array; each row is a distribution of its own": _one_sum,
            "the wrong axis: here the columns are distributions, but every row is one position": lambda Z: log_softmax(
                Z, axis=0
            ),
            "the shifted logits; the logarithm of the sum is missing": lambda Z: Z - Z.max(axis=-1, keepdims=True),
        },
        praise="Rows of any level, and no probability too small for its logarithm.",
    ),
    "1.3/3": Exercise(
        right=lambda: -_log_odds(),
        mistakes={
            "the gap to ␣Sydney: that makes the two equal, not one half": lambda: _cities()[2],
            "ln(0.5/p), as if the other probabilities stayed; they shrink when this one grows": lambda: math.log(
                0.5 / _cities()[0]
            ),
            "a difference of probabilities; the question is about the logit": lambda: 0.5 - _cities()[0],
            "the odds without their logarithm": lambda: 1 / _cities()[0] - 1,
            "the new logit; the question is what must be added": lambda: _cities()[1] - _log_odds(),
        },
        praise="Adding δ to one logit multiplies the odds of its token by e^δ, whatever the other tokens are.",
        tolerance=1e-3,
    ),
    "1.3/4": Exercise(
        right=lambda: _cities()[2] / math.log(2),
        mistakes={
            "1/T: a temperature divides the logits": lambda: math.log(2) / _cities()[2],
            "the gap divided by 2; the ratio 2 belongs to a gap of ln 2": lambda: _cities()[2] / 2,
            "the gap times ln 2": lambda: _cities()[2] * math.log(2),
        },
        praise="The other 49,150 tokens have no say in a ratio of two.",
        tolerance=1e-3,
    ),
    "1.3/5": Exercise(
        right=lambda p, share: int((_falling_sums(p)[:-1] < share).sum()) + 1,
        inputs=_distributions,
        mistakes={
            "the token that crosses the share is left out: the set must reach it": lambda p, share: (
                _falling_sums(p) < share
            ).sum(),
            "sorted from the least probable up": lambda p, share: (np.cumsum(np.sort(p))[:-1] < share).sum() + 1,
            "not sorted: the tokens are taken in the order of the vocabulary": lambda p, share: (
                (np.cumsum(p)[:-1] < share).sum() + 1
            ),
            "one token too many: a sum that equals the share has reached it": lambda p, share: min(
                (_falling_sums(p) <= share).sum() + 1, len(p)
            ),
            "the last sum counts, too: rounding may leave it just below 1": lambda p, share: (
                (_falling_sums(p) < share).sum() + 1
            ),
            "the number of tokens whose own probability is at least the share": lambda p, share: (p >= share).sum(),
            "a share of the tokens; a share of the probability is asked for": lambda p, share: math.ceil(
                share * len(p)
            ),
        },
        praise="The smallest set that reaches the share, the crossing token included.",
        tolerance=1e-9,
    ),
}
