"""Descent (notebook 3.3): going down a loss by its gradient, how far a step may go, and how curved the loss is.

A loss enters by its gradient alone, a function from a point (n,) to a vector (n,). Every method returns the `Path` that
it took, and stops, with `diverged` set, as soon as a point lies beyond `limit`. Eigenvalues are those of the Hessian,
the symmetric matrix of second derivatives.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_reals, check_same_shape
from vec2attn.eigen import lanczos, ritz_values
from vec2attn.vectors import norm

Gradient = Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]]
LIMIT = 1e9  # a path ends at the first point with a coordinate beyond this


@dataclass(frozen=True)
class Path:
    """The points of a descent, start first, one a row; `diverged` says that the last one lies beyond the limit."""

    points: Float[np.ndarray, "points n"]
    diverged: bool

    def steps_until(self, distance: float | int, goal: Real[np.ndarray, " n"] | list | float | int = 0.0) -> int | None:
        """Return the first step at which the point is this near to `goal` (the origin if not given), None if never."""
        away = np.asarray(norm(self.points - np.asarray(goal)))
        near = np.flatnonzero(away <= distance)
        return int(near[0]) if near.size else None


class Quadratic:
    r"""A bowl: $f(x) = \tfrac12 x^\top H x - b^\top x$ with a symmetric positive definite H; call it for its value.

    Raises
    ------
    ValueError : H is not square, not symmetric or not positive definite, or b does not fit
    """

    def __init__(self, H: Real[np.ndarray, "n n"] | list, b: Real[np.ndarray, " n"] | list | None = None) -> None:
        """Take the matrix and the linear part, 0 if not given."""
        self.H = _as_hessian(H)
        self.b = np.zeros(len(self.H)) if b is None else as_reals("b", b)
        if self.b.shape != self.H.shape[:1]:
            raise ValueError(f"H {self.H.shape} needs a vector b of shape {self.H.shape[:1]}; got {self.b.shape}")

    def __call__(self, x: Real[np.ndarray, " n"] | list) -> float:
        """Return f(x)."""
        return float(x @ self.H @ x / 2 - self.b @ x)

    def gradient(self, x: Real[np.ndarray, " n"] | list) -> Float[np.ndarray, " n"]:
        """Return Hx − b. Cost: 2n² FLOPs."""
        return self.H @ x - self.b

    @property
    def minimum(self) -> Float[np.ndarray, " n"]:
        """Return the only point where the gradient is 0: the solution of Hx = b."""
        return np.linalg.solve(self.H, self.b)


def gradient_descent(
    gradient: Gradient, start: Real[np.ndarray, " n"] | list, eta: float | int, steps: int, limit: float | int = LIMIT
) -> Path:
    r"""Go against the gradient: $x \leftarrow x - \eta\,\nabla f(x)$.

    On a bowl it converges from every start iff $0 < \eta < 2/\lambda_{\max}$.

    Parameters
    ----------
    gradient : of the loss, at a point (n,)
    eta : the step size η > 0
    steps : how many to take, at most
    limit : the path ends at the first point with a coordinate beyond it

    Raises
    ------
    ValueError : eta, steps or limit is not positive, the start lies beyond the limit, or the gradient has another shape
        or is not finite

    Cost: one gradient and 2n FLOPs a step. Source: Nesterov 2018, Lectures on Convex Optimization, section 2.1.5,
    doi:10.1007/978-3-319-91578-4
    """
    _check_positive("eta", eta)
    return _walk(gradient, start, lambda g: -eta * g, steps, limit)


def momentum(
    gradient: Gradient,
    start: Real[np.ndarray, " n"] | list,
    eta: float | int,
    beta: float | int,
    steps: int,
    limit: float | int = LIMIT,
) -> Path:
    r"""Keep moving, the heavy ball: $v \leftarrow \beta v + \nabla f(x)$, $x \leftarrow x - \eta v$.

    PyTorch's convention for SGD with momentum; for a fixed η the same as
    $x_{k+1} = x_k - \eta\nabla f(x_k) + \beta(x_k - x_{k-1})$. `best_momentum` has the parameters for a bowl.

    Raises
    ------
    ValueError : as `gradient_descent`, or beta outside [0, 1)

    Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5
    """
    return _walk(gradient, start, _with_velocity(eta, beta, lambda g, v: v), steps, limit)


def nesterov(
    gradient: Gradient,
    start: Real[np.ndarray, " n"] | list,
    eta: float | int,
    beta: float | int,
    steps: int,
    limit: float | int = LIMIT,
) -> Path:
    r"""Move on, and look ahead: $v \leftarrow \beta v + g$, $x \leftarrow x - \eta(g + \beta v)$, $g = \nabla f(x)$.

    PyTorch's convention: the points of the path are the look-ahead points $y$ of the form
    $x_{k+1} = y_k - \eta\nabla f(y_k)$, $y_{k+1} = x_{k+1} + \beta(x_{k+1} - x_k)$.

    Raises
    ------
    ValueError : as `momentum`

    Source: Nesterov 2018, Lectures on Convex Optimization, section 2.2, doi:10.1007/978-3-319-91578-4
    """
    return _walk(gradient, start, _with_velocity(eta, beta, lambda g, v: g + beta * v), steps, limit)


def adam(
    gradient: Gradient,
    start: Real[np.ndarray, " n"] | list,
    eta: float | int,
    steps: int,
    beta1: float | int = 0.9,
    beta2: float | int = 0.999,
    eps: float | int = 1e-8,
    limit: float | int = LIMIT,
) -> Path:
    r"""Divide a running mean of gradients by the root of a running mean of their squares, coordinate by coordinate.

    $m \leftarrow \beta_1 m + (1-\beta_1)g$, $s \leftarrow \beta_2 s + (1-\beta_2)g^2$,
    $x \leftarrow x - \eta\,\hat m / (\sqrt{\hat s} + \epsilon)$, where $\hat m = m/(1-\beta_1^k)$ and
    $\hat s = s/(1-\beta_2^k)$ at step k undo the start at 0. No second derivative enters.

    Raises
    ------
    ValueError : as `gradient_descent`, beta1 or beta2 outside [0, 1), or eps not positive

    Cost: one gradient, about 12n FLOPs and 2n numbers of memory. Source: Kingma & Ba 2015, algorithm 1, arXiv:1412.6980
    """
    _check_positive("eta", eta)
    _check_positive("eps", eps)
    _check_share("beta1", beta1)
    _check_share("beta2", beta2)
    m: np.ndarray | float = 0.0
    s: np.ndarray | float = 0.0
    k = 0

    def move(g: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        nonlocal m, s, k
        k += 1
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g * g
        return -eta * (m / (1 - beta1**k)) / (np.sqrt(s / (1 - beta2**k)) + eps)

    return _walk(gradient, start, move, steps, limit)


def best_step(H: Real[np.ndarray, "n n"] | list) -> float:
    r"""Return the fixed step with which gradient descent on a bowl is fastest: $2/(\lambda_{\min} + \lambda_{\max})$.

    With it the distance shrinks by $(\kappa - 1)/(\kappa + 1)$ a step, $\kappa = \lambda_{\max}/\lambda_{\min}$.

    Raises
    ------
    ValueError : H is not square, not symmetric or not positive definite

    Source: Lessard, Recht & Packard 2016, proposition 1, arXiv:1408.3595
    """
    values = np.linalg.eigvalsh(_as_hessian(H))
    return float(2 / (values[0] + values[-1]))


def best_momentum(H: Real[np.ndarray, "n n"] | list) -> tuple[float, float]:
    r"""Return the step and the β with which the heavy ball on the bowl H is fastest.

    $\eta = 4/(\sqrt{\lambda_{\max}} + \sqrt{\lambda_{\min}})^2$ and
    $\beta = \bigl(\tfrac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\bigr)^2$; the rate is $\sqrt\beta$.

    Raises
    ------
    ValueError : H is not square, not symmetric or not positive definite

    Source: Lessard, Recht & Packard 2016, proposition 1, arXiv:1408.3595
    """
    values = np.linalg.eigvalsh(_as_hessian(H))
    low, high = math.sqrt(values[0]), math.sqrt(values[-1])
    return 4 / (high + low) ** 2, ((high - low) / (high + low)) ** 2


def rate(
    H: Real[np.ndarray, "n n"] | list, eta: float | int, beta: float | int = 0.0, look_ahead: bool = False
) -> float:
    r"""Return the factor by which the distance from the bottom of the bowl H changes per step, in the long run.

    From a start with a part along every eigenvector. Without β: $\max_i |1 - \eta\lambda_i|$. With it, two steps
    together are linear, and the factor is the largest root, in absolute value, of
    $z^2 - (1 + \beta - \eta\lambda_i) z + \beta$ (heavy ball) or
    $z^2 - (1 + \beta)(1 - \eta\lambda_i) z + \beta(1 - \eta\lambda_i)$ (`look_ahead`, Nesterov).

    Raises
    ------
    ValueError : H is not a bowl, eta is not positive, or beta lies outside [0, 1)

    Source: Lessard, Recht & Packard 2016, section 2.2 and appendix A, arXiv:1408.3595
    """
    _check_positive("eta", eta)
    _check_share("beta", beta)
    kept = 1 - eta * np.linalg.eigvalsh(_as_hessian(H))
    p, q = ((1 + beta) * kept, beta * kept) if look_ahead else (kept + beta, np.full_like(kept, beta))
    root = np.sqrt((p * p - 4 * q).astype(complex))
    return float(np.abs([(p + root) / 2, (p - root) / 2]).max())


def condition_number(A: Real[np.ndarray, "m n"] | list) -> float:
    r"""Return how much longer A makes the vector that it stretches most than the one that it stretches least.

    $\kappa(A) = \sigma_{\max}/\sigma_{\min}$, the ratio of the singular values: the largest factor by which solving
    $Ax = b$ can enlarge a relative error of b. It is inf if A is singular to rounding, that is, if
    $\sigma_{\min} \le \max(m, n)\,u\,\sigma_{\max}$ with the spacing u of the floats at 1.

    Raises
    ------
    ValueError : A is no matrix, or zero: then every direction is lost and no ratio is left

    Cost: in the order of $mn\min(m, n)$. Source: Higham 2002, Accuracy and Stability of Numerical Algorithms,
    section 7.1, doi:10.1137/1.9780898718027
    """
    M = as_reals("A", A)
    if M.ndim != 2:
        raise ValueError(f"A must be a matrix; got shape {M.shape}")
    stretch = np.linalg.svd(M, compute_uv=False)
    if not stretch[0]:
        raise ValueError(f"A {M.shape} is zero: a condition number compares stretches, and there are none")
    singular = stretch[-1] <= max(M.shape) * np.finfo(M.dtype).eps * stretch[0]
    return math.inf if singular else float(stretch[0] / stretch[-1])


def hessian_vector_product(
    gradient: Gradient,
    x: Real[np.ndarray, " n"] | list,
    v: Real[np.ndarray, " n"] | list,
    eps: float | int | None = None,
) -> Float[np.ndarray, " n"]:
    r"""Multiply the Hessian at x with v, without forming it, from two gradients.

    $Hv \approx \lVert v\rVert\,\dfrac{\nabla f(x + \epsilon\hat v) - \nabla f(x - \epsilon\hat v)}{2\epsilon}$ with the
    unit vector $\hat v$. The formula itself errs by about $\epsilon^2$, rounding by about $u/\epsilon$; their sum is
    smallest near $\epsilon = u^{1/3}$. So eps, unless given, is $u^{1/3}\max(1, \lVert x\rVert)$, 6·10⁻⁶ for float64,
    and the error in the order of $u^{2/3} \approx 4\cdot10^{-11}$.

    Raises
    ------
    ValueError : x and v differ in shape or are no vectors, eps is not positive, or the gradient has another shape or is
        not finite

    Cost: two gradients. Source: Nocedal & Wright 2006, Numerical Optimization, section 8.1,
    doi:10.1007/978-0-387-40065-5
    """
    at, along = _as_point("x", x), _as_point("v", v)
    check_same_shape(x=at, v=along)
    length = float(norm(along))
    if length == 0:
        return np.zeros_like(at)
    if eps is None:
        eps = float(np.finfo(at.dtype).eps) ** (1 / 3) * max(1.0, float(norm(at)))
    _check_positive("eps", eps)
    step = eps * (along / length)
    change = _gradient_at(gradient, at + step) - _gradient_at(gradient, at - step)
    return change * (length / (2 * eps))


def sharpness(
    gradient: Gradient, x: Real[np.ndarray, " n"] | list, steps: int = 20, *, rng: np.random.Generator
) -> float:
    r"""Return the largest eigenvalue of the Hessian at x, by Lanczos on Hessian-vector products.

    From below, and the better the more it stands out among the eigenvalues. Cost: 2·steps gradients, and
    $4n\cdot\text{steps}^2$ FLOPs to keep the basis orthogonal.

    Parameters
    ----------
    gradient : of the loss, at a point (n,)
    steps : Hessian-vector products, at most n
    rng : draws the first vector

    Raises
    ------
    ValueError : steps is below 1, or the gradient has another shape or is not finite
    """
    at = _as_point("x", x)
    steps = min(_count("steps", steps), len(at))
    alphas, betas, _ = lanczos(lambda v: hessian_vector_product(gradient, at, v), len(at), steps, rng=rng)
    return float(ritz_values(alphas, betas)[-1])


def _with_velocity(eta: float | int, beta: float | int, along: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Return the move that keeps a velocity v ← βv + g and goes against `along(g, v)`."""
    _check_positive("eta", eta)
    _check_share("beta", beta)
    v: Any = 0.0

    def move(g: Any) -> Any:
        nonlocal v
        v = beta * v + g
        return -eta * along(g, v)

    return move


def _walk(
    gradient: Gradient,
    start: Real[np.ndarray, " n"] | list,
    move: Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]],
    steps: int,
    limit: float | int,
) -> Path:
    """Add `move(gradient)` to the point, again and again."""
    x = _as_point("start", start)
    _check_positive("limit", limit)
    if np.abs(x).max() > limit:
        raise ValueError(f"the start has a coordinate beyond the limit {limit:g}: raise the limit")
    points, diverged = [x], False
    for _ in range(_count("steps", steps)):
        with np.errstate(over="ignore", invalid="ignore"):
            x = x + move(_gradient_at(gradient, x))
        diverged = not np.abs(x).max() <= limit
        if np.isfinite(x).all():
            points.append(x)
        if diverged:
            break
    return Path(np.array(points), bool(diverged))


def _gradient_at(gradient: Gradient, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    g = np.asarray(gradient(x))
    if g.shape != x.shape:
        raise ValueError(f"the gradient at a point of shape {x.shape} must have that shape; got {g.shape}")
    if not np.isfinite(g).all():
        raise ValueError(f"the gradient is not finite at a point of length {float(norm(x)):.3g}: take smaller steps")
    return g


def _as_point(name: str, values: Real[np.ndarray, "..."] | list) -> Float[np.ndarray, " n"]:
    point = as_reals(name, values)
    if point.ndim != 1:
        raise ValueError(f"{name} must be a vector (n,); got shape {point.shape}")
    return point


def _as_hessian(H: Real[np.ndarray, "..."] | list) -> Float[np.ndarray, "n n"]:
    M = as_reals("H", H)
    if M.ndim != 2 or M.shape[0] != M.shape[1]:
        raise ValueError(f"H must be a square matrix; got shape {M.shape}")
    gap = np.abs(M - M.T)
    if gap.max() > 1e-8 * np.abs(M).max():
        i, j = (int(k) for k in np.unravel_index(gap.argmax(), gap.shape))
        raise ValueError(f"H must be symmetric; entries ({i}, {j}) and ({j}, {i}) are {M[i, j]:g} and {M[j, i]:g}")
    lowest = float(np.linalg.eigvalsh(M)[0])
    if lowest <= 0:
        raise ValueError(f"H must be positive definite, a bowl; its smallest eigenvalue is {lowest:.6g}")
    return M


def _check_positive(name: str, value: float | int) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive finite number; got {value}")


def _check_share(name: str, value: float | int) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1): it says how much of the past is kept; got {value}")


def _count(name: str, value: int) -> int:
    n = operator.index(value)
    if n < 1:
        raise ValueError(f"{name} must be at least 1; got {n}")
    return n
