"""Answers to the exercises of notebook 5.2, Tensor decompositions."""

import math

import numpy as np

from vec2attn.decompositions import CP, TensorTrain
from vec2attn.exercises import Exercise

SHAPE, BONDS = (20, 40, 40, 4096), (16, 64, 32)


def _numbers() -> int:
    sides = (1, *BONDS, 1)
    cores = [np.broadcast_to(0.0, (sides[i], n, sides[i + 1])) for i, n in enumerate(SHAPE)]
    return TensorTrain(tuple(cores), 0.0).parameters


def _trains() -> list[tuple[list[np.ndarray], tuple[int, ...]]]:
    rng = np.random.default_rng(522)
    cases = [((2, 3, 2), (2, 3), (1, 2, 0)), ((3, 2, 4, 2), (2, 3, 2), (0, 1, 3, 1)), ((4, 5), (3,), (3, 1))]
    made = []
    for shape, bonds, index in cases:
        sides = (1, *bonds, 1)
        made.append(([rng.normal(size=(sides[i], n, sides[i + 1])) for i, n in enumerate(shape)], index))
    return made


def _entry(arrays: list[np.ndarray], index: tuple[int, ...]) -> float:
    return float(TensorTrain(tuple(arrays), 0.0).full()[index])


def _pieces() -> list[tuple[np.ndarray, list[np.ndarray]]]:
    rng = np.random.default_rng(524)
    shapes = (((3, 4, 5), 2), ((2, 3), 3), ((2, 3, 2, 4), 2))
    return [(rng.uniform(1, 3, r), [rng.normal(size=(n, r)) for n in shape]) for shape, r in shapes]


def _norm(weights: np.ndarray, factors: list[np.ndarray]) -> float:
    return float(np.linalg.norm(CP(weights, tuple(factors), np.zeros(1), True).full()))


def _lengths(weights: np.ndarray, factors: list[np.ndarray]) -> np.ndarray:
    return weights * np.prod([np.linalg.norm(F, axis=0) for F in factors], axis=0)


EXERCISES = {
    "5.2/1": Exercise(
        right=_numbers,
        mistakes={
            "the numbers of the table itself": lambda: math.prod(SHAPE),
            "one bond for each array; the inner ones have two, one on each side": lambda: sum(
                n * r for n, r in zip(SHAPE, (*BONDS, 1), strict=True)
            ),
            "the last array is missing": lambda: _numbers() - BONDS[-1] * SHAPE[-1],
            "the sizes and bonds multiplied through; each array is counted by itself, then all are added": lambda: (
                math.prod(SHAPE) * math.prod(BONDS)
            ),
        },
        praise="The last array holds the features, and a good part of all numbers.",
    ),
    "5.2/2": Exercise(
        right=_entry,
        inputs=_trains,
        mistakes={
            "a product of numbers, the sums of the matrices; multiply the matrices themselves": lambda arrays, index: (
                math.prod(float(G[:, i, :].sum()) for G, i in zip(arrays, index, strict=True))
            ),
            "the first entry of each matrix only: the bonds have to be summed": lambda arrays, index: math.prod(
                float(G[0, i, 0]) for G, i in zip(arrays, index, strict=True)
            ),
            "the index in the wrong order, last axis first": lambda arrays, index: _entry(
                arrays, tuple(min(i, G.shape[1] - 1) for i, G in zip(index[::-1], arrays, strict=True))
            ),
        },
        praise="An entry is a product of small matrices, a row at the left end and a column at the right.",
    ),
    "5.2/3": Exercise(
        right=lambda: (8 / 7) ** 10,
        mistakes={
            "a single level": lambda: 8 / 7,
            "1024 levels taken for 10: each level halves the size": lambda: 10 * 8 / 7,
            "the other way round": lambda: (7 / 8) ** 10,
            "1024³ divided by 1024 to the power 2.8; keep more digits of log₂ 7": lambda: 1024**0.2,
        },
        praise="8¹⁰ / 7¹⁰: the gain of a level is small, and it takes many.",
        tolerance=1e-2,
    ),
    "5.2/4": Exercise(
        right=_norm,
        inputs=_pieces,
        mistakes={
            "the squared norm: the root is missing": lambda weights, factors: _norm(weights, factors) ** 2,
            "pieces taken for orthogonal: the products of different pieces count too": lambda weights, factors: float(
                np.linalg.norm(_lengths(weights, factors))
            ),
            "the sum of the sizes of the pieces; they may cancel in part": lambda weights, factors: float(
                _lengths(weights, factors).sum()
            ),
            "the weights are missing": lambda weights, factors: _norm(np.ones_like(weights), factors),
        },
        praise="Dot products of outer products are products of dot products.",
    ),
}
