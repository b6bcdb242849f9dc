"""Attention: equal to the loop from the definition and to torch; masks, groups of heads, caches."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vec2attn.attention import KVCache, MultiHeadAttention, causal_mask, padding_mask, scaled_dot_product_attention
from vec2attn.positions import RoPE, alibi

SIZES = st.tuples(*[st.integers(1, 6)] * 5)


def random(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_a_case_worked_by_hand():
    # scores 0 and ln 3 (times √1 / √1): weights 1/4 and 3/4
    Q, K = torch.tensor([[1.0]]), torch.tensor([[0.0], [math.log(3)]])
    Y, A = scaled_dot_product_attention(Q, K, torch.tensor([[8.0, 0.0], [0.0, 4.0]]))
    torch.testing.assert_close(A, torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(Y, torch.tensor([[2.0, 3.0]]))


@settings(max_examples=30, deadline=None)
@given(SIZES, st.integers(0, 10**6), st.booleans())
def test_attention_equals_the_loop_from_the_definition(sizes, seed, masked):
    b, q, k, d, e = sizes
    Q, K, V = random(seed, b, q, d), random(seed + 1, b, k, d), random(seed + 2, b, k, e)
    mask = random(seed + 3, b, q, k) > 0
    mask[..., 0] = True
    Y, A = scaled_dot_product_attention(Q, K, V, mask if masked else None)
    for i in range(b):
        for r in range(q):
            fits = [math.exp(float(Q[i, r] @ K[i, c]) / math.sqrt(d)) for c in range(k)]
            fits = [fit if not masked or mask[i, r, c] else 0.0 for c, fit in enumerate(fits)]
            weights = torch.tensor(fits, dtype=torch.float64) / sum(fits)
            torch.testing.assert_close(A[i, r], weights)
            torch.testing.assert_close(Y[i, r], weights @ V[i])


@settings(max_examples=20, deadline=None)
@given(SIZES, st.integers(0, 10**6))
def test_attention_equals_torchs(sizes, seed):
    b, q, k, d, e = sizes
    Q, K, V = random(seed, b, 2, q, d), random(seed + 1, b, 2, k, d), random(seed + 2, b, 2, k, e)
    bias = random(seed + 3, q, k)
    torch.testing.assert_close(
        scaled_dot_product_attention(Q, K, V, bias=bias)[0],
        nn.functional.scaled_dot_product_attention(Q, K, V, attn_mask=bias),
    )


@settings(max_examples=20, deadline=None)
@given(SIZES, st.integers(0, 10**6))
def test_the_order_of_key_value_pairs_is_irrelevant_and_that_of_queries_is_kept(sizes, seed):
    _, q, k, d, e = sizes
    Q, K, V = random(seed, q, d), random(seed + 1, k, d), random(seed + 2, k, e)
    Y, _ = scaled_dot_product_attention(Q, K, V)
    order, turned = torch.randperm(k), torch.randperm(q)
    torch.testing.assert_close(scaled_dot_product_attention(Q, K[order], V[order])[0], Y)
    torch.testing.assert_close(scaled_dot_product_attention(Q[turned], K, V)[0], Y[turned])


def test_weights_sum_to_one_even_for_huge_scores():
    Q = torch.full((2, 3), 1e4)
    _, A = scaled_dot_product_attention(Q, Q, Q)
    torch.testing.assert_close(A, torch.full((2, 2), 0.5))


def test_a_causal_mask_hides_the_future():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert causal_mask(1, 3).tolist() == [[True, True, True]]
    assert causal_mask(2, 3).tolist() == [[True, True, False], [True, True, True]]


def test_a_padding_mask_hides_what_lies_behind_each_length():
    mask = padding_mask(torch.tensor([1, 3]), 3)
    assert mask.shape == (2, 1, 3)
    assert mask[:, 0].tolist() == [[True, False, False], [True, True, True]]


def copied(ours, d, heads):
    """Return torch's layer with our weights."""
    peer = nn.MultiheadAttention(d, heads, batch_first=True).double()
    with torch.no_grad():
        if hasattr(ours, "query_key_value"):
            peer.in_proj_weight.copy_(ours.query_key_value.weight)
            peer.in_proj_bias.copy_(ours.query_key_value.bias)
        else:
            layers = (ours.query, ours.key, ours.value)
            peer.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
            peer.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
        peer.out_proj.weight.copy_(ours.output.weight)
        peer.out_proj.bias.copy_(ours.output.bias)
    return peer


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_equals_torchs_and_its_gradients_too(fused, causal):
    b, t, heads, size = 2, 5, 3, 4
    ours = MultiHeadAttention(heads * size, heads, fused=fused).double()
    peer = copied(ours, heads * size, heads)
    X = random(1, b, t, heads * size).requires_grad_()
    again = X.detach().clone().requires_grad_()
    Y = ours(X, causal=causal)
    mask = ~causal_mask(t) if causal else None
    Z, A = peer(again, again, again, attn_mask=mask, average_attn_weights=False)
    torch.testing.assert_close(Y, Z)
    torch.testing.assert_close(ours.weights(X, causal=causal), A)
    Y.square().sum().backward()
    Z.square().sum().backward()
    torch.testing.assert_close(X.grad, again.grad)


def test_cross_attention_equals_torchs_with_another_number_of_positions():
    ours = MultiHeadAttention(6, 2).double()
    peer = copied(ours, 6, 2)
    X, memory = random(2, 3, 4, 6), random(3, 3, 7, 6)
    hidden = padding_mask(torch.tensor([7, 2, 5]), 7)
    Z, _ = peer(X, memory, memory, key_padding_mask=~hidden[:, 0])
    torch.testing.assert_close(ours(X, memory, mask=hidden), Z)


def test_a_memory_may_have_other_features():
    layer = MultiHeadAttention(6, 2, memory_size=9)
    assert layer(torch.ones(1, 2, 6), torch.ones(1, 5, 9)).shape == (1, 2, 6)


def test_a_fused_layer_computes_what_the_separate_ones_do():
    fused, separate = MultiHeadAttention(8, 4, kv_heads=2, fused=True), MultiHeadAttention(8, 4, kv_heads=2)
    with torch.no_grad():
        for part, layer in zip(
            fused.query_key_value.weight.split([8, 4, 4]), (separate.query, separate.key, separate.value), strict=True
        ):
            layer.weight.copy_(part)
        for part, layer in zip(
            fused.query_key_value.bias.split([8, 4, 4]), (separate.query, separate.key, separate.value), strict=True
        ):
            layer.bias.copy_(part)
        separate.output.load_state_dict(fused.output.state_dict())
    X = random(4, 2, 5, 8, dtype=torch.float32)
    torch.testing.assert_close(fused(X), separate(X))


@pytest.mark.parametrize("kv_heads", [1, 2, 6])
def test_groups_share_keys_and_values_as_if_these_were_repeated(kv_heads):
    layer = MultiHeadAttention(12, 6, kv_heads=kv_heads).double()
    full = MultiHeadAttention(12, 6).double()
    with torch.no_grad():
        full.query.load_state_dict(layer.query.state_dict())
        full.output.load_state_dict(layer.output.state_dict())
        for wide, narrow in ((full.key, layer.key), (full.value, layer.value)):
            for whole, part in zip(wide.parameters(), narrow.parameters(), strict=True):
                heads = part.unflatten(0, (kv_heads, 2)).repeat_interleave(6 // kv_heads, dim=0)
                whole.copy_(heads.flatten(0, 1))
    X = random(5, 2, 4, 12)
    torch.testing.assert_close(layer(X, causal=True), full(X, causal=True))
    torch.testing.assert_close(layer.weights(X), full.weights(X))


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("pieces", [[1] * 7, [3, 1, 3], [7], [5, 2]])
def test_a_cache_gives_what_the_whole_text_gives_however_it_is_cut(kv_heads, pieces):
    layer = MultiHeadAttention(16, 4, kv_heads=kv_heads).double()
    rope = RoPE(4, 7)
    X = random(6, 2, 7, 16)
    whole = layer(X, causal=True, rotate=rope)
    cache = KVCache(2, kv_heads, 7, 4, dtype=torch.float64)
    parts = [layer(x, causal=True, rotate=rope, cache=cache) for x in X.split(pieces, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    assert cache.used == 7
    assert cache.bytes == 2 * 2 * kv_heads * 7 * 4 * 8


def test_rope_scores_depend_on_the_distance_alone():
    for layout in ("pairs", "halves"):
        rope = RoPE(8, 40, layout=layout)
        q, k = random(7, 1, 8), random(8, 1, 8)
        at = [float(rope(q, s) @ rope(k, s + 5).T) for s in (0, 3, 17, 34)]
        assert max(at) - min(at) < 1e-5
        torch.testing.assert_close(rope(q, 11).norm(), q.norm(), rtol=1e-6, atol=0)
        torch.testing.assert_close(rope(q, 0), q)


def test_the_two_layouts_of_rope_are_one_turn_with_its_features_in_another_order():
    X = random(9, 5, 8)
    order = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])  # pairs (0,1), (2,3) … to halves (0,4), (1,5) …
    pairs, halves = RoPE(8, 5, layout="pairs"), RoPE(8, 5, layout="halves")
    torch.testing.assert_close(pairs(X)[:, order], halves(X[:, order]))


def test_rope_turns_each_pair_like_the_rotation_of_part_2():
    from vec2attn.matrices import rotation

    x = random(10, 1, 4)
    turned = RoPE(4, 10, layout="pairs")(x, 3)
    for i, omega in enumerate((1.0, 10_000 ** (-2 / 4))):
        pair = x[0, 2 * i : 2 * i + 2].numpy() @ rotation(3 * omega).T
        torch.testing.assert_close(turned[0, 2 * i : 2 * i + 2], torch.from_numpy(pair), rtol=1e-6, atol=1e-6)


def test_alibi_lowers_scores_by_distance_and_equals_the_published_slopes():
    B = alibi(8, 4)
    assert B.shape == (8, 4, 4)
    torch.testing.assert_close(-B[:, 1, 0], torch.tensor([2.0**-h for h in range(1, 9)]))
    torch.testing.assert_close(B[0, 3], torch.tensor([-1.5, -1.0, -0.5, 0.0]))
    torch.testing.assert_close(alibi(8, 1, 4)[:, 0], B[:, 3])
    assert float(B.triu(1).abs().max()) == 0
