"""Tensors: bad input gets a clear error, in the reader's words (no checking hook here)."""

import math

import numpy as np
import pytest

from vec2attn.tensors import (
    contraction_path,
    einsum,
    einsum_loops,
    fold,
    khatri_rao,
    kronecker,
    matmul_plan,
    mode_product,
    unfold,
)

A, B, T = np.ones((2, 3)), np.ones((4, 5)), np.ones((2, 3, 4))
OF_A_FORMULA = {
    "sizes": (("ij,jk->ik", A, B), ValueError, r"letter 'j' has size 3 and size 4: ij \(2, 3\), jk \(4, 5\)"),
    "a size of 1 is not stretched": (("ij,ij->ij", A, np.ones((2, 1))), ValueError, "'j' has size 3 and size 1"),
    "a diagonal of no square": (("ii->i", A), ValueError, r"letter 'i' has size 2 and size 3: ii \(2, 3\)"),
    "too few letters": (("i,jk->ik", A, B), ValueError, r"operand 0 has 1 letters, 'i', and 2 axes, shape \(2, 3\)"),
    "too many letters": (("ij,jkl->ik", A, B), ValueError, "operand 1 has 3 letters, 'jkl', and 2 axes"),
    "too few arrays": (("ij,jk->ik", A), ValueError, "'ij,jk->ik' has 2 operands; got 1 arrays"),
    "no arrays": (("ij",), ValueError, "has 1 operands; got 0 arrays"),
    "a letter from nowhere": (("ij->ix", A), ValueError, "letter 'x' of the result is in no operand"),
    "twice in the result": (("ij->ii", A), ValueError, "letter 'i' is twice in the result"),
    "an ellipsis": (("...j->j", A), ValueError, r"letters, commas and one arrow ->; .* has '\.'"),
    "two arrows": (("ij->i->j", A), ValueError, "one arrow"),
    "half an arrow": (("ij>i", A), ValueError, "'ij>i' has '>'"),
    "two results": (("ij->i,j", A), ValueError, "letter ',' of the result is in no operand"),
    "digits": (("i1->i", A), ValueError, "has '1'"),
    "umlauts": (("iä->i", A), ValueError, "has 'ä'"),
    "no formula": ((A, B), TypeError, 'the formula comes first, as a text such as "ij,jk->ik"; got ndarray'),
    "a NaN": (("i->", [math.nan]), ValueError, "operand 0 holds a NaN"),
    "an infinity": (("i,i->", [1.0], [math.inf]), ValueError, "operand 1 holds an infinity"),
    "words": (("i->", ["a"]), TypeError, "operand 0 must be an array or a list of real numbers"),
    "a single number": ((",i->i", 2.0, [1.0]), ValueError, "operand 0 .* single number 2.0"),
    "nothing": (("i->", np.zeros(0)), ValueError, r"operand 0 is empty \(shape \(0,\)\)"),
}


@pytest.mark.parametrize("function", [einsum, einsum_loops])
@pytest.mark.parametrize("case", OF_A_FORMULA)
def test_a_bad_formula_or_operand_is_refused_by_both(function, case):
    arguments, error, words = OF_A_FORMULA[case]
    with pytest.raises(error, match=words):
        function(*arguments)


CHAIN = ["ij,jk,kl->il", (2, 3), (3, 4), (4, 5)]
REFUSALS = {
    "a path too short": (
        lambda: contraction_path(*CHAIN, path=[(0, 1)]),
        "3 operands are joined in 2 steps; got a path of 1",
    ),
    "a path too long": (lambda: einsum("ij->", A, path=[(0, 1)]), "1 operands are joined in 0 steps; got a path of 1"),
    "a place that is not there": (
        lambda: contraction_path(*CHAIN, path=[(0, 1), (0, 2)]),
        r"a step joins two of the 2 operands 0 … 1 that are left; got \(0, 2\)",
    ),
    "an operand with itself": (lambda: contraction_path(*CHAIN, path=[(1, 1), (0, 1)]), r"got \(1, 1\)"),
    "a negative place": (lambda: einsum("i,i->", [1.0], [2.0], path=[(-1, 0)]), r"got \(-1, 0\)"),
    "too many operands": (
        lambda: contraction_path(",".join("a" * 13), *[(2,)] * 13),
        "all orders are compared for at most 12 operands; got 13: give a path",
    ),
    "too many for einsum": (lambda: einsum(",".join("a" * 13), *[[1.0]] * 13), "got 13: give a path"),
    "sizes of a path": (lambda: contraction_path("ij,jk->ik", (2, 3), (4, 5)), "letter 'j' has size 3 and size 4"),
    "an empty axis": (lambda: contraction_path("ij->i", (2, 0)), r"size of at least 1; got the shapes \(2, 0\)"),
    "a diagonal in a plan": (lambda: matmul_plan("ii", "i", "i"), "letter 'i' of the left operand 'ii' is there twice"),
    "a lone letter in a plan": (
        lambda: matmul_plan("ij", "jk", "i"),
        "letter 'k' of the right operand 'jk'.* first",
    ),
    "no such axis": (lambda: unfold(T, 3), r"T has shape \(2, 3, 4\), so axis must lie in -3 … 2; got 3"),
    "unfold a NaN": (lambda: unfold([[math.nan]], 0), "T holds a NaN"),
    "fold: no such axis": (lambda: fold(A, 3, (2, 3, 1)), r"no tensor of shape \(2, 3, 1\) has an axis 3"),
    "fold: an empty axis": (lambda: fold(A, 0, (2, 3, 0)), r"no tensor of shape \(2, 3, 0\)"),
    "fold: other sizes": (
        lambda: fold(A, 1, (2, 3)),
        r"a tensor \(2, 3\) unfolds along axis 1 to a matrix \(3, 2\); got M \(2, 3\)",
    ),
    "fold: a vector": (lambda: fold([1.0, 2.0], 0, (2,)), r"M must be a matrix.* got shape \(2,\)"),
    "mode_product: no such axis": (lambda: mode_product(T, A, -4), "axis must lie in -3 … 2; got -4"),
    "mode_product: sizes": (
        lambda: mode_product(T, A, 2),
        r"M needs a column for each of the 4 entries of axis 2 of T \(2, 3, 4\); got M \(2, 3\)",
    ),
    "mode_product: a vector": (lambda: mode_product(T, [1.0, 2.0], 0), r"M must be a matrix.* got shape \(2,\)"),
    "khatri_rao: columns": (lambda: khatri_rao(A, B), r"same number of columns; got \(2, 3\), \(4, 5\)"),
    "khatri_rao: a vector": (lambda: khatri_rao(A, [1.0, 2.0, 3.0]), "matrix 1 must be a matrix"),
    "khatri_rao: nothing": (lambda: khatri_rao(), "at least one matrix is needed; got none"),
    "kronecker: nothing": (lambda: kronecker(), "at least one matrix is needed; got none"),
    "kronecker: three axes": (lambda: kronecker(T), r"matrix 0 must be a matrix.* got shape \(2, 3, 4\)"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()


def test_a_path_needs_a_formula_as_text():
    with pytest.raises(TypeError, match=r"the formula comes first.*got tuple"):
        contraction_path((2, 3), (3, 4))
