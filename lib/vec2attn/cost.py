"""What a matrix product costs (notebook 2.3), and with it a transformer (7.2): operations, bytes, parameters, times.

One multiplication and one addition are two floating-point operations (FLOPs). Bytes are those that must cross between
memory and processor at least once; times are medians in seconds. torch is imported only where something is measured.
"""

import json
import math
import os
import tempfile
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_reals, whole_number, whole_numbers
from vec2attn.device import best_device, synchronise


def matmul_flops(m: int, k: int, n: int) -> int:
    """Return the operations of an (m, k) by (k, n) product: 2·m·k·n."""
    m, k, n = whole_numbers(m=m, k=k, n=n)
    return 2 * m * k * n


def matmul_bytes(m: int, k: int, n: int, itemsize: int = 4) -> int:
    """Return the bytes that must move if each operand is read once and the result written once.

    Parameters
    ----------
    m, k, n : an (m, k) by (k, n) product
    itemsize : bytes a number, 4 for float32
    """
    m, k, n, itemsize = whole_numbers(m=m, k=k, n=n, itemsize=itemsize)
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
class Step:
    """One line of a ledger: the shape of what the step makes, its parameters, and its operations.

    `flops` are those of matrix products, and exact. `others` are all other operations, one for each addition, product,
    quotient, exponential or root of an entry, and meant as an estimate: programs differ.
    """

    shape: tuple[int, ...]
    parameters: int = 0
    flops: int = 0
    others: int = 0


def block_ledger(
    batch: int,
    tokens: int,
    d: int,
    heads: int,
    *,
    memory: int | None = None,
    cached: int = 0,
    kv_heads: int | None = None,
    head_size: int | None = None,
    hidden: int | None = None,
    layout: Literal["gpt", "llama"] = "gpt",
) -> dict[str, Step]:
    r"""Return shape, parameters and operations of every step of a transformer block, in the order of the computation.

    With T tokens, S keys, H heads of size h and $D = Hh$, the maps of the queries, keys, values and of the output cost
    $2BTdD$ FLOPs each (keys and values: a row for each token of the memory), the attention $4BTSD$, the feed-forward
    layer $4BTd\cdot$hidden (with a gate 6). A causal mask changes no number here: hidden scores are computed too.

    Parameters
    ----------
    batch, tokens, d : the shape (B, T, d) of what the block reads
    heads : query heads
    memory : positions that keys and values come from, if not from the tokens themselves (cross-attention)
    cached : earlier positions whose keys and values are in a cache already
    kv_heads : key and value heads, a divisor of `heads`; the same number by default
    head_size : features of a head; d / heads by default
    hidden : features inside the feed-forward layer; 4 d by default
    layout : "gpt" (LayerNorm, biases, GELU) or "llama" (RMSNorm, RoPE, no biases, SwiGLU)

    Raises
    ------
    ValueError : a size below 1, heads that do not divide d or are not divided by kv_heads, both a memory
        and a cache, or no such layout

    Source: Vaswani et al. 2017, section 3, arXiv:1706.03762; Shazeer 2020, eq. 6, arXiv:2002.05202
    """
    B, T, d, H = whole_numbers(batch=batch, tokens=tokens, d=d, heads=heads)
    if layout not in ("gpt", "llama"):
        raise ValueError(f'layout must be "gpt" or "llama"; got {layout!r}')
    if head_size is None and d % H:
        raise ValueError(f"d must be a multiple of heads, or head_size be given; got d={d}, heads={H}")
    h = whole_number("head_size", d // H if head_size is None else head_size)
    G = whole_number("kv_heads", H if kv_heads is None else kv_heads)
    if H % G:
        raise ValueError(f"kv_heads must divide heads; got heads={H}, kv_heads={G}")
    hidden = whole_number("hidden", 4 * d if hidden is None else hidden)
    if memory is not None and cached:
        raise ValueError(f"keys come from a memory or from a cache; got memory={memory} and cached={cached}")
    new = whole_number("memory", T if memory is None else memory)
    S = new + (whole_number("cached", cached) if cached else 0)
    gpt, D = layout == "gpt", H * h

    def map_of(rows: int, inputs: int, outputs: int) -> Step:
        made = (B, rows, outputs)
        return Step(made, (inputs + gpt) * outputs, matmul_flops(B * rows, inputs, outputs), gpt * math.prod(made))

    def each(shape: tuple[int, ...], operations: int, parameters: int = 0) -> Step:
        return Step(shape, parameters, others=operations * math.prod(shape))

    row = (B, T, d)
    norm = each(row, 7, 2 * d) if gpt else each(row, 4, d)
    turned = {} if gpt else {"rotate": Step((B, H, T, h), others=3 * B * (T * H + new * G) * h)}
    gate = {} if gpt else {"gate": map_of(T, d, hidden)}
    scores = (B, H, T, S)
    product = matmul_flops(B * H * T, h, S)
    return {
        "norm 1": norm,
        "query": map_of(T, d, D),
        "key": map_of(new, d, G * h),
        "value": map_of(new, d, G * h),
        **turned,
        "scores": Step(scores, 0, product, math.prod(scores)),  # and each divided by the root of h
        "weights": each(scores, 5),
        "mix": Step((B, H, T, h), 0, product),
        "output": map_of(T, D, d),
        "sum 1": each(row, 1),
        "norm 2": norm,
        **gate,
        "up": map_of(T, d, hidden),
        "activation": each((B, T, hidden), 5),
        "down": map_of(T, hidden, d),
        "sum 2": each(row, 1),
    }


def decoder_ledger(
    batch: int,
    tokens: int,
    d: int,
    heads: int,
    *,
    vocabulary: int,
    length: int,
    layers: int,
    cached: int = 0,
    kv_heads: int | None = None,
    hidden: int | None = None,
    layout: Literal["gpt", "llama"] = "gpt",
) -> dict[str, Step]:
    r"""Return the ledger of a model that predicts the next token: embeddings, all blocks together, norm, logits.

    With L layers, V tokens in the vocabulary, N positions and hidden = 4 d, the layout "gpt" has
    $Vd + Nd + L(12d^2 + 13d) + 2d$ parameters. The output matrix is the token embedding once more, and costs none.

    Parameters
    ----------
    vocabulary, length, layers : V, N and L; "llama" has no embeddings for its N positions
    batch, tokens, d, heads, … : as in `block_ledger`

    Raises
    ------
    ValueError : a size below 1, more positions than the length, or what `block_ledger` refuses

    Source: Radford et al. 2019, section 2.3; Touvron et al. 2023, section 2.2, arXiv:2302.13971
    """
    sizes: dict[str, Any] = {"cached": cached, "kv_heads": kv_heads, "hidden": hidden, "layout": layout}
    block = total(block_ledger(batch, tokens, d, heads, **sizes))
    V, N, L = whole_numbers(vocabulary=vocabulary, length=length, layers=layers)
    if tokens + cached > N:
        raise ValueError(f"the model knows {N} positions; got {tokens + cached}")
    row, gpt = (batch, tokens, d), layout == "gpt"
    numbers = math.prod(row)
    return {
        "tokens": Step(row, V * d),
        "positions": Step(row, gpt * N * d, others=gpt * numbers),
        "blocks": Step(row, L * block.parameters, L * block.flops, L * block.others),
        "norm": Step(row, (2 if gpt else 1) * d, others=(7 if gpt else 4) * numbers),
        "logits": Step((batch, tokens, V), 0, matmul_flops(batch * tokens, d, V)),
    }


def total(ledger: dict[str, Step]) -> Step:
    """Return the sums of a ledger, with the shape of its last step.

    Raises
    ------
    ValueError : the ledger is empty
    """
    steps = list(ledger.values())
    if not steps:
        raise ValueError("the ledger is empty: there is nothing to add up")
    sums = (sum(getattr(step, name) for step in steps) for name in ("parameters", "flops", "others"))
    return Step(steps[-1].shape, *sums)


@dataclass(frozen=True)
class Roofline:
    """A machine's two ceilings: `peak` FLOP/s, and `bandwidth` bytes/s; they meet at `ridge` FLOPs per byte."""

    peak: float
    bandwidth: float

    def __post_init__(self) -> None:
        """Refuse ceilings that no machine has."""
        for name, value in (("peak", self.peak), ("bandwidth", self.bandwidth)):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be a positive finite number; got {value}")

    @property
    def ridge(self) -> float:
        """Return the intensity from which on arithmetic is the limit, not memory."""
        return self.peak / self.bandwidth

    def ceiling(self, intensity: float | Real[np.ndarray, "..."] | list) -> Float[np.ndarray, "..."] | np.floating:
        """Return the FLOP/s that the machine can reach at an intensity: min(peak, bandwidth · intensity).

        Raises
        ------
        ValueError : an intensity is negative, or a NaN

        Source: Williams, Waterman & Patterson 2009, doi:10.1145/1498765.1498785
        """
        intensity = np.asarray(intensity)
        if not (intensity >= 0).all():
            raise ValueError(f"an intensity is FLOPs per byte, 0 or more; got {intensity}")
        return np.minimum(self.peak, self.bandwidth * intensity)


def median_seconds(step: Callable[[], Any], min_run_time: float = 0.2) -> tuple[float, float]:
    """Return the median time of a step and its spread (interquartile range), by torch's own timer.

    The timer warms up, waits for the GPU before each look at the clock, repeats for `min_run_time` seconds at least,
    and uses as many threads as torch does.
    """
    times = _times(step, min_run_time)
    low, median, high = np.quantile(times, [0.25, 0.5, 0.75])
    return float(median), float(high - low)


def fastest_seconds(step: Callable[[], Any], min_run_time: float = 0.2) -> float:
    """Return the fastest time of a step: what the machine can do while nothing else takes its turn.

    For ceilings, and for what is held against them; to compare two programs, take medians.
    """
    return min(_times(step, min_run_time))


def peak_bytes(step: Callable[[], Any]) -> int:
    """Return how many bytes a step had taken at most, beyond what was there before: its result and all on the way.

    torch's profiler reports every piece of the CPU's memory that torch takes and gives back, inside fused operations
    too; this is the largest sum on the way. What Python itself takes is not counted. (For a GPU:
    `torch.cuda.max_memory_allocated`.)

    Raises
    ------
    TypeError : the step is no function
    """
    _check_step(step)
    os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # the profiler's own remarks on when it starts and stops
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as found:
        result = step()
    del result
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        found.export_chrome_trace(str(file))
        events = json.loads(file.read_text(encoding="utf-8"))["traceEvents"]
    pieces = sorted((e for e in events if e["name"] == "[memory]"), key=lambda e: e["ts"])
    now = most = 0
    for piece in pieces:
        now += piece["args"]["Bytes"]  # negative when it is given back
        most = max(most, now)
    return most


@dataclass(frozen=True)
class Products:
    """The matrix products that a step has called for: how many, their operations, and the bytes read and written."""

    calls: int
    flops: int
    bytes: int


def count_products(step: Callable[[], Any]) -> Products:
    """Run a step and count the products of matrices that torch makes in it, those of its backward pass included.

    Bytes are those of the operands and of the result, each once for each call. A product with a vector and attention
    in one fused call are not counted.

    Raises
    ------
    TypeError : the step is no function
    """
    _check_step(step)
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = operation(*args, **(kwargs or {}))
            if operation.name().split(".")[0] in ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"):
                flops = 2 * result.numel() * args[-1].shape[-2]  # each entry is a sum over the rows of the last operand
                seen.append((flops, sum(x.nbytes for x in (*args, result))))
            return result

    with Watch():
        step()
    return Products(len(seen), sum(flops for flops, _ in seen), sum(size for _, size in seen))


def longest_chain(result: Any) -> int:
    """Return how many operations led to a tensor one after the other: the longest chain in autograd's graph.

    Operations on constants are not in the graph.

    Raises
    ------
    ValueError : autograd knows nothing of the tensor, since no input requires a gradient
    """
    if result.grad_fn is None:
        raise ValueError("autograd has no graph of this tensor: some input must require a gradient")
    known: dict[Any, int] = {}
    stack = [result.grad_fn]
    while stack:  # no recursion: chains are longer than Python's stack
        before = [node for node, _ in stack[-1].next_functions if node is not None]
        if waiting := [node for node in before if node not in known]:
            stack += waiting
        else:
            node = stack.pop()
            known[node] = 1 + max(known[b] for b in before) if before else 0  # 0: an input
    return known[result.grad_fn]


def measure_roofline(device: Any = "cpu", sizes: tuple[int, ...] | None = None, min_run_time: float = 0.3) -> Roofline:
    """Measure both ceilings here and now: the best rate of square products, and that of adding large arrays.

    Parameters
    ----------
    device : where, as torch names it
    sizes : rows of the square float32 products; by default 256, 512 and 1024 on a CPU, 2048 and 4096 elsewhere
    min_run_time : seconds for each measurement

    The addition reads two arrays and writes one, each far larger than a cache.

    Raises
    ------
    ValueError : no sizes, or one below 1
    """
    import torch

    if sizes is None:
        sizes = (256, 512, 1024) if torch.device(device).type == "cpu" else (2048, 4096)
    if not sizes:
        raise ValueError("sizes is empty: the peak is the best rate of at least one product")

    def rate(rows: int) -> float:
        A = torch.randn(*whole_numbers(rows=rows, columns=rows), device=device)
        return matmul_flops(rows, rows, rows) / fastest_seconds(lambda: A @ A, min_run_time)

    peak = max(rate(rows) for rows in sizes)
    x = torch.randn(16 * 1024 * 1024, device=device)
    y, out = torch.randn_like(x), torch.empty_like(x)
    moved = 3 * x.numel() * x.element_size()
    return Roofline(peak, moved / fastest_seconds(lambda: torch.add(x, y, out=out), min_run_time))


def blocked_matmul(
    A: Real[np.ndarray, "m k"] | list, B: Real[np.ndarray, "k n"] | list, block: int = 64
) -> Float[np.ndarray, "m n"]:
    r"""Multiply tile by tile: $C_{IJ} = \sum_L A_{IL} B_{LJ}$, where each tile is small enough to stay in a cache.

    The three loops run over tiles; a tile product is numpy's. Sizes need not be multiples of the block.

    Raises
    ------
    ValueError : the inner sizes differ, or the block is below 1

    Cost: 2·m·k·n FLOPs; `blocked_loads` counts what is loaded.
    """
    A, B = as_reals("A", A), as_reals("B", B)
    if A.ndim != 2 or B.ndim != 2 or A.shape[1] != B.shape[0]:
        raise ValueError(f"need A (m, k) and B (k, n); got A {A.shape} and B {B.shape}")
    block = whole_number("block", block)
    C = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for i in range(0, A.shape[0], block):
        for j in range(0, B.shape[1], block):
            rows, columns = slice(i, i + block), slice(j, j + block)
            for l in range(0, A.shape[1], block):
                shared = slice(l, l + block)
                C[rows, columns] += A[rows, shared] @ B[shared, columns]
    return C


def blocked_loads(m: int, k: int, n: int, block: int) -> int:
    r"""Return how many numbers a blocked product loads if the fast memory holds one tile of each matrix.

    Each tile product loads its tile of A and its tile of B, so that A comes $\lceil n/b \rceil$ times and B
    $\lceil m/b \rceil$ times: $mk\lceil n/b \rceil + kn\lceil m/b \rceil$ numbers. The tile of C stays until it is
    complete and is written once, which is not counted. With b = 1 these are single entries, 2·m·k·n; with one tile for
    each whole matrix it is mk + kn, each number once: no order of the work needs fewer.

    Parameters
    ----------
    m, k, n : an (m, k) by (k, n) product
    block : rows and columns of a tile; the fast memory holds 3·block² numbers

    Raises
    ------
    ValueError : a size below 1

    Source: Hong & Kung 1981, doi:10.1145/800076.802486 (no order beats a constant times mkn/√memory)
    """
    m, k, n, block = whole_numbers(m=m, k=k, n=n, block=block)
    return m * k * -(-n // block) + k * n * -(-m // block)


def _clock() -> float:
    """Look at the clock once the GPU, where there is one, has done its work."""
    synchronise(best_device())
    return timeit.default_timer()


def _times(step: Callable[[], Any], min_run_time: float) -> list[float]:
    """Return seconds of one step, measured again and again."""
    import torch
    from torch.utils.benchmark import Timer

    _check_step(step)
    if not 0 < min_run_time < math.inf:
        raise ValueError(f"min_run_time must be a positive number of seconds; got {min_run_time}")
    timer = Timer("step()", globals={"step": step}, timer=_clock, num_threads=torch.get_num_threads())
    return list(timer.blocked_autorange(min_run_time=min_run_time).times)


def _check_step(step: Any) -> None:
    if not callable(step):
        raise TypeError(f"a step is a function without arguments, such as lambda: A @ B; got {type(step).__name__}")
