"""Answers to the exercises of notebook 6.3, Beyond the gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np

from vec2attn.autograd import Tensor, gradients, hvp
from vec2attn.exercises import Exercise

Product = Callable[[np.ndarray], np.ndarray]


def _quotient() -> np.ndarray:
    """Both inputs change at the rate 1, so the change of the quotient is the sum of its two slopes."""
    a, b = Tensor(6.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    y = a / b
    return np.array([y.item(), sum(g.item() for g in gradients(y, [a, b]))])


LAYERS, ARRAYS = 48, 12


def _lowest(arrays: int, kept: int = 1) -> tuple[int, int]:
    """Try every number of segments that divides the layers."""
    ks = [k for k in range(1, LAYERS + 1) if LAYERS % k == 0]
    peaks = [kept * k + arrays * LAYERS // k for k in ks]
    return ks[int(np.argmin(peaks))], min(peaks)


class Hessian:
    """v -> Hv for the loss that adds up the fourth powers of A x."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.A, self.x = rng.normal(size=(n, n)), rng.normal(size=n)

    def __call__(self, v: np.ndarray) -> np.ndarray:
        """Return Hv."""
        return hvp(lambda t: ((self.A @ t) ** 4).sum(), [self.x], [v])[0]

    def __repr__(self) -> str:
        """Say what stands in its place in a verdict."""
        return f"a product with a Hessian of {len(self.x)} rows"


def _curved() -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(633)
    return [(Hessian(n, rng), rng.choice([-1.0, 1.0], size=(m, n))) for n, m in ((3, 5), (4, 7), (6, 20))]


def _trace(product: Product, V: np.ndarray) -> float:
    return float(np.mean([v @ product(v) for v in V]))


EXERCISES = {
    "6.3/1": Exercise(
        right=_quotient,
        mistakes={
            "values and changes divided apart; the product rule mixes them": lambda: (3, 1),
            "the change of the numerator alone; the denominator changes too": lambda: (3, 0.5),
            "the numerator of the quotient rule, not divided by the square of the denominator": lambda: (3, -4),
            "divided by the denominator once; the quotient rule has its square": lambda: (3, -2),
        },
        praise="The quotient rule, by multiplying out.",
    ),
    "6.3/2": Exercise(
        right=lambda: _lowest(ARRAYS),
        mistakes={
            "the root of 48, rounded down: it forgets that each layer leaves 12 arrays": lambda: (
                6,
                6 + ARRAYS * LAYERS // 6,
            ),
            "the root of 48, rounded up: it forgets that each layer leaves 12 arrays": lambda: (
                8,
                8 + ARRAYS * LAYERS // 8,
            ),
            "one array a layer; these leave 12": lambda: _lowest(1),
            "12 arrays kept for each segment; only what enters it is kept": lambda: _lowest(ARRAYS, ARRAYS),
            "every layer a segment; fewer segments keep less": lambda: (LAYERS, LAYERS + ARRAYS),
            "the right cut, but the arrays of the open segment alone; what enters the segments is kept too": lambda: (
                24,
                24,
            ),
            "layers in a segment; their number of segments is asked for": lambda: (2, 48),
        },
        praise="Both terms are equal there, 24 and 24.",
    ),
    "6.3/3": Exercise(
        right=_trace,
        inputs=_curved,
        mistakes={
            "the sum over the rows; their mean is asked for": lambda product, V: len(V) * _trace(product, V),
            "divided by the length of v squared: a mean eigenvalue, not their sum": lambda product, V: (
                _trace(product, V) / V.shape[1]
            ),
            "the first row alone": lambda product, V: _trace(product, V[:1]),
            "the sum of the entries of Hv; each needs the sign of its v": lambda product, V: float(
                np.mean([product(v).sum() for v in V])
            ),
        },
        praise="Random signs see the diagonal alone, on average.",
    ),
}
