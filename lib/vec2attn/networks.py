"""Tensor networks: a formula of einsum as a picture. An array is a circle, each of its axes a line.

A line from circle to circle is a letter that both have and that is summed over. A line with a free end is an axis of
the result. A letter that has any other number of ends meets in a dot: three lines or more that move together, or one
that is summed alone. The picture says no more than the formula, but one sees at once what joins what.
"""

import html
import math
import string
from collections import defaultdict
from collections.abc import Mapping, Sequence

from vec2attn.notebook import COLOURS, picture
from vec2attn.tensors import parse

MOST = 12  # circles; more would be too small to read
RADIUS, STEP, HIGH, LEG = 19.0, 96.0, 84.0, 52.0  # of a circle; between two, between rows; of a free line; in pixels
# the site has these variables; elsewhere the second colour, legible on white and on near-black
MAP, OUT, INK = COLOURS["map"], COLOURS["out"], "currentColor"
FREE = RADIUS, 0.0  # from a circle to a point

Point = tuple[float, float]


class Diagram:
    """A drawn formula; a notebook shows it as a picture, `print` in words."""

    def __init__(self, terms: Sequence[str], out: str, names: Sequence[str], sizes: Mapping[str, int]) -> None:
        self.terms, self.out, self.names, self.sizes = tuple(terms), out, tuple(names), dict(sizes)
        self.letters = list(dict.fromkeys("".join(terms)))
        self.owners = {x: [i for i, term in enumerate(terms) for y in term if y == x] for x in self.letters}
        plain = [x for x in self.letters if len(self.owners[x]) + (x in out) == 2]
        self.dots = [x for x in self.letters if x not in plain]
        self.legs = [x for x in plain if x in out]
        self.bonds = [x for x in plain if x not in out]
        self.places = self._place()

    def __repr__(self) -> str:
        """Return the network in words: the arrays with their axes, then what becomes of each letter."""
        rows = [
            f"{name}: {', '.join(map(self._label, term))}" for name, term in zip(self.names, self.terms, strict=True)
        ]
        for x in self.letters:
            owners = [self.names[i] for i in dict.fromkeys(self.owners[x])]
            joins = f"joins {' and '.join(owners)}" if len(self.owners[x]) > 1 else f"of {owners[0]} alone"
            rows.append(f"{x}: {joins}, {'free' if x in self.out else 'summed'}")
        return "\n".join(rows)

    def _repr_html_(self) -> str:
        parts, points = self._lines()
        parts += [_circle(self.places[i], name) for i, name in enumerate(self.names)]
        points += self.places[: len(self.names)]
        left, right = (side(x for x, _ in points) for side in (min, max))
        top, bottom = (side(y for _, y in points) for side in (min, max))
        return picture(
            "".join(parts),
            name="network",
            label=f"A tensor network of {', '.join(self.names)} with {len(self.out)} free lines; in words below",
            words=repr(self),
            box=(left - 44, top - 28, right - left + 88, bottom - top + 28 + RADIUS + 3),
        )

    def _label(self, x: str) -> str:
        return f"{x} {self.sizes[x]}" if x in self.sizes else x

    def _place(self) -> list[Point]:
        """Return where the circles are: those with free lines in a row, and above it those that join many."""
        inner = [
            i
            for i, term in enumerate(self.terms)
            if not set(term) & set(self.legs)
            and (sum(x in self.bonds for x in term) > 2 or set(term) <= set(self.dots))
        ]
        if len(inner) == len(self.terms):
            inner = []
        outer = [i for i in range(len(self.terms)) if i not in inner]
        places = dict(zip(outer, ((STEP * n, 0.0) for n in range(len(outer))), strict=True))
        start = STEP * (len(outer) - len(inner)) / 2
        high = -HIGH * (2 if self.dots and inner else 1)
        places |= zip(inner, ((start + STEP * n, high) for n in range(len(inner))), strict=True)
        return [places[i] for i in range(len(self.terms))]

    def _lines(self) -> tuple[list[str], list[Point]]:
        """Return the lines, dots and letters as SVG, and points that the picture must hold."""
        parts, points = self._bonds()
        for i, term in enumerate(self.terms):  # free lines hang down, side by side
            lone = [x for x in self.dots if len(self.owners[x]) == 1]
            mine = [x for x in term if x in self.legs or x in lone]
            for n, x in enumerate(mine):
                a = self.places[i]
                b = (a[0] + 44.0 * (n - (len(mine) - 1) / 2), a[1] + RADIUS + LEG)
                parts += _line(a, b, self._label(x), colour=OUT if x in self.legs else INK, ends=FREE)
                parts += [_dot(b)] if x in lone else []
                points.append(b)
        several = [x for x in self.dots if len(self.owners[x]) > 1]
        for n, x in enumerate(several):
            joined = dict.fromkeys(self.owners[x])
            middle = sum(self.places[i][0] for i in joined) / len(joined)
            c = (middle + 44.0 * (n - (len(several) - 1) / 2), max(self.places[i][1] for i in joined) - HIGH)
            for i in joined:
                times = self.owners[x].count(i)
                for m in range(times):
                    parts += _line(self.places[i], c, "", bow=14.0 * (m - (times - 1) / 2), ends=FREE)
            if x in self.out:
                up = (c[0], c[1] - LEG)
                parts += _line(c, up, "", colour=OUT, ends=(0.0, 0.0))
                points.append(up)
            parts += [_dot(c), _text(c[0] + 8 + 4 * len(self._label(x)), c[1] - 8, self._label(x))]
            points.append((c[0], c[1] - 12))
        return parts, points

    def _bonds(self) -> tuple[list[str], list[Point]]:
        """Return the lines between two circles: straight between neighbours, else in an arc; parallel ones apart."""
        between: dict[tuple[int, int], list[str]] = defaultdict(list)
        for x in self.bonds:
            between[min(self.owners[x]), max(self.owners[x])].append(x)
        parts: list[str] = []
        points: list[Point] = []
        for (i, j), shared in between.items():
            a, b = self.places[i], self.places[j]
            far = 0.3 * math.dist(a, b) if a[1] == b[1] and math.dist(a, b) > 1.5 * STEP else 0.0
            for n, x in enumerate(shared):
                bow = far + 20.0 * (n - (len(shared) - 1) / 2)
                parts += _line(a, b, self._label(x), bow=bow, loop=i == j)
                points.append((a[0], a[1] - 68) if i == j else ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2 - bow - 8))
        return parts, points


def diagram(
    formula: str, names: str | Sequence[str] | None = None, *, sizes: Mapping[str, int] | None = None
) -> Diagram:
    """Draw a formula of einsum as a tensor network.

    Parameters
    ----------
    formula : such as "ij,jk->ik", a letter for each axis
    names : of the arrays, in one text or a list; A, B, C … by default
    sizes : of letters, shown beside them where given

    Raises
    ------
    TypeError : the formula is no text
    ValueError : it cannot be read, has more than 12 arrays, or names or sizes that do not fit it
    """
    sizes = dict(sizes or {})
    text = formula if isinstance(formula, str) else ""
    shapes = [tuple(sizes.get(x, 1) for x in term) for term in text.replace(" ", "").partition("->")[0].split(",")]
    terms, out, known = parse(formula, shapes)
    if len(terms) > MOST:
        raise ValueError(f"at most {MOST} arrays can be drawn so that they are legible; got {len(terms)}")
    if not all(terms):
        raise ValueError(f"every array of a network needs a letter; {formula!r} has one without")
    called = list(string.ascii_uppercase[: len(terms)]) if names is None else names
    called = called.split() if isinstance(called, str) else list(called)
    if len(called) != len(terms):
        raise ValueError(f"{formula!r} has {len(terms)} arrays; got {len(called)} names: {', '.join(called)}")
    if strange := set(sizes) - set(known):
        raise ValueError(f"letter {min(strange)!r} has a size, and is not in {formula!r}")
    return Diagram(terms, out, called, sizes)


def _line(
    a: Point,
    b: Point,
    label: str,
    *,
    bow: float = 0.0,
    colour: str = INK,
    ends: tuple[float, float] = (RADIUS, RADIUS),
    loop: bool = False,
) -> list[str]:
    """Return a line from a to b, bowed to its left, with its letter; `ends` are the radii of what is there."""
    (x0, y0), (x1, y1) = a, b
    if loop:
        path, at = f"M{x0 - 10:.1f} {y0 - 17:.1f}c-38 -62 58 -62 20 0", (x0, y0 - 68)
    else:
        length = math.dist(a, b)
        across = (y1 - y0) / length, (x0 - x1) / length  # upwards, for a line from left to right
        mx, my = (x0 + x1) / 2 + 2 * bow * across[0], (y0 + y1) / 2 + 2 * bow * across[1]
        (x0, y0), (x1, y1) = _towards(a, (mx, my), ends[0]), _towards(b, (mx, my), ends[1])
        path = f"M{x0:.1f} {y0:.1f}Q{mx:.1f} {my:.1f} {x1:.1f} {y1:.1f}"
        middle = (x0 + 2 * mx + x1) / 4, (y0 + 2 * my + y1) / 4
        side = across if across[0] > 0 else (-across[0], -across[1])
        steep = side[0] > 0.3  # then the letter stands to the right of the line, else above it
        right = middle[0] + side[0] * (6 + 4 * len(label)), middle[1] + 12 * side[1] + 5
        at = right if steep else (middle[0], middle[1] - 8)
    line = f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    return [line, _text(*at, label)] if label else [line]


def _towards(a: Point, b: Point, far: float) -> Point:
    share = far / math.dist(a, b)
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


def _circle(at: Point, name: str) -> str:
    x, y = at
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}" fill="none" stroke="{MAP}" stroke-width="2.4"/>'
        f'<text x="{x:.1f}" y="{y + 5:.1f}" text-anchor="middle" fill="currentColor" font-weight="600">'
        f"{html.escape(name)}</text>"
    )


def _dot(at: Point) -> str:
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="4.5" fill="currentColor"/>'


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="currentColor">{html.escape(words)}</text>'
