"""Sequence parallel: cut the text. Each rank keeps its queries; keys and values travel around the ring."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vec2attn.attention import check_shapes
from vec2attn.fast_attention import OnlineSoftmax
from vec2attn.parallel.ring import Ring, token_positions


def ring_attention(
    Q: Float[Tensor, "*batch q d"],
    K: Float[Tensor, "*batch k d"],
    V: Float[Tensor, "*batch k e"],
    ring: Ring,
    *,
    causal: bool = False,
    striped: bool = False,
) -> Float[Tensor, "*batch q e"]:
    r"""Return attention of this rank's queries to the keys of all ranks.

    The queries stay. Blocks of keys and values travel around the ring; in each of P
    steps the queries meet one, and an `OnlineSoftmax` keeps the sums. Exact up to
    rounding; no gradients.

    Parameters
    ----------
    Q, K, V : this rank's rows; keys and values are equally many on each rank
    ring : this rank's place
    causal : attend to no later position
    striped : whether tokens were dealt out like cards: this decides what is later

    Raises
    ------
    ValueError : sizes disagree, within a rank or between ranks, or a gradient is asked
        for

    Cost for N tokens in all: $2(N/P)N(d + e)$ FLOPs a rank, where blocks wholly in the
    future are skipped. Each rank sends $(P - 1)(N/P)(d + e)$ numbers for each of the batch.
    Source: Liu, Zaharia & Abbeel 2023, algorithm 1, arXiv:2310.01889; stripes: Brandon
    et al. 2023, arXiv:2311.09431
    """
    _refuse_what_does_not_fit(Q, K, V, ring, causal, striped)
    wide = torch.promote_types(Q.dtype, torch.float32)
    q = Q.to(wide) / K.shape[-1] ** 0.5
    state = OnlineSoftmax.empty(q, V.shape[-1])
    for step in range(ring.size):
        arrive = ring.start(K, V) if step < ring.size - 1 else None  # travels now
        allowed = _allowed(ring, step, K, striped) if causal else None
        if allowed is None or allowed.any():
            S = q @ K.to(wide).mT
            if allowed is not None:
                S.masked_fill_(~allowed, -torch.inf)
            state = state.add(S, V.to(wide))
        if arrive is not None:
            K, V = arrive()
    return state.result()[0].to(Q.dtype)


def _allowed(ring: Ring, step: int, K: Float[Tensor, "*batch k d"], striped: bool) -> Bool[Tensor, "k k"]:
    """Return which of our queries may attend to which key of the block that is here in this step."""
    mine, theirs = (
        token_positions(rank % ring.size, K.shape[-2], ring.size, striped=striped).to(K.device)
        for rank in (ring.rank, ring.rank - step)
    )
    return mine[:, None] >= theirs


def _refuse_what_does_not_fit(
    Q: Float[Tensor, "..."], K: Float[Tensor, "..."], V: Float[Tensor, "..."], ring: Ring, causal: bool, striped: bool
) -> None:
    check_shapes(Q, K, V)
    if causal and Q.shape[-2] != K.shape[-2]:
        raise ValueError(f"causal attention needs as many queries as keys; got {Q.shape[-2]} and {K.shape[-2]}")
    if torch.is_grad_enabled() and any(M.requires_grad for M in (Q, K, V)):
        raise ValueError("ring_attention knows no gradients: call it under torch.no_grad()")
    ring.agree(f"K {tuple(K.shape)}, V {tuple(V.shape)} of {K.dtype}, {V.dtype}, {causal=}, {striped=}")
