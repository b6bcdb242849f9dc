"""Answers to the exercises of notebook 3.2, PCA and PageRank."""

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.matrices import householder_qr
from vec2attn.pagerank import pagerank
from vec2attn.pca import pca

SPREAD = np.array([6.0, 3.0, 2.0])  # singular values of the centred samples
PAGES = 100


def _eight_samples() -> np.ndarray:
    """Make 8 samples whose centred matrix has the singular values of the exercise."""
    rng = np.random.default_rng(321)
    level = np.ones((8, 1))
    Q, _ = householder_qr(np.hstack([level, rng.normal(size=(8, 3))]))  # the other columns sum to 0
    return (Q[:, 1:] * SPREAD) @ householder_qr(rng.normal(size=(3, 3)))[0] + 5


def _first_of_three() -> np.ndarray:
    found = pca(_eight_samples())
    return np.array([found.variances[0], found.ratios[0]])


def _web(damping: float = 0.85, closed: bool = True) -> np.ndarray:
    """Return the ranks of pages A, B, C = 0, 1, 2: A links B, B and C each other; all others form a ring."""
    ring = np.arange(3, PAGES)
    links = np.vstack([[[0, 1], [1, 2], [2, 1 if closed else 3]], np.stack([ring, np.roll(ring, 1)], axis=1)])
    return pagerank(links, PAGES, damping=damping)[0]


def _few_samples() -> list[tuple[np.ndarray]]:
    rng = np.random.default_rng(323)
    return [(rng.normal(size=shape) * rng.uniform(0.5, 3, shape[1]) + 2,) for shape in ((3, 7), (5, 40), (6, 6))]


def _first_component(X: np.ndarray) -> np.ndarray:
    return pca(X, 1).components[0]


def _uncentred(X: np.ndarray) -> np.ndarray:
    v = np.linalg.svd(X, full_matrices=False)[2][0]
    return v * np.sign(v[np.abs(v).argmax()])


def _stochastic() -> list[tuple[np.ndarray, float]]:
    rng = np.random.default_rng(324)
    return [(rng.dirichlet(np.ones(n), size=n), damping) for n, damping in ((2, 0.85), (4, 0.5), (7, 0.95))]


def _ranks(P: np.ndarray, damping: float) -> np.ndarray:
    n = len(P)
    return pagerank(np.argwhere(np.ones((n, n))), n, weights=P.ravel(), damping=damping, tolerance=1e-14)[0]


EXERCISES = {
    "3.2/1": Exercise(
        right=_first_of_three,
        mistakes={
            "singular values taken for variances: square them first": lambda: SPREAD[0] / [7, SPREAD.sum()],
            "the divisor n instead of n − 1": lambda: _first_of_three() * [7 / 8, 1],
            "squared, but not divided by n − 1": lambda: _first_of_three() * [7, 1],
            "the right variance, but the share of unsquared singular values": lambda: np.array(
                [_first_of_three()[0], SPREAD[0] / SPREAD.sum()]
            ),
            "the share in percent": lambda: _first_of_three() * [1, 100],
        },
        praise="Variances are squares: a component with twice the singular value has four times the variance.",
        tolerance=1e-3,
    ),
    "3.2/2": Exercise(
        right=lambda: _web()[1:3].sum(),
        mistakes={
            "what comes in is counted once; C sends it back to B again and again": lambda: 2 / PAGES + 0.85 * _web()[0],
            "the rank of A taken for 1/100; nobody links to A, so it has less": lambda: (
                2 / PAGES + 0.85 / PAGES / (1 - 0.85)
            ),
            "without the readers who jump to B or C at random": lambda: 0.85 * _web()[0] / (1 - 0.85),
            "B alone; B and C together are asked for": lambda: _web()[1],
            "C alone; B and C together are asked for": lambda: _web()[2],
            "without the link from A": lambda: 2 / PAGES,
        },
        praise="A closed set multiplies what flows in by 1/(1 − α), here by 6.7. Link farms lived on this.",
        tolerance=1e-5,
    ),
    "3.2/3": Exercise(
        right=_first_component,
        inputs=_few_samples,
        mistakes={
            "the samples are not centred": _uncentred,
            "the sign: the first largest entry must be positive": lambda X: -_first_component(X),
            "the direction is right, the length is not: divide by it": lambda X: (
                _first_component(X) * np.sqrt((len(X) - 1) * pca(X, 1).variances[0])
            ),
            "the second component; eigh sorts from the smallest eigenvalue up": lambda X: pca(X, 2).components[1],
        },
        praise="XXᵀ and XᵀX share their eigenvalues other than 0: compute with the smaller one.",
    ),
    "3.2/4": Exercise(
        right=_ranks,
        inputs=_stochastic,
        mistakes={
            "all ranks equal: solve has its unknown on the right of the matrix, and r stands on the left; "
            "transpose": lambda P, damping: np.full(len(P), 1 / len(P)),
            "the factor 1 − α is missing: the ranks must sum to 1": lambda P, damping: (
                _ranks(P, damping) / (1 - damping)
            ),
            "α and 1 − α in each other's place": lambda P, damping: _ranks(P, 1 - damping),
            "teleport in full to each page: divide by the number of pages": lambda P, damping: (
                _ranks(P, damping) * len(P)
            ),
        },
        praise="No iteration at all; but a dense solve costs about 2n³/3 operations, and the list of links is lost.",
        tolerance=1e-8,
    ),
}
