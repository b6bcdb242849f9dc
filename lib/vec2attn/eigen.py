"""Eigenvectors (notebook 3.1): the directions that a map keeps, and four ways to find them.

A vector $v \\ne 0$ is an eigenvector of A with eigenvalue λ when $Av = \\lambda v$. All computing is in float64. Where
only products $v \\to Av$ are needed, a function may stand in for the matrix: nothing of size n × n is then formed.
"""

import math
import operator
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_reals
from vec2attn.vectors import norm, unit

EPS = float(np.finfo(np.float64).eps)
Map = Callable[[np.ndarray], np.ndarray]


class Iteration(NamedTuple):
    """What an iteration found: the eigenvalue, a unit eigenvector, and the way there, one entry a step.

    `values` are the Rayleigh quotients on the way, `residuals` the lengths of $Av - \\rho v$, which are 0 for an
    eigenvector.
    """

    value: float
    vector: Float[np.ndarray, " n"]
    values: Float[np.ndarray, " steps"]
    residuals: Float[np.ndarray, " steps"]


def rayleigh_quotient(A: Real[np.ndarray, "n n"] | list, v: Real[np.ndarray, " n"] | list) -> float:
    r"""Return the number that comes nearest to an eigenvalue for v: $\rho(v) = \dfrac{v^\top A v}{v^\top v}$.

    Of all numbers ρ this one makes $\lVert Av - \rho v \rVert$ smallest. For a symmetric A it lies between the smallest
    and the largest eigenvalue, and an error ε in the direction of an eigenvector becomes an error of order ε² in ρ.

    Raises
    ------
    ValueError : A is not square, the sizes do not fit, or v is zero

    Cost: $2n^2$ FLOPs. Source: Trefethen & Bau 1997, eq. 27.1, doi:10.1137/1.9780898719574
    """
    A = _square(A)
    v = unit(_as_vector("v", v, len(A)))
    return float(v @ (A @ v))


def power_iteration(
    A: Real[np.ndarray, "n n"] | list | Map,
    *,
    start: Real[np.ndarray, " n"] | list | None = None,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-10,
    max_steps: int = 1000,
) -> Iteration:
    r"""Find the eigenvalue of largest size by applying A again and again: $v \leftarrow Av / \lVert Av \rVert$.

    With $|\lambda_1| > |\lambda_2| \ge \dots$ the error of v shrinks by the factor $|\lambda_2 / \lambda_1|$ a
    step, and the error of the value by the same factor, or by its square if A is symmetric.

    Parameters
    ----------
    A : a square matrix, or a function v → Av (then `start` is needed)
    start : where to begin; it must not be without a part along the eigenvector that is sought
    rng : instead of `start`, for a random one
    tolerance : stop when $\lVert Av - \rho v \rVert$ is this small, as a share of the longest Av met
    max_steps : products with A at most

    Raises
    ------
    ValueError : A is not square, the sizes do not fit, or the start is missing or zero
    LinAlgError : no convergence, with the reason: two eigenvalues of (almost) the same size, or too few steps

    Cost: $2n^2$ FLOPs a step. Source: Trefethen & Bau 1997, algorithm 27.1
    """
    M = A if callable(A) else _square(A)
    v = _start(None if callable(M) else len(M), start, rng)
    apply = _as_map(M, len(v))
    values, residuals, longest = [], [], 0.0
    for _ in _steps(tolerance, max_steps):
        w = apply(v)
        values.append(float(v @ w))
        residuals.append(float(norm(w - values[-1] * v)))
        longest = max(longest, float(norm(w)))
        if residuals[-1] <= tolerance * longest:
            return Iteration(values[-1], v, np.array(values), np.array(residuals))
        v = unit(w)
    raise _no_convergence(
        residuals,
        longest,
        tolerance,
        "no eigenvalue is larger in size than all others (a rotation has a complex pair, a reflection 1 and −1), "
        "or the largest two are almost equal, or A is defective",
    )


def inverse_iteration(
    A: Real[np.ndarray, "n n"] | list,
    shift: float | int,
    *,
    start: Real[np.ndarray, " n"] | list | None = None,
    rng: np.random.Generator | None = None,
    rayleigh: bool = False,
    tolerance: float = 1e-10,
    max_steps: int = 1000,
) -> Iteration:
    r"""Find the eigenvalue nearest to `shift`: power iteration with $(A - \mu I)^{-1}$.

    That matrix has the eigenvectors of A and the eigenvalues $1/(\lambda_i - \mu)$, so the error of v shrinks by
    $|\lambda_\text{nearest} - \mu| \,/\, |\lambda_\text{next} - \mu|$ a step. With `rayleigh` the shift becomes the
    Rayleigh quotient after every step: then the number of correct digits triples (A symmetric) or doubles, but which
    eigenvalue is found depends on the start.

    Parameters
    ----------
    A, start, rng : as in `power_iteration`; A is a matrix here
    shift : the number μ; an exact eigenvalue is welcome
    rayleigh : whether to update the shift
    tolerance : stop when $\lVert Av - \rho v \rVert$ is this small, as a share of the Frobenius norm of A
    max_steps : systems to solve at most

    Raises
    ------
    ValueError : A is not square, sizes do not fit, the start is missing or zero, or the shift is not finite
    LinAlgError : no convergence, with the reason

    Cost: $\tfrac23 n^3$ FLOPs a step (numpy has no factorisation to keep; with one, $2n^2$). Source: Trefethen & Bau
    1997, algorithms 27.2 and 27.3; Ipsen 1997, doi:10.1137/S0036144596300773
    """
    A = _square(A)
    v = _start(len(A), start, rng)
    if not math.isfinite(shift):
        raise ValueError(f"shift must be a finite number; got {shift}")
    scale = float(np.abs(A).max()) or 1.0
    A, shift = A / scale, shift / scale
    size = float(norm(A.ravel()))
    values, residuals = [], []
    for _ in _steps(tolerance, max_steps):
        w = A @ v
        values.append(float(v @ w))
        residuals.append(float(norm(w - values[-1] * v)))
        if residuals[-1] <= tolerance * size:
            return Iteration(scale * values[-1], v, scale * np.array(values), scale * np.array(residuals))
        v = unit(_solve_shifted(A, values[-1] if rayleigh and len(values) > 1 else shift, v))
    raise _no_convergence(
        residuals,
        size,
        tolerance,
        "two eigenvalues are (almost) equally far from the shift, as a complex pair is from every real one, "
        "or A is defective",
    )


def tridiagonalize(
    A: Real[np.ndarray, "n n"] | list,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n-1"], Float[np.ndarray, "n n"]]:
    r"""Reduce a symmetric A to a tridiagonal T with the same eigenvalues: $A = Q T Q^\top$, by n − 2 mirrors.

    Mirror j makes column j zero below the entry under the diagonal; applied from both sides it spoils nothing that is
    already zero. Returns the diagonal of T, the entries beside it, and the orthogonal Q.

    Raises
    ------
    ValueError : A is not square or not symmetric

    Cost: about $\tfrac{14}{3} n^3$ FLOPs with Q. Source: Householder 1958, doi:10.1145/320941.320947
    """
    T = _symmetric(A).copy()
    Q = np.eye(len(T))
    for j in range(len(T) - 2):
        v = T[j + 1 :, j].copy()
        if not v[1:].any():
            continue
        v[0] += math.copysign(float(norm(v)), v[0])  # away from cancellation
        v = unit(v)
        T[j + 1 :, j:] -= 2 * np.outer(v, v @ T[j + 1 :, j:])
        T[j + 1 :, j + 1 :] -= 2 * np.outer(T[j + 1 :, j + 1 :] @ v, v)  # row j would only mirror column j
        Q[:, j + 1 :] -= 2 * np.outer(Q[:, j + 1 :] @ v, v)
    return np.diag(T).copy(), np.diag(T, -1).copy(), Q


def qr_algorithm(
    A: Real[np.ndarray, "n n"] | list, *, max_steps: int = 30
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]]:
    r"""Return all eigenvalues of a symmetric A, ascending, and orthonormal eigenvectors as the columns of V.

    $A = V \,\mathrm{diag}(\lambda)\, V^\top$. A step factors $T - \mu I = QR$ and turns round: $T \leftarrow RQ + \mu I
    = Q^\top T Q$, with Wilkinson's shift μ, the eigenvalue of the last 2 × 2 block nearest to the last entry. T stays
    tridiagonal and its last off-diagonal entry falls, as a rule, cubically; when it is 0 to rounding, one eigenvalue is
    done and the rest is a smaller problem (deflation). The sign of a column is free, and so is the basis of the space
    that belongs to a repeated eigenvalue.

    Parameters
    ----------
    A : symmetric up to the rounding of its own data type
    max_steps : QR steps for one eigenvalue, at most

    Raises
    ------
    ValueError : A is not square or not symmetric
    LinAlgError : an eigenvalue took more than `max_steps` steps (two or three are usual)

    Cost: $\tfrac{14}{3} n^3$ FLOPs for the tridiagonal form and about $5 n^3$ for some 1.7 n steps. Source: Francis
    1961, doi:10.1093/comjnl/4.3.265; Wilkinson 1968, doi:10.1016/0024-3795(68)90017-7
    """
    A = _symmetric(A)
    scale = float(np.abs(A).max()) or 1.0
    diagonal, beside, Q = tridiagonalize(A / scale)
    values, V = _diagonalize(diagonal, beside, Q, operator.index(max_steps))
    return scale * values, V


def _diagonalize(
    diagonal: Float[np.ndarray, " n"], beside: Float[np.ndarray, " n-1"], Q: Float[np.ndarray, "m n"], max_steps: int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "m n"]]:
    """Turn a tridiagonal matrix into a diagonal one, its columns of Q with it; sort."""
    d, e = diagonal.tolist(), beside.tolist()  # single numbers are quicker as Python's own
    rows = Q.T.copy()
    end, steps = len(d) - 1, 0
    while end > 0:
        begin = end
        while begin > 0 and abs(e[begin - 1]) > EPS * (abs(d[begin - 1]) + abs(d[begin])):
            begin -= 1
        if begin == end:  # deflation: d[end] is an eigenvalue
            end, steps = end - 1, 0
            continue
        if steps >= max_steps:
            raise np.linalg.LinAlgError(
                f"no convergence: {len(d) - 1 - end} of {len(d)} eigenvalues found, and the next one not in "
                f"{max_steps} steps (an off-diagonal entry is still {abs(e[end - 1]):.1e} of the largest entry of A)"
            )
        steps += 1
        _qr_step(d, e, rows, begin, end)
    order = np.argsort(d, kind="stable")
    return np.array(d)[order], rows[order].T


def _qr_step(d: list[float], e: list[float], rows: Float[np.ndarray, "n m"], begin: int, end: int) -> None:
    """Do one QR step on the block begin … end, without forming Q or R: rotations chase one bulge down the diagonal."""
    half = (d[end - 1] - d[end]) / 2
    mu = d[end] - e[end - 1] ** 2 / (half + math.copysign(math.hypot(half, e[end - 1]), half))
    x, bulge = d[begin] - mu, e[begin]
    for k in range(begin, end):
        r = math.hypot(x, bulge)
        c, s = (x / r, bulge / r) if r > 0 else (1.0, 0.0)
        if k > begin:
            e[k - 1] = r
        a, b, next_a = d[k], e[k], d[k + 1]
        d[k] = c * c * a + 2 * c * s * b + s * s * next_a
        d[k + 1] = s * s * a - 2 * c * s * b + c * c * next_a
        e[k] = c * s * (next_a - a) + (c * c - s * s) * b
        if k + 1 < end:
            x, bulge = e[k], s * e[k + 1]
            e[k + 1] *= c
        rows[k : k + 2] = np.array([[c, s], [-s, c]]) @ rows[k : k + 2]


def lanczos(
    A: Real[np.ndarray, "n n"] | list | Map, n: int, steps: int, *, rng: np.random.Generator
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k-1"], Float[np.ndarray, "n k"]]:
    r"""Shrink a large symmetric A to a small tridiagonal T whose outer eigenvalues are close to those of A.

    The columns of Q are an orthonormal basis of the span of $v, Av, \dots, A^{k-1}v$, for a random v, and
    $T = Q^\top A Q$ has the diagonal α and beside it β. Power iteration uses only the last of these vectors; the best
    combination of all of them finds the largest and the smallest eigenvalue in far fewer products. In exact arithmetic
    three of the vectors are enough for a step; rounding destroys their orthogonality, so each one is made orthogonal to
    all before it, twice.

    Parameters
    ----------
    A : a symmetric matrix, or a function v → Av
    n : the size of v
    steps : products with A, at most n
    rng : for the first vector

    Returns
    -------
    alphas, betas, Q : k = `steps`, or fewer if the span is closed under A before: then all eigenvalues of T are
        eigenvalues of A, and A has no others that the start has a part of

    Raises
    ------
    ValueError : A is not square or not symmetric (for a function: if its products give it away), the sizes do not fit,
        or steps lies outside 1 … n

    Cost: k products with A, $4nk^2$ FLOPs to keep Q orthogonal, nk numbers of memory. Source: Lanczos 1950,
    doi:10.6028/jres.045.026; twice is enough: Giraud, Langou, Rozložník & van den Eshof 2005,
    doi:10.1007/s00211-005-0615-4
    """
    n, steps = operator.index(n), operator.index(steps)
    if not 1 <= steps <= n:
        raise ValueError(f"steps must lie in 1 … n, the size of v; got {steps} steps and n = {n}")
    apply = _as_map(A if callable(A) else _symmetric(A), n)
    Q = np.zeros((n, steps))
    Q[:, 0] = unit(rng.standard_normal(n))
    alphas, betas, longest = [], [0.0], 0.0
    for j in range(steps):
        w = apply(Q[:, j])
        longest = max(longest, float(norm(w)))
        before = Q[:, : j + 1]
        parts = before.T @ w
        alphas.append(parts[j])
        off = np.abs(parts[:j] - np.append(np.zeros(j), betas[-1])[1:]).max(initial=0)
        if off > 1e-3 * longest:
            raise ValueError(
                f"the map is not symmetric: after {j + 1} products u · Av and v · Au differ by {off:.2g}, and the "
                f"longest Av is {longest:.2g}"
            )
        w = w - before @ parts
        w -= before @ (before.T @ w)
        beta = float(norm(w))
        if j + 1 == steps or beta <= n * EPS * longest:
            break
        betas.append(beta)
        Q[:, j + 1] = w / beta
    return np.array(alphas), np.array(betas[1:]), Q[:, : len(alphas)]


def ritz_values(
    alphas: Real[np.ndarray, " k"] | list, betas: Real[np.ndarray, " k-1"] | list
) -> Float[np.ndarray, " k"]:
    r"""Return the eigenvalues of the tridiagonal T of `lanczos`, ascending: estimates of eigenvalues of A.

    All lie between the smallest and the largest eigenvalue of A.

    Raises
    ------
    ValueError : there is not one beta fewer than there are alphas

    Cost: $O(k^2)$ FLOPs.
    """
    d = as_reals("alphas", alphas).astype(np.float64)
    e = np.asarray(betas, dtype=np.float64) if np.size(betas) == 0 else as_reals("betas", betas).astype(np.float64)
    if d.ndim != 1 or e.shape != (len(d) - 1,):
        raise ValueError(f"need alphas (k,) and betas (k − 1,); got alphas {d.shape} and betas {e.shape}")
    scale = float(max(np.abs(d).max(), np.abs(e).max(initial=0))) or 1.0
    values, _ = _diagonalize(d / scale, e / scale, np.zeros((0, len(d))), max_steps=30)
    return scale * values


def _square(A: Real[np.ndarray, "..."] | list) -> Float[np.ndarray, "n n"]:
    array = as_reals("A", A)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"A must be square, shape (n, n): only then do Av and v live in one space; got {array.shape}")
    return array.astype(np.float64)


def _symmetric(A: Real[np.ndarray, "..."] | list) -> Float[np.ndarray, "n n"]:
    square = _square(A)
    given = np.asarray(A).dtype
    eps = float(np.finfo(given).eps) if given.kind == "f" else EPS
    difference = np.abs(square - square.T)
    if difference.max() > 10 * len(square) * eps * np.abs(square).max():
        i, j = (int(k) for k in np.argwhere(difference == difference.max())[0])
        raise ValueError(
            f"A must be symmetric; A[{i}, {j}] = {square[i, j]:.6g} but A[{j}, {i}] = {square[j, i]:.6g} "
            f"(the largest difference, {difference.max():.2g})"
        )
    return square / 2 + square.T / 2


def _start(
    n: int | None, start: Real[np.ndarray, "..."] | list | None, rng: np.random.Generator | None
) -> Float[np.ndarray, " n"]:
    """Return the first vector, of length 1: along the one given, or in a random direction."""
    if (start is None) == (rng is None):
        raise ValueError("give either a start vector or an rng for a random one")
    if start is None:
        if rng is None or n is None:
            raise ValueError("A is a function, which does not tell its size: give a start vector")
        return unit(rng.standard_normal(n))
    return unit(_as_vector("start", start, n), "start")


def _as_vector(name: str, values: Real[np.ndarray, "..."] | list, n: int | None) -> Float[np.ndarray, " n"]:
    v = as_reals(name, values).astype(np.float64)
    if v.ndim != 1 or n not in (None, len(v)):
        raise ValueError(f"{name} must be one vector{'' if n is None else f' of {n} numbers'}; got shape {v.shape}")
    return v


def _as_map(A: Float[np.ndarray, "n n"] | Map, n: int) -> Map:
    """Return v → Av, with what comes back checked."""
    if not callable(A) and len(A) != n:
        raise ValueError(f"A has shape {A.shape}, but n = {n}")

    def apply(v: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        w = as_reals("A v", A(v.copy()) if callable(A) else A @ v).astype(np.float64)
        if w.shape != (n,):
            raise ValueError(f"A must take {n} numbers to {n} numbers; it returned shape {w.shape}")
        return w

    return apply


def _solve_shifted(A: Float[np.ndarray, "n n"], shift: float, v: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Solve (A − shift · I) w = v; a shift that is an eigenvalue is moved by a rounding error."""
    nudge = EPS * max(1.0, abs(shift))
    while True:
        try:
            return np.linalg.solve(A - shift * np.eye(len(A)), v)
        except np.linalg.LinAlgError:
            shift, nudge = shift + nudge, 2 * nudge


def _steps(tolerance: float, max_steps: int) -> Iterator[int]:
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance is a share, in (0, 1); got {tolerance}")
    if operator.index(max_steps) < 1:
        raise ValueError(f"max_steps must be at least 1; got {max_steps}")
    return iter(range(max_steps))


def _no_convergence(residuals: list[float], scale: float, tolerance: float, reason: str) -> np.linalg.LinAlgError:
    """Say how far an iteration came, how fast, and why it is not there."""
    shares = np.array(residuals) / scale
    met = f"no convergence in {len(shares)} steps: ‖Av − ρv‖ is {shares[-1]:.1e} of the size of A, not {tolerance:.0e}"
    if len(shares) == 1:
        return np.linalg.LinAlgError(f"{met}; allow more than one step")
    half = (len(shares) - 1) // 2
    rate = float((shares[-1] / shares[half]) ** (1 / (len(shares) - 1 - half)))
    if rate > 0.995:
        return np.linalg.LinAlgError(f"{met}, with a factor of {rate:.4f} a step of late: {reason}")
    more = math.ceil(math.log(tolerance / shares[-1]) / math.log(rate))
    return np.linalg.LinAlgError(f"{met}; with a factor of {rate:.4f} a step, about {more} steps more are needed")
