"""Matrices (part 2): maps of space, layers between spaces, and orthogonal bases.

One convention throughout the book: rows are samples. A map A sends the row x to $x A^\\top$, so that `points @ A.T`
maps all rows of `points`, and a rotation by a positive angle turns counter-clockwise. `points @ A` is the transposed
map.
"""

import math
import operator
from typing import Literal

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_reals
from vec2attn.vectors import norm, unit


def rotation(theta: float | int) -> Float[np.ndarray, "2 2"]:
    r"""Return the matrix that turns the plane counter-clockwise by theta radians.

    $\begin{pmatrix}\cos\theta & -\sin\theta\\ \sin\theta & \cos\theta\end{pmatrix}$, to be used as `points @ R.T`.

    Raises
    ------
    ValueError : theta is not finite
    """
    c, s = math.cos(_finite("theta", theta)), math.sin(theta)
    return np.array([[c, -s], [s, c]])


def reflection(phi: float | int) -> Float[np.ndarray, "2 2"]:
    r"""Return the matrix that mirrors the plane in the line through 0 at the angle phi (radians).

    $\begin{pmatrix}\cos 2\varphi & \sin 2\varphi\\ \sin 2\varphi & -\cos 2\varphi\end{pmatrix}$, with
    determinant −1.

    Raises
    ------
    ValueError : phi is not finite
    """
    c, s = math.cos(2 * _finite("phi", phi)), math.sin(2 * phi)
    return np.array([[c, s], [s, -c]])


def shear(amount: float | int) -> Float[np.ndarray, "2 2"]:
    r"""Return the matrix that moves (x, y) to (x + amount · y, y): areas stay, right angles do not.

    Raises
    ------
    ValueError : amount is not finite
    """
    return np.array([[1.0, _finite("amount", amount)], [0.0, 1.0]])


def scaling(*factors: float | int) -> Float[np.ndarray, "n n"]:
    r"""Return the diagonal matrix that stretches axis i by factor i.

    Raises
    ------
    ValueError : no factors, or one that is not finite
    """
    if not factors:
        raise ValueError("scaling needs a factor for each axis; got none")
    return np.diag([_finite("a factor", factor) for factor in factors])


def projection(
    basis: Real[np.ndarray, "k n"] | Real[np.ndarray, " n"] | list,
) -> Float[np.ndarray, "n n"]:
    r"""Return the matrix P of the orthogonal projection on the span of the rows of `basis`.

    With an orthonormal basis Q of the span (as rows), $P = Q^\top Q$; so $P^2 = P$ and $P^\top = P$. A vector (n,) is
    taken as the single row of a basis.

    Raises
    ------
    ValueError : the rows are linearly dependent, or zero; or more than two axes

    Cost: $2nk^2$ FLOPs for the basis, $2n^2k$ for P.
    """
    B = np.atleast_2d(as_reals("basis", basis))
    if B.ndim != 2:
        raise ValueError(f"basis must be a vector (n,) or a matrix with the basis as rows (k, n); got shape {B.shape}")
    if not B.any():
        raise ValueError("the basis is zero: it spans no line")
    Q, R = householder_qr(B.T) if len(B) <= B.shape[1] else (B, np.zeros((1, 1), B.dtype))
    size = np.abs(np.diag(R))
    if size.min() <= size.max() * max(B.shape) * np.finfo(B.dtype).eps:
        raise ValueError(
            f"the {len(B)} rows of the basis are linearly dependent: leave out those that add no direction"
        )
    return Q @ Q.T


def linear(
    X: Real[np.ndarray, "*batch inputs"] | list, W: Real[np.ndarray, "outputs inputs"] | list
) -> Float[np.ndarray, "*batch outputs"]:
    r"""Apply the map W to every row: $X W^\top$. Cost: $2 \cdot \text{inputs} \cdot \text{outputs}$ FLOPs a row.

    W has the shape (outputs, inputs), as in PyTorch: row j of W is what output j looks for.

    Raises
    ------
    ValueError : the sizes do not fit
    """
    X, W = as_reals("X", X), as_reals("W", W)
    if W.ndim != 2 or X.shape[-1] != W.shape[1]:
        raise ValueError(f"need X (…, inputs) and W (outputs, inputs); got X {X.shape} and W {W.shape}")
    return X @ W.T


def affine(
    X: Real[np.ndarray, "*batch inputs"] | list,
    W: Real[np.ndarray, "outputs inputs"] | list,
    b: Real[np.ndarray, " outputs"] | list,
) -> Float[np.ndarray, "*batch outputs"]:
    r"""Apply W to every row and add the bias b: $X W^\top + b$. Not a linear map unless b = 0: it moves the origin.

    Raises
    ------
    ValueError : the sizes do not fit
    """
    W, b = as_reals("W", W), as_reals("b", b)
    if W.ndim != 2 or b.shape != W.shape[:1]:
        raise ValueError(f"need W (outputs, inputs) and b (outputs,); got W {W.shape} and b {b.shape}")
    return linear(X, W) + b


def gram_schmidt(
    A: Real[np.ndarray, "n k"] | list, method: Literal["classical", "modified"] = "modified"
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "k k"]]:
    r"""Make the columns of A orthonormal, one after the other: $A = QR$ with R upper triangular.

    From each column the shadows on the earlier ones are taken away. "classical" computes all shadows of the column as
    it came, "modified" each shadow of what is left so far: the same in exact arithmetic, not in rounding. With
    condition number $\kappa$ and rounding unit u, $\lVert Q^\top Q - I \rVert$ grows like
    $u\kappa^2$ and like $u\kappa$.

    Parameters
    ----------
    A : columns to orthonormalise, at most as many as rows
    method : "classical" or "modified"

    Raises
    ------
    ValueError : more columns than rows, or a column of which nothing but rounding is left; "classical" may be too far
        from orthogonal by then to notice

    Cost: $2nk^2$ FLOPs. Source: Björck 1967, doi:10.1007/BF01934122; Giraud, Langou, Rozložník & van den Eshof 2005,
    doi:10.1007/s00211-005-0615-4
    """
    A = _tall(A)
    if method not in ("classical", "modified"):
        raise ValueError(f'method must be "classical" or "modified"; got {method!r}')
    Q, R = np.zeros_like(A), np.zeros((A.shape[1], A.shape[1]), A.dtype)
    for j in range(A.shape[1]):
        v = A[:, j].copy()
        if method == "classical":
            R[:j, j] = Q[:, :j].T @ v
            v -= Q[:, :j] @ R[:j, j]
        else:
            for i in range(j):
                R[i, j] = Q[:, i] @ v
                v -= R[i, j] * Q[:, i]
        R[j, j] = norm(v)
        if R[j, j] <= max(A.shape) * np.finfo(A.dtype).eps * norm(A[:, j]):
            raise ValueError(
                f"column {j} is, to rounding, a linear combination of the columns before it: no direction is left"
            )
        Q[:, j] = v / R[j, j]
    return Q, R


def householder_qr(
    A: Real[np.ndarray, "n k"] | list,
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "k k"]]:
    r"""Factor $A = QR$ by mirrors: Q has orthonormal columns, to rounding, however ill-conditioned A is.

    Each step mirrors the rest of a column onto the axis, $H = I - 2vv^\top$ with a unit vector v; Q is the product of
    the mirrors. The signs are those that leave R with a diagonal ≥ 0, so that a full-rank A has one factorisation.

    Raises
    ------
    ValueError : more columns than rows

    Cost: $4nk^2 - \tfrac43 k^3$ FLOPs with Q. Source: Householder 1958, doi:10.1145/320941.320947
    """
    R = _tall(A).copy()
    n, k = R.shape
    mirrors = []
    for j in range(k):
        v = R[j:, j].copy()
        v[0] += math.copysign(float(norm(v)), v[0])  # away from cancellation
        v = unit(v) if v.any() else v
        R[j:, j:] -= 2 * np.outer(v, v @ R[j:, j:])
        mirrors.append(v)
    Q = np.eye(n, k, dtype=R.dtype)
    for j in reversed(range(k)):
        v = mirrors[j]
        Q[j:, j:] -= 2 * np.outer(v, v @ Q[j:, j:])
    signs = np.where(np.diag(R) < 0, -1, 1).astype(R.dtype)
    return Q * signs, np.triu(R[:k]) * signs[:, None]


def least_squares(
    A: Real[np.ndarray, "n k"] | list, B: Real[np.ndarray, " n *targets"] | list
) -> Float[np.ndarray, " k *targets"]:
    r"""Return the X that makes $\lVert AX - B \rVert$ smallest, for a matrix A of full column rank.

    $AX$ is the orthogonal projection of B on the column space of A; with $A = QR$ it remains to solve $RX = Q^\top B$
    from the last row up. No $A^\top A$ is formed, which would square the condition number.

    Raises
    ------
    ValueError : sizes do not fit, or the columns of A are linearly dependent: X is not unique

    Cost: that of `householder_qr`.
    """
    A, B = _tall(A), as_reals("B", B)
    if len(A) != len(B):
        raise ValueError(f"A and B need the same number of rows; got A {A.shape} and B {B.shape}")
    Q, R = householder_qr(A)
    # R has the singular values of A; a tiny one can hide behind a diagonal without tiny entries
    stretch = np.linalg.svd(R, compute_uv=False)
    if stretch[-1] <= stretch[0] * max(A.shape) * np.finfo(A.dtype).eps:
        raise ValueError("the columns of A are, to rounding, linearly dependent: many X are equally good")
    X = Q.T @ B.reshape(len(B), -1)
    for j in reversed(range(len(R))):
        X[j] = (X[j] - R[j, j + 1 :] @ X[j + 1 :]) / R[j, j]
    return X.reshape(-1, *B.shape[1:])


def orthogonal_init(rows: int, columns: int, rng: np.random.Generator) -> Float[np.ndarray, "rows columns"]:
    r"""Return a random matrix with orthonormal rows (or columns, if there are fewer), uniform over all of them.

    Q of a Gaussian matrix, with signs such that R has a positive diagonal. A square one keeps all lengths.

    Raises
    ------
    ValueError : a size below 1

    Source: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120; the signs: Mezzadri 2007, arXiv:math-ph/0609050
    """
    rows, columns = operator.index(rows), operator.index(columns)
    if min(rows, columns) < 1:
        raise ValueError(f"a matrix has at least one row and one column; got {rows} × {columns}")
    Q, _ = householder_qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    return Q if rows >= columns else Q.T


def _finite(name: str, value: float | int) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number; got {value}")
    return float(value)


def _tall(A: Real[np.ndarray, "n k"] | list) -> Float[np.ndarray, "n k"]:
    array = as_reals("A", A)
    if array.ndim != 2 or array.shape[0] < array.shape[1]:
        raise ValueError(f"A must be a matrix with at least as many rows as columns; got shape {array.shape}")
    return array
