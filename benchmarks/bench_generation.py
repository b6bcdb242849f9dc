"""generate.py with SmolLM2: against transformers with the same weights, against itself without a cache; memory.

transformers gets our expanded weights. Its class wants the rows of Wq and Wk of a head in halves, where the file has
them in pairs, and all of them are laid out in memory row after row, as transformers has them.
"""

import subprocess
import sys
from collections.abc import Callable

import torch
import transformers

from benchmarks import Row, compare
from vec2attn.generate import generate
from vec2attn.pretrained import LLAMA_NAMES, load_smollm2
from vec2attn.transformer import GPT, GPTConfig, Llama, empty_caches

LENGTH, NEW = 512, 24
# a process of its own, that does nothing else. On Linux ru_maxrss remembers the program that started it; VmHWM does not
FRESH = """
import pathlib, re, resource
from vec2attn.generate import generate
from vec2attn.pretrained import load_smollm2
model, tokenizer = load_smollm2(length=512)
assert tokenizer.decode(generate(model, tokenizer.encode("The capital of France is"), 8)).startswith(" Paris")
status = pathlib.Path("/proc/self/status")
most = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()) if status.exists() else None
print(1024 * int(most[1]) if most else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # macOS tells bytes
"""


def peer_of(model: Llama) -> transformers.LlamaForCausalLM:
    """Return transformers' class with the weights of ours."""
    c = model.config
    config = transformers.LlamaConfig(
        vocab_size=c.vocabulary, hidden_size=c.d, intermediate_size=c.hidden, num_hidden_layers=c.layers,
        num_attention_heads=c.heads, num_key_value_heads=c.kv_heads, max_position_embeddings=c.length,
        rms_norm_eps=c.eps, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": c.base},
        bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    ours, state = model.state_dict(), {}
    for theirs, name in LLAMA_NAMES.items():
        for layer in range(c.layers if "{}" in name else 1):
            W = ours[f"{name.format(layer)}.weight"]
            if theirs.endswith(("q_proj", "k_proj")):
                W = W.unflatten(0, (-1, c.d // c.heads // 2, 2)).transpose(1, 2).flatten(0, 2)
            state[f"model.{theirs.format(layer)}.weight"] = W.contiguous()  # as transformers itself would have it
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    with torch.device("meta"):
        peer = transformers.LlamaForCausalLM(config)
    peer.load_state_dict(state, assign=True)
    peer.model.rotary_emb = type(peer.model.rotary_emb)(config)  # angles are no weights: on "meta" they have no numbers
    return peer.eval()


def against_transformers(model: Llama, prompt: list[int]) -> Row:
    """Compare the time for some tokens, greedy, from a prompt; both must write the same."""
    peer, ids = peer_of(model), torch.tensor([prompt])

    def ours() -> list[int]:
        return list(generate(model, prompt, NEW))

    def theirs() -> list[int]:
        with torch.inference_mode():
            found = peer.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False
            )
        return found[0, len(prompt) :].tolist()

    with torch.inference_mode():
        torch.testing.assert_close(model(ids), peer(ids).logits, atol=1e-3, rtol=1e-3)
    assert ours() == theirs()
    return compare(f"SmolLM2, {NEW} tokens", "transformers", ours, theirs, 1.0, rounds=9)


def one_step(model: Llama) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the step from 511 to 512 positions, with the cache and without."""
    ids = torch.randint(1000, (1, LENGTH), generator=torch.manual_seed(1))
    caches = empty_caches(model, 1, LENGTH)

    @torch.inference_mode()
    def cached() -> torch.Tensor:
        for cache in caches:
            cache.used = LENGTH - 1
        return model.logits(model.features(ids[:, -1:], caches)[:, -1])

    @torch.inference_mode()
    def uncached() -> torch.Tensor:
        return model.logits(model.features(ids)[:, -1])

    with torch.inference_mode():
        model.features(ids[:, :-1], caches)
    torch.testing.assert_close(cached(), uncached(), atol=1e-3, rtol=1e-3)
    return cached, uncached


def whole_text() -> Row:
    """Compare a whole text of 512 tokens by a GPT that is small enough to write it without a cache as well."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = GPT(GPTConfig(vocabulary=256, length=LENGTH, d=256, heads=4, layers=4)).eval()

    def write(cache: bool) -> list[int]:
        return list(generate(model, [1], LENGTH - 1, cache=cache))

    assert write(True) == write(False)
    what = f"GPT of 4 layers, {LENGTH} tokens"
    return compare(what, "no cache", lambda: write(True), lambda: write(False), 0.2, rounds=1)


def measure() -> list[Row]:
    """Return the rows for time, then one for memory in gigabytes."""
    model, tokenizer = load_smollm2(length=LENGTH)
    prompt = tokenizer.encode("The history of mathematics is the history of")
    fresh = subprocess.run([sys.executable, "-c", FRESH], check=True, capture_output=True, text=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one core for all: threads that wait for each other would decide the ratio
    try:
        return [
            against_transformers(model, prompt),
            compare(f"SmolLM2, step at {LENGTH}", "no cache", *one_step(model), 0.2, rounds=3),
            whole_text(),
            Row("SmolLM2, memory", "1 GB", int(fresh.stdout) / 1e9, 1.0, 1.2),
        ]
    finally:
        torch.set_num_threads(threads)
