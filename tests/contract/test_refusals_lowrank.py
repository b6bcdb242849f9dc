"""Low rank: bad input gets a clear error, in the reader's words (no checking hook here)."""

import math

import numpy as np
import pytest

from vec2attn.lowrank import (
    LoRA,
    LowRankLinear,
    block_diagonal_linear,
    break_even_rank,
    circulant_linear,
    kronecker_linear,
)

RNG = np.random.default_rng(0)
W = np.arange(6.0).reshape(2, 3)
THIN = LowRankLinear(np.ones((2, 1)), np.ones((1, 3)))
LORA = LoRA(W, 2, rng=RNG)
REFUSALS = {
    "thin factors": (lambda: LowRankLinear(W, W), r"need L \(m, k\) and R \(k, n\); got L \(2, 3\) and R \(2, 3\)"),
    "thin vector": (lambda: LowRankLinear([1.0], W), r"L must be a matrix, with rows and columns; got shape \(1,\)"),
    "thin NaN": (lambda: LowRankLinear([[math.nan], [0]], [[1.0]]), r"L holds a NaN \(first at index \(0, 0\)\)"),
    "thin bias": (
        lambda: LowRankLinear(np.ones((2, 1)), np.ones((1, 3)), [1.0]),
        r"b must have one number for each output, shape \(2,\); got \(1,\)",
    ),
    "thin input": (lambda: THIN(np.ones((4, 2))), r"X must have 3 numbers a row, shape \(…, 3\); got \(4, 2\)"),
    "thin NaN input": (lambda: THIN([math.nan, 1, 1]), r"X holds a NaN \(first at index \(0,\)\)"),
    "fat factors": (
        lambda: LowRankLinear(np.ones((2, 4)), np.ones((4, 5))).svd(),
        r"need k ≤ m and k ≤ n; got L \(2, 4\) and R \(4, 5\)",
    ),
    "truncated at 0": (lambda: LowRankLinear.truncated(W, 0), "k must lie in 1 … 2.* got 0"),
    "truncated too late": (lambda: LowRankLinear.truncated(W, 3), "k must lie in 1 … 2.* got 3"),
    "truncated infinity": (lambda: LowRankLinear.truncated([[math.inf]], 1), "W holds an infinity"),
    "no outputs": (lambda: break_even_rank(0, 3), "outputs must be a whole number from 1 on; got 0"),
    "negative inputs": (lambda: break_even_rank(3, -1), "inputs must be a whole number from 1 on; got -1"),
    "rank 0": (lambda: LoRA(W, 0, rng=RNG), "r must be a whole number from 1 on; got 0"),
    "rank too large": (lambda: LoRA(W, 3, rng=RNG), r"r must lie in 1 … 2 for W \(2, 3\); got 3"),
    "alpha 0": (lambda: LoRA(W, 1, rng=RNG, alpha=0), "alpha must be a positive finite number; got 0"),
    "alpha NaN": (lambda: LoRA(W, 1, rng=RNG, alpha=math.nan), "got nan"),
    "weight with NaN": (lambda: LoRA([[math.nan]], 1, rng=RNG), "W holds a NaN"),
    "no weights": (lambda: LoRA(np.ones((0, 3)), 1, rng=RNG), r"W is empty \(shape \(0, 3\)\)"),
    "bias": (lambda: LoRA(W, 1, rng=RNG, b=np.ones(3)), r"shape \(2,\); got \(3,\)"),
    "input": (lambda: LORA(np.ones((4, 2))), r"X must have 3 numbers a row.* got \(4, 2\)"),
    "gradient": (lambda: LORA.gradients(np.ones((4, 3)), np.ones((4, 3))), r"G must have 2 numbers a row"),
    "rows differ": (
        lambda: LORA.gradients(np.ones((4, 3)), np.ones((1, 2))),
        r"need a row of G for each row of X; got X \(4, 3\) and G \(1, 2\)",
    ),
    "axes differ": (lambda: LORA.gradients(np.ones((2, 2, 3)), np.ones((4, 2))), "need a row of G for each row of X"),
    "another weight": (lambda: LORA.unmerge(W.T), r"merged must have the shape of W, \(2, 3\); got \(3, 2\)"),
    "one block": (lambda: block_diagonal_linear(np.ones(3), W), r"\(groups, outputs, inputs\); got \(2, 3\)"),
    "block input": (lambda: block_diagonal_linear(np.ones(3), np.ones((2, 2, 3))), "X must have 6 numbers a row"),
    "circulant of a matrix": (lambda: circulant_linear(np.ones(3), W), r"c must be the first column.* got \(2, 3\)"),
    "circulant input": (lambda: circulant_linear(np.ones(3), np.ones(4)), "X must have 4 numbers a row"),
    "kronecker input": (lambda: kronecker_linear(np.ones(5), W, W), "X must have 9 numbers a row"),
    "kronecker vector": (lambda: kronecker_linear(np.ones(3), W, [1.0]), "B must be a matrix"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()


WRONG_KIND = {
    "half a rank": (lambda: LoRA(W, 1.5, rng=RNG), "r must be a whole number; got 1.5"),
    "half a size": (lambda: break_even_rank(3, 0.5), "inputs must be a whole number; got 0.5"),
    "words": (lambda: THIN([["a", "b", "c"]]), "X must be an array or a list of real numbers"),
    "complex": (lambda: circulant_linear(np.ones(2), [1j, 0]), "c must be .* complex128"),
}


@pytest.mark.parametrize("case", WRONG_KIND)
def test_what_is_no_number_is_refused(case):
    call, words = WRONG_KIND[case]
    with pytest.raises(TypeError, match=words):
        call()
