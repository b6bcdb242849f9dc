"""Blocks and models: equal to torch's and transformers' with the same weights; the number of parameters; caches."""

import pytest
import torch
import transformers
from torch import nn

from vec2attn.attention import MultiHeadAttention, causal_mask
from vec2attn.datasets import tiny_gpt2
from vec2attn.positions import sinusoidal
from vec2attn.pretrained import load_gpt2, load_llama
from vec2attn.transformer import (
    GPT,
    Block,
    FeedForward,
    GPTConfig,
    LayerNorm,
    Llama,
    LlamaConfig,
    RMSNorm,
    SwiGLU,
    empty_caches,
    gelu,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_layer_norm_and_rms_norm_follow_their_formulas():
    X = torch.randn(3, 5, 7, dtype=torch.float64) * 4 + 2
    norm, rms = LayerNorm(7).double(), RMSNorm(7).double()
    for layer in (norm, rms):
        nn.init.normal_(layer.weight)
    nn.init.normal_(norm.bias)
    mean, variance = X.mean(-1, keepdim=True), X.var(-1, unbiased=False, keepdim=True)
    torch.testing.assert_close(norm(X), norm.weight * (X - mean) / (variance + 1e-5).sqrt() + norm.bias)
    torch.testing.assert_close(rms(X), rms.weight * X / ((X * X).mean(-1, keepdim=True) + 1e-5).sqrt())


def test_gelu_is_x_times_the_normal_distribution():
    x = torch.linspace(-4, 4, 33, dtype=torch.float64)
    torch.testing.assert_close(gelu(x), x * torch.distributions.Normal(0.0, 1.0).cdf(x))
    assert 1e-5 < float((gelu(x) - gelu(x, "tanh")).abs().max()) < 1e-3


def test_swiglu_follows_its_formula():
    layer, X = SwiGLU(4, 6), torch.randn(2, 3, 4)
    gate = X @ layer.gate.weight.T
    torch.testing.assert_close(layer(X), ((gate * gate.sigmoid()) * (X @ layer.up.weight.T)) @ layer.down.weight.T)


def test_sinusoidal_positions_follow_the_paper_and_a_step_is_a_rotation():
    P = sinusoidal(50, 6).double()
    for t, i in ((0, 0), (7, 1), (49, 2)):
        angle = torch.tensor(t / 10_000 ** (2 * i / 6), dtype=torch.float64)
        torch.testing.assert_close(P[t, 2 * i : 2 * i + 2], torch.stack([angle.sin(), angle.cos()]), atol=1e-6, rtol=0)
    step, *_ = torch.linalg.lstsq(P[:20], P[3:23])  # one matrix moves every position by three
    torch.testing.assert_close(P[:40] @ step, P[3:43], atol=1e-4, rtol=0)
    torch.testing.assert_close(step @ step.T, torch.eye(6, dtype=torch.float64), atol=1e-4, rtol=0)


def peer_of(block, d, heads, hidden, where, cross):
    """Return torch's encoder or decoder layer with our weights."""
    kind = nn.TransformerDecoderLayer if cross else nn.TransformerEncoderLayer
    peer = kind(d, heads, hidden, dropout=0.0, activation="gelu", batch_first=True, norm_first=where == "pre").double()
    pairs = {peer.linear1: block.feed_forward.up, peer.linear2: block.feed_forward.down}
    pairs |= {peer.norm1: block.attention_norm}
    attentions = {peer.self_attn: block.attention}
    if cross:
        pairs |= {peer.norm2: block.cross_norm, peer.norm3: block.feed_forward_norm}
        attentions |= {peer.multihead_attn: block.cross}
    else:
        pairs |= {peer.norm2: block.feed_forward_norm}
    with torch.no_grad():
        for theirs, ours in pairs.items():
            nn.init.normal_(ours.weight)
            theirs.load_state_dict(ours.state_dict())
        for theirs, ours in attentions.items():
            layers = (ours.query, ours.key, ours.value)
            theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
            theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
            theirs.out_proj.load_state_dict(ours.output.state_dict())
    return peer


@pytest.mark.parametrize("where", ["pre", "post"])
@pytest.mark.parametrize("cross", [False, True])
def test_a_block_equals_torchs_layer(where, cross):
    d, heads, hidden = 12, 3, 20
    attentions = [MultiHeadAttention(d, heads) for _ in range(2)]
    block = Block(
        d, attentions[0], FeedForward(d, hidden), where=where, cross=attentions[1] if cross else None
    ).double()
    peer = peer_of(block, d, heads, hidden, where, cross)
    X, memory = torch.randn(2, 5, d, dtype=torch.float64), torch.randn(2, 7, d, dtype=torch.float64)
    if cross:
        want = peer(X, memory, tgt_mask=~causal_mask(5))
        torch.testing.assert_close(block(X, memory, causal=True), want)
    else:
        torch.testing.assert_close(block(X), peer(X))


def test_gpt2_small_has_124_439_808_parameters():
    with torch.device("meta"):
        model = GPT(GPTConfig())
    assert sum(p.numel() for p in model.parameters()) == 124_439_808


def test_gpt_with_the_weights_of_transformers_gives_its_logits_and_loss_gradients():
    config = transformers.GPT2Config(
        vocab_size=97, n_positions=24, n_embd=20, n_layer=3, n_head=4, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
    )
    peer = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for p in peer.parameters():
            p.add_(0.1 * torch.randn_like(p))  # biases and norms that do something
    ours = load_gpt2(peer.state_dict(), heads=4).eval()
    ids = torch.randint(97, (2, 19))
    mine, theirs = ours(ids), peer(ids).logits
    torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)
    mine.square().mean().backward()
    theirs.square().mean().backward()
    torch.testing.assert_close(ours.tokens.weight.grad, peer.transformer.wte.weight.grad, atol=1e-5, rtol=1e-3)


def test_the_tiny_gpt2_of_7_3_comes_out_of_both_programs():
    weights, ids, logits = tiny_gpt2()
    state = {name: torch.from_numpy(W) for name, W in weights.items()}
    config = transformers.GPT2Config(
        vocab_size=20, n_positions=6, n_embd=8, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    peer = transformers.GPT2LMHeadModel(config).eval()
    peer.transformer.load_state_dict(state)
    for model in (lambda X: peer(X).logits, load_gpt2(state, heads=2).eval()):
        torch.testing.assert_close(model(torch.tensor([ids]))[0], torch.from_numpy(logits), atol=1e-5, rtol=1e-4)


def test_llama_with_the_weights_of_transformers_gives_its_logits():
    config = transformers.LlamaConfig(
        vocab_size=89, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, max_position_embeddings=32, rms_norm_eps=1e-5, tie_word_embeddings=True,
    )  # fmt: skip
    peer = transformers.LlamaForCausalLM(config).eval()
    base = peer.config.rope_parameters["rope_theta"]
    sizes = LlamaConfig(vocabulary=89, length=32, d=24, heads=6, kv_heads=2, layers=3, hidden=40, base=base)
    ours = load_llama(peer.state_dict(), sizes).eval()
    ids = torch.randint(89, (2, 17))
    torch.testing.assert_close(ours(ids), peer(ids).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gpt", "llama"])
def test_generation_with_a_cache_gives_the_same_logits(kind):
    if kind == "gpt":
        model = GPT(GPTConfig(vocabulary=31, length=12, d=16, heads=4, layers=2)).eval()
    else:
        sizes = LlamaConfig(vocabulary=31, length=12, d=16, heads=4, kv_heads=2, layers=2, hidden=24)
        model = Llama(sizes).eval()
    ids = torch.randint(31, (3, 12))
    whole = model(ids)
    caches = empty_caches(model, 3, 12)
    parts = [model(piece, caches) for piece in ids.split([5, 1, 1, 3, 2], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-5)


def test_a_later_token_changes_no_earlier_logit():
    model = GPT(GPTConfig(vocabulary=31, length=12, d=16, heads=4, layers=2)).eval()
    ids = torch.randint(31, (1, 12))
    other = ids.clone()
    other[0, 7] = (ids[0, 7] + 1) % 31
    with torch.no_grad():
        one, two = model(ids), model(other)
    torch.testing.assert_close(one[:, :7], two[:, :7])
    assert float((one[:, 7:] - two[:, 7:]).abs().max(dim=-1).values.min()) > 1e-4
