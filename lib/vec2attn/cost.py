"""What a matrix product costs (notebook 2.3): operations, bytes, their ratio, and what the machine makes of them.

One multiplication and one addition are two floating-point operations (FLOPs). Bytes are those that must cross between
memory and processor at least once; times are medians in seconds.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_reals


def matmul_flops(m: int, k: int, n: int) -> int:
    """Return the operations of an (m, k) by (k, n) product: 2·m·k·n."""
    m, k, n = _sizes(m=m, k=k, n=n)
    return 2 * m * k * n


def matmul_bytes(m: int, k: int, n: int, itemsize: int = 4) -> int:
    """Return the bytes that must move if each operand is read once and the result written once.

    Parameters
    ----------
    m, k, n : an (m, k) by (k, n) product
    itemsize : bytes a number, 4 for float32
    """
    m, k, n, itemsize = _sizes(m=m, k=k, n=n, itemsize=itemsize)
    return itemsize * (m * k + k * n + m * n)


def arithmetic_intensity(m: int, k: int, n: int, itemsize: int = 4) -> float:
    """Return FLOPs per byte of a product: n/6 for square float32 matrices, near 1/2 for a matrix times a vector."""
    return matmul_flops(m, k, n) / matmul_bytes(m, k, n, itemsize)


def layer_flops(inputs: int, outputs: int, training: bool = False) -> int:
    """Return the operations of a linear layer for one token: 2·inputs·outputs forward, three times that in training.

    Backward there are two products of the same size: one for the gradient of the input, one for that of the weights.
    """
    return matmul_flops(1, inputs, outputs) * (3 if training else 1)


@dataclass(frozen=True)
class Roofline:
    """A machine's two ceilings: `peak` FLOP/s, and `bandwidth` bytes/s; they meet at `ridge` FLOPs per byte."""

    peak: float
    bandwidth: float

    @property
    def ridge(self) -> float:
        """Return the intensity from which on arithmetic is the limit, not memory."""
        return self.peak / self.bandwidth

    def ceiling(self, intensity: float | Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."] | np.floating:
        """Return the FLOP/s that the machine can reach at an intensity: min(peak, bandwidth · intensity).

        Source: Williams, Waterman & Patterson 2009, doi:10.1145/1498765.1498785
        """
        return np.minimum(self.peak, self.bandwidth * np.asarray(intensity))


def median_seconds(step: Callable[[], Any], min_run_time: float = 0.2) -> tuple[float, float]:
    """Return the median time of a step and its spread (interquartile range), by torch's own timer.

    The timer warms up, waits for GPUs, repeats for `min_run_time` seconds at least, and uses all of torch's threads.
    """
    import torch
    from torch.utils.benchmark import Timer

    timer = Timer("step()", globals={"step": step}, num_threads=torch.get_num_threads())
    measured = timer.blocked_autorange(min_run_time=min_run_time)
    return measured.median, measured.iqr


def measure_roofline(device: Any = "cpu", size: int | None = None, min_run_time: float = 0.3) -> Roofline:
    """Measure both ceilings here and now: the rate of a large product, and that of adding large arrays.

    Parameters
    ----------
    device : where, as torch names it
    size : rows of the square float32 product; by default 4096 on a GPU and 1024 on a CPU
    min_run_time : seconds for each of the two measurements

    The addition reads two arrays and writes one, each far larger than a cache.
    """
    import torch

    size = size or (4096 if torch.device(device).type == "cuda" else 1024)
    A = torch.randn(size, size, device=device)
    peak = matmul_flops(size, size, size) / median_seconds(lambda: A @ A, min_run_time)[0]
    x = torch.randn(16 * 1024 * 1024, device=device)
    y, out = torch.randn_like(x), torch.empty_like(x)
    moved = 3 * x.numel() * x.element_size()
    return Roofline(peak, moved / median_seconds(lambda: torch.add(x, y, out=out), min_run_time)[0])


def blocked_matmul(
    A: Real[np.ndarray, "m k"] | list, B: Real[np.ndarray, "k n"] | list, block: int = 64
) -> Float[np.ndarray, "m n"]:
    r"""Multiply tile by tile: $C_{IJ} = \sum_K A_{IK} B_{KJ}$, where each tile is small enough to stay in a cache.

    The three loops run over tiles; a tile product is numpy's. Sizes need not be multiples of the block.

    Raises
    ------
    ValueError : the inner sizes differ, or the block is below 1

    Cost: 2·m·k·n FLOPs; A is read n/block times and B m/block times, instead of n and m times by single entries.
    """
    A, B = as_reals("A", A), as_reals("B", B)
    if A.ndim != 2 or B.ndim != 2 or A.shape[1] != B.shape[0]:
        raise ValueError(f"need A (m, k) and B (k, n); got A {A.shape} and B {B.shape}")
    (block,) = _sizes(block=block)
    C = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for i in range(0, A.shape[0], block):
        for j in range(0, B.shape[1], block):
            tile = C[i : i + block, j : j + block]
            for k in range(0, A.shape[1], block):
                tile += A[i : i + block, k : k + block] @ B[k : k + block, j : j + block]
    return C


def _sizes(**sizes: int) -> tuple[int, ...]:
    for name, size in sizes.items():
        if operator.index(size) < 1:
            raise ValueError(f"{name} must be a whole number from 1 on; got {size}")
    return tuple(operator.index(size) for size in sizes.values())
