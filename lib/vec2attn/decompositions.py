"""Tensor decompositions (notebook 5.2): what takes the place of the SVD when there are three axes and more.

Three answers, each a class that knows how many numbers it holds and can rebuild the tensor: `CP`, a sum of outer
products; `Tucker`, a small tensor with a matrix for each axis; `TensorTrain`, a row of small tensors, one an axis.
The norm of a tensor is the root of the sum of all squares; a relative error is the norm of what is missing, divided by
that of the tensor. Unfoldings are those of `vec2attn.tensors`, the last axis fastest.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_reals, whole_number, whole_numbers
from vec2attn.tensors import fold, khatri_rao, mode_product, unfold


@dataclass(frozen=True)
class CP:
    r"""A sum of r outer products, $T_{ijk} = \sum_r \lambda_r\, a_{ir}\, b_{jr}\, c_{kr}$ for three axes.

    weights : λ, shape (r,), falling and ≥ 0
    factors : for each axis a matrix (size of the axis, r) with columns of length 1
    errors : the relative error after each sweep
    converged : False if the sweeps ran out before the error stood still
    """

    weights: Float[np.ndarray, " r"]
    factors: tuple[Float[np.ndarray, "_ r"], ...]
    errors: Float[np.ndarray, " sweeps"]
    converged: bool

    @property
    def parameters(self) -> int:
        """Return how many numbers are stored: r for each entry of each axis, and the weights."""
        return self.weights.size + sum(F.size for F in self.factors)

    def full(self) -> Float[np.ndarray, "..."]:
        """Rebuild the tensor, 2r FLOPs for each of its entries."""
        first, *rest = self.factors
        return fold((first * self.weights) @ khatri_rao(*rest).T, 0, [len(F) for F in self.factors])


@dataclass(frozen=True)
class Tucker:
    r"""A core with a matrix for each axis, $T = G \times_0 U_0 \times_1 U_1 \dots$

    core : G, shape (r0, r1, …)
    factors : for each axis a matrix (size of the axis, rank) with orthonormal columns
    errors : the relative error of HOSVD, and after each sweep of HOOI
    """

    core: Float[np.ndarray, "..."]
    factors: tuple[Float[np.ndarray, "_ _"], ...]
    errors: Float[np.ndarray, " sweeps"]

    @property
    def parameters(self) -> int:
        """Return how many numbers are stored: the core and the matrices."""
        return self.core.size + sum(U.size for U in self.factors)

    def full(self) -> Float[np.ndarray, "..."]:
        """Rebuild the tensor, one mode product after another."""
        return _mode_products(self.core, self.factors)


@dataclass(frozen=True)
class TensorTrain:
    r"""A row of cores, each with an axis of its own and a bond to either neighbour.

    $T_{ijk} = \sum_{ab} G^0_{0ia}\, G^1_{ajb}\, G^2_{bk0}$ for three axes: an entry is a product of small matrices.

    cores : for each axis an array (rank before, size of the axis, rank after); the outermost ranks are 1
    error : the relative error, known from what was cut off
    """

    cores: tuple[Float[np.ndarray, "_ _ _"], ...]
    error: float

    @property
    def ranks(self) -> tuple[int, ...]:
        """Return the sizes of the bonds between neighbours."""
        return tuple(core.shape[2] for core in self.cores[:-1])

    @property
    def parameters(self) -> int:
        """Return how many numbers are stored."""
        return sum(core.size for core in self.cores)

    def full(self) -> Float[np.ndarray, "..."]:
        """Rebuild the tensor from left to right."""
        M = np.ones((1, 1), self.cores[0].dtype)
        for core in self.cores:
            M = (M @ core.reshape(len(core), -1)).reshape(-1, core.shape[2])
        return M.reshape([core.shape[1] for core in self.cores])


def cp_als(
    T: Real[np.ndarray, "..."] | list,
    rank: int,
    *,
    rng: np.random.Generator,
    max_sweeps: int = 500,
    tolerance: float | int = 1e-10,
) -> CP:
    r"""Fit a sum of `rank` outer products by alternating least squares.

    With all factors fixed but one, the error is that of a linear least-squares problem: unfolded along axis n,
    $T_{(n)} \approx A_n K^\top$ with K the Khatri-Rao product of the others, so $A_n = T_{(n)} K (K^\top K)^+$, and
    $K^\top K$ is the product, entry by entry, of the small matrices $A_m^\top A_m$. A sweep does this for every axis.
    No sweep makes the error larger, yet it may stop far from the best, or creep: try several starts.

    Parameters
    ----------
    T : two axes or more
    rank : number of outer products; unlike the rank of a matrix it may exceed every size
    rng : source of the first factors, Gaussian
    max_sweeps : sweeps at most; `converged` says whether they were enough
    tolerance : stop when the relative error falls by no more than this in one sweep, or is no larger itself

    Raises
    ------
    TypeError : T holds no real numbers, or `rank` or `max_sweeps` is not whole
    ValueError : fewer than two axes, all zero, NaN or infinity; `rank` or `max_sweeps` below 1; negative `tolerance`

    Cost: about $2r$ FLOPs for each entry of T, axis and sweep. Source: Kolda & Bader 2009, figure 3.3,
    doi:10.1137/07070111X; Carroll & Chang 1970, doi:10.1007/BF02310791
    """
    X, largest = _scaled(T)
    rank, max_sweeps = whole_numbers(rank=rank, max_sweeps=max_sweeps)
    _check_tolerance(tolerance)
    if not X.any():
        raise ValueError(f"T {X.shape} is zero everywhere: it is a sum of no outer products at all")
    length, last = np.linalg.norm(X), X.ndim - 1
    factors = [rng.standard_normal((n, rank)).astype(X.dtype) for n in X.shape]
    errors: list[float] = []
    converged = False
    while not converged and len(errors) < max_sweeps:
        for n in range(X.ndim):
            others = [F for m, F in enumerate(factors) if m != n]
            K = khatri_rao(*others)
            gram = np.prod([F.T @ F for F in others], axis=0)
            factors[n] = np.linalg.lstsq(gram, (unfold(X, n) @ K).T, rcond=None)[0].T
            if n < last:  # the last factor carries all the size
                factors[n] = factors[n] / _lengths(factors[n])
        errors.append(float(np.linalg.norm(unfold(X, last) - factors[last] @ K.T) / length))
        converged = errors[-1] <= tolerance or (len(errors) > 1 and errors[-2] - errors[-1] <= tolerance)
    weights = np.linalg.norm(factors[last], axis=0)
    factors[last] = factors[last] / _lengths(factors[last])
    order = np.argsort(-weights, kind="stable")
    return CP(weights[order] * largest, tuple(F[:, order] for F in factors), np.array(errors), converged)


def tucker(
    T: Real[np.ndarray, "..."] | list,
    ranks: Sequence[int],
    *,
    method: Literal["hosvd", "hooi"] = "hooi",
    max_sweeps: int = 50,
    tolerance: float | int = 1e-8,
) -> Tucker:
    r"""Compress every axis to a few directions: a core, and a matrix with orthonormal columns for each axis.

    HOSVD takes the first left singular vectors of each unfolding; the core is T in these directions, $G = T \times_0
    U_0^\top \times_1 U_1^\top \dots$ Its squared error is at most the sum, over the axes, of the squared singular
    values cut off, so at most $\sqrt{d}$ times the smallest error possible for d axes. HOOI starts there and improves
    one matrix after another, T seen in the directions of all others. No sweep makes the error larger.

    Parameters
    ----------
    T : two axes or more
    ranks : one for each axis
    method : "hosvd", one pass, or "hooi", which begins with it
    max_sweeps, tolerance : of HOOI, which stops when the relative error falls by no more than `tolerance` in a sweep

    Raises
    ------
    TypeError : T holds no real numbers, or a rank is not whole
    ValueError : a rank outside 1 … size of its axis, or larger than the product of the others; an unknown method;
        fewer than two axes, NaN or infinity; `max_sweeps` below 1, negative `tolerance`

    Cost: an SVD of each unfolding, about $2n$ FLOPs for each entry and axis of size n.
    Source: De Lathauwer, De Moor & Vandewalle 2000, doi:10.1137/S0895479896305696 (HOSVD, property 10) and
    doi:10.1137/S0895479898346995 (HOOI)
    """
    X, largest = _scaled(T)
    ranks = _ranks(ranks, X.ndim, "axis")
    for n, (r, size) in enumerate(zip(ranks, X.shape, strict=True)):
        if not (r <= size and r * r <= math.prod(ranks)):
            raise ValueError(
                f"rank {r} of axis {n} may exceed neither its size nor the product of the other ranks; got the ranks "
                f"{ranks} for T {X.shape}"
            )
    if method not in ("hosvd", "hooi"):
        raise ValueError(f'method must be "hosvd" or "hooi"; got {method!r}')
    max_sweeps = whole_number("max_sweeps", max_sweeps)
    _check_tolerance(tolerance)
    factors = [_left_svd(unfold(X, n))[0][:, :r] for n, r in enumerate(ranks)]
    core, error = _core(X, factors)
    errors = [error]
    while method == "hooi" and len(errors) <= max_sweeps:
        for n, r in enumerate(ranks):
            seen = _mode_products(X, [U.T if m != n else None for m, U in enumerate(factors)])
            factors[n] = _left_svd(unfold(seen, n))[0][:, :r]
        core, error = _core(X, factors)
        errors.append(error)
        if errors[-2] - errors[-1] <= tolerance:
            break
    return Tucker(core * largest, tuple(factors), np.array(errors))


def tensor_train(
    T: Real[np.ndarray, "..."] | list, *, ranks: Sequence[int] | None = None, tolerance: float | int | None = None
) -> TensorTrain:
    r"""Split off one axis after another by truncated SVDs, from left to right.

    T as a matrix, first axis against all others, is $U\Sigma V^\top$: U is the first core, and $\Sigma V^\top$, its
    first axis joined to the next, is decomposed in turn. What the cuts remove is orthogonal to what they keep and to
    each other, so the squared error is the sum of all squared singular values cut off. The error is at most
    $\sqrt{d - 1}$ times the smallest one possible with these ranks, for d axes.

    Parameters
    ----------
    T : two axes or more
    ranks : at most so many at each of the d − 1 bonds
    tolerance : or the smallest ranks whose relative error stays within this; 0 keeps all but rounding

    Raises
    ------
    TypeError : T holds no real numbers, or a rank is not whole
    ValueError : not exactly one of `ranks` and `tolerance`; a rank below 1 or not one for each bond; `tolerance`
        outside [0, 1); fewer than two axes, NaN or infinity

    Cost: about $2(m + r)$ FLOPs for each entry of a matrix with m rows of which r directions are kept, $m = n$ at the
    first cut of axes of size n and $m = rn$ at the second, which has $r/n$ times as many entries.
    Source: Oseledets 2011, algorithm 1 and theorem 2.2, doi:10.1137/090752286
    """
    X, largest = _scaled(T)
    bonds = X.ndim - 1
    if (ranks is None) == (tolerance is None):
        raise ValueError("give either the ranks, one for each bond, or a tolerance")
    most = (X.size,) * bonds if ranks is None else _ranks(ranks, bonds, "bond between two axes")
    share = 0.0 if tolerance is None else float(tolerance)
    if not 0 <= share < 1:
        raise ValueError(f"tolerance is a relative error, in [0, 1); got {tolerance}")
    M, length = X, float(np.linalg.norm(X))
    allowed = length * max(share / math.sqrt(bonds), math.sqrt(X.size) * np.finfo(X.dtype).eps)
    cores, cut, r = [], 0.0, 1
    for n, limit in zip(X.shape[:-1], most, strict=True):
        M = M.reshape(r * n, -1)
        U, s = _left_svd(M)
        tails = np.sqrt(np.cumsum(s[::-1] ** 2))[::-1]  # entry k: what is lost if k values are kept
        k = min(max(int(np.count_nonzero(tails > allowed)), 1), limit)
        cut += float(tails[k] ** 2) if k < len(s) else 0.0
        cores.append(U[:, :k].reshape(r, n, k))
        M, r = U[:, :k].T @ M, k
    cores.append((M * largest).reshape(r, X.shape[-1], 1))
    return TensorTrain(tuple(cores), math.sqrt(cut) / length if length else 0.0)


def _left_svd(M: Float[np.ndarray, "m n"]) -> tuple[Float[np.ndarray, "m r"], Float[np.ndarray, " r"]]:
    """Return left singular vectors and singular values; after a QR, so that the SVD sees a square of the short side."""
    if M.shape[0] <= M.shape[1]:
        U, s, _ = np.linalg.svd(np.asarray(np.linalg.qr(M.T, mode="r")).T)
        return U, s
    Q, R = np.linalg.qr(M)
    U, s, _ = np.linalg.svd(R)
    return Q @ U, s


def _mode_products(
    T: Float[np.ndarray, "..."], matrices: Sequence[Float[np.ndarray, "_ _"] | None]
) -> Float[np.ndarray, "..."]:
    """Apply a matrix to every axis, but for those with None."""
    for n, M in enumerate(matrices):
        T = T if M is None else mode_product(T, M, n)
    return T


def _core(
    T: Float[np.ndarray, "..."], factors: Sequence[Float[np.ndarray, "_ _"]]
) -> tuple[Float[np.ndarray, "..."], float]:
    """Return T in the directions of the factors, and the relative error of what these directions keep."""
    core = _mode_products(T, [U.T for U in factors])
    length = float(np.linalg.norm(T))
    return core, float(np.linalg.norm(T - _mode_products(core, factors))) / length if length else 0.0


def _lengths(F: Float[np.ndarray, "n r"]) -> Float[np.ndarray, " r"]:
    """Return the lengths of the columns, 1 for those that are zero."""
    lengths = np.linalg.norm(F, axis=0)
    return np.where(lengths > 0, lengths, 1).astype(F.dtype)


def _scaled(T: Real[np.ndarray, "..."] | list) -> tuple[Float[np.ndarray, "..."], np.floating]:
    """Return T divided by its largest entry, whose squares can neither overflow nor vanish, and that entry."""
    T = as_reals("T", T)
    if T.ndim < 2:
        raise ValueError(f"T needs at least two axes; got shape {T.shape}: reshape it first")
    largest = np.abs(T).max() or T.dtype.type(1)
    return T / largest, largest


def _ranks(ranks: Sequence[int], wanted: int, what: str) -> tuple[int, ...]:
    try:
        whole = tuple(operator.index(r) for r in ranks)
    except TypeError:
        raise TypeError(f"ranks must be whole numbers, one for each {what}; got {ranks!r}") from None
    if len(whole) != wanted:
        raise ValueError(f"ranks must be one for each {what}, {wanted} in all; got {len(whole)}: {whole}")
    if min(whole) < 1:
        raise ValueError(f"ranks must be at least 1; got {whole}")
    return whole


def _check_tolerance(tolerance: float | int) -> None:
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(f"tolerance must be a finite number ≥ 0; got {tolerance}")
