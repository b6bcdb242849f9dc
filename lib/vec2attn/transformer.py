"""Transformers from attention, feed-forward layers, norms and sums: encoder, decoder, GPT, Llama."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vec2attn.attention import KVCache, MultiHeadAttention
from vec2attn.positions import RoPE

Norm = Callable[[int], nn.Module]


class LayerNorm(nn.Module):
    r"""Shift and scale the features of each position to mean 0 and variance 1, then by a learned γ and β.

    $y = \gamma \odot (x - \mu)/\sqrt{\sigma^2 + \varepsilon} + \beta$, with the biased variance (divided by d).
    Source: Ba, Kiros & Hinton 2016, eq. 4, arXiv:1607.06450
    """

    def __init__(self, d: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d)), eps

    def forward(self, X: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Return the normalised features, by torch's fused function."""
        return nn.functional.layer_norm(X, self.weight.shape, self.weight, self.bias, self.eps)


class RMSNorm(nn.Module):
    r"""Scale the features of each position to a mean square of 1, then by a learned γ: no mean is taken away.

    $y = \gamma \odot x/\sqrt{\overline{x^2} + \varepsilon}$. Source: Zhang & Sennrich 2019, eq. 4, arXiv:1910.07467
    """

    def __init__(self, d: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(d)), eps

    def forward(self, X: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Return the scaled features, by torch's fused function."""
        return nn.functional.rms_norm(X, self.weight.shape, self.weight, self.eps)


def gelu(X: Float[Tensor, "*shape"], approximate: Literal["none", "tanh"] = "none") -> Float[Tensor, "*shape"]:
    r"""Return $x\,\Phi(x)$ with the normal distribution function Φ; "tanh" is an approximation, which GPT-2 uses.

    Source: Hendrycks & Gimpel 2016, section 2, arXiv:1606.08415
    """
    return nn.functional.gelu(X, approximate=approximate)


class FeedForward(nn.Module):
    r"""Two layers on each position alone: $\mathrm{act}(XW_1^\top + b_1)W_2^\top + b_2$.

    Cost: 4 · d · hidden FLOPs a position. Source: Vaswani et al. 2017, eq. 2, arXiv:1706.03762
    """

    def __init__(
        self, d: int, hidden: int, activation: Callable[[Tensor], Tensor] = gelu, *, bias: bool = True
    ) -> None:
        super().__init__()
        self.up, self.down, self.activation = (
            nn.Linear(d, hidden, bias=bias),
            nn.Linear(hidden, d, bias=bias),
            activation,
        )

    def forward(self, X: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Return the layer's output for each position."""
        return self.down(self.activation(self.up(X)))


class SwiGLU(nn.Module):
    r"""A feed-forward layer with a gate: $(\mathrm{silu}(XW_g^\top) \odot XW_u^\top)W_d^\top$, no biases.

    Cost: 6 · d · hidden FLOPs a position. Source: Shazeer 2020, eq. 6, arXiv:2002.05202
    """

    def __init__(self, d: int, hidden: int) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(d, hidden, bias=False), nn.Linear(d, hidden, bias=False)
        self.down = nn.Linear(hidden, d, bias=False)

    def forward(self, X: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Return the layer's output for each position."""
        return self.down(nn.functional.silu(self.gate(X)) * self.up(X))


class Block(nn.Module):
    r"""Attention, then a feed-forward layer, each added to what came in: $X + \text{layer}(X)$.

    Where the norm stands is the one choice: "pre" normalises what each layer reads, $X + f(\mathrm{norm}(X))$, "post"
    what each sum gives, $\mathrm{norm}(X + f(X))$. With `cross`, a second attention reads a memory (decoder).

    Source: Vaswani et al. 2017, section 3.1 (post), arXiv:1706.03762; Xiong et al. 2020 (pre), arXiv:2002.04745
    """

    def __init__(
        self,
        d: int,
        attention: MultiHeadAttention,
        feed_forward: nn.Module,
        *,
        norm: Norm = LayerNorm,
        where: Literal["pre", "post"] = "pre",
        cross: MultiHeadAttention | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if where not in ("pre", "post"):
            raise ValueError(f'where must be "pre" or "post"; got {where!r}')
        self.attention, self.cross, self.feed_forward = attention, cross, feed_forward
        self.attention_norm, self.feed_forward_norm = norm(d), norm(d)
        self.cross_norm = norm(d) if cross is not None else None
        self.where, self.dropout = where, nn.Dropout(dropout)

    def forward(
        self,
        X: Float[Tensor, "batch t d"],
        memory: Float[Tensor, "batch s m"] | None = None,
        *,
        mask: Bool[Tensor, "*#batch #t #t"] | None = None,
        memory_mask: Bool[Tensor, "*#batch #t #s"] | None = None,
        causal: bool = False,
        rotate: Callable[[Tensor, int], Tensor] | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "batch t d"]:
        """Return the features after the block; masks and cache as in `MultiHeadAttention.forward`."""
        if (memory is None) != (self.cross is None):
            raise ValueError("a memory and a block with cross-attention belong together: one of them is missing")

        def attend(Y: Tensor) -> Tensor:
            return self.attention(Y, mask=mask, causal=causal, rotate=rotate, cache=cache)

        X = self._add(X, attend, self.attention_norm)
        if self.cross is not None:
            cross = self.cross
            X = self._add(X, lambda Y: cross(Y, memory, mask=memory_mask), self.cross_norm)
        return self._add(X, self.feed_forward, self.feed_forward_norm)

    def _add(self, X: Tensor, layer: Callable[[Tensor], Tensor], norm: nn.Module | None) -> Tensor:
        assert norm is not None
        if self.where == "pre":
            return X + self.dropout(layer(norm(X)))
        return norm(X + self.dropout(layer(X)))


class Encoder(nn.Module):
    """An encoder: token and position embeddings, then blocks in which every position may attend to every other.

    The layout is BERT's: post-norm, learned positions, a norm after the embeddings, GELU.

    Source: Devlin et al. 2019, arXiv:1810.04805
    """

    def __init__(
        self, *, vocabulary: int, length: int, d: int, heads: int, hidden: int, layers: int, eps: float = 1e-12
    ) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, d), nn.Embedding(length, d)
        self.norm = LayerNorm(d, eps)
        self.blocks = nn.ModuleList(
            Block(
                d,
                MultiHeadAttention(d, heads),
                FeedForward(d, hidden),
                norm=lambda size: LayerNorm(size, eps),
                where="post",
            )
            for _ in range(layers)
        )

    def embed(self, ids: Int[Tensor, "batch t"]) -> Float[Tensor, "batch t d"]:
        """Return what the first block reads.

        Raises
        ------
        ValueError : more positions than there are embeddings for
        """
        t = ids.shape[-1]
        if t > self.positions.num_embeddings:
            raise ValueError(f"the encoder knows {self.positions.num_embeddings} positions; got {t}")
        return self.norm(self.tokens(ids) + self.positions.weight[:t])

    def forward(
        self, ids: Int[Tensor, "batch t"], mask: Bool[Tensor, "*#batch #t #t"] | None = None
    ) -> Float[Tensor, "batch t d"]:
        """Return the features of each position after the last block; the mask hides padding."""
        X = self.embed(ids)
        for block in self.blocks:
            X = block(X, mask=mask)
        return X


def empty_caches(model: nn.Module, batch: int, length: int) -> list[KVCache]:
    """Return an empty cache for each attention of the model, in the type and on the device of its weights."""
    weight = next(model.parameters())
    return [
        KVCache(batch, layer.kv_heads, length, layer.head_size, dtype=weight.dtype, device=weight.device)
        for layer in model.modules()
        if isinstance(layer, MultiHeadAttention)
    ]


class Decoder(nn.Module):
    """What GPT and Llama share: embeddings, blocks that look back only, a norm, and the embedding as output matrix."""

    config: "GPTConfig | LlamaConfig"
    tokens: nn.Embedding
    blocks: nn.ModuleList
    norm: nn.Module
    rotate: Callable[[Tensor, int], Tensor] | None = None

    def embed(self, ids: Int[Tensor, "batch t"], start: int) -> Float[Tensor, "batch t d"]:
        """Return what the first block reads; the first of the positions is number `start`."""
        return self.tokens(ids)

    def features(self, ids: Int[Tensor, "batch t"], caches: list[KVCache] | None = None) -> Float[Tensor, "batch t d"]:
        """Return the features of each position after the last norm; with caches, `ids` are the new positions only.

        Raises
        ------
        ValueError : more positions than the model knows
        """
        start, t = caches[0].used if caches else 0, ids.shape[-1]
        if start + t > self.config.length:
            raise ValueError(f"the model knows {self.config.length} positions; got {start + t}")
        X = self.embed(ids, start)
        for i, block in enumerate(self.blocks):
            X = block(X, causal=True, rotate=self.rotate, cache=caches[i] if caches else None)
        return self.norm(X)

    def logits(self, X: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch vocabulary"]:
        """Return the logits that belong to features: their dot products with the embedding of each token."""
        return X @ self.tokens.weight.T

    def forward(
        self, ids: Int[Tensor, "batch t"], caches: list[KVCache] | None = None
    ) -> Float[Tensor, "batch t vocabulary"]:
        """Return the logits of the token after each position; the arguments are those of `features`."""
        return self.logits(self.features(ids, caches))


@dataclass(frozen=True)
class GPTConfig:
    """Sizes of a GPT; the defaults are GPT-2 small's, with 124,439,808 parameters."""

    vocabulary: int = 50_257
    length: int = 1024
    d: int = 768
    heads: int = 12
    layers: int = 12
    hidden: int | None = None  # 4 d by default
    dropout: float = 0.0
    eps: float = 1e-5


class GPT(Decoder):
    """A decoder without memory: each position attends to itself and what came before, and predicts the next token.

    GPT-2's layout: pre-norm, learned positions, GELU in its tanh form, the output matrix tied to the token embedding.

    Source: Radford et al. 2019, section 2.3
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        c = self.config = config
        self.tokens, self.positions = nn.Embedding(c.vocabulary, c.d), nn.Embedding(c.length, c.d)
        self.blocks = nn.ModuleList(
            Block(
                c.d,
                MultiHeadAttention(c.d, c.heads, fused=True),
                FeedForward(c.d, c.hidden or 4 * c.d, gelu_tanh),
                norm=lambda size: LayerNorm(size, c.eps),
                dropout=c.dropout,
            )
            for _ in range(c.layers)
        )
        self.norm = LayerNorm(c.d, c.eps)
        self.dropout = nn.Dropout(c.dropout)
        self.apply(self._start)
        for name, weight in self.named_parameters():  # the sum of 2 · layers terms keeps its size
            if name.endswith(("attention.output.weight", "feed_forward.down.weight")):
                nn.init.normal_(weight, std=0.02 / (2 * c.layers) ** 0.5)

    @staticmethod
    def _start(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def embed(self, ids: Int[Tensor, "batch t"], start: int) -> Float[Tensor, "batch t d"]:
        """Return token and position embeddings."""
        return self.dropout(self.tokens(ids) + self.positions.weight[start : start + ids.shape[-1]])


def gelu_tanh(X: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return `gelu` in its tanh approximation."""
    return gelu(X, "tanh")


@dataclass(frozen=True)
class LlamaConfig:
    """Sizes of a Llama; the defaults are SmolLM2-135M's."""

    vocabulary: int = 49_152
    length: int = 8192
    d: int = 576
    heads: int = 9
    kv_heads: int = 3
    layers: int = 30
    hidden: int = 1536
    base: float = 100_000.0
    layout: Literal["pairs", "halves"] = "halves"
    eps: float = 1e-5


class Llama(Decoder):
    """Llama's layout: pre-norm with RMSNorm, RoPE, grouped queries, SwiGLU, no biases, tied output matrix.

    Source: Touvron et al. 2023, section 2.2, arXiv:2302.13971
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        c = self.config = config
        self.tokens = nn.Embedding(c.vocabulary, c.d)
        self.blocks = nn.ModuleList(
            Block(
                c.d,
                MultiHeadAttention(c.d, c.heads, kv_heads=c.kv_heads, bias=False),
                SwiGLU(c.d, c.hidden),
                norm=lambda size: RMSNorm(size, c.eps),
            )
            for _ in range(c.layers)
        )
        self.norm = RMSNorm(c.d, c.eps)
        self.rotate = RoPE(c.d // c.heads, c.length, base=c.base, layout=c.layout)
