"""Answers to the exercises of notebook 5.3, Derivatives as linear maps."""

import numpy as np

from vec2attn.calculus import cross_entropy_gradient, jacobian, layer_norm_vjp
from vec2attn.cost import matmul_flops
from vec2attn.exercises import Exercise
from vec2attn.softmax import softmax


def _at(x: float | int, y: float | int, z: float | int, share: float | int = 1) -> np.ndarray:
    def f(p: np.ndarray) -> np.ndarray:
        x, y, z = p
        return np.array([x * y, y + share * z * z])

    return jacobian(f, [x, y, z], method="complex")


SIZES = (3, 1000, 1000, 1_000_000)


def _forward() -> int:
    a, b, c, d = SIZES
    return matmul_flops(c, b, a) + matmul_flops(d, c, a)


def _backward() -> int:
    a, b, c, d = SIZES
    return matmul_flops(d, c, b) + matmul_flops(d, b, a)


def _logits() -> list[tuple[np.ndarray, int, float]]:
    rng = np.random.default_rng(533)
    return [(2 * rng.normal(size=n), t, T) for n, t, T in ((3, 1, 0.5), (5, 0, 2.0), (7, 6, 1.3))]


def _one_hot(z: np.ndarray, t: int) -> np.ndarray:
    return (np.arange(len(z)) == t).astype(float)


def _rows() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(534)
    return [(1 + rng.normal(size=n), rng.normal(size=n)) for n in (2, 4, 7)]


def _rms_norm_vjp(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    rho = np.sqrt((x * x).mean())
    y = x / rho
    return (u - y * (u * y).mean()) / rho


EXERCISES = {
    "5.3/1": Exercise(
        right=lambda: _at(2, 3, 4),
        mistakes={
            "x and y exchanged: xy changes with x at the rate y": lambda: _at(3, 2, 4),
            "the columns in the other order: x comes first": lambda: _at(2, 3, 4)[:, ::-1],
            "z² with the slope z: it is 2z": lambda: _at(2, 3, 4, 1 / 2),
            "the rows exchanged: the first row belongs to xy": lambda: _at(2, 3, 4)[::-1],
        },
        praise="With v = (0.1, 0, 0) the results change by about 0.1 times the first column.",
    ),
    "5.3/2": Exercise(
        right=lambda: _backward() / _forward(),
        mistakes={
            "the other way round: here the pixels are many and the inputs few": lambda: _forward() / _backward(),
            "the number of pixels over the number of inputs; count the products": lambda: SIZES[-1] / SIZES[0],
            "the width over the number of inputs, without the product that both orders share in part": lambda: (
                SIZES[1] / SIZES[0]
            ),
        },
        praise="Few inputs and many results: forward mode wins.",
        tolerance=1e-3,
    ),
    "5.3/3": Exercise(
        right=lambda z, t, T: cross_entropy_gradient(z / T, t) / T,
        inputs=_logits,
        mistakes={
            "the inner derivative 1/T is missing": lambda z, t, T: cross_entropy_gradient(z / T, t),
            "the probabilities at temperature 1": lambda z, t, T: cross_entropy_gradient(z, t) / T,
            "the inner derivative is 1/T, not T": lambda z, t, T: T * cross_entropy_gradient(z / T, t),
            "no temperature at all": lambda z, t, T: cross_entropy_gradient(z, t),
            "the one-hot vector of the true token is missing": lambda z, t, T: softmax(z / T) / T,
            "y is not divided by T": lambda z, t, T: softmax(z / T) / T - _one_hot(z, t),
        },
        praise="At a low temperature the same mistake gives a larger push.",
    ),
    "5.3/4": Exercise(
        right=_rms_norm_vjp,
        inputs=_rows,
        mistakes={
            "ρ held fixed: it changes with x too": lambda x, u: u / np.sqrt((x * x).mean()),
            "LayerNorm: no mean is subtracted here": lambda x, u: layer_norm_vjp(x, u, 0),
            "a sum where the mean belongs": lambda x, u: (u - x * (u @ x) / (x * x).mean()) / np.sqrt((x * x).mean()),
            "x where y = x/ρ belongs": lambda x, u: (u - x * (u * x).mean()) / np.sqrt((x * x).mean()),
        },
        praise="Up to 1/ρ it is the projection that takes away the part along x.",
    ),
}
