"""Derivatives as linear maps (notebook 5.3): Jacobians from values alone, and derivatives that were found by hand.

The derivative of f at x is the linear map that fits best nearby, $f(x + v) \\approx f(x) + Jv$. As an array J has the
shape of f(x) followed by the shape of x; so the gradient of a loss has the shape of its argument. `jvp` is $Jv$, what
a small change does to the result; `vjp` and the functions `…_vjp` are $J^\\top u$, how a loss that falls or rises with
the result (by u for each of its entries) does so with the input.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from vec2attn.arrays import as_reals, check_same_shape
from vec2attn.softmax import cross_entropy, softmax

Method = Literal["central", "complex"]
# the complex step only has to be so small that its square is lost in rounding
COMPLEX_STEP = 1e-30


# ---- From values of f alone ------------------------------------------------------------------------------------------


def jacobian(
    f: Callable[[np.ndarray], Any],
    x: Real[np.ndarray, "*shape"] | list,
    method: Method = "central",
    step: float | int | None = None,
) -> Float[np.ndarray, "..."]:
    r"""Return all partial derivatives of f at x, an array of the shape of f(x) followed by the shape of x.

    "central": $(f(x + h e_i) - f(x - h e_i)) / 2h$, with an error of order $h^2$ and a rounding error of order
    $\varepsilon/h$. "complex": $\operatorname{Im} f(x + \mathrm{i}h e_i) / h$, which subtracts nothing and is exact to
    rounding, if f is made of operations that are analytic (no `abs`, no comparison of sizes, no conjugate).

    Parameters
    ----------
    f : takes an array of the shape of x, returns an array or a number
    method : "central" or "complex"
    step : h; by default $\varepsilon^{1/3} \max(1, |x_i|)$ for "central" and 1e-30 for "complex"

    Raises
    ------
    TypeError : f does not return real numbers, or (complex step) does not accept complex ones
    ValueError : f(x) is empty or not finite, x is not finite, the step is not positive, no such method

    Cost: 2n evaluations of f ("central") or n ("complex") for n numbers in x.
    Source: Squire & Trapp 1998, doi:10.1137/S003614459631241X (complex step)
    """
    x = as_reals("x", x).astype(np.float64)
    y = _value(f, x)
    columns = np.empty((x.size, *y.shape))
    for i in range(x.size):  # one direction at a time: this is what makes it expensive
        e = np.zeros(x.shape)
        e.flat[i] = 1
        columns[i] = _along(f, x, e, y, method, step, size=abs(x.flat[i]))
    return np.moveaxis(columns, 0, -1).reshape(*y.shape, *x.shape)


def jvp(
    f: Callable[[np.ndarray], Any],
    x: Real[np.ndarray, "*shape"] | list,
    v: Real[np.ndarray, "*shape"] | list,
    method: Method = "central",
    step: float | int | None = None,
) -> Float[np.ndarray, "..."] | np.floating:
    r"""Return $Jv$, the change of f per unit of time when x moves with velocity v; it has the shape of f(x).

    One directional derivative; the Jacobian is never made. Cost: two evaluations of f ("central"), or one ("complex").

    Raises
    ------
    TypeError, ValueError : as for `jacobian`; or v has another shape than x
    """
    x, v = as_reals("x", x).astype(np.float64), as_reals("v", v).astype(np.float64)
    check_same_shape(x=x, v=v)
    y, length = _value(f, x), abs(v).max()
    if length == 0:
        return np.zeros(y.shape)[()]
    return (length * _along(f, x, v / length, y, method, step, size=abs(x).max()))[()]


def vjp(
    f: Callable[[np.ndarray], Any],
    x: Real[np.ndarray, "*shape"] | list,
    u: Real[np.ndarray, "..."] | list | float | int,
    method: Method = "central",
    step: float | int | None = None,
) -> Float[np.ndarray, "*shape"]:
    r"""Return $J^\top u$, the gradient of $u \cdot f$ at x; it has the shape of x.

    Values of f alone give no short cut: it costs as much as the Jacobian. Rules for each step of f do (notebook 6.1).

    Raises
    ------
    TypeError, ValueError : as for `jacobian`; or u has another shape than f(x)
    """
    x = as_reals("x", x)
    u = as_reals("u", np.atleast_1d(np.asarray(u))).reshape(np.shape(u))
    y = _value(f, x.astype(np.float64))
    if u.shape != y.shape:
        raise ValueError(f"u needs the shape of f(x), {y.shape}; got {u.shape}")
    J = jacobian(f, x, method, step)
    return np.tensordot(u.astype(np.float64), J, axes=u.ndim)


def _along(
    f: Callable[[np.ndarray], Any],
    x: Float[np.ndarray, "*shape"],
    v: Float[np.ndarray, "*shape"],
    y: Float[np.ndarray, "..."],
    method: str,
    step: float | int | None,
    size: float | np.floating,
) -> Float[np.ndarray, "..."]:
    """Return the derivative of f at x along v, whose largest entry is 1; y is f(x), and size that of x."""
    if method not in ("central", "complex"):
        raise ValueError(f'method must be "central" or "complex"; got {method!r}')
    if step is not None and not (math.isfinite(step) and step > 0):
        raise ValueError(f"step must be a positive finite number; got {step}")
    if method == "complex":
        h = COMPLEX_STEP if step is None else step
        return np.asarray(_imaginary(f, x + 1j * h * v, y.shape) / h)
    h = float(np.finfo(y.dtype).eps) ** (1 / 3) * max(1.0, size) if step is None else step
    ahead, behind = x + h * v, x - h * v
    moved = abs(ahead - behind).max() / 2  # the step that rounding has left of h
    if moved == 0:
        raise ValueError(f"step {h:g} is lost in rounding beside x of size {size:g}; take a larger one")
    change = _value(f, ahead, y.shape).astype(np.float64) - _value(f, behind, y.shape)
    return np.asarray(change / (2 * moved))


def _value(
    f: Callable[[np.ndarray], Any], x: Float[np.ndarray, "*shape"], shape: tuple[int, ...] | None = None
) -> Float[np.ndarray, "..."]:
    """Return f(x) as an array; refuse what is not real and finite, or has another shape than f had before."""
    y = np.asarray(f(x.copy()))  # f may work in place
    if y.dtype.kind not in "fiu":
        met = f"{y.dtype} values" if y.dtype.kind != "O" else "something else"
        raise TypeError(f"f must return an array of real numbers, or one number; got {met}")
    if y.dtype.kind != "f":
        y = y.astype(np.float64)
    if y.size == 0:
        raise ValueError(f"f(x) is empty (shape {y.shape}): there is nothing to differentiate")
    if not np.isfinite(y).all():
        raise ValueError("f(x) holds a NaN or an infinity, at x or one step beside it: there is no derivative to find")
    if shape is not None and y.shape != shape:
        raise ValueError(f"f must keep the shape of its result; it was {shape}, and {y.shape} one step further")
    return y


def _imaginary(f: Callable[[np.ndarray], Any], z: np.ndarray, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Return the imaginary part of f(z)."""
    need = "the complex step needs a function that accepts complex numbers"
    try:
        y = np.asarray(f(z))
    except TypeError as error:
        raise TypeError(f'{need}; this one stopped with "{error}" (use method="central")') from None
    if y.dtype.kind != "c":
        raise TypeError(f'{need}; this one returned {y.dtype} values for a complex x (use method="central")')
    if y.shape != shape:
        raise ValueError(f"f must keep the shape of its result; it was {shape}, and {y.shape} for a complex x")
    if not np.isfinite(y).all():
        raise ValueError("f(x) holds a NaN or an infinity for a complex x: there is no derivative to find")
    return y.imag


# ---- By hand ---------------------------------------------------------------------------------------------------------


def matmul_vjp(
    A: Real[np.ndarray, "*batch m k"] | list,
    B: Real[np.ndarray, "*batch k n"] | list,
    U: Real[np.ndarray, "*batch m n"] | list,
) -> tuple[Float[np.ndarray, "*batch m k"], Float[np.ndarray, "*batch k n"]]:
    r"""Return the gradients of $\sum U \odot (AB)$ with respect to A and B.

    $dA = U B^\top$ and $dB = A^\top U$: if m, k and n differ, no other products fit.
    Cost: $4mkn$ FLOPs, twice the product's.

    Raises
    ------
    ValueError : sizes disagree
    """
    A, B, U = as_reals("A", A), as_reals("B", B), as_reals("U", U)
    fits = min(A.ndim, B.ndim) >= 2 and A.shape[:-2] == B.shape[:-2] and A.shape[-1] == B.shape[-2]
    if not fits or U.shape != (*A.shape[:-1], B.shape[-1]):
        raise ValueError(f"need A (…, m, k), B (…, k, n) and U (…, m, n); got A {A.shape}, B {B.shape}, U {U.shape}")
    return U @ B.swapaxes(-1, -2), A.swapaxes(-1, -2) @ U


def softmax_jacobian(logits: Real[np.ndarray, "*batch n"] | list) -> Float[np.ndarray, "*batch n n"]:
    r"""Return the derivative of softmax along the last axis.

    $J = \operatorname{diag}(p) - pp^\top$: symmetric, and singular, since $J\mathbf 1 = 0$: a constant for all logits
    moves nothing. Cost: $2n^2$ FLOPs and $n^2$ numbers of memory; `softmax_vjp` needs neither.

    Raises
    ------
    ValueError : no logits, a NaN or a +∞, or every logit is −∞
    """
    p = softmax(logits)
    return p[..., None] * (np.eye(p.shape[-1], dtype=p.dtype) - p[..., None, :])


def softmax_vjp(
    logits: Real[np.ndarray, "*batch n"] | list, u: Real[np.ndarray, "*batch n"] | list
) -> Float[np.ndarray, "*batch n"]:
    r"""Return the gradient of $u \cdot p$ with respect to the logits, $p \odot (u - u \cdot p)$, without the Jacobian.

    The Jacobian is symmetric, so this is its product with u from either side. Cost: $4n$ FLOPs after the softmax.

    Raises
    ------
    ValueError : shapes differ, or as `softmax`
    """
    p, u = softmax(logits), as_reals("u", u)
    check_same_shape(logits=p, u=u)
    return _through_softmax(p, u)


def _through_softmax(
    P: Float[np.ndarray, "*batch n"], U: Float[np.ndarray, "*batch n"]
) -> Float[np.ndarray, "*batch n"]:
    return P * (U - (U * P).sum(axis=-1, keepdims=True))


def logsumexp_gradient(logits: Real[np.ndarray, "*batch n"] | list) -> Float[np.ndarray, "*batch n"]:
    r"""Return the gradient of $\log\sum_j e^{z_j}$ along the last axis: it is softmax. Cost: $5n$ operations.

    Raises
    ------
    ValueError : as `softmax`
    """
    return softmax(logits)


def cross_entropy_gradient(
    logits: Real[np.ndarray, "*batch vocab"] | list,
    target: Int[np.ndarray, "*batch"] | Real[np.ndarray, "*batch vocab"] | list | int | np.integer,
) -> Float[np.ndarray, "*batch vocab"]:
    r"""Return the gradient of `cross_entropy`, one row a position, not averaged: $p - y$.

    $y$ is the target distribution, or the one-hot vector of a token's index. Cost: $6n$ operations a position.

    Raises
    ------
    ValueError : as `cross_entropy`; or a logit is −∞ where the target is not 0, so that the loss is infinite
    """
    if not np.isfinite(cross_entropy(logits, target)).all():  # refuses what does not fit
        raise ValueError("the loss is infinite: a target is forbidden by a logit of −inf, and there is no gradient")
    p, t = softmax(logits), np.asarray(target)
    if t.dtype.kind in "iu":
        t = (np.arange(p.shape[-1]) == t[..., None]).astype(p.dtype)
    return p - t


def layer_norm(X: Real[np.ndarray, "*batch n"] | list, eps: float | int = 1e-5) -> Float[np.ndarray, "*batch n"]:
    r"""Return each row with its mean subtracted and divided by its standard deviation.

    $\hat x = (x - \bar x)/\sigma$ with $\sigma^2 = \tfrac1n\sum_i (x_i - \bar x)^2 + \epsilon$. Cost: about $7n$ FLOPs.

    Raises
    ------
    ValueError : eps is negative; or it is 0 and some row is constant, so that σ would be 0

    Source: Ba, Kiros & Hinton 2016, eq. 4 (without gain and bias), arXiv:1607.06450
    """
    return _normalised(X, eps)[0]


def layer_norm_vjp(
    X: Real[np.ndarray, "*batch n"] | list, U: Real[np.ndarray, "*batch n"] | list, eps: float | int = 1e-5
) -> Float[np.ndarray, "*batch n"]:
    r"""Return the gradient of $\sum U \odot \hat X$ with respect to X.

    $\frac1\sigma\bigl(u - \bar u - \hat x\,\overline{u\hat x}\bigr)$, a bar for the mean of a row: u without its mean,
    and without its part along $\hat x$ (exactly, if ε = 0). The Jacobian is symmetric. Cost: about $14n$ FLOPs.

    Raises
    ------
    ValueError : shapes differ, or as `layer_norm`
    """
    X_hat, sigma = _normalised(X, eps)
    U = as_reals("U", U)
    check_same_shape(X=X_hat, U=U)
    along = (U * X_hat).mean(axis=-1, keepdims=True)
    return (U - U.mean(axis=-1, keepdims=True) - X_hat * along) / sigma


def _normalised(
    X: Real[np.ndarray, "*batch n"] | list, eps: float | int
) -> tuple[Float[np.ndarray, "*batch n"], Float[np.ndarray, "*batch 1"]]:
    """Return the normalised rows and σ."""
    X = as_reals("X", X)
    if not (math.isfinite(eps) and eps >= 0):
        raise ValueError(f"eps must be a finite number, 0 or above; got {eps}")
    centred = X - X.mean(axis=-1, keepdims=True)
    sigma = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + X.dtype.type(eps))
    if not sigma.all():
        row = tuple(int(i) for i in np.argwhere(sigma[..., 0] == 0)[0])
        raise ValueError(f"row {row} of X is constant: its standard deviation is 0, and eps is 0 too")
    return centred / sigma, sigma


def attention_vjp(
    Q: Real[np.ndarray, "*batch q d"] | list,
    K: Real[np.ndarray, "*batch k d"] | list,
    V: Real[np.ndarray, "*batch k e"] | list,
    U: Real[np.ndarray, "*batch q e"] | list,
    mask: Bool[np.ndarray, "*batch q k"] | Bool[np.ndarray, "q k"] | None = None,
) -> tuple[Float[np.ndarray, "*batch q d"], Float[np.ndarray, "*batch k d"], Float[np.ndarray, "*batch k e"]]:
    r"""Return the gradients of $\sum U \odot Y$ with respect to Q, K and V, where $Y = AV$ is scaled attention.

    With $S = QK^\top/\sqrt d$, $A = \mathrm{softmax}(S)$ by rows and $dA = UV^\top$: $dS = A \odot (dA - r)$ with
    $r_i = \sum_j dA_{ij}A_{ij}$; then $dQ = dS\,K/\sqrt d$, $dK = dS^\top Q/\sqrt d$, $dV = A^\top U$.

    Parameters
    ----------
    Q, K, V : queries, keys, values of one head; axes before the last two are free, and the same for all
    U : the weight of each entry of Y in the loss
    mask : True where a query may attend to a key; every query needs at least one

    Raises
    ------
    ValueError : sizes disagree, or the mask leaves some query without a key

    Cost: $qk(6d + 4e)$ FLOPs (attention itself: $2qk(d + e)$), and qk numbers of extra memory, a few times.
    Source: Dao et al. 2022, appendix B.2, arXiv:2205.14135
    """
    Q, K, V, U = (as_reals(name, x) for name, x in zip("QKVU", (Q, K, V, U), strict=True))
    met = f"got Q {Q.shape}, K {K.shape}, V {V.shape}, U {U.shape}"
    if min(Q.ndim, K.ndim, V.ndim) < 2 or not (
        Q.shape[-1] == K.shape[-1]
        and K.shape[:-1] == V.shape[:-1]
        and Q.shape[:-2] == K.shape[:-2]
        and U.shape == (*Q.shape[:-1], V.shape[-1])
    ):
        raise ValueError(f"need Q (…, q, d), K (…, k, d), V (…, k, e), U (…, q, e); {met}")
    root = math.sqrt(Q.shape[-1])
    S = Q @ K.swapaxes(-1, -2) / root
    if mask is not None:
        S = np.where(_checked(mask, S.shape), S, S.dtype.type(-np.inf))
    A = softmax(S)
    dS = _through_softmax(A, U @ V.swapaxes(-1, -2)) / root
    return dS @ K, dS.swapaxes(-1, -2) @ Q, A.swapaxes(-1, -2) @ U


def _checked(mask: Any, shape: tuple[int, ...]) -> Bool[np.ndarray, "..."]:
    mask = np.asarray(mask)
    if mask.dtype != np.bool_:
        raise TypeError(f"the mask holds True and False; got {mask.dtype} values")
    if mask.shape not in (shape, shape[-2:]):
        raise ValueError(f"the mask must have the shape {shape[-2:]}, queries by keys, or {shape}; got {mask.shape}")
    if not mask.any(axis=-1).all():
        query = tuple(int(i) for i in np.argwhere(~mask.any(axis=-1))[0])
        raise ValueError(f"the mask leaves no key for query {query}: its weights would be 0/0")
    return mask
