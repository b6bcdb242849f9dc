"""Answers to the exercises of notebook 2.3, What a matrix product costs."""

import itertools
import math

import numpy as np

from vec2attn.cost import arithmetic_intensity, blocked_loads, matmul_flops
from vec2attn.exercises import Exercise


def _brackets() -> np.ndarray:
    square, thin = matmul_flops(1000, 1000, 1000), matmul_flops(1000, 1000, 1)
    return np.array([square + thin, 2 * thin], dtype=float)


def _layers() -> list[tuple[float, int, int, int]]:
    return [(10.0, 768, 3072, 4), (10.0, 768, 3072, 2), (50.0, 4096, 4096, 2), (3.0, 100, 300, 4), (0.1, 64, 64, 4)]


def _tokens_needed(ridge: float, inputs: int, outputs: int, itemsize: int) -> int:
    return next(T for T in itertools.count(1) if arithmetic_intensity(T, inputs, outputs, itemsize) >= ridge)


def _memories() -> list[tuple[int, int]]:
    return [(10, 3), (100, 300), (100, 1200), (64, 100), (64, 12_288)]


def _loads(n: int, memory: int) -> int:
    return blocked_loads(n, n, n, math.isqrt(memory // 3))


EXERCISES = {
    "2.3/1": Exercise(
        right=_brackets,
        mistakes={
            "half of it: one multiplication and one addition are two operations": lambda: _brackets() / 2,
            "the right numbers the other way round: (AB)x begins with a product of two square matrices": lambda: (
                _brackets()[::-1]
            ),
            "only the first of the two products": lambda: np.array([2e9, 2e6]),
            "only the last product of each: making AB has a cost too": lambda: np.array([2e6, 2e6]),
        },
        praise="The same result for 500 times fewer operations: products may be grouped, so group them well.",
    ),
    "2.3/2": Exercise(
        right=_tokens_needed,
        inputs=_layers,
        mistakes={
            "the bytes of the weights alone; what goes in and comes out moves too": lambda r, i, o, size: math.ceil(
                r * size / 2
            ),
            "rounded down: with that many tokens the ridge is not reached yet": lambda r, i, o, size: (
                _tokens_needed(r, i, o, size) - 1
            ),
            "4 bytes a number whatever the itemsize": lambda r, i, o, size: _tokens_needed(r, i, o, 4),
            "one operation for each weight instead of two": lambda r, i, o, size: _tokens_needed(2 * r, i, o, size),
        },
        praise="Fewer bytes a number, fewer tokens needed: bfloat16 moves the same layer towards the ridge.",
    ),
    "2.3/3": Exercise(
        right=_loads,
        inputs=_memories,
        mistakes={
            "one tile fills the whole memory; three must fit": lambda n, memory: blocked_loads(
                n, n, n, math.isqrt(memory)
            ),
            "a third of the memory taken for b; a tile has b² numbers": lambda n, memory: blocked_loads(
                n, n, n, memory // 3
            ),
            "2n³/b as if b divided n; the last, smaller tile has to be loaded too": lambda n, memory: (
                2 * n**3 / math.isqrt(memory // 3)
            ),
            "the n² numbers of C too; they are written, not loaded": lambda n, memory: _loads(n, memory) + n * n,
        },
        praise="Four times the memory, half the loads: compare 300 with 1200.",
    ),
    "2.3/4": Exercise(
        right=lambda: (7 / 8) ** 10,
        mistakes={
            "one level only: the seven products are split again, ten times in all": lambda: 7 / 8,
            "the number of multiplications; the share of n³ is asked for": lambda: 7.0**10,
            "the inverse: how many times more the usual way needs": lambda: (8 / 7) ** 10,
            "1024 levels; each level halves n, so there are log₂ 1024": lambda: (7 / 8) ** 1024,
        },
        praise="n to the power log₂ 7 ≈ 2.81: 2mnk is the cost of one algorithm, not of the product.",
        tolerance=1e-3,
    ),
}
