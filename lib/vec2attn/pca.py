"""Principal components (notebook 3.2): the directions along which a cloud of points spreads most.

Rows are samples. Variances have the divisor n − 1 for n samples, as scikit-learn's and R's have.
"""

import operator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_reals


@dataclass(frozen=True, eq=False)
class PCA:
    """What `pca` has found; `project` and `reconstruct` go to the coordinates along the components and back.

    Attributes
    ----------
    mean : (d,), of the samples
    components : (k, d), orthonormal rows, the largest variance first; their first largest entry is positive
    variances : (k,), of the samples along each component
    ratios : (k,), the share of each in the variance of all d features together
    noise : the largest variance that rounding alone can make; what is not above it is taken for 0
    """

    mean: Float[np.ndarray, " d"]
    components: Float[np.ndarray, "k d"]
    variances: Float[np.ndarray, " k"]
    ratios: Float[np.ndarray, " k"]
    noise: float

    def project(self, X: Real[np.ndarray, "*batch d"] | list) -> Float[np.ndarray, "*batch k"]:
        r"""Return the coordinates along the components, $(X - \bar x)\,V^\top$ with V = `components`.

        Raises
        ------
        ValueError : the rows of X do not have d numbers
        """
        return (self._rows("X", X, self.components.shape[1]) - self.mean) @ self.components.T

    def reconstruct(self, Z: Real[np.ndarray, "*batch k"] | list) -> Float[np.ndarray, "*batch d"]:
        r"""Return the points that have these coordinates, $ZV + \bar x$: with all components the samples themselves.

        Raises
        ------
        ValueError : the rows of Z do not have k numbers
        """
        return self._rows("Z", Z, len(self.components)) @ self.components + self.mean

    def whiten(self, X: Real[np.ndarray, "*batch d"] | list) -> Float[np.ndarray, "*batch k"]:
        r"""Return the coordinates divided by their standard deviations: the samples get the identity as covariance.

        Raises
        ------
        ValueError : the rows of X do not have d numbers, or along some component there is no variance

        Source: Kessy, Lewin & Strimmer 2018, PCA whitening, doi:10.1080/00031305.2016.1277159
        """
        flat = int((self.variances <= self.noise).sum())
        if flat:
            raise ValueError(
                f"{flat} of the {len(self.variances)} components have no variance to divide by: "
                f"take k = {len(self.variances) - flat}"
            )
        return self.project(X) / np.sqrt(self.variances)

    @staticmethod
    def _rows(name: str, values: Real[np.ndarray, "..."] | list, wanted: int) -> Float[np.ndarray, "..."]:
        array = as_reals(name, values)
        if array.shape[-1] != wanted:
            raise ValueError(f"{name} needs rows of {wanted} numbers; got shape {array.shape}")
        return array


def covariance(X: Real[np.ndarray, "n d"] | list) -> Float[np.ndarray, "d d"]:
    r"""Return the covariance matrix of the samples: on its diagonal the variances of the features.

    $C = X_c^\top X_c / (n - 1)$, $X_c$ the samples minus their mean; along a unit vector u the variance is
    $u^\top C u$.

    Raises
    ------
    ValueError : fewer than two samples, or numbers so large that their squares overflow

    Cost: $2nd^2$ FLOPs, $d^2$ numbers of memory.
    """
    centred = _centred(_samples(X))[1]
    with np.errstate(over="ignore", invalid="ignore"):
        C = centred.T @ centred / (len(centred) - 1)
    if not np.isfinite(C).all():
        raise ValueError("the covariance of X overflows: divide X by a constant first")
    return C


def pca(X: Real[np.ndarray, "n d"] | list, k: int | np.integer | None = None) -> PCA:
    r"""Find the k orthogonal directions along which the samples spread most.

    $X_c = USV^\top$, the singular value decomposition of the centred samples: the rows of $V^\top$ are the
    eigenvectors of the covariance, $s_i^2 / (n - 1)$ its eigenvalues. The covariance, whose condition number is that
    of $X_c$ squared, is never formed. The sign of a component is free; here its first largest entry is positive.

    Parameters
    ----------
    X : (n, d), one sample a row, at least two
    k : how many components, at most and by default min(n, d)

    Raises
    ------
    ValueError : fewer than two samples, all samples equal, k out of range, or variances that overflow or underflow

    Cost: about $6nd^2 + 20d^3$ FLOPs for n ≥ d. Source: Hotelling 1933, doi:10.1037/h0071325; cost: Golub & Van Loan,
    Matrix Computations, 4th edition, section 8.6
    """
    X = _samples(X)
    n, d = X.shape
    most = min(n, d)
    k = most if k is None else operator.index(k)
    if not 1 <= k <= most:
        raise ValueError(f"k must lie in 1 … {most}, the smaller of {n} samples and {d} features; got {k}")
    if (X == X[0]).all():
        raise ValueError("all samples are equal: there is no direction along which they spread")
    mean, centred = _centred(X)
    _, s, V = np.linalg.svd(centred, full_matrices=False)
    variances = _variances(s, n)
    V = V[:k]
    signs = np.sign(V[np.arange(k), np.abs(V).argmax(axis=1)])
    ratios = variances[:k] / variances.sum()
    return PCA(mean, V * signs[:, None], variances[:k], ratios, _noise(X, mean, s))


def _variances(s: Float[np.ndarray, " k"], n: int) -> Float[np.ndarray, " k"]:
    with np.errstate(over="ignore", under="ignore"):
        variances = s**2 / (n - 1)
        total = variances.sum()
    if not np.isfinite(total) or total < np.finfo(s.dtype).tiny:
        words = "under" if total < 1 else "over"
        raise ValueError(f"the variance of X {words}flows: multiply or divide X by a constant first")
    return variances


def _noise(X: Float[np.ndarray, "n d"], mean: Float[np.ndarray, " d"], s: Float[np.ndarray, " k"]) -> float:
    """Return the variance of rounding: that of the centring (in proportion to the mean) and of the SVD (to s)."""
    size = max(float(s[0]), float(np.abs(mean).max()))
    return (max(X.shape) * float(np.finfo(X.dtype).eps) * size) ** 2 / (len(X) - 1)


def _samples(X: Real[np.ndarray, "n d"] | list) -> Float[np.ndarray, "n d"]:
    array = as_reals("X", X)
    if array.ndim != 2:
        raise ValueError(f"X must be a matrix with one sample a row (n, d); got shape {array.shape}")
    if len(array) < 2:
        raise ValueError("a variance needs at least two samples; X has one row")
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _centred(X: Float[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "n d"]]:
    with np.errstate(over="ignore"):
        mean = X.mean(axis=0)
        centred = X - mean
    if not np.isfinite(centred).all():
        raise ValueError("the mean of X overflows: divide X by a constant first")
    return mean, centred
