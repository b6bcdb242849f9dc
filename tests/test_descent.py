"""Descent on bowls and beyond against worked cases, slow loops, torch's optimisers, numpy's condition numbers."""

import math
import warnings

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vec2attn.descent import (
    LIMIT,
    Path,
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

SEED = st.integers(0, 10**6)
BOWL = Quadratic(np.diag([1.0, 10.0]))


def turned(values, rng):
    """Return a symmetric matrix with these eigenvalues and random eigenvectors."""
    U = scipy.linalg.qr(rng.normal(size=(len(values), len(values))))[0]
    H = (U * values) @ U.T
    return (H + H.T) / 2


@st.composite
def bowls(draw):
    rng = np.random.default_rng(draw(SEED))
    n = draw(st.integers(1, 6))
    return Quadratic(turned(10.0 ** rng.uniform(-1, 1, n), rng), rng.normal(size=n))


def distances(path, goal=0.0):
    return np.linalg.norm(path.points - goal, axis=1)


def measured(path, goal, first, last):
    """Return the mean factor per step between two steps of a path."""
    d = distances(path, goal)
    return (d[last] / d[first]) ** (1 / (last - first))


# ---- A bowl ----------------------------------------------------------------------------------------------------------


def test_a_bowl_worked_by_hand():
    bowl = Quadratic([[2, 1], [1, 3]], [1, 0])
    assert bowl([1, 2]) == (2 + 2 * 2 + 3 * 4) / 2 - 1
    assert bowl.gradient([1, 2]).tolist() == [3, 7]
    np.testing.assert_allclose(bowl.minimum, [3 / 5, -1 / 5], rtol=1e-14)


@given(bowls(), SEED)
def test_the_gradient_is_the_slope_and_the_minimum_is_lowest(bowl, seed):
    rng = np.random.default_rng(seed)
    x, v = rng.normal(size=(2, len(bowl.b)))
    slope = (bowl(x + 1e-4 * v) - bowl(x - 1e-4 * v)) / 2e-4
    assert slope == pytest.approx(bowl.gradient(x) @ v, rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(bowl.gradient(bowl.minimum), 0, atol=1e-12)
    assert bowl(bowl.minimum) <= bowl(x)


# ---- Gradient descent ------------------------------------------------------------------------------------------------


def test_two_steps_by_hand():
    path = gradient_descent(BOWL.gradient, [1, 1], 0.15, 2)
    np.testing.assert_allclose(path.points, [[1, 1], [0.85, -0.5], [0.7225, 0.25]], rtol=1e-14)
    assert not path.diverged


@given(bowls(), st.floats(0.05, 0.99), SEED)
def test_along_every_eigenvector_the_distance_is_multiplied_by_one_minus_eta_lambda(bowl, share, seed):
    values, vectors = np.linalg.eigh(bowl.H)
    eta = share * 2 / values[-1]
    start = np.random.default_rng(seed).normal(size=len(values))
    path = gradient_descent(bowl.gradient, start, eta, 12)
    parts = (path.points - bowl.minimum) @ vectors
    wanted = parts[0] * (1 - eta * values) ** np.arange(13)[:, None]
    np.testing.assert_allclose(parts, wanted, atol=1e-12 * max(1, np.abs(parts[0]).max()))


@pytest.mark.parametrize(("share", "diverged"), [(0.5, False), (0.999, False), (1.001, True), (3, True)])
def test_it_converges_below_two_over_lambda_max_and_diverges_above(share, diverged, rng):
    H = turned([0.5, 3, 7], rng)
    path = gradient_descent(Quadratic(H).gradient, rng.normal(size=3), share * 2 / 7, 20_000)
    assert path.diverged == diverged
    assert distances(path)[-1] < 1e-8 if not diverged else np.abs(path.points[-1]).max() > LIMIT
    assert len(path.points) == 20_001 or diverged


@pytest.mark.parametrize(("eta", "until"), [(2 / 11, 35), (0.1, 63), (0.2, None), (0.201, None)])
def test_the_numbers_of_the_notebook_for_curvatures_one_and_ten(eta, until):
    path = gradient_descent(BOWL.gradient, [1, 1], eta, 3000)
    assert path.steps_until(1e-3 * math.sqrt(2)) == until
    assert path.diverged == (eta == 0.201)


def test_divergence_ends_the_path_without_a_warning_and_with_finite_points():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for eta in (0.3, 1e8, 1e307):
            path = gradient_descent(BOWL.gradient, [1, 1], eta, 10_000)
            assert path.diverged
            assert np.isfinite(path.points).all()
            assert len(path.points) < 100
            assert np.abs(path.points[:-1]).max() <= LIMIT
        path = gradient_descent(BOWL.gradient, [1, 1], 1e300, 10, limit=1e308)  # the second step is infinite
        assert path.diverged
        assert np.isfinite(path.points).all()
        assert len(path.points) == 2


def test_the_limit_is_the_callers():
    path = gradient_descent(BOWL.gradient, [1, 1], 0.3, 100, limit=10)
    assert np.abs(path.points[:, 1]).tolist() == [1, 2, 4, 8, 16]
    assert path.diverged


def test_steps_until_counts_to_the_first_near_point():
    path = Path(np.array([[4.0, 0.0], [2.0, 0.0], [1.0, 0.0], [3.0, 0.0]]), False)
    assert [path.steps_until(d) for d in (5, 2, 1.5, 0.5)] == [0, 1, 2, None]
    assert path.steps_until(0.0, [3.0, 0.0]) == 3


# ---- Momentum, Nesterov, Adam ----------------------------------------------------------------------------------------


def test_the_heavy_ball_in_its_other_form(rng):
    """x(k+1) = x(k) − η g + β (x(k) − x(k−1)), in a slow loop."""
    bowl = Quadratic(turned([1, 4, 9], rng), rng.normal(size=3))
    start, eta, beta = rng.normal(size=3), 0.11, 0.6
    points = [start, start - eta * bowl.gradient(start)]
    for _ in range(20):
        now, before = points[-1], points[-2]
        points.append(now - eta * bowl.gradient(now) + beta * (now - before))
    np.testing.assert_allclose(momentum(bowl.gradient, start, eta, beta, 21).points, points, atol=1e-12)


def test_nesterov_in_its_other_form(rng):
    """Look ahead, take the gradient there, step: the path holds the points looked at."""
    bowl = Quadratic(turned([1, 4, 9], rng), rng.normal(size=3))
    start, eta, beta = rng.normal(size=3), 0.1, 0.6
    x, y, seen = start, start, [start]
    for _ in range(20):
        x, before = y - eta * bowl.gradient(y), x
        y = x + beta * (x - before)
        seen.append(y)
    np.testing.assert_allclose(nesterov(bowl.gradient, start, eta, beta, 20).points, seen, atol=1e-12)


def test_without_memory_all_are_gradient_descent(rng):
    start = rng.normal(size=2)
    plain = gradient_descent(BOWL.gradient, start, 0.1, 9).points
    for method in (momentum, nesterov):
        assert np.array_equal(method(BOWL.gradient, start, 0.1, 0.0, 9).points, plain)


def test_adams_first_step_has_the_size_eta_whatever_the_gradient():
    for scale in (1e-3, 1, 1e5):
        path = adam(lambda x, c=scale: c * np.array([3.0, -0.2, 1.0]), [0, 0, 0], 0.05, 1)
        np.testing.assert_allclose(path.points[1], [-0.05, 0.05, -0.05], rtol=1e-4)


METHODS = {
    "plain": (lambda g, x, n: gradient_descent(g, x, 0.07, n), lambda p: torch.optim.SGD(p, lr=0.07)),
    "momentum": (lambda g, x, n: momentum(g, x, 0.07, 0.8, n), lambda p: torch.optim.SGD(p, lr=0.07, momentum=0.8)),
    "nesterov": (
        lambda g, x, n: nesterov(g, x, 0.07, 0.8, n),
        lambda p: torch.optim.SGD(p, lr=0.07, momentum=0.8, nesterov=True),
    ),
    "adam": (lambda g, x, n: adam(g, x, 0.07, n), lambda p: torch.optim.Adam(p, lr=0.07)),
    "adam, other betas": (
        lambda g, x, n: adam(g, x, 0.2, n, beta1=0.7, beta2=0.9, eps=1e-3),
        lambda p: torch.optim.Adam(p, lr=0.2, betas=(0.7, 0.9), eps=1e-3),
    ),
}


@pytest.mark.parametrize("method", METHODS)
def test_every_step_is_torchs(method, rng):
    ours, theirs = METHODS[method]
    bowl = Quadratic(turned([0.3, 2, 5, 9], rng), rng.normal(size=4))

    def wavy(x):  # of ½xᵀHx − bᵀx + Σ cos x: not only bowls
        return bowl.gradient(x) - np.sin(x)

    start = rng.normal(size=4)
    H, b = torch.tensor(bowl.H), torch.tensor(bowl.b)
    x = torch.tensor(start, requires_grad=True)
    optimiser = theirs([x])
    points = [start]
    for _ in range(60):
        optimiser.zero_grad()
        (x @ H @ x / 2 - b @ x + torch.cos(x).sum()).backward()
        optimiser.step()
        points.append(x.detach().numpy().copy())
    np.testing.assert_allclose(ours(wavy, start, 60).points, points, rtol=0, atol=1e-12)


# ---- Rates -----------------------------------------------------------------------------------------------------------


def test_best_parameters_by_hand():
    assert best_step([[1, 0], [0, 10]]) == pytest.approx(2 / 11, rel=1e-14)
    assert best_momentum([[1, 0], [0, 9]]) == pytest.approx((4 / 16, 1 / 4), rel=1e-14)
    assert best_momentum([[4]]) == pytest.approx((1 / 4, 0))


@given(bowls())
def test_no_other_step_has_a_better_rate_and_the_formulas_hold(bowl):
    kappa = condition_number(bowl.H)
    best = rate(bowl.H, best_step(bowl.H))
    assert best == pytest.approx((kappa - 1) / (kappa + 1), abs=1e-12)
    for factor in (0.5, 0.9, 0.999, 1.001, 1.1):
        assert rate(bowl.H, factor * best_step(bowl.H)) > best - 1e-15
    root = math.sqrt(kappa)
    eta, beta = best_momentum(bowl.H)
    assert rate(bowl.H, eta, beta) == pytest.approx((root - 1) / (root + 1), abs=1e-6)  # a double root
    for other in ((0.95 * eta, beta), (1.05 * eta, beta), (eta, 0.9 * beta), (eta, min(0.999, 1.1 * beta + 0.01))):
        assert rate(bowl.H, *other) > rate(bowl.H, eta, beta) - 1e-9
    low, high = np.linalg.eigvalsh(bowl.H)[[0, -1]]
    past = (root - 1) / (root + 1)
    assert rate(bowl.H, 1 / high, past, look_ahead=True) == pytest.approx(1 - math.sqrt(low / high), abs=1e-6)


def test_the_rates_are_those_of_the_linear_map_of_two_steps(rng):
    values = np.array([0.5, 2, 6])
    H = turned(values, rng)
    I, O = np.eye(3), np.zeros((3, 3))
    for eta, beta in ((0.1, 0.5), (0.3, 0.2), (0.5, 0.9)):
        heavy = np.block([[(1 + beta) * I - eta * H, -beta * I], [I, O]])
        assert rate(H, eta, beta) == pytest.approx(np.abs(np.linalg.eigvals(heavy)).max(), rel=1e-9)
        kept = I - eta * H
        ahead = np.block([[(1 + beta) * kept, -beta * kept], [I, O]])
        assert rate(H, eta, beta, look_ahead=True) == pytest.approx(np.abs(np.linalg.eigvals(ahead)).max(), rel=1e-9)


@pytest.mark.parametrize("values", [[1, 10], [1, 3, 100], [0.2, 0.21, 5]], ids=str)
def test_measured_rates_are_those_of_the_formulas(values, rng):
    H = turned(np.array(values, dtype=float), rng)
    bowl, start = Quadratic(H, rng.normal(size=len(H))), 3 + rng.normal(size=len(H))
    goal, eta = bowl.minimum, best_step(H)
    plain = gradient_descent(bowl.gradient, start, eta, 120)
    assert measured(plain, goal, 60, 120) == pytest.approx(rate(H, eta), rel=0.01)
    heavy = 0.9 * best_momentum(H)[0], best_momentum(H)[1]  # away from the double root, with its slow start
    path = momentum(bowl.gradient, start, *heavy, 60)
    assert measured(path, goal, 20, 60) == pytest.approx(rate(H, *heavy), rel=0.04)
    ahead = 0.9 / max(values), 0.5
    path = nesterov(bowl.gradient, start, *ahead, 60)
    assert measured(path, goal, 20, 60) == pytest.approx(rate(H, *ahead, look_ahead=True), rel=0.04)


def test_momentum_needs_fewer_steps_than_plain_descent():
    H = np.diag(np.linspace(1, 100, 20))
    bowl, start = Quadratic(H), np.ones(20)
    near = 1e-3 * math.sqrt(20)
    plain = gradient_descent(bowl.gradient, start, best_step(H), 2000).steps_until(near)
    heavy = momentum(bowl.gradient, start, *best_momentum(H), 2000).steps_until(near)
    ahead = nesterov(bowl.gradient, start, 1 / 100, 9 / 11, 2000).steps_until(near)
    assert (plain, heavy, ahead) == (288, 50, 71)


# ---- Condition numbers -----------------------------------------------------------------------------------------------


@given(st.integers(1, 7), st.integers(1, 7), st.floats(0, 10), SEED)
def test_condition_numbers_are_numpys(m, n, spread, seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(m, n)) * 10.0 ** -np.linspace(0, spread, n)
    assert condition_number(A) == pytest.approx(np.linalg.cond(A), rel=1e-9)
    assert condition_number(1e-200 * A) == pytest.approx(np.linalg.cond(A), rel=1e-9)


@pytest.mark.parametrize(
    "A", [[[1, 2], [2, 4]], [[1.0, 0], [0, 0]], np.ones((3, 2)), 1 / 3 * np.outer([1, 2, 3], [7, 9, 1])]
)
def test_a_singular_matrix_has_an_infinite_condition_number(A):
    assert condition_number(A) == math.inf


def test_condition_numbers_worked_by_hand():
    assert condition_number([[3, 0], [0, -12]]) == pytest.approx(4)
    assert condition_number([[0.6, -0.8], [0.8, 0.6]]) == pytest.approx(1)
    kappa = condition_number([[1, 1000], [0, 1]])
    assert kappa + 1 / kappa == pytest.approx(1_000_002)  # ‖A‖² over |det A|, with ‖A‖² the sum of squares
    assert condition_number(np.float32([[1, 0], [0, 1e-3]])) == pytest.approx(1000, rel=1e-6)


@given(SEED)
@settings(max_examples=20)
def test_no_relative_error_grows_by_more_than_the_condition_number(seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(4, 4)) * [1, 0.1, 1e-2, 1e-3]
    x, noise = rng.normal(size=4), 1e-9 * rng.normal(size=4)
    moved = np.linalg.solve(A, A @ x + noise)
    grown = np.linalg.norm(moved - x) / np.linalg.norm(x) / (np.linalg.norm(noise) / np.linalg.norm(A @ x))
    assert grown <= condition_number(A) * 1.001


# ---- Curvature of any loss -------------------------------------------------------------------------------------------


def rosenbrock(x):
    """Return the gradient of Σ 100 (x(i+1) − x(i)²)² + (1 − x(i))²."""
    g, rest = np.zeros_like(x), x[1:] - x[:-1] ** 2
    g[:-1] = -400 * x[:-1] * rest - 2 * (1 - x[:-1])
    g[1:] += 200 * rest
    return g


def rosenbrock_hessian(x):
    n = len(x)
    H = np.zeros((n, n))
    for i in range(n - 1):
        H[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        H[i, i + 1] = H[i + 1, i] = -400 * x[i]
        H[i + 1, i + 1] += 200
    return H


@given(bowls(), SEED)
def test_on_a_bowl_the_product_is_exact_but_for_rounding(bowl, seed):
    x, v = np.random.default_rng(seed).normal(size=(2, len(bowl.b)))
    found = hessian_vector_product(bowl.gradient, x, v)
    np.testing.assert_allclose(found, bowl.H @ v, atol=1e-8 * np.linalg.norm(v))


def test_on_a_curved_loss_the_product_is_close_for_every_length_of_v(rng):
    x = rng.normal(size=5)
    v = rng.normal(size=5)
    wanted = rosenbrock_hessian(x) @ v
    for scale in (1e-12, 1, 1e9):
        found = hessian_vector_product(rosenbrock, x, scale * v)
        np.testing.assert_allclose(found, scale * wanted, rtol=1e-7, atol=1e-7 * scale)
    assert hessian_vector_product(rosenbrock, x, np.zeros(5)).tolist() == [0] * 5


def test_the_step_that_is_chosen_is_near_the_best(rng):
    def gradient(x):  # of Σ exp x: the Hessian is diag(exp x)
        return np.exp(x)

    x, v = rng.normal(size=(2, 6))
    error = {
        eps: np.abs(hessian_vector_product(gradient, x, v, eps) - np.exp(x) * v).max()
        for eps in (None, *10.0 ** np.arange(-13, 0))
    }
    assert error[None] < 30 * min(error.values())
    assert error[None] < 1e-9
    assert error[1e-1] > 1e4 * error[None]  # the formula's own error
    assert error[1e-13] > 1e4 * error[None]  # rounding


def test_single_precision_has_its_own_step(rng):
    x, v = rng.normal(size=(2, 4)).astype(np.float32)
    found = hessian_vector_product(np.exp, x, v)
    np.testing.assert_allclose(found, np.exp(x) * v, atol=1e-3)


@given(bowls(), SEED)
@settings(max_examples=25)
def test_sharpness_is_the_largest_eigenvalue(bowl, seed):
    rng = np.random.default_rng(seed)
    found = sharpness(bowl.gradient, rng.normal(size=len(bowl.b)), rng=rng)
    assert found == pytest.approx(np.linalg.eigvalsh(bowl.H)[-1], rel=1e-6)


def test_sharpness_where_the_loss_also_curves_down(rng):
    x = rng.normal(size=9)
    H = rosenbrock_hessian(x)
    assert np.linalg.eigvalsh(H)[0] < 0
    assert sharpness(rosenbrock, x, 9, rng=rng) == pytest.approx(np.linalg.eigvalsh(H)[-1], rel=1e-6)
    few = sharpness(rosenbrock, x, 2, rng=rng)
    assert few < np.linalg.eigvalsh(H)[-1] + 1e-6  # from below


def test_sharpness_is_the_largest_eigenvalue_and_not_the_largest_in_size(rng):
    assert sharpness(lambda x: np.array([-50.0, 3.0, 1.0]) * x, [1, 1, 1], rng=rng) == pytest.approx(3, rel=1e-6)
