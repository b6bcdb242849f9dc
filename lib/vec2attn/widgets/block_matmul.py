"""Tiles of a block matrix product (notebook 2.3): C = AB for 8 × 8 matrices, one tile product a step.

The order of the steps is that of `vec2attn.cost.blocked_matmul`: tile row of C, tile column of C, then the tiles along
the shared axis. The fast memory holds one tile of each matrix, as in `blocked_loads`.
"""

from typing import Any

import numpy as np
import traitlets
from jaxtyping import Bool, Int

from vec2attn.cost import blocked_loads
from vec2attn.widgets.base import Figure

N = 8  # rows and columns of A, B and C
BLOCKS = (1, 2, 4, 8)
CELL, GAP, TOP, BOTTOM = 20, 32, 20, 22  # the drawing: as in block_matmul.js
EMPTY, DIGIT = "\u2007", 7  # a space as wide as a digit, and how wide that is


class BlockMatmul(Figure):
    """Which tiles are touched, what has been loaded so far, and how often each loaded number is used."""

    name = "block_matmul"

    block = traitlets.Int(2, help="rows and columns of a tile: 1, 2, 4 or 8").tag(sync=True)
    step = traitlets.Int(0, help="how many tile products are done").tag(sync=True)

    @traitlets.validate("block", "step")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "block" and value not in BLOCKS:
            raise traitlets.TraitError(f"block must be 1, 2, 4 or 8; got {value}")
        if name == "step" and not 0 <= value <= self.steps:
            raise traitlets.TraitError(
                f"step must be a whole number from 0 to {self.steps} with blocks of {self.block}; got {value}"
            )
        return value

    @traitlets.observe("block")
    def _keep_step_in_range(self, change: Any) -> None:
        self.step = min(self.step, self.steps)

    @property
    def steps(self) -> int:
        """Return how many tile products the whole product takes."""
        return (N // self.block) ** 3

    def tiles(self) -> list[tuple[int, int, int]]:
        """Return (I, J, K) of each step done: C_IJ += A_IK B_KJ, counted from 0."""
        q = N // self.block
        return [(s // q**2, s // q % q, s % q) for s in range(self.step)]

    def counts(self) -> dict[str, Int[np.ndarray, "8 8"]]:
        """Return how often each entry of A and B was loaded, and how many products each entry of C has summed."""
        found, b = {name: np.zeros((N, N), int) for name in "ABC"}, self.block
        for I, J, K in self.tiles():
            for name, row, column, amount in (("A", I, K, 1), ("B", K, J, 1), ("C", I, J, b)):
                found[name][row * b : (row + 1) * b, column * b : (column + 1) * b] += amount
        return found

    def loads(self) -> int:
        """Return how many numbers have been loaded so far."""
        return 2 * self.block**2 * self.step

    def still(self) -> str:
        """Return the three matrices as an SVG, with the counts of the present step."""
        width, height = 2 * N * CELL + GAP + 2, 2 * N * CELL + GAP + TOP + BOTTOM
        counts, b, near, far = self.counts(), self.block, TOP, TOP + N * CELL + GAP
        places = {"A": (1, far), "B": (1 + N * CELL + GAP, near), "C": (1 + N * CELL + GAP, far)}
        now = self.tiles()[-1] if self.step else None
        corners = {"A": (now[0], now[2]), "B": (now[2], now[1]), "C": (now[0], now[1])} if now else {}
        parts = [
            f'<text class="v2a-formula v2a-{name}" x="{1 + N * CELL // 2}" y="{TOP + N * CELL // 2 - 22 + 30 * i}">'
            f"{before}{name}{_subscript(corners[name])}</text>"
            for i, (name, before) in enumerate([("C", ""), ("A", "+= "), ("B", "× ")])
            if now
        ]
        for name, (x, y) in places.items():
            parts.append(_matrix(name, x, y, counts[name], b, corners.get(name)))
        whole, single = blocked_loads(N, N, N, b), blocked_loads(N, N, N, 1)
        numbers = (
            f"Blocks of {b} × {b}, step {self.step} of {self.steps}: {self.loads():,} numbers loaded. "
            f"The whole product loads {whole:,}, each used {2 * N**3 // whole} times; "
            f"entry by entry {single:,}; each number once {blocked_loads(N, N, N, N)}."
        )
        return (
            f'<div class="v2a v2a-still"><svg class="v2a-tiles" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="Matrices A, B and C. {numbers}">{"".join(parts)}</svg><p class="v2a-key">{numbers} '
            "A still picture: the controls need JavaScript, or a running notebook.</p></div>"
        )


def _subscript(corner: tuple[int, int]) -> str:
    return "".join("₁₂₃₄₅₆₇₈"[i] for i in corner)


def _matrix(name: str, x: int, y: int, counts: Int[np.ndarray, "8 8"], b: int, corner: tuple[int, int] | None) -> str:
    across = f'x="{x + (CELL - DIGIT) / 2:g}" textLength="{(N - 1) * CELL + DIGIT}"'
    shades = [
        f'<path class="v2a-cell" d="{_area(x, y, counts == c)}" fill-opacity="{0.05 * c:.2f}"></path>'
        for c in range(1, N + 1)
    ]
    texts = [
        f'<text class="v2a-count" {across} y="{y + (i + 0.5) * CELL:g}">{row}</text>'
        for i, row in enumerate("".join(str(c) if c else EMPTY for c in counts_of_row) for counts_of_row in counts)
    ]
    here = ""
    if corner:
        size = b * CELL
        at = f'x="{x + corner[1] * size}" y="{y + corner[0] * size}" width="{size}" height="{size}"'
        here = f'<rect class="v2a-now" {at}></rect>'
    lines = (
        f'<path class="v2a-fine" d="{_lines(x, y, 1)}"></path><path class="v2a-coarse" d="{_lines(x, y, b)}"></path>'
    )
    label_y = y - 7 if name == "B" else y + N * CELL + 17
    label = f'<text class="v2a-letter" x="{x + N * CELL / 2:g}" y="{label_y}">{name}</text>'
    return f'<g class="v2a-{name}">{"".join(shades)}{lines}{here}{"".join(texts)}{label}</g>'


def _area(x: int, y: int, where: Bool[np.ndarray, "8 8"]) -> str:
    return "".join(f"M{x + j * CELL} {y + i * CELL}h{CELL}v{CELL}h-{CELL}z" for i, j in np.argwhere(where))


def _lines(x: int, y: int, every: int) -> str:
    stops = range(0, N + 1, every)
    return "".join(f"M{x} {y + i * CELL}h{N * CELL}M{x + i * CELL} {y}v{N * CELL}" for i in stops)
