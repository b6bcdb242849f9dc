"""A real causal model in our own layers: the stored logits, the peer's tokens, text that goes on."""

import numpy as np
import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vec2attn.datasets import decode_tokens, fetch, smollm2_logits, smollm2_prompts
from vec2attn.generate import generate
from vec2attn.gguf import read_gguf
from vec2attn.pretrained import load_smollm2
from vec2attn.transformer import GPT, GPTConfig


@pytest.fixture(scope="module")
def loaded():
    return load_smollm2(length=256)


@pytest.fixture(scope="module")
def peer_tokenizer():
    facts, _ = read_gguf(fetch("smollm2")["SmolLM2-135M-Instruct.Q4_1.gguf"])
    tokens, merges = facts["tokenizer.ggml.tokens"], facts["tokenizer.ggml.merges"]
    peer = tokenizers.Tokenizer(
        tokenizers.models.BPE({token: i for i, token in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges])
    )
    digits = tokenizers.pre_tokenizers.Digits(individual_digits=True)
    parts = [digits, tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)]
    peer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(parts)
    return peer


def test_the_logits_stored_for_1_3_come_out_again(loaded):
    model, tokenizer = loaded
    for key, prompt in smollm2_prompts().items():
        with torch.inference_mode():
            logits = model(torch.tensor([tokenizer.encode(prompt)]))[0, -1].numpy()
        assert np.abs(logits - smollm2_logits(key)).max() < 1e-3
        assert logits.argmax() == smollm2_logits(key).argmax()


TEXTS = ["The capital of France is", "In 1984, 3 + 4 = 7.", "def f(x):\n    return x**2\n", "  spaces  ", "Çà et là 🙂"]


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_the_peers(loaded, peer_tokenizer, text):
    assert loaded[1].encode(text) == peer_tokenizer.encode(text).ids
    assert loaded[1].decode(loaded[1].encode(text)) == text


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(max_codepoint=0x52F, exclude_categories=["Cc", "Cn"]), max_size=30))
def test_tokens_are_the_peers_for_any_text(loaded, peer_tokenizer, text):
    assert loaded[1].encode(text) == peer_tokenizer.encode(text).ids


def test_a_byte_that_the_vocabulary_lacks_is_refused_and_not_dropped(loaded):
    with pytest.raises(ValueError, match="no token for the byte"):
        loaded[1].encode("\x04")


def test_it_knows_the_capital_of_france_and_a_cache_changes_nothing(loaded):
    model, tokenizer = loaded
    prompt = tokenizer.encode("The capital of France is")
    with_cache = list(generate(model, prompt, 6))
    assert tokenizer.decode(with_cache).startswith(" Paris")
    assert with_cache == list(generate(model, prompt, 6, cache=False))


def test_wide_matrices_lie_in_memory_by_columns_and_hold_the_numbers_of_the_file(loaded):
    model, _ = loaded
    _, tensors = read_gguf(fetch("smollm2")["SmolLM2-135M-Instruct.Q4_1.gguf"])
    block = model.blocks[7]
    for name, W in (("ffn_up", block.feed_forward.up.weight), ("ffn_down", block.feed_forward.down.weight)):
        np.testing.assert_array_equal(W.detach().numpy(), tensors[f"blk.7.{name}.weight"].array())
        assert W.T.is_contiguous() == (name == "ffn_up")
    assert model.tokens.weight.stride() == (1, len(model.tokens.weight))


def test_the_special_tokens_are_read_when_allowed(loaded):
    _, tokenizer = loaded
    ids = tokenizer.encode("<|im_start|>user\nHi<|im_end|>", allow_special=True)
    assert decode_tokens(["a"]) == ["a"]
    assert [ids[0], ids[-1]] == [tokenizer.special["<|im_start|>"], tokenizer.special["<|im_end|>"]]
    assert tokenizer.decode(ids) == "<|im_start|>user\nHi<|im_end|>"


def test_only_the_last_position_gets_logits(loaded, monkeypatch):
    model, tokenizer = loaded
    shapes = []
    logits = model.logits
    monkeypatch.setattr(model, "logits", lambda X: shapes.append(tuple(X.shape)) or logits(X))
    list(generate(model, tokenizer.encode("The capital of France is"), 2))
    assert shapes == [(576,), (576,)]


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(1)
    return GPT(GPTConfig(vocabulary=23, length=40, d=16, heads=2, layers=2)).eval()


def test_drawing_follows_the_seed_and_the_filters(small):
    one, same, other = (list(generate(small, [1, 2], 20, rng=np.random.default_rng(seed), T=2.0)) for seed in (0, 0, 1))
    assert one == same != other
    greedy = list(generate(small, [1, 2], 20))
    assert list(generate(small, [1, 2], 20, rng=np.random.default_rng(0), k=1)) == greedy
    assert list(generate(small, [1, 2], 20, rng=np.random.default_rng(0), p=1e-9)) == greedy


def test_draws_have_the_models_probabilities(small):
    with torch.inference_mode():
        p = small(torch.tensor([[3]]))[0, -1].double().softmax(0).numpy()
    rng = np.random.default_rng(5)
    counts = np.bincount([next(generate(small, [3], 1, rng=rng, cache=False)) for _ in range(600)], minlength=23)
    assert np.abs(counts / 600 - p).max() < 4 * np.sqrt(0.25 / 600) / 2
    assert ((counts - 600 * p) ** 2 / (600 * p)).sum() < 50  # χ² with 22 degrees of freedom: 1 in 2000


def test_a_stop_token_ends_the_text_and_is_not_part_of_it(small):
    whole = list(generate(small, [1, 2], 20))
    stop = whole[3]
    assert list(generate(small, [1, 2], 20, stop=[stop])) == whole[: whole.index(stop)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda model: generate(model, [], 3), "prompt is empty"),
        (lambda model: generate(model, [1], -1), "got -1"),
        (lambda model: generate(model, [1, 2], 40), "knows 40 positions; got 41"),
        (lambda model: generate(model, [1], 3, rng=np.random.default_rng(), T=0), "T"),
    ],
)
def test_refusals(small, call, words):
    with pytest.raises(ValueError, match=words):
        list(call(small))
