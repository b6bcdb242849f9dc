"""The ring as a picture: who sends to whom, and in which step a block of keys meets a block of queries."""

import math

from vec2attn.arrays import whole_number
from vec2attn.notebook import COLOURS, drawing

BLUE, ORANGE, GREY = (COLOURS[role] for role in ("in", "key", "muted"))
MOST = 6  # ranks; more would be too small to read
SIDE, WIDE, HIGH = 260, 66, 40  # of the picture, of a rank's box; in pixels


class RingDrawing:
    """A ring of ranks and its timetable; a notebook shows it as a picture, `print` in words.

    Parameters
    ----------
    size : ranks, 2 to 6
    """

    def __init__(self, size: int) -> None:
        if not 2 <= whole_number("size", size) <= MOST:
            raise ValueError(f"a ring of 2 to {MOST} ranks can be drawn so that it is legible; got {size}")
        self.size = size

    def block(self, rank: int, step: int) -> int:
        """Return which block of keys and values a rank holds in a step."""
        return (rank - step) % self.size

    def __repr__(self) -> str:
        """Return the timetable in words."""
        rows = [[f"K{self.block(rank, step)}" for step in range(self.size)] for rank in range(self.size)]
        head = "step     " + " ".join(f"{step:>3}" for step in range(self.size))
        return "\n".join([head, *(f"Q{rank} meets " + "  ".join(row) for rank, row in enumerate(rows))])

    def _repr_html_(self) -> str:
        words = f"{self.size} ranks in a circle. Each keeps its queries and sends its keys and values to the next"
        table = f"Timetable of {self.size} × {self.size} blocks; in words below"
        parts = "".join(
            f'<svg role="img" aria-label="{label}" viewBox="0 0 {SIDE} {SIDE}" '
            f'style="flex: 0 1 {SIDE}px; min-width: 0; height: auto; font: 13px system-ui, sans-serif">{inside}</svg>'
            for label, inside in ((words, self._circle()), (table, self._timetable()))
        )
        row = "display: flex; flex-wrap: wrap; gap: 24px; justify-content: center; margin: 1em 0"
        return drawing(f'<div style="{row}">{parts}</div>', "timetable", repr(self))

    def _circle(self) -> str:
        middle, radius = SIDE / 2, SIDE / 2 - WIDE / 2 - 2
        turn = 2 * math.pi / self.size
        gap = min(0.42 * turn, 1.05 * HIGH / radius)  # from a box to its arrow

        def at(angle: float, r: float = radius) -> str:
            return f"{middle + r * math.sin(angle):.1f} {middle - r * math.cos(angle):.1f}"

        parts = [_text(middle, middle - 4, "K and V", ORANGE, 600), _text(middle, middle + 14, "move on", ORANGE)]
        for rank in range(self.size):
            a, b = rank * turn + gap, (rank + 1) * turn - gap
            tip = b + 5 / radius
            parts.append(
                f'<path d="M{at(a)}A{radius:.1f} {radius:.1f} 0 0 1 {at(b)}" fill="none" stroke="{ORANGE}" '
                f'stroke-width="2" stroke-dasharray="5 3"/>'
                f'<path d="M{at(tip)}L{at(b - 4 / radius, radius + 5)}L{at(b - 4 / radius, radius - 5)}Z" '
                f'fill="{ORANGE}"/>'
            )
            x, y = (float(number) for number in at(rank * turn).split())
            parts.append(
                f'<rect x="{x - WIDE / 2:.1f}" y="{y - HIGH / 2:.1f}" width="{WIDE}" height="{HIGH}" rx="6" '
                f'fill="none" stroke="{GREY}"/>'
                + _text(x, y - 3, f"rank {rank}", "currentColor", 600)
                + _text(x, y + 14, f"Q{rank} stays", BLUE)
            )
        return "".join(parts)

    def _timetable(self) -> str:
        left, cell = 34, (SIDE - 36) / self.size
        parts = []
        for i in range(self.size):
            middle = left + (i + 0.5) * cell
            parts += [_text(16, middle + 5, f"Q{i}", BLUE, 600), _text(middle, 24, f"K{i}", ORANGE, 600)]
            for j in range(self.size):
                step = next(step for step in range(self.size) if self.block(i, step) == j)
                x, y = left + j * cell, left + i * cell
                parts.append(
                    f'<rect x="{x + 1:.1f}" y="{y + 1:.1f}" width="{cell - 2:.1f}" height="{cell - 2:.1f}" rx="3" '
                    f'fill="{ORANGE}" fill-opacity="{0.45 * (1 - step / self.size):.2f}" stroke="{GREY}"/>'
                    + _text(x + cell / 2, y + cell / 2 + 5, str(step), "currentColor")
                )
        return "".join(parts)


def _text(x: float | int, y: float | int, words: str, colour: str, weight: int = 400) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="{colour}" font-weight="{weight}">{words}</text>'
