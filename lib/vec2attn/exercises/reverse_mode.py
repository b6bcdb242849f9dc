"""Answers to the exercises of notebook 6.1, Reverse mode from scratch."""

import numpy as np

from vec2attn.autograd import Tensor, gradients
from vec2attn.exercises import Exercise


def _used_twice() -> np.ndarray:
    a, b, c = (Tensor(x, requires_grad=True) for x in (2.0, -3.0, 10.0))
    return np.array([g.item() for g in gradients((a * b + c) * a, [a, b, c])])


def _slopes() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(612)
    return [(rng.normal(size=n),) for n in (3, 5, 8)]


def _backward_share(layers: int, trained: int) -> float:
    """Each trained layer passes back to its weights; all but the lowest of them to their input too."""
    return (2 * trained - 1) / layers


EXERCISES = {
    "6.1/1": Exercise(
        right=_used_twice,
        mistakes={
            "one use of a only, the last product; through a · b it moves f too": lambda: (4, 4, 2),
            "one use of a only, that in a · b; the last product uses it again": lambda: (-6, 4, 2),
            "the two contributions to a multiplied; they add up": lambda: (4 * -6, 4, 2),
            "the gradient of e is the other factor of the last product, a, not 1": lambda: (4 - 3, 2, 1),
        },
        praise="Two uses, two contributions, one sum.",
    ),
    "6.1/2": Exercise(
        right=lambda g: np.cumsum(g[::-1])[::-1],
        inputs=_slopes,
        mistakes={
            "the running sum itself; its matrix must be transposed on the way back": np.cumsum,
            "g unchanged; an early x moves all later sums": lambda g: g,
            "the whole sum for every x; a late x does not move the early sums": lambda g: np.full(len(g), g.sum()),
            "summed from the end, and not turned back": lambda g: np.cumsum(g[::-1]),
            "without its own place: x_j occurs in y_j too": lambda g: np.cumsum(g[::-1])[::-1] - g,
        },
        praise="A sum over the past becomes a sum over the future.",
    ),
    "6.1/3": Exercise(
        right=lambda: _backward_share(6, 2),
        mistakes={
            "two products for both trained layers; nobody needs the gradient of layer 5's input": lambda: 4 / 6,
            "only the products for weights; layer 6 must also pass its gradient on to layer 5": lambda: 2 / 6,
            "nothing frozen": lambda: _backward_share(6, 6),
            "the first layers trained and the last four frozen": lambda: 7 / 6,
            "the inverse, forward to backward": lambda: 2.0,
        },
        praise="The walk ends where nobody below asks.",
    ),
}
