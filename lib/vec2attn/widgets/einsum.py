"""Formulas of einsum on small arrays (notebook 5.1): which axes meet, which are summed, which stay; entry by entry.

The loop runs over the letters of the result, the last fastest, and for each entry over the letters that are summed, in
the order in which the formula names them.
"""

import itertools
import math
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Float

from vec2attn.tensors import contraction_path, einsum, matmul_plan
from vec2attn.widgets.base import Figure

FORMULAS = {
    "ij,jk->ik": "matrix product",
    "bij,bjk->bik": "batched matrix product",
    "bqd,bkd->bqk": "attention scores",
    "i,i->": "dot product",
    "i,j->ij": "outer product",
    "ij,ij->ij": "entry by entry",
    "i,ij,j->": "bilinear form",
    "ij->ji": "transpose",
    "ij->i": "sums of the rows",
    "ii->i": "diagonal",
    "ii->": "trace",
}
SIZES = {"b": 2, "i": 3, "j": 4, "k": 5, "q": 3, "d": 4}  # all different within a formula
NAMES = "ABC"  # of the operands; the result is R
# the drawing, as in einsum.js
CELL, LEFT, STACK, TOP, GAP, EDGE = 24, 20, 18, 28, 10, 3
STEP, ABOVE, BELOW = 24, 62, 60


class Einsum(Figure):
    """Operands as grids with lettered axes, the entries that meet for one entry of the result, and what all costs."""

    name = "einsum"

    formula = traitlets.Unicode("ij,jk->ik", help="one of FORMULAS").tag(sync=True)
    entry = traitlets.Int(7, help="number of the entry of the result, counted from 0").tag(sync=True)
    term = traitlets.Int(4, help="how many terms of its sum are added").tag(sync=True)

    @traitlets.validate("formula", "entry", "term")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "formula" and value not in FORMULAS:
            raise traitlets.TraitError(f"formula must be one of {', '.join(FORMULAS)}; got {value!r}")
        if name == "entry" and not 0 <= value < self.entries:
            raise traitlets.TraitError(
                f"entry must be a whole number from 0 to {self.entries - 1} for {self.formula}; got {value}"
            )
        if name == "term" and not 1 <= value <= self.terms:
            raise traitlets.TraitError(
                f"term must be a whole number from 1 to {self.terms} for {self.formula}; got {value}"
            )
        return value

    @traitlets.observe("formula")
    def _keep_in_range(self, change: Any) -> None:
        self.entry = min(self.entry, self.entries - 1)
        self.term = min(self.term, self.terms)

    @property
    def letters(self) -> tuple[list[str], str, str]:
        """Return the letters of each operand, of the result, and those that are summed."""
        left, _, out = self.formula.partition("->")
        return left.split(","), out, "".join(dict.fromkeys(x for x in left if x not in out + ","))

    @property
    def entries(self) -> int:
        """Return the number of entries of the result."""
        return _count(self.letters[1])

    @property
    def terms(self) -> int:
        """Return how many products are summed for each of them."""
        return _count(self.letters[2])

    def operands(self) -> list[Float[np.ndarray, "..."]]:
        """Return the arrays that the figure shows: small whole numbers, by a rule."""
        terms, _, _ = self.letters
        return [
            ((np.arange(_count(term)) * (p + 3) + p) % 7).astype(float).reshape(_shape(term))
            for p, term in enumerate(terms)
        ]

    def result(self) -> Float[np.ndarray, "..."] | np.floating:
        """Return what the library makes of them."""
        return einsum(self.formula, *self.operands())

    def meeting(self, term: int) -> list[tuple[int, ...]]:
        """Return the index in each operand of the entries that meet for this term (from 1) of the present entry."""
        terms, out, summed = self.letters
        at = dict(zip(out, np.unravel_index(self.entry, _shape(out)) if out else (), strict=True))
        at |= dict(zip(summed, np.unravel_index(term - 1, _shape(summed)) if summed else (), strict=True))
        return [tuple(int(at[x]) for x in letters) for letters in terms]

    def so_far(self) -> float:
        """Return the sum of the terms that are added."""
        arrays = self.operands()
        products = (
            math.prod(float(A[at]) for A, at in zip(arrays, self.meeting(t), strict=True))
            for t in range(1, self.term + 1)
        )
        return math.fsum(products)

    def facts(self) -> dict[str, tuple[str, str]]:
        """Return the numbers beside the picture: what they are called, and what they say."""
        terms, out, summed = self.letters
        shapes = ", ".join(f"{name} {_shown(term)}" for name, term in zip(NAMES, terms, strict=False))
        product = " * ".join(f"{name}[{', '.join(term)}]" for name, term in zip(NAMES, terms, strict=False))
        return {
            "shapes": ("Shapes", f"{shapes} → R {_shown(out)}"),
            "loop": ("In the innermost loop", f"R[{', '.join(out)}] += {product}".replace("[]", "")),
            "terms": ("Terms of each entry", f"{' · '.join(f'{x} = {SIZES[x]}' for x in summed)}" or "1, no sum"),
            "flops": ("FLOPs", self._flops()),
            "recipe": ("As matrix products", "; ".join(self.recipe())),
        }

    def _flops(self) -> str:
        terms, _, summed = self.letters
        path = contraction_path(self.formula, *map(_shape, terms))
        if len(terms) != 2:
            how = " in the best order" if len(terms) > 2 else ", additions" if summed else ", numbers only move"
            return f"{path.flops}{how}"
        sizes = [str(SIZES[x]) for x in dict.fromkeys("".join(terms))]
        return f"{' · '.join(['2', *sizes] if summed else sizes)} = {path.flops}"

    def recipe(self) -> list[str]:
        """Return each step of the best order as a matrix product: axes in order, joined, multiplied."""
        terms, out, _ = self.letters
        if len(terms) == 1:
            does = {"ij->ji": "the axes change places", "ij->i": "a sum along j", "ii->i": "every 4th number is read"}
            return [f"none: {does.get(self.formula, 'the diagonal is read and summed')}"]
        lines, names = [], list(NAMES[: len(terms)])
        for i, j in contraction_path(self.formula, *map(_shape, terms)).steps:
            right, left = terms.pop(j), terms.pop(i)
            b, a = names.pop(j), names.pop(i)
            batch, rows, shared, columns = matmul_plan(left, right, out + "".join(terms))
            sides = [_side(a, left, batch, rows, shared), _side(b, right, batch, shared, columns)]
            lines.append(f"{' @ '.join(sides)} = {_matrix(batch, rows, columns)}")
            terms.append(batch + rows + columns)
            names.append(f"({a}{b})")
        return lines

    def still(self) -> str:
        """Return the formula and the grids as SVG, and the numbers as a list."""
        terms, out, _ = self.letters
        styles, words = fates(self.formula)
        arrays, found = self.operands(), np.ravel(self.result())
        blocks = []
        for p, (term, A) in enumerate(zip(terms, arrays, strict=True)):
            fibre = [self.meeting(t)[p] for t in range(1, self.terms + 1)]
            digits = {index: f"{int(A[index])}" for index in np.ndindex(A.shape)}
            blocks.append(_block(self.formula, NAMES[p], term, styles, digits, fibre, self.meeting(self.term)[p]))
        now = tuple(int(i) for i in np.unravel_index(self.entry, _shape(out))) if out else ()
        done = {index: f"{int(found[n])}" for n, index in enumerate(np.ndindex(_shape(out))) if n < self.entry}
        done[now] = f"{int(self.so_far())}"
        blocks.append(_block(self.formula, "R", out, styles, done, [], now))
        letters = "".join(f"<li>{_sample(styles[x])}{text}</li>" for x, text in words.items())
        rows = "".join(
            f'<div class="v2e-{key}"><dt>{name}</dt><dd>{text}</dd></div>' for key, (name, text) in self.facts().items()
        )
        return (
            f'<div class="v2a v2a-still"><p>{FORMULAS[self.formula]}</p>{_diagram(self.formula, styles)}'
            f'<ul class="v2e-letters">{letters}</ul><div class="v2e-arrays">{"".join(blocks)}</div>'
            f'<dl class="v2a-numbers v2e-facts">{rows}</dl><p class="v2a-key">Framed: what is multiplied and added for '
            "one entry of R. A still picture: the controls need JavaScript, or a running notebook.</p></div>"
        )


def _side(name: str, letters: str, *groups: str) -> str:
    order = "".join(groups)
    return f"{name} {'as' if order == letters else 'permuted to'} {order} {_matrix(*groups)}"


def _count(letters: str) -> int:
    return math.prod(_shape(letters))


def _shape(letters: str) -> tuple[int, ...]:
    return tuple(SIZES[x] for x in letters)


def _shown(letters: str) -> str:
    return _unbroken(_shape(letters)) if letters else "a number"


def _unbroken(sizes: tuple[int, ...]) -> str:
    return str(sizes).replace(" ", "\u00a0")


def _matrix(*groups: str) -> str:
    return _unbroken(tuple(_count(group) for group in (groups if groups[0] else groups[1:])))


def fates(formula: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return for each letter the style of its lines, and what becomes of it in words."""
    left, _, out = formula.partition("->")
    terms, styles, words = left.split(","), {}, {}
    free = {"stays": ["in", "key"], "along": ["muted dot", "in dot"], "summed": ["map dash", "muted dash"]}
    for x in dict.fromkeys("".join(terms)):
        owners = [name for name, term in zip(NAMES, terms, strict=False) if x in term]
        twice = any(term.count(x) > 1 for term in terms)
        where = " and ".join(owners)
        if x not in out:
            kind = "summed"
            how = "is on both axes of A" if twice else f"meets in {where}" if len(owners) > 1 else f"is in {where} only"
            words[x] = f"{x} = {SIZES[x]} {how}: summed"
        elif len(owners) > 1:
            kind = "along"
            words[x] = f"{x} = {SIZES[x]} is the same in {where}: stays"
        else:
            kind = "stays"
            words[x] = f"{x} = {SIZES[x]} {'is on both axes of A' if twice else f'comes from {where}'}: stays"
        styles[x] = free[kind].pop(0)
    return styles, words


def _classes(style: str) -> str:
    return " ".join(f"v2e-{part}" for part in style.split())


def _sample(style: str) -> str:
    return (
        f'<svg class="v2e-sample" viewBox="0 0 30 8" aria-hidden="true">'
        f'<path class="v2e-line {_classes(style)}" d="M1 4h28"></path></svg>'
    )


def upright(formula: str, letter: str) -> bool:
    """Say whether a vector with this letter is drawn as a column: where a matrix of the formula has it for its rows."""
    left, _, out = formula.partition("->")
    return any(len(term) == 2 and term[0] == letter for term in (*left.split(","), out))


def _grid(formula: str, letters: str) -> tuple[int, int, int, int]:
    """Return the slices, rows and columns in which an array is drawn, and where its first cell begins."""
    sizes = _shape(letters)
    if len(sizes) == 1:
        sizes = (sizes[0], 1) if upright(formula, letters) else (1, sizes[0])
    slices, rows, columns = (1,) * (3 - len(sizes)) + sizes
    wide = len(letters) > 1 or (len(letters) == 1 and upright(formula, letters))
    return slices, rows, columns, EDGE + (LEFT if wide else 0) + (STACK if len(letters) == 3 else 0)


def _block(
    formula: str,
    name: str,
    letters: str,
    styles: dict[str, str],
    texts: dict[tuple[int, ...], str],
    fibre: list[tuple[int, ...]],
    now: tuple[int, ...],
) -> str:
    slices, rows, columns, left = _grid(formula, letters)
    high = rows * CELL + GAP
    width, height = left + columns * CELL + EDGE, TOP + slices * high - GAP + EDGE

    def corner(index: tuple[int, ...]) -> tuple[int, int]:
        if len(index) == 1:
            index = (index[0], 0) if upright(formula, letters) else (0, index[0])
        s, r, c = (0,) * (3 - len(index)) + index
        return left + c * CELL, TOP + s * high + r * CELL

    def cells(indices: list[tuple[int, ...]]) -> str:
        return "".join(f"M{x} {y}h{CELL}v{CELL}h-{CELL}z" for x, y in map(corner, indices))

    marks = [
        f'<text class="v2e-digit" x="{x + CELL // 2}" y="{y + CELL // 2}">{text}</text>'
        for (x, y), text in ((corner(index), text) for index, text in texts.items())
    ]
    lines = "".join(
        "".join(f"M{left} {y + i * CELL}h{columns * CELL}" for i in range(rows + 1))
        + "".join(f"M{left + i * CELL} {y}v{rows * CELL}" for i in range(columns + 1))
        for y in range(TOP, TOP + slices * high, high)
    )
    return (
        f'<div class="v2e-array v2e-{name}"><p><b>{name}</b> {_shown(letters)}</p>'
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{name} as a grid of numbers">{_axes(formula, letters, styles)}'
        f'<path class="v2e-cells" d="{lines}"></path><path class="v2e-fibre" d="{cells(fibre)}"></path>'
        f'<path class="v2e-now" d="{cells([now])}"></path>{"".join(marks)}</svg></div>'
    )


def _axes(formula: str, letters: str, styles: dict[str, str]) -> str:
    """Return lines along the axes of an array, each with its letter."""
    slices, rows, columns, left = _grid(formula, letters)
    high = rows * CELL + GAP
    parts = []

    def axis(x: str, d: str, at: tuple[float | int, float | int]) -> None:
        parts.append(
            f'<path class="v2e-line {_classes(styles[x])}" d="{d}"></path>'
            f'<text class="v2e-letter {_classes(styles[x])}" x="{at[0]:g}" y="{at[1]:g}">{x}</text>'
        )

    if len(letters) == 3:
        tall = slices * high - GAP
        axis(letters[0], f"M{EDGE + 14} {TOP}v{tall}", (EDGE + 5, TOP + tall / 2))
    if len(letters) > 1 or (letters and upright(formula, letters)):
        for s in range(slices):
            y = TOP + s * high
            axis(letters[max(len(letters) - 2, 0)], f"M{left - 6} {y}v{rows * CELL}", (left - 15, y + rows * CELL / 2))
    if len(letters) > 1 or (letters and not upright(formula, letters)):
        axis(letters[-1], f"M{left} {TOP - 6}h{columns * CELL}", (left + columns * CELL / 2, TOP - 19))
    return "".join(parts)


def _diagram(formula: str, styles: dict[str, str]) -> str:
    """Return the formula with arcs: above, from operands to the result, what stays; below what meets and is summed."""
    signs = formula.replace("->", "→")
    width, base = STEP * len(signs), ABOVE
    middle = {n: STEP * n + STEP / 2 for n in range(len(signs))}
    split, parts = signs.index("→"), []
    for x, style in styles.items():
        places = [n for n, sign in enumerate(signs) if sign == x]
        inside, out = [n for n in places if n < split], [n for n in places if n > split]
        for a in inside if out else []:
            b = out[0]
            lift = min(46, 12 + 4.5 * (b - a))
            parts.append(_arc(style, middle[a], middle[b], base - 12, -lift))
        if not out:
            depth = 14.0
            for a, b in itertools.pairwise(inside):
                depth = min(24, 8 + 4 * (b - a))
                parts.append(_arc(style, middle[a], middle[b], base + 12, depth))
            if len(inside) == 1:
                stub = f"M{middle[inside[0]]:g} {base + 12}v{depth:g}"
                parts.append(f'<path class="v2e-line {_classes(style)}" d="{stub}"></path>')
            at = (middle[inside[0]] + middle[inside[-1]]) / 2
            under = f'x="{at:g}" y="{base + 24 + depth:g}"'
            parts.append(f'<text class="v2e-letter {_classes(style)}" {under}>Σ {x}</text>')
    for n, sign in enumerate(signs):
        style = _classes(styles[sign]) if sign in styles else "v2e-muted"
        parts.append(f'<text class="v2e-sign {style}" x="{middle[n]:g}" y="{base}">{sign}</text>')
    height = ABOVE + BELOW
    return (
        f'<svg class="v2e-formula" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{formula}">{"".join(parts)}</svg>'
    )


def _arc(style: str, start: float, end: float, y: float | int, lift: float | int) -> str:
    # a quadratic curve reaches half of its control point's height
    return (
        f'<path class="v2e-line {_classes(style)}" '
        f'd="M{start:g} {y:g}Q{(start + end) / 2:g} {y + 2 * lift:g} {end:g} {y:g}"></path>'
    )
