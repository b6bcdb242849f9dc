"""Sequence parallel: cut the text. Each rank keeps its queries; keys and values travel around the ring."""

import torch
from jaxtyping import Float
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
    r"""Return attention of this rank's queries to the keys of all ranks, whose blocks travel around the ring.

    The queries stay. In each of P steps they meet one block of keys and values, and an `OnlineSoftmax` keeps the sums,
    while the block is already on its way to the next rank. Exact up to rounding; no gradients.

    Parameters
    ----------
    Q, K, V : this rank's rows, equally many on each rank
    ring : this rank's place
    causal : attend to no later position
    striped : whether the tokens were dealt out like cards, which decides what is later

    Raises
    ------
    ValueError : sizes disagree, within a rank or between ranks, or a gradient is asked for

    Cost for N tokens in all: $2(N/P)N(d + e)$ FLOPs a rank; blocks that are wholly in the future are skipped, so that
    rank p of causal attention needs $(p + 1)/P$ of that. Each rank sends $(P - 1)(N/P)(d + e)$ numbers for each of the
    batch.
    Source: Liu, Zaharia & Abbeel 2023, algorithm 1, arXiv:2310.01889; Brandon et al. 2023 (striped), arXiv:2311.09431
    """
    check_shapes(Q, K, V)
    if causal and Q.shape[-2] != K.shape[-2]:
        raise ValueError(f"causal attention needs as many queries as keys; got {Q.shape[-2]} and {K.shape[-2]}")
    if torch.is_grad_enabled() and any(M.requires_grad for M in (Q, K, V)):
        raise ValueError("ring_attention knows no gradients: call it under torch.no_grad()")
    ring.agree(f"K {tuple(K.shape)}, V {tuple(V.shape)} of {K.dtype}, {V.dtype}, {causal=}, {striped=}")
    wide = torch.promote_types(Q.dtype, torch.float32)
    q = Q.to(wide) / K.shape[-1] ** 0.5
    state = OnlineSoftmax.empty(q, V.shape[-1])
    for step in range(ring.size):
        arrive = ring.start(K, V) if step < ring.size - 1 else None  # on its way while we use it
        allowed = None
        if causal:
            places = [
                token_positions(rank % ring.size, K.shape[-2], ring.size, striped=striped).to(Q.device)
                for rank in (ring.rank, ring.rank - step)
            ]
            allowed = places[0][:, None] >= places[1]
        if allowed is None or allowed.any():
            S = q @ K.to(wide).mT
            state = state.add(S if allowed is None else S.masked_fill_(~allowed, -torch.inf), V.to(wide))
        if arrive is not None:
            K, V = arrive()
    return state.result()[0].to(Q.dtype)
