"""Vocabulary space (notebook 1.3): logits, the map to probabilities, and what one does with these.

A logit is an unnormalised log-probability. Logits lie on the last axis unless `axis` says otherwise; a logit of −∞
forbids its token, which is how `top_k` and `top_p` cut. Entropies are in nats (natural logarithm) unless a base is
given.
"""

import math
import operator

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from vec2attn.arrays import as_reals, check_axis, check_same_shape


def logsumexp(logits: Real[np.ndarray, "*shape"] | list, axis: int = -1) -> Float[np.ndarray, "..."] | np.floating:
    r"""Return the logarithm of the sum of exponentials without ever forming a large exponential.

    $\log\sum_j e^{z_j} = m + \log\sum_j e^{z_j - m}$ with $m = \max_j z_j$: the largest exponent becomes 0, so nothing
    overflows, and at least one term is 1, so the logarithm never sees 0. Cost: $5n$ operations, $n$ numbers of memory.

    Raises
    ------
    ValueError : no logits, a NaN or a +∞, or no such axis

    Source: Blanchard, Higham & Higham 2021, doi:10.1093/imanum/draa038
    """
    Z = as_reals("logits", logits, minus_infinity=True)
    check_axis("logits", Z, axis)
    m = Z.max(axis=axis, keepdims=True)
    m = np.where(np.isneginf(m), 0, m).astype(Z.dtype)  # all −∞: the sum is 0 and its logarithm −∞, not NaN
    with np.errstate(divide="ignore"):
        return (m + np.log(np.exp(Z - m).sum(axis=axis, keepdims=True))).squeeze(axis)[()]


def log_softmax(logits: Real[np.ndarray, "*shape"] | list, axis: int = -1) -> Float[np.ndarray, "*shape"]:
    r"""Return the logarithms of the softmax probabilities.

    $\log p_i = z_i - \log\sum_j e^{z_j}$: exact where `log(softmax(z))` would already be −∞. Cost: $5n$ operations.

    Raises
    ------
    ValueError : no logits, a NaN or a +∞, no such axis, or every logit is −∞
    """
    Z, largest = _as_logits(logits, axis)
    shifted = Z - largest  # first of all: z − (m + log Σ) would round away the logarithm where m is large
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def softmax(logits: Real[np.ndarray, "*shape"] | list, axis: int = -1) -> Float[np.ndarray, "*shape"]:
    r"""Map logits to probabilities: positive numbers that sum to 1 along `axis`.

    $p_i = e^{z_i} / \sum_j e^{z_j}$, computed from $z - \max z$, which gives the same $p$ and cannot overflow.
    Cost: $5n$ operations, $n$ numbers of memory.

    Parameters
    ----------
    logits : any shape; −∞ gives probability 0
    axis : along which the probabilities sum to 1

    Raises
    ------
    ValueError : no logits, a NaN or a +∞, no such axis, or every logit is −∞

    Source: Bridle 1990, doi:10.1007/978-3-642-76153-9_28
    """
    Z, largest = _as_logits(logits, axis)
    E = np.exp(Z - largest)
    return E / E.sum(axis=axis, keepdims=True)


def temperature(logits: Real[np.ndarray, "*shape"] | list, T: float | int) -> Float[np.ndarray, "*shape"]:
    r"""Divide the logits by a temperature: below 1 the differences grow, above 1 they shrink.

    $z / T$. As $T \to 0$ softmax approaches the arg max (ties share), as $T \to \infty$ the uniform distribution.

    Raises
    ------
    ValueError : T is not a positive finite number
    """
    Z = as_reals("logits", logits, minus_infinity=True)
    if not (math.isfinite(T) and T > 0):
        raise ValueError(f"a temperature is a positive finite number; got T={T} (for the limit T → 0 take the arg max)")
    return Z / Z.dtype.type(T)


def top_k(logits: Real[np.ndarray, "*batch vocab"] | list, k: int | np.integer) -> Float[np.ndarray, "*batch vocab"]:
    """Keep the k largest logits and forbid (−∞) all others.

    Exactly k remain: among equal logits those with the lowest index. Cost: O(vocab), by partition instead of sorting.

    Raises
    ------
    ValueError : k is below 1 or above the number of logits
    """
    Z = as_reals("logits", logits, minus_infinity=True)
    n, k = Z.shape[-1], operator.index(k)
    if not 1 <= k <= n:
        raise ValueError(f"k must lie in 1 … {n} (the number of logits); got {k}")
    kth = np.partition(Z, n - k, axis=-1)[..., n - k, None]
    above, ties = Z > kth, Z == kth
    room = k - above.sum(axis=-1, keepdims=True)
    return _forbid(Z, above | (ties & (ties.cumsum(axis=-1) <= room)))


def top_p(logits: Real[np.ndarray, "*batch vocab"] | list, p: float | int) -> Float[np.ndarray, "*batch vocab"]:
    r"""Keep the nucleus, the smallest set of most probable tokens whose probabilities reach p, and forbid all others.

    Sorted from the most probable, token $i$ stays iff the probabilities before it sum to less than $p$; so at least one
    stays. Among equal logits the lowest index comes first. Cost: O(vocab · log vocab) for the sorting.

    Raises
    ------
    ValueError : p lies outside (0, 1], or every logit is −∞

    Source: Holtzman et al. 2020, eq. 2–3, arXiv:1904.09751
    """
    if not 0 < p <= 1:
        raise ValueError(f"p is a share of the probability, in (0, 1]; got {p}")
    Z, _ = _as_logits(logits, axis=-1)
    if p == 1:
        return Z.copy()  # a rounded running sum may reach 1 before the last token
    order = np.argsort(-Z, axis=-1, kind="stable")
    reached = np.cumsum(softmax(np.take_along_axis(Z, order, axis=-1).astype(np.float64)), axis=-1)
    keep = np.ones(Z.shape, dtype=bool)
    np.put_along_axis(keep, order[..., 1:], reached[..., :-1] < p, axis=-1)
    return _forbid(Z, keep)


def _forbid(Z: Float[np.ndarray, "*shape"], keep: Bool[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return np.where(keep, Z, Z.dtype.type(-np.inf))


def entropy(
    probabilities: Real[np.ndarray, "*batch n"] | list, base: float | int = math.e
) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Return the expected surprise of a draw, in nats (base 2: bits).

    $H(p) = -\sum_i p_i \log p_i$ with $0 \log 0 = 0$: 0 for a certain outcome, $\log n$ for a uniform one.

    Raises
    ------
    ValueError : an entry is negative, the entries do not sum to 1, or the base is not above 1

    Source: Shannon 1948, theorem 2, doi:10.1002/j.1538-7305.1948.tb01338.x
    """
    P = _as_distribution("probabilities", probabilities)
    return (0 - _x_log_y(P, P).sum(axis=-1)) / _log_of(base)  # 0 −, since −0.0 prints as −0


def cross_entropy(
    logits: Real[np.ndarray, "*batch vocab"] | list,
    target: Int[np.ndarray, "*batch"] | Real[np.ndarray, "*batch vocab"] | list | int | np.integer,
) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Return the surprise, in nats, of targets under the softmax of logits: the loss of a language model.

    For a token with index $t$: $-\log p_t = \log\sum_j e^{z_j} - z_t$. For a target distribution $y$:
    $-\sum_i y_i \log p_i$. One number a position, not averaged. Cost: $5n$ operations a position.

    Parameters
    ----------
    logits : one row a position
    target : token indices (whole numbers, one a row), or distributions (the shape of `logits`, not whole numbers)

    Raises
    ------
    ValueError : shapes do not fit, an index lies outside the vocabulary, or a target does not sum to 1
    """
    log_p = log_softmax(logits)
    T = np.asarray(target)
    if T.dtype.kind in "iu":
        if T.shape != log_p.shape[:-1]:
            raise ValueError(f"logits {log_p.shape} need token indices of shape {log_p.shape[:-1]}; got {T.shape}")
        n = log_p.shape[-1]
        if ((T < 0) | (T >= n)).any():
            raise ValueError(f"token indices lie in 0 … {n - 1}; got {T.min()} … {T.max()}")
        return -np.take_along_axis(log_p, T[..., None], axis=-1)[..., 0][()]
    Y = _as_distribution("target", T)
    check_same_shape(logits=log_p, target=Y)
    return -np.where(Y > 0, Y * np.where(Y > 0, log_p, 0), 0).sum(axis=-1)


def kl_divergence(
    p: Real[np.ndarray, "*batch n"] | list, q: Real[np.ndarray, "*batch n"] | list, base: float | int = math.e
) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Return how many nats (base 2: bits) it costs, per draw, to believe q where p is true.

    $D(p \,\|\, q) = \sum_i p_i \log (p_i / q_i) \ge 0$, and 0 only for $p = q$; not symmetric. It is +∞ where q
    excludes what p allows: that is the value, not an error.

    Raises
    ------
    ValueError : shapes differ, an entry is negative, or the entries do not sum to 1

    Source: Kullback & Leibler 1951, doi:10.1214/aoms/1177729694
    """
    P, Q = _as_distribution("p", p), _as_distribution("q", q)
    check_same_shape(p=P, q=Q)
    return (_x_log_y(P, P) - _x_log_y(P, Q)).sum(axis=-1) / _log_of(base)


def perplexity(nats: Real[np.ndarray, "*batch"] | list | float | int | np.floating) -> float:
    r"""Return how many faces a fair die needs in order to surprise as much.

    $e^h$, where $h$ is an entropy, or the mean of several losses, in nats.

    Raises
    ------
    ValueError : a value is negative or NaN (surprise never is)
    """
    losses = as_reals("nats", np.atleast_1d(np.asarray(nats)))
    if losses.min() < 0:
        raise ValueError(f"an entropy or loss in nats is never negative; got {losses.min()}")
    return math.exp(losses.mean(dtype=np.float64))


def sample(
    probabilities: Real[np.ndarray, " n"] | list, rng: np.random.Generator, size: int | tuple[int, ...] | None = None
) -> int | Int[np.ndarray, "..."]:
    """Draw indices, each with its probability, by inverting the running sum.

    Parameters
    ----------
    probabilities : one distribution
    rng : the source of randomness, `numpy.random.default_rng(seed)`
    size : shape of the result; None for a single index

    Raises
    ------
    ValueError : more than one axis, an entry is negative, or the entries do not sum to 1

    Cost: O(n) once and O(log n) a draw. An index of probability 0 is never drawn.
    """
    P = _as_distribution("probabilities", probabilities)
    if P.ndim != 1:
        raise ValueError(f"sample takes one distribution, shape (n,); got {P.shape}: draw row by row")
    running = np.cumsum(P, dtype=np.float64)
    drawn = np.searchsorted(running, rng.random(size) * running[-1], side="right")
    drawn = np.minimum(drawn, np.flatnonzero(P)[-1])  # the product above may round up to the total
    return int(drawn) if size is None else drawn


def _as_logits(
    logits: Real[np.ndarray, "*shape"] | list, axis: int
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "..."]]:
    """Return the logits as an array, and their maximum along the axis, which must not be −∞."""
    Z = as_reals("logits", logits, minus_infinity=True)
    check_axis("logits", Z, axis)
    largest = Z.max(axis=axis, keepdims=True)
    if largest.min() == -math.inf:
        raise ValueError("every logit is −inf: all tokens are forbidden, so there is no distribution")
    return Z, largest


def _x_log_y(X: Float[np.ndarray, "*shape"], Y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return x·log y, with 0·log y = 0 for every y ≥ 0."""
    with np.errstate(divide="ignore"):
        return np.where(X > 0, X * np.log(np.where(X > 0, Y, 1)), 0)


def _log_of(base: float | int) -> float:
    if not base > 1:
        raise ValueError(f"the base of a logarithm is above 1 here (e for nats, 2 for bits); got {base}")
    return math.log(base)


def _as_distribution(name: str, values: Real[np.ndarray, "*batch n"] | list) -> Float[np.ndarray, "*batch n"]:
    P = as_reals(name, values)
    if P.min() < 0:
        raise ValueError(f"{name} must not be negative; got {P.min()} (are these logits? softmax makes probabilities)")
    total = P.sum(axis=-1, dtype=np.float64)
    off = np.abs(total - 1).max()
    if off > (1e-9 if P.dtype == np.float64 else 1e-3):
        worst = float(np.ravel(total)[np.abs(np.ravel(total) - 1).argmax()])
        raise ValueError(f"{name} must sum to 1 along the last axis; a sum of {worst:.9g} was met")
    return P
