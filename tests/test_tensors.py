"""Tensors: einsum equals its loops, numpy's and torch's; the best order is the best; unfolding as in TensorLy."""

import itertools
import math

import numpy as np
import opt_einsum
import pytest
import tensorly
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorly import tenalg

from vec2attn.tensors import (
    ContractionPath,
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

SIZE = dict(zip("abcdefg", (2, 3, 4, 1, 5, 2, 3), strict=True))


@st.composite
def formulas(draw, operands=3, repeat=True, letters="abcde"):
    """Draw a formula and shapes; with `repeat` an operand may have a letter twice, and the arrow may be missing."""
    terms = draw(st.lists(st.text(letters, min_size=1, max_size=3), min_size=1, max_size=operands))
    if not repeat:
        terms = ["".join(dict.fromkeys(term)) for term in terms]
    there = sorted(set("".join(terms)))
    out = draw(st.permutations(there))[: draw(st.integers(0, len(there)))]
    left = ",".join(terms)
    arrow = draw(st.booleans()) if repeat else True
    return (f"{left}->{''.join(out)}" if arrow else left), [tuple(SIZE[x] for x in term) for term in terms]


def random(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


# ---- einsum ----------------------------------------------------------------------------------------------------------


def test_a_product_and_a_trace_worked_by_hand():
    A, B = [[1, 2], [3, 4]], [[5, 6, 7], [8, 9, 10]]
    np.testing.assert_array_equal(einsum("ij,jk->ik", A, B), [[21, 24, 27], [47, 54, 61]])
    assert einsum("ii->", A) == 5
    np.testing.assert_array_equal(einsum("ii->i", A), [1, 4])
    np.testing.assert_array_equal(einsum("ij->ji", A), [[1, 3], [2, 4]])
    assert einsum("i,ij,j->", [1, 2], A, [3, 4]) == (1 * 3 + 2 * 4) + 2 * (3 * 3 + 4 * 4)


@settings(max_examples=80, deadline=None)
@given(formulas(), st.integers(0, 1000))
def test_equal_to_numpy_and_to_the_loops_for_any_formula(case, seed):
    formula, shapes = case
    arrays = random(shapes, seed)
    wanted = np.einsum(formula, *arrays)
    for ours in (einsum, einsum_loops):
        found = ours(formula, *arrays)
        assert np.shape(found) == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(formulas(operands=4, repeat=False, letters="abcdefg"), st.integers(0, 1000))
def test_equal_to_torch(case, seed):
    formula, shapes = case
    arrays = random(shapes, seed)
    wanted = torch.einsum(formula, *map(torch.from_numpy, arrays))
    np.testing.assert_allclose(einsum(formula, *arrays), wanted.numpy(), rtol=1e-10, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(formulas(operands=5), st.data())
def test_every_path_gives_the_same_numbers(case, data):
    formula, shapes = case
    arrays = random(shapes)
    path = data.draw(paths(len(shapes)))
    np.testing.assert_allclose(einsum(formula, *arrays, path=path), np.einsum(formula, *arrays), rtol=1e-10, atol=1e-12)


@st.composite
def paths(draw, n):
    """Draw steps that join n operands; positions in either order."""
    return [tuple(draw(st.permutations(range(left)))[:2]) for left in range(n, 1, -1)]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["abc,cb->a", "ab,ab->ab", "aab,b->a", "abc->ca"]), st.floats(-3, 3), st.integers(0, 99))
def test_einsum_is_linear_in_every_operand(formula, factor, seed):
    terms = formula.partition("->")[0].split(",")
    shapes = [tuple(SIZE[x] for x in term) for term in terms]
    arrays, others = random(shapes, seed), random(shapes, seed + 1)
    for i in range(len(terms)):
        mixed = [*arrays[:i], arrays[i] + factor * others[i], *arrays[i + 1 :]]
        swapped = [*arrays[:i], others[i], *arrays[i + 1 :]]
        wanted = einsum(formula, *arrays) + factor * einsum(formula, *swapped)
        np.testing.assert_allclose(einsum(formula, *mixed), wanted, rtol=1e-10, atol=1e-12)


def test_spaces_and_capitals_are_read():
    A, B = random([(2, 3), (3, 4)])
    np.testing.assert_allclose(einsum(" iJ , Jk -> k i ", A, B), (A @ B).T)


def test_the_result_is_no_view_and_the_operands_are_left_alone():
    A = np.arange(6.0).reshape(2, 3)
    for formula in ("ij->ij", "ij->ji"):
        result = einsum(formula, A)
        result += 1
    np.testing.assert_array_equal(A, np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("ours", [einsum, einsum_loops])
def test_float32_stays_float32_and_a_result_without_letters_is_a_number(ours):
    A, B = (a.astype(np.float32) for a in random([(2, 3), (3, 4)]))
    assert ours("ij,jk->ik", A, B).dtype == np.float32
    assert ours("ij->", A).dtype == np.float32
    assert isinstance(ours("ij->", A), np.floating)
    assert ours("i,i", [1, 2], [3, 4]) == 11


def test_a_plan_sorts_the_letters():
    assert matmul_plan("bqd", "bkd", "bqk") == ("b", "q", "d", "k")
    assert matmul_plan("ijk", "kjl", "li") == ("", "i", "jk", "l")
    assert matmul_plan("i", "j", "ji") == ("", "i", "", "j")
    assert matmul_plan("ab", "ba", "ab") == ("ab", "", "", "")


# ---- The order of contractions ---------------------------------------------------------------------------------------


def test_flops_of_three_orders_by_hand():
    formula, shapes = "ij,jk,kl->il", [(1000, 10), (10, 1000), (1000, 10)]
    # (AB)C makes 1000 × 1000 numbers, A(BC) only 10 × 10, and AC at first all 1000 · 10 · 1000 · 10 products
    sizes = {(0, 1): 40_000_000, (1, 2): 400_000, (0, 2): 300_000_000}
    for first, flops in sizes.items():
        assert contraction_path(formula, *shapes, path=[first, (0, 1)]).flops == flops
    assert contraction_path(formula, *shapes) == ContractionPath(((1, 2), (0, 1)), 400_000, 10_000)
    assert contraction_path(formula, *shapes, path=[(0, 1), (0, 1)]).largest == 1_000_000
    assert contraction_path(formula, *shapes, path=[(0, 2), (0, 1)]).largest == 100_000_000


def test_flops_of_one_operand():
    assert contraction_path("ij->ji", (3, 4)) == ((), 0, 12)
    assert contraction_path("ij->i", (3, 4)) == ((), 12, 3)
    assert contraction_path("ii->", (3, 3)) == ((), 3, 1)
    assert contraction_path("ii->i", (3, 3)) == ((), 0, 3)
    # the sum over i first, 12 additions, then 2 · 4 · 5
    assert contraction_path("ij,jk->k", (3, 4), (4, 5)) == (((0, 1),), 52, 5)


def test_among_equally_cheap_orders_the_one_with_smaller_arrays_is_taken():
    # 2 · (2·3·6 + 2·6·3) = 2 · (3·6·3 + 2·3·3): the same FLOPs, by way of 2 × 6 or of 3 × 3 numbers
    shapes = [(2, 3), (3, 6), (6, 3)]
    assert contraction_path("ij,jk,kl->il", *shapes, path=[(0, 1), (0, 1)])[1:] == (144, 12)
    assert contraction_path("ij,jk,kl->il", *shapes) == (((1, 2), (0, 1)), 144, 9)


def test_a_product_of_matrices_costs_2mkn_and_an_outer_product_mn():
    assert contraction_path("ij,jk->ik", (7, 11), (11, 13)).flops == 2 * 7 * 11 * 13
    assert contraction_path("i,j->ij", (7,), (11,)).flops == 7 * 11
    assert contraction_path("bqd,bkd->bqk", (2, 3, 4), (2, 5, 4)).flops == 2 * 2 * 3 * 4 * 5


def all_paths(n):
    """Return every sequence of steps that joins n operands."""
    if n == 1:
        return [[]]
    return [[pair, *rest] for pair in itertools.combinations(range(n), 2) for rest in all_paths(n - 1)]


@settings(max_examples=40, deadline=None)
@given(formulas(operands=4, letters="abcdefg"))
def test_no_other_order_is_cheaper(case):
    formula, shapes = case
    costs = [contraction_path(formula, *shapes, path=path)[1:] for path in all_paths(len(shapes))]
    assert contraction_path(formula, *shapes)[1:] == min(costs)


@st.composite
def networks(draw, operands, shared):
    """Draw a formula without sums over one operand's own letter: there all count alike.

    A letter of one operand is in the result. One of several is not, unless `shared` allows that, and more than two.
    """
    n = draw(st.integers(2, operands))
    terms, out = ["" for _ in range(n)], ""
    for x in "abcdefghijkl"[: draw(st.integers(1, 12))]:
        owners = draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=3 if shared else 2, unique=True))
        for owner in owners:
            terms[owner] += x
        if len(owners) == 1 or (shared and draw(st.booleans())):
            out += x
    for i in range(n):  # nobody goes without
        if not terms[i]:
            terms[i], out = "xyzuvw"[i], out + "xyzuvw"[i]
    size = {x: draw(st.integers(2, 9)) for x in sorted(set("".join(terms)))}
    return f"{','.join(terms)}->{out}", [tuple(size[x] for x in term) for term in terms]


def peers(formula, shapes):
    """Return the FLOPs of the paths that opt_einsum and numpy call optimal."""
    _, info = opt_einsum.contract_path(formula, *shapes, shapes=True, optimize="optimal")
    (_, *steps), _ = np.einsum_path(formula, *(np.broadcast_to(1.0, shape) for shape in shapes), optimize="optimal")
    return int(info.opt_cost), steps


@settings(max_examples=50, deadline=None)
@given(networks(operands=6, shared=False))
def test_in_a_tensor_network_the_cost_is_that_of_opt_einsum_and_numpy(case):
    formula, shapes = case
    ours = contraction_path(formula, *shapes)
    theirs, steps = peers(formula, shapes)
    assert ours.flops == theirs
    if all(len(step) == 2 for step in steps):  # it may also take many at once
        assert contraction_path(formula, *shapes, path=steps).flops == ours.flops


@settings(max_examples=50, deadline=None)
@given(networks(operands=5, shared=True))
def test_nobody_finds_a_cheaper_path_and_opt_einsum_counts_ours_as_we_do(case):
    formula, shapes = case
    ours = contraction_path(formula, *shapes)
    theirs, steps = peers(formula, shapes)
    assert ours.flops <= theirs
    if all(len(step) == 2 for step in steps):
        assert ours.flops <= contraction_path(formula, *shapes, path=steps).flops
    _, report = opt_einsum.contract_path(formula, *shapes, shapes=True, optimize=list(ours.steps))
    assert (report.opt_cost, report.largest_intermediate) == (ours.flops, ours.largest)


def test_a_product_entry_by_entry_can_come_first():
    # opt_einsum 3.4 finds 12 FLOPs here: b times b first, 2, then 2 · 2 · 2
    assert contraction_path("b,ab,b->a", (2,), (2, 2), (2,)) == (((0, 2), (0, 1)), 10, 2)


def test_ten_operands_and_more_take_a_moment():
    letters = "abcdefghijk"
    formula = ",".join(letters[i] + letters[i + 1] for i in range(10)) + "->ak"
    sizes = [30, 35, 15, 5, 10, 20, 25, 7, 40, 3, 12]
    shapes = [tuple(sizes[i : i + 2]) for i in range(10)]
    best = contraction_path(formula, *shapes)

    # the textbook's recursion over intervals of the chain
    cost = {(i, i + 1): 0 for i in range(10)}
    for length in range(2, 11):
        for i in range(11 - length):
            k = i + length
            ways = (cost[i, j] + cost[j, k] + 2 * sizes[i] * sizes[j] * sizes[k] for j in range(i + 1, k))
            cost[i, k] = min(ways)
    assert best.flops == cost[0, 10]
    arrays = random(shapes)
    np.testing.assert_allclose(einsum(formula, *arrays), np.linalg.multi_dot(arrays), rtol=1e-9)


# ---- Unfolding and products ------------------------------------------------------------------------------------------

SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


def test_an_unfolding_by_hand():
    T = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(unfold(T, 1)[2], [8, 9, 10, 11, 20, 21, 22, 23])


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.data())
def test_unfold_and_fold_are_tensorlys_and_undo_each_other(shape, data):
    mode = data.draw(st.integers(-len(shape), len(shape) - 1))
    (T,) = random([shape])
    M = unfold(T, mode)
    np.testing.assert_array_equal(M, tensorly.unfold(T, mode % len(shape)))
    np.testing.assert_array_equal(fold(M, mode, shape), T)
    np.testing.assert_array_equal(fold(M, mode, list(shape)), tensorly.fold(M, mode % len(shape), shape))


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(1, 6), st.data())
def test_a_mode_product_is_tensorlys_and_einsums(shape, m, data):
    mode = data.draw(st.integers(-len(shape), len(shape) - 1))
    T, M = random([shape, (m, shape[mode])])
    found = mode_product(T, M, mode)
    np.testing.assert_allclose(found, tenalg.mode_dot(T, M, mode % len(shape)), rtol=1e-12, atol=1e-13)
    letters = "abcd"[: len(shape)]
    out = letters.replace(letters[mode], "z")
    np.testing.assert_allclose(found, einsum(f"{letters},z{letters[mode]}->{out}", T, M), rtol=1e-12, atol=1e-13)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(1, 4))
def test_khatri_rao_and_kronecker_are_tensorlys_and_numpys(rows, r):
    factors = random([(n, r) for n in rows])
    found = khatri_rao(*factors)
    assert found.shape == (math.prod(rows), r)
    columns = [kronecker(*(F[:, [j]] for F in factors))[:, 0] for j in range(r)]
    np.testing.assert_allclose(found, np.stack(columns, axis=1))
    kron = factors[0]
    for F in factors[1:]:
        kron = np.kron(kron, F)
    np.testing.assert_allclose(kronecker(*factors), kron, rtol=1e-14)
    if len(factors) > 1:
        np.testing.assert_allclose(found, tenalg.khatri_rao(factors), rtol=1e-12)
        np.testing.assert_allclose(kronecker(*factors), tenalg.kronecker(factors), rtol=1e-12)


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_the_unfolding_of_a_sum_of_outer_products_is_a_khatri_rao_product(mode):
    # the identity on which the decompositions of 5.2 rest; it needs one order of columns throughout
    factors = random([(2, 6), (3, 6), (4, 6)])
    T = einsum("ir,jr,kr->ijk", *factors)
    rest = [F for i, F in enumerate(factors) if i != mode]
    np.testing.assert_allclose(unfold(T, mode), factors[mode] @ khatri_rao(*rest).T, atol=1e-13)
