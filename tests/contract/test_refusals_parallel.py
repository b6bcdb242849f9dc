"""Several devices: bad input gets a clear error, in the reader's words (no checking hook here)."""

import subprocess
import sys

import pytest
import torch
from torch import nn

import parallel_workers as workers
from vec2attn.attention import MultiHeadAttention
from vec2attn.parallel import (
    ColumnParallel,
    Ring,
    RingDrawing,
    RowParallel,
    Team,
    TensorParallel,
    all_reduce_bytes,
    average_gradients,
    pipeline_bubble,
    ring_attention,
    ring_attention_bytes,
    shard,
    token_positions,
)
from vec2attn.transformer import FeedForward

X, ALONE, THREE = torch.zeros(4, 2), Ring(0, 1), Ring(0, 3)
GRADIENT = torch.zeros(4, 2, requires_grad=True)
REFUSALS = {
    "a part too many": (lambda: shard(X, 3), r"axis -2 of \(4, 2\) cannot be cut into 3 equal parts"),
    "no parts": (lambda: shard(X, 0), "parts must be a whole number from 1 on; got 0"),
    "nothing to cut": (lambda: shard(X[:0], 2), r"axis -2 of \(0, 2\)"),
    "no such rank": (lambda: token_positions(3, 4, 3), "a ring of 3 has ranks 0 … 2; got 3"),
    "a negative rank": (lambda: Ring(-1, 3), "ranks 0 … 2; got -1"),
    "no tokens": (lambda: token_positions(0, 0, 3), "n must be a whole number from 1 on"),
    "no ranks": (lambda: all_reduce_bytes(100, 0), "ranks must be a whole number from 1 on"),
    "no bytes": (lambda: all_reduce_bytes(0, 2), "total must be a whole number from 1 on"),
    "tokens that do not fit": (lambda: ring_attention_bytes(10, 4, 3), "10 tokens cannot be cut into 3 equal parts"),
    "no stages": (lambda: pipeline_bubble(0, 4), "stages must be"),
    "no microbatches": (lambda: pipeline_bubble(4, 0), "microbatches must be"),
    "another d": (lambda: ring_attention(X, X[:, :1], X, ALONE), "Q has d=2 but K has d=1"),
    "causal, other lengths": (lambda: ring_attention(X[:2], X, X, ALONE, causal=True), "got 2 and 4"),
    "a gradient": (lambda: ring_attention(X, GRADIENT, X, ALONE), "ring_attention knows no gradients"),
    "hidden units": (lambda: TensorParallel(FeedForward(2, 4), THREE), "axis 0 of .* cannot be cut into 3"),
    "heads": (
        lambda: TensorParallel(MultiHeadAttention(6, 6, kv_heads=2), THREE),
        "2 key and value heads cannot be cut into 3",
    ),
    "a fused map": (
        lambda: TensorParallel(MultiHeadAttention(6, 3, fused=True), THREE),
        "got MultiHeadAttention with one fused map",
    ),
    "another layer": (lambda: TensorParallel(nn.Linear(3, 3), THREE), "need a layer that is FeedForward.*got Linear"),
    "columns": (lambda: ColumnParallel(nn.Linear(3, 4), THREE), "cannot be cut into 3"),
    "rows": (lambda: RowParallel(nn.Linear(4, 3), THREE), "axis 1 of"),
    "no gradient yet": (lambda: average_gradients(nn.Linear(2, 1).parameters(), ALONE), "2 of 2 parameters have no"),
    "one gradient missing": (lambda: workers.half_a_model(ALONE), "1 of 2 parameters have no gradient"),
    "no parameters": (lambda: average_gradients([], ALONE), "0 of 0"),
    "too many to draw": (lambda: RingDrawing(7), "a ring of 2 to 6 ranks can be drawn.*got 7"),
    "too few to draw": (lambda: RingDrawing(1), "got 1"),
    "no processes": (lambda: Team(0), "processes must be a whole number from 1 on"),
    "no time": (lambda: Team(2, timeout=0), "timeout must be positive; got 0"),
    "no time at all": (lambda: Team(2, timeout=float("nan")), "timeout must be positive"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        (workers.unlike_sums, r"rank . has \(.,\) of torch.float32 to add, the one before it not"),
        (workers.unlike_blocks, r"rank . has K \(4, .\), V .*causal=False, striped=False, the one before it not"),
    ],
)
def test_ranks_that_bring_different_things_are_told(worker, words):
    with pytest.raises(ValueError, match=words):
        workers.in_threads(2, worker)


def test_a_function_typed_into_a_session_is_refused():
    code = "from vec2attn.parallel import launch\ndef work(ring): pass\nlaunch(work, 2)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "ValueError: other processes must be able to import the worker: put work into a module" in done.stderr
