"""Eigenvalues by power and inverse iteration, the QR algorithm and Lanczos, against hand, numpy and scipy."""

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from vec2attn.eigen import (
    inverse_iteration,
    lanczos,
    power_iteration,
    qr_algorithm,
    rayleigh_quotient,
    ritz_values,
    tridiagonalize,
)
from vec2attn.matrices import orthogonal_init, reflection, rotation

GOLDEN = (1 + math.sqrt(5)) / 2
BY_HAND = [[4, 1], [1, 3]]  # λ² − 7λ + 11 = 0: λ = 4.618 and 2.382
SEED = st.integers(0, 10**6)


@pytest.fixture
def rng():
    return np.random.default_rng(31)


@st.composite
def symmetric(draw, most=8):
    """Draw Q diag(λ) Qᵀ with eigenvalues that may be repeated, zero or spread over many powers of ten, at any scale."""
    n = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(SEED))
    kind = draw(st.sampled_from(["plain", "few values", "graded"]))
    values = {
        "plain": rng.normal(size=n),
        "few values": rng.integers(-1, 2, size=n).astype(float),
        "graded": np.logspace(0, -draw(st.integers(1, 18)), n) * rng.choice([-1, 1], size=n),
    }[kind]
    Q = orthogonal_init(n, n, rng)
    A = (Q * values) @ Q.T
    return (A + A.T) / 2 * 10.0 ** draw(st.integers(-200, 200))


def with_values(values, rng):
    """Build a symmetric matrix with these eigenvalues, and return it with its eigenvectors."""
    Q = orthogonal_init(len(values), len(values), rng)
    A = (Q * np.asarray(values, dtype=float)) @ Q.T
    return (A + A.T) / 2, Q


def angle_to(v, w):
    """Return the angle between two lines, in radians."""
    v, w = v / np.linalg.norm(v), w / np.linalg.norm(w)
    return math.asin(min(1, np.linalg.norm(v - w * (v @ w))))


# ---- Rayleigh quotient -----------------------------------------------------------------------------------------------


def test_the_rayleigh_quotient_worked_by_hand():
    assert rayleigh_quotient(BY_HAND, [1, 0]) == 4
    assert rayleigh_quotient(BY_HAND, [1, 1]) == pytest.approx(4.5, rel=1e-15)  # (5 + 4) / 2
    assert rayleigh_quotient(BY_HAND, [-7, -7]) == pytest.approx(4.5, rel=1e-15)
    assert rayleigh_quotient([[5]], [-2]) == 5


@given(symmetric(), SEED)
def test_the_rayleigh_quotient_lies_between_the_outer_eigenvalues(A, seed):
    v = np.random.default_rng(seed).normal(size=len(A))
    values = np.linalg.eigvalsh(A)
    slack = 1e-14 * len(A) * np.abs(A).max()
    assert values[0] - slack <= rayleigh_quotient(A, v) <= values[-1] + slack


def test_no_other_number_leaves_a_smaller_residual(rng):
    A, v = rng.normal(size=(5, 5)), rng.normal(size=5)
    best = np.linalg.lstsq(v[:, None], A @ v, rcond=None)[0][0]
    assert rayleigh_quotient(A, v) == pytest.approx(best, rel=1e-12)


# ---- power iteration -------------------------------------------------------------------------------------------------


def test_power_iteration_finds_the_golden_case():
    found = power_iteration(BY_HAND, start=[1, 0])
    assert found.value == pytest.approx(3 + GOLDEN, rel=1e-15)
    assert angle_to(found.vector, np.array([GOLDEN, 1])) < 1e-9
    assert found.values[0] == 4
    assert found.residuals[0] == 1  # (4, 1) − 4 (1, 0)


def test_the_iteration_is_the_loop_of_the_text(rng):
    A, start = rng.normal(size=(4, 4)) + 3, rng.normal(size=4)
    found = power_iteration(A, start=start, tolerance=1e-6)
    v = start / np.linalg.norm(start)
    for value, residual in zip(found.values, found.residuals, strict=True):
        assert value == pytest.approx(v @ A @ v, rel=1e-12)
        assert residual == pytest.approx(np.linalg.norm(A @ v - value * v), rel=1e-6)
        last = v
        v = A @ v / np.linalg.norm(A @ v)
    np.testing.assert_allclose(found.vector, last, rtol=1e-10)
    assert found.value == found.values[-1]
    assert found.residuals[-1] <= 1e-6 * np.linalg.norm(A, 2) < found.residuals[0]


@pytest.mark.parametrize("ratio", [0.5, 0.8, -0.9])
def test_the_error_shrinks_by_the_ratio_of_the_eigenvalues_and_that_of_the_value_by_its_square(ratio, rng):
    A, _ = with_values([1, ratio, ratio / 3], rng)
    found = power_iteration(A, rng=rng, tolerance=1e-12)
    error = np.abs(found.values - 1)
    late = slice(len(error) // 3, 2 * len(error) // 3)
    assert found.residuals[late][1:] / found.residuals[late][:-1] == pytest.approx(abs(ratio), rel=0.01)
    early = slice(len(error) // 8, len(error) // 3)
    assert np.exp(np.diff(np.log(error[early])).mean()) == pytest.approx(ratio**2, rel=0.03)


def test_the_largest_in_size_wins_even_if_it_is_negative(rng):
    found = power_iteration(np.diag([2.0, -5.0, 3.0]), rng=rng)
    assert found.value == pytest.approx(-5, rel=1e-12)
    np.testing.assert_allclose(np.abs(found.vector), [0, 1, 0], atol=1e-9)


def test_a_matrix_that_is_not_symmetric_agrees_with_numpy(rng):
    A = rng.uniform(size=(6, 6))  # positive entries: one eigenvalue is larger than all others (Perron)
    values, vectors = np.linalg.eig(A)
    top = np.abs(values).argmax()
    found = power_iteration(A, rng=rng)
    assert found.value == pytest.approx(values[top].real, rel=1e-9)
    assert angle_to(found.vector, vectors[:, top].real) < 1e-8


def test_a_function_serves_as_well_as_a_matrix(rng):
    A, start = rng.uniform(size=(5, 5)), rng.normal(size=5)
    a, b = power_iteration(A, start=start), power_iteration(lambda v: A @ v, start=start)
    assert a.value == b.value
    assert np.array_equal(a.vector, b.vector)


def test_the_function_may_write_on_its_argument(rng):
    A, start = rng.uniform(size=(3, 3)), np.ones(3)

    def careless(v):
        w = A @ v
        v[:] = 0
        return w

    assert power_iteration(careless, start=start).value == pytest.approx(power_iteration(A, start=start).value)
    assert np.array_equal(start, np.ones(3))


@pytest.mark.parametrize("scale", [1e-250, 1e-5, 1e250])
def test_the_scale_does_not_matter(scale, rng):
    A, start = np.array(BY_HAND) * scale, rng.normal(size=2)
    found = power_iteration(A, start=start)
    assert found.value == pytest.approx((3 + GOLDEN) * scale, rel=1e-12)
    assert inverse_iteration(A, 2 * scale, start=start).value == pytest.approx((4 - GOLDEN) * scale, rel=1e-12)


@pytest.mark.parametrize("A", [[[3.0]], [[-3.0]], [[0.0]], np.zeros((4, 4)), -2 * np.eye(5)])
def test_one_step_is_enough_where_every_vector_is_an_eigenvector(A, rng):
    for found in (
        power_iteration(A, rng=rng),
        inverse_iteration(A, 7, rng=rng),
        inverse_iteration(A, A[0][0], rng=rng),
    ):
        assert found.value == pytest.approx(A[0][0], rel=1e-15)
        assert len(found.values) == 1


def test_a_repeated_largest_eigenvalue_gives_a_vector_of_its_space(rng):
    A, Q = with_values([4, 4, 1, -1], rng)
    found = power_iteration(A, rng=rng)
    assert found.value == pytest.approx(4, rel=1e-12)
    np.testing.assert_allclose(Q[:, :2] @ (Q[:, :2].T @ found.vector), found.vector, atol=1e-9)


def test_a_nilpotent_matrix_ends_in_its_null_space():
    found = power_iteration([[0, 1], [0, 0]], start=[1, 1])
    assert found.value == 0
    assert np.array_equal(found.vector, [1, 0])


NO_CONVERGENCE = {
    "a rotation": (rotation(1.0), "no eigenvalue is larger in size than all others"),
    "a reflection": (reflection(0.3), "no eigenvalue is larger in size than all others"),
    "a complex pair in front": (scipy.linalg.block_diag(3 * rotation(2.0), 1.0), "a rotation has a complex pair"),
    "almost equal": (np.diag([1.0, 0.9999]), "the largest two are almost equal"),
    "defective": (np.array([[1.0, 1.0], [0.0, 1.0]]), "A is defective"),
}


@pytest.mark.parametrize("case", NO_CONVERGENCE)
def test_what_cannot_converge_says_why(case, rng):
    A, words = NO_CONVERGENCE[case]
    with pytest.raises(np.linalg.LinAlgError, match=f"no convergence in 1000 steps: .*{words}"):
        power_iteration(A, rng=rng)


def test_too_few_steps_say_how_many_more(rng):
    A, start = np.diag([1.0, 0.9, 0.3]), np.ones(3)
    needed = len(power_iteration(A, start=start).values)
    with pytest.raises(np.linalg.LinAlgError, match=r"factor of 0\.90\d\d a step, about (\d+) steps more") as refusal:
        power_iteration(A, start=start, max_steps=60)
    more = int(str(refusal.value).split("about ")[1].split()[0])
    assert abs(60 + more - needed) < 10
    with pytest.raises(np.linalg.LinAlgError, match="allow more than one step"):
        power_iteration(A, start=start, max_steps=1)


def test_a_defective_matrix_converges_if_one_has_the_time(rng):
    found = power_iteration([[1, 1], [0, 1]], start=[1, 1], tolerance=1e-6, max_steps=2000)
    assert found.value == pytest.approx(1, abs=2e-3)  # like 1/k, not like a power
    assert 700 < len(found.values) < 900


# ---- inverse iteration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [-10, -2.2, 0.2, 0.9, 2.9, 100])
@pytest.mark.parametrize("rayleigh", [False, True])
def test_inverse_iteration_finds_the_eigenvalue_next_to_the_shift(shift, rayleigh, rng):
    values = np.array([-3.0, -1.0, 0.5, 1.0, 4.0])
    A, Q = with_values(values, rng)
    near = np.abs(values - shift).argmin()
    start = Q[:, near] + 0.1 * rng.normal(size=5)  # near enough, so that the Rayleigh shift does not lead elsewhere
    found = inverse_iteration(A, shift, start=start, rayleigh=rayleigh)
    assert found.value == pytest.approx(values[near], rel=1e-12)
    assert angle_to(found.vector, Q[:, near]) < 1e-8


def test_the_rate_of_inverse_iteration_is_the_ratio_of_the_distances(rng):
    A, _ = with_values([0, 1, 5], rng)
    found = inverse_iteration(A, 0.4, rng=rng, tolerance=1e-13)  # 0.4 from 0 and 0.6 from 1
    late = found.residuals[10:40]
    assert late[1:] / late[:-1] == pytest.approx(2 / 3, rel=0.02)


def test_the_rayleigh_shift_triples_the_digits(rng):
    A, Q = with_values([-2, 1, 3, 8], rng)
    found = inverse_iteration(A, 2.8, start=Q[:, 2] + 0.2 * rng.normal(size=4), rayleigh=True, tolerance=1e-15)
    plain = inverse_iteration(A, 2.8, start=Q[:, 2] + 0.2 * rng.normal(size=4), tolerance=1e-14)
    assert len(found.values) <= 5 < len(plain.values)
    r = found.residuals
    assert r[2] < 3 * r[1] ** 2.5


def test_the_given_shift_makes_the_first_step_also_where_it_then_follows_the_quotient(rng):
    A, _ = with_values([-2, 1, 3, 8], rng)
    start = rng.normal(size=4)
    plain, moving = (inverse_iteration(A, 2.8, start=start, rayleigh=follow).values for follow in (False, True))
    assert plain[1] == moving[1]
    assert plain[2] != moving[2]


def test_an_exact_eigenvalue_is_as_welcome_at_a_tiny_scale(rng):
    found = inverse_iteration(np.diag([1e-250, 2e-250, 3e-250]), 2e-250, rng=rng)
    assert found.value == pytest.approx(2e-250, rel=1e-12)


@pytest.mark.parametrize("A", [BY_HAND, np.diag([1.0, 2.0, 3.0]), [[2, 1], [0, 2]], np.ones((3, 3))])
def test_an_exact_eigenvalue_is_a_welcome_shift(A, rng):
    exact = np.linalg.eigvals(A).real[0]
    found = inverse_iteration(A, exact, rng=rng, tolerance=1e-8)
    assert found.value == pytest.approx(exact, abs=1e-7)
    assert np.linalg.norm(A @ found.vector - exact * found.vector) < 1e-7


@pytest.mark.parametrize("A", [rotation(0.5), np.diag([1.0, -1.0])])
def test_two_eigenvalues_equally_far_from_the_shift_are_refused(A, rng):
    with pytest.raises(np.linalg.LinAlgError, match=r"two eigenvalues are \(almost\) equally far from the shift"):
        inverse_iteration(A, 0, rng=rng)


def test_the_nearest_of_a_matrix_that_is_not_symmetric(rng):
    A = rng.normal(size=(7, 7))
    values = np.linalg.eigvals(A)
    real = values[np.abs(values.imag) < 1e-12].real[0]
    found = inverse_iteration(A, real + 1e-3, rng=rng)
    assert found.value == pytest.approx(real, rel=1e-9)
    np.testing.assert_allclose(A @ found.vector, real * found.vector, atol=1e-8)


# ---- QR algorithm ----------------------------------------------------------------------------------------------------


def check_decomposition(A, values, V):
    size = np.abs(A).max() or 1
    n = len(A)
    assert (np.diff(values) >= 0).all()
    np.testing.assert_allclose(V.T @ V, np.eye(n), atol=1e-10)
    np.testing.assert_allclose(values / size, np.linalg.eigvalsh(A / size), atol=2e-14 * n)
    np.testing.assert_allclose((V * (values / size)) @ V.T, A / size, atol=2e-14 * n)


def test_the_golden_case_in_full():
    values, V = qr_algorithm(BY_HAND)
    np.testing.assert_allclose(values, [4 - GOLDEN, 3 + GOLDEN], rtol=1e-15)
    assert abs(V[:, 1] @ [GOLDEN, 1]) == pytest.approx(math.hypot(GOLDEN, 1), rel=1e-14)
    assert abs(V[:, 0] @ [1, -GOLDEN]) == pytest.approx(math.hypot(GOLDEN, 1), rel=1e-14)


@given(symmetric())
def test_the_factors_are_right_for_every_spectrum(A):
    check_decomposition(A, *qr_algorithm(A))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 33, 120])
def test_the_qr_algorithm_equals_numpy_and_scipy(n, rng):
    A = rng.normal(size=(n, n))
    A = A + A.T
    values, V = qr_algorithm(A)
    check_decomposition(A, values, V)
    peer, W = scipy.linalg.eigh(A)
    np.testing.assert_allclose(values, peer, atol=1e-13 * n)
    np.testing.assert_allclose(np.abs(np.diag(V.T @ W)), 1, atol=1e-9)  # the same lines
    np.testing.assert_allclose(peer, np.sort(np.linalg.eig(A)[0].real), atol=1e-12 * n)


SPECIAL = {
    "identity": np.eye(6),
    "zero": np.zeros((4, 4)),
    "ones": np.ones((5, 5)),
    "diagonal, unsorted": np.diag([3.0, -1.0, 3.0, 0.0]),
    "exchange": np.fliplr(np.eye(6)),
    "path": np.diag(np.ones(8), 1) + np.diag(np.ones(8), -1),
    "Wilkinson's W21": np.diag(np.abs(np.arange(-10.0, 11))) + np.diag(np.ones(20), 1) + np.diag(np.ones(20), -1),
    "Hilbert": scipy.linalg.hilbert(12),
    "graded down": np.array([[10.0 ** -(i + j) for j in range(9)] for i in range(9)])
    + np.diag(10.0 ** -np.arange(0, 18, 2)),
    "two blocks": scipy.linalg.block_diag(np.ones((3, 3)), [[2.0]], 5 * np.ones((3, 3))),
    "whole numbers": np.array([[2, 1, 0], [1, 2, 1], [0, 1, 2]]),
    "tiny beside large": np.array([[1.0, 1e-170, 0], [1e-170, 1.0, 1e-170], [0, 1e-170, 1.0]]),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_matrices(name):
    A = SPECIAL[name]
    for M in (A, A[::-1, ::-1]):
        check_decomposition(np.asarray(M, dtype=float), *qr_algorithm(M))


def test_the_eigenvalues_of_a_path_are_known():
    values, _ = qr_algorithm(SPECIAL["path"])
    np.testing.assert_allclose(values, np.sort(2 * np.cos(np.pi * np.arange(1, 10) / 10)), atol=1e-14)


def test_a_float32_matrix_symmetric_to_its_own_rounding_is_welcome(rng):
    X = rng.normal(size=(300, 20)).astype(np.float32)
    A = (X.T @ X) * (1 + 1e-7 * rng.normal(size=(20, 20)).astype(np.float32))
    values, V = qr_algorithm(A)
    assert values.dtype == V.dtype == np.float64
    np.testing.assert_allclose(values, np.linalg.eigvalsh(A.astype(float)), rtol=1e-5)


def test_the_argument_is_not_touched(rng):
    A, _ = with_values([1, 2, 3, 4], rng)
    copy = A.copy()
    qr_algorithm(A)
    tridiagonalize(A)
    power_iteration(A, rng=rng)
    inverse_iteration(A, 1.2, rng=rng)
    lanczos(A, 4, 3, rng=rng)
    assert np.array_equal(A, copy)


@given(symmetric())
@settings(max_examples=50)
def test_the_tridiagonal_form_is_similar_to_a(A):
    d, e, Q = tridiagonalize(A)
    T = np.diag(d) + np.diag(e, 1) + np.diag(e, -1)
    size, n = np.abs(A).max() or 1, len(A)
    np.testing.assert_allclose(Q.T @ Q, np.eye(n), atol=1e-13)
    np.testing.assert_allclose(Q @ (T / size) @ Q.T, A / size, atol=1e-13)
    H = scipy.linalg.hessenberg(A / size)
    np.testing.assert_allclose(np.linalg.eigvalsh(T / size), np.sort(np.linalg.eigvals(H).real), atol=1e-7)


def test_two_qr_steps_an_eigenvalue_are_usual(rng, monkeypatch):
    from vec2attn import eigen

    steps, step = [], eigen._qr_step
    monkeypatch.setattr(eigen, "_qr_step", lambda *a: (steps.append(a[3:]), step(*a)))
    A, _ = with_values(rng.normal(size=60), rng)
    qr_algorithm(A)
    assert 60 < len(steps) < 130


# ---- Lanczos ---------------------------------------------------------------------------------------------------------


@given(symmetric(), SEED)
@settings(max_examples=60)
def test_all_steps_give_all_eigenvalues_that_the_start_has_a_part_of(A, seed):
    A = A / (np.abs(A).max() or 1)
    n = len(A)
    alphas, betas, Q = lanczos(A, n, n, rng=np.random.default_rng(seed))
    k = len(alphas)
    assert (betas.shape, Q.shape) == ((k - 1,), (n, k))
    np.testing.assert_allclose(Q.T @ Q, np.eye(k), atol=1e-10)
    T = np.diag(alphas) + np.diag(betas, 1) + np.diag(betas, -1)
    np.testing.assert_allclose(Q.T @ A @ Q, T, atol=1e-12)
    values, ritz = np.linalg.eigvalsh(A), ritz_values(alphas, betas)
    for value in values:  # repeated ones are found once
        assert np.abs(ritz - value).min() < 1e-7
    if k < n:
        assert np.abs(A @ Q - Q @ T).max() < 1e-10


def test_few_steps_find_the_outer_eigenvalues_as_scipy_does(rng):
    n = 400
    A, _ = with_values(np.r_[rng.normal(size=n - 3), 9, 10, -8], rng)
    products = []

    def apply(v):
        products.append(v)
        return A @ v

    alphas, betas, Q = lanczos(apply, n, 40, rng=rng)
    assert len(products) == 40
    assert np.abs(Q.T @ Q - np.eye(40)).max() < 1e-13
    ritz = ritz_values(alphas, betas)
    np.testing.assert_allclose(ritz[[0, -2, -1]], [-8, 9, 10], rtol=1e-10)
    ends = np.sort(scipy.sparse.linalg.eigsh(A, k=2, which="BE", return_eigenvectors=False))
    np.testing.assert_allclose(ritz[[0, -1]], ends, rtol=1e-10)
    assert power_iteration(A, rng=rng, tolerance=1e-5).values.size > 40


def test_ritz_values_are_those_of_the_tridiagonal_matrix(rng):
    alphas, betas = rng.normal(size=9), rng.normal(size=8)
    np.testing.assert_allclose(
        ritz_values(alphas, betas), scipy.linalg.eigh_tridiagonal(alphas, betas, eigvals_only=True), atol=1e-14
    )
    assert ritz_values([3.0], []) == [3.0]
    assert ritz_values([0.0, 0.0], [0.0]).tolist() == [0, 0]


def test_a_closed_span_ends_the_process(rng):
    A, _ = with_values([2, 2, 2, 5, 5, 5, 5], rng)  # two different values: two steps
    alphas, betas, _ = lanczos(A, 7, 7, rng=rng)
    assert len(alphas) == 2
    np.testing.assert_allclose(ritz_values(alphas, betas), [2, 5], rtol=1e-12)
    alphas, betas, _ = lanczos(np.zeros((3, 3)), 3, 3, rng=rng)
    assert (alphas.tolist(), betas.tolist()) == ([0], [])


def test_a_map_in_float32_is_good_enough(rng):
    A, _ = with_values(np.linspace(-1, 7, 90), rng)
    half = A.astype(np.float32)
    alphas, betas, _ = lanczos(lambda v: half @ v.astype(np.float32), 90, 60, rng=rng)
    assert ritz_values(alphas, betas)[-1] == pytest.approx(7, rel=1e-4)
