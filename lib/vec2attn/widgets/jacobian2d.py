"""A Jacobian as a local linear map (notebook 5.3): a curved map of the plane, and what is left of the curve nearby.

The neighbourhood of p is the square of side 2h around it. Its image under the map is drawn over the image under the
linearisation f(p) + J(x − p), in the plane and under a magnifier.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Complex, Float, Real

from vec2attn.calculus import jacobian
from vec2attn.vectors import norm
from vec2attn.widgets.base import Figure, fixed

REACH = 1.5  # how far p can go, either way
SMALLEST, LARGEST = 1 / 64, 0.5  # of h
GRID = 2.0  # the grid of the left picture goes from −GRID to GRID, and holds every neighbourhood
LINES = 4  # of the grid, on each side of the axes
SIZE = 160  # half of a picture's side, in the SVG's own units
CELLS = 8  # a neighbourhood is looked at on a grid of so many cells a side

Points = Real[np.ndarray, "*n 2"] | Complex[np.ndarray, "*n 2"]


@dataclass(frozen=True)
class Map:
    """A map of the plane: its formula as a text, itself, and the square (middle and half a side) that shows its image.

    It takes complex coordinates too, so that the complex step can differentiate it.
    """

    formula: str
    f: Callable[[Points], Points]
    middle: tuple[float, float]
    half: float


def _bend(P: Points) -> Points:
    x, y = P[..., 0], P[..., 1]
    return np.stack([x + np.sin(y), y + x * x / 2], axis=-1)


def _square(P: Points) -> Points:
    x, y = P[..., 0], P[..., 1]
    return np.stack([(x * x - y * y) / 2, x * y], axis=-1)


def _polar(P: Points) -> Points:
    radius, turn = 1 + P[..., 0] / 2, P[..., 1]
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=-1)


MAPS = {
    "bend": Map("(x + sin y, y + x²/2)", _bend, (0.0, 1.0), 3.1),
    "square": Map("((x² − y²)/2, xy)", _square, (0.0, 0.0), 4.1),
    "polar": Map("(r cos y, r sin y), r = 1 + x/2", _polar, (0.6, 0.0), 2.1),
}


class Jacobian2d(Figure):
    """A map, a point and the size of its neighbourhood; every trait can be set from Python, and follows the hand."""

    name = "jacobian2d"

    map = traitlets.Unicode("bend", help="which map of the plane").tag(sync=True)
    p = traitlets.List(traitlets.Float(), default_value=[0.5, -1.0], help="the point").tag(sync=True)
    h = traitlets.Float(0.5, help="half the side of the neighbourhood").tag(sync=True)

    @traitlets.validate("map", "p", "h")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        legal = {
            "map": lambda: value in MAPS,
            "p": lambda: len(value) == 2 and all(abs(x) <= REACH for x in value),
            "h": lambda: SMALLEST <= value <= LARGEST,
        }
        if not legal[name]():
            words = {
                "map": " or ".join(f'"{text}"' for text in MAPS),
                "p": f"two numbers from −{REACH} to {REACH}",
                "h": f"a number from 1/64 to {LARGEST}",
            }
            raise traitlets.TraitError(f"{name} must be {words[name]}; got {value!r}")
        return value

    def f(self, points: Points) -> Points:
        """Return where the map sends the rows of `points`."""
        return MAPS[self.map].f(points)

    @property
    def J(self) -> Float[np.ndarray, "2 2"]:
        """Return the Jacobian at p, by the library's complex step."""
        return jacobian(self.f, self.p, method="complex")

    @property
    def det(self) -> float:
        """Return the determinant of J, the factor of small areas."""
        (a, b), (c, d) = self.J
        return float(a * d - b * c)

    def linearised(self, points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Return where the linearisation at p sends the rows of `points`: f(p) + J(x − p)."""
        return self.f(np.array(self.p)) + (points - np.array(self.p)) @ self.J.T

    def neighbourhood(self) -> Float[np.ndarray, "rows columns 2"]:
        """Return the points at which the two are compared: a grid on the square around p."""
        steps = np.linspace(-self.h, self.h, CELLS + 1)
        dx, dy = np.meshgrid(steps, steps)
        return np.array(self.p) + np.stack([dx, dy], axis=-1)

    @property
    def error(self) -> float:
        """Return the largest distance between map and linearisation in the neighbourhood."""
        points = self.neighbourhood()
        return float(norm(self.f(points) - self.linearised(points)).max())

    def still(self) -> str:
        """Return the two planes and the magnifier as SVGs, with J, its determinant and the error."""
        table = "".join(f"<tr>{''.join(f'<td>{fixed(entry)}</td>' for entry in row)}</tr>" for row in self.J)
        facts = {
            "J at p: its columns are the arrows": f'<table class="v2a-j2-matrix"><tbody>{table}</tbody></table>',
            "Determinant": f"{fixed(self.det)} <small>{area(float(self.det))}</small>",
            "Largest error of the linearisation": _digits(self.error),
            "The same, divided by h²": f"{self.error / self.h**2:.2f}",
        }
        rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
        x, y = (fixed(v) for v in self.p)
        return (
            f'<div class="v2a"><p>f(x, y) = {MAPS[self.map].formula}, near p = ({x}, {y}), h = {_digits(self.h)}</p>'
            f'<div class="v2a-j2">{_before(self)}{_after(self)}{_magnified(self)}<dl class="v2a-j2-facts">{rows}</dl>'
            f'</div><p class="v2a-key">{KEY} A still picture: the controls need JavaScript, or a running notebook.'
            "</p></div>"
        )


KEY = (
    "Blue: p and its neighbourhood. Green: what the map makes of it. Purple, dashed: what the linearisation makes of "
    "it; the arrows are the columns of J, for x and y. Red: where the two differ most."
)


def area(det: float | int) -> str:
    """Say what the determinant of a Jacobian does to a small area."""
    if abs(det) < 0.005:
        return "flattened, a direction is lost"
    size = f"{abs(det):.2f}"
    return f"small areas {'stay' if size == '1.00' else f'× {size}'}{', mirrored' if det < 0 else ''}"


def _digits(x: float | np.floating) -> str:
    """Return two digits that count, without a power of ten; 0.125 is rounded up, as in the browser."""
    return np.format_float_positional(x * (1 + 1e-12), 2, unique=False, fractional=False, trim="-")


def _path(lines: Any, middle: Any, half: float | np.floating) -> str:
    """Return lines of points as the data of a path; y runs down in an SVG."""
    places = [(np.asarray(line) - middle) * [SIZE / half, -SIZE / half] for line in lines]
    return "".join("M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in line) for line in places)


def _edge(grid: Float[np.ndarray, "rows columns 2"]) -> list[np.ndarray]:
    """Return the boundary of a grid of points, once round."""
    return [np.concatenate([grid[0], grid[1:, -1], grid[-1, -2::-1], grid[-2::-1, 0]])]


def _mesh(grid: Float[np.ndarray, "rows columns 2"]) -> list[np.ndarray]:
    """Return every second line of a grid of points, both ways."""
    return [*grid[::2], *grid.swapaxes(0, 1)[::2]]


def _arrow(start: Float[np.ndarray, "2"], step: Float[np.ndarray, "2"]) -> list[np.ndarray]:
    """Return an arrow as two lines of points: its shaft, and its head."""
    tip, across = start + step, 0.5 * np.array([-step[1], step[0]])
    head = [tip - 0.16 * (step + across), tip, tip - 0.16 * (step - across)]
    return [np.array([start, tip]), np.array(head)]


def _label(name: str, step: Float[np.ndarray, "2"]) -> str:
    """Return the name of an arrow, behind its tip; step is in units of half a picture."""
    x, y = step * SIZE * (1 + 14 / SIZE / norm(step))
    return f'<text class="v2a-j2-label" x="{x:.1f}" y="{-y:.1f}">{name}</text>'


def _net(f: Callable[[Points], Points]) -> list[np.ndarray]:
    """Return the images of the lines of the whole grid."""
    along, across = np.linspace(-GRID, GRID, 33), np.linspace(-GRID, GRID, 2 * LINES + 1)
    lines = [np.stack([np.full(33, k), along], axis=-1) for k in across]
    return [f(line) for line in [*lines, *(line[:, ::-1] for line in lines)]]


def _svg(title: str, *parts: str) -> str:
    return (
        f'<div class="v2a-j2-panel"><div class="v2a-j2-title">{title}</div><svg role="img" aria-label="{title}" '
        f'viewBox="{-SIZE} {-SIZE} {2 * SIZE} {2 * SIZE}">{"".join(parts)}</svg></div>'
    )


def _draw(css: str, lines: Any, middle: Any, half: float | np.floating) -> str:
    return f'<path class="v2a-j2-{css}" d="{_path(lines, middle, half)}"/>'


def _before(figure: Jacobian2d) -> str:
    view = (np.zeros(2), GRID * 1.06)
    x, y = np.array(figure.p) * [SIZE / view[1], -SIZE / view[1]]
    return _svg(
        "Before",
        _draw("grid", _net(lambda P: P), *view),
        _draw("in", _edge(figure.neighbourhood()), *view),
        f'<circle class="v2a-j2-p" cx="{x:.1f}" cy="{y:.1f}" r="6"/>',
    )


def _after(figure: Jacobian2d) -> str:
    shown, points = MAPS[figure.map], figure.neighbourhood()
    view, at = (np.array(shown.middle), shown.half), figure.f(np.array(figure.p))
    (x, y) = (at - view[0]) * [SIZE / view[1], -SIZE / view[1]]
    return _svg(
        "After f",
        _draw("grid", _net(figure.f), *view),
        _draw("out", _edge(figure.f(points)), *view),
        _draw("map", _edge(figure.linearised(points)), *view),
        f'<circle class="v2a-j2-q" cx="{x:.1f}" cy="{y:.1f}" r="5"/>',
    )


def _magnified(figure: Jacobian2d) -> str:
    points, at = figure.neighbourhood(), figure.f(np.array(figure.p))
    curved, straight = figure.f(points), figure.linearised(points)
    half = 1.1 * max(abs(curved - at).max(), abs(straight - at).max())
    gap = norm(curved - straight)
    worst = np.unravel_index(gap.argmax(), gap.shape)
    steps = figure.h * figure.J.T
    arrows = [line for step in steps for line in _arrow(at, step)]
    return _svg(
        f"f(p) and around, × {_digits(MAPS[figure.map].half / half)}",
        _draw("fill", _edge(curved), at, half),
        _draw("out", _mesh(curved), at, half),
        _draw("map", _mesh(straight), at, half),
        _draw("arrow", arrows, at, half),
        _draw("gap", [[curved[worst], straight[worst]]], at, half),
        '<circle class="v2a-j2-q" r="5"/>',
        *(_label(name, step / half) for name, step in zip("xy", steps, strict=True) if step.any()),
    )
