"""Gram–Schmidt, Householder QR, least squares and orthogonal initialisation against worked cases, numpy and scipy."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from vec2attn.matrices import gram_schmidt, householder_qr, least_squares, orthogonal_init

METHODS = ("classical", "modified")
FACTOR = {
    "classical": lambda A: gram_schmidt(A, "classical"),
    "modified": lambda A: gram_schmidt(A, "modified"),
    "householder": householder_qr,
}
every_factorisation = pytest.mark.parametrize("factor", FACTOR.values(), ids=FACTOR)

SEED = st.integers(0, 10**6)


@st.composite
def tall(draw, most=9):
    """Draw a Gaussian matrix with at least as many rows as columns."""
    k = draw(st.integers(1, most))
    n = draw(st.integers(k, most + 3))
    return np.random.default_rng(draw(SEED)).normal(size=(n, k))


@st.composite
def ill_conditioned(draw):
    """Draw a tall matrix whose singular values spread over up to 16 powers of ten, at any scale."""
    A = draw(tall())
    U, _, Vt = np.linalg.svd(A, full_matrices=False)
    spread = np.logspace(0, -draw(st.floats(0, 16)), A.shape[1])
    return (U * spread) @ Vt * 10.0 ** draw(st.integers(-100, 100))


def departure(Q):
    return np.linalg.norm(Q.T @ Q - np.eye(Q.shape[1]), 2)


# ---- A = QR ----------------------------------------------------------------------------------------------------------


@every_factorisation
def test_the_case_worked_by_hand(factor):
    # (3, 4) has length 5; of (1, 3) the shadow on (3, 4)/5 is 3 long, and (-4, 3)/5 is left
    Q, R = factor([[3, 1], [4, 3]])
    np.testing.assert_allclose(Q, [[0.6, -0.8], [0.8, 0.6]], atol=1e-15)
    np.testing.assert_allclose(R, [[5, 3], [0, 1]], atol=1e-15)


@every_factorisation
@given(tall())
def test_q_is_orthonormal_r_is_triangular_and_their_product_is_a(factor, A):
    Q, R = factor(A)
    n, k = A.shape
    assert (Q.shape, R.shape) == ((n, k), (k, k))
    np.testing.assert_allclose(Q @ R, A, atol=1e-13)
    assert np.array_equal(R, np.triu(R))
    assert (np.diag(R) > 0).all()
    if np.linalg.cond(A) < 1e3:
        assert departure(Q) < 1e-9


@every_factorisation
def test_the_factors_are_those_of_numpy_scipy_and_torch_up_to_signs(factor, rng):
    A = rng.normal(size=(7, 4))
    Q, R = factor(A)
    peers = (np.linalg.qr(A), scipy.linalg.qr(A, mode="economic"), torch.linalg.qr(torch.from_numpy(A)))
    for peer in peers:
        Q_peer, R_peer = map(np.asarray, peer)
        signs = np.sign(np.diag(R_peer))
        np.testing.assert_allclose(Q, Q_peer * signs, atol=1e-13)
        np.testing.assert_allclose(R, signs[:, None] * R_peer, atol=1e-13)


@given(tall())
def test_gram_schmidt_is_the_loop_over_earlier_columns(A):
    vectors = []
    for a in A.T:
        left = a - sum((q @ a) * q for q in vectors)
        vectors.append(left / np.linalg.norm(left))
    np.testing.assert_allclose(gram_schmidt(A, "classical")[0], np.transpose(vectors), rtol=1e-7, atol=1e-9)


@given(ill_conditioned())
def test_householder_stays_orthonormal_and_exact_however_ill_conditioned_a_is(A):
    Q, R = householder_qr(A)
    assert departure(Q) < 1e-10
    np.testing.assert_allclose(Q @ R, A, rtol=0, atol=1e-13 * np.abs(A).max())
    assert (np.diag(R) >= 0).all()


def test_on_the_hilbert_matrix_classical_is_worse_than_modified_and_modified_than_householder():
    H = scipy.linalg.hilbert(9)
    classical, modified, householder = (departure(factor(H)[0]) for factor in FACTOR.values())
    assert classical > 0.5
    assert 1e-8 < modified < 1e-4
    assert householder < 1e-14


def test_the_modified_loss_grows_like_the_condition_number():
    for n in range(3, 11):
        H = scipy.linalg.hilbert(n)
        assert departure(gram_schmidt(H, "modified")[0]) < np.finfo(float).eps * np.linalg.cond(H)


def test_a_column_that_is_nearly_on_its_axis_does_not_cancel():
    A = np.array([[1.0, 2.0], [1e-9, 1.0]])
    Q, R = householder_qr(A)
    np.testing.assert_allclose(Q @ R, A, rtol=0, atol=1e-15)


def test_householder_factors_matrices_of_lower_rank_and_the_zero_matrix(rng):
    for A in (rng.normal(size=(6, 2)) @ rng.normal(size=(2, 4)), np.zeros((5, 3)), np.ones((4, 4))):
        Q, R = householder_qr(A)
        assert departure(Q) < 1e-13
        np.testing.assert_allclose(Q @ R, A, atol=1e-13)


@every_factorisation
def test_one_column_becomes_its_direction_and_its_length(factor):
    Q, R = factor([[-2.0], [1.0], [2.0]])
    np.testing.assert_allclose(Q, np.array([[-2], [1], [2]]) / 3, atol=1e-15)
    np.testing.assert_allclose(R, [[3]], atol=1e-15)
    Q, R = factor([[-7.0]])
    np.testing.assert_allclose((Q[0, 0], R[0, 0]), (-1, 7))


@every_factorisation
def test_float32_stays_float32_and_whole_numbers_become_float64(factor, rng):
    Q, R = factor(rng.normal(size=(5, 3)).astype(np.float32))
    assert Q.dtype == R.dtype == np.float32
    assert departure(Q) < 1e-5
    assert {part.dtype for part in factor(np.array([[2, 1], [0, 3]]))} == {np.dtype(np.float64)}


@every_factorisation
def test_the_input_is_not_changed(factor, rng):
    A = rng.normal(size=(5, 3))
    kept = A.copy()
    factor(A)
    np.testing.assert_array_equal(A, kept)


# ---- Least squares ---------------------------------------------------------------------------------------------------


def test_the_line_worked_by_hand():
    # through (0, 1), (1, 1), (2, 4): intercept 1/2, slope 3/2, residual (1, −2, 1)/2
    A, b = np.array([[1, 0], [1, 1], [1, 2]]), np.array([1, 1, 4])
    x = least_squares(A, b)
    np.testing.assert_allclose(x, [0.5, 1.5], atol=1e-14)
    np.testing.assert_allclose(b - A @ x, [0.5, -1, 0.5], atol=1e-14)


@given(tall(), SEED)
def test_least_squares_equals_numpy_and_scipy(A, seed):
    b = np.random.default_rng(seed).normal(size=len(A))
    tolerance = 1e-14 * np.linalg.cond(A) ** 2 + 1e-12
    np.testing.assert_allclose(least_squares(A, b), np.linalg.lstsq(A, b)[0], atol=tolerance)
    np.testing.assert_allclose(least_squares(A, b), scipy.linalg.lstsq(A, b)[0], atol=tolerance)


@given(tall(), SEED)
def test_the_residual_is_orthogonal_to_every_column(A, seed):
    b = np.random.default_rng(seed).normal(size=len(A))
    assert np.abs(A.T @ (b - A @ least_squares(A, b))).max() < 1e-11 * np.linalg.cond(A)


@given(tall(), SEED)
def test_no_other_x_is_better(A, seed):
    rng = np.random.default_rng(seed)
    b, x = rng.normal(size=len(A)), None
    x = least_squares(A, b)
    other = x + rng.normal(size=x.shape)
    assert np.linalg.norm(b - A @ x) <= np.linalg.norm(b - A @ other) * (1 + 1e-12)


def test_a_square_system_is_solved_and_the_digits_lost_are_those_of_the_matrix_not_of_its_square():
    A = scipy.linalg.hilbert(8)
    x = least_squares(A, A @ np.ones(8))
    assert np.abs(x - 1).max() < 1e-4  # κ = 1.5e10; with AᵀA no digit would be left


@pytest.mark.parametrize("targets", [(), (1,), (3,), (2, 3)])
def test_several_targets_are_several_fits(targets, rng):
    A, B = rng.normal(size=(7, 4)), rng.normal(size=(7, *targets))
    X = least_squares(A, B)
    assert X.shape == (4, *targets)
    for at in np.ndindex(*targets):
        np.testing.assert_allclose(X[:, *at], np.linalg.lstsq(A, B[:, *at])[0], atol=1e-12)


def test_least_squares_keeps_float32_and_its_input(rng):
    A, b = rng.normal(size=(6, 2)).astype(np.float32), rng.normal(size=6).astype(np.float32)
    kept = A.copy(), b.copy()
    assert least_squares(A, b).dtype == np.float32
    np.testing.assert_array_equal(A, kept[0])
    np.testing.assert_array_equal(b, kept[1])


# ---- Orthogonal initialisation ---------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 9), SEED)
def test_the_shorter_side_of_an_orthogonal_start_is_orthonormal(rows, columns, seed):
    W = orthogonal_init(rows, columns, np.random.default_rng(seed))
    assert W.shape == (rows, columns)
    gram = W @ W.T if rows <= columns else W.T @ W
    np.testing.assert_allclose(gram, np.eye(min(rows, columns)), atol=1e-13)


@given(st.integers(1, 12), SEED)
def test_a_square_orthogonal_start_keeps_every_length(n, seed):
    rng = np.random.default_rng(seed)
    W, X = orthogonal_init(n, n, rng), rng.normal(size=(5, n))
    np.testing.assert_allclose(np.linalg.norm(X @ W.T, axis=1), np.linalg.norm(X, axis=1), rtol=1e-12)


def test_the_same_seed_gives_the_same_matrix_and_the_next_draw_another():
    rng = np.random.default_rng(5)
    W, another = orthogonal_init(3, 4, rng), orthogonal_init(3, 4, rng)
    np.testing.assert_array_equal(W, orthogonal_init(3, 4, np.random.default_rng(5)))
    assert np.abs(W - another).max() > 0.1


def test_orthogonal_start_is_uniform_rotations_and_reflections_alike():
    # without the signs of R the diagonal leans to one side, and with it the angle
    rng = np.random.default_rng(11)
    W = np.stack([orthogonal_init(2, 2, rng) for _ in range(2000)])
    rotations = np.linalg.det(W) > 0
    angles = np.arctan2(W[:, 1, 0], W[:, 0, 0])
    assert scipy.stats.binomtest(int(rotations.sum()), len(W)).pvalue > 1e-3
    for part in (angles, angles[rotations], angles[~rotations]):
        assert scipy.stats.kstest(part, scipy.stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


def test_the_trace_of_an_orthogonal_start_is_distributed_as_scipys():
    rng = np.random.default_rng(12)
    ours = [np.trace(orthogonal_init(3, 3, rng)) for _ in range(1000)]
    theirs = [np.trace(W) for W in scipy.stats.ortho_group.rvs(3, size=1000, random_state=13)]
    assert scipy.stats.ks_2samp(ours, theirs).pvalue > 1e-3
