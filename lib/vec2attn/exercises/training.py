"""Answers to the exercises of notebook 6.2, Training."""

import math
from typing import Any

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.vectors import norm

SLOPE, INPUTS = 0.5, 400


def _parts() -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(622)
    return [(rng.normal(size=(len(rows), 4)), np.array(rows)) for rows in ([400, 400, 200], [1, 9], [64, 32, 7, 25])]


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
        right=lambda parts, rows: rows @ parts / rows.sum(),
        inputs=_parts,
        mistakes={
            "the mean of the means; an image of a small part counts more in it": lambda parts, rows: parts.mean(axis=0),
            "the sum of the means": lambda parts, rows: parts.sum(axis=0),
            "the sum over all images; it is to be their mean": lambda parts, rows: rows @ parts,
            "divided by the number of parts, not of images": lambda parts, rows: rows @ parts / len(rows),
        },
        praise="Now every image counts the same, in whatever part it came.",
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
