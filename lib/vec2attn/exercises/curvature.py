"""Answers to the exercises of notebook 3.3, Curvature, conditioning and the step size."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from vec2attn.descent import best_step, hessian_vector_product, rate
from vec2attn.exercises import Exercise

BOWL = np.array([[5.0, 3.0], [3.0, 5.0]])
LOW, HIGH = 2.0, 8.0
FLAT_AND_STEEP = np.diag([1.0, 4.0, 50.0])
ROUND = np.array([[2.0, 0.5], [0.5, 1.0]])


def _steps(kappa: float | int, factor: float | int) -> int:
    steps = math.log(factor) / math.log((kappa - 1) / (kappa + 1))
    return math.ceil(steps - 1e-9)  # 0.9³ is 0.729, whatever rounding says


def _with_momentum(kappa: float | int, factor: float | int) -> int:
    return _steps(math.sqrt(kappa), factor)


def flat_and_steep(x: np.ndarray) -> np.ndarray:
    """Return the gradient of a bowl with its minimum at 0."""
    return FLAT_AND_STEEP @ x


def shifted(x: np.ndarray) -> np.ndarray:
    """Return the gradient of a bowl with its minimum elsewhere."""
    return ROUND @ x - np.array([1.0, -2.0])


def _points() -> list[tuple[Any, ...]]:
    return [
        (flat_and_steep, np.array([1.0, -1.0, 0.5])),
        (flat_and_steep, np.array([3.0, 0.2, 0.01])),
        (shifted, np.array([2.0, 1.0])),
    ]


def _cauchy(gradient: Callable[..., np.ndarray], x: np.ndarray) -> float:
    g = gradient(x)
    return float(g @ g / (g @ hessian_vector_product(gradient, x, g)))


def _along_the_point(gradient: Callable[..., np.ndarray], x: np.ndarray) -> float:
    g = gradient(x)
    return float(g @ g / (g @ hessian_vector_product(gradient, x, x)))


def _curvature_only(gradient: Callable[..., np.ndarray], x: np.ndarray) -> float:
    g = gradient(x)
    return float(1 / (g @ hessian_vector_product(gradient, x, g)))


EXERCISES = {
    "3.3/1": Exercise(
        right=lambda: (best_step(BOWL), rate(BOWL, best_step(BOWL))),
        mistakes={
            "the bound 2/λmax, at which nothing converges": lambda: (2 / HIGH, 1.0),
            "1/λmax, which is safe and not the best": lambda: (1 / HIGH, 1 - LOW / HIGH),
            "the entries of H taken for its eigenvalues": lambda: (2 / (3 + 5), (5 - 3) / (5 + 3)),
            "the two numbers in the other order": lambda: (0.6, 0.2),
            "the root of κ, which belongs to momentum": lambda: (
                2 / (LOW + HIGH),
                (math.sqrt(HIGH / LOW) - 1) / (math.sqrt(HIGH / LOW) + 1),
            ),
        },
        praise="Both eigenvalues enter: the bowl is four times as curved along one axis.",
    ),
    "3.3/2": Exercise(
        right=lambda: 2 * (1 + 0.9) / 10,
        mistakes={
            "the bound without momentum": lambda: 2 / 10,
            "a bound that momentum makes smaller; follow the hint's jump from side to side": lambda: 2 * (1 - 0.9) / 10,
            "a factor of 2 is missing: the factor −1 is allowed, not only 0": lambda: (1 + 0.9) / 10,
            "β and λ joined as if the velocity had reached its full length": lambda: 2 / 10 / (1 - 0.9),
        },
        praise="2(1 + β)/λmax: the past holds the ball back when it jumps to and fro.",
        tolerance=1e-4,
    ),
    "3.3/3": Exercise(
        right=_steps,
        inputs=lambda: [(10.0, 0.001), (19.0, 0.729), (100.0, 0.5), (3.0, 0.01), (10_000.0, 1e-6)],
        mistakes={
            "rounded down: one step before the goal": lambda kappa, factor: _steps(kappa, factor) - 1,
            "the root of κ, which belongs to momentum": _with_momentum,
            "1 − 1/κ, the rate of the step 1/λmax": lambda kappa, factor: math.ceil(
                math.log(factor) / math.log(1 - 1 / kappa)
            ),
            "a fraction; steps are whole": lambda kappa, factor: math.log(factor) / math.log((kappa - 1) / (kappa + 1)),
        },
        praise="About κ/2 · ln(1/factor): ten times the condition number, ten times the steps.",
    ),
    "3.3/4": Exercise(
        right=_cauchy,
        inputs=_points,
        mistakes={
            "upside down: this is the curvature along g, and η is one over it": lambda f, x: 1 / _cauchy(f, x),
            "the Hessian was multiplied with x; the way goes along g": _along_the_point,
            "g · g is missing: the slope at the start of the line": _curvature_only,
            "twice as far: there the loss is as high as at the start": lambda f, x: 2 * _cauchy(f, x),
        },
        tolerance=1e-5,
        praise="Two gradients more, and the step fits the place.",
    ),
}
