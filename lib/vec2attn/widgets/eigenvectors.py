"""Eigenvectors (notebook 3.1): a unit vector that goes round the circle, its image, and the directions a map keeps."""

import math
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Float

from vec2attn.eigen import rayleigh_quotient
from vec2attn.vectors import angle, norm
from vec2attn.widgets.base import Figure, fixed

REACH = 5  # how far an entry can go, either way
MOST = 99  # power steps
NEAR = 1.0  # within so many degrees v has met a direction
SIZE = 220  # half of the picture


class Eigenvectors(Figure):
    """A vector to turn and a matrix to choose; the traits can be set from Python, and follow the reader's hand."""

    name = "eigenvectors"

    entries = traitlets.List(
        traitlets.Float(), default_value=[4.0, 1.0, 1.0, 3.0], help="the matrix A, row by row"
    ).tag(sync=True)
    angle = traitlets.Float(100.0, help="direction of v, degrees counter-clockwise").tag(sync=True)
    path = traitlets.List(traitlets.Float(), help="where v was before each power step").tag(sync=True)
    show = traitlets.Bool(False, help="whether the eigen-directions are drawn before v meets them").tag(sync=True)

    @traitlets.validate("entries", "angle", "path")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        legal = {
            "entries": lambda: len(value) == 4 and all(abs(x) <= REACH for x in value),
            "angle": lambda: abs(value) <= 180,
            "path": lambda: len(value) <= MOST and all(abs(x) <= 180 for x in value),
        }
        if not legal[name]():  # a NaN fails too
            words = {
                "entries": f"four numbers from −{REACH} to {REACH}, row by row",
                "angle": "an angle from −180 to 180 degrees",
                "path": f"at most {MOST} angles from −180 to 180 degrees",
            }
            raise traitlets.TraitError(f"{name} must be {words[name]}; got {value!r}")
        return value

    @property
    def A(self) -> Float[np.ndarray, "2 2"]:
        """Return the matrix."""
        return np.array(self.entries).reshape(2, 2)

    @property
    def v(self) -> Float[np.ndarray, "2"]:
        """Return the unit vector at the angle."""
        return np.array([math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))])

    def eigenpairs(self) -> list[tuple[float, Float[np.ndarray, "2"]]]:
        """Return the real eigenvalues, larger size first, each with a unit eigenvector; a direction appears once."""
        values, vectors = np.linalg.eig(self.A)
        if np.iscomplexobj(values):
            return []
        pairs = [(float(values[i]), vectors[:, i]) for i in np.argsort(-np.abs(values), kind="stable")]
        parallel = abs(pairs[0][1] @ pairs[1][1]) > 1 - 1e-12
        return pairs[:1] if parallel else pairs

    def still(self) -> str:
        """Return the plane as an SVG, with the eigen-directions, and the numbers as a list."""
        rows = "".join(
            f'<div class="v2a-eg-fact-{key}"><dt>{name}</dt><dd><b>{value}</b> <small>{meaning}</small></dd></div>'
            for key, (name, value, meaning) in self._facts().items()
        )
        return (
            f'<div class="v2a"><div class="v2a-eg-main"><div>{self._picture()}</div>'
            f'<dl class="v2a-eg-facts">{rows}</dl></div><p class="v2a-key">Blue: v, on the dashed unit circle. Green: '
            "Av, and all that A makes of the circle. Purple, dashed: the eigen-directions. A still picture: turning v "
            "needs JavaScript, or a running notebook.</p></div>"
        )

    def _facts(self) -> dict[str, tuple[str, str, str]]:
        A, v, pairs = self.A, self.v, self.eigenpairs()
        w = v @ A.T
        (a, b), (c, d) = A
        turn = ("none", "Av is 0: it has no direction")
        if norm(w) > 1e-9:
            turn = (f"{fixed(math.degrees(angle(v, w)), 1)}°", "0° or 180° for an eigenvector")
        lines = (
            "none that is real",
            f"λ = {fixed((a + d) / 2, 3)} ± {fixed(abs(np.linalg.eigvals(A)[0].imag), 3)} i",
        )
        if pairs:
            lines = (
                " and ".join(f"{fixed(_line_angle(x), 1)}°" for _, x in pairs),
                f"λ = {' and '.join(fixed(value, 3) for value, _ in pairs)}",
            )
        if len(pairs) == 1:
            lines = (f"one, at {lines[0]}", f"{lines[1]} twice")
        if len(pairs) == 2 and np.array_equal(A, A[0, 0] * np.eye(2)):
            lines = (f"all, with λ = {fixed(A[0, 0], 3)}", "A only stretches")
        return {
            "A": ("A", f"(({fixed(a)}, {fixed(b)}), ({fixed(c)}, {fixed(d)}))", "row by row"),
            "v": ("v", _pair(v), f"length 1, at {fixed(self.angle, 1)}°"),
            "w": ("Av", _pair(w), f"stretch {fixed(norm(w), 3)}"),
            "turn": ("Angle between v and Av", *turn),
            "along": ("Rayleigh quotient v · Av", fixed(rayleigh_quotient(A, v), 3), "the best guess of λ"),
            "lines": ("Eigen-directions", *lines),
        }

    def _picture(self) -> str:
        A, v = self.A, self.v
        w = v @ A.T
        reach = 1.14 * max(1.0, float(np.linalg.norm(A, 2)))
        unit = SIZE / reach

        def at(point: Any) -> str:
            return f"{unit * point[0]:.1f},{-unit * point[1]:.1f}"

        def segment(css: str, start: Any, end: Any) -> str:
            (x1, y1), (x2, y2) = at(start).split(","), at(end).split(",")
            return f'<line class="{css}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'

        steps = [unit * k for k in range(-int(reach), int(reach) + 1) if k]
        grid = "".join(f"M{s:.1f} {-SIZE}V{SIZE}M{-SIZE} {s:.1f}H{SIZE}" for s in steps)
        round_ = np.radians(np.arange(0, 360, 4))
        image = np.stack([np.cos(round_), np.sin(round_)], axis=1) @ A.T
        parts = [
            f'<path class="v2a-eg-grid" d="{grid}"/>',
            f'<path class="v2a-eg-axis" d="M{-SIZE} 0H{SIZE}M0 {-SIZE}V{SIZE}"/>',
            f'<circle class="v2a-eg-circle" r="{unit:.1f}"/>',
            f'<path class="v2a-eg-ellipse" d="M{"L".join(at(p) for p in image)}Z"/>',
        ]
        parts += [segment("v2a-eg-line", -2 * reach * x, 2 * reach * x) for _, x in self.eigenpairs()]
        parts += [segment("v2a-eg-out", (0, 0), w), segment("v2a-eg-in", (0, 0), v)]
        if norm(w) > 1e-9:
            back, size = w / norm(w), 16 / unit
            side = 0.4 * np.array([-back[1], back[0]])
            corners = " ".join(at(p) for p in (w, w - size * (back + side), w - size * (back - side)))
            parts.append(f'<polygon class="v2a-eg-head" points="{corners}"/>')
        x, y = at(v).split(",")
        parts.append(f'<circle class="v2a-eg-knob" cx="{x}" cy="{y}" r="8"/>')
        label = f"A unit vector v at {fixed(self.angle, 1)}° and its image Av, {fixed(norm(w))} long"
        box = f"{-SIZE} {-SIZE} {2 * SIZE} {2 * SIZE}"
        return f'<svg class="v2a-eg" viewBox="{box}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _line_angle(x: Float[np.ndarray, "2"]) -> float:
    """Return the direction of a line in degrees, from 0 to 180."""
    turn = math.degrees(math.atan2(x[1], x[0])) % 180
    return 0.0 if turn > 180 - 1e-9 else turn


def _pair(w: Float[np.ndarray, "2"]) -> str:
    return f"({fixed(w[0])}, {fixed(w[1])})"
