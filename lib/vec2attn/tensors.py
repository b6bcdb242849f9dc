"""Tensors, arrays with any number of axes: einsum as loops and as matrix products, contraction order, unfolding.

A formula such as "ij,jk->ik" gives every axis a letter. A letter that is missing after the arrow is summed over;
without an arrow the letters that occur once stay, in alphabetical order. Equal letters have equal sizes: nothing is
stretched from size 1. Unfolding is in C order, as numpy's reshape and TensorLy have it: of the axes that become one,
the last runs fastest. (Kolda & Bader 2009 let the first run fastest: the same columns in another order.)
"""

import itertools
import math
import operator
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_matrix, as_reals, check_axis

MAX_OPERANDS = 12  # the search looks at about 3^n / 2 splits: a second or so


class MatmulPlan(NamedTuple):
    """How two operands become a stack of matrices: the letters of the stack, of rows, shared axis and columns."""

    batch: str
    rows: str
    summed: str
    columns: str


class ContractionPath(NamedTuple):
    """Which operands meet at each step, the FLOPs of all steps, and the entries of the largest array that they make.

    A step (i, j) takes the operands at these two positions out of the list and appends their product, as in numpy.
    """

    steps: tuple[tuple[int, int], ...]
    flops: int
    largest: int


def einsum_loops(formula: str, *arrays: Real[np.ndarray, "..."] | list) -> Float[np.ndarray, "..."] | np.floating:
    r"""Compute a formula by its definition: loop over all letters, multiply, add to an entry of the result.

    Parameters
    ----------
    formula : such as "ij,jk->ik", a letter for each axis
    arrays : one for each group of letters

    Raises
    ------
    TypeError, ValueError : as `einsum`

    Cost: the product of the sizes of all letters, times the number of operands (the additions and the products).
    """
    operands = _as_operands(arrays)
    terms, out, size = parse(formula, [A.shape for A in operands])
    result = np.zeros([size[x] for x in out], np.result_type(*operands))
    for values in itertools.product(*(range(n) for n in size.values())):
        at = dict(zip(size, values, strict=True))
        entries = [A[tuple(at[x] for x in term)] for A, term in zip(operands, terms, strict=True)]
        result[tuple(at[x] for x in out)] += math.prod(entries)
    return result[()]


def einsum(
    formula: str, *arrays: Real[np.ndarray, "..."] | list, path: Sequence[tuple[int, int]] | None = None
) -> Float[np.ndarray, "..."] | np.floating:
    r"""Compute a formula as a chain of matrix products, two operands at a time.

    First each operand alone: a letter that it has twice becomes a diagonal, a letter that nobody else needs is summed.
    Then each step brings the axes of two operands into order, joins them to (batch, rows, summed) and (batch, summed,
    columns), multiplies, and splits the joined axes again.

    Parameters
    ----------
    formula : such as "bqd,bkd->bqk", a letter for each axis; "..." is not known
    arrays : one for each group of letters
    path : the steps, as in `ContractionPath`; by default those with the fewest FLOPs

    Returns
    -------
    an array with the letters after the arrow for its axes, never a view; a number if there are none

    Raises
    ------
    TypeError : the formula is no text, or an operand no array of real numbers
    ValueError : the formula cannot be read or does not fit the shapes, or the path does not join all operands

    Cost: as `contraction_path` counts it; in memory a copy of each operand, and what the steps make.

    Source: Springer & Bientinesi 2018 (there: TTGT), arXiv:1607.00145
    """
    operands = _as_operands(arrays)
    terms, out, size = parse(formula, [A.shape for A in operands])
    path = _cheapest(terms, out, size) if path is None else _checked(path, len(terms))
    kept = _alone(terms, out)
    operands = [_reduce(*three) for three in zip(operands, terms, kept, strict=True)]
    last = kept[-1]
    for i, j, left, right, plan in _walk(kept, out, path):
        B, A = operands.pop(j), operands.pop(i)
        A = _permute(A, left, plan.batch + plan.rows + plan.summed)
        B = _permute(B, right, plan.batch + plan.summed + plan.columns)
        b, m, k, n = (math.prod(size[x] for x in group) for group in plan)
        C = A.reshape(b, m, k) @ B.reshape(b, k, n)
        last = plan.batch + plan.rows + plan.columns
        operands.append(C.reshape([size[x] for x in last]))
    return _permute(operands[0], last, out)[()]


def matmul_plan(left: str, right: str, out: str) -> MatmulPlan:
    """Sort the letters of two operands by what becomes of them in a product with the letters `out`.

    In both and in the result: a stack of matrices. In one and in the result: rows, or columns. In both and not in the
    result: the axis that the matrix product sums over.

    Raises
    ------
    ValueError : an operand has a letter twice, or one that neither the other nor the result has (sum it first)
    """
    for name, term, other in (("left", left, right), ("right", right, left)):
        if lost := [x for x in term if term.count(x) > 1 or x not in other + out]:
            raise ValueError(
                f"letter {lost[0]!r} of the {name} operand {term!r} is there twice, or neither in {other!r} nor in the "
                f"result {out!r}: take the diagonal or the sum first"
            )
    return MatmulPlan(
        batch="".join(x for x in left if x in right and x in out),
        rows="".join(x for x in left if x not in right),
        summed="".join(x for x in left if x in right and x not in out),
        columns="".join(x for x in right if x not in left),
    )


def contraction_path(
    formula: str, *shapes: Sequence[int], path: Sequence[tuple[int, int]] | None = None
) -> ContractionPath:
    r"""Return the order of pairwise products with the fewest FLOPs, or what a given order costs.

    What a set S of operands makes together has the same letters in whatever order they meet. So the best way to S is
    the best way to a part of it, the best way to the rest, and one product: dynamic programming over all sets,
    $C(S) = \min_{L \cup R = S} C(L) + C(R) + c(L, R)$. A product costs the sizes of all its letters multiplied, times
    2 if something is summed; a sum over letters of one operand costs an addition for each of its entries.

    Parameters
    ----------
    formula : as for `einsum`
    shapes : of the operands
    path : steps whose cost is asked for; by default the best are found

    Raises
    ------
    TypeError : the formula is no text
    ValueError : the formula does not fit the shapes, the path does not join all operands, or there are more than
        `MAX_OPERANDS` of them and no path

    Cost: about $3^n / 2$ splits for n operands.

    Source: Pfeifer, Haegeman & Verstraete 2014, section II, arXiv:1304.6112
    """
    terms, out, size = parse(formula, [tuple(operator.index(n) for n in shape) for shape in shapes])
    if any(n < 1 for n in size.values()):
        raise ValueError(f"every axis needs a size of at least 1; got the shapes {', '.join(map(str, shapes))}")
    steps = _cheapest(terms, out, size) if path is None else _checked(path, len(terms))
    kept = _alone(terms, out)
    flops = sum(_volume(set(term), size) for term, keep in zip(terms, kept, strict=True) if set(term) != set(keep))
    made = [_volume(out, size)]
    for _, _, left, right, plan in _walk(kept, out, steps):
        flops += (2 if plan.summed else 1) * _volume({*left, *right}, size)
        made.append(_volume(plan.batch + plan.rows + plan.columns, size))
    return ContractionPath(steps, flops, max(made))


def unfold(T: Real[np.ndarray, "..."] | list, mode: int) -> Float[np.ndarray, "n rest"]:
    """Write a tensor as a matrix: axis `mode` becomes the rows, all others together the columns, the last fastest.

    Raises
    ------
    ValueError : there is no such axis
    """
    T = as_reals("T", T)
    check_axis("T", T, mode)
    return np.moveaxis(T, mode, 0).reshape(T.shape[mode], -1)


def fold(M: Real[np.ndarray, "n rest"] | list, mode: int, shape: Sequence[int]) -> Float[np.ndarray, "..."]:
    """Return the tensor of this shape whose unfolding along axis `mode` is M: undoes `unfold`.

    Raises
    ------
    ValueError : there is no such axis, or M has not the sizes of such an unfolding
    """
    M, shape = as_matrix("M", M), tuple(operator.index(n) for n in shape)
    if not -len(shape) <= mode < len(shape) or min(shape) < 1:
        raise ValueError(f"no tensor of shape {shape} has an axis {mode} to fold along")
    wanted = (shape[mode], math.prod(shape) // shape[mode])
    if M.shape != wanted:
        raise ValueError(f"a tensor {shape} unfolds along axis {mode} to a matrix {wanted}; got M {M.shape}")
    mode %= len(shape)
    return np.moveaxis(M.reshape(shape[mode], *shape[:mode], *shape[mode + 1 :]), 0, mode)


def mode_product(
    T: Real[np.ndarray, "..."] | list, M: Real[np.ndarray, "m n"] | list, mode: int
) -> Float[np.ndarray, "..."]:
    r"""Apply the matrix M to every fibre of T along axis `mode`: $T \times_{mode} M$, unfolded $M\,T_{(mode)}$.

    Raises
    ------
    ValueError : there is no such axis, or M has not as many columns as that axis has entries

    Cost: $2m$ FLOPs for each entry of T. Source: Kolda & Bader 2009, section 2.5, doi:10.1137/07070111X
    """
    T, M = as_reals("T", T), as_matrix("M", M)
    check_axis("T", T, mode)
    if M.shape[1] != T.shape[mode]:
        raise ValueError(
            f"M needs a column for each of the {T.shape[mode]} entries of axis {mode} of T {T.shape}; got M {M.shape}"
        )
    shape = list(T.shape)
    shape[mode] = len(M)
    return fold(M @ unfold(T, mode), mode, shape)


def khatri_rao(*matrices: Real[np.ndarray, "_ r"] | list) -> Float[np.ndarray, "rows r"]:
    r"""Return the Kronecker products of the columns: column r is $a_r \otimes b_r \otimes \dots$

    A row for each combination of rows, that of the last matrix running fastest, as in `unfold`.

    Raises
    ------
    ValueError : no matrices, or different numbers of columns

    Source: Kolda & Bader 2009, section 2.6, doi:10.1137/07070111X
    """
    factors = _matrices(matrices)
    if len({F.shape[1] for F in factors}) > 1:
        raise ValueError(f"all need the same number of columns; got {', '.join(str(F.shape) for F in factors)}")
    result = factors[0]
    for F in factors[1:]:
        result = (result[:, None, :] * F).reshape(-1, F.shape[1])
    return result


def kronecker(*matrices: Real[np.ndarray, "_ _"] | list) -> Float[np.ndarray, "rows columns"]:
    r"""Return $A \otimes B \otimes \dots$: every entry of A times a copy of B.

    Raises
    ------
    ValueError : no matrices
    """
    factors = _matrices(matrices)
    result = factors[0]
    for F in factors[1:]:
        (m, n), (p, q) = result.shape, F.shape
        result = (result[:, None, :, None] * F[None, :, None, :]).reshape(m * p, n * q)
    return result


def _matrices(matrices: Sequence[Real[np.ndarray, "_ _"] | list]) -> list[Float[np.ndarray, "_ _"]]:
    if not matrices:
        raise ValueError("at least one matrix is needed; got none")
    return [as_matrix(f"matrix {i}", M) for i, M in enumerate(matrices)]


def _as_operands(arrays: Sequence[Real[np.ndarray, "..."] | list]) -> list[Float[np.ndarray, "..."]]:
    return [as_reals(f"operand {i}", array) for i, array in enumerate(arrays)]


def parse(formula: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str, dict[str, int]]:
    """Return the letters of each operand, those of the result (read as einsum does), and the size of each letter.

    Raises
    ------
    TypeError : the formula is no text
    ValueError : it cannot be read or does not fit the shapes
    """
    if not isinstance(formula, str):
        raise TypeError(f'the formula comes first, as a text such as "ij,jk->ik"; got {type(formula).__name__}')
    left, arrow, out = formula.replace(" ", "").partition("->")
    if odd := (set(left) | set(out)) - set(string.ascii_letters + ","):
        raise ValueError(f"a formula has letters, commas and one arrow ->; {formula!r} has {sorted(odd)[0]!r}")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"{formula!r} has {len(terms)} operands; got {len(shapes)} arrays")
    size: dict[str, int] = {}
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        if len(term) != len(shape):
            raise ValueError(f"operand {i} has {len(term)} letters, {term!r}, and {len(shape)} axes, shape {shape}")
        for x, n in zip(term, shape, strict=True):
            if size.setdefault(x, n) != n:
                raise ValueError(f"letter {x!r} has size {size[x]} and size {n}: {_with_shapes(terms, shapes)}")
    if not arrow:
        out = "".join(sorted(x for x, times in Counter(left.replace(",", "")).items() if times == 1))
    for x in out:
        if x not in size:
            raise ValueError(f"letter {x!r} of the result is in no operand of {formula!r}")
        if out.count(x) > 1:
            raise ValueError(f"letter {x!r} is twice in the result of {formula!r}; an axis needs a letter of its own")
    return terms, out, size


def _with_shapes(terms: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(f"{term} {shape}" for term, shape in zip(terms, shapes, strict=True))


def _volume(letters: set[str] | str, size: dict[str, int]) -> int:
    return math.prod(size[x] for x in letters)


def _alone(terms: Sequence[str], out: str) -> list[str]:
    """Return the letters that each operand keeps once its diagonals are taken and its own letters summed."""
    others = [set(out).union(*terms[:i], *terms[i + 1 :]) for i in range(len(terms))]
    return ["".join(dict.fromkeys(x for x in term if x in rest)) for term, rest in zip(terms, others, strict=True)]


def _reduce(A: Float[np.ndarray, "..."], letters: str, keep: str) -> Float[np.ndarray, "..."]:
    """Take the diagonal of each letter that is there twice, and sum over those that are not kept."""
    for x in dict.fromkeys(letters):
        while letters.count(x) > 1:
            i, j = letters.index(x), letters.rindex(x)
            A = np.diagonal(A, axis1=i, axis2=j)  # puts the diagonal last
            letters = letters[:i] + letters[i + 1 : j] + letters[j + 1 :] + x
    A = np.asarray(A.sum(axis=tuple(i for i, x in enumerate(letters) if x not in keep)))
    return _permute(A, "".join(x for x in letters if x in keep), keep)


def _permute(A: Float[np.ndarray, "..."], letters: str, order: str) -> Float[np.ndarray, "..."]:
    return A.transpose([letters.index(x) for x in order])


def _checked(path: Sequence[tuple[int, int]], n: int) -> tuple[tuple[int, int], ...]:
    """Return the steps with the smaller position first; refuse those that do not join n operands."""
    if len(path) != n - 1:
        raise ValueError(f"{n} operands are joined in {n - 1} steps; got a path of {len(path)}")
    steps = tuple((min(i, j), max(i, j)) for i, j in path)
    for left, (i, j) in zip(range(n, 1, -1), steps, strict=True):
        if not 0 <= i < j < left:
            raise ValueError(f"a step joins two of the {left} operands 0 … {left - 1} that are left; got {(i, j)}")
    return steps


def _walk(
    terms: Sequence[str], out: str, steps: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, str, str, MatmulPlan]]:
    """Follow a path: positions, letters and plan of each step."""
    terms = list(terms)
    for i, j in steps:
        right, left = terms.pop(j), terms.pop(i)
        plan = matmul_plan(left, right, out + "".join(terms))
        terms.append(plan.batch + plan.rows + plan.columns)
        yield i, j, left, right, plan


def _cheapest(terms: Sequence[str], out: str, size: dict[str, int]) -> tuple[tuple[int, int], ...]:
    """Return the steps with the fewest FLOPs; among equals, those whose largest array is smallest.

    Sets of operands are written as numbers, operand i as the bit 1 << i, so that a part comes before the whole.
    """
    n = len(terms)
    if n > MAX_OPERANDS:
        raise ValueError(f"all orders are compared for at most {MAX_OPERANDS} operands; got {n}: give a path")
    everyone = (1 << n) - 1
    letters = [set().union(*(terms[i] for i in range(n) if s >> i & 1)) for s in range(everyone + 1)]
    kept = [letters[s] & (letters[everyone ^ s] | set(out)) for s in range(everyone + 1)]
    best = {1 << i: (0, 0, 0) for i in range(n)}  # FLOPs, largest array, left part
    for s in range(1, everyone + 1):
        if s in best:
            continue
        ways, part = [], (s - 1) & s
        while part:
            rest = s ^ part
            if part > rest:  # each split once
                met = kept[part] | kept[rest]
                cost = (1 if met == kept[s] else 2) * _volume(met, size)
                largest = max(best[part][1], best[rest][1], _volume(kept[s], size))
                ways.append((best[part][0] + best[rest][0] + cost, largest, part))
            part = (part - 1) & s
        best[s] = min(ways)
    steps, there = [], [1 << i for i in range(n)]

    def join(s: int) -> None:
        if part := best[s][2]:
            join(part)
            join(s ^ part)
            i, j = sorted((there.index(part), there.index(s ^ part)))
            del there[j], there[i]
            there.append(s)
            steps.append((i, j))

    join(everyone)
    return tuple(steps)
