"""The same averages with less memory: attention tile by tile, on part of the pairs, or without the softmax.

Layout as in `attention`: the last two axes are positions and features, whatever stands before them is free.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from vec2attn.attention import check_shapes


@dataclass(frozen=True)
class OnlineSoftmax:
    r"""The average of values weighted by $e^{s}$, for scores that come in pieces; no piece is kept.

    Three numbers for each query are enough: the largest score m so far, the sum $l = \sum e^{s - m}$, and the sum of
    values $\sum e^{s - m} v$. When a piece brings a larger score, the old sums are scaled by $e^{m - m'}$.

    Source: Milakov & Gimelshein 2018, algorithm 3 and section 3.1 (pieces), arXiv:1805.02867
    """

    m: Float[Tensor, "*batch q 1"]
    l: Float[Tensor, "*batch q 1"]
    y: Float[Tensor, "*batch q e"]

    @classmethod
    def empty(cls, Q: Float[Tensor, "*batch q d"], e: int) -> "OnlineSoftmax":
        """Return the state before the first piece, in single precision or better."""
        one = Q.new_zeros(*Q.shape[:-1], 1, dtype=torch.promote_types(Q.dtype, torch.float32))
        return cls(one - torch.inf, one, one.new_zeros(*Q.shape[:-1], e))

    def add(self, S: Float[Tensor, "*batch q k"], V: Float[Tensor, "*batch k e"]) -> "OnlineSoftmax":
        """Return the state after a piece: its scores (−∞ for forbidden keys), which are overwritten, and its values."""
        m = torch.maximum(self.m, S.amax(dim=-1, keepdim=True))
        shift = m.clamp(min=torch.finfo(m.dtype).min)  # where all keys so far are forbidden: e^−∞ = 0, not e^NaN
        P = _exp_(S.sub_(shift))
        old = (self.m - shift).exp()
        return OnlineSoftmax(m, old * self.l + P.sum(dim=-1, keepdim=True), (old * self.y).add_(P @ V))

    def result(self) -> tuple[Float[Tensor, "*batch q e"], Float[Tensor, "*batch q 1"]]:
        r"""Return the averages, and $\log \sum e^s$ of each query.

        Raises
        ------
        ValueError : some query had no key
        """
        if not self.l.all():
            raise ValueError("some query may attend to no key: its weights would be 0/0")
        return self.y / self.l, self.m + self.l.log()


def _exp_(X: Tensor) -> Tensor:
    """Write e^x = 2^(x·log₂ e) over X: powers of two take less time, on CPUs and on GPUs."""
    return X.mul_(math.log2(math.e)).exp2_()


# which pairs of a tile may attend: all, none, or those of a mask
Allowed = bool | Bool[Tensor, "q k"]


@dataclass(frozen=True)
class Pattern:
    """Which query may attend to which key, told tile by tile, so that tiles without a pair cost nothing.

    Parameters
    ----------
    kind : "full"; "causal" (what came before, and itself); "window" (of these, the last `window` positions);
        "blocks" (where `layout` is True)
    window : how many positions a query sees, itself included
    layout : (query blocks, key blocks), True where a block of queries may attend to a block of keys
    block : positions of a block

    Raises
    ------
    ValueError : a kind without what it needs
    """

    kind: Literal["full", "causal", "window", "blocks"] = "full"
    window: int | None = None
    layout: Bool[Tensor, "q k"] | None = None
    block: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("full", "causal", "window", "blocks"):
            raise ValueError(f'kind must be "full", "causal", "window" or "blocks"; got {self.kind!r}')
        if self.kind == "window" and (self.window is None or self.window < 1):
            raise ValueError(f"a window sees at least one position; got window={self.window}")
        if self.kind == "blocks" and (self.layout is None or self.block is None or self.block < 1):
            raise ValueError("a pattern of blocks needs a layout and the size of a block")

    def check(self, queries: int, keys: int) -> None:
        """Refuse a pattern that does not fit so many queries and keys."""
        if self.kind in ("causal", "window") and queries != keys:
            raise ValueError(f"a {self.kind} pattern needs as many queries as keys; got {queries} and {keys}")
        if self.layout is not None and self.block is not None:
            need = (-(-queries // self.block), -(-keys // self.block))
            if tuple(self.layout.shape) != need:
                raise ValueError(
                    f"{queries} queries and {keys} keys in blocks of {self.block} need a layout {need}; "
                    f"got {tuple(self.layout.shape)}"
                )

    def tile(self, i: range, j: range, device: torch.device) -> Allowed:
        """Return which of the queries i may attend to which of the keys j."""
        if self.kind == "full":
            return True
        if self.kind == "blocks":
            assert self.layout is not None
            assert self.block is not None
            touched = self.layout[_blocks(i, self.block), _blocks(j, self.block)]
            if touched.all() or not touched.any():
                return bool(touched[0, 0])
            rows, columns = (torch.arange(r.start, r.stop, device=self.layout.device) // self.block for r in (i, j))
            return self.layout[rows][:, columns].to(device)
        window = self.window if self.kind == "window" and self.window is not None else i.stop
        if j.start > i[-1] or i.start - j[-1] >= window:
            return False  # all of it in the future, or too long ago
        if j[-1] <= i.start and i[-1] - j.start < window:
            return True
        back = torch.arange(i.start, i.stop, device=device)[:, None] - torch.arange(j.start, j.stop, device=device)
        return (back >= 0) & (back < window)


def _blocks(positions: range, size: int) -> slice:
    """Return the blocks of this size in which the positions lie."""
    return slice(positions.start // size, positions[-1] // size + 1)


def tiled_attention(
    Q: Float[Tensor, "*batch q d"],
    K: Float[Tensor, "*batch k d"],
    V: Float[Tensor, "*batch k e"],
    pattern: Pattern | None = None,
    *,
    tile: tuple[int, int] = (256, 1024),
) -> Float[Tensor, "*batch q e"]:
    r"""Return $\mathrm{softmax}(QK^\top/\sqrt d)V$ without ever holding the q × k weights: FlashAttention's way.

    Queries and keys are cut into tiles; each tile of queries meets one tile of keys after the other, and an
    `OnlineSoftmax` keeps the sums. Backward, the weights of a tile are computed again from $\log\sum e^s$, which is all
    that was kept. Exact up to rounding; half precision is summed in single precision.

    Parameters
    ----------
    Q, K, V : queries, keys, values
    pattern : which query may attend to which key; all to all by default
    tile : queries and keys of a tile. The scores of 256 × 1024 take 1 MB in single precision: little enough for the
        cache next to a processor core, and so much work that the calls for a tile cost next to nothing. Smaller ones
        were slower when timed (128 × 512: by a third), larger ones no faster

    Raises
    ------
    ValueError : sizes disagree, a tile without positions, or some query may attend to no key

    Cost: $2qk(d + e)$ FLOPs forward and 2.5 times that backward; a tile of scores and $q(e + 1)$ numbers of memory.
    Source: Dao et al. 2022, algorithms 1 and 4, arXiv:2205.14135; Dao 2023, section 3.1, arXiv:2307.08691
    """
    check_shapes(Q, K, V)
    pattern = pattern or Pattern()
    pattern.check(Q.shape[-2], K.shape[-2])
    if min(tile) < 1:
        raise ValueError(f"a tile has at least one query and one key; got {tile}")
    return _Tiled.apply(Q, K, V, pattern, tile)


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, Q: Tensor, K: Tensor, V: Tensor, pattern: Pattern, tile: tuple[int, int]) -> Tensor:
        Y = Q.new_empty(*Q.shape[:-1], V.shape[-1])
        wide = torch.promote_types(Q.dtype, torch.float32)
        logsum = Q.new_empty(*Q.shape[:-1], 1, dtype=wide)
        for i in _ranges(Q.shape[-2], tile[0]):
            q = _rows(Q, i) / K.shape[-1] ** 0.5
            state = OnlineSoftmax.empty(q, V.shape[-1])
            for j, allowed in _tiles(pattern, i, K, tile[1]):
                # no name for the scores: a tile's memory is free again when the next one needs it
                state = state.add(_scores(q, _rows(K, j), allowed), _rows(V, j))
            y, logsum[..., i.start : i.stop, :] = state.result()
            Y[..., i.start : i.stop, :] = y
        ctx.save_for_backward(Q, K, V, Y, logsum)
        ctx.pattern, ctx.tile = pattern, tile
        return Y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        Q, K, V, Y, logsum = ctx.saved_tensors
        dQ, dK, dV = (torch.zeros_like(M, dtype=logsum.dtype) for M in (Q, K, V))
        scale = K.shape[-1] ** -0.5
        # Σ over keys of weight times its own gradient, for each query: what the softmax takes away
        inner = (gradient.to(logsum.dtype) * Y).sum(dim=-1, keepdim=True)
        for i in _ranges(Q.shape[-2], ctx.tile[0]):
            q, g, c = _rows(Q, i) * scale, _rows(gradient, i), _rows(inner, i)
            for j, allowed in _tiles(ctx.pattern, i, K, ctx.tile[1]):
                k, v = _rows(K, j), _rows(V, j)
                A = _exp_(_scores(q, k, allowed).sub_(_rows(logsum, i)))
                dV[..., j.start : j.stop, :] += A.mT @ g
                dS = (g @ v.mT).sub_(c).mul_(A)
                dQ[..., i.start : i.stop, :] += (dS @ k).mul_(scale)
                dK[..., j.start : j.stop, :] += dS.mT @ q
        return dQ.to(Q.dtype), dK.to(K.dtype), dV.to(V.dtype), None, None


def _scores(q: Tensor, k: Tensor, allowed: Allowed) -> Tensor:
    S = q @ k.mT
    return S.masked_fill_(~allowed, -torch.inf) if isinstance(allowed, Tensor) else S


def _ranges(n: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, n)) for start in range(0, n, size))


def _rows(M: Tensor, rows: range) -> Tensor:
    """Return these rows in single precision or better."""
    return M[..., rows.start : rows.stop, :].to(torch.promote_types(M.dtype, torch.float32))


def _tiles(pattern: Pattern, i: range, K: Tensor, size: int) -> Iterator[tuple[range, Allowed]]:
    for j in _ranges(K.shape[-2], size):
        allowed = pattern.tile(i, j, K.device)
        if allowed is not False:
            yield j, allowed


def elu_plus_one(X: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return x + 1 where x > 0 and e^x elsewhere: features that are positive, as weights must be."""
    return torch.nn.functional.elu(X) + 1


def linear_attention(
    Q: Float[Tensor, "*batch q d"],
    K: Float[Tensor, "*batch k d"],
    V: Float[Tensor, "*batch k e"],
    *,
    feature: Callable[[Tensor], Tensor] = elu_plus_one,
    causal: bool = False,
    chunk: int = 64,
) -> Float[Tensor, "*batch q e"]:
    r"""Return averages weighted by $\phi(q) \cdot \phi(k)$ instead of $e^{q \cdot k}$: multiply from the right.

    $\phi(Q)(\phi(K)^\top V)$ needs a state of $r \times e$ numbers for r features, however many keys there are; the
    matrix of weights has rank r at most. Causally the state grows by one position after the other; here by chunks.

    Parameters
    ----------
    Q, K, V : queries, keys, values
    feature : φ, from d to r features, none negative
    causal : attend only to what came before, and itself
    chunk : positions that are taken together when causal

    Raises
    ------
    ValueError : sizes disagree, chunk < 1, causal with another number of keys than of queries, or features that are
        negative or leave a query without weights

    Cost: $4nre$ FLOPs for n positions, and the state. Source: Katharopoulos et al. 2020, eq. 4–12, arXiv:2006.16236
    """
    check_shapes(Q, K, V)
    if causal and Q.shape[-2] != K.shape[-2]:
        raise ValueError(f"causal attention needs as many queries as keys; got {Q.shape[-2]} and {K.shape[-2]}")
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1; got {chunk}")
    q, k = feature(Q), feature(K)
    if (q < 0).any() or (k < 0).any():
        raise ValueError("a weight φ(q)·φ(k) must not be negative, but φ has given a negative feature")
    V = torch.cat([V, torch.ones_like(V[..., :1])], dim=-1)  # the last column sums the weights
    if not causal:
        Y = q @ (k.mT @ V)
    else:
        state, parts = k.new_zeros(*k.shape[:-2], k.shape[-1], V.shape[-1]), []
        for rows in _ranges(Q.shape[-2], chunk):
            a, b, v = (M[..., rows.start : rows.stop, :] for M in (q, k, V))
            parts.append(a @ state + (a @ b.mT).tril() @ v)
            state = state + b.mT @ v
        Y = torch.cat(parts, dim=-2)
    if not Y[..., -1].all():
        raise ValueError("for some query all weights φ(q)·φ(k) are 0: their average would be 0/0")
    return Y[..., :-1] / Y[..., -1:]
