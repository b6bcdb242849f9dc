"""Functions of tensors: linear layers, einsum, exponentials, activations, softmax and cross-entropy."""

import itertools
from typing import Any

import numpy as np

from vec2attn.autograd.engine import keep_axes, numbers, operation, spread, take
from vec2attn.softmax import log_softmax as _log_softmax
from vec2attn.softmax import logsumexp as _logsumexp
from vec2attn.softmax import softmax as _softmax


@operation(fresh=True)
def linear(X: Any, W: Any, *b: Any) -> Any:
    """Return X Wᵀ + b, a layer: W (outputs, inputs), b (outputs), which may be left out."""
    x, w = np.shape(X), np.shape(W)
    if len(w) != 2 or not x or x[-1] != w[1]:
        raise ValueError(f"W {w} takes {w[1] if len(w) == 2 else 'no'} features; X has shape {x}")
    Y = X @ W.mT
    if not b:
        return Y
    if len(b) > 1:
        raise TypeError(f"linear takes X, W and at most one b; got {len(b)}")
    if np.shape(b[0]) != w[:1]:
        raise ValueError(f"W {w} has {w[0]} outputs; b has shape {np.shape(b[0])}")
    return np.add(Y, b[0], out=Y if b[0].dtype == Y.dtype else None)


@linear.differentiate
def _linear(g: Any, Y: Any, X: Any, W: Any, *b: Any) -> Any:
    def to_W() -> Any:  # one matrix for a whole batch: a single product, in the order of W's own memory
        rows, u = X.reshape((-1, X.shape[-1])), g.reshape((-1, g.shape[-1]))
        return (rows.T @ u).T if numbers(W).flags.f_contiguous else u.T @ rows

    return lambda: g @ W, to_W, *(lambda: g for _ in b)


def einsum(formula: str, *arrays: Any) -> Any:
    """Return `numpy.einsum(formula, *arrays)`; the formula names the output, `ij,jk->ik`, no letter twice in a term.

    Raises
    ------
    ValueError : another kind of formula, or one letter for axes of different sizes
    """
    if not isinstance(formula, str):
        raise ValueError(f"the formula comes first, einsum('ij,jk->ik', A, B); got {type(formula).__name__}")
    formula = formula.replace(" ", "")
    terms, arrow, output = formula.partition("->")
    names = terms.split(",")
    if not arrow or any(len(set(t)) < len(t) or not t.isascii() or (t and not t.isalpha()) for t in [*names, output]):
        raise ValueError(f"need a formula such as 'ij,jk->ik', with an arrow and no letter twice; got {formula!r}")
    shapes = [np.shape(numbers(x)) for x in arrays]
    if [len(name) for name in names] != [len(shape) for shape in shapes] or set(output) - set(terms):
        raise ValueError(f"{formula!r} does not fit arrays of shapes {', '.join(map(str, shapes))}")
    size: dict[str, int] = {}
    for letter, n in zip("".join(names), itertools.chain(*shapes), strict=True):
        if size.setdefault(letter, n) != n:
            raise ValueError(f"in {formula!r} the axis {letter} has size {size[letter]} and, in another array, {n}")
    return contract(*arrays, formula=formula)


@operation(name="einsum")
def contract(*arrays: Any, formula: str) -> Any:
    """Return what `einsum` returns, without its checks."""
    return np.einsum(formula, *arrays, optimize=len(arrays) > 2)


@contract.differentiate
def _contract(g: Any, Y: Any, *arrays: Any, formula: str) -> Any:
    terms, output = formula.split("->")
    names = terms.split(",")
    size = dict(zip("".join(names), itertools.chain(*(x.shape for x in arrays)), strict=True))

    def gradient(i: int) -> Any:
        others = [(name, x) for j, (name, x) in enumerate(zip(names, arrays, strict=True)) if j != i]
        known = set(output).union(*(name for name, _ in others))
        # a letter that this term alone has was summed over: its gradient is the same all along that axis
        there = "".join(letter for letter in names[i] if letter in known)
        part = contract(g, *(x for _, x in others), formula=f"{','.join([output, *(n for n, _ in others)])}->{there}")
        shape = [size[letter] if letter in known else 1 for letter in names[i]]
        return spread(part.reshape(shape), shape=tuple(size[letter] for letter in names[i]))

    return [lambda i=i: gradient(i) for i in range(len(names))]


@operation()
def exp(x: Any) -> Any:
    """Return e to the power of x."""
    return np.exp(x)


@operation()
def sqrt(x: Any) -> Any:
    """Return the square root."""
    return np.sqrt(x)


@operation()
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return np.tanh(x)


@operation()
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e^−x), without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(np.asarray(x) < 0, e, 1) / (1 + e)


@operation()
def relu(x: Any) -> Any:
    """Return max(x, 0); the slope at 0 is taken to be 0."""
    return np.maximum(x, 0)


@operation()
def absolute(x: Any) -> Any:
    """Return |x|; the slope at 0 is taken to be 0."""
    return np.abs(x)


exp.differentiate(lambda g, y, x: (lambda: g * y,))
sqrt.differentiate(lambda g, y, x: (lambda: g / (2 * y),))
tanh.differentiate(lambda g, y, x: (lambda: g * (1 - y * y),))
sigmoid.differentiate(lambda g, y, x: (lambda: g * y * (1 - y),))
relu.differentiate(lambda g, y, x: (lambda: g * (numbers(x) > 0),))
absolute.differentiate(lambda g, y, x: (lambda: g * np.sign(numbers(x)),))


def gelu(x: Any) -> Any:
    r"""Return $x\,\Phi(x)$ in its tanh approximation. Source: Hendrycks & Gimpel 2016, section 2, arXiv:1606.08415."""
    return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def where(condition: Any, a: Any, b: Any) -> Any:
    """Return the entries of a where the condition holds, those of b elsewhere."""
    return choose(a, b, condition=np.array(numbers(condition), bool))


@operation(reads=False, name="where")
def choose(a: Any, b: Any, *, condition: np.ndarray) -> Any:
    """Return what `where` returns."""
    return np.where(condition, a, b)


choose.differentiate(lambda g, y, a, b, *, condition: (lambda: where(condition, g, 0), lambda: where(condition, 0, g)))


@operation()
def maximum(a: Any, b: Any) -> Any:
    """Return the larger of two entries; equal ones share the gradient."""
    return np.maximum(a, b)


@maximum.differentiate
def _maximum(g: Any, y: Any, a: Any, b: Any) -> Any:
    a, b = np.asarray(numbers(a)), np.asarray(numbers(b))
    share = ((0.5 * (a > b)) + (0.5 * (a >= b))).astype(g.dtype)
    return lambda: g * share, lambda: g * (1 - share)


@operation(reads=False)
def concatenate(*arrays: Any, axis: int = 0) -> Any:
    """Return the arrays one after the other along an axis."""
    return np.concatenate(arrays, axis=axis)


@concatenate.differentiate
def _concatenate(g: Any, y: Any, *arrays: Any, axis: int = 0) -> Any:
    ends = np.cumsum([0, *(x.shape[axis] for x in arrays)])
    before = (slice(None),) * (axis % len(y.shape))
    return [lambda i=i: take(g, index=(*before, slice(int(ends[i]), int(ends[i + 1])))) for i in range(len(arrays))]


@operation()
def softmax(z: Any, *, axis: int = -1) -> Any:
    """Return the probabilities of logits along an axis."""
    return _softmax(z, axis=axis)


@operation()
def log_softmax(z: Any, *, axis: int = -1) -> Any:
    """Return the logarithms of the probabilities of logits along an axis."""
    return _log_softmax(z, axis=axis)


@operation()
def logsumexp(z: Any, *, axis: int = -1) -> Any:
    """Return log Σ e^z along an axis."""
    return _logsumexp(z, axis=axis)


def cross_entropy(z: Any, targets: Any) -> Any:
    """Return the mean of −log p of the targets, in nats: logits (…, classes), whole numbers (…)."""
    return mean_surprise(z, targets=_classes(np.shape(numbers(z)), targets))


@operation(name="cross_entropy")
def mean_surprise(z: Any, *, targets: np.ndarray) -> Any:
    """Return what `cross_entropy` returns."""
    rows = _log_softmax(z).reshape((-1, z.shape[-1]))
    return -rows[np.arange(len(rows)), targets.reshape(-1)].sum() / targets.size


softmax.differentiate(lambda g, p, z, *, axis=-1: (lambda: p * (g - (g * p).sum(axis=axis, keepdims=True)),))
log_softmax.differentiate(lambda g, y, z, *, axis=-1: (lambda: g - exp(y) * g.sum(axis=axis, keepdims=True),))
logsumexp.differentiate(lambda g, y, z, *, axis=-1: (lambda: keep_axes(g, z.shape, axis) * softmax(z, axis=axis),))


@mean_surprise.differentiate
def _mean_surprise(g: Any, y: Any, z: Any, *, targets: np.ndarray) -> Any:
    def gradient() -> Any:  # softmax(z) without its checks: the way forward has made them
        e = exp(z - numbers(z).max(axis=-1, keepdims=True))
        onehot = targets[..., None] == np.arange(z.shape[-1])
        return (e / e.sum(axis=-1, keepdims=True) - onehot) * (g / targets.size)

    return (gradient,)


def _classes(logits: tuple[int, ...], targets: Any) -> np.ndarray:
    targets = np.array(numbers(targets))
    if not logits or targets.dtype.kind not in "iu" or targets.shape != logits[:-1]:
        raise ValueError(
            f"need logits (…, classes) and whole-number targets (…); got {logits} and {targets.dtype} {targets.shape}"
        )
    if targets.size == 0 or targets.min() < 0 or targets.max() >= logits[-1]:
        met = f"{targets.min()} … {targets.max()}" if targets.size else "none"
        raise ValueError(f"targets must lie in 0 … {logits[-1] - 1}; got {met}")
    return targets
