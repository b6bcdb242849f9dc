"""What the processes do: in a module, since a process that has just been started must import it."""

import torch
from torch import Tensor, nn

from vec2attn.fast_attention import Pattern, tiled_attention
from vec2attn.parallel.layers import TensorParallel, average_gradients
from vec2attn.parallel.ring import Ring, ring_attention_bytes, shard
from vec2attn.parallel.sequence import ring_attention


def attention_worker(
    ring: Ring, Q: Tensor, K: Tensor, V: Tensor, causal: bool = False, striped: bool = False
) -> tuple[Tensor, int]:
    """Return this rank's rows of attention, and the bytes that it sent; Q, K, V are whole, on every rank."""
    Q, K, V = (shard(M, ring.size, striped=striped)[ring.rank].to(ring.device) for M in (Q, K, V))
    return ring_attention(Q, K, V, ring, causal=causal, striped=striped), ring.sent


def layer_worker(ring: Ring, layer: nn.Module, X: Tensor) -> tuple[Tensor, int]:
    """Return the output of a layer that is cut over the ranks, and the bytes that this rank sent."""
    with torch.no_grad():
        return TensorParallel(layer, ring).to(ring.device)(X.to(ring.device)), ring.sent


def gradient_worker(ring: Ring, model: nn.Module, X: Tensor, targets: Tensor) -> tuple[list[Tensor], int]:
    """Return the gradients of the mean squared error, averaged over the ranks' parts of the batch; the bytes sent."""
    model = model.to(ring.device)
    X, targets = (shard(M, ring.size, 0)[ring.rank].to(ring.device) for M in (X, targets))
    nn.functional.mse_loss(model(X), targets).backward()
    average_gradients(model.parameters(), ring)
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None], ring.sent


def check(ring: Ring, tokens: int = 960, d: int = 32) -> str:
    """Compare causal ring attention with one process, and the bytes sent with the formula; say both.

    Raises
    ------
    RuntimeError : they differ
    """
    random = torch.Generator().manual_seed(76)
    Q, K, V = torch.randn(3, tokens, d, generator=random).to(ring.device)
    rows, sent = attention_worker(ring, Q, K, V, causal=True)
    alone = shard(tiled_attention(Q, K, V, Pattern("causal")), ring.size)[ring.rank]
    difference, formula = float((rows - alone).abs().max()), ring_attention_bytes(tokens, 2 * d, ring.size)
    words = (
        f"rank {ring.rank} of {ring.size} ({ring.device.type}): causal ring attention over {tokens} tokens differs "
        f"from one process by {difference:.1e}; bytes sent {sent:,}, by formula {formula:,}"
    )
    if not difference < 1e-5 or sent != formula:
        raise RuntimeError(words)
    return words
