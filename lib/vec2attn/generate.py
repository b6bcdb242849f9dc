"""Writing with a language model: one token after the other, each drawn with the tools of 1.3."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import torch

from vec2attn.softmax import sample, softmax, temperature, top_k, top_p
from vec2attn.transformer import GPT, Llama, empty_caches


def generate(
    model: GPT | Llama,
    prompt: Sequence[int],
    n: int,
    *,
    rng: np.random.Generator | None = None,
    T: float | int = 1.0,
    k: int | None = None,
    p: float | int = 1.0,
    stop: Collection[int] = (),
    cache: bool = True,
) -> Iterator[int]:
    """Yield up to n tokens that continue the prompt, each as soon as it is there.

    Parameters
    ----------
    model : what writes
    prompt : ids of at least one token
    n : how many tokens to add at most
    rng : draws the tokens; without it always the most probable one is taken (greedy)
    T, k, p : temperature, top-k and top-p, as in `vec2attn.softmax`
    stop : ids that end the text; they are not yielded
    cache : compute keys and values once; without it every step reads the whole text again

    Raises
    ------
    ValueError : an empty prompt, n < 0, T, k or p out of range, or more positions than the model knows

    Cost of a step: about 2 FLOPs a weight with the cache, times the length so far without.
    """
    if not len(prompt):
        raise ValueError("the prompt is empty: a model continues a text, so give at least one token")
    if n < 0:
        raise ValueError(f"n must not be negative; got {n}")
    device = next(model.parameters()).device
    ids = list(prompt)
    caches = empty_caches(model, 1, len(prompt) + n) if cache else None
    new = ids
    for _ in range(n):
        with torch.inference_mode():
            X = model.features(torch.tensor([new if cache else ids], device=device), caches)
            logits = model.logits(X[0, -1])  # of the last position alone: the vocabulary is large
        token = _choose(logits.float().cpu().numpy(), rng, T, k, p)
        if token in stop:
            return
        yield token
        new = [token]
        ids = ids + new


def _choose(logits: np.ndarray, rng: np.random.Generator | None, T: float | int, k: int | None, p: float | int) -> int:
    if rng is None:
        return int(logits.argmax())
    kept = temperature(logits.astype(np.float64), T)
    if k is not None:
        kept = top_k(kept, min(k, len(kept)))
    return int(sample(softmax(top_p(kept, p) if p < 1 else kept), rng))
