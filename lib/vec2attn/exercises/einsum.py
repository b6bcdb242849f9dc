"""Answers to the exercises of notebook 5.1, Tensors, axes and einsum."""

import math

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.tensors import contraction_path, einsum

SCORES = "bhqd,bhkd->bhqk"


def _growth(queries: int = 2, keys: int = 2, heads: int = 2, size: float | int = 0.5) -> float:
    b, h, q, k, d = 8, 12, 1024, 1024, 64
    new, old = (
        contraction_path(SCORES, (b, heads, queries, size), (b, heads, keys, size)).flops
        for heads, queries, keys, size in ((heads * h, queries * q, keys * k, int(size * d)), (h, q, k, d))
    )
    return new / old


def _heads() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(512)
    return [(rng.normal(size=shape),) for shape in ((2, 3, 4, 5), (1, 2, 6, 3), (3, 4, 2, 2))]


def _merge(Y: np.ndarray) -> np.ndarray:
    return einsum("bhsd->bshd", Y).reshape(Y.shape[0], Y.shape[2], -1)


def _samples() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(513)
    # W is square: with x and y changed places in it the shapes fit too, and `check` can say so
    return [
        (rng.normal(size=(n, i)), rng.normal(size=(i, i)), rng.normal(size=(n, i))) for n, i in ((5, 3), (2, 6), (7, 4))
    ]


def _bilinear(X: np.ndarray, W: np.ndarray, Y: np.ndarray) -> np.ndarray:
    return np.asarray(einsum("bi,ij,bj->b", X, W, Y))


def _permutations() -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [((2, 3, 4), (0, 2, 1)), ((5, 12, 8, 64), (0, 2, 1, 3)), ((2, 3, 4), (2, 0, 1)), ((7,), (0,))]


def _in_order(shape: tuple[int, ...]) -> list[int]:
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _strides(shape: tuple[int, ...], order: tuple[int, ...]) -> list[int]:
    return [_in_order(shape)[axis] for axis in order]


def _orders() -> tuple[int, int]:
    N, d = 4096, 64
    shapes = ((N, d), (N, d), (N, d))
    squares, small = (
        contraction_path("nd,md,me->ne", *shapes, path=path).flops for path in ([(0, 1), (0, 1)], [(1, 2), (0, 1)])
    )
    return squares, small


EXERCISES = {
    "5.1/1": Exercise(
        right=_growth,
        mistakes={
            "2, where one of q and k, or the number of heads, is forgotten: all three double": lambda: _growth(
                queries=1
            ),
            "the width of the heads: d is halved": lambda: _growth(size=1),
            "q and k counted twice; a letter is one loop, however often it is written": lambda: (
                _growth() * _growth(heads=1, size=1)
            ),
        },
        praise="Each letter once: four times the work for texts twice as long, however the heads are cut.",
    ),
    "5.1/2": Exercise(
        right=_merge,
        inputs=_heads,
        mistakes={
            "a reshape alone: head and sequence are not yet in the order that is wanted": lambda Y: Y.reshape(
                Y.shape[0], Y.shape[2], -1
            ),
            "size and head joined in the other order: the features of one head belong side by side": lambda Y: (
                Y.transpose(0, 2, 3, 1).reshape(Y.shape[0], Y.shape[2], -1)
            ),
        },
        praise="First the order, then the join.",
    ),
    "5.1/3": Exercise(
        right=_bilinear,
        inputs=_samples,
        mistakes={
            "one sum over all samples: b must stay": lambda X, W, Y: np.full(len(X), _bilinear(X, W, Y).sum()),
            "x and y of different samples: every x is paired with the sum of all y": lambda X, W, Y: X @ W @ Y.sum(0),
            "x and y changed places in W: the rows of W belong to x": lambda X, W, Y: einsum("bi,ji,bj->b", X, W, Y),
        },
        praise="The letter b is in both and stays: a stack, one number for each.",
    ),
    "5.1/4": Exercise(
        right=_strides,
        inputs=_permutations,
        mistakes={
            "the strides before the permutation": lambda shape, order: _in_order(shape),
            "the strides of an array that was copied into the new order: a transposition moves nothing": lambda s, o: (
                _in_order(tuple(s[axis] for axis in o))
            ),
            "bytes of float64, 8 for each number": lambda shape, order: [8 * s for s in _strides(shape, order)],
            "permuted the wrong way round: axis i of the result is axis order[i] of the array": lambda shape, order: [
                _in_order(shape)[order.index(axis)] for axis in range(len(shape))
            ],
            "the first axis running fastest; here it is the last": lambda shape, order: [
                math.prod(shape[:axis]) for axis in order
            ],
        },
        praise="A transposition is a permutation of strides.",
    ),
    "5.1/5": Exercise(
        right=lambda: _orders()[0] / _orders()[1],
        mistakes={
            "the other way round": lambda: _orders()[1] / _orders()[0],
            "(N/d)²: each order has two products of equal cost": lambda: (_orders()[0] / _orders()[1]) ** 2,
            "the FLOPs of (QKᵀ)V; their ratio to the other order is asked for": lambda: _orders()[0],
        },
        praise="N/d: the longer the text, the more it would save.",
    ),
}
