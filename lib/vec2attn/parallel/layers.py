"""Data parallel and tensor parallel: cut the batch, or the weights. A layer's matrix has shape (outputs, inputs)."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from vec2attn.attention import MultiHeadAttention
from vec2attn.parallel.ring import Ring, shard
from vec2attn.transformer import FeedForward, SwiGLU


def average_gradients(parameters: Iterable[nn.Parameter], ring: Ring) -> None:
    """Replace each gradient by its mean over the ranks: the whole batch's, if all parts of the batch are equally large.

    Raises
    ------
    ValueError : a parameter has no gradient, or the ranks' gradients have other shapes

    Cost: one all-reduce of as many numbers as there are parameters.
    """
    gradients = [parameter.grad for parameter in parameters]
    there = [gradient for gradient in gradients if gradient is not None]
    if len(there) < len(gradients) or not there:
        raise ValueError(f"{len(gradients) - len(there)} of {len(gradients)} parameters have no gradient yet")
    mean = ring.all_reduce(torch.cat([gradient.flatten() for gradient in there])) / ring.size
    for gradient, part in zip(there, mean.split([gradient.numel() for gradient in there]), strict=True):
        gradient.copy_(part.view_as(gradient))


class _Copied(torch.autograd.Function):
    """What all ranks read alike: its gradient is the sum of what they say."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, ring: Ring) -> Tensor:
        ctx.ring = ring
        return X.view_as(X)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.ring.all_reduce(gradient), None


class _Summed(torch.autograd.Function):
    """The sum over the ranks: each term has the gradient of the sum."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, ring: Ring) -> Tensor:
        return ring.all_reduce(X)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class ColumnParallel(nn.Module):
    r"""This rank's share of a layer's outputs: rows of W, which are columns where papers write $Y = XA$.

    $Y_p = XW_p^\top + b_p$. Forward nothing is sent; backward the gradients of X are summed, unless `copied` says that
    X comes from a place where that is done already.

    Source: Shoeybi et al. 2019, section 3, arXiv:1909.08053
    """

    def __init__(self, layer: nn.Linear, ring: Ring, *, copied: bool = False) -> None:
        super().__init__()
        self.ring, self.copied = ring, copied
        self.weight = _share(layer.weight, ring, 0)
        self.bias = None if layer.bias is None else _share(layer.bias, ring, 0)

    def forward(self, X: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch share"]:
        """Return this rank's outputs."""
        X = X if self.copied else _Copied.apply(X, self.ring)
        return nn.functional.linear(X, self.weight, self.bias)


class RowParallel(nn.Module):
    r"""This rank's share of a layer's inputs: columns of W, which are rows where papers write $Y = XA$.

    $Y = \sum_p X_pW_p^\top + b$: one all-reduce; the bias is added once, after the sum.

    Source: Shoeybi et al. 2019, section 3, arXiv:1909.08053
    """

    def __init__(self, layer: nn.Linear, ring: Ring) -> None:
        super().__init__()
        self.ring, self.weight = ring, _share(layer.weight, ring, 1)
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().clone())

    def forward(self, X: Float[Tensor, "*batch share"]) -> Float[Tensor, "*batch outputs"]:
        """Return the whole layer's outputs, from this rank's inputs."""
        Y = _Summed.apply(nn.functional.linear(X, self.weight), self.ring)
        return Y if self.bias is None else Y + self.bias


def _share(weight: Tensor, ring: Ring, dim: int) -> nn.Parameter:
    return nn.Parameter(shard(weight.detach(), ring.size, dim)[ring.rank].clone())


# which layers are cut by outputs, and which one, reading what those have made, by inputs
CUTS: dict[type, tuple[tuple[str, ...], str]] = {
    FeedForward: (("up",), "down"),
    SwiGLU: (("gate", "up"), "down"),
    MultiHeadAttention: (("query", "key", "value"), "output"),
}


class TensorParallel(nn.Module):
    """This rank's share of a feed-forward layer (hidden units) or of attention (heads): one all-reduce each way.

    Parameters
    ----------
    layer : the whole layer, the same on every rank
    ring : how many shares there are, and which is ours

    Raises
    ------
    ValueError : a layer of another kind, with one fused map, or that cannot be cut into equal shares

    Cost: 1/P of the FLOPs and of the matrices; each rank sends 2(P − 1)/P times its output, and as much backward.
    Source: Shoeybi et al. 2019, section 3, arXiv:1909.08053
    """

    def __init__(self, layer: nn.Module, ring: Ring) -> None:
        super().__init__()
        if type(layer) not in CUTS or hasattr(layer, "query_key_value"):
            known = ", ".join(kind.__name__ for kind in CUTS)
            fused = " with one fused map" if type(layer) in CUTS else ""
            raise ValueError(f"need a layer that is {known}, not fused; got {type(layer).__name__}{fused}")
        self.ring, self.part = ring, deepcopy(layer)
        if isinstance(self.part, MultiHeadAttention):
            if self.part.kv_heads % ring.size:
                raise ValueError(f"{self.part.kv_heads} key and value heads cannot be cut into {ring.size} equal parts")
            self.part.heads //= ring.size
            self.part.kv_heads //= ring.size
        by_outputs, by_inputs = CUTS[type(layer)]
        for name in by_outputs:
            setattr(self.part, name, ColumnParallel(getattr(layer, name), ring, copied=True))
        setattr(self.part, by_inputs, RowParallel(getattr(layer, by_inputs), ring))

    def forward(self, X: Float[Tensor, "*batch d"], **options: Any) -> Float[Tensor, "*batch d"]:
        """Return the whole layer's output; options as the layer has them."""
        return self.part(_Copied.apply(X, self.ring), **options)
