"""Descent in a bowl (notebook 3.3): contours, a start to drag, and the path that a step size takes from there.

The bowl is f(x, y) = ½(λmin x² + λmax y²) with λmax = 10 and λmin = 10/κ. The method "momentum" is the heavy ball with
the β that is best for this κ.
"""

import math
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Float

from vec2attn.descent import Path, best_momentum, best_step, gradient_descent, momentum, rate
from vec2attn.vectors import norm
from vec2attn.widgets.base import Figure

METHODS = ("plain", "momentum")
HIGH = 10.0  # the larger curvature
REACH = (3.0, 2.0)  # how far the start can go, either way
VIEW = (3.4, 2.4)  # the picture shows this far
UNIT = 80  # pixels of the SVG's own scale
STEPS, DRAWN = 1000, 150  # steps computed, and drawn
FAR = 1e9  # times the distance of the start, or one over it: there the run ends
RINGS = (0.15, 0.35, 0.6, 0.9, 1.25, 1.65, 2.1, 2.6, 3.2, 3.9)  # half heights of the contours


class DescentBowl(Figure):
    """A descent to look at; every trait can be set from Python, and follows the reader's hand."""

    name = "descent_bowl"

    start = traitlets.List(traitlets.Float(), default_value=[-2.6, 1.4], help="where the descent begins").tag(sync=True)
    eta = traitlets.Float(0.15, help="the step size").tag(sync=True)
    kappa = traitlets.Float(10.0, help="λmax/λmin, with λmax = 10").tag(sync=True)
    method = traitlets.Unicode(METHODS[0], help="plain, or momentum with the best β").tag(sync=True)

    @traitlets.validate("start", "eta", "kappa", "method")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        legal = {
            "start": lambda: len(value) == 2 and all(abs(x) <= r for x, r in zip(value, REACH, strict=True)),
            "eta": lambda: 0.001 <= value <= 0.4,
            "kappa": lambda: 1 <= value <= 100,
            "method": lambda: value in METHODS,
        }
        if not legal[name]():
            words = {
                "start": f"two numbers, from −{REACH[0]:g} to {REACH[0]:g} and from −{REACH[1]:g} to {REACH[1]:g}",
                "eta": "a step size from 0.001 to 0.4",
                "kappa": "a number from 1 to 100",
                "method": " or ".join(f'"{method}"' for method in METHODS),
            }
            raise traitlets.TraitError(f"{name} must be {words[name]}; got {value!r}")
        return value

    @property
    def H(self) -> Float[np.ndarray, "2 2"]:
        """Return the matrix of the bowl."""
        return np.diag([HIGH / self.kappa, HIGH])

    @property
    def beta(self) -> float:
        """Return how much of its velocity the ball keeps: 0 for plain descent."""
        return best_momentum(self.H)[1] if self.method == METHODS[1] else 0.0

    @property
    def bound(self) -> float:
        """Return the step size from which on the descent no longer converges."""
        return 2 * (1 + self.beta) / HIGH

    @property
    def best(self) -> float:
        """Return the step size with the best rate."""
        return best_momentum(self.H)[0] if self.method == METHODS[1] else best_step(self.H)

    @property
    def rate(self) -> float:
        """Return the factor of the distance per step, in the long run, by the formula."""
        return rate(self.H, self.eta, self.beta)

    def path(self) -> Path:
        """Return the path, which ends when the distance has changed by a factor of FAR, or after STEPS steps."""
        start = np.array(self.start)
        if not start.any():
            return Path(start[None], False)
        far = FAR * float(norm(start))

        def gradient(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
            return np.diag(self.H) * x

        if self.method == METHODS[1]:
            found = momentum(gradient, start, self.eta, self.beta, STEPS, far)
        else:
            found = gradient_descent(gradient, start, self.eta, STEPS, far)
        away = np.asarray(norm(found.points))
        over = np.flatnonzero((away <= away[0] / FAR) | (away >= far))
        return Path(found.points[: over[0] + 1] if over.size else found.points, found.diverged)

    def measured(self) -> float | None:
        """Return the mean factor per step over the second half of the path; None without steps, or if it hit 0."""
        away = np.asarray(norm(self.path().points))
        last = len(away) - 1
        if last == 0 or away[last] == 0:
            return None
        return float((away[last] / away[last // 2]) ** (1 / (last - last // 2)))

    def arrival(self) -> int | None:
        """Return the first step within a thousandth of the distance of the start; None if there is none."""
        return self.path().steps_until(float(norm(np.array(self.start))) / 1000)

    def verdict(self) -> str:
        """Return in words what becomes of the descent."""
        if not any(self.start):
            return "the start is the minimum"
        steps = self.arrival()
        if steps is not None:
            return f"{steps} step{'' if steps == 1 else 's'}"
        away = np.asarray(norm(self.path().points))
        if away[-1] > 1000 * away[0]:
            return f"diverges: 1000 times as far after {int(np.flatnonzero(away > 1000 * away[0])[0])} steps"
        return f"not within {STEPS} steps"

    def still(self) -> str:
        """Return the bowl and the path as an SVG, with the numbers that belong to it."""
        measured = self.measured()
        facts = (
            ("Curvatures λ", f"{_number(HIGH / self.kappa, 2)} and {_number(HIGH, 2)}"),
            ("Step size η", f"{_number(self.eta, 4)}; best {_number(self.best, 4)}, bound {_number(self.bound, 4)}"),
            ("η over its bound", _number(self.eta / self.bound, 3)),
            ("Rate, by the formula", _number(self.rate, 4)),
            ("Rate, measured", "none" if measured is None else _number(measured, 4)),
            ("To 1/1000 of the distance", self.verdict()),
        )
        rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
        return (
            f'<div class="v2a">{_picture(self)}<dl class="v2a-numbers">{rows}</dl>'
            '<p class="v2a-key">Purple ellipses: contours of the bowl. Blue ring: the start. Green dots: the steps. A '
            "still picture: moving the start and the sliders needs JavaScript, or a running notebook.</p></div>"
        )


def _number(x: float | int, decimals: int) -> str:
    return f"{x:.{decimals}f}"


def _at(point: Any) -> str:
    """Return a point in the SVG's own units, kept near the picture: y runs down there."""
    x, y = (max(-9999.0, min(9999.0, float(v) * UNIT * sign)) for v, sign in zip(point, (1, -1), strict=True))
    return f"{x:.1f},{y:.1f}"


def _picture(figure: DescentBowl) -> str:
    wide, tall = (v * UNIT for v in VIEW)
    rings = "".join(
        f"M{-w:.1f},0A{w:.1f},{h:.1f} 0 1 0 {w:.1f},0A{w:.1f},{h:.1f} 0 1 0 {-w:.1f},0"
        for w, h in ((r * UNIT * math.sqrt(figure.kappa), r * UNIT) for r in RINGS)
    )
    points = figure.path().points[: DRAWN + 1]
    css = "v2a-db-off" if figure.eta >= figure.bound else "v2a-db-on"
    dots = "".join(f"M{_at(p)}h0" for p in points[1:])
    track = "M" + "L".join(_at(p) for p in points)
    x, y = _at(figure.start).split(",")
    label = (
        f"A descent from ({figure.start[0]:g}, {figure.start[1]:g}) in a bowl with condition number {figure.kappa:g}"
    )
    return (
        f'<svg class="v2a-db" viewBox="{-wide:g} {-tall:g} {2 * wide:g} {2 * tall:g}" role="img" aria-label="{label}">'
        f'<path class="v2a-db-rings" d="{rings}"/><path class="v2a-db-goal" d="M-7,0h14M0,-7v14"/>'
        f'<g class="{css}"><path class="v2a-db-track" d="{track}"/><path class="v2a-db-dots" d="{dots}"/></g>'
        f'<circle class="v2a-db-start" cx="{x}" cy="{y}" r="9"/></svg>'
    )
