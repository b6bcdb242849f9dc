"""softmax.py against scipy and torch, on one real position and on a batch; the figure's summary of a vocabulary."""

import numpy as np
import scipy.special
import torch

from benchmarks import Row, compare
from vec2attn.datasets import smollm2_logits
from vec2attn.softmax import cross_entropy, logsumexp, softmax, top_k, top_p


def measure() -> list[Row]:
    """Return one row a function."""
    z = smollm2_logits("story")
    batch = np.random.default_rng(1).normal(size=(32, len(z))).astype(np.float32)
    targets = np.arange(32)
    tensor, indices = torch.from_numpy(batch), torch.from_numpy(targets)
    one = torch.from_numpy(z)

    def their_top_p() -> torch.Tensor:
        ordered, order = one.sort(descending=True)
        drop = ordered.softmax(0).cumsum(0).roll(1)
        drop[0] = 0
        return one.masked_fill(torch.zeros_like(one, dtype=torch.bool).scatter(0, order, drop >= 0.9), -torch.inf)

    return [
        compare("softmax, 49,152", "scipy", lambda: softmax(z), lambda: scipy.special.softmax(z), 1.2),
        compare("softmax, 32 × 49,152", "scipy", lambda: softmax(batch), lambda: scipy.special.softmax(batch, -1), 1.2),
        compare("softmax, 32 × 49,152", "torch", lambda: softmax(batch), lambda: tensor.softmax(-1), 6.0),
        compare(
            "logsumexp, 32 × 49,152", "scipy", lambda: logsumexp(batch), lambda: scipy.special.logsumexp(batch, -1), 1.2
        ),
        compare(
            "cross_entropy, 32 × 49,152",
            "torch",
            lambda: cross_entropy(batch, targets),
            lambda: torch.nn.functional.cross_entropy(tensor, indices, reduction="none"),
            8.0,
        ),
        compare("top_k 40, 49,152", "torch", lambda: top_k(z, 40), lambda: one < one.topk(40).values[-1], 4.0),
        compare("top_p 0.9, 49,152", "torch", lambda: top_p(z, 0.9), their_top_p, 3.0),
    ]
