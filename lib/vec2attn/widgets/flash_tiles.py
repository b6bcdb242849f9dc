"""FlashAttention's tiles (notebook 7.5): 8 × 8 scores, one tile a step, and the sums that stand in for the rest.

The order of the steps is that of `vec2attn.fast_attention.tiled_attention`: a tile of queries meets one tile of keys
after the other. The numbers are those of its `OnlineSoftmax`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Bool, Float, Real

from vec2attn.arrays import as_matrix
from vec2attn.softmax import softmax
from vec2attn.widgets.base import Figure, fixed

N = 8  # queries and keys
TILES = (1, 2, 3, 4, 8)
CELL, LEFT, TOP = 30, 24, 20  # the drawing: as in flash_tiles.js
SIDE = N * CELL
NAMES = {
    "m": "Largest score m",
    "factor": "Factor on old l, Y",
    "l": "Sum l",
    "y": "Output so far, Y/l",
    "full": "Full softmax",
    "held": "Numbers held now",
}


@dataclass(frozen=True)
class Sums:
    """What is known of the queries after some tiles; `old_m`, `old_l` and `factor` are of the last tile's queries."""

    m: Float[np.ndarray, "8"]
    l: Float[np.ndarray, "8"]
    y: Float[np.ndarray, "8 2"]
    old_m: Float[np.ndarray, "8"]
    old_l: Float[np.ndarray, "8"]
    factor: Float[np.ndarray, "8"]


class FlashTiles(Figure):
    """Which tile is at work, and for one query the maximum, the sum and the output so far."""

    name = "flash_tiles"

    scores = traitlets.List(traitlets.Float(), help="QKᵀ/√d, row by row").tag(sync=True)
    values = traitlets.List(traitlets.Float(), help="V, row by row").tag(sync=True)
    tile = traitlets.Int(2, help="queries and keys of a tile: 1, 2, 3, 4 or 8").tag(sync=True)
    causal = traitlets.Bool(False, help="whether a query sees only keys up to its own place").tag(sync=True)
    query = traitlets.Int(5, help="the query whose numbers are shown, from 1 to 8").tag(sync=True)
    step = traitlets.Int(11, help="how many tiles are done").tag(sync=True)

    def __init__(
        self,
        Q: Real[np.ndarray, "..."] | list,
        K: Real[np.ndarray, "..."] | list,
        V: Real[np.ndarray, "..."] | list,
        **traits: Any,
    ) -> None:
        """Make a figure of eight queries, eight keys, and eight values of two numbers.

        Raises
        ------
        ValueError : other shapes, NaN or infinity, or scores beyond ±99.9
        """
        Q, K, V = (as_matrix(name, M).astype(float) for name, M in zip("QKV", (Q, K, V), strict=True))
        if len(Q) != N or Q.shape != K.shape or V.shape != (N, 2):
            raise ValueError(f"need Q (8, d), K (8, d), V (8, 2); got Q {Q.shape}, K {K.shape}, V {V.shape}")
        S = Q @ K.T / np.sqrt(Q.shape[1])
        if abs(S).max() > 99.9:
            raise ValueError(f"the cells have room for scores up to ±99.9; the largest here is {abs(S).max():.1f}")
        super().__init__(scores=S.ravel().tolist(), values=V.ravel().tolist(), **traits)

    @traitlets.validate("tile", "query", "step")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "tile" and value not in TILES:
            raise traitlets.TraitError(f"tile must be 1, 2, 3, 4 or 8; got {value}")
        if name == "query" and not 1 <= value <= N:
            raise traitlets.TraitError(f"query must be a whole number from 1 to 8; got {value}")
        if name == "step" and not 0 <= value <= self.steps:
            raise traitlets.TraitError(
                f"step must be a whole number from 0 to {self.steps} with these tiles; got {value}"
            )
        return value

    @traitlets.observe("tile", "causal")
    def _keep_step_in_range(self, change: Any) -> None:
        self.step = min(self.step, self.steps)

    def order(self) -> list[tuple[range, range]]:
        """Return the queries and keys of each tile, in the order in which they are taken; skipped ones are left out."""
        import torch

        from vec2attn.fast_attention import Pattern

        pattern, cuts = Pattern("causal" if self.causal else "full"), _cuts(self.tile)
        return [(i, j) for i in cuts for j in cuts if pattern.tile(i, j, torch.device("cpu")) is not False]

    @property
    def steps(self) -> int:
        """Return how many tiles are taken in all."""
        return len(self.order())

    def allowed(self) -> Bool[np.ndarray, "8 8"]:
        """Return which query may attend to which key."""
        return np.tri(N, dtype=bool) if self.causal else np.ones((N, N), bool)

    def sums(self) -> Sums:
        """Return what is known of every query after the present step, by the library's `OnlineSoftmax`."""
        import torch

        from vec2attn.fast_attention import OnlineSoftmax

        S = np.where(self.allowed(), np.reshape(self.scores, (N, N)), -np.inf)
        scores, values = torch.from_numpy(S), torch.tensor(self.values, dtype=torch.float64).reshape(N, 2)
        state = OnlineSoftmax.empty(scores, 2)
        parts = [state.m[:, 0].numpy(), state.l[:, 0].numpy(), state.y.numpy()]
        m, l, y = (part.copy() for part in parts)
        old_m, old_l, factor = (np.full(N, np.nan) for _ in range(3))
        for i, j in self.order()[: self.step]:
            q, k = slice(i.start, i.stop), slice(j.start, j.stop)
            old_m[:], old_l[:], factor[:] = np.nan, np.nan, np.nan
            before = OnlineSoftmax(*(torch.from_numpy(x[q].reshape(len(i), -1)) for x in (m, l, y)))
            old_m[q], old_l[q] = before.m[:, 0].numpy(), before.l[:, 0].numpy()
            after = before.add(scores[q, k].clone(), values[k])
            m[q], l[q], y[q] = after.m[:, 0].numpy(), after.l[:, 0].numpy(), after.y.numpy()
            factor[q] = np.exp(old_m[q] - m[q])
        return Sums(m, l, y, old_m, old_l, factor)

    def full(self) -> Float[np.ndarray, "8 2"]:
        """Return the outputs by one softmax over each whole row."""
        S = np.where(self.allowed(), np.reshape(self.scores, (N, N)), -np.inf)
        return softmax(S) @ np.reshape(self.values, (N, 2))

    def facts(self) -> dict[str, tuple[str, str, str]]:
        """Return name, value and meaning of the numbers beside the picture."""
        r, order, sums = self.query - 1, self.order(), self.sums()
        now = order[self.step - 1] if self.step else None
        mine = [s for s, (i, _) in enumerate(order) if r in i]
        seen = max((j.stop for i, j in order[: self.step] if r in i), default=0)
        sees = r + 1 if self.causal else N
        seen = min(seen, sees)
        m, l, y, full = sums.m[r], sums.l[r], sums.y[r], self.full()[r]
        if not seen:
            found = {"m": ("−∞", "no score yet"), "factor": ("–", "not its turn"), "l": (fixed(0, 3), "no sum yet")}
            found["y"] = ("–", f"begins at step {mine[0] + 1}")
            found["full"] = (_pair(full), "to compare with")
        else:
            here, first = now is not None and r in now[0], sums.old_l[r] == 0
            factor, old = fixed(sums.factor[r], 3), fixed(sums.old_l[r], 3)
            added = fixed(l - sums.factor[r] * sums.old_l[r], 3)
            rose = sums.m[r] > sums.old_m[r]
            quiet = "no change in this step"
            was = "the first tile" if first else f"was {fixed(sums.old_m[r])}" if rose else "no larger one came"
            power = f"e^({fixed(sums.old_m[r])} − {fixed(m)})".replace("− −", "+ ")
            scales = "nothing to rescale yet" if first else power if rose else "nothing is rescaled"
            found = {
                "m": (fixed(m), was if here else quiet),
                "factor": (factor, scales) if here else ("–", "not its turn"),
                "l": (fixed(l, 3), f"{factor} · {old} + {added}" if here else quiet),
                "y": (_pair(y / l), "all keys seen" if seen == sees else f"from {seen} of {sees} keys"),
            }
            away = abs(y / l - full).max()
            found["full"] = (_pair(full), "equal, to rounding" if away < 1e-12 else f"difference {fixed(away, 3)}")
        found["held"] = ("0", "naive: 64 scores")
        if now:
            scores, state = len(now[0]) * len(now[1]), len(now[0]) * 4
            found["held"] = (str(scores + state), f"tile {scores}; m, l, Y {state}; naive 64")
        return {key: (name, *found[key]) for key, name in NAMES.items()}

    def still(self) -> str:
        """Return the scores with the tile of now as an SVG, and the numbers as a list."""
        rows = "".join(
            f'<div class="v2a-ft-{key}"><dt>{name}</dt><dd><b>{value}</b> <small>{meaning}</small></dd></div>'
            for key, (name, value, meaning) in self.facts().items()
        )
        say = f"Tiles of {self.tile} × {self.tile}{', causal' if self.causal else ''}, step {self.step} of {self.steps}"
        return (
            f'<div class="v2a"><div class="v2a-ft-main">{self._picture(say)}'
            f'<dl class="v2a-ft-facts">{rows}</dl></div>'
            f'<p class="v2a-key">{say}; the numbers are those of query {self.query}. Framed: the tile whose scores '
            "exist now. Shaded: tiles that are done and forgotten. A still picture: moving it needs JavaScript, or a "
            "running notebook.</p></div>"
        )

    def _picture(self, say: str) -> str:
        order, sums, S = self.order(), self.sums(), np.reshape(self.scores, (N, N))
        done, now = order[: self.step], order[self.step - 1] if self.step else None
        parts = [f'<path class="v2a-ft-done" d="{"".join(_area(i, j) for i, j in done)}"></path>']
        cuts = _cuts(self.tile)
        skipped = [(i, j) for i in cuts for j in cuts if (i, j) not in order]
        parts.append(f'<path class="v2a-ft-skip" d="{"".join(_strike(i, j) for i, j in skipped)}"></path>')
        masked = [(i, j) for a, b in order for i in a for j in b if not self.allowed()[i, j]]
        parts.append(f'<path class="v2a-ft-mask" d="{"".join(_cross(i, j) for i, j in masked)}"></path>')
        parts.append(f'<path class="v2a-ft-grid" d="{_lines(self.tile)}"></path>')
        ended = {i for rows, keys in done for i in rows if keys.stop == N or (self.causal and keys.stop > i)}
        for css, chosen in (("out", ended), ("half", {i for rows, _ in done for i in rows} - ended)):
            parts.append(f'<path class="v2a-ft-{css}" d="{"".join(_spot(i) for i in sorted(chosen))}"></path>')
        if now:
            rows, keys = now
            at = f'x="{LEFT + keys.start * CELL}" y="{TOP + rows.start * CELL}"'
            parts.append(
                f'<rect class="v2a-ft-now" {at} width="{len(keys) * CELL}" height="{len(rows) * CELL}"></rect>'
                + "".join(
                    f'<text x="{_x(b)}" y="{_y(a)}">{fixed(S[a, b], 1)}</text>'
                    for a in rows
                    for b in keys
                    if self.allowed()[a, b]
                )
            )
        texts = [f'<text class="v2a-ft-k" x="{_x(j)}" y="11">k{_sub(j)}</text>' for j in range(N)]
        texts += [f'<text class="v2a-ft-q" x="12" y="{_y(i)}">q{_sub(i)}</text>' for i in range(N)]
        heads = ((294, "m"), (332, "l"), (364, "y"))
        texts += [f'<text class="v2a-ft-head" x="{x}" y="11">{name}</text>' for x, name in heads]
        for i in range(N):
            if sums.l[i]:
                texts.append(f'<text x="294" y="{_y(i)}">{fixed(sums.m[i])}</text>')
                texts.append(f'<text x="332" y="{_y(i)}">{fixed(sums.l[i])}</text>')
        parts.append(
            f'<rect class="v2a-ft-row" x="2" y="{TOP + (self.query - 1) * CELL}" width="374" height="{CELL}"></rect>'
        )
        return (
            f'<svg class="v2a-ft" viewBox="0 0 378 {TOP + SIDE + 3}" role="img" aria-label="Scores of 8 queries and 8 '
            f'keys. {say}.">{"".join(parts)}{"".join(texts)}</svg>'
        )


def _cuts(size: int) -> list[range]:
    return [range(start, min(start + size, N)) for start in range(0, N, size)]


def _pair(y: Any) -> str:
    return f"({fixed(y[0])}, {fixed(y[1])})"


def _sub(i: int) -> str:
    return "₁₂₃₄₅₆₇₈"[i]


def _x(j: int) -> int:
    return LEFT + j * CELL + CELL // 2


def _y(i: int) -> int:
    return TOP + i * CELL + CELL // 2


def _area(i: range, j: range) -> str:
    width = len(j) * CELL
    return f"M{LEFT + j.start * CELL} {TOP + i.start * CELL}h{width}v{len(i) * CELL}h{-width}z"


def _strike(i: range, j: range) -> str:
    """Return a line across a tile that is left out, from its lower left to its upper right."""
    return (
        f"M{LEFT + j.start * CELL + 4} {TOP + i.stop * CELL - 4}L{LEFT + j.stop * CELL - 4} {TOP + i.start * CELL + 4}"
    )


def _cross(i: int, j: int) -> str:
    return f"M{_x(j) - 4} {_y(i) - 4}l8 8m0 -8l-8 8"


def _spot(i: int) -> str:
    return f"M357 {_y(i) - 7}h14v14h-14z"


def _lines(every: int) -> str:
    stops = [*range(0, N, every), N]
    across = "".join(f"M{LEFT} {TOP + s * CELL}h{SIDE}" for s in stops)
    return across + "".join(f"M{LEFT + s * CELL} {TOP}v{SIDE}" for s in stops)
