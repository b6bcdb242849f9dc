"""Rotate, stretch, rotate (notebook 4.1): a circle, the ellipse that a 2×2 matrix makes of it, and the steps between.

The signs of singular vectors are free in pairs. The figure chooses: V is a rotation and v1 points to the right, or
straight up, so that a mirror is always in U; where both singular values are equal, v1 is (1, 0).
"""

import math
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Float

from vec2attn.matrices import rotation, scaling
from vec2attn.svd import svd
from vec2attn.widgets.base import Figure, fixed

LONGEST = 1.2  # of a column: the ellipse, at most √2 times as large, then stays inside the picture
VIEW, CLOSE = 1.9, 1.3  # the pictures show −VIEW … VIEW, and that of the circle −CLOSE … CLOSE
UNIT = 80  # pixels of the SVG's own scale
TINY = 1e-9


class Svd2d(Figure):
    """A matrix of two columns, seen by its singular values; every trait can be set from Python."""

    name = "svd2d"

    entries = traitlets.List(
        traitlets.Float(), default_value=[1.0, 0.6, 0.0, 0.8], help="a, b, c, d of the matrix, row by row"
    ).tag(sync=True)
    step = traitlets.Float(3.0, help="how far: 0 the circle, 1 turned by Vᵀ, 2 stretched by Σ, 3 turned by U").tag(
        sync=True
    )
    angle = traitlets.Float(20.0, help="where the vector x lies on the circle, in degrees").tag(sync=True)

    @traitlets.validate("entries", "step", "angle")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        legal = {
            "entries": lambda: len(value) == 4 and np.hypot(value[:2], value[2:]).max() <= LONGEST + TINY,
            "step": lambda: 0 <= value <= 3,
            "angle": lambda: -180 <= value <= 180,
        }
        if not legal[name]():
            words = {
                "entries": f"four numbers, row by row, each column at most {LONGEST:g} long",
                "step": "a number from 0 (the circle) to 3 (all of the map)",
                "angle": "an angle from −180 to 180 degrees",
            }
            raise traitlets.TraitError(f"{name} must be {words[name]}; got {value!r}")
        return value

    @property
    def A(self) -> Float[np.ndarray, "2 2"]:
        """Return the matrix."""
        return np.array(self.entries).reshape(2, 2)

    def svd(self) -> tuple[Float[np.ndarray, "2 2"], Float[np.ndarray, "2"], Float[np.ndarray, "2 2"]]:
        """Return U, the singular values and V (its columns are v1 and v2), with the signs that the figure chooses."""
        U, s, Vt = svd(self.A)
        if s[0] - s[1] <= TINY:  # every pair of orthogonal directions would do
            return (self.A / s[0] if s[0] > TINY else np.eye(2)), s * (s > TINY), np.eye(2)
        x, y = Vt[0]
        right = 1.0 if x > TINY or (x > -TINY and y > 0) else -1.0
        u1, v1 = right * U[:, 0], right * Vt[0]
        side = -1.0 if np.linalg.det(U) * np.linalg.det(Vt) < 0 and s[1] > TINY else 1.0
        s = s * (s > TINY)
        return _frame(u1, side), s, _frame(v1, 1.0)

    def map_so_far(self) -> Float[np.ndarray, "2 2"]:
        """Return the matrix of the steps taken: I at step 0, Vᵀ at 1, ΣVᵀ at 2, A = UΣVᵀ at 3, and between them.

        Where U mirrors, its step turns the plane over as one turns a sheet of paper, flat at half of the way.
        """
        U, s, V = self.svd()
        turned, stretched, done = (float(np.clip(self.step - k, 0, 1)) for k in range(3))
        M = scaling(*(1 + stretched * (s - 1))) @ rotation(-turned * _angle(V[:, 0]))
        over = math.cos(math.pi * done) if np.linalg.det(U) < 0 else 1.0
        return rotation(done * _angle(U[:, 0])) @ scaling(1, over) @ M

    def facts(self) -> dict[str, tuple[str, str, str]]:
        """Return what the figure says in numbers: key -> (name, value, what it means)."""
        U, (s1, s2), V = self.svd()
        ends = [f"at {_degrees(math.degrees(_angle(w)))}" for w in (*V.T, *U.T)]
        mirrored = np.linalg.det(U) < 0
        meanings = [f"v₁ {ends[0]} goes to u₁ {ends[2]}", f"v₂ {ends[1]} goes to u₂ {ends[3]}"]
        if s1 - s2 <= TINY:
            meanings = [f"all directions alike: any {v} would do" for v in ("v₁", "v₂")]
        elif s2 == 0:
            meanings[1] = f"v₂ {ends[1]} goes to 0"
        rank = int(s1 > 0) + int(s2 > 0)
        shape = "a circle" if s1 - s2 <= TINY else "an ellipse"
        ranks = ["a point: everything is lost", "a line: what lies along v₂ is lost", f"{shape}: nothing is lost"]
        det = "singular: no inverse" if rank < 2 else "−σ₁σ₂: mirrored" if mirrored else "σ₁σ₂: not mirrored"
        x = np.array([math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))])
        return {
            "s1": ("σ₁", fixed(s1), meanings[0]),
            "s2": ("σ₂", fixed(s2), meanings[1]),
            "kappa": ("Condition σ₁ / σ₂", *_condition(s1, s2)),
            "det": ("Determinant", fixed((-1 if mirrored else 1) * s1 * s2), det),
            "rank": ("Rank", str(rank), ranks[rank]),
            "x": ("Length of Ax", fixed(np.linalg.norm(self.A @ x)), f"x has length 1, at {_degrees(self.angle)}"),
        }

    def still(self) -> str:
        """Return circle and image as SVGs, and the numbers by the library as a list."""
        rows = "".join(
            f'<div class="v2a-sv-{key}"><dt>{name}</dt><dd><b>{value}</b> <small>{meaning}</small></dd></div>'
            for key, (name, value, meaning) in self.facts().items()
        )
        (a, b), (c, d) = self.A
        return (
            f'<div class="v2a"><div class="v2a-sv-planes">{self._circle()}{self._image()}</div>'
            f"<p>A = (({fixed(a)}, {fixed(b)}), ({fixed(c)}, {fixed(d)})).</p>"
            f'<dl class="v2a-sv-facts">{rows}</dl>'
            '<p class="v2a-key">Blue: the circle of all x of length 1. Green: '
            f"{STAGES[stage(self.step)]}. Purple: v₁ (solid) and v₂ (dashed), and where they are now; round and "
            "square: the columns of A, where (1, 0) and (0, 1) go. A still picture: moving it needs JavaScript, or a "
            "running notebook.</p></div>"
        )

    def _circle(self) -> str:
        x = _point(self.angle)
        parts = [_grid(CLOSE), *_round(np.eye(2), "in"), _line(x, "xline"), _dot(x, "x")]
        parts += [_arrow(v, i) for i, v in enumerate(self.svd()[2].T)]
        return _svg(CLOSE, "The circle, with v₁ and v₂", parts, "v2a-sv-in-plane")

    def _image(self) -> str:
        M = self.map_so_far()
        y = M @ _point(self.angle)
        parts = [_grid(VIEW), *_round(M, "out"), _line(y, "yline"), _dot(y, "y")]
        parts += [_arrow(w, i) for i, w in enumerate((M @ self.svd()[2]).T)]
        (x1, y1), (x2, y2) = (_xy(column) for column in self.A.T)
        ghost = "" if self.step == 3 else " v2a-sv-ghost"
        parts.append(f'<circle class="v2a-sv-tip{ghost}" cx="{x1}" cy="{y1}" r="8"/>')
        box = 'x="-7" y="-7" width="14" height="14"'
        parts.append(f'<rect class="v2a-sv-tip{ghost}" {box} transform="translate({x2} {y2})"/>')
        return _svg(VIEW, "The image of the circle, with the images of v₁ and v₂", parts, "v2a-sv-out-plane")


STAGES = ["the circle again", "the circle, turned by Vᵀ", "turned, then stretched by Σ", "its image under A = UΣVᵀ"]


def stage(step: float | int) -> int:
    """Return the number of the last step that has begun: 0 none, 1 Vᵀ, 2 Σ, 3 U."""
    return math.ceil(step)


def _frame(w: Float[np.ndarray, "2"], side: float) -> Float[np.ndarray, "2 2"]:
    """Return w and the vector a quarter turn ahead of it (side 1) or behind (side −1), as columns."""
    return np.array([[w[0], -side * w[1]], [w[1], side * w[0]]])


def _angle(w: Float[np.ndarray, "2"]) -> float:
    angle = math.atan2(w[1], w[0])
    return math.pi if angle < TINY - math.pi else angle  # 180°, not −180°


def _condition(s1: float | int, s2: float | int) -> tuple[str, str]:
    if s2 > 0:
        return fixed(s1 / s2), "1 would keep the circle round"
    return ("∞", "σ₂ is 0") if s1 > 0 else ("none", "A is 0")


def _degrees(x: float | int) -> str:
    text = f"{abs(x):.1f}"
    return ("−" if x < 0 and text not in ("0.0", "180.0") else "") + text + "°"


def _point(angle: float | int) -> Float[np.ndarray, "2"]:
    return rotation(math.radians(angle))[:, 0]


def _xy(point: Any) -> tuple[str, str]:
    """Return a point in the SVG's own units: y runs down there."""
    return f"{float(point[0]) * UNIT:.1f}", f"{-float(point[1]) * UNIT:.1f}"


def _path(points: Any) -> str:
    return " ".join(",".join(_xy(p)) for p in points)


def _line(end: Any, css: str) -> str:
    x, y = _xy(end)
    return f'<line class="v2a-sv-{css}" x1="0" y1="0" x2="{x}" y2="{y}"/>'


def _dot(point: Any, css: str) -> str:
    x, y = _xy(point)
    return f'<circle class="v2a-sv-{css}dot" cx="{x}" cy="{y}" r="5"/>'


def _grid(view: float) -> str:
    lines = [
        f'<line class="v2a-sv-{"axis" if k == 0 else "grid"}" x1="{p}" y1="{q}" x2="{r}" y2="{t}"/>'
        for k in range(-math.floor(view), math.floor(view) + 1)
        for (p, q), (r, t) in ((_xy((k, -view)), _xy((k, view))), (_xy((-view, k)), _xy((view, k))))
    ]
    return "".join(lines)


def _round(M: Float[np.ndarray, "2 2"], css: str) -> list[str]:
    """Draw the image of the circle under M, and in it that of the quarter from (1, 0) to (0, 1)."""
    angles = np.arange(48) * 2 * np.pi / 48
    points = np.column_stack([np.cos(angles), np.sin(angles)]) @ M.T
    quarter = [np.zeros(2), *points[:13]]
    return [
        f'<polygon class="v2a-sv-{css}" points="{_path(points)}"/>',
        f'<polygon class="v2a-sv-{css} v2a-sv-quarter" points="{_path(quarter)}"/>',
    ]


def _arrow(tip: Any, i: int) -> str:
    """Draw a singular vector: a line from 0 with two short strokes as its head."""
    length = math.hypot(*tip)
    if length < TINY:
        return ""
    along, across = np.array(tip) / length, np.array([-tip[1], tip[0]]) / length
    size = min(0.14, length / 2)
    corners = [tip - size * along + 0.6 * size * across, tip, tip - size * along - 0.6 * size * across]
    head = f'<polyline class="v2a-sv-arrow" points="{_path(corners)}"/>'
    return _line(tip, f"arrow v2a-sv-arrow{i + 1}") + head


def _svg(view: float, label: str, parts: list[str], css: str) -> str:
    size = view * UNIT
    box = f"{-size:g} {-size:g} {2 * size:g} {2 * size:g}"
    return f'<svg class="v2a-sv {css}" viewBox="{box}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
