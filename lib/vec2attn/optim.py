"""Optimisers: from minibatches and gradients to the next parameters. The updates are those of torch, step by step.

`LossScaler` stands between 16-bit gradients and an optimiser.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from vec2attn.arrays import whole_number, whole_numbers
from vec2attn.autograd import Tensor

SMALLEST_SCALE = 2.0**-24  # with it, numbers up to 10¹² would fit into float16: more is a mistake elsewhere


def minibatches(n: int, size: int, rng: np.random.Generator) -> list[Int[np.ndarray, " rows"]]:
    """Return the row numbers 0 … n − 1 in random order, cut into parts of `size`: one epoch, in which each comes once.

    Parameters
    ----------
    n : rows of the data
    size : rows of a minibatch; the last one is smaller where size does not divide n
    rng : shuffles

    Raises
    ------
    ValueError : n or size below 1
    """
    n, size = whole_numbers(n=n, size=size)
    order = rng.permutation(n)
    return [order[start : start + size] for start in range(0, n, size)]


class Optimizer:
    """What all share: the parameters, the learning rate, forgetting gradients.

    Raises
    ------
    ValueError : no parameters, one that requires no gradient, or a learning rate that is not positive and finite
    """

    def __init__(self, parameters: Sequence[Tensor], lr: float | int) -> None:
        self.parameters, self.lr = list(parameters), lr
        if not self.parameters:
            raise ValueError("there is no parameter to optimise")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Tensor) or not p.requires_grad:
                raise ValueError(f"parameter {i} requires no gradient: make it with requires_grad=True")
        if not 0 < lr < math.inf:
            raise ValueError(f"the learning rate must be positive and finite; got {lr}")
        self.state: list[Any] = [None] * len(self.parameters)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: `backward` adds to what is there."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient.

        Raises
        ------
        ValueError : no parameter has one: `backward` was not called; one of another shape than its parameter
        """
        if all(p.grad is None for p in self.parameters):
            raise ValueError("no parameter has a gradient: call backward() on the loss first")
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                if p.grad.shape != p.shape:
                    raise ValueError(f"parameter {i} has shape {p.shape}; its grad has {p.grad.shape}")
                change = self.change(i, p.data, p.grad)
                p.assign(np.subtract(p.data, change, out=change), copy=False)

    def change(self, i: int, data: np.ndarray, grad: np.ndarray) -> np.ndarray:
        """Return what to take away from parameter i, in an array of its own: `step` writes into it."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it moves")


class SGD(Optimizer):
    r"""Descent: $v \leftarrow \beta v + g$, $\theta \leftarrow \theta - \eta v$; Nesterov: $g + \beta v$ in place of v.

    Parameters
    ----------
    lr : η
    momentum : β; 0 for plain gradient descent
    nesterov : look ahead by one step

    Source: Sutskever et al. 2013, section 2, proceedings.mlr.press/v28/sutskever13 (torch scales v by η only here)
    """

    def __init__(
        self, parameters: Sequence[Tensor], lr: float | int, *, momentum: float | int = 0.0, nesterov: bool = False
    ) -> None:
        super().__init__(parameters, lr)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1); got {momentum}")
        if nesterov and not momentum:
            raise ValueError("Nesterov's method looks ahead along the momentum: give one")
        self.momentum, self.nesterov = momentum, nesterov

    def change(self, i: int, data: np.ndarray, grad: np.ndarray) -> np.ndarray:
        """Return what to take away from parameter i."""
        if not self.momentum:
            return self.lr * grad
        v = grad if self.state[i] is None else self.momentum * self.state[i] + grad
        self.state[i] = v
        return self.lr * (grad + self.momentum * v if self.nesterov else v)


class Adam(Optimizer):
    r"""Running means of gradient and square: $\theta \leftarrow \theta - \eta\,\hat m/(\sqrt{\hat s} + \varepsilon)$.

    $m \leftarrow \beta_1 m + (1 - \beta_1) g$, $s \leftarrow \beta_2 s + (1 - \beta_2) g^2$, and
    $\hat m = m/(1 - \beta_1^k)$, $\hat s = s/(1 - \beta_2^k)$ at step k, since both start at zero.

    Source: Kingma & Ba 2015, algorithm 1, arXiv:1412.6980
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        lr: float | int = 1e-3,
        *,
        betas: tuple[float | int, float | int] = (0.9, 0.999),
        eps: float | int = 1e-8,
    ) -> None:
        super().__init__(parameters, lr)
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas) or not 0 < eps < math.inf:
            raise ValueError(f"two betas in [0, 1) and a positive, finite eps are needed; got {betas} and {eps}")
        self.betas, self.eps = betas, eps

    def change(self, i: int, data: np.ndarray, grad: np.ndarray) -> np.ndarray:
        """Return what to take away from parameter i."""
        k, m, s = self.state[i] or (0, np.zeros_like(data), np.zeros_like(data))
        one, two = self.betas
        k, m, s = k + 1, one * m + (1 - one) * grad, two * s + (1 - two) * grad * grad
        self.state[i] = k, m, s
        return self.lr / (1 - one**k) * m / (np.sqrt(s) / math.sqrt(1 - two**k) + self.eps)


class AdamW(Adam):
    r"""Adam, and besides it a pull to zero of its own, $\eta\lambda\theta$, that no running mean scales.

    Source: Loshchilov & Hutter 2019, algorithm 2, arXiv:1711.05101
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        lr: float | int = 1e-3,
        *,
        betas: tuple[float | int, float | int] = (0.9, 0.999),
        eps: float | int = 1e-8,
        weight_decay: float | int = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps)
        if not 0 <= weight_decay < math.inf:
            raise ValueError(f"weight_decay must be 0 or a positive, finite number; got {weight_decay}")
        self.weight_decay = weight_decay

    def change(self, i: int, data: np.ndarray, grad: np.ndarray) -> np.ndarray:
        """Return what to take away from parameter i."""
        return self.lr * self.weight_decay * data + super().change(i, data, grad)


class LossScaler:
    r"""Multiply the loss by s, so that 16-bit gradients do not fall to 0, and divide them by s before the step.

    The gradient of $s \cdot \ell$ is s times that of $\ell$. s is found by trying: where a gradient overflows, the step
    is skipped and s halved; after `interval` steps without overflow s doubles. The weights of the optimiser stay in 32
    bits; a forward pass takes `weight.astype(np.float16)`.

    Parameters
    ----------
    scale : the first s; a power of two adds no rounding
    interval : how many steps in a row must succeed before s doubles

    Raises
    ------
    ValueError : scale is not positive and finite, or interval is below 1

    Cost: two passes over the gradients. Source: Micikevicius et al. 2018, section 3.2, arXiv:1710.03740
    """

    def __init__(self, scale: float = 2.0**16, *, interval: int = 2000) -> None:
        if not 0 < scale < np.inf:
            raise ValueError(f"the scale must be a positive finite number; got {scale}")
        self.scale, self.interval, self.clean = float(scale), whole_number("interval", interval), 0

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss to call `backward` on."""
        return loss * self.scale

    def step(self, optimizer: Optimizer) -> bool:
        """Divide the gradients by the scale and let the optimiser step, or skip the step; say which, and adapt.

        Raises
        ------
        ValueError : a weight is in float16: divided by s, its gradient would fall to 0 again
        FloatingPointError : no scale helps, since the gradients are not finite with a tiny one either
        """
        grads = [(p, p.grad) for p in optimizer.parameters if p.grad is not None]
        if any(g.dtype == np.float16 for _, g in grads):
            raise ValueError("the weights are in float16: keep them in float32, and cast them for the forward pass")
        if all(np.isfinite(g).all() for _, g in grads):
            for p, g in grads:
                p.grad = g / g.dtype.type(self.scale)
            optimizer.step()
            self.clean += 1
            if self.clean == self.interval:
                self.scale, self.clean = 2 * self.scale, 0
            return True
        self.scale, self.clean = self.scale / 2, 0
        if self.scale < SMALLEST_SCALE:
            raise FloatingPointError(
                f"a gradient is NaN or infinite with every scale down to {2 * self.scale:.0e}: look for the reason in "
                "the loss itself"
            )
        return False
