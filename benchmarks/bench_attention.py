"""fast_attention.py: 8192 positions, one head: memory and time against the naive way, time against torch's own."""

import torch

from benchmarks import Row, compare
from vec2attn.attention import scaled_dot_product_attention
from vec2attn.cost import peak_bytes
from vec2attn.fast_attention import tiled_attention

N, D = 8192, 64


def measure() -> list[Row]:
    """Return one row a peer; memory is what is taken beyond Q, K, V and the result."""
    Q, K, V = torch.randn(3, N, D, generator=torch.Generator().manual_seed(75))

    def ours() -> torch.Tensor:
        return tiled_attention(Q, K, V)

    def naive() -> torch.Tensor:
        return scaled_dot_product_attention(Q, K, V)[0]

    def fused() -> torch.Tensor:
        return torch.nn.functional.scaled_dot_product_attention(Q[None, None], K[None, None], V[None, None])[0, 0]

    torch.testing.assert_close(ours(), naive(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours(), fused(), atol=1e-5, rtol=1e-4)
    what, result = f"tiled_attention, {N:,} × {D}", 4 * N * D
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one core for all: threads that wait for each other would decide the ratio
    try:
        return [
            Row(f"{what}: memory", "naive", peak_bytes(ours) - result, peak_bytes(naive) - result, 1 / 20),
            compare(what, "naive", ours, naive, 0.5, rounds=7),
            compare(what, "torch", ours, fused, 2.0, rounds=9),
        ]
    finally:
        torch.set_num_threads(threads)
