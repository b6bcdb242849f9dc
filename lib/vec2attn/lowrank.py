"""Low rank at work (notebook 4.3): two thin layers for one, LoRA, and other matrices with few numbers.

Weights have the shape (outputs, inputs) = (m, n), samples are rows. A dense layer has mn weights and costs 2mn FLOPs a
row; what is here needs fewer of both, and cannot be every matrix.
"""

import math

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_matrix, as_reals, whole_number
from vec2attn.matrices import householder_qr
from vec2attn.svd import truncate


class LowRankLinear:
    r"""A layer whose weight is a product of two thin matrices that are never multiplied: $(XR^\top)L^\top + b$.

    The weight $LR$ has rank k at most. k(m + n) weights instead of mn, $2k(m + n)$ FLOPs a row instead of $2mn$.

    Parameters
    ----------
    L, R : shapes (m, k) and (k, n)
    b : bias (m,), or none

    Raises
    ------
    ValueError : the sizes do not fit; not matrices, no entries, NaN or infinity
    """

    def __init__(
        self,
        L: Real[np.ndarray, "m k"] | list,
        R: Real[np.ndarray, "k n"] | list,
        b: Real[np.ndarray, " m"] | list | None = None,
    ) -> None:
        self.L, self.R = as_matrix("L", L), as_matrix("R", R)
        if self.L.shape[1] != self.R.shape[0]:
            raise ValueError(f"need L (m, k) and R (k, n); got L {self.L.shape} and R {self.R.shape}")
        self.b = _bias(b, len(self.L))

    @classmethod
    def truncated(
        cls, W: Real[np.ndarray, "m n"] | list, k: int, b: Real[np.ndarray, " m"] | list | None = None
    ) -> "LowRankLinear":
        r"""Return the layer whose weight is the best rank-k approximation of W (Eckart–Young; SVD by LAPACK).

        Raises
        ------
        ValueError : k outside 1 … min(m, n); not a matrix, no entries, NaN or infinity
        """
        U, s, Vt = np.linalg.svd(as_matrix("W", W), full_matrices=False)
        return cls(*truncate(U, s, Vt, k), b)

    def __call__(self, X: Real[np.ndarray, "*batch n"] | list) -> Float[np.ndarray, "*batch m"]:
        """Apply both layers to every row."""
        return _rows("X", X, self.R.shape[1]) @ self.R.T @ self.L.T + self.b

    @property
    def parameters(self) -> int:
        """Return how many weights there are, k(m + n); biases are not counted."""
        return self.L.size + self.R.size

    @property
    def flops(self) -> int:
        """Return the FLOPs of both products for one row, 2k(m + n)."""
        return 2 * self.parameters

    def dense(self) -> Float[np.ndarray, "m n"]:
        """Return the weight as one matrix: mn numbers again."""
        return self.L @ self.R

    def svd(self) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, " k"], Float[np.ndarray, "k n"]]:
        r"""Return the thin SVD of $LR$ without forming it.

        With $L = Q_1S_1$ and $R^\top = Q_2S_2$ only $S_1S_2^\top$ (k, k) is left to
        decompose.

        Raises
        ------
        ValueError : k is larger than m or n: the factors are not thin

        Cost: $4(m + n)k^2$ FLOPs, and some $20k^3$, instead of some $20mn^2$.
        """
        if self.L.shape[1] > min(len(self.L), self.R.shape[1]):
            raise ValueError(f"need k ≤ m and k ≤ n; got L {self.L.shape} and R {self.R.shape}: decompose L @ R")
        (Q1, S1), (Q2, S2) = householder_qr(self.L), householder_qr(self.R.T)
        U, s, Vt = np.linalg.svd(S1 @ S2.T)
        return Q1 @ U, s, Vt @ Q2.T


def break_even_rank(outputs: int, inputs: int) -> float:
    """Return the rank from which on two thin layers have no fewer weights than the dense one: mn / (m + n)."""
    m, n = whole_number("outputs", outputs), whole_number("inputs", inputs)
    return m * n / (m + n)


class LoRA:
    r"""A trained layer that stays as it is, with a small layer beside it that learns: $W + \frac{\alpha}{r} BA$.

    $Y = XW^\top + \frac{\alpha}{r}\,(XA^\top)B^\top + b$. B starts at zero, so that at first nothing changes; A starts
    Gaussian with variance 1/n. Only B (m, r) and A (r, n) are to be trained, in place: r(m + n) numbers instead of mn.

    Parameters
    ----------
    W : the trained weight (m, n); never changed
    r : rank of the update
    rng : source of A
    alpha : size of the update is alpha / r; alpha = r by default
    b : bias (m,), or none; never changed

    Raises
    ------
    ValueError : r outside 1 … min(m, n), alpha not positive and finite, sizes that do not fit; NaN or infinity

    Source: Hu et al. 2021, eq. 3 and section 4.1, arXiv:2106.09685
    """

    def __init__(
        self,
        W: Real[np.ndarray, "m n"] | list,
        r: int,
        *,
        rng: np.random.Generator,
        alpha: float | int | None = None,
        b: Real[np.ndarray, " m"] | list | None = None,
    ) -> None:
        self.W = as_matrix("W", W)
        m, n = self.W.shape
        if not 1 <= whole_number("r", r) <= min(m, n):
            raise ValueError(f"r must lie in 1 … {min(m, n)} for W {self.W.shape}; got {r}")
        alpha = r if alpha is None else alpha
        if not (math.isfinite(alpha) and alpha > 0):
            raise ValueError(f"alpha must be a positive finite number; got {alpha}")
        self.scale = float(alpha) / r
        self.B = np.zeros((m, r), self.W.dtype)
        self.A = (rng.standard_normal((r, n)) / math.sqrt(n)).astype(self.W.dtype)
        self.b = _bias(b, m)

    def __call__(self, X: Real[np.ndarray, "*batch n"] | list) -> Float[np.ndarray, "*batch m"]:
        """Apply both layers to every row, 2mn + 2r(m + n) FLOPs, and add."""
        X = _rows("X", X, self.W.shape[1])
        return X @ self.W.T + self.scale * (X @ self.A.T @ self.B.T) + self.b

    @property
    def trained(self) -> tuple[Float[np.ndarray, "m r"], Float[np.ndarray, "r n"]]:
        """Return B and A themselves, to be changed in place."""
        return self.B, self.A

    @property
    def parameters(self) -> int:
        """Return how many numbers are trained, r(m + n)."""
        return self.B.size + self.A.size

    def gradients(
        self, X: Real[np.ndarray, "*batch n"] | list, G: Real[np.ndarray, "*batch m"] | list
    ) -> tuple[Float[np.ndarray, "*batch n"], Float[np.ndarray, "m r"], Float[np.ndarray, "r n"]]:
        r"""Return the gradients of a loss by X, B and A, given G, that by the output.

        With s = α/r: $G(W + sBA)$, $s\,G^\top(XA^\top)$ and $s\,(GB)^\top X$.
        No array of the size of W is formed.

        Raises
        ------
        ValueError : X or G do not fit W, or each other

        Cost: 2mn + 4rm + 6rn FLOPs a row; a dense layer needs 4mn.
        """
        m, n = self.W.shape
        X, G = _rows("X", X, n), _rows("G", G, m)
        if X.shape[:-1] != G.shape[:-1]:
            raise ValueError(f"need a row of G for each row of X; got X {X.shape} and G {G.shape}")
        small = self.scale * (G @ self.B)
        of_X = G @ self.W + small @ self.A
        x, g = X.reshape(-1, n), G.reshape(-1, m)
        of_B = self.scale * (g.T @ (x @ self.A.T))
        return of_X, of_B, small.reshape(len(x), -1).T @ x

    def update(self) -> LowRankLinear:
        """Return the small layer alone, the scale in its first factor: a copy of what there is to store or to send."""
        return LowRankLinear(self.scale * self.B, self.A.copy())

    def merge(self) -> Float[np.ndarray, "m n"]:
        r"""Return $W + \frac{\alpha}{r} BA$ as one matrix: the same outputs, and no extra cost at each use."""
        return self.W + self.update().dense()

    def unmerge(self, merged: Real[np.ndarray, "m n"] | list) -> Float[np.ndarray, "m n"]:
        """Return a merged weight without this update: W again, to rounding.

        Raises
        ------
        ValueError : another shape than that of W
        """
        merged = as_matrix("merged", merged)
        if merged.shape != self.W.shape:
            raise ValueError(f"merged must have the shape of W, {self.W.shape}; got {merged.shape}")
        return merged - self.update().dense()


def block_diagonal_linear(
    X: Real[np.ndarray, "*batch n"] | list, blocks: Real[np.ndarray, "groups outputs inputs"] | list
) -> Float[np.ndarray, "*batch m"]:
    r"""Apply a block-diagonal matrix: group i of the outputs sees group i of the inputs and nothing else.

    With g groups mn/g weights, and $2mn/g$ FLOPs a row.

    Raises
    ------
    ValueError : blocks not of shape (groups, outputs, inputs), or X not of groups · inputs columns
    """
    T = as_reals("blocks", blocks)
    if T.ndim != 3:
        raise ValueError(f"blocks must have the shape (groups, outputs, inputs); got {T.shape}")
    groups, outputs, inputs = T.shape
    X = _rows("X", X, groups * inputs)
    Z = np.moveaxis(X.reshape(-1, groups, inputs), 1, 0) @ T.transpose(0, 2, 1)
    return np.moveaxis(Z, 0, 1).reshape(*X.shape[:-1], groups * outputs)


def circulant_linear(
    X: Real[np.ndarray, "*batch n"] | list, c: Real[np.ndarray, " n"] | list
) -> Float[np.ndarray, "*batch n"]:
    r"""Apply the circulant matrix with first column c: each further column is the one before it, shifted down by one.

    $y_i = \sum_j c_{(i-j) \bmod n}\, x_j$, a cyclic convolution: the Fourier transform makes of it a product entry by
    entry. n weights, and in the order of $n \log n$ FLOPs a row.

    Raises
    ------
    ValueError : c is not one row of numbers, or X not of n columns
    """
    c = as_reals("c", c)
    if c.ndim != 1:
        raise ValueError(f"c must be the first column, shape (n,); got {c.shape}")
    X = _rows("X", X, len(c))
    Y = np.fft.irfft(np.fft.rfft(X) * np.fft.rfft(c), n=len(c))
    return Y.astype(np.result_type(X, c), copy=False)


def kronecker_linear(
    X: Real[np.ndarray, "*batch n"] | list, A: Real[np.ndarray, "p q"] | list, B: Real[np.ndarray, "s t"] | list
) -> Float[np.ndarray, "*batch m"]:
    r"""Apply the Kronecker product $A \otimes B$, the matrix of blocks $a_{ij}B$, without forming it.

    A row x of qt numbers, written as a q × t matrix, becomes $A\,x\,B^\top$. pq + st weights instead of pq · st, and
    $2pqt + 2pst$ FLOPs a row.

    Raises
    ------
    ValueError : A or B is no matrix, or X not of q · t columns
    """
    A, B = as_matrix("A", A), as_matrix("B", B)
    (p, q), (s, t) = A.shape, B.shape
    X = _rows("X", X, q * t)
    return (A @ X.reshape(*X.shape[:-1], q, t) @ B.T).reshape(*X.shape[:-1], p * s)


def _rows(name: str, values: Real[np.ndarray, "..."] | list, size: int) -> Float[np.ndarray, "..."]:
    array = as_reals(name, values)
    if array.shape[-1] != size:
        raise ValueError(f"{name} must have {size} numbers a row, shape (…, {size}); got {array.shape}")
    return array


def _bias(b: Real[np.ndarray, "..."] | list | None, outputs: int) -> Float[np.ndarray, "..."] | float:
    """Return the bias as an array; a missing one is the number 0.0, which changes no dtype."""
    if b is None:
        return 0.0
    bias = as_reals("b", b)
    if bias.shape != (outputs,):
        raise ValueError(f"b must have one number for each output, shape ({outputs},); got {bias.shape}")
    return bias
