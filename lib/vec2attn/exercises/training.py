"""Answers to the exercises of notebook 6.2, Training."""

import math
from typing import Any

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.vectors import norm

SLOPE, INPUTS = 0.5, 400


def _of_images() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(622)
    return [(rng.normal(size=(n, d)) + shift,) for n, d, shift in [(6, 4, 1.0), (20, 3, 0.2), (50, 7, -0.5)]]


def _noise_batch(G: np.ndarray) -> float:
    mean = G.mean(axis=0)
    return float(((G - mean) ** 2).sum(axis=1).mean() / (mean @ mean))


def _share(squares: float, G: np.ndarray) -> float:
    """Divide by the squared length of the gradient of all images."""
    mean = G.mean(axis=0)
    return float(squares / (mean @ mean))


def _gradients() -> list[tuple[Any, ...]]:
    return [
        (np.array([3.0, -4.0]), 1.0),
        (np.array([3.0, -4.0]), 4.0),
        (np.array([0.3, 0.0, -0.4]), 1.0),
        (np.array([100.0, 0.1, -1.0, 2.0]), 2.5),
        (np.zeros(3), 1.0),
    ]


def _clipped(g: np.ndarray, limit: float | int) -> np.ndarray:
    length = float(norm(g))
    return g * (limit / length) if length > limit else g


def _stretched(g: np.ndarray, limit: float | int) -> np.ndarray:
    length = float(norm(g))
    return g * (limit / length) if length else g


def _steps() -> list[tuple[Any, ...]]:
    return [(step, 10, 110, 0.02) for step in (0, 4, 10, 35, 60, 85, 110)] + [(500, 100, 1000, 1.0)]


def _rate(step: int, warmup: int, total: int, peak: float | int) -> float:
    if step < warmup:
        return peak * step / warmup
    return _half_wave(step - warmup, total - warmup, peak)


def _half_wave(step: int, total: int, peak: float | int) -> float:
    return peak * (1 + math.cos(math.pi * step / total)) / 2


EXERCISES = {
    "6.2/1": Exercise(
        right=lambda: 2 / ((1 + SLOPE**2) * INPUTS),
        mistakes={
            "He's choice for ReLU itself; here the negative half is not lost": lambda: 2 / INPUTS,
            "1/n, as if there were no bend": lambda: 1 / INPUTS,
            "the slope a where its square is needed": lambda: 2 / ((1 + SLOPE) * INPUTS),
            "the standard deviation; the variance is its square": lambda: math.sqrt(2 / ((1 + SLOPE**2) * INPUTS)),
            "the negative half alone": lambda: 2 / (SLOPE**2 * INPUTS),
        },
        tolerance=1e-7,
        praise="Half of the squares, and a² of the other half.",
    ),
    "6.2/2": Exercise(
        right=_noise_batch,
        inputs=_of_images,
        mistakes={
            "its root: lengths in place of squared lengths": lambda G: math.sqrt(_noise_batch(G)),
            "the inverse, the gradient over the noise": lambda G: 1 / _noise_batch(G),
            "a mean over the weights too; the squares of one row add up": lambda G: _noise_batch(G) / G.shape[1],
            "the gradients' own lengths, not those of their errors: subtract the mean": lambda G: _share(
                (G**2).sum(axis=1).mean(), G
            ),
            "divided by n − 1; these images are all there are": lambda G: _share(G.var(axis=0, ddof=1).sum(), G),
            "the errors of all images added up; one image has their mean": lambda G: _noise_batch(G) * len(G),
        },
        praise="Noise against signal, both as squared lengths.",
    ),
    "6.2/3": Exercise(
        right=_clipped,
        inputs=_gradients,
        mistakes={
            "every entry cut by itself; this turns the direction": lambda g, limit: np.clip(g, -limit, limit),
            "short ones made longer; only long ones are to be shortened": _stretched,
            "divided by its length and not brought to the limit": lambda g, limit: (
                g / norm(g) if norm(g) > limit else g
            ),
            "the squared length in place of the length": lambda g, limit: (
                g * (limit / float(norm(g)) ** 2) if norm(g) > limit else g
            ),
            "long ones left out altogether": lambda g, limit: g * float(norm(g) <= limit),
        },
        praise="One factor for all weights, so the direction stays.",
    ),
    "6.2/4": Exercise(
        right=_rate,
        inputs=_steps,
        mistakes={
            "no warm-up": lambda step, warmup, total, peak: _half_wave(step, total, peak),
            "the cosine counts from step 0; it is to begin where the warm-up ends": lambda step, warmup, total, peak: (
                peak * step / warmup if step < warmup else _half_wave(step, total, peak)
            ),
            "a straight line down, not a cosine": lambda step, warmup, total, peak: (
                peak * step / warmup if step < warmup else peak * (total - step) / (total - warmup)
            ),
            "a quarter of the wave, cos(πt/2)": lambda step, warmup, total, peak: (
                peak * step / warmup
                if step < warmup
                else peak * math.cos(math.pi * (step - warmup) / (total - warmup) / 2)
            ),
            "a whole wave, which ends at the peak again": lambda step, warmup, total, peak: (
                peak * step / warmup if step < warmup else _half_wave(2 * (step - warmup), total - warmup, peak)
            ),
        },
        praise="Slowly at first, and slowly at the end: 7.4 trains with it.",
    ),
}
