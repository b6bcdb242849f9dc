"""Telling positions apart: attention alone cannot, it only averages. Sinusoidal, rotary (RoPE) and ALiBi."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Layout = Literal["pairs", "halves"]


def frequencies(d: int, base: float = 10_000.0) -> Float[Tensor, " half"]:
    r"""Return the d/2 frequencies $\omega_i = \text{base}^{-2i/d}$ in radians per position, from 1 down.

    Raises
    ------
    ValueError : d is odd or < 2, or base ≤ 1
    """
    if d < 2 or d % 2:
        raise ValueError(f"d must be even and at least 2: frequencies come in pairs of features; got {d}")
    if not base > 1:
        raise ValueError(f"base must be larger than 1; got {base}")
    return base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)


def sinusoidal(length: int, d: int, base: float = 10_000.0) -> Float[Tensor, "length d"]:
    r"""Return the encodings $P_{t,2i} = \sin \omega_i t$, $P_{t,2i+1} = \cos \omega_i t$ for $t = 0 \dots$ length − 1.

    They are added to the embeddings. The encoding of t + k is a rotation of the encoding of t, the same for all t.

    Raises
    ------
    ValueError : length < 1, d odd, or base ≤ 1

    Source: Vaswani et al. 2017, section 3.5, arXiv:1706.03762
    """
    if length < 1:
        raise ValueError(f"length must be at least 1; got {length}")
    angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies(d, base))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2).float()


class RoPE:
    r"""Rotary positions: turn pairs of features of queries and keys by angles that grow with the position.

    Pair i of position t is turned by $\omega_i t$. A dot product of a query and a key turned so depends on the two
    vectors and on the difference of their positions alone: $R_s^\top R_t = R_{t-s}$. Two layouts are in use for the
    same thing: "pairs" turns features (0, 1), (2, 3), …; "halves" turns (0, d/2), (1, d/2 + 1), ….

    Parameters
    ----------
    d : size of a head
    length : how many positions
    base : of the frequencies
    layout : "pairs" or "halves"

    Cost: 6 FLOPs for each pair. Source: Su et al. 2021, eq. 15 and 34, arXiv:2104.09864
    """

    def __init__(self, d: int, length: int, *, base: float = 10_000.0, layout: Layout = "halves") -> None:
        if layout not in ("pairs", "halves"):
            raise ValueError(f'layout must be "pairs" or "halves"; got {layout!r}')
        if length < 1:
            raise ValueError(f"length must be at least 1; got {length}")
        angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies(d, base))
        self.cos, self.sin, self.layout = angles.cos().float(), angles.sin().float(), layout

    def __call__(self, X: Float[Tensor, "*batch t d"], start: int = 0) -> Float[Tensor, "*batch t d"]:
        """Turn the features of t positions, of which the first is number `start`.

        Raises
        ------
        ValueError : another head size, or positions beyond the length
        """
        t, d = X.shape[-2:]
        if d != 2 * self.cos.shape[1]:
            raise ValueError(f"this RoPE is for heads of size {2 * self.cos.shape[1]}; got {d}")
        if start < 0 or start + t > len(self.cos):
            raise ValueError(f"there are angles for {len(self.cos)} positions; asked for {start} … {start + t - 1}")
        if self.cos.device != X.device:
            self.cos, self.sin = self.cos.to(X.device), self.sin.to(X.device)
        c, s = (table[start : start + t].to(X.dtype) for table in (self.cos, self.sin))
        if self.layout == "pairs":
            a, b = X[..., 0::2], X[..., 1::2]
            return torch.stack([a * c - b * s, a * s + b * c], dim=-1).flatten(-2)
        a, b = X.chunk(2, dim=-1)
        return torch.cat([a * c - b * s, a * s + b * c], dim=-1)


def alibi(heads: int, queries: int, keys: int | None = None) -> Float[Tensor, "heads q k"]:
    r"""Return the biases $-m_h (i - j)$ of ALiBi: the further back a key, the lower its score, by a slope a head.

    The slopes fall geometrically, $m_h = 2^{-8h/H}$, $h = 1 \dots H$. With more keys than queries the queries are the
    last positions. For keys after the query the bias is 0; a causal mask hides them.

    Raises
    ------
    ValueError : no heads, or fewer keys than queries

    Source: Press, Smith & Lewis 2022, section 3, arXiv:2108.12409
    """
    keys = queries if keys is None else keys
    if heads < 1 or keys < queries:
        raise ValueError(f"need at least one head and as many keys as queries; got {heads} heads, {queries}, {keys}")
    slopes = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)
    back = torch.arange(keys - queries, keys)[:, None] - torch.arange(keys)
    return -slopes[:, None, None] * back.clamp(min=0)
