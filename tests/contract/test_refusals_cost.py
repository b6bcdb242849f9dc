"""cost.py and device.py: bad input gets a clear error, in the reader's words. Run without jaxtyping's hook."""

import math

import numpy as np
import pytest
import torch

from vec2attn import cost, device

REFUSALS = {
    "no rows": (lambda: cost.matmul_flops(0, 2, 3), ValueError, "m must be a whole number from 1 on; got 0"),
    "negative": (lambda: cost.matmul_bytes(1, 2, -3), ValueError, "n must be .* got -3"),
    "not whole": (lambda: cost.matmul_flops(1, 2.5, 3), TypeError, "k must be a whole number; got 2.5"),
    "no bytes": (lambda: cost.arithmetic_intensity(1, 2, 3, itemsize=0), ValueError, "itemsize .* got 0"),
    "a layer without outputs": (lambda: cost.layer_flops(3, 0), ValueError, "n must be .* got 0"),
    "loads of blocks of nothing": (lambda: cost.blocked_loads(1, 2, 3, 0), ValueError, "block .* got 0"),
    "block zero": (lambda: cost.blocked_matmul(np.eye(2), np.eye(2), 0), ValueError, "block .* got 0"),
    "half a block": (lambda: cost.blocked_matmul(np.eye(2), np.eye(2), 0.5), TypeError, "block .* got 0.5"),
    "inner sizes": (
        lambda: cost.blocked_matmul(np.ones((2, 3)), np.ones((2, 3))),
        ValueError,
        r"need A \(m, k\) and B \(k, n\); got A \(2, 3\) and B \(2, 3\)",
    ),
    "a vector": (lambda: cost.blocked_matmul(np.ones(3), np.ones((3, 2))), ValueError, r"got A \(3,\)"),
    "a NaN": (lambda: cost.blocked_matmul([[math.nan]], [[1.0]]), ValueError, "A holds a NaN"),
    "words": (lambda: cost.blocked_matmul([["a"]], [[1.0]]), TypeError, "real numbers"),
    "no peak": (lambda: cost.Roofline(0.0, 1.0), ValueError, "peak must be a positive finite number; got 0"),
    "no bandwidth": (lambda: cost.Roofline(1.0, -1.0), ValueError, "bandwidth .* got -1"),
    "peak NaN": (lambda: cost.Roofline(math.nan, 1.0), ValueError, "peak .* got nan"),
    "infinite bandwidth": (lambda: cost.Roofline(1.0, math.inf), ValueError, "bandwidth .* got inf"),
    "negative intensity": (lambda: cost.Roofline(1.0, 1.0).ceiling([1.0, -1.0]), ValueError, "0 or more; got"),
    "intensity NaN": (lambda: cost.Roofline(1.0, 1.0).ceiling(math.nan), ValueError, "got nan"),
    "no step": (lambda: cost.median_seconds(3.0), TypeError, "a function without arguments.*got float"),
    "no step to weigh": (lambda: cost.peak_bytes(3.0), TypeError, "a function without arguments.*got float"),
    "no step to count": (lambda: cost.count_products(3.0), TypeError, "a function without arguments.*got float"),
    "no graph": (lambda: cost.longest_chain(torch.ones(2)), ValueError, "some input must require a gradient"),
    "no time": (lambda: cost.median_seconds(int, min_run_time=0), ValueError, "positive number of seconds; got 0"),
    "no seconds": (lambda: cost.fastest_seconds(int, min_run_time=math.nan), ValueError, "got nan"),
    "no sizes": (lambda: cost.measure_roofline(sizes=()), ValueError, "sizes is empty"),
    "size zero": (lambda: cost.measure_roofline(sizes=(0,)), ValueError, "rows must be .* got 0"),
    "no tokens": (lambda: cost.block_ledger(1, 0, 8, 2), ValueError, "tokens must be a whole number from 1 on; got 0"),
    "half a head": (lambda: cost.block_ledger(1, 2, 8, 0.5), TypeError, "heads must be a whole number; got 0.5"),
    "heads that do not divide": (lambda: cost.block_ledger(1, 2, 8, 3), ValueError, "got d=8, heads=3"),
    "an empty head": (lambda: cost.block_ledger(1, 2, 8, 2, head_size=0), ValueError, "head_size .* got 0"),
    "groups": (lambda: cost.block_ledger(1, 2, 8, 4, kv_heads=3), ValueError, "got heads=4, kv_heads=3"),
    "no group": (lambda: cost.block_ledger(1, 2, 8, 4, kv_heads=0), ValueError, "kv_heads .* got 0"),
    "nothing hidden": (lambda: cost.block_ledger(1, 2, 8, 4, hidden=0), ValueError, "hidden .* got 0"),
    "an empty memory": (lambda: cost.block_ledger(1, 2, 8, 4, memory=0), ValueError, "memory .* got 0"),
    "a negative cache": (lambda: cost.block_ledger(1, 2, 8, 4, cached=-1), ValueError, "cached .* got -1"),
    "memory and cache": (
        lambda: cost.block_ledger(1, 2, 8, 4, memory=3, cached=2),
        ValueError,
        "memory=3 and cached=2",
    ),
    "no such layout": (lambda: cost.block_ledger(1, 2, 8, 4, layout="bert"), ValueError, "got 'bert'"),
    "too long": (
        lambda: cost.decoder_ledger(1, 9, 8, 4, vocabulary=5, length=10, layers=1, cached=2),
        ValueError,
        "the model knows 10 positions; got 11",
    ),
    "no layers": (
        lambda: cost.decoder_ledger(1, 9, 8, 4, vocabulary=5, length=10, layers=0),
        ValueError,
        "layers .* got 0",
    ),
    "an empty ledger": (lambda: cost.total({}), ValueError, "nothing to add up"),
    "no such device": (lambda: device.describe("abacus"), RuntimeError, "abacus"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        call()


def test_without_torch_the_message_names_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)  # as python does for a module that cannot be had
    for call in (device.best_device, lambda: cost.median_seconds(int), lambda: cost.measure_roofline()):
        with pytest.raises(ModuleNotFoundError, match="torch"):
            call()
