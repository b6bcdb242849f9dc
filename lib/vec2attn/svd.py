"""The singular value decomposition: rotate, stretch, rotate; and what it is good for.

Everywhere $A = U \\Sigma V^\\top$ with thin factors: A (m, n), r = min(m, n), U (m, r), s (r,) falling, Vt (r, n).
"""

import numpy as np
from jaxtyping import Float, Int, Real

from vec2attn.arrays import as_matrix, as_reals


def svd(
    A: Real[np.ndarray, "m n"] | list, *, max_sweeps: int = 40
) -> tuple[Float[np.ndarray, "m r"], Float[np.ndarray, " r"], Float[np.ndarray, "r n"]]:
    r"""Factor $A = U\Sigma V^\top$ by one-sided Jacobi: turn pairs of columns until all are orthogonal.

    Two columns a, b are made orthogonal by the rotation in their plane with $\cot 2\theta = (b \cdot b - a \cdot a) /
    (2\, a \cdot b)$; V collects the rotations, the lengths that are left are the singular values, and the columns
    divided by them are U. A sweep meets every pair once, n/2 disjoint pairs at a time, as in a tournament. Small
    singular values keep their leading digits when A is badly scaled by columns, which no method on $A^\top A$ can.

    Parameters
    ----------
    A : any real matrix
    max_sweeps : sweeps before giving up; 5 to 14 are usual, more for larger matrices

    Returns
    -------
    U, s, Vt : thin factors, s falling and ≥ 0

    Raises
    ------
    ValueError : not a matrix, no entries, NaN or infinity
    RuntimeError : not orthogonal after `max_sweeps`

    Cost: about $6mn^2 + 3n^3$ FLOPs a sweep with m ≥ n. Source: Hestenes 1958, doi:10.1137/0106005; Demmel & Veselić
    1992, doi:10.1137/0613074
    """
    A = as_matrix("A", A)
    if A.shape[0] < A.shape[1]:
        U, s, Vt = svd(A.T, max_sweeps=max_sweeps)
        return Vt.T, s, U.T
    scale = np.abs(A).max() or A.dtype.type(1)  # squares of the entries can then not overflow
    # the columns of A and V as rows, which lie together in memory
    B, Vt = np.ascontiguousarray(A.T) / scale, np.eye(A.shape[1], dtype=A.dtype)
    rounds = _tournament(A.shape[1])
    for _ in range(max_sweeps):
        if not any([_orthogonalise(B, Vt, i, j) for i, j in rounds]):  # a list: every round must be played
            break
    else:
        raise RuntimeError(f"the columns of A {A.shape} are not orthogonal after {max_sweeps} sweeps")
    s = np.linalg.norm(B, axis=1)
    order = np.argsort(-s, kind="stable")
    return _basis(B[order], s[order]), s[order] * scale, Vt[order]


def _tournament(n: int) -> list[tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]]:
    """Return rounds of disjoint pairs (i, j) in which each of n players meets every other once."""
    players = np.arange(n + n % 2)  # with an odd number, whoever meets the extra one rests
    rounds = []
    for _ in range(len(players) - 1):
        i, j = np.sort([players[: len(players) // 2], players[: len(players) // 2 - 1 : -1]], axis=0)
        rounds.append((i[j < n], j[j < n]))
        players[1:] = np.roll(players[1:], 1)
    return rounds


def _orthogonalise(
    B: Float[np.ndarray, "n m"],
    Vt: Float[np.ndarray, "n n"],
    i: Int[np.ndarray, " pairs"],
    j: Int[np.ndarray, " pairs"],
) -> bool:
    """Turn the rows i and j of B against each other until they are orthogonal, and Vt likewise; False: they were."""
    a, b = B[i], B[j]
    aa, bb, ab = (np.einsum("pm,pm->p", x, y) for x, y in ((a, a), (b, b), (a, b)))
    apart = np.abs(ab) > B.shape[1] * np.finfo(B.dtype).eps * np.sqrt(aa) * np.sqrt(bb)
    if not apart.any():
        return False
    i, j = i[apart], j[apart]
    zeta = (bb[apart] - aa[apart]) / (2 * ab[apart])
    t = np.where(zeta < 0, -1, 1) / (np.abs(zeta) + np.hypot(1, zeta))  # tan θ of the smaller of the two angles
    c = (1 / np.sqrt(1 + t * t))[:, None]
    d = c * t[:, None]
    for M in (B, Vt):
        M[i], M[j] = c * M[i] - d * M[j], d * M[i] + c * M[j]
    return True


def _basis(B: Float[np.ndarray, "n m"], s: Float[np.ndarray, " n"]) -> Float[np.ndarray, "m n"]:
    """Divide orthogonal rows by their lengths, as columns; where nothing is left, put directions that are missing."""
    full = int(np.count_nonzero(s > B.shape[1] * np.finfo(B.dtype).tiny ** 0.5))
    U = (B[:full] / s[:full, None]).T
    if full == len(s):
        return U
    return np.hstack([U, np.linalg.qr(U, mode="complete")[0][:, full : len(s)]])


def truncate(
    U: Float[np.ndarray, "m r"], s: Float[np.ndarray, " r"], Vt: Float[np.ndarray, "r n"], k: int
) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, "k n"]]:
    r"""Return the two thin factors L (m, k) and R (k, n) of the best rank-k approximation $LR = U_k\Sigma_kV_k^\top$.

    No matrix of rank k is nearer to A, in the 2-norm or in the Frobenius norm: the errors are $\sigma_{k+1}$ and
    $(\sigma_{k+1}^2 + \dots + \sigma_r^2)^{1/2}$. The singular values are shared evenly, $\sqrt\sigma$ to each factor.
    The factors hold k (m + n) numbers, A holds mn.

    Raises
    ------
    ValueError : k outside 1 … r, or factors that do not fit together

    Source: Eckart & Young 1936, doi:10.1007/BF02288367; Mirsky 1960, doi:10.1093/qmath/11.1.50
    """
    U, s, Vt = as_matrix("U", U), as_reals("s", s), as_matrix("Vt", Vt)
    if not U.shape[1:] == s.shape == Vt.shape[:1]:
        raise ValueError(f"need U (m, r), s (r,), Vt (r, n); got U {U.shape}, s {s.shape}, Vt {Vt.shape}")
    if not 1 <= k <= len(s):
        raise ValueError(f"k must lie in 1 … {len(s)}, the number of singular values; got {k}")
    root = np.sqrt(s[:k])
    return U[:, :k] * root, root[:, None] * Vt[:k]


def pseudo_inverse(A: Real[np.ndarray, "m n"] | list, *, relative: float | None = None) -> Float[np.ndarray, "n m"]:
    r"""Return $A^+ = V\Sigma^+U^\top$: it undoes A where A can be undone, and is zero where A forgot.

    $A^+b$ is the shortest of all least-squares solutions of $Ax = b$.

    Parameters
    ----------
    A : any real matrix
    relative : singular values up to this share of the largest count as zero; max(m, n) times rounding by default

    Raises
    ------
    ValueError : not a matrix, no entries, NaN or infinity; `relative` outside [0, 1)

    Source: Penrose 1955, doi:10.1017/S0305004100030401
    """
    U, s, Vt = svd(A)
    cut = max(U.shape[0], Vt.shape[1]) * np.finfo(s.dtype).eps if relative is None else relative
    if not 0 <= cut < 1:
        raise ValueError(f"relative must lie in [0, 1); got {relative}")
    kept = s > cut * s[0]
    return (Vt[kept].T / s[kept]) @ U[:, kept].T


def polar(A: Real[np.ndarray, "m n"] | list) -> tuple[Float[np.ndarray, "m n"], Float[np.ndarray, "n n"]]:
    r"""Factor $A = QH$: a rotation or mirror $Q = UV^\top$ after a stretch $H = V\Sigma V^\top$, like $re^{i\varphi}$.

    Q is the matrix with orthonormal columns nearest to A; it is unique if A has full rank.

    Raises
    ------
    ValueError : more columns than rows; not a matrix, no entries, NaN or infinity

    Source: Higham 1986, doi:10.1137/0907079
    """
    A = as_matrix("A", A)
    if A.shape[0] < A.shape[1]:
        raise ValueError(f"A must have at least as many rows as columns; got shape {A.shape}: take the factors of A.T")
    U, s, Vt = svd(A)
    return U @ Vt, (Vt.T * s) @ Vt


def randomized_svd(
    A: Real[np.ndarray, "m n"] | list,
    k: int,
    *,
    rng: np.random.Generator,
    oversampling: int = 10,
    passes: int = 4,
) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, " k"], Float[np.ndarray, "k n"]]:
    r"""Return the k largest singular values and their vectors, approximately, without the full decomposition.

    Random combinations of the columns, $Y = A\Omega$ with $\Omega$ (n, k + oversampling), almost surely span nearly
    the space of the first left singular vectors; power passes, $Y \leftarrow A(A^\top Y)$, make the small singular
    values matter less. With an orthonormal basis Q of Y, the small matrix $Q^\top A$ has the SVD that is wanted.

    Parameters
    ----------
    A : any real matrix
    k : how many singular values
    rng : source of $\Omega$
    oversampling : columns of $\Omega$ beyond k
    passes : power passes; 0 for a spectrum that falls fast, more for a flat one

    Raises
    ------
    ValueError : k outside 1 … min(m, n), negative `oversampling` or `passes`; not a matrix, no entries, NaN, infinity

    Cost: $4mn(k + p)(q + 1)$ FLOPs for p extra columns and q passes, against about $4mn^2$ for all.
    Source: Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1, arXiv:0909.4061
    """
    A = as_matrix("A", A)
    if not 1 <= k <= min(A.shape):
        raise ValueError(f"k must lie in 1 … {min(A.shape)} for A {A.shape}; got {k}")
    if oversampling < 0 or passes < 0:
        raise ValueError(f"oversampling and passes must be ≥ 0; got {oversampling} and {passes}")
    width = min(k + oversampling, *A.shape)
    Q = np.linalg.qr(A @ rng.standard_normal((A.shape[1], width)).astype(A.dtype))[0]
    for _ in range(passes):
        Q = np.linalg.qr(A @ np.linalg.qr(A.T @ Q)[0])[0]  # without this care all columns turn into the first
    U, s, Vt = np.linalg.svd(Q.T @ A, full_matrices=False)
    return Q @ U[:, :k], s[:k], Vt[:k]


def effective_rank(s: Real[np.ndarray, " r"] | list) -> float:
    r"""Return over how many directions the singular values are spread: $e^{H(p)}$, $p_i = \sigma_i / \sum_j \sigma_j$.

    It is r for r equal values and 1 for a single one; the exponential of an entropy, as perplexity is.

    Raises
    ------
    ValueError : s is not one row of numbers ≥ 0, or all are zero

    Source: Roy & Vetterli 2007, definition 1, EUSIPCO
    """
    s = as_reals("s", s)
    if s.ndim != 1 or s.min() < 0 or s.max() == 0:
        raise ValueError(f"s must be singular values: one axis, none negative, not all zero; got shape {s.shape}")
    p = s[s > 0] / s.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def marchenko_pastur(x: Real[np.ndarray, "*shape"] | list, ratio: float | int) -> Float[np.ndarray, "*shape"]:
    r"""Return the density of the singular values of a large random matrix whose longer side is scaled away.

    For A (m, n) with independent entries of mean 0 and variance 1, the values $x = \sigma/\sqrt{\max(m, n)}$ lie
    between $a = 1 - \sqrt\beta$ and $b = 1 + \sqrt\beta$ with $\beta = \min(m, n)/\max(m, n)$, and have the density
    $\sqrt{(b^2 - x^2)(x^2 - a^2)}\,/\,(\pi\beta x)$. For a square matrix it is a quarter of an ellipse,
    $\sqrt{4 - x^2}/\pi$ (the quarter-circle law). The sizes enter by their ratio alone.

    Parameters
    ----------
    x : where the density is wanted, ≥ 0
    ratio : β, the shorter side divided by the longer, in (0, 1]

    Raises
    ------
    ValueError : a negative, NaN or infinite x; `ratio` outside (0, 1]

    Source: Marchenko & Pastur 1967, doi:10.1070/SM1967v001n04ABEH001994, for $x^2$
    """
    if not 0 < ratio <= 1:
        raise ValueError(f"ratio is the shorter side divided by the longer, in (0, 1]; got {ratio}")
    x = as_reals("x", x)
    if x.min() < 0:
        raise ValueError(f"singular values are never negative; got {x.min()}")
    if ratio == 1:
        return np.sqrt(np.maximum(4 - x * x, 0)) / np.pi
    squares = (1 + np.array([-1, 1]) * np.sqrt(ratio)) ** 2
    inside = np.maximum((squares[1] - x * x) * (x * x - squares[0]), 0)
    return (np.sqrt(inside) / (np.pi * ratio * np.where(x > 0, x, 1))).astype(x.dtype)


def random_spectrum(m: int, n: int) -> Float[np.ndarray, " r"]:
    r"""Return the singular values, falling, that the law of Marchenko and Pastur predicts for a random (m, n) matrix.

    The entries are independent with mean 0 and variance 1; multiply by their standard deviation for others. Value i of
    r = min(m, n) is the point that a share $(i - 1/2)/r$ of the density lies above. With $x^2 = 1 + \beta +
    2\sqrt\beta\cos\theta$ the density becomes $2\sin^2\theta / (\pi x^2)$ in θ, smooth to both ends; its midpoint sum
    is the distribution function.

    Raises
    ------
    ValueError : a side below 1

    Source: as `marchenko_pastur`
    """
    if min(m, n) < 1:
        raise ValueError(f"a matrix has at least one row and one column; got {m} × {n}")
    r, beta, steps = min(m, n), min(m, n) / max(m, n), 20_000
    theta = (np.arange(steps) + 0.5) * np.pi / steps
    squares = 1 + beta + 2 * np.sqrt(beta) * np.cos(theta)  # falling from b² to a²
    share = np.cumsum(2 * np.sin(theta) ** 2 / squares) / steps
    x = np.interp((np.arange(r) + 0.5) / r, share / share[-1], np.sqrt(squares))
    return x * np.sqrt(max(m, n))
