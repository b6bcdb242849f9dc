"""Layers on our own engine: each holds its parameters, and is called with a tensor."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from vec2attn.autograd import Tensor, linear, relu, sqrt


class Layer:
    """A function with parameters. They are found in its attributes: tensors, layers, and lists of layers."""

    def parameters(self) -> list[Tensor]:
        """Return all parameters, in the order in which they were made, each once."""
        return list(dict.fromkeys(self._find()))

    def _find(self) -> Iterator[Tensor]:
        for value in vars(self).values():
            for part in value if isinstance(value, list | tuple) else [value]:
                if isinstance(part, Layer):
                    yield from part._find()
                elif isinstance(part, Tensor) and part.requires_grad:
                    yield part

    def __call__(self, X: Any) -> Tensor:
        """Return the layer's output for X."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")


class Linear(Layer):
    r"""$Y = XW^\top + b$ with W (outputs, inputs).

    W starts uniform in $\pm\sqrt{6/\text{inputs}}$, so that signals keep their size through ReLU; b at zero.

    Parameters
    ----------
    inputs, outputs : features of a row of X and of Y
    rng : source of W
    bias : whether there is a b
    dtype : of the parameters

    Raises
    ------
    ValueError : a size below 1; X with another number of features

    Cost: 2 · inputs · outputs FLOPs a row forward, twice that backward. Source: He et al. 2015, section 2.2,
    arXiv:1502.01852
    """

    def __init__(
        self, inputs: int, outputs: int, *, rng: np.random.Generator, bias: bool = True, dtype: Any = np.float32
    ) -> None:
        if inputs < 1 or outputs < 1:
            raise ValueError(f"a layer has at least one input and one output; got {inputs} and {outputs}")
        bound = np.sqrt(6 / inputs)
        W = rng.uniform(-bound, bound, (outputs, inputs)).astype(dtype)
        # column by column in memory, so that Wᵀ lies row by row: BLAS is some 10 % faster with X Wᵀ then
        self.W = Tensor(np.asfortranarray(W), requires_grad=True)
        self.b = Tensor(np.zeros(outputs, dtype), requires_grad=True) if bias else None

    def __call__(self, X: Any) -> Tensor:
        """Return one row of outputs for each row of X."""
        return linear(X, self.W) if self.b is None else linear(X, self.W, self.b)


class LayerNorm(Layer):
    r"""Shift and scale each row to mean 0 and variance 1, then by γ and β.

    $y = \gamma \odot (x - \mu)/\sqrt{\sigma^2 + \varepsilon} + \beta$, with the biased variance (divided by d).
    Source: Ba, Kiros & Hinton 2016, eq. 4, arXiv:1607.06450
    """

    def __init__(self, d: int, *, eps: float | int = 1e-5, dtype: Any = np.float32) -> None:
        self.gamma = Tensor(np.ones(d, dtype), requires_grad=True)
        self.beta = Tensor(np.zeros(d, dtype), requires_grad=True)
        self.eps = eps

    def __call__(self, X: Tensor) -> Tensor:
        """Return the normalised rows."""
        if X.shape[-1:] != self.gamma.shape:
            raise ValueError(f"this norm is for {self.gamma.shape[0]} features; X has shape {X.shape}")
        centred = X - X.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        return self.gamma * (centred / sqrt(variance + self.eps)) + self.beta


class Embedding(Layer):
    """A table of one row for each token; called with whole numbers of any shape, it looks their rows up.

    Raises
    ------
    ValueError : a number that is no row, or no whole number
    """

    def __init__(self, rows: int, d: int, *, rng: np.random.Generator, dtype: Any = np.float32) -> None:
        self.table = Tensor((0.02 * rng.standard_normal((rows, d))).astype(dtype), requires_grad=True)

    def __call__(self, ids: Any) -> Tensor:
        """Return the rows of the ids, one axis more than they have."""
        ids = np.asarray(ids)
        if ids.dtype.kind not in "iu" or (ids.size and not 0 <= ids.min() <= ids.max() < len(self.table)):
            raise ValueError(f"ids must be whole numbers in 0 … {len(self.table) - 1}; got {ids.dtype} {ids}")
        return self.table[ids]


class MLP(Layer):
    """Linear layers with an activation between each two.

    Parameters
    ----------
    sizes : features of the input, of each hidden layer, of the output
    activation : applied after every layer but the last
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        rng: np.random.Generator,
        activation: Callable[[Tensor], Tensor] = relu,
        dtype: Any = np.float32,
    ) -> None:
        if len(sizes) < 2:
            raise ValueError(f"an MLP needs the sizes of at least its input and its output; got {list(sizes)}")
        self.layers = [Linear(n, m, rng=rng, dtype=dtype) for n, m in pairwise(sizes)]
        self.activation = activation

    def __call__(self, X: Any) -> Tensor:
        """Return one row of outputs for each row of X."""
        for layer in self.layers[:-1]:
            X = self.activation(layer(X))
        return self.layers[-1](X)
