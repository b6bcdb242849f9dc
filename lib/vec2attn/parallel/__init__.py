"""One computation on several devices: cut the batch, the weights or the text, and count what has to be sent.

`python -m vec2attn.parallel` compares ring attention on two processes with one; torchrun may start them instead.
"""

from vec2attn.parallel.drawing import RingDrawing
from vec2attn.parallel.layers import ColumnParallel, RowParallel, TensorParallel, average_gradients
from vec2attn.parallel.ring import (
    Ring,
    all_reduce_bytes,
    join,
    pipeline_bubble,
    ring_attention_bytes,
    shard,
    token_positions,
)
from vec2attn.parallel.sequence import ring_attention
from vec2attn.parallel.team import Team, launch
from vec2attn.parallel.workers import attention_worker, gradient_worker, layer_worker

__all__ = [
    "ColumnParallel",
    "Ring",
    "RingDrawing",
    "RowParallel",
    "Team",
    "TensorParallel",
    "all_reduce_bytes",
    "attention_worker",
    "average_gradients",
    "gradient_worker",
    "join",
    "launch",
    "layer_worker",
    "pipeline_bubble",
    "ring_attention",
    "ring_attention_bytes",
    "shard",
    "token_positions",
]
