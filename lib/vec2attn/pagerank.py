"""PageRank (notebook 3.2): how often a reader who follows links at random is on each page, in the long run.

One convention: rows are sources. P[i, j] is the probability of going from i to j, probabilities are row vectors, and
one step takes r to rP. The ranks are the r with rG = r, where $G = \\alpha P + (1 - \\alpha)\\,1t^\\top$.
"""

import math
import operator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, Real

from vec2attn.arrays import as_reals


@dataclass(frozen=True, eq=False)
class _Links:
    """The rows of P that hold something, as a list; nodes without links (dangling) go where `teleport` says."""

    source: Int[np.ndarray, " links"]
    target: Int[np.ndarray, " links"]
    probability: Float[np.ndarray, " links"]
    dangling: Bool[np.ndarray, " n"]


def pagerank(
    links: Integer[np.ndarray, "links 2"] | list,
    n: int | np.integer,
    *,
    weights: Real[np.ndarray, " links"] | list | None = None,
    damping: float | int = 0.85,
    teleport: Real[np.ndarray, " n"] | list | None = None,
    tolerance: float = 1e-12,
    max_steps: int = 1000,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " steps"]]:
    r"""Return the ranks of n nodes, which sum to 1, and the residual of each step on the way.

    $r \leftarrow \alpha\,(rP + r_{\text{dangling}}\,t) + (1 - \alpha)\,t$ from $r = t$ on, until the residual
    $\lVert r_{k+1} - r_k \rVert_1$ is at most `tolerance`. Each step shrinks every difference by the damping factor
    $\alpha$ or better, so that the error left is at most $\alpha / (1 - \alpha)$ times the last residual.

    Parameters
    ----------
    links : (links, 2), rows (source, target), nodes 0 … n−1; a pair that comes twice counts twice; none is allowed
    n : number of nodes
    weights : of the links, ≥ 0; a node divides its rank among its links in proportion to them
    damping : α, the probability of following a link
    teleport : (n,), ≥ 0, scaled to sum 1: where the reader starts, and goes instead of following a link and from a node
        without links; uniform by default
    tolerance : above 0; rounding leaves residuals of about 1e-16
    max_steps : after so many steps without success an error is raised

    Raises
    ------
    ValueError : no nodes, a node out of range, a negative or non-finite weight, no place to teleport to, α outside
        [0, 1], a tolerance that is not above 0
    LinAlgError : no convergence in `max_steps` (with α = 1 perhaps never: a cycle of even length need not settle)

    Cost: 2 FLOPs a link and a few a node in each step, $\log(\text{tolerance}) / \log \alpha$ steps at most or so;
    memory in proportion to links and nodes. Source: Brin & Page 1998, section 2.1, doi:10.1016/S0169-7552(98)00110-X;
    dangling nodes: Langville & Meyer 2004, doi:10.1080/15427951.2004.10129091
    """
    n, max_steps = _at_least_one("n", n), _at_least_one("max_steps", max_steps)
    if not 0 <= damping <= 1:
        raise ValueError(f"damping is a probability, in [0, 1]; got {damping}")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance must be a finite number above 0; got {tolerance}")
    P, t = _transitions(links, n, weights), _teleport(teleport, n)
    r, residuals = t, []
    for _ in range(max_steps):
        followed = np.bincount(P.target, weights=P.probability * r[P.source], minlength=n)
        after = damping * (followed + r[P.dangling].sum() * t) + (1 - damping) * t
        residuals.append(np.abs(after - r).sum())
        r = after
        if residuals[-1] <= tolerance:
            return r, np.array(residuals)
    raise np.linalg.LinAlgError(
        f"no convergence in {max_steps} steps: the residual is {residuals[-1]:.1e}, the tolerance {tolerance:.1e}; "
        + ("with damping 1 the ranks may swing for ever" if damping == 1 else "allow more steps or a larger tolerance")
    )


def _at_least_one(name: str, value: int | np.integer) -> int:
    value = operator.index(value)
    if value < 1:
        raise ValueError(f"{name} must be at least 1; got {value}")
    return value


def _transitions(
    links: Integer[np.ndarray, "links 2"] | list, n: int, weights: Real[np.ndarray, " links"] | list | None
) -> _Links:
    try:
        pairs = np.asarray(links)
    except ValueError:
        raise TypeError("links must be pairs of whole numbers; the rows have different lengths") from None
    if pairs.size == 0:
        pairs = np.empty((0, 2), dtype=np.intp)
    if pairs.dtype.kind not in "iu":
        raise TypeError(f"links must be pairs of whole numbers; got {pairs.dtype} values")
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"links must have the shape (links, 2), a source and a target a row; got {pairs.shape}")
    outside = (pairs < 0) | (pairs >= n)
    if outside.any():
        row = int(outside.any(axis=1).argmax())
        raise ValueError(f"link {row} goes from {pairs[row, 0]} to {pairs[row, 1]}; the {n} nodes are 0 … {n - 1}")
    source, target = np.ascontiguousarray(pairs.T, dtype=np.intp)
    given = _weights(weights, len(pairs))
    with np.errstate(over="ignore"):
        out = np.bincount(source, weights=given, minlength=n)
    if not np.isfinite(out).all():
        raise ValueError("the weights of one node's links sum to infinity: divide all weights by a constant first")
    keep = given > 0
    source, target, given = source[keep], target[keep], given[keep]
    return _Links(source, target, given / out[source], out == 0)


def _weights(weights: Real[np.ndarray, " links"] | list | None, count: int) -> Float[np.ndarray, " links"]:
    if weights is None:
        return np.ones(count)
    if count == 0 and np.size(weights) == 0:
        return np.empty(0)
    given = as_reals("weights", weights).astype(np.float64)
    if given.shape != (count,):
        raise ValueError(f"weights needs one number for each of the {count} links; got shape {given.shape}")
    if given.min() < 0:
        raise ValueError(f"weights must not be negative; weight {int(given.argmin())} is {given.min()}")
    return given


def _teleport(teleport: Real[np.ndarray, " n"] | list | None, n: int) -> Float[np.ndarray, " n"]:
    if teleport is None:
        return np.full(n, 1 / n)
    t = as_reals("teleport", teleport).astype(np.float64)
    if t.shape != (n,):
        raise ValueError(f"teleport needs one number for each of the {n} nodes; got shape {t.shape}")
    if t.min() < 0 or t.max() == 0:
        raise ValueError(f"teleport must not be negative, and not 0 everywhere; got {t.min()} … {t.max()}")
    t = t / t.max()  # first: the sum of very large numbers would overflow
    return t / t.sum()
