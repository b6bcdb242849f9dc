"""Rotation and projection (notebook 2.1): the letter F, its image under a 2×2 matrix, the image's shadow on a line.

The matrix turns by `theta` as long as `entries` is empty; the tips of its two basis arrows can be dragged, and then
`entries` holds the four numbers. `convention` says on which side of the rows of points the matrix stands.
"""

import math
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Float, Real

from vec2attn.matrices import projection, rotation
from vec2attn.widgets.base import Figure, fixed

CONVENTIONS = ("points @ A.T", "points @ A")
REACH = 2.0  # how far an entry can go, either way
VIEW = 2.3  # the picture shows −VIEW … VIEW on both axes
UNIT = 80  # pixels of the SVG's own scale
# an asymmetrical letter, so that a turn and a mirror image cannot be confused
LETTER = (
    *((0.25, 0.25), (0.5, 0.25), (0.5, 0.8), (0.9, 0.8), (0.9, 1.05)),
    *((0.5, 1.05), (0.5, 1.35), (1.1, 1.35), (1.1, 1.6), (0.25, 1.6)),
)
TINY = 1e-9


class RotationProjection(Figure):
    """A shape, its image and its shadow; every trait can be set from Python, and follows the reader's hand."""

    name = "rotation_projection"

    theta = traitlets.Float(30.0, help="angle of the rotation, degrees counter-clockwise").tag(sync=True)
    phi = traitlets.Float(165.0, help="angle of the line that is projected on, in degrees").tag(sync=True)
    entries = traitlets.List(traitlets.Float(), help="a, b, c, d of a matrix set by hand; empty: rotation").tag(
        sync=True
    )
    convention = traitlets.Unicode(CONVENTIONS[0], help="how the rows of points meet the matrix").tag(sync=True)
    projections = traitlets.Int(0, help="how many times the image is projected on the line").tag(sync=True)

    @traitlets.validate("theta", "phi", "entries", "convention", "projections")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        legal = {
            "theta": lambda: -180 <= value <= 180,
            "phi": lambda: 0 <= value <= 180,
            "entries": lambda: len(value) in (0, 4) and all(abs(x) <= REACH for x in value),
            "convention": lambda: value in CONVENTIONS,
            "projections": lambda: 0 <= value <= 99,
        }
        if not legal[name]():
            words = {
                "theta": "an angle from −180 to 180 degrees",
                "phi": "an angle from 0 to 180 degrees",
                "entries": f"four numbers from −{REACH:g} to {REACH:g}, row by row, or none for a rotation",
                "convention": " or ".join(f'"{text}"' for text in CONVENTIONS),
                "projections": "a whole number from 0 to 99",
            }
            raise traitlets.TraitError(f"{name} must be {words[name]}; got {value!r}")
        return value

    @property
    def A(self) -> Float[np.ndarray, "2 2"]:
        """Return the matrix as it is written in the figure."""
        return np.array(self.entries).reshape(2, 2) if self.entries else rotation(math.radians(self.theta))

    @property
    def P(self) -> Float[np.ndarray, "2 2"]:
        """Return the projection on the line at the angle phi."""
        return projection([math.cos(math.radians(self.phi)), math.sin(math.radians(self.phi))])

    def image(self, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Return where the matrix sends the rows of `points`, by the convention of the figure, before projections."""
        return points @ (self.A if self.convention == CONVENTIONS[1] else self.A.T)

    def shadow(self, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Return the images of the rows of `points`, projected as often as the figure says."""
        image = self.image(points)
        for _ in range(self.projections):
            image = image @ self.P.T
        return image

    def words(self) -> str:
        """Return what kind of map takes the points to their images."""
        return kind(self.image(np.eye(2)).T)

    def still(self) -> str:
        """Return the plane as an SVG, with the matrix, the determinant and what they mean."""
        (a, b), (c, d) = self.A
        e1 = self.image(np.eye(2))[0]
        det = a * d - b * c
        shadow, line = (" and its shadow", f", the line at {_degrees(self.phi)}") if self.projections else ("", "")
        return (
            f'<div class="v2a">{_picture(self)}<p>A = (({fixed(a)}, {fixed(b)}), ({fixed(c)}, {fixed(d)})), '
            f"used as <code>{formula(self.convention, self.projections)}</code>: {self.words()}. (1, 0) goes to "
            f"({fixed(e1[0])}, {fixed(e1[1])}); determinant {fixed(det)}.</p>"
            '<p class="v2a-key">Blue, dashed: the letter, and the point (1, 0). '
            f"Green: the image{shadow}. Purple: the images of (1, 0), round, and (0, 1), square, the area between "
            f"them{line}. A still picture: the controls need JavaScript, or a running notebook.</p></div>"
        )


def kind(M: Real[np.ndarray, "2 2"]) -> str:
    """Say in words what the map x → Mx does to the plane.

    The most special name that fits, in this order: nothing, rotation, mirror, projection, singular, stretch along the
    axes, turn and stretch, shear, and the rest by the sign of the determinant.
    """
    (a, b), (c, d) = (float(x) for x in M[0]), (float(x) for x in M[1])
    det = a * d - b * c

    def same(x: float | int, y: float | int) -> bool:
        return abs(x - y) < TINY

    if same(a, 1) and same(d, 1) and same(b, 0) and same(c, 0):
        return "the identity: nothing moves"
    orthogonal = same(a * a + c * c, 1) and same(b * b + d * d, 1) and same(a * b + c * d, 0)
    if orthogonal and det > 0:
        return f"a rotation by {_turn(math.atan2(c, a))}"
    if orthogonal:
        axis = math.degrees(math.atan2(c, a)) / 2 % 180
        return f"a reflection in the line at {_degrees(0.0 if axis > 179.95 else axis)}"
    if same(a, 0) and same(b, 0) and same(c, 0) and same(d, 0):
        return "singular: everything goes to 0"
    if same(det, 0):
        if same(a + d, 1):  # with determinant 0: the same as M² = M
            return "singular, " + ("an orthogonal projection on a line" if same(b, c) else "an oblique projection")
        return "singular: the plane falls on a line"
    if same(b, 0) and same(c, 0):
        return f"a scaling: x times {fixed(a)}, y times {fixed(d)}"
    if same(a, d) and same(b, -c):
        return f"a rotation by {_turn(math.atan2(c, a))} and a stretch by {fixed(math.hypot(a, c))}"
    if same(det, 1) and same(a + d, 2):
        return "a shear: areas stay, right angles do not"
    return "a general map, " + ("not mirrored" if det > 0 else "mirrored")


def formula(convention: str, projections: int) -> str:
    """Return the expression that computes the picture from the rows of points."""
    if projections <= 3:
        return convention + " @ P" * projections
    return f"{convention} @ P … @ P ({projections} times)"


def _turn(angle: float | int) -> str:
    degrees = math.degrees(angle)
    if abs(abs(degrees) - 180) < 0.05:
        return "180°"
    return f"{_degrees(abs(degrees))} {'counter-clockwise' if degrees > 0 else 'clockwise'}"


def _degrees(x: float | int) -> str:
    text = f"{x:.1f}"
    return text.removesuffix(".0") + "°"


def _xy(point: Any) -> tuple[str, str]:
    """Return a point in the SVG's own units: y runs down there."""
    return f"{float(point[0]) * UNIT:.1f}", f"{-float(point[1]) * UNIT:.1f}"


def _path(points: Any) -> str:
    return " ".join(",".join(_xy(p)) for p in points)


def _line(start: Any, end: Any, css: str) -> str:
    (x1, y1), (x2, y2) = _xy(start), _xy(end)
    return f'<line class="{css}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _picture(figure: RotationProjection) -> str:
    size, letter, basis = VIEW * UNIT, np.array(LETTER), figure.image(np.eye(2))
    image, end = figure.image(letter), 2 * VIEW
    along = np.array([math.cos(math.radians(figure.phi)), math.sin(math.radians(figure.phi))])
    parts = []
    for k in range(-2, 3):
        css = "v2a-rp-axis" if k == 0 else "v2a-rp-grid"
        parts += [_line((k, -VIEW), (k, VIEW), css), _line((-VIEW, k), (VIEW, k), css)]
    for k in range(-5, 6):  # the grid's own image, far enough to fill the picture
        ends = figure.image(np.array([[k, -9], [k, 9], [-9, k], [9, k]], dtype=float))
        parts += [_line(ends[0], ends[1], "v2a-rp-mesh"), _line(ends[2], ends[3], "v2a-rp-mesh")]
    square = [(0, 0), basis[0], basis[0] + basis[1], basis[1]]
    parts.append(f'<polygon class="v2a-rp-area" points="{_path(square)}"/>')
    parts.append(_line(-end * along, end * along, "v2a-rp-line" + (" v2a-rp-on" if figure.projections else "")))
    parts.append(f'<polygon class="v2a-rp-in" points="{_path(letter)}"/>')
    ghost = " v2a-rp-ghost" if figure.projections else ""
    parts.append(f'<polygon class="v2a-rp-out{ghost}" points="{_path(image)}"/>')
    if figure.projections:
        shadow = figure.shadow(letter)
        parts += [_line(p, s, "v2a-rp-ray") for p, s in zip(image, shadow, strict=True)]
        places = shadow @ along
        parts.append(_line(shadow[places.argmin()], shadow[places.argmax()], "v2a-rp-shadow"))
    (x1, y1), (x2, y2) = _xy(basis[0]), _xy(basis[1])
    parts.append(f'<circle class="v2a-rp-from" cx="{UNIT}" cy="0" r="5"/>')
    parts += [_line((0, 0), tip, "v2a-rp-arrow") for tip in basis]
    parts.append(f'<circle class="v2a-rp-tip" cx="{x1}" cy="{y1}" r="8"/>')
    parts.append(f'<rect class="v2a-rp-tip" x="-7" y="-7" width="14" height="14" transform="translate({x2} {y2})"/>')
    box = f"{-size:g} {-size:g} {2 * size:g} {2 * size:g}"
    label = f"The letter F and its image: {figure.words()}"
    return f'<svg class="v2a-rp" viewBox="{box}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
