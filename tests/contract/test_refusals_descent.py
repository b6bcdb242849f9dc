"""Descent and curvature: bad input gets a clear error, in the reader's words (no checking hook here)."""

import math

import numpy as np
import pytest

from vec2attn.descent import (
    Quadratic,
    adam,
    best_momentum,
    best_step,
    condition_number,
    gradient_descent,
    hessian_vector_product,
    momentum,
    nesterov,
    rate,
    sharpness,
)

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(3)
BOWL = Quadratic([[1.0, 0.0], [0.0, 10.0]])
METHODS = {
    "gradient_descent": lambda g=BOWL.gradient, x=(1.0, 1.0), eta=0.1, n=5, **more: gradient_descent(
        g, list(x), eta, n, **more
    ),
    "momentum": lambda g=BOWL.gradient, x=(1.0, 1.0), eta=0.1, n=5, **more: momentum(g, list(x), eta, 0.5, n, **more),
    "nesterov": lambda g=BOWL.gradient, x=(1.0, 1.0), eta=0.1, n=5, **more: nesterov(g, list(x), eta, 0.5, n, **more),
    "adam": lambda g=BOWL.gradient, x=(1.0, 1.0), eta=0.1, n=5, **more: adam(g, list(x), eta, n, **more),
}
every_method = pytest.mark.parametrize("method", METHODS)


@every_method
@pytest.mark.parametrize("eta", [0, -0.1, NAN, INF])
def test_a_step_size_is_positive_and_finite(method, eta):
    with pytest.raises(ValueError, match=f"eta must be a positive finite number; got {eta}"):
        METHODS[method](eta=eta)


BAD = {
    "a NaN in the start": ({"x": (1.0, NAN)}, r"start holds a NaN \(first at index \(1,\)\)"),
    "a matrix": ({"x": ([1.0], [1.0])}, r"start must be a vector \(n,\); got shape \(2, 1\)"),
    "an empty start": ({"x": ()}, "start is empty"),
    "no steps": ({"n": 0}, "steps must be at least 1; got 0"),
    "no limit": ({"limit": 0}, "limit must be a positive finite number; got 0"),
    "a start beyond it": ({"limit": 0.5}, "the start has a coordinate beyond the limit 0.5"),
    "a gradient of another shape": (
        {"g": lambda x: np.ones(3)},
        r"gradient at a point of shape \(2,\) must have that shape; got \(3,\)",
    ),
    "a number for a gradient": ({"g": lambda x: 1.0}, r"must have that shape; got \(\)"),
    "a NaN for a gradient": ({"g": lambda x: NAN * x}, r"gradient is not finite at a point of length 1\.41"),
    "an infinite gradient": ({"g": lambda x: np.array([0.0, INF])}, "gradient is not finite .* smaller steps"),
}


@every_method
@pytest.mark.parametrize("case", BAD)
def test_every_method_refuses(method, case):
    named, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        METHODS[method](**named)


@every_method
def test_a_number_of_steps_is_whole(method):
    with pytest.raises(TypeError, match="float"):
        METHODS[method](n=2.5)


@pytest.mark.parametrize("beta", [1, -0.1, NAN, 2])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda beta: momentum(BOWL.gradient, [1.0, 1.0], 0.1, beta, 5), "beta"),
        (lambda beta: nesterov(BOWL.gradient, [1.0, 1.0], 0.1, beta, 5), "beta"),
        (lambda beta: adam(BOWL.gradient, [1.0, 1.0], 0.1, 5, beta1=beta), "beta1"),
        (lambda beta: adam(BOWL.gradient, [1.0, 1.0], 0.1, 5, beta2=beta), "beta2"),
        (lambda beta: rate(BOWL.H, 0.1, beta), "beta"),
    ],
)
def test_what_is_kept_of_the_past_is_a_share(call, name, beta):
    with pytest.raises(ValueError, match=rf"{name} must lie in \[0, 1\).*; got {beta}"):
        call(beta)


BOWLS = {
    "Quadratic": Quadratic,
    "best_step": best_step,
    "best_momentum": best_momentum,
    "rate": lambda H: rate(H, 0.1),
}
NO_BOWLS = {
    "not square": ([[1.0, 2.0]], r"H must be a square matrix; got shape \(1, 2\)"),
    "a vector": ([1.0, 2.0], r"H must be a square matrix; got shape \(2,\)"),
    "not symmetric": ([[1.0, 0.5], [0.25, 1.0]], r"symmetric; entries \(0, 1\) and \(1, 0\) are 0.5 and 0.25"),
    "a saddle": ([[1.0, 0.0], [0.0, -2.0]], "positive definite, a bowl; its smallest eigenvalue is -2"),
    "a channel": ([[1.0, 0.0], [0.0, 0.0]], "positive definite, a bowl; its smallest eigenvalue is 0"),
    "NaN": ([[1.0, NAN], [NAN, 1.0]], "H holds a NaN"),
}


@pytest.mark.parametrize("function", BOWLS)
@pytest.mark.parametrize("case", NO_BOWLS)
def test_what_is_no_bowl_is_refused(function, case):
    H, words = NO_BOWLS[case]
    with pytest.raises(ValueError, match=words):
        BOWLS[function](H)


REFUSALS = {
    "b does not fit": (
        lambda: Quadratic(np.eye(3), [1.0, 2.0]),
        r"H \(3, 3\) needs a vector b of shape \(3,\); got \(2,",
    ),
    "rate, no step": (lambda: rate(np.eye(2), 0), "eta must be a positive finite number; got 0"),
    "adam, eps": (
        lambda: adam(BOWL.gradient, [1.0, 1.0], 0.1, 5, eps=0),
        "eps must be a positive finite number; got 0",
    ),
    "condition of a vector": (lambda: condition_number([1.0, 2.0]), r"A must be a matrix; got shape \(2,\)"),
    "condition of zero": (
        lambda: condition_number(np.zeros((2, 3))),
        r"A \(2, 3\) is zero: a condition number compares",
    ),
    "condition with NaN": (lambda: condition_number([[1.0, NAN]]), "A holds a NaN"),
    "product, shapes": (
        lambda: hessian_vector_product(BOWL.gradient, [1.0, 1.0], [1.0]),
        r"x and v must have the same shape; x has shape \(2,\) but v has shape \(1,\)",
    ),
    "product, matrix": (lambda: hessian_vector_product(BOWL.gradient, [[1.0]], [[1.0]]), r"x must be a vector \(n,\)"),
    "product, eps": (
        lambda: hessian_vector_product(BOWL.gradient, [1.0, 1.0], [1.0, 0.0], eps=0),
        "eps must be a positive finite number; got 0",
    ),
    "product, gradient": (
        lambda: hessian_vector_product(lambda x: x[:1], [1.0, 1.0], [1.0, 0.0]),
        r"must have that shape; got \(1,\)",
    ),
    "sharpness, steps": (lambda: sharpness(BOWL.gradient, [1.0, 1.0], 0, rng=RNG), "steps must be at least 1; got 0"),
    "sharpness, point": (lambda: sharpness(BOWL.gradient, [[1.0, 1.0]], rng=RNG), r"x must be a vector \(n,\)"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    call, words = REFUSALS[case]
    with pytest.raises(ValueError, match=words):
        call()
