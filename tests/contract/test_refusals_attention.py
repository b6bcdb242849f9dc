"""Attention and positions: bad input gets a clear error, in the reader's words (no checking hook here)."""

import pytest
import torch

from vec2attn.attention import KVCache, MultiHeadAttention, causal_mask, padding_mask, scaled_dot_product_attention
from vec2attn.positions import RoPE, alibi, sinusoidal
from vec2attn.transformer import GPT, Block, Encoder, FeedForward, GPTConfig


def attend(q, k, v, mask=None):
    return scaled_dot_product_attention(torch.zeros(q), torch.zeros(k), torch.zeros(v), mask)


TINY = GPTConfig(vocabulary=11, length=4, d=6, heads=2, layers=1)
REFUSALS = {
    "another d": (
        lambda: attend((2, 5, 8), (2, 7, 16), (2, 7, 4)),
        r"got Q \(2, 5, 8\), K .* d=8 but K has d=16",
    ),
    "another number of values": (lambda: attend((5, 8), (7, 8), (6, 4)), "there are 7 keys but 6 values"),
    "another batch": (lambda: attend((3, 5, 8), (2, 7, 8), (2, 7, 4)), "the axes before the last two differ"),
    "vectors": (lambda: attend((8,), (7, 8), (7, 4)), r"need Q \(…, q, d\)"),
    "no key": (lambda: attend((5, 8), (0, 8), (0, 4)), "no key to attend to"),
    "no feature": (lambda: attend((5, 0), (7, 0), (7, 4)), "no direction"),
    "a query without keys": (
        lambda: attend((2, 3), (2, 3), (2, 3), torch.ones(2, 2, dtype=torch.bool).tril(-1)),
        r"leaves no key for query \(0,\)",
    ),
    "fewer keys than queries": (lambda: causal_mask(3, 2), "got 3 queries and 2 keys"),
    "length 0": (lambda: padding_mask(torch.tensor([0, 2]), 3), r"lengths must lie in 1 … 3; got \[0, 2\]"),
    "length beyond": (lambda: padding_mask(torch.tensor([4]), 3), "1 … 3"),
    "heads that do not divide": (lambda: MultiHeadAttention(8, 3), "got d=8, heads=3"),
    "groups that do not divide": (lambda: MultiHeadAttention(8, 4, kv_heads=3), "got heads=4, kv_heads=3"),
    "fused with a memory": (lambda: MultiHeadAttention(8, 4, fused=True, memory_size=3), "reads .* from the same X"),
    "a memory for a fused layer": (
        lambda: MultiHeadAttention(8, 4, fused=True)(torch.zeros(1, 2, 8), torch.zeros(1, 3, 8)),
        "cannot read a memory",
    ),
    "full cache": (
        lambda: KVCache(1, 2, 3, 4).append(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)),
        "room for 3 positions; 4 are asked for",
    ),
    "another batch in the cache": (
        lambda: KVCache(1, 2, 3, 4).append(torch.zeros(2, 2, 1, 4), torch.zeros(2, 2, 1, 4)),
        r"got \(2, 2, 1, 4\)",
    ),
    "odd features": (lambda: sinusoidal(3, 5), "d must be even and at least 2.*got 5"),
    "no position": (lambda: sinusoidal(0, 4), "length must be at least 1; got 0"),
    "base 1": (lambda: sinusoidal(3, 4, base=1), "base must be larger than 1"),
    "another layout": (lambda: RoPE(4, 3, layout="thirds"), "'thirds'"),
    "RoPE without positions": (lambda: RoPE(4, 0), "at least 1; got 0"),
    "RoPE, another size": (lambda: RoPE(4, 3)(torch.zeros(2, 6)), "heads of size 4; got 6"),
    "RoPE, too far": (lambda: RoPE(4, 3)(torch.zeros(2, 4), 2), "3 positions; asked for 2 … 3"),
    "ALiBi without heads": (lambda: alibi(0, 3), "got 0 heads"),
    "a norm elsewhere": (
        lambda: Block(4, MultiHeadAttention(4, 2), FeedForward(4, 8), where="middle"),
        "'middle'",
    ),
    "a memory without cross-attention": (
        lambda: Block(4, MultiHeadAttention(4, 2), FeedForward(4, 8))(torch.zeros(1, 2, 4), torch.zeros(1, 3, 4)),
        "belong together",
    ),
    "too long for GPT": (lambda: GPT(TINY)(torch.zeros(1, 5, dtype=torch.long)), "knows 4 positions; got 5"),
    "too long for the encoder": (
        lambda: Encoder(vocabulary=7, length=3, d=4, heads=2, hidden=8, layers=1)(torch.zeros(1, 4, dtype=torch.long)),
        "knows 3 positions; got 4",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()
