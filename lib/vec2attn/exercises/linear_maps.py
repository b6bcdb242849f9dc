"""Answers to the exercises of notebook 2.1, Linear maps."""

import math

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.matrices import linear, projection, rotation, shear


def _shear_then_turn() -> np.ndarray:
    return rotation(math.pi / 2) @ shear(2)


def _points_and_lines() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(213)
    return [(rng.normal(size=(rows, n)), 3 * rng.normal(size=n)) for rows, n in ((4, 2), (5, 3), (2, 6))]


def _mirror(points: np.ndarray, u: np.ndarray) -> np.ndarray:
    return linear(points, 2 * projection(u) - np.eye(len(u)))


def _layers() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(214)
    return [(rng.normal(size=(m, n)), rng.normal(size=m)) for m, n in ((2, 2), (3, 2), (2, 4))]


def _as_one_matrix(W: np.ndarray, b: np.ndarray, last: float = 1.0) -> np.ndarray:
    return np.vstack([np.column_stack([W, b]), [*np.zeros(W.shape[1]), last]])


EXERCISES = {
    "2.1/1": Exercise(
        right=_shear_then_turn,
        mistakes={
            "the other order: here the rotation acts first": lambda: shear(2) @ rotation(math.pi / 2),
            "the transpose: the images of the basis belong into the columns": lambda: _shear_then_turn().T,
            "a clockwise rotation: (1, 0) must turn to (0, 1)": lambda: rotation(-math.pi / 2) @ shear(2),
            "a shear of the other kind, (x, y) to (x, y + 2x)": lambda: rotation(math.pi / 2) @ shear(2).T,
        },
        praise="The map that acts first stands on the right.",
    ),
    "2.1/2": Exercise(
        right=lambda: 2 * (50 - 20),
        mistakes={
            "the angle between the mirrors; follow one point through both": lambda: 50 - 20,
            "the sum of the angles; only the angle between the mirrors counts": lambda: 50 + 20,
            "twice the sum of the angles; the second mirror turns back what the first has turned": lambda: (
                2 * (50 + 20)
            ),
            "the other order of the mirrors, which turns the other way": lambda: 2 * (20 - 50),
            "the right angle in radians; degrees are asked for": lambda: math.radians(60),
        },
        praise="Twice the angle between the mirrors, from the first towards the second.",
        tolerance=1e-3,
    ),
    "2.1/3": Exercise(
        right=_mirror,
        inputs=_points_and_lines,
        mistakes={
            "mirrored across the line's perpendicular: the sign is the other way round": lambda X, u: -_mirror(X, u),
            "the shadow on the line: the mirror image lies as far again beyond it": lambda X, u: linear(
                X, projection(u)
            ),
            "u used as if its length were 1; divide by u · u": lambda X, u: 2 * X @ np.outer(u, u) - X,
            "u · u under the outer product with one factor too few: divide by u · u, not by its root": lambda X, u: (
                2 * X @ np.outer(u, u) / math.sqrt(u @ u) - X
            ),
        },
        praise="A mirror is S = 2P − I; do it twice and S² = 4P² − 4P + I = I.",
    ),
    "2.1/4": Exercise(
        right=_as_one_matrix,
        inputs=_layers,
        mistakes={
            "the 1 at the end of the result is missing": lambda W, b: _as_one_matrix(W, b, 0.0),
            "b is missing: nothing is shifted": lambda W, b: _as_one_matrix(W, 0 * b),
            "b is subtracted": lambda W, b: _as_one_matrix(W, -b),
        },
        praise="A shift is a shear, seen from one dimension above.",
    ),
}
