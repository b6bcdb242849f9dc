"""Functions of tensors: exponentials, activations, einsum, softmax and cross-entropy."""

import itertools
from typing import Any

import numpy as np

from vec2attn.autograd.engine import keep_axes, numbers, operation, spread, take
from vec2attn.softmax import log_softmax as _log_softmax
from vec2attn.softmax import logsumexp as _logsumexp
from vec2attn.softmax import softmax as _softmax


@operation()
def einsum(*arrays: Any, formula: str) -> Any:
    """Return `numpy.einsum(formula, *arrays)`; the formula names the output, `ij,jk->ik`, no letter twice in a term."""
    terms, arrow, output = formula.replace(" ", "").partition("->")
    for term in [*terms.split(","), output]:
        if not arrow or len(set(term)) < len(term) or not term.isascii() or (term and not term.isalpha()):
            raise ValueError(f"need a formula such as 'ij,jk->ik', with an arrow and no letter twice; got {formula!r}")
    return np.einsum(formula, *arrays, optimize=True)


@einsum.differentiate
def _einsum(g: Any, Y: Any, *arrays: Any, formula: str) -> Any:
    terms, output = formula.replace(" ", "").split("->")
    names = terms.split(",")
    size = dict(zip("".join(names), itertools.chain.from_iterable(x.shape for x in arrays), strict=True))

    def gradient(i: int) -> Any:
        others = [(name, x) for j, (name, x) in enumerate(zip(names, arrays, strict=True)) if j != i]
        known = set(output).union(*(name for name, _ in others))
        # a letter that this term alone has was summed over: its gradient is the same all along that axis
        there = [letter for letter in names[i] if letter in known]
        inputs = ",".join([output, *(name for name, _ in others)])
        part = einsum(g, *(x for _, x in others), formula=f"{inputs}->{''.join(there)}")
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
    return 0.5 * (np.tanh(0.5 * x) + 1)


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


@operation()
def where(a: Any, b: Any, *, condition: Any) -> Any:
    """Return the entries of a where the condition holds, those of b elsewhere."""
    return np.where(condition, a, b)


@operation()
def maximum(a: Any, b: Any) -> Any:
    """Return the larger of two entries; equal ones share the gradient."""
    return np.maximum(a, b)


@where.differentiate
def _where(g: Any, y: Any, a: Any, b: Any, *, condition: Any) -> Any:
    return lambda: g * np.asarray(condition, bool), lambda: g * ~np.asarray(condition, bool)


@maximum.differentiate
def _maximum(g: Any, y: Any, a: Any, b: Any) -> Any:
    share = 0.5 * (1 + np.sign(numbers(a) - numbers(b))).astype(numbers(g).dtype)
    return lambda: g * share, lambda: g * (1 - share)


@operation(reads=False)
def concatenate(*arrays: Any, axis: int = 0) -> Any:
    """Return the arrays one after the other along an axis."""
    return np.concatenate(arrays, axis=axis)


@concatenate.differentiate
def _concatenate(g: Any, y: Any, *arrays: Any, axis: int) -> Any:
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


@operation()
def cross_entropy(z: Any, *, targets: Any) -> Any:
    """Return the mean of −log p of the targets, in nats: logits (…, classes), whole numbers (…)."""
    picked = _classes(z, targets)
    return np.asarray(-np.take_along_axis(_log_softmax(z), picked[..., None], axis=-1).mean())


softmax.differentiate(lambda g, p, z, *, axis=-1: (lambda: p * (g - (g * p).sum(axis=axis, keepdims=True)),))
log_softmax.differentiate(lambda g, y, z, *, axis=-1: (lambda: g - exp(y) * g.sum(axis=axis, keepdims=True),))
logsumexp.differentiate(lambda g, y, z, *, axis=-1: (lambda: keep_axes(g, z.shape, axis) * softmax(z, axis=axis),))


@cross_entropy.differentiate
def _cross_entropy(g: Any, y: Any, z: Any, *, targets: Any) -> Any:
    def gradient() -> Any:
        onehot = np.zeros(z.shape, numbers(z).dtype)
        np.put_along_axis(onehot, np.asarray(targets)[..., None], 1, axis=-1)
        return (softmax(z) - onehot) * (g / np.asarray(targets).size)

    return (gradient,)


def _classes(z: np.ndarray, targets: Any) -> np.ndarray:
    targets = np.asarray(targets)
    if targets.dtype.kind not in "iu" or targets.shape != z.shape[:-1]:
        raise ValueError(
            f"need logits (…, classes) and whole-number targets (…); got {z.shape} and {targets.dtype} {targets.shape}"
        )
    if targets.size == 0 or targets.min() < 0 or targets.max() >= z.shape[-1]:
        met = f"{targets.min()} … {targets.max()}" if targets.size else "none"
        raise ValueError(f"targets must lie in 0 … {z.shape[-1] - 1}; got {met}")
    return targets
