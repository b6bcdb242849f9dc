"""Training a language model (notebook 7.4): windows of a text, the loss, a baseline to beat, the schedule, the loop.

A text is one row of token ids. Losses are means over tokens, in nats.
"""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vec2attn.arrays import as_reals, whole_number, whole_numbers


def windows(
    ids: Int[Tensor, " n"], length: int, batch: int, rng: np.random.Generator
) -> tuple[Int[Tensor, "batch length"], Int[Tensor, "batch length"]]:
    """Return pieces of a text that begin at random places, and the same pieces one token later: what is to be said.

    Raises
    ------
    ValueError : length or batch below 1; the text has no more than `length` tokens
    """
    length, batch = whole_numbers(length=length, batch=batch)
    if ids.ndim != 1 or len(ids) <= length:
        raise ValueError(f"a window of {length} tokens and the next one need a row of more; got shape {_shape(ids)}")
    starts = torch.from_numpy(rng.integers(len(ids) - length, size=(batch, 1))).to(ids.device)
    pieces = ids[starts + torch.arange(length + 1, device=ids.device)]
    return pieces[:, :-1], pieces[:, 1:]


def next_token_loss(logits: Float[Tensor, "*batch vocabulary"], targets: Int[Tensor, "*batch"]) -> Float[Tensor, ""]:
    r"""Return the mean surprise at the tokens that came, $-\frac1T\sum_t \log p(x_{t+1} \mid x_1 \dots x_t)$, in nats.

    `targets` are the tokens that follow: already shifted by one. Cost: 5 · vocabulary operations a token.

    Raises
    ------
    ValueError : shapes that do not fit, no token
    """
    if logits.shape[:-1] != targets.shape or not targets.numel():
        raise ValueError(
            f"logits (…, vocabulary) need one target a row; got logits {_shape(logits)}, targets {_shape(targets)}"
        )
    return nn.functional.cross_entropy(logits.flatten(0, -2).float(), targets.flatten())


@torch.no_grad()
def held_out_loss(model: nn.Module, ids: Int[Tensor, " n"], *, length: int, batch: int = 64) -> float:
    """Return the mean loss over a whole text, in which every token but the first is predicted once.

    The text is cut into windows of `length`, the last one shorter: a token sees at most what training lets it see. The
    model is switched to evaluation (no dropout) and back. Cost: one pass forward over the text.

    Raises
    ------
    ValueError : length or batch below 1, fewer than two tokens
    """
    length, batch = whole_numbers(length=length, batch=batch)
    if ids.ndim != 1 or len(ids) < 2:
        raise ValueError(f"a loss needs a row of at least two tokens; got shape {_shape(ids)}")
    n, was_training = len(ids) - 1, model.training
    whole = n - n % length
    read, said = ids[:whole].view(-1, length), ids[1 : whole + 1].view(-1, length)
    parts = list(zip(read.split(batch), said.split(batch), strict=True)) if whole else []
    if n > whole:
        parts.append((ids[None, whole:n], ids[None, whole + 1 :]))
    model.eval()
    with mixed_precision(ids.device):
        total = sum(float(next_token_loss(model(x), y)) * y.numel() for x, y in parts)
    model.train(was_training)
    return total / n


class Bigram:
    r"""The model that looks at one token: how often did b follow a? A baseline that a trained model must beat.

    $p(b \mid a) = (c_{ab} + k\,p(b)) / (c_a + k)$, where $c_{ab}$ counts the pairs, $c_a = \sum_b c_{ab}$, and the
    unigram $p(b) = (c_b + 1)/(n + V)$ stands in for k pairs that were not seen. It holds V² counts.

    Parameters
    ----------
    ids : a text of n tokens
    vocabulary : V
    k : how many pairs the unigram is worth, > 0

    Raises
    ------
    ValueError : fewer than two tokens, an id outside 0 … V − 1, k not positive

    Source: MacKay & Peto 1995, doi:10.1017/S1351324900000218
    """

    def __init__(self, ids: Int[np.ndarray, " n"], vocabulary: int, k: float | int = 30) -> None:
        self.vocabulary = whole_number("vocabulary", vocabulary)
        a = self._row(ids)
        if not 0 < k < math.inf:
            raise ValueError(f"k must be positive and finite, so that no pair is impossible; got {k}")
        V = self.vocabulary
        self.unigram = (np.bincount(a, minlength=V) + 1) / (len(a) + V)
        pairs = np.bincount(a[:-1] * V + a[1:], minlength=V * V).reshape(V, V)
        self.p = (pairs + k * self.unigram) / (pairs.sum(axis=1, keepdims=True) + k)

    def loss(self, ids: Int[np.ndarray, " n"]) -> float:
        """Return the mean loss over a text, in nats; every token but the first is predicted."""
        a = self._row(ids)
        return float(-np.log(self.p[a[:-1], a[1:]]).mean())

    def unigram_loss(self, ids: Int[np.ndarray, " n"]) -> float:
        """Return the mean loss of the model that looks at nothing, over the same tokens."""
        return float(-np.log(self.unigram[self._row(ids)[1:]]).mean())

    def _row(self, ids: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        a = np.asarray(ids)
        if a.ndim != 1 or len(a) < 2 or a.dtype.kind not in "iu":
            raise ValueError(f"pairs need a row of at least two token ids; got shape {a.shape} of {a.dtype}")
        if a.min() < 0 or a.max() >= self.vocabulary:
            raise ValueError(f"token ids lie in 0 … {self.vocabulary - 1}; got {a.min()} … {a.max()}")
        return a.astype(np.int64)


def bits_per_character(nats_per_token: float | int, tokens: int, characters: int) -> float:
    r"""Return a loss in a unit that does not depend on the tokens: $\ell \cdot T / (C \ln 2)$.

    Parameters
    ----------
    nats_per_token : ℓ, a mean loss
    tokens, characters : T and C, of the same text

    Raises
    ------
    ValueError : a loss that is negative or NaN, no tokens, no characters
    """
    loss = float(as_reals("nats_per_token", [nats_per_token])[0])
    if loss < 0:
        raise ValueError(f"a loss in nats is never negative; got {loss}")
    return loss * whole_number("tokens", tokens) / (whole_number("characters", characters) * math.log(2))


def learning_rate(
    used: float | int, peak: float | int, *, warmup: float | int = 0.05, floor: float | int = 0.1
) -> float:
    r"""Return the learning rate when a share `used` of the training is over: up in a line, then down along a cosine.

    For used < w: peak · used / w. After that, with $s = (\text{used} - w)/(1 - w)$:
    peak · (floor + (1 − floor) (1 + cos πs) / 2).

    Parameters
    ----------
    used : share of the steps, or of the time, in [0, 1]
    peak : the largest rate
    warmup : w, the share in which the rate rises, in [0, 1)
    floor : the last rate as a share of the peak, in [0, 1]

    Raises
    ------
    ValueError : a share outside its range, a peak that is not positive

    Source: Loshchilov & Hutter 2017, eq. 5, arXiv:1608.03983
    """
    if not (0 <= used <= 1 and 0 <= warmup < 1 and 0 <= floor <= 1 and 0 < peak < math.inf):
        raise ValueError(
            "used and floor must lie in [0, 1], warmup in [0, 1), peak above 0; "
            f"got used={used}, floor={floor}, warmup={warmup}, peak={peak}"
        )
    if used < warmup:
        return peak * used / warmup
    s = (used - warmup) / (1 - warmup)
    return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * s)) / 2)


def adamw(model: nn.Module, *, weight_decay: float | int = 0.1) -> torch.optim.AdamW:
    """Return torch's AdamW for a model: weights of maps decay, biases and the scales of norms do not.

    The update is that of `vec2attn.optim.AdamW`; torch does it for all weights in one call, on a GPU too.

    Raises
    ------
    ValueError : no parameter, a negative `weight_decay`

    Source: Loshchilov & Hutter 2019, algorithm 2, arXiv:1711.05101; β₂ = 0.95: Brown et al. 2020, appendix B,
    arXiv:2005.14165
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    if not weights:
        raise ValueError("the model has no parameter to train")
    if not 0 <= weight_decay < math.inf:
        raise ValueError(f"weight_decay must not be negative; got {weight_decay}")
    groups: list[dict[str, Any]] = [
        {"params": [p for p in weights if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in weights if p.ndim < 2], "weight_decay": 0.0},
    ]
    fused = weights[0].device.type in ("cpu", "cuda")
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=fused)


@torch.no_grad()
def clip_gradients(model: nn.Module, largest: float | int) -> float:
    r"""Scale all gradients by one factor so that their common length is at most `largest`; return the length before.

    $g \leftarrow g \cdot \min(1, c/\lVert g \rVert)$: the direction stays.

    Raises
    ------
    ValueError : no gradient, a gradient that is not finite, or `largest` not positive

    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1, arXiv:1211.5063
    """
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if not gradients:
        raise ValueError("no parameter has a gradient: call backward() on the loss first")
    if not largest > 0:
        raise ValueError(f"gradients are clipped to a positive length; got {largest}")
    norm = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients])))
    if not math.isfinite(norm):
        raise ValueError(f"the length of the gradient is {norm}: has the loss grown without bound? Try a smaller rate")
    if norm > largest:
        for g in gradients:
            g.mul_(largest / norm)
    return norm


def mixed_precision(device: torch.device | str) -> AbstractContextManager:
    """Return a context in which a GPU that can do so multiplies in bfloat16; everywhere else it changes nothing.

    bfloat16 has float32's exponents, so no gradient underflows, and no loss needs to be scaled (6.3).
    """
    kind = torch.device(device).type
    able = kind == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=able)


@dataclass(frozen=True)
class Progress:
    """Where a training stands: steps and tokens so far, the losses in nats, the rate, the gradient's mean length."""

    step: int
    tokens: int
    train_loss: float  # mean over the steps since the last report
    held_out_loss: float
    rate: float
    gradient: float


def train(
    model: nn.Module,
    ids: Int[Tensor, " n"],
    held_out: Int[Tensor, " m"],
    *,
    rng: np.random.Generator,
    steps: int,
    length: int,
    batch: int = 16,
    peak: float | int = 3e-3,
    weight_decay: float | int = 0.1,
    clip: float | int = 1.0,
    every: int = 100,
    seconds: float | int | None = None,
) -> Iterator[Progress]:
    """Train a model on a text; yield where it stands before the first step, after each `every`, and at the end.

    A step: random windows, loss, gradients, clipping, AdamW, a rate that warms up and cools down.

    Parameters
    ----------
    model : ids (batch, t) -> logits (batch, t, vocabulary)
    ids, held_out : texts, on the model's device
    rng : chooses the windows
    steps, seconds : when to stop, whichever comes first; the rate follows what is nearer to its end
    length, batch : of the windows
    peak, weight_decay, clip : as in `learning_rate`, `adamw`, `clip_gradients`

    Raises
    ------
    ValueError : a number out of range, a text that is too short, gradients that are not finite

    Cost: about 6 FLOPs a weight and token, forward and backward.
    """
    steps, every = whole_numbers(steps=steps, every=every)
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds must be positive; got {seconds}")
    optimizer, begin = adamw(model, weight_decay=weight_decay), time.monotonic()
    losses: list[Tensor] = []
    norms: list[float] = []
    step, rate, over = 0, 0.0, False

    def report() -> Progress:
        loss = held_out_loss(model, held_out, length=length)
        mean = float(torch.stack(losses).mean()) if losses else math.nan
        norm = sum(norms) / len(norms) if norms else math.nan
        losses.clear()
        norms.clear()
        return Progress(step, step * batch * length, mean, loss, rate, norm)

    yield report()
    while not over:
        model.train()
        step += 1
        time_used = (time.monotonic() - begin) / seconds if seconds is not None else 0.0
        rate = learning_rate(min(max(step / steps, time_used), 1.0), peak)
        for group in optimizer.param_groups:
            group["lr"] = rate
        x, y = windows(ids, length, batch, rng)
        with mixed_precision(ids.device):
            loss = next_token_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        norms.append(clip_gradients(model, clip))
        optimizer.step()
        losses.append(loss.detach())
        over = step == steps or time_used >= 1
        if over or step % every == 0:
            yield report()
    model.eval()


def _shape(M: Tensor) -> tuple[int, ...]:
    return tuple(M.shape)
