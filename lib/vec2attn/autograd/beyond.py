"""Beyond the gradient: Jacobian- and Hessian-vector products, checkpointing, and the check of all derivatives."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vec2attn.arrays import whole_number
from vec2attn.autograd.engine import Operation, Tensor, gradients, newest_first, no_grad, numbers, record


def jvp(f: Callable[..., Tensor], inputs: Sequence[Any], tangents: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    r"""Return y = f(inputs) and $\sum_i J_i v_i$, the change of y when the inputs move by the tangents.

    Reverse mode gives $u^\top J$, which is linear in u; its own reverse mode gives $Jv$.

    Raises
    ------
    ValueError : as many tangents as inputs are needed, in their shapes

    Cost: three to five times f. Source: Townsend 2017, "A new trick for calculating Jacobian vector products"
    """
    leaves = _leaves(inputs, tangents)
    with record(True):
        y = _result(f, leaves)
        if not y.requires_grad:
            return y.data, np.zeros(y.shape, y.dtype)
        u = Tensor(np.zeros(y.shape, y.dtype), requires_grad=True)
        s = _dot(gradients(y, leaves, u, graph=True), tangents)
    return y.data, gradients(s, [u])[0].data if s.requires_grad else np.zeros(y.shape, y.dtype)


def hvp(f: Callable[..., Tensor], inputs: Sequence[Any], tangents: Sequence[Any]) -> list[np.ndarray]:
    r"""Return $Hv$, the product of the Hessian of a single number f(inputs) with the tangents, one array an input.

    It is the gradient of $\nabla f \cdot v$; the Hessian itself, n × n, is never made.

    Raises
    ------
    ValueError : as many tangents as inputs are needed, in their shapes; f is no single number

    Cost: four times f, where the inputs are data, to nine, where they are weights. Source: Pearlmutter 1994,
    doi:10.1162/neco.1994.6.1.147
    """
    leaves = _leaves(inputs, tangents)
    with record(True):
        y = _result(f, leaves)
        if not y.requires_grad:  # f is constant
            return [np.zeros(x.shape, x.dtype) for x in leaves]
        s = _dot(gradients(y, leaves, graph=True), tangents)
    if not s.requires_grad:  # f is linear
        return [np.zeros(x.shape, x.dtype) for x in leaves]
    return [g.data for g in gradients(s, leaves)]


def largest_curvature(
    loss: Tensor, parameters: Sequence[Tensor], *, rng: np.random.Generator, steps: int = 20
) -> float:
    r"""Return the size of the largest eigenvalue of the Hessian of a recorded loss, by power iteration.

    The estimate is $\lVert Hv\rVert$ of a unit vector v, so it comes from below. A negative one counts by its size.

    Raises
    ------
    ValueError : the loss is no single number, or steps is below 1
    """
    steps = whole_number("steps", steps)
    slopes = gradients(loss, parameters, graph=True)
    v = [rng.standard_normal(p.shape).astype(p.dtype) for p in parameters]
    for _ in range(steps):
        size = math.sqrt(sum((part**2).sum() for part in v))
        if size == 0:  # a plane
            return 0.0
        along = _dot(slopes, [part / p.dtype.type(size) for part, p in zip(v, parameters, strict=True)])
        if not along.requires_grad:  # no weight changes any slope
            return 0.0
        v = [g.data for g in gradients(along, parameters)]
    return math.sqrt(sum((part**2).sum() for part in v))


def _leaves(inputs: Sequence[Any], tangents: Sequence[Any]) -> list[Tensor]:
    if not isinstance(inputs, list | tuple) or not isinstance(tangents, list | tuple):
        raise ValueError("inputs and tangents come as lists, one entry for each argument of f: [x], [v]")
    shapes, met = [np.shape(numbers(x)) for x in inputs], [np.shape(numbers(v)) for v in tangents]
    if shapes != met or not shapes:
        raise ValueError(f"need one tangent for each input, in its shape; got inputs {shapes} and tangents {met}")
    return [Tensor(numbers(x), requires_grad=True) for x in inputs]


def _result(f: Callable[..., Tensor], inputs: Sequence[Any]) -> Tensor:
    y = f(*inputs)
    if not isinstance(y, Tensor):
        raise TypeError(f"the function must return a tensor; it returned {type(y).__name__}")
    return y


def _dot(tensors: Sequence[Tensor], others: Sequence[Any]) -> Tensor:
    """Return the sum of all products of entries."""
    first, *rest = ((x * w).sum() for x, w in zip(tensors, others, strict=True))
    return sum(rest, first)


def checkpoint(f: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """Return `f(*inputs)`, and keep only the inputs: what lies between is computed again on the way back.

    Parameters
    ----------
    f : gives the same result whenever it is called with the same numbers
    inputs : every tensor that f uses and that requires a gradient

    Raises
    ------
    ValueError : on the way back, if f uses such a tensor that is not among the inputs

    Cost: one more computation of f. Source: Chen et al. 2016, arXiv:1604.06174
    """

    def run(*arrays: Any) -> Any:
        with no_grad():
            return _result(f, [Tensor._wrap(x) if isinstance(x, np.ndarray) else x for x in arrays]).data

    step = Operation(run)
    step.name = f"checkpoint of {getattr(f, '__name__', 'f')}"

    @step.differentiate
    def _again(g: Any, y: Any, *values: Any) -> Any:
        graph = isinstance(g, Tensor)

        def fresh(x: Any, given: Any) -> Any:
            """Return a tensor in the place of x whose own past is not walked: that is for the walk outside."""
            if isinstance(x, Tensor):
                return x.reshape(x.shape)
            if not isinstance(x, np.ndarray):
                return x
            leaf = Tensor._wrap(x)
            leaf.requires_grad = isinstance(given, Tensor) and given.requires_grad
            return leaf

        with record(True):
            used = [fresh(x, given) for x, given in zip(values, inputs, strict=True)]
            out = _result(f, used)
        leaves = [x for x in used if isinstance(x, Tensor) and x.requires_grad]
        for x in newest_first(out, until=leaves):
            if x._operation is None and x.requires_grad and not any(x is leaf for leaf in leaves):
                raise ValueError(f"f uses a tensor of shape {x.shape} that requires a gradient: pass it as an input")
        if not out.requires_grad:  # f uses no numbers of its inputs
            return [lambda x=x: x * 0 for x in values]
        parts = dict(zip(leaves, gradients(out, leaves, g, graph=graph), strict=True))
        return [lambda x=x: parts[x] if graph else parts[x].data for x in used]

    return step(*inputs)


def saved_bytes(y: Tensor) -> int:
    """Return how many bytes of arrays the graph under y keeps alive, leaves and constants included, each once."""
    arrays: dict[int, int] = {}
    seen, stack = {y}, [y]
    while stack:
        node = stack.pop()
        kept = [node._data, *node._inputs, *node._options.values(), *node._options.get("index", ())]
        for array in (x for x in kept if isinstance(x, np.ndarray)):
            whole = array if array.base is None else array.base
            arrays[id(whole)] = whole.nbytes
        new = {x for x in node._inputs if isinstance(x, Tensor)} - seen
        seen |= new
        stack += new
    return sum(arrays.values())


def grad_check(
    f: Callable[..., Tensor], *inputs: Any, order: int = 1, rng: np.random.Generator, step: float = 1e-5
) -> float:
    r"""Return the largest relative difference between our derivatives of f and central differences.

    f is made a single number by a random weighting of its entries. Order 2 compares the derivative of the gradient,
    weighted at random too. Inputs of up to 64 entries are moved entry by entry, larger ones in 8 random directions.
    Right derivatives in double precision give less than about 1e-6.

    Parameters
    ----------
    f : of tensors
    inputs : float64 arrays
    order : 1 for the gradient, 2 for its derivative

    Raises
    ------
    ValueError : an input is not float64 (differences need the digits), or `order` is neither 1 nor 2
    """
    arrays = [np.array(numbers(x)) for x in inputs]
    if any(x.dtype != np.float64 for x in arrays) or not arrays:
        raise ValueError(f"grad_check needs float64 inputs; got {[str(x.dtype) for x in arrays]}")
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2; got {order}")
    u = rng.standard_normal(_result(f, [Tensor(x) for x in arrays]).shape)
    weights = [rng.standard_normal(x.shape) for x in arrays]

    def number(xs: Sequence[Tensor]) -> Tensor:
        y = _dot([f(*xs)], [u])
        return y if order == 1 else _dot(gradients(y, xs, graph=True), weights)

    def at(moved: int, by: Any) -> float:
        return number([Tensor(x + by if i == moved else x, requires_grad=True) for i, x in enumerate(arrays)]).item()

    leaves = [Tensor(x, requires_grad=True) for x in arrays]
    y = number(leaves)
    ours = [g.data for g in gradients(y, leaves)] if y.requires_grad else [np.zeros_like(x) for x in arrays]
    worst = 0.0
    for i, x in enumerate(arrays):
        few = x.size <= 64
        for d in np.eye(x.size).reshape(x.size, *x.shape) if few else rng.standard_normal((8, *x.shape)):
            theirs, mine = (at(i, step * d) - at(i, -step * d)) / (2 * step), float((ours[i] * d).sum())
            off = abs(mine - theirs) / max(1.0, abs(mine), abs(theirs))
            worst = float(np.maximum(worst, off))  # numpy's keeps a NaN; Python's max may pass over it
    return worst
