"""Attention: averages of values, weighted by how well queries fit keys. The same code on CPU and GPU.

Layout: the last two axes are positions and features; whatever stands before them (batch, heads) is free. In a mask,
True means "may attend".
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Rotation = Callable[[Float[Tensor, "... t d"], int], Float[Tensor, "... t d"]]


def scaled_dot_product_attention(
    Q: Float[Tensor, "*batch q d"],
    K: Float[Tensor, "*batch k d"],
    V: Float[Tensor, "*batch k e"],
    mask: Bool[Tensor, "*#batch #q #k"] | None = None,
    bias: Float[Tensor, "*#batch #q #k"] | None = None,
) -> tuple[Float[Tensor, "*batch q e"], Float[Tensor, "*batch q k"]]:
    r"""Average the rows of V, weighting each by how well its key fits the query.

    $A = \mathrm{softmax}(QK^\top/\sqrt d + B)$, $Y = AV$, with the softmax taken over the keys that the mask allows.

    Parameters
    ----------
    Q, K, V : queries, keys, values; d is the size of one key, e of one value
    mask : True where a query may attend to a key; every query needs at least one
    bias : B, added to the scores (ALiBi)

    Returns
    -------
    Y, A : the averages, and the weights (each row of A sums to 1)

    Raises
    ------
    ValueError : sizes disagree, or some query may attend to no key

    Cost: $2qk(d + e)$ FLOPs, and qk numbers of extra memory for each of the batch.
    Source: Vaswani et al. 2017, eq. 1, arXiv:1706.03762
    """
    check_shapes(Q, K, V)
    if mask is not None and not mask.any(dim=-1).all():
        query = tuple(int(i) for i in (~mask.any(dim=-1)).nonzero()[0])
        raise ValueError(f"the mask {tuple(mask.shape)} leaves no key for query {query}: its weights would be 0/0")
    scores = Q @ K.mT / K.shape[-1] ** 0.5
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    A = scores.softmax(dim=-1)
    return A @ V, A


def check_shapes(
    Q: Float[Tensor, "*batch q d"], K: Float[Tensor, "*batch k d"], V: Float[Tensor, "*batch k e"]
) -> None:
    """Refuse queries, keys and values that do not fit together, and say what does not.

    Raises
    ------
    ValueError : sizes disagree, or there is nothing to attend to
    """
    met = f"got Q {tuple(Q.shape)}, K {tuple(K.shape)}, V {tuple(V.shape)}"
    if min(Q.ndim, K.ndim, V.ndim) < 2:
        raise ValueError(f"need Q (…, q, d), K (…, k, d), V (…, k, e); {met}")
    for trouble, words in (
        (Q.shape[-1] != K.shape[-1], f"Q has d={Q.shape[-1]} but K has d={K.shape[-1]}"),
        (K.shape[-2] != V.shape[-2], f"there are {K.shape[-2]} keys but {V.shape[-2]} values"),
        (not Q.shape[:-2] == K.shape[:-2] == V.shape[:-2], "the axes before the last two differ"),
        (K.shape[-2] == 0, "there is no key to attend to"),
        (K.shape[-1] == 0, "keys without features have no direction"),
    ):
        if trouble:
            raise ValueError(f"need Q (…, q, d), K (…, k, d), V (…, k, e); {met}: {words}")


def causal_mask(queries: int, keys: int | None = None, device: torch.device | str | None = None) -> Bool[Tensor, "q k"]:
    """Return the mask in which a position attends to itself and to what came before it.

    With more keys than queries the queries are the last positions, as in generation with a cache.

    Raises
    ------
    ValueError : fewer keys than queries: the first queries would have none
    """
    keys = queries if keys is None else keys
    if keys < queries:
        raise ValueError(f"a causal mask needs at least as many keys as queries; got {queries} queries and {keys} keys")
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def padding_mask(lengths: Int[Tensor, " batch"], size: int) -> Bool[Tensor, "batch 1 size"]:
    """Return the mask that hides the padding behind the first `lengths` of `size` positions, for every query alike.

    Raises
    ------
    ValueError : a length outside 1 … size
    """
    if lengths.numel() == 0 or int(lengths.min()) < 1 or int(lengths.max()) > size:
        raise ValueError(f"lengths must lie in 1 … {size}; got {lengths.tolist()}")
    return (torch.arange(size, device=lengths.device) < lengths[:, None])[:, None]


class KVCache:
    """The keys and values of one layer for all positions so far, so that each is computed once.

    The room is taken at once: 2 · batch · heads · length · d numbers.
    """

    def __init__(
        self,
        batch: int,
        heads: int,
        length: int,
        d: int,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        self.K = torch.empty(batch, heads, length, d, dtype=dtype, device=device)
        self.V = torch.empty_like(self.K)
        self.used = 0

    @property
    def bytes(self) -> int:
        """Return the memory that the cache takes."""
        return 2 * self.K.numel() * self.K.element_size()

    def append(
        self, K: Float[Tensor, "batch heads t d"], V: Float[Tensor, "batch heads t d"]
    ) -> tuple[Float[Tensor, "batch heads s d"], Float[Tensor, "batch heads s d"]]:
        """Store keys and values of new positions; return those of all positions so far.

        Raises
        ------
        ValueError : the cache is full, or the new ones have another batch, number of heads or size
        """
        end = self.used + K.shape[-2]
        if end > self.K.shape[-2]:
            raise ValueError(f"the cache has room for {self.K.shape[-2]} positions; {end} are asked for")
        room = self.K[:, :, self.used : end]
        if K.shape != room.shape or V.shape != room.shape:
            raise ValueError(
                f"the cache expects (batch, heads, positions, d) = {tuple(room.shape)}; got {tuple(K.shape)}"
            )
        self.K[:, :, self.used : end], self.V[:, :, self.used : end] = K, V
        self.used = end
        return self.K[:, :, :end], self.V[:, :, :end]


class MultiHeadAttention(nn.Module):
    r"""Several attentions side by side, each on its own projection of the features, mixed by one more matrix.

    Head h sees $Q_h = XW_{Q,h}^\top$, $K_h = MW_{K,h}^\top$, $V_h = MW_{V,h}^\top$, where M is X itself
    (self-attention) or a memory (cross-attention); their outputs, side by side, pass through $W_O$. With fewer key
    and value heads than query heads, groups of query heads share them (GQA; MQA with one).

    Parameters
    ----------
    d : features of X
    heads : query heads
    kv_heads : key and value heads, a divisor of `heads`; the same number by default
    head_size : features of a head; d / heads by default
    memory_size : features of the memory; d by default
    bias : whether the four maps add a bias
    fused : one map for Q, K and V: the same FLOPs, fewer launches, X read once; for self-attention only

    Cost for t positions, with $D$ = heads · head_size: $8tdD$ FLOPs for the maps and $4t^2D$ for the attention.
    Source: Vaswani et al. 2017, section 3.2.2, arXiv:1706.03762; Ainslie et al. 2023 (GQA), arXiv:2305.13245
    """

    def __init__(
        self,
        d: int,
        heads: int,
        *,
        kv_heads: int | None = None,
        head_size: int | None = None,
        memory_size: int | None = None,
        bias: bool = True,
        fused: bool = False,
    ) -> None:
        super().__init__()
        kv_heads = heads if kv_heads is None else kv_heads
        if heads < 1 or (head_size is None and d % heads):
            raise ValueError(
                f"d must be a multiple of the number of heads, or head_size be given; got d={d}, heads={heads}"
            )
        if kv_heads < 1 or heads % kv_heads:
            raise ValueError(f"kv_heads must divide heads; got heads={heads}, kv_heads={kv_heads}")
        if fused and memory_size is not None:
            raise ValueError("a fused map reads queries, keys and values from the same X; a memory needs its own")
        self.heads, self.kv_heads, self.head_size = heads, kv_heads, head_size or d // heads
        wide, narrow = heads * self.head_size, kv_heads * self.head_size
        if fused:
            self.query_key_value = nn.Linear(d, wide + 2 * narrow, bias=bias)
        else:
            self.query = nn.Linear(d, wide, bias=bias)
            self.key = nn.Linear(memory_size or d, narrow, bias=bias)
            self.value = nn.Linear(memory_size or d, narrow, bias=bias)
        self.output = nn.Linear(wide, d, bias=bias)

    def project(
        self, X: Float[Tensor, "batch t d"], memory: Float[Tensor, "batch s m"] | None = None
    ) -> tuple[
        Float[Tensor, "batch heads t size"],
        Float[Tensor, "batch kv_heads s size"],
        Float[Tensor, "batch kv_heads s size"],
    ]:
        """Return queries, keys and values, split into heads: a head is a slice of the features, at all positions."""
        if hasattr(self, "query_key_value"):
            if memory is not None:
                raise ValueError("this layer has one fused map for queries, keys and values: it cannot read a memory")
            sizes = [n * self.head_size for n in (self.heads, self.kv_heads, self.kv_heads)]
            Q, K, V = self.query_key_value(X).split(sizes, dim=-1)
        else:
            source = X if memory is None else memory
            Q, K, V = self.query(X), self.key(source), self.value(source)
        return tuple(M.unflatten(-1, (-1, self.head_size)).transpose(1, 2) for M in (Q, K, V))

    def forward(
        self,
        X: Float[Tensor, "batch t d"],
        memory: Float[Tensor, "batch s m"] | None = None,
        *,
        mask: Bool[Tensor, "*#batch #t #s"] | None = None,
        causal: bool = False,
        rotate: Rotation | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "batch t d"]:
        """Return the mixed outputs of all heads, by torch's fused attention.

        Parameters
        ----------
        X : where the queries come from
        memory : where keys and values come from, if not from X
        mask : True where a position may attend to another, the same for all heads
        causal : attend only to what came before
        rotate : turns queries and keys by their positions (RoPE); called with the first position
        cache : keys and values of earlier positions; X holds the new ones only
        """
        Q, K, V = self.project(X, memory)
        start = cache.used if cache is not None else 0
        if rotate is not None:
            Q, K = rotate(Q, start), rotate(K, start)
        if cache is not None:
            K, V = cache.append(K, V)
        causal = causal and Q.shape[-2] > 1  # the last position may attend to all
        plain = causal and mask is None and not start  # a mask that torch's kernel makes by itself
        Y = _grouped(Q, K, V, _of_all_heads(mask, causal and not plain, Q, K), plain)
        return self.output(Y.transpose(1, 2).flatten(-2))

    def weights(
        self,
        X: Float[Tensor, "batch t d"],
        memory: Float[Tensor, "batch s m"] | None = None,
        *,
        mask: Bool[Tensor, "*#batch #t #s"] | None = None,
        causal: bool = False,
        rotate: Rotation | None = None,
    ) -> Float[Tensor, "batch heads t s"]:
        """Return what each head attends to, for looking at; `forward` never holds these numbers."""
        Q, K, V = self.project(X, memory)
        if rotate is not None:
            Q, K = rotate(Q, 0), rotate(K, 0)
        K, V = (M.repeat_interleave(self.heads // self.kv_heads, dim=1) for M in (K, V))
        return scaled_dot_product_attention(Q, K, V, _of_all_heads(mask, causal, Q, K))[1]


def _of_all_heads(mask: Any, causal: bool, Q: Any, K: Any) -> Any:
    """Return the mask with an axis for the heads, and without the future where that is wanted; None hides nothing."""
    if mask is not None and mask.ndim == 3:
        mask = mask[:, None]
    if not causal:
        return mask
    earlier = causal_mask(Q.shape[-2], K.shape[-2], Q.device)
    return earlier if mask is None else mask & earlier


def _grouped(Q: Any, K: Any, V: Any, mask: Any, causal: bool) -> Any:
    """Attend with groups of query heads that share keys and values, by torch's fused kernel."""
    group = Q.shape[1] // K.shape[1]
    if group > 1 and Q.shape[-2] == 1 and mask is None:
        # one new position: the queries of a group are as good as positions, and nothing is copied
        Y = nn.functional.scaled_dot_product_attention(Q.reshape(*K.shape[:2], group, Q.shape[-1]), K, V)
        return Y.reshape(Q.shape)
    if group > 1:
        K, V = K.repeat_interleave(group, dim=1), V.repeat_interleave(group, dim=1)
    return nn.functional.scaled_dot_product_attention(Q, K, V, attn_mask=mask, is_causal=causal)
