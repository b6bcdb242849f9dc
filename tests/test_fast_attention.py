"""Fast attention is the same attention: values and gradients, any tile, any pattern; linear attention as defined."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vec2attn.attention import causal_mask, scaled_dot_product_attention
from vec2attn.cost import peak_bytes
from vec2attn.fast_attention import OnlineSoftmax, Pattern, elu_plus_one, linear_attention, tiled_attention

PATTERNS = ["full", "causal", "window", "blocks"]


def random(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def pattern_and_mask(kind, n, keys, seed):
    """Return a pattern, and the same as a mask of all pairs."""
    if kind == "full":
        return Pattern(), torch.ones(n, keys, dtype=torch.bool)
    if kind == "causal":
        return Pattern("causal"), causal_mask(n)
    if kind == "window":
        window = 1 + seed % 5
        return Pattern("window", window=window), causal_mask(n).triu(1 - window)
    block = 1 + seed % 4
    layout = random(seed, -(-n // block), -(-keys // block)) > 0
    layout[:, seed % layout.shape[1]] = True
    mask = layout.repeat_interleave(block, 0)[:n].repeat_interleave(block, 1)[:, :keys]
    return Pattern("blocks", layout=layout, block=block), mask


def naive_and_tiled(kind, n, keys, d, e, tile, seed, dtype=torch.float64, size=1.0):
    keys = n if kind in ("causal", "window") else keys
    pattern, mask = pattern_and_mask(kind, n, keys, seed)
    inputs = [size * random(seed + i, 2, m, f, dtype=dtype) for i, (m, f) in enumerate([(n, d), (keys, d), (keys, e)])]
    results = []
    for attend in (
        lambda Q, K, V: tiled_attention(Q, K, V, pattern, tile=tile),
        lambda Q, K, V: scaled_dot_product_attention(Q, K, V, mask)[0],
    ):
        leaves = [x.clone().requires_grad_() for x in inputs]
        Y = attend(*leaves)
        (Y * random(seed + 9, *Y.shape, dtype=dtype)).sum().backward()
        results.append([Y.detach(), *(x.grad for x in leaves)])
    return results


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(PATTERNS),
    st.tuples(*[st.integers(1, 13)] * 2),
    st.tuples(*[st.integers(1, 5)] * 2),
    st.tuples(*[st.integers(1, 15)] * 2),
    st.integers(0, 10**6),
)
def test_values_and_gradients_are_the_naive_ones_for_any_tile(kind, positions, sizes, tile, seed):
    ours, naive = naive_and_tiled(kind, *positions, *sizes, tile, seed)
    for mine, theirs in zip(ours, naive, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.bfloat16, 3e-2)])
def test_lower_precision_stays_close_to_the_truth(kind, dtype, tolerance):
    ours, _ = naive_and_tiled(kind, 70, 70, 16, 8, (32, 24), 3, dtype=dtype)
    _, exact = naive_and_tiled(kind, 70, 70, 16, 8, (32, 24), 3)
    for mine, true in zip(ours, exact, strict=True):
        assert mine.dtype == dtype
        error = (mine.double() - true).norm() / true.norm()
        assert float(error) < tolerance


def test_huge_scores_overflow_nowhere():
    ours, naive = naive_and_tiled("causal", 20, 20, 4, 3, (7, 3), 4, size=100.0)
    for mine, theirs in zip(ours, naive, strict=True):
        assert mine.isfinite().all()
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-6)


def extra(n, attend, back):
    """Return the peak of memory of one attention over n positions, without the outputs and the gradients."""
    Q, K, V = (random(i, n, 16, dtype=torch.float32).requires_grad_(back) for i in range(3))

    def step():
        Y = attend(Q, K, V)
        return torch.autograd.grad(Y.sum(), (Q, K, V)) if back else Y

    return peak_bytes(step) - (4 if back else 1) * Q.nbytes


@pytest.mark.parametrize("back", [False, True], ids=["forward", "forward and backward"])
def test_memory_grows_with_n_and_not_with_its_square(back):
    tiled, naive = (
        [extra(n, attend, back) / n for n in (512, 1024, 2048)]
        for attend in (
            lambda Q, K, V: tiled_attention(Q, K, V, tile=(32, 64)),
            lambda Q, K, V: scaled_dot_product_attention(Q, K, V)[0],
        )
    )
    assert naive[2] > 1.9 * naive[1] > 3.6 * naive[0]
    assert tiled[2] <= tiled[1] <= tiled[0], "numbers for each position: a tile is shared by ever more of them"
    assert tiled[2] < naive[2] / 40


def test_pieces_in_any_cut_give_the_softmax():
    S, V = 30 * random(1, 3, 12), random(2, 12, 5)
    state = OnlineSoftmax.empty(S, 5)
    for s, v in zip(S.split([1, 4, 2, 5], dim=1), V.split([1, 4, 2, 5]), strict=True):
        state = state.add(s.clone(), v)
    Y, logsum = state.result()
    torch.testing.assert_close(Y, S.softmax(-1) @ V)
    torch.testing.assert_close(logsum, S.logsumexp(-1, keepdim=True))


def test_only_tiles_with_a_pair_are_touched():
    pattern, device = Pattern("window", window=4), torch.device("cpu")
    kinds = {
        (i, j): pattern.tile(range(4 * i, 4 * i + 4), range(4 * j, 4 * j + 4), device)
        for i in range(4)
        for j in range(4)
    }
    for (i, j), allowed in kinds.items():
        assert (allowed is False) == (j > i or j < i - 1)


def test_the_gradient_of_the_gradient_is_refused_and_not_wrong():
    Q = random(5, 3, 4).requires_grad_()
    (g,) = torch.autograd.grad(tiled_attention(Q, Q, Q).square().sum(), Q, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(1, 6), st.integers(0, 10**6))
def test_linear_attention_is_the_average_by_its_weights(n, keys, causal, chunk, seed):
    keys = n if causal else keys
    Q, K, V = random(seed, 2, n, 3), random(seed + 1, 2, keys, 3), random(seed + 2, 2, keys, 4)
    weights = elu_plus_one(Q) @ elu_plus_one(K).mT
    weights = weights.tril() if causal else weights
    Y = linear_attention(Q, K, V, causal=causal, chunk=chunk)
    torch.testing.assert_close(Y, weights / weights.sum(-1, keepdim=True) @ V)


def test_the_weights_of_linear_attention_have_no_more_rank_than_features():
    Q, K = random(6, 30, 4), random(7, 30, 4)
    assert torch.linalg.matrix_rank(elu_plus_one(Q) @ elu_plus_one(K).mT) == 4
    assert torch.linalg.matrix_rank(scaled_dot_product_attention(Q, K, K)[1]) > 20
