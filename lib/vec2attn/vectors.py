"""Vectors (chapter 1): a list of numbers with a length, and a product that compares two of them.

A vector lies on the last axis; axes before it count vectors (rows are samples everywhere in this book).
"""

import operator
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, Real

from vec2attn.arrays import as_reals, check_same_shape


def dot(
    u: Real[np.ndarray, "*batch n"] | list, v: Real[np.ndarray, "*batch n"] | list
) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Multiply entry by entry and add up.

    $u \cdot v = \sum_i u_i v_i$. Cost: $2n$ FLOPs a pair.

    Parameters
    ----------
    u, v : vectors of the same shape; nothing is broadcast

    Raises
    ------
    ValueError : the shapes differ, or there is a NaN
    """
    U, V = as_reals("u", u), as_reals("v", v)
    check_same_shape(u=U, v=V)
    return np.vecdot(U, V)


def norm(v: Real[np.ndarray, "*batch n"] | list) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Return the Euclidean length of a vector.

    $\lVert v \rVert = \sqrt{v \cdot v}$, computed after division by the largest entry, so that neither
    $10^{200}$ nor $10^{-200}$ is lost when it is squared. Cost: $3n$ FLOPs.

    Raises
    ------
    ValueError : an entry is NaN or infinite
    """
    V = as_reals("v", v)
    largest = np.abs(V).max(axis=-1)
    scale = np.where(largest > 0, largest, 1).astype(V.dtype)
    scaled = V / scale[..., None]
    return scale[()] * np.sqrt(np.vecdot(scaled, scaled))


def distance(
    u: Real[np.ndarray, "*batch n"] | list, v: Real[np.ndarray, "*batch n"] | list
) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Return the Euclidean distance of two points, $\lVert u - v \rVert$. Cost: $4n$ FLOPs a pair.

    Raises
    ------
    ValueError : the shapes differ, or an entry is NaN or infinite
    """
    U, V = as_reals("u", u), as_reals("v", v)
    check_same_shape(u=U, v=V)
    return norm(U - V)


def cosine_similarity(
    u: Real[np.ndarray, "*batch n"] | list, v: Real[np.ndarray, "*batch n"] | list
) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Return the cosine of the angle between two vectors: 1 same direction, 0 orthogonal, −1 opposite.

    $\cos\theta = \dfrac{u \cdot v}{\lVert u \rVert\, \lVert v \rVert}$. Cost: $6n$ FLOPs a pair.

    Raises
    ------
    ValueError : the shapes differ, or a vector is zero: it has no direction
    """
    U, V = as_reals("u", u), as_reals("v", v)
    check_same_shape(u=U, v=V)
    cosine = np.vecdot(unit(U, "u"), unit(V, "v"))
    return np.clip(cosine, -1, 1)  # rounding can lead just beyond


def unit(v: Real[np.ndarray, "*batch n"] | list, name: str = "v") -> Float[np.ndarray, "*batch n"]:
    r"""Return the vector of length 1 in the same direction, $v / \lVert v \rVert$.

    Raises
    ------
    ValueError : a vector is zero: it has no direction
    """
    V = as_reals(name, v)
    length = norm(V)
    if not np.all(length):
        where = tuple(int(i) for i in np.argwhere(np.atleast_1d(length) == 0)[0])
        raise ValueError(
            f"{name} is the zero vector{f' (at index {where})' if V.ndim > 1 else ''}: it has no direction"
        )
    return V / np.asarray(length)[..., None]


def angle(
    u: Real[np.ndarray, "*batch n"] | list, v: Real[np.ndarray, "*batch n"] | list
) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Return the angle between two vectors in radians, from 0 to $\pi$.

    $\theta = 2\,\mathrm{atan2}(\lVert \hat u - \hat v \rVert,\ \lVert \hat u + \hat v \rVert)$ with unit vectors
    $\hat u, \hat v$: exact for tiny angles too, where the arc cosine of a number near 1 loses half of the digits.

    Raises
    ------
    ValueError : the shapes differ, or a vector is zero

    Source: Kahan 2006, "How futile are mindless assessments of roundoff", section 12
    """
    U, V = as_reals("u", u), as_reals("v", v)
    check_same_shape(u=U, v=V)
    U, V = unit(U, "u"), unit(V, "v")
    return 2 * np.arctan2(norm(U - V), norm(U + V))


def project(
    v: Real[np.ndarray, "*batch n"] | list, onto: Real[np.ndarray, "*batch n"] | list
) -> Float[np.ndarray, "*batch n"]:
    r"""Return the point nearest to `v` on the line through 0 and `onto`: the shadow of v on that line.

    $\dfrac{v \cdot u}{u \cdot u}\, u$; what is left over, v minus the shadow, is orthogonal to u. Cost: $5n$ FLOPs.

    Raises
    ------
    ValueError : the shapes differ, or `onto` is zero: it spans no line
    """
    V, U = as_reals("v", v), as_reals("onto", onto)
    check_same_shape(v=V, onto=U)
    U = unit(U, "onto")
    return np.vecdot(V, U)[..., None] * U


def nearest(
    queries: Real[np.ndarray, "*batch n"] | list,
    table: Real[np.ndarray, "rows n"] | list,
    k: int,
    metric: Literal["cosine", "dot", "euclidean"] = "cosine",
    exclude: Sequence[int] = (),
) -> tuple[Int[np.ndarray, "*batch k"], Float[np.ndarray, "*batch k"]]:
    r"""Return the k rows of a table that are nearest to each query, the nearest first.

    One matrix product scores all rows, up to rounding. Rows that may be among the best are scored again in float64.

    Parameters
    ----------
    queries : one vector, or several as rows
    table : the vectors to search, as rows
    k : how many
    metric : "cosine" (largest cosine), "dot" (largest product), "euclidean" (smallest distance)
    exclude : rows that do not count

    Returns
    -------
    indices, scores : row numbers, and their cosines, products or distances; among equal scores the lower row first

    Raises
    ------
    ValueError : sizes do not fit, k is not between 1 and the rows that count, or a zero vector has no cosine

    Cost: $2 \cdot \text{rows} \cdot n$ FLOPs a query; at most 16 million scores are in memory at once.
    """
    Q, T = as_reals("queries", queries), as_reals("table", table)
    if T.ndim != 2 or Q.shape[-1] != T.shape[1]:
        raise ValueError(f"queries (…, n) need a table (rows, n); got {Q.shape} and {T.shape}")
    if metric not in ("cosine", "dot", "euclidean"):
        raise ValueError(f'metric must be "cosine", "dot" or "euclidean"; got {metric!r}')
    out = sorted({operator.index(row) for row in exclude})
    if out and not 0 <= out[0] <= out[-1] < len(T):
        raise ValueError(f"exclude must name rows of the table, 0 … {len(T) - 1}; got {out[0]} … {out[-1]}")
    rows, k = len(T) - len(out), operator.index(k)
    if not 1 <= k <= rows:
        raise ValueError(f"k must lie in 1 … {rows} (the rows that count); got {k}")

    T = T.astype(np.result_type(Q, T, np.float32), copy=False)
    flat = Q.reshape(-1, T.shape[1]).astype(T.dtype, copy=False)
    asked = unit(flat, "queries") if metric == "cosine" else flat
    lengths = _lengths_of_rows(T, zero_allowed=metric != "cosine")
    slack = _rounding(asked, lengths, T, metric)
    indices, scores = np.empty((len(flat), k), np.intp), np.empty((len(flat), k), T.dtype)
    step = max(1, 2**24 // len(T))
    for start in range(0, len(flat), step):
        part = slice(start, start + step)
        rough = asked[part] @ T.T
        if metric == "cosine":
            rough /= lengths
        elif metric == "euclidean":
            # |q − t|² = |q|² − 2 q·t + |t|²; |q|² is the same for all rows
            rough -= lengths**2 / 2
        rough[:, out] = -np.inf
        likely = rough >= _floor_of_the_best(rough, k) - slack
        likely[:, out] = False
        query, row = np.nonzero(likely)
        exact = _exact(flat[part], T, query, row, metric)
        order = np.lexsort((row, exact if metric == "euclidean" else -exact, query))
        first = np.searchsorted(query, np.arange(len(rough)))
        best = order[first[:, None] + np.arange(k)]
        indices[part], scores[part] = row[best], exact[best]
    return indices.reshape(*Q.shape[:-1], k), scores.reshape(*Q.shape[:-1], k)


def _lengths_of_rows(T: Float[np.ndarray, "rows n"], zero_allowed: bool) -> Float[np.ndarray, " rows"]:
    limits = np.finfo(T.dtype)
    with np.errstate(over="ignore", under="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", T, T))  # much quicker than vecdot on short rows
        if lengths.min() < np.sqrt(limits.tiny / limits.eps) or not np.isfinite(lengths.max()):
            lengths = np.asarray(norm(T))  # squares that vanish or overflow
    if not zero_allowed and not lengths.all():
        raise ValueError(f"table has a zero vector (row {int(np.argmin(lengths))}): it has no direction")
    return lengths


def _rounding(
    Q: Float[np.ndarray, "m n"], lengths: Float[np.ndarray, " rows"], T: Float[np.ndarray, "rows n"], metric: str
) -> float:
    """Bound how far two scores can come out of their true order."""
    largest_q, largest_t = float(np.max(norm(Q))), float(lengths.max())
    size = 1.0 if metric == "cosine" else largest_t * (largest_q + (largest_t if metric == "euclidean" else 0))
    if not max(size, largest_t) < np.finfo(T.dtype).max / 4:
        raise ValueError(f"the numbers are too large for {T.dtype} products; divide queries and table by one factor")
    return float(4 * (T.shape[1] + 4) * np.finfo(T.dtype).eps * size)


def _floor_of_the_best(score: Float[np.ndarray, "m rows"], k: int) -> Float[np.ndarray, "m 1"]:
    """Return a number that at least k scores of each row reach, and few more.

    Among the largest scores of separate groups, k reach the k-th largest of them. There are far fewer groups than
    scores, so that this is quicker than to partition all of the scores.
    """
    rows = score.shape[1]
    starts = np.arange(0, rows, max(1, rows // (32 * k)))
    largest = np.maximum.reduceat(score, starts, axis=1)
    return np.partition(largest, len(starts) - k, axis=1)[:, len(starts) - k, None]


def _exact(
    Q: Float[np.ndarray, "m n"],
    T: Float[np.ndarray, "rows n"],
    query: Int[np.ndarray, " pairs"],
    row: Int[np.ndarray, " pairs"],
    metric: str,
) -> Float[np.ndarray, " pairs"]:
    """Score pairs in float64, a million numbers at a time: a table of equal rows makes every pair likely."""
    scores = np.empty(len(row))
    step = max(1, 2**20 // T.shape[1])
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        q, t = Q[query[part]].astype(np.float64), T[row[part]].astype(np.float64)
        if metric == "cosine":
            scores[part] = cosine_similarity(q, t)
        else:
            scores[part] = distance(q, t) if metric == "euclidean" else dot(q, t)
    return scores


def analogy(
    a: int, b: int, c: int, table: Real[np.ndarray, "rows n"], k: int = 1, exclude_inputs: bool = True
) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    r"""Answer "a is to b as c is to …": the rows nearest, by cosine, to $\hat b - \hat a + \hat c$.

    Parameters
    ----------
    a, b, c : row numbers
    exclude_inputs : leave a, b and c out of the search, as most published results do; without it the answer is often c

    Raises
    ------
    ValueError : a row number outside the table, k too large, or a row that is zero: it has no direction

    Source: Mikolov, Yih & Zweig 2013, section 4, aclanthology.org/N13-1090
    """
    T = as_reals("table", table)
    if T.ndim != 2:
        raise ValueError(f"the table must have the shape (rows, n); got {T.shape}")
    for name, row in (("a", a), ("b", b), ("c", c)):
        if not 0 <= row < len(T):
            raise ValueError(f"{name} must be a row of the table, 0 … {len(T) - 1}; got {row}")
    A, B, C = unit(T[[a, b, c]], "table")
    return nearest(B - A + C, T, k, exclude=(a, b, c) if exclude_inputs else ())


def one_hot(index: int | np.integer, size: int) -> Float[np.ndarray, " size"]:
    r"""Return the basis vector $e_\text{index}$ of $\mathbb{R}^\text{size}$: one 1, zeros elsewhere.

    Parameters
    ----------
    index : which entry is 1, counted from 0
    size : number of entries

    Raises
    ------
    ValueError : no entry has that index
    """
    index, size = operator.index(index), operator.index(size)
    if not 0 <= index < size:
        raise ValueError(f"a vector of {size} entries has the indices 0 … {size - 1}; got {index}")
    e = np.zeros(size)
    e[index] = 1.0
    return e
