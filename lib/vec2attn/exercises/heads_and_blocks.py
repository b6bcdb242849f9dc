"""Answers to the exercises of notebook 7.2, Heads, blocks and shapes."""

import math

import numpy as np

from vec2attn.cost import block_ledger, decoder_ledger, total
from vec2attn.exercises import Exercise

XL = 1_557_611_200


def _maps(**sizes: int) -> int:
    ledger = block_ledger(1, 1, 576, 9, **sizes, layout="llama")
    return sum(ledger[step].parameters for step in ("query", "key", "value", "output"))


def _xl(layers: int) -> int:
    return total(decoder_ledger(1, 1, 1600, 25, vocabulary=50_257, length=1024, layers=layers)).parameters


def _blocks(known: int = 0) -> float:
    """Return how many blocks make up for what is not known yet: two models tell what one block has."""
    block = _xl(2) - _xl(1)
    return (XL - (known or _xl(1) - block)) / block


def _turn(pair: int, d: int = 64, base: float = 10_000.0) -> float:
    return 2 * math.pi * base ** (2 * pair / d)


def _layers() -> list[tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(724)
    return [tuple(rng.normal(size=shape) for shape in (n, n, (m, n), m)) for m, n in ((3, 4), (5, 2), (4, 4))]


def _fold(gamma: np.ndarray, beta: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.column_stack([W @ np.diag(gamma), W @ beta + b])


EXERCISES = {
    "7.2/1": Exercise(
        right=lambda: _maps(kv_heads=3),
        mistakes={
            "nine heads of keys and values; groups of three query heads share theirs": _maps,
            "biases counted; this model has none": lambda: _maps(kv_heads=3) + 2 * 576 + 2 * 192,
            "the output map forgotten": lambda: _maps(kv_heads=3) - 576 * 576,
            "keys or values only; both have a map": lambda: _maps(kv_heads=3) - 576 * 192,
        },
        praise="Two wide maps and two narrow ones.",
    ),
    "7.2/2": Exercise(
        right=_blocks,
        mistakes={
            "the two tables not taken off": lambda: _blocks(2 * 1600),
            "only the table of tokens taken off: positions have one, too": lambda: _blocks(50_257 * 1600 + 2 * 1600),
            "the token table counted twice; the map to the logits is the same table": lambda: _blocks(
                _xl(1) - (_xl(2) - _xl(1)) + 50_257 * 1600
            ),
        },
        tolerance=1e-9,
        praise="The formula counts XL to the last parameter.",
    ),
    "7.2/3": Exercise(
        right=lambda: _turn(31),
        mistakes={
            "pair 32; the last of 32 pairs has i = 31": lambda: _turn(32),
            "the fastest pair": lambda: _turn(0),
            "radians instead of turns: a full turn is 2π": lambda: _turn(31) / (2 * math.pi),
            "the exponent i/d; it is 2i/d": lambda: _turn(31, d=128),
        },
        tolerance=1e-4,
        praise="In a short text it hardly turns; the fast pairs tell neighbours apart.",
    ),
    "7.2/4": Exercise(
        right=_fold,
        inputs=_layers,
        mistakes={
            "γ on the rows of W; it scales what comes in, the columns": lambda gamma, beta, W, b: (
                np.column_stack([gamma[:, None] * W, W @ beta + b])
                if len(gamma) == len(W)
                else _fold(gamma, beta, W, b)
            ),
            "the bias as it was: W must meet β as well": lambda gamma, beta, W, b: np.column_stack([W * gamma, b]),
            "β multiplied by γ as well: it is added after γ": lambda gamma, beta, W, b: np.column_stack(
                [W * gamma, W @ (gamma * beta) + b]
            ),
            "the old bias lost": lambda gamma, beta, W, b: np.column_stack([W * gamma, W @ beta]),
        },
        praise="Two arrays less to read: programs for inference do this.",
    ),
}
