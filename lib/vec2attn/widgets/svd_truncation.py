"""SVD rank truncation (notebook 4.2): a picture at rank k, what is missing, the spectrum with the cut, the price.

The browser gets the two thin factors, not a picture for every rank: row i of `factors` holds √σᵢuᵢ and √σᵢvᵢ, as whole
multiples of one step. The step is as coarse as it may be for the sum of all ranks to be right to 1/5000 of the range of
the grey values, on average: for 200 × 300 bytes that is 0.05 grey levels, and 113 KB compressed instead of 360.
"""

import base64
import math
import struct
import zlib
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Float, Int32, Real, UInt8

from vec2attn.arrays import as_matrix
from vec2attn.widgets.base import Figure

SIDE = 512  # rows or columns at most
ACCURACY = 2e-4  # of the rounded factors' product, as a share of the range of the entries
PIXELS = 16_000  # of the still picture, about
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 216, 54, 10, 24, 26  # the spectrum: as in svd_truncation.js


class SvdTruncation(Figure):
    """A matrix as a grey picture, cut to rank k; `rank` can be set from Python, and follows the reader's hand."""

    name = "svd_truncation"

    rows = traitlets.Int().tag(sync=True)
    columns = traitlets.Int().tag(sync=True)
    sigma = traitlets.Bytes(help="singular values, falling, float64").tag(sync=True)
    factors = traitlets.Bytes(help="rounded factors: low bytes, then high bytes; see `pack`").tag(sync=True)
    step = traitlets.Float(help="what one unit of the factors is worth").tag(sync=True)
    low = traitlets.Float(help="the entry that is black").tag(sync=True)
    high = traitlets.Float(help="the entry that is white").tag(sync=True)
    limit = traitlets.Float(help="the error that has the full colour").tag(sync=True)
    rank = traitlets.Int(1, help="how many singular values are kept").tag(sync=True)

    def __init__(self, A: Real[np.ndarray, "..."] | list, **traits: Any) -> None:
        """Make a figure of any matrix; bytes are grey values from 0 to 255, else the range of the entries is used.

        It starts at rank 20, or at a tenth of the ranks where there are fewer than 200.

        Raises
        ------
        TypeError : entries that are no real numbers
        ValueError : not a matrix, too large for a page, NaN or infinity, or nothing but zeros
        """
        is_byte = np.asarray(A).dtype == np.uint8 if not isinstance(A, list) else False
        A = as_matrix("A", A).astype(np.float64)
        if max(A.shape) > SIDE:
            raise ValueError(f"the figure draws at most {SIDE} rows and columns; A has shape {A.shape}: take a part")
        if not A.any():
            raise ValueError(f"all entries of A {A.shape} are zero: there is no singular value to show")
        U, s, Vt = np.linalg.svd(A, full_matrices=False)  # `vec2attn.svd.svd` gives the same, in a few seconds
        r = int((s > max(A.shape) * np.finfo(float).eps * s[0]).sum())
        self._U, self._s, self._Vt = U[:, :r], s[:r], Vt[:r]
        low, high = (0.0, 255.0) if is_byte else (float(A.min()), float(A.max()))
        spread = high - low or abs(high)  # a constant matrix: one grey
        factors, step = pack(self._U, self._s, self._Vt, ACCURACY * spread)
        data = {"rows": len(A), "columns": A.shape[1], "sigma": self._s.astype("<f8").tobytes(), "factors": factors}
        scale = {"step": step, "low": low, "high": low + spread, "limit": 64.0 if is_byte else spread / 4}
        super().__init__(**data, **scale, **{"rank": min(20, max(1, r // 10)), **traits})

    @traitlets.validate("rank")
    def _check(self, proposal: Any) -> Any:
        value, most = proposal["value"], len(self._s)
        if not 1 <= value <= most:
            raise traitlets.TraitError(f"rank must be a whole number from 1 to {most}; got {value}")
        return value

    def approximation(self) -> Float[np.ndarray, "rows columns"]:
        """Return the best matrix of the rank that the figure shows, from the exact factors."""
        k = self.rank
        return (self._U[:, :k] * self._s[:k]) @ self._Vt[:k]

    def numbers(self) -> dict[str, float]:
        """Return what the figure says beside the picture, as numbers.

        Energy kept (a share); error in the 2-norm and in the Frobenius norm, the latter also as a share of the whole
        and as a root mean square per entry; numbers stored, their ratio to all entries; the last rank that saves any.
        """
        k, m, n, squares = self.rank, self.rows, self.columns, self._s**2
        tail = float(squares[k:].sum())
        return {
            "energy": float(squares[:k].sum() / squares.sum()),
            "two": float(self._s[k]) if k < len(self._s) else 0.0,
            "frobenius": math.sqrt(tail),
            "share": math.sqrt(tail / squares.sum()),
            "rms": math.sqrt(tail / (m * n)),
            "stored": float(k * (m + n + 1)),
            "ratio": k * (m + n + 1) / (m * n),
            "even": float((m * n - 1) // (m + n + 1)),
        }

    def still(self) -> str:
        """Return the picture at this rank, smaller, with the spectrum and the numbers."""
        x, k, r = self.numbers(), self.rank, len(self._s)
        image = np.clip((self.approximation() - self.low) / (self.high - self.low) * 255, 0, 255)
        source = base64.b64encode(_png(_smaller(image).round().astype(np.uint8))).decode()
        facts = [
            ("Rank", f"{k} of {r}"),
            ("Energy kept", _kept(x["energy"], k == r)),
            ("Error, 2-norm", digits(x["two"])),
            ("Error, Frobenius norm", f"{digits(x['frobenius'])}: {100 * x['share']:.2f} % of A’s"),
            ("Error per entry (r.m.s.)", digits(x["rms"])),
            ("Numbers stored", f"{x['stored']:,.0f} of {self.rows * self.columns:,}: {100 * x['ratio']:.1f} %"),
        ]
        listed = "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in facts)
        return (
            f'<div class="v2a"><div class="v2a-svd"><div><p class="v2a-svd-head">Rank {k}</p>'
            f'<img class="v2a-svd-picture" src="data:image/png;base64,{source}" alt="The matrix as a grey picture at '
            f'rank {k}"></div><div><p class="v2a-svd-head">Singular values</p>{self._spectrum()}</div></div>'
            f'<dl class="v2a-svd-facts v2a-svd-still">{listed}</dl><p class="v2a-key">Purple, solid: the singular '
            "values that are kept. Red, dashed: those that are cut off; the dot is the error in the 2-norm. A still "
            "picture: the slider needs JavaScript, or a running notebook.</p></div>"
        )

    def _spectrum(self) -> str:
        s, k, r = self._s, self.rank, len(self._s)
        bottom, top = _range(s)

        def at(i: int) -> tuple[float, float]:
            y = TOP + (top - math.log10(s[i - 1])) / (top - bottom) * (HEIGHT - TOP - BOTTOM)
            return _across(i, r), y

        def path(first: int, last: int) -> str:
            return " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(i) for i in range(first, last + 1)))

        floor, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        parts = [f'<path class="v2a-svd-axis" d="M{LEFT},{TOP}V{floor}H{right}"/>']
        for decade in _decades(bottom, top):
            y = TOP + (top - decade) / (top - bottom) * (floor - TOP)
            parts.append(f'<path class="v2a-svd-grid" d="M{LEFT},{y:.1f}H{right}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_power(decade)}</text>')
        for i, anchor in ((1, "middle"), (r, "end")):
            place = right if i == r else LEFT
            parts.append(f'<text x="{place}" y="{HEIGHT - 8}" text-anchor="{anchor}">{i}</text>')
        parts.append(f'<polyline class="v2a-svd-kept" points="{path(1, k)}"/>')
        parts.append(f'<polyline class="v2a-svd-tail" points="{path(min(k + 1, r), r) if k < r else ""}"/>')
        if k < r:
            x, y = at(k + 1)
            parts.append(f'<circle class="v2a-svd-next" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>')
        x = _across(k + 0.5, r)
        parts.append(f'<path class="v2a-svd-cut" d="M{x:.1f},{TOP}V{floor}"/>')
        label = f"Singular values, falling, on a logarithmic axis; cut after the first {k} of {r}"
        box = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}"'
        return f'<svg class="v2a-svd-plot" {box}>{"".join(parts)}</svg>'


def pack(
    U: Float[np.ndarray, "m r"], s: Float[np.ndarray, " r"], Vt: Float[np.ndarray, "r n"], error: float
) -> tuple[bytes, float]:
    """Round the factors U√σ and √σVᵀ to multiples of one step; return the bytes and the step.

    Rounding moves each entry by up to half a step, evenly, so by step/√12 on average; the product of all ranks is then
    off by step · (Σσ (1/m + 1/n) / 12)^½ on average, which is set to `error`. Small numbers of either sign become small
    whole ones (0, −1, 1, −2 … → 0, 1, 2, 3 …), low bytes stand before high ones: the high ones, nearly all 0, are then
    small when compressed.
    """
    pairs = np.hstack([(U * np.sqrt(s)).T, np.sqrt(s)[:, None] * Vt])
    step = error * math.sqrt(12 / (s.sum() * (1 / len(U) + 1 / Vt.shape[1])))
    step = max(step, float(np.abs(pairs).max()) / 32_767)
    whole: Int32[np.ndarray, "r w"] = np.round(pairs / step).astype(np.int32)
    unsigned = np.where(whole < 0, -2 * whole - 1, 2 * whole).astype("<u2")
    return unsigned.view(np.uint8).reshape(-1, 2).T.tobytes(), step


def digits(x: float | int) -> str:
    """Write a number ≥ 0 with four significant digits, as the front end does."""
    if x == 0:
        return "0"
    if not 1e-3 <= x < 1e9:
        mantissa, power = f"{x:.3e}".split("e")
        return f"{mantissa} · 10^{int(power)}".replace("-", "−")
    return f"{x:,.{max(0, 3 - math.floor(math.log10(x)))}f}"


def _kept(energy: float, everything: bool) -> str:
    """Write a share in percent, rounded down: 100 % means everything."""
    return "100 %" if everything else f"{math.floor(energy * 1e5) / 1e3:.3f} %"


def _across(i: float | int, r: int) -> float:
    return LEFT + min(1.0, (i - 0.5) / r) * (WIDTH - LEFT - RIGHT)


def _range(s: Float[np.ndarray, " r"]) -> tuple[float, float]:
    """Return the logarithms between which the spectrum is drawn."""
    bottom, top = math.log10(s[-1]), math.log10(s[0])
    edge = max(0.15, 0.04 * (top - bottom))
    return bottom - edge, top + edge


def _decades(bottom: float, top: float) -> list[int]:
    every = math.ceil((top - bottom) / 6)
    return [d for d in range(math.ceil(bottom), math.floor(top) + 1) if d % every == 0]


def _power(decade: int) -> str:
    if 0 <= decade <= 4:
        return f"{10**decade:,}"
    return "10" + str(decade).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _smaller(image: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "M N"]:
    """Return the image as means of square blocks, so that about `PIXELS` are left."""
    b = math.ceil(math.sqrt(image.size / PIXELS))
    padded = np.pad(image, [(0, -side % b) for side in image.shape], mode="edge")
    return padded.reshape(padded.shape[0] // b, b, padded.shape[1] // b, b).mean(axis=(1, 3))


def _png(grey: UInt8[np.ndarray, "m n"]) -> bytes:
    """Return a PNG file: eight bits a pixel, each row as its difference from the one above."""
    rows = np.diff(grey, axis=0, prepend=np.zeros((1, grey.shape[1]), np.uint8))
    raw = np.hstack([np.full((len(grey), 1), 2, np.uint8), rows]).tobytes()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", grey.shape[1], len(grey), 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(raw, 9)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
