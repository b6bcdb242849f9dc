"""Training: one step of our GPT against one of transformers' GPT-2 of the same sizes, as time a step.

Both read the same batch in float32 on the CPU, and the same optimiser (torch's AdamW, gradients clipped) moves both.
They start from the same weights, and their losses must agree. The goal is 95 % of the peer's tokens a second.
"""

from collections.abc import Callable

import numpy as np
import torch
import transformers
from torch import nn

from benchmarks import Row, compare
from vec2attn.pretrained import load_gpt2
from vec2attn.train import next_token_loss, windows

GOAL = round(1 / 0.95, 2)
LENGTH, BATCH = 64, 16


def step_of(model: nn.Module, logits: Callable[[torch.Tensor], torch.Tensor], ids: torch.Tensor) -> Callable[[], float]:
    """Return one training step; all but the model is the same for both."""
    rng = np.random.default_rng(74)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> float:
        x, y = windows(ids, LENGTH, BATCH, rng)
        loss = next_token_loss(logits(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def against(what: str, vocabulary: int, d: int, heads: int, layers: int) -> Row:
    torch.manual_seed(74)
    config = transformers.GPT2Config(
        vocab_size=vocabulary, n_positions=LENGTH, n_embd=d, n_layer=layers, n_head=heads, resid_pdrop=0,
        embd_pdrop=0, attn_pdrop=0, use_cache=False, bos_token_id=None, eos_token_id=None, attn_implementation="sdpa",
    )  # fmt: skip
    peer = transformers.GPT2LMHeadModel(config).train()
    ours = load_gpt2(peer.state_dict(), heads=heads).train()
    ids = torch.randint(vocabulary, (10_000,))
    mine, theirs = step_of(ours, ours, ids), step_of(peer, lambda x: peer(x).logits, ids)
    for _ in range(3):
        np.testing.assert_allclose(mine(), theirs(), rtol=1e-3)
    return compare(what, "GPT-2", mine, theirs, GOAL)


def measure() -> list[Row]:
    """Return the notebook's size, and one in which the products take most of the time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for each other would decide the ratio
    try:
        return [
            against("GPT step, 2 layers, d=64", 1024, 64, 4, 2),
            against("GPT step, 2 layers, d=256", 1024, 256, 8, 2),
        ]
    finally:
        torch.set_num_threads(threads)
