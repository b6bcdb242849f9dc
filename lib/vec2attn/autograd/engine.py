"""Reverse-mode automatic differentiation over numpy arrays.

A `Tensor` is an array that remembers which operation made it, from which tensors. `backward` walks that graph from the
result to the leaves and multiplies by one Jacobian after the other, always from the left: a vector-Jacobian product
(VJP) for each operation. VJPs are written with the very operations they differentiate, so that they run on plain arrays
when numbers are wanted, and on tensors when derivatives of derivatives are.
"""

import contextlib
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Vjp = Callable[..., Sequence[Callable[[], Any]]]

_births, _birth = itertools.count(), operator.attrgetter("_birth")
_recording = True


class Operation:
    """One step of a computation: how to compute it from arrays, and its VJPs.

    Called with arrays it computes; called with at least one tensor it also records. The function given to
    `differentiate` takes the gradient g of the result, the result y and the inputs, and returns for each input a
    function that computes its gradient: only what is needed is computed. Sums over broadcast axes are not its concern.

    `reads` says whether the VJPs look at the values of inputs or result: these must then be the same on the way back.
    So arrays from outside, which anybody may change, are copied, and a leaf that was assigned to is refused.

    `fresh` says that what the VJPs return is an array that they have made, or g: a leaf may then keep it as its
    gradient without a copy.
    """

    def __init__(self, forward: Callable[..., Any], *, reads: bool = True, fresh: bool = False, name: str = "") -> None:
        self.forward, self.reads, self.fresh, self.name = forward, reads, fresh, name or forward.__name__
        self.__doc__, self.__wrapped__ = forward.__doc__, forward
        self.vjps: Vjp | None = None

    def differentiate(self, vjps: Vjp) -> Vjp:
        """Store the VJPs; a decorator."""
        self.vjps = vjps
        return vjps

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute the result, a tensor if any input is one; then it remembers them."""
        given = [x if isinstance(x, Tensor) else self._constant(x) for x in inputs]
        tensors = [x for x in given if isinstance(x, Tensor)]
        result = self.forward(*map(numbers, given), **options)
        if not tensors:
            return result
        y = Tensor._wrap(result)
        if _recording and any([x.requires_grad for x in tensors]):
            y.requires_grad, y._operation, y._options = True, self, options
            y._inputs = tuple([self._own(x) for x in given])
            y._versions = tuple([x._version if isinstance(x, Tensor) else 0 for x in given])
        return y

    def _constant(self, x: Any) -> Any:
        """Return a number as it is, so that it does not change the dtype of others; anything else as an array."""
        if isinstance(x, np.ndarray | bool | int | float) and getattr(x, "dtype", np.dtype(float)).kind in "biuf":
            return x
        if isinstance(x, list | tuple) and any(isinstance(part, Tensor) for part in x):
            raise TypeError(f"{self.name} takes tensors one by one, {self.name}(a, b), not in a {type(x).__name__}")
        return _as_array(x, f"{self.name} takes")[()]

    def _own(self, x: Any) -> Any:
        """Return a copy of an array from outside, which anybody may change, if its values are read on the way back."""
        return x.copy() if self.reads and isinstance(x, np.ndarray) and x.flags.writeable else x


def operation(*, reads: bool = True, fresh: bool = False, name: str = "") -> Callable[[Callable[..., Any]], Operation]:
    """Make an `Operation` of a function of arrays; a decorator. The name is what errors and drawings call it by."""
    return lambda forward: Operation(forward, reads=reads, fresh=fresh, name=name)


def _as_array(values: Any, need: str, dtype: Any = None) -> np.ndarray:
    """Return `values` as an array of real numbers; the error begins with the need."""
    try:
        array = np.asarray(values, dtype)
    except ValueError:
        raise TypeError(f"{need} numbers; these rows have different lengths") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{need} real numbers; got {array.dtype} values")
    return array


class Tensor:
    """An array with a memory of how it came about.

    Parameters
    ----------
    data : numbers of any shape; they are copied, so that nobody else can change them
    requires_grad : whether `backward` is to compute a gradient for this tensor (floating-point numbers only)

    Attributes
    ----------
    data : the array, read-only; `assign` changes it
    grad : after `backward`, the gradient, an array of the same shape and dtype; None before
    """

    __slots__ = (
        "__weakref__", "_birth", "_data", "_inputs", "_operation", "_options", "_version", "_versions", "grad",
        "requires_grad",
    )  # fmt: skip

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        if isinstance(data, Tensor):
            raise TypeError("this is a tensor already; x.detach() gives one without history")
        if isinstance(data, list | tuple) and any(isinstance(part, Tensor) for part in data):
            raise TypeError("a tensor needs numbers; concatenate(a.reshape(1, -1), b.reshape(1, -1)) joins tensors")
        array = np.array(_as_array(data, "a tensor needs"))
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(
                f"only floating-point numbers have gradients; got {array.dtype}: write 1.0 instead of 1, or use .astype"
            )
        self._set(array, requires_grad)

    def _set(self, array: np.ndarray, requires_grad: bool) -> None:
        array.flags.writeable = False
        self._data, self.requires_grad = array, requires_grad
        self.grad: np.ndarray | None = None
        self._operation: Operation | None = None
        self._inputs: tuple[Any, ...] = ()
        self._options: dict[str, Any] = {}
        self._versions: tuple[int, ...] = ()
        self._version, self._birth = 0, next(_births)

    @classmethod
    def _wrap(cls, array: Any) -> "Tensor":
        """Return a constant made of an array that nobody else changes, without a copy."""
        tensor = cls.__new__(cls)
        tensor._set(np.asarray(array).view(), False)  # a view: if somebody else holds the array, theirs stays writable
        return tensor

    @property
    def data(self) -> np.ndarray:
        """The numbers, read-only."""
        return self._data

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._data.size

    @property
    def dtype(self) -> np.dtype:
        """Type of the entries."""
        return self._data.dtype

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        made = f", from {self._operation.name}" if self._operation else ", requires_grad" * self.requires_grad
        return f"Tensor({np.array2string(self._data, separator=', ')}{made})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise TypeError("numpy would lose this tensor's history: use the functions of vec2attn.autograd, or x.data")
        return np.array(self._data, dtype=dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Answer numpy for `array * tensor` and the like; refuse its functions, which know no derivatives."""
        if method == "__call__" and not options and ufunc.__name__ in _OPERATORS:
            return _OPERATORS[ufunc.__name__](*inputs)
        if "out" in options:
            raise TypeError("an array cannot be changed in place by a tensor: write y = y + x instead of y += x")
        return self.__array_function__(ufunc, (), (), {})

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        raise TypeError(
            f"numpy.{function.__name__} would lose this tensor's history: use a method of the tensor or a function of "
            "vec2attn.autograd, or x.data if no derivative is wanted"
        )

    def __bool__(self) -> bool:
        return bool(self._data)

    def __float__(self) -> float:
        return float(self._data)

    def __iter__(self) -> Iterator["Tensor"]:
        if not self.ndim:
            raise TypeError("a single number has no rows to go through")
        return (self[i] for i in range(len(self)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "entries of a tensor cannot be set: later gradients would be those of other numbers. "
            "where(condition, new, x) computes a changed copy; x.assign(…) replaces the numbers of a leaf"
        )

    def item(self) -> float:
        """Return the number of a tensor that has only one."""
        if self.size != 1:
            raise ValueError(f"a tensor of shape {self.shape} is no single number: take one entry, or its sum or mean")
        return float(self._data.item())

    def detach(self) -> "Tensor":
        """Return the same numbers without history: a constant."""
        return Tensor._wrap(self._data)

    def assign(self, values: Any, *, copy: bool = True) -> None:
        """Give a leaf new numbers, as an optimiser does between two steps, in the leaf's own dtype.

        A graph made before can no longer go backward through operations that need the old numbers, and says so.

        Parameters
        ----------
        values : numbers in the shape of the leaf
        copy : False hands an array over: nobody else may hold it, and it becomes read-only

        Raises
        ------
        ValueError : the tensor was computed from others, or the values have another shape
        """
        if self._operation is not None:
            raise ValueError(f"only leaves can be assigned to; this tensor was computed by {self._operation.name}")
        array = _as_array(numbers(values), "a tensor needs")
        if array.shape != self.shape:
            raise ValueError(f"the tensor has shape {self.shape}; the new values have {array.shape}")
        # not into the old array: views of it, such as a transpose, belong to results that are already computed
        self._data = np.array(array, self.dtype, copy=copy or None)
        self._data.flags.writeable = False
        self._version += 1

    def backward(self, gradient: Any = None) -> None:
        """Add to the `grad` of every leaf the gradient of this tensor.

        A second call adds the same once more: only leaves keep gradients, and nothing in between is counted twice.

        Parameters
        ----------
        gradient : what to multiply the Jacobian by from the left; 1 for a single number, else it must be given

        Raises
        ------
        ValueError : the tensor depends on nothing that requires a gradient; it is no single number and no `gradient`
            is given, or one of another shape
        RuntimeError : a tensor was changed in place after it was used

        Cost: about two to three times the forward computation.
        """
        for leaf, found in _walk(self, gradient, graph=False).items():
            leaf.grad = found if leaf.grad is None else np.asarray(leaf.grad + found, leaf.dtype)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    # operators and methods, as numpy has them: VJPs use them on tensors and on arrays alike
    def __add__(self, other: Any) -> "Tensor":
        return add(self, other)

    def __radd__(self, other: Any) -> "Tensor":
        return add(other, self)

    def __sub__(self, other: Any) -> "Tensor":
        return subtract(self, other)

    def __rsub__(self, other: Any) -> "Tensor":
        return subtract(other, self)

    def __mul__(self, other: Any) -> "Tensor":
        return multiply(self, other)

    def __rmul__(self, other: Any) -> "Tensor":
        return multiply(other, self)

    def __truediv__(self, other: Any) -> "Tensor":
        return divide(self, other)

    def __rtruediv__(self, other: Any) -> "Tensor":
        return divide(other, self)

    def __pow__(self, other: Any) -> "Tensor":
        return power(self, other)

    def __rpow__(self, other: Any) -> "Tensor":
        return power(other, self)

    def __matmul__(self, other: Any) -> "Tensor":
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> "Tensor":
        return matmul(other, self)

    def __neg__(self) -> "Tensor":
        return negative(self)

    # comparisons have no derivative: they return arrays of truth values
    def __eq__(self, other: Any) -> Any:
        return self._data == numbers(other)

    def __ne__(self, other: Any) -> Any:
        return self._data != numbers(other)

    def __lt__(self, other: Any) -> Any:
        return self._data < numbers(other)

    def __le__(self, other: Any) -> Any:
        return self._data <= numbers(other)

    def __gt__(self, other: Any) -> Any:
        return self._data > numbers(other)

    def __ge__(self, other: Any) -> Any:
        return self._data >= numbers(other)

    __hash__ = object.__hash__  # a key of dictionaries and sets for what it is, not for its numbers

    def __getitem__(self, index: Any) -> "Tensor":
        parts = index if isinstance(index, tuple) else (index,)
        # what is no plain number or slice is copied: nobody may change it before the way back
        return take(self, index=tuple(part if _is_plain(part) else np.array(numbers(part)) for part in parts))

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        """Return the sum over some axes, or all."""
        return total(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        """Return the mean over some axes, or all."""
        y = total(self, axis=axis, keepdims=keepdims)
        if y.size and not self.size:
            raise ValueError(f"a tensor of shape {self.shape} has no entries to take the mean of")
        return y * (y.size / max(self.size, 1))

    def max(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        """Return the largest entry along some axes, or of all."""
        return largest(self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> "Tensor":
        """Return the same entries, in the same order, in another shape."""
        return reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> "Tensor":
        """Return the axes in another order; reversed if none is given."""
        order = axes[0] if len(axes) == 1 and np.ndim(axes[0]) else axes
        return transpose(self, axes=tuple(map(int, order)) if len(order) else tuple(range(self.ndim))[::-1])

    def astype(self, dtype: Any) -> "Tensor":
        """Return the numbers in another floating-point type; gradients come back in the type of this one."""
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"only floating-point numbers have gradients: x.data.astype({np.dtype(dtype)}) leaves them")
        return astype(self, dtype=np.dtype(dtype))

    @property
    def T(self) -> "Tensor":
        """The transpose."""
        return self.transpose()

    @property
    def mT(self) -> "Tensor":
        """The transpose of the last two axes."""
        return swap(self)


def no_grad() -> contextlib.AbstractContextManager[None]:
    """Record nothing inside: ``with no_grad(): …``. Computations keep no arrays, and their results are constants."""
    return record(False)


@contextlib.contextmanager
def record(wanted: bool) -> Iterator[None]:
    """Switch recording on or off inside, whatever it is outside."""
    global _recording
    before, _recording = _recording, wanted
    try:
        yield
    finally:
        _recording = before


def gradients(y: Tensor, inputs: Sequence[Tensor], gradient: Any = None, *, graph: bool = False) -> list[Tensor]:
    r"""Return the gradient of y for each input, leaf or not, and touch no `grad`.

    Parameters
    ----------
    y : the result, a single number unless `gradient` is given
    inputs : tensors that require gradients; one on which y does not depend has gradient 0
    gradient : the vector u of $u^\top J$, in the shape of y
    graph : record the computation of the gradients, so that they have derivatives themselves

    Raises
    ------
    ValueError : as `Tensor.backward`; an input that requires no gradient
    """
    if not isinstance(inputs, list | tuple):
        raise TypeError(f"the inputs come as a list: [x]; got {type(inputs).__name__}")
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor):
            raise TypeError(f"input {i} is no tensor but {type(x).__name__}: only tensors have gradients")
        if not x.requires_grad:
            raise ValueError(f"input {i} requires no gradient: make it with requires_grad=True")
    found = _walk(y, gradient, graph=graph, wanted=inputs)
    zeros = (np.zeros(x.shape, x.dtype) for x in inputs)
    return [g if isinstance(g, Tensor) else Tensor._wrap(g) for g in map(found.get, inputs, zeros)]


def _walk(y: Tensor, gradient: Any, *, graph: bool, wanted: Sequence[Tensor] = ()) -> dict[Tensor, Any]:
    """Return the gradients of all leaves under y, or of the wanted tensors: arrays of their own, tensors if `graph`."""
    if not y.requires_grad:
        raise ValueError(
            "this tensor depends on nothing that requires a gradient: make the parameters with requires_grad=True, "
            "and compute outside no_grad()"
        )
    if gradient is None and y.size != 1:
        raise ValueError(
            f"a tensor of shape {y.shape} has a Jacobian, not a gradient: make it a single number, y.sum().backward(), "
            "or give the vector to multiply from the left, y.backward(u)"
        )
    if gradient is None:
        u = Tensor._wrap(np.array(1, y.dtype).reshape(y.shape))
    else:
        u = gradient if isinstance(gradient, Tensor) else Tensor(_as_array(gradient, "a gradient needs", y.dtype))
    if u.shape != y.shape:
        raise ValueError(f"the gradient must have the shape {y.shape} of the tensor; got {u.shape}")
    order, keep = newest_first(y), set(wanted)
    needed = set(order)
    if wanted:  # only what lies between y and the wanted tensors
        needed = set()
        for node in reversed(order):
            if node in keep or any(isinstance(x, Tensor) and x in needed for x in node._inputs):
                needed.add(node)
    found: dict[Tensor, Any] = {y: u if graph else u.data}
    asked: dict[Tensor, Any] = {}
    own: set[Tensor] = set()  # those whose gradient so far is an array that nobody else holds
    with record(graph):
        for node in order:
            if node not in needed or node not in found:
                continue
            g = found.pop(node)
            if node in keep or (not wanted and node._operation is None):
                asked[node] = g if graph or node in own else np.array(g, node.dtype)
            if node._operation is not None:
                _through(node, g, found, needed, own, graph)
    return asked


def newest_first(y: Tensor, until: Sequence[Tensor] = ()) -> list[Tensor]:
    """Return all tensors under y that require gradients, each before what made it.

    A result is made after its inputs, so the order of birth, backwards, is such an
    order: no recursion is needed. The search does not go below `until`.
    """
    seen, stack, ends = {y}, [y], set(until)
    while stack:
        for x in stack.pop()._inputs:
            if isinstance(x, Tensor) and x.requires_grad and x not in seen:
                seen.add(x)
                if x not in ends:
                    stack.append(x)
    return sorted(seen, key=_birth, reverse=True)


def _through(
    node: Tensor, g: Any, found: dict[Tensor, Any], needed: set[Tensor], own: set[Tensor], graph: bool
) -> None:
    """Add what the gradient g of one result gives to the gradients of its inputs."""
    operation, inputs = node._operation, node._inputs
    assert operation is not None
    if operation.vjps is None:
        raise TypeError(f"the operation {operation.name} has no derivative: give it one with its .differentiate")
    if operation.reads:
        for x, version in zip(inputs, node._versions, strict=True):
            if isinstance(x, Tensor) and x._version != version:
                raise RuntimeError(
                    f"a tensor of shape {x.shape} was assigned to after {operation.name} had used it, and its old "
                    "numbers are gone: go backward first, or compute the result again"
                )
    if graph:
        thunks = operation.vjps(g, node, *inputs, **node._options)
    else:
        arrays = [x._data if isinstance(x, Tensor) else x for x in inputs]
        thunks = operation.vjps(g, node._data, *arrays, **node._options)
    if len(thunks) != len(inputs):
        raise ValueError(f"{operation.name} has {len(inputs)} inputs and {len(thunks)} derivatives: give one for each")
    for x, thunk in zip(inputs, thunks, strict=True):
        if isinstance(x, Tensor) and x in needed:
            shape, dtype = x._data.shape, x._data.dtype
            part = unbroadcast(thunk(), shape)
            if part.shape != shape:
                raise ValueError(
                    f"the derivative of {operation.name} has shape {part.shape}; its input has {shape}, and so must "
                    "the gradient"
                )
            if part.dtype != dtype:  # another input was of a finer type
                part = astype(part, dtype=dtype)
            if x in found:
                own.discard(x)  # the sum of single numbers is no array
                found[x] = found[x] + part
            else:
                if operation.fresh and not graph and part is not g:
                    own.add(x)
                found[x] = part


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which this shape was repeated to become that of g."""
    if g.shape == shape or len(g.shape) < len(shape):
        return g
    extra = len(g.shape) - len(shape)
    axes = (*range(extra), *(i + extra for i, n in enumerate(shape) if n == 1))
    g = g.sum(axis=axes, keepdims=True)
    return g.reshape(g.shape[extra:])


# --- arithmetic ------------------------------------------------------------------------------------------------------


@operation(reads=False)
def add(a: Any, b: Any) -> Any:
    """Return a + b."""
    return a + b


@operation(reads=False)
def subtract(a: Any, b: Any) -> Any:
    """Return a − b."""
    return a - b


@operation()
def multiply(a: Any, b: Any) -> Any:
    """Return a · b, entry by entry."""
    return a * b


@operation()
def divide(a: Any, b: Any) -> Any:
    """Return a / b, entry by entry."""
    return a / b


@operation()
def power(a: Any, b: Any) -> Any:
    """Return a to the power of b, entry by entry."""
    return a**b


@operation(reads=False)
def negative(a: Any) -> Any:
    """Return −a."""
    return -a


add.differentiate(lambda g, y, a, b: (lambda: g, lambda: g))
subtract.differentiate(lambda g, y, a, b: (lambda: g, lambda: -g))
multiply.differentiate(lambda g, y, a, b: (lambda: g * b, lambda: g * a))
divide.differentiate(lambda g, y, a, b: (lambda: g / b, lambda: -g * y / b))
negative.differentiate(lambda g, y, a: (lambda: -g,))


@operation()
def log(x: Any) -> Any:
    """Return the natural logarithm."""
    return np.log(x)


log.differentiate(lambda g, y, x: (lambda: g / x,))


@power.differentiate
def _power(g: Any, y: Any, a: Any, b: Any) -> Any:
    def slope() -> Any:
        both = (numbers(a) == 0) & (numbers(b) == 0)  # a⁰ is 1 at a = 0 too, and flat: 0 · 0⁻¹ would be no number
        return g * b * power(a, b - ~both if np.any(both) else b - 1)

    return slope, lambda: g * y * log(a + (numbers(a) == 0))  # 0ᵇ stays 0 when b moves


@operation(fresh=True)
def matmul(A: Any, B: Any) -> Any:
    """Return the matrix product A B over the last two axes; a vector is a row on the left, a column on the right."""
    m, n = np.shape(A), np.shape(B)
    if not m or not n or m[-1] != n[-2:][0]:
        raise ValueError(f"A @ B needs as many columns of A as rows of B; got shapes {m} and {n}")
    return A @ B


@matmul.differentiate
def _matmul(g: Any, Y: Any, A: Any, B: Any) -> Any:
    if len(A.shape) == len(B.shape) == 1:
        return lambda: g * B, lambda: g * A
    if len(A.shape) == 1:  # a row: g lacks that axis
        g = g.reshape((*g.shape[:-1], 1, g.shape[-1]))
        return lambda: (g @ swap(B)).reshape(B.shape[:-1]), lambda: A.reshape((-1, 1)) @ g
    if len(B.shape) == 1:  # a column
        g = g.reshape((*g.shape, 1))
        return lambda: g @ B.reshape((1, -1)), lambda: (swap(A) @ g).reshape((*A.shape[:-2], A.shape[-1]))
    if len(B.shape) > 2:
        return lambda: g @ swap(B), lambda: swap(A) @ g

    def to_B() -> Any:  # one matrix for a whole batch: a single product instead of many
        rows = math.prod(A.shape[:-1])
        flat, u = A.reshape((rows, A.shape[-1])), g.reshape((rows, g.shape[-1]))
        # where B is some W.T, so is the gradient: W then gets it in the order of its own memory
        return (u.T @ flat).T if numbers(B).flags.f_contiguous else flat.T @ u

    return lambda: g @ swap(B), to_B


@operation(reads=False, name="transpose")
def swap(A: Any) -> Any:
    """Return the transpose of the last two axes."""
    return A.mT


swap.differentiate(lambda g, Y, A: (lambda: swap(g),))


def numbers(x: Any) -> Any:
    """Return the array: for what has no derivative, such as a comparison."""
    return x._data if isinstance(x, Tensor) else x


# what numpy's own operators ask for when an array stands on the left of a tensor
_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": add, "subtract": subtract, "multiply": multiply, "divide": divide, "power": power, "matmul": matmul,
    "greater": lambda a, b: a > numbers(b), "greater_equal": lambda a, b: a >= numbers(b),
    "less": lambda a, b: a < numbers(b), "less_equal": lambda a, b: a <= numbers(b),
    "equal": lambda a, b: a == numbers(b), "not_equal": lambda a, b: a != numbers(b),
}  # fmt: skip


# --- sums and shapes -------------------------------------------------------------------------------------------------


def keep_axes(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Give back to g the axes over which was summed, with size 1."""
    axes = range(len(shape)) if axis is None else [a % len(shape) for a in np.atleast_1d(axis)]
    return g.reshape([1 if i in axes else n for i, n in enumerate(shape)])


@operation(reads=False, name="sum")
def total(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the sum over some axes, or all."""
    return x.sum(axis=axis, keepdims=keepdims)


@total.differentiate
def _total(g: Any, y: Any, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    return (lambda: spread(keep_axes(g, x.shape, axis), shape=x.shape),)


@operation(reads=False)
def spread(x: Any, *, shape: tuple[int, ...]) -> Any:
    """Repeat x along axes of size 1, and along new ones before the first, to get this shape."""
    return np.broadcast_to(x, shape)


spread.differentiate(lambda g, y, x, *, shape: (lambda: g,))  # unbroadcast does the rest


@operation(name="max")
def largest(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the largest entry along some axes; equal ones share the gradient."""
    return x.max(axis=axis, keepdims=keepdims)


@largest.differentiate
def _largest(g: Any, y: Any, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    top = numbers(x) == numbers(keep_axes(y, x.shape, axis))
    with np.errstate(invalid="ignore"):  # beside a NaN nothing is the largest: 0/0 passes the NaN on
        share = (top / top.sum(axis=axis, keepdims=True)).astype(g.dtype)
    return (lambda: keep_axes(g, x.shape, axis) * share,)


@operation(reads=False)
def reshape(x: Any, *, shape: Any) -> Any:
    """Return the same entries, in the same order, in another shape."""
    return x.reshape(shape)


@operation(reads=False)
def transpose(x: Any, *, axes: tuple[int, ...]) -> Any:
    """Return the axes in another order."""
    return x.transpose(axes)


@operation(reads=False)
def astype(x: Any, *, dtype: np.dtype) -> Any:
    """Return the same numbers, as near as another type has them."""
    return x.astype(dtype)


reshape.differentiate(lambda g, y, x, *, shape: (lambda: g.reshape(x.shape),))


@transpose.differentiate
def _transpose(g: Any, y: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    order = [i % len(axes) for i in axes]
    return (lambda: g.transpose(*map(order.index, range(len(order)))),)


astype.differentiate(lambda g, y, x, *, dtype: (lambda: g,))  # the walk gives it the dtype of x


def _is_plain(part: Any) -> bool:
    """Say whether this part of an index can take no entry twice: a number, a slice, … or None."""
    return part is None or part is ... or (isinstance(part, int | np.integer | slice) and not isinstance(part, bool))


@operation(reads=False)
def take(x: Any, *, index: Any) -> Any:
    """Return x[index]: numbers, slices, arrays of whole numbers (an embedding), or of truth values."""
    return x[index]


@operation(reads=False)
def put(g: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros of this shape with g added at the index; where an entry was taken twice, both parts add up."""
    x = np.zeros(shape, g.dtype)
    if all(map(_is_plain, index)):
        x[index] = g
    else:
        np.add.at(x, index, g)
    return x


take.differentiate(lambda g, y, x, *, index: (lambda: put(g, index=index, shape=x.shape),))
put.differentiate(lambda g, x, y, *, index, shape: (lambda: take(g, index=index),))
