"""Two vectors in the plane (notebook 1.1): length, dot product, angle, cosine, and the shadow of one on the other."""

import math
from typing import Any

import numpy as np
import traitlets

from vec2attn.vectors import angle, cosine_similarity, dot, norm, project, unit
from vec2attn.widgets.base import Figure, fixed

REACH = 5  # the grid goes from −5 to 5
UNIT, MIDDLE = 40, 220  # of the picture: 440 by 440


class Vectors2d(Figure):
    """Two arrows with tips to drag; the traits can be set from Python, and follow the reader's hand."""

    name = "vectors2d"

    u = traitlets.List(traitlets.Float(), default_value=[3.0, 4.0], help="the vector that casts the shadow").tag(
        sync=True
    )
    v = traitlets.List(traitlets.Float(), default_value=[2.0, 1.0], help="the vector that spans the line").tag(
        sync=True
    )

    @traitlets.validate("u", "v")
    def _check(self, proposal: Any) -> Any:
        value = proposal["value"]
        if len(value) != 2 or not all(abs(x) <= REACH for x in value):  # a NaN fails too
            name = proposal["trait"].name
            raise traitlets.TraitError(f"{name} must be two numbers from −{REACH} to {REACH}; got {value}")
        return value

    def still(self) -> str:
        """Return the arrows as an SVG, and their numbers by the library as a list."""
        rows = "".join(
            f'<div class="v2d-fact-{key}"><dt>{name}</dt><dd><b>{value}</b> <small>{meaning}</small></dd></div>'
            for key, (name, value, meaning) in self._facts().items()
        )
        return (
            f'<div class="v2a"><div class="v2d-plane">{self._picture()}<dl class="v2d-facts">{rows}</dl></div>'
            '<p class="v2a-key">Thick green: the shadow of u on the line of v. Dashed red: what is left over, at a '
            "right angle to that line. A still picture: moving the vectors needs JavaScript, or a running notebook."
            "</p></div>"
        )

    def _facts(self) -> dict[str, tuple[str, str, str]]:
        u, v = np.array(self.u), np.array(self.v)
        long, wide, inner = fixed(norm(u)), fixed(norm(v)), float(dot(u, v))
        terms = " + ".join(f"{_factor(a)} · {_factor(b)}" for a, b in zip(u, v, strict=True))
        cosine = turn = ("none", "a zero vector has no direction")
        shadow = ("none", "a zero vector spans no line")
        if u.any() and v.any():
            side = "a right angle"
            if abs(inner) >= 1e-9:
                side = "acute: the dot product is positive" if inner > 0 else "obtuse: the dot product is negative"
            cosine = (fixed(cosine_similarity(u, v), 3), f"{fixed(inner)} / ({long} · {wide})")
            turn = (f"{fixed(math.degrees(angle(u, v)), 1)}°", side)
        if v.any():
            foot = project(u, v)
            shadow = (_pair(foot), f"{fixed(inner / dot(v, v))} times v, length {fixed(norm(foot))}")
        return {
            "u": ("u", _pair(u), f"length {long}"),
            "v": ("v", _pair(v), f"length {wide}"),
            "dot": ("Dot product u · v", fixed(inner), terms),
            "cosine": ("Cosine", *cosine),
            "angle": ("Angle θ", *turn),
            "shadow": ("Shadow of u on v", *shadow),
        }

    def _picture(self) -> str:
        u, v = np.array(self.u), np.array(self.v)
        ends = [(i, REACH + 0.3) for i in range(-REACH, REACH + 1)]
        grid, axes = (
            " ".join(f"M {_at(i, -e)} L {_at(i, e)} M {_at(-e, i)} L {_at(e, i)}" for i, e in at)
            for at in (ends, [(0, REACH + 0.3)])
        )
        parts = [f'<path class="v2d-grid" d="{grid}"/><path class="v2d-axes" d="{axes}"/>']
        if v.any():
            foot, far = project(u, v), 9 * unit(v)
            parts += [_line("v2d-line", -far, far), _line("v2d-shadow", 0 * u, foot), _line("v2d-rest", u, foot)]
        turn = -1 if v[0] * u[1] < v[1] * u[0] else 1  # 1: u lies counter-clockwise of v
        for name, w, side in (("v", v, -turn), ("u", u, turn)):
            parts.append(_line(f"v2d-shaft v2d-{name}", 0 * w, w - 0.25 * unit(w) if norm(w) > 0.25 else 0 * w))
            parts.append(f'<g class="v2d-tip v2d-{name}">{_tip(name, w, side)}</g>')
        label = f"The vectors u = {_pair(u)} and v = {_pair(v)} as arrows from the origin of the plane"
        size = 2 * MIDDLE
        return f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _at(x: float | int, y: float | int) -> str:
    return f"{MIDDLE + UNIT * x:.1f},{MIDDLE - UNIT * y:.1f}"


def _line(css: str, start: np.ndarray, end: np.ndarray) -> str:
    (x1, y1), (x2, y2) = (_at(*w).split(",") for w in (start, end))
    return f'<line class="{css}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _tip(name: str, w: np.ndarray, side: int) -> str:
    """Return the head of the arrow, smaller for a short one, and its name on the side away from the other."""
    along = unit(w) if w.any() else np.array([1.0, 0.0])
    across = np.array([-along[1], along[0]])
    size = min(15 / UNIT, norm(w))
    corners = " ".join(_at(*(w - size * back)) for back in (0 * w, along + 0.42 * across, along - 0.42 * across))
    x, y = _at(*(w + 0.18 * along + 0.45 * side * across)).split(",")
    return f'<polygon points="{corners}"/><text x="{x}" y="{y}">{name}</text>'


def _factor(x: float | int) -> str:
    return f"({fixed(x)})" if fixed(x).startswith("−") else fixed(x)


def _pair(w: np.ndarray) -> str:
    return f"({fixed(w[0])}, {fixed(w[1])})"
