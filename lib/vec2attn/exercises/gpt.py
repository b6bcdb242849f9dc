"""Answers to the exercises of notebook 7.4, A GPT that trains."""

import math

import numpy as np

from vec2attn.exercises import Exercise

GPT2 = 124_439_808


def _texts() -> list[tuple[np.ndarray, np.ndarray, int]]:
    rng = np.random.default_rng(743)
    sizes = ((30, 4, 5), (50, 3, 7), (12, 2, 1))
    return [(rng.permutation(n), rng.integers(1, n - length - 1, size=w), length) for n, w, length in sizes]


def _batch(ids: np.ndarray, starts: np.ndarray, length: int, shift: int = 1, first: int = 0) -> np.ndarray:
    places = starts[:, None] + np.arange(length)
    return np.stack([ids[places + first], ids[places + shift]])


EXERCISES = {
    "7.4/1": Exercise(
        right=lambda: np.array([1.5, 1.0]) / math.log(2),
        mistakes={
            "nats per byte: divide by ln 2 for bits": lambda: np.array([1.5, 1.0]),
            "bits per token: B's surprise is shared by four bytes": lambda: np.array([1.5, 4.0]) / math.log(2),
            "B's loss times four: a token of four bytes is surprised once, not four times": lambda: (
                np.array([1.5, 16.0]) / math.log(2)
            ),
            "multiplied by ln 2: a nat is more than a bit, so there are more bits": lambda: (
                np.array([1.5, 1.0]) * math.log(2)
            ),
        },
        praise="B needs fewer bits, though its loss is larger.",
        tolerance=1e-3,
    ),
    "7.4/2": Exercise(
        right=lambda: np.array([16 * GPT2, 2 * 12 * 1024 * 768 * 2]),
        mistakes={
            "numbers instead of bytes": lambda: np.array([4 * GPT2, 2 * 12 * 1024 * 768]),
            "only one of keys and values in the cache": lambda: np.array([16 * GPT2, 12 * 1024 * 768 * 2]),
            "2 bytes a number in training too: float32 has 4": lambda: np.array([8 * GPT2, 2 * 12 * 1024 * 768 * 2]),
            "the weights alone: gradient and two means need as much each": lambda: np.array(
                [4 * GPT2, 2 * 12 * 1024 * 768 * 2]
            ),
            "the cache of one layer": lambda: np.array([16 * GPT2, 2 * 1024 * 768 * 2]),
        },
        praise="Training a model takes many times the memory of running it.",
        tolerance=1e-3,
    ),
    "7.4/3": Exercise(
        right=_batch,
        inputs=_texts,
        mistakes={
            "targets that are not shifted: the model is asked to say what it has just read": lambda i, s, n: _batch(
                i, s, n, shift=0
            ),
            "targets two tokens ahead": lambda i, s, n: _batch(i, s, n, shift=2),
            "targets one token before: the past is asked for": lambda i, s, n: _batch(i, s, n, shift=-1),
            "inputs and targets swapped": lambda i, s, n: _batch(i, s, n, shift=0, first=1),
        },
        praise="The targets are free: they are the text itself.",
    ),
}
