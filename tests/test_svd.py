"""The SVD: equal to LAPACK, orthogonal to rounding, honest about rank; Eckart–Young, pseudo-inverse, polar, random."""

import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.extmath import randomized_svd as sklearn_svd

from vec2attn.svd import (
    _tournament,
    effective_rank,
    marchenko_pastur,
    polar,
    pseudo_inverse,
    random_spectrum,
    randomized_svd,
    svd,
    truncate,
)


def random(seed, m, n, rank=None, grade=0.0):
    """Return a random matrix; of the given rank, or with columns that shrink by 10^-grade from first to last."""
    rng = np.random.default_rng(seed)
    if rank is not None:
        return rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n))
    return rng.standard_normal((m, n)) * 10.0 ** (-grade * np.arange(n) / n)


def assert_svd(A, tolerance=1e-10):
    U, s, Vt = svd(A)
    r = min(A.shape)
    assert (U.shape, s.shape, Vt.shape) == ((len(A), r), (r,), (r, A.shape[1]))
    assert (s >= 0).all()
    assert (np.diff(s) <= 0).all()
    size = max(float(s[0]), 1e-300)
    np.testing.assert_allclose(U.T @ U, np.eye(r), atol=tolerance)
    np.testing.assert_allclose(Vt @ Vt.T, np.eye(r), atol=tolerance)
    np.testing.assert_allclose((U * s) @ Vt, A, atol=1e-12 * size * math.sqrt(A.size))
    np.testing.assert_allclose(s, np.linalg.svd(A, compute_uv=False), atol=1e-13 * size * math.sqrt(A.size))
    return U, s, Vt


def test_a_case_worked_by_hand():
    # AᵀA = [[25, 20], [20, 25]] has the eigenvalues 45 and 5
    U, s, Vt = svd([[3, 0], [4, 5]])
    np.testing.assert_allclose(s, [math.sqrt(45), math.sqrt(5)], rtol=1e-14)
    np.testing.assert_allclose(np.abs(Vt), 1 / math.sqrt(2), rtol=1e-14)
    np.testing.assert_allclose(np.abs(U[:, 0]), np.array([1, 3]) / math.sqrt(10), rtol=1e-14)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 17), st.integers(1, 13), st.data())
def test_equal_to_lapack_and_orthogonal_for_any_shape_and_rank(seed, m, n, data):
    rank = data.draw(st.none() | st.integers(1, min(m, n)))
    assert_svd(random(seed, m, n, rank))


SPECIAL = {
    "zeros": np.zeros((4, 3)),
    "wide zeros": np.zeros((2, 5)),
    "one row": np.array([[1.0, 2.0, 3.0]]),
    "one column": np.array([[1.0], [2.0]]),
    "one number": np.array([[-5.0]]),
    "equal columns": np.ones((6, 4)),
    "equal singular values": np.linalg.qr(random(1, 7, 7))[0],
    "huge": 1e300 * random(2, 5, 4),
    "tiny": 1e-300 * random(3, 4, 5),
    "Hilbert": scipy.linalg.hilbert(12),
    # two rows of U that lie in one line: unit vectors alone would not fill it up
    "half full": np.kron([[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_matrices(name):
    assert_svd(SPECIAL[name])


@pytest.mark.parametrize("grade", [20, 60, 140])
def test_small_singular_values_of_badly_scaled_columns_keep_their_digits(grade):
    B, scale = random(5, 30, 11), np.random.default_rng(6).permutation(10.0 ** (-grade * np.arange(11) / 11))
    _, s, _ = assert_svd(B * scale)
    exact = np.array([float(x) for x in _exact_singular_values(B, scale)])
    np.testing.assert_allclose(s, exact, rtol=1e-12)
    if grade > 20:
        lapack = np.linalg.svd(B * scale, compute_uv=False)
        assert abs(lapack[-1] / exact[-1] - 1) > 1e-3, "LAPACK's own loses them: the test means something"


def _exact_singular_values(B, scale):
    import mpmath

    with mpmath.workdps(400):
        G = mpmath.matrix((B * scale).tolist())
        E = mpmath.eigsy(G.T * G, eigvals_only=True)
        return sorted((mpmath.sqrt(abs(x)) for x in E), reverse=True)


def test_float32_stays_float32():
    A = random(7, 30, 20).astype(np.float32)
    U, s, Vt = svd(A)
    assert {U.dtype, s.dtype, Vt.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose((U * s) @ Vt, A, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10])
def test_in_a_tournament_each_pair_meets_once(n):
    met = [(int(a), int(b)) for i, j in _tournament(n) for a, b in zip(i, j, strict=True)]
    assert sorted(met) == [(a, b) for a in range(n) for b in range(a + 1, n)]


def test_the_input_is_left_alone():
    A = random(8, 5, 4)
    before = A.copy()
    svd(A)
    randomized_svd(A, 2, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(A, before)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 15), st.integers(2, 12), st.data())
def test_eckart_young_the_error_is_the_tail_and_no_other_matrix_of_that_rank_is_nearer(seed, m, n, data):
    A = random(seed, m, n)
    U, s, Vt = svd(A)
    k = data.draw(st.integers(1, min(m, n)))
    L, R = truncate(U, s, Vt, k)
    assert (L.shape, R.shape) == ((m, k), (k, n))
    assert np.linalg.matrix_rank(L @ R) == k
    tail = [*s[k:], 0.0]
    two, frobenius = np.linalg.norm(A - L @ R, 2), np.linalg.norm(A - L @ R)
    assert two == pytest.approx(tail[0], abs=1e-10)
    assert frobenius == pytest.approx(math.hypot(*tail), abs=1e-10)
    rng = np.random.default_rng(seed)
    L, R = L + 0.1 * rng.standard_normal(L.shape), R + 0.1 * rng.standard_normal(R.shape)
    assert np.linalg.norm(A - L @ R, 2) >= two - 1e-10
    assert np.linalg.norm(A - L @ R) >= frobenius - 1e-10


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12), st.data())
def test_pseudo_inverse_has_the_four_properties_of_penrose_and_equals_numpys(seed, m, n, data):
    A = random(seed, m, n, data.draw(st.integers(1, min(m, n))))
    P = pseudo_inverse(A)
    size = np.linalg.norm(A) * np.linalg.norm(P)
    for left, right in ((A @ P @ A, A), (P @ A @ P, P), ((A @ P).T, A @ P), ((P @ A).T, P @ A)):
        np.testing.assert_allclose(left, right, atol=1e-11 * size * max(1, np.linalg.norm(right)))
    np.testing.assert_allclose(P, np.linalg.pinv(A, rcond=1e-14), atol=1e-10 * size * np.linalg.norm(P))


def test_pseudo_inverse_of_zero_is_zero():
    np.testing.assert_array_equal(pseudo_inverse(np.zeros((3, 2))), np.zeros((2, 3)))


def test_pseudo_inverse_can_be_told_what_counts_as_zero():
    A = np.diag([1.0, 1e-3])
    np.testing.assert_allclose(pseudo_inverse(A), np.diag([1.0, 1e3]))
    np.testing.assert_allclose(pseudo_inverse(A, relative=1e-2), np.diag([1.0, 0.0]))


def test_polar_equals_scipys():
    A = random(11, 7, 4)
    Q, H = polar(A)
    for mine, peer in zip((Q, H), scipy.linalg.polar(A), strict=True):
        np.testing.assert_allclose(mine, peer, atol=1e-13)


def test_randomized_svd_is_nearly_exact_where_the_spectrum_falls_fast():
    A = random(12, 80, 50, rank=9)
    U, s, Vt = randomized_svd(A, 9, rng=np.random.default_rng(1), passes=0)
    np.testing.assert_allclose((U * s) @ Vt, A, atol=1e-12 * np.linalg.norm(A))
    np.testing.assert_allclose(U.T @ U, np.eye(9), atol=1e-12)
    np.testing.assert_allclose(s, np.linalg.svd(A, compute_uv=False)[:9], rtol=1e-12)


@pytest.mark.parametrize("shape", [(200, 120), (120, 200)])
def test_randomized_svd_is_as_good_as_scikit_learns_and_passes_help(shape):
    A, k = random(13, *shape), 10  # a flat spectrum: the hard case
    best = np.linalg.norm(np.linalg.svd(A, compute_uv=False)[k:])

    def excess(method):
        """Return how much larger than the best the error is, on average over seeds."""
        errors = [np.linalg.norm(A - (U * s) @ Vt) for U, s, Vt in map(method, range(8))]
        return np.mean(errors) / best - 1

    ours = [
        excess(lambda seed, q=q: randomized_svd(A, k, rng=np.random.default_rng(seed), passes=q)) for q in (0, 2, 6)
    ]
    assert ours[0] > 2 * ours[1] > 4 * ours[2] > 0
    assert ours[2] < 1.2 * excess(lambda seed: sklearn_svd(A, k, n_iter=6, random_state=seed))


def test_randomized_svd_keeps_float32_and_repeats_with_its_seed():
    A = random(14, 40, 30).astype(np.float32)
    one, other = (randomized_svd(A, 3, rng=np.random.default_rng(4)) for _ in range(2))
    for mine, again in zip(one, other, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_array_equal(mine, again)


def test_randomized_svd_with_all_columns_is_the_svd():
    A = random(15, 6, 4)
    np.testing.assert_allclose(
        randomized_svd(A, 4, rng=np.random.default_rng(0))[1], np.linalg.svd(A, compute_uv=False), rtol=1e-12
    )


def test_effective_rank_counts_equal_values_and_ignores_the_scale():
    assert effective_rank([2, 2, 2, 0]) == pytest.approx(3)
    assert effective_rank([7]) == pytest.approx(1)
    s = [5.0, 2.0, 1.0]
    assert effective_rank(s) == pytest.approx(math.exp(-sum(x / 8 * math.log(x / 8) for x in s)))
    assert effective_rank([1000 * x for x in s]) == pytest.approx(effective_rank(s))


# ---- Random matrices -------------------------------------------------------------------------------------------------


def midpoints(a, b, steps=200_000):
    """Return the middles of equal steps from a to b, and the width of a step."""
    h = (b - a) / steps
    return a + h * (np.arange(steps) + 0.5), h


@pytest.mark.parametrize("ratio", [0.01, 0.25, 0.7, 1])
def test_the_density_of_singular_values_sums_to_one_and_its_squares_to_one(ratio):
    x, h = midpoints(0, 2.1)
    f = marchenko_pastur(x, ratio)
    assert (f >= 0).all()
    assert f.sum() * h == pytest.approx(1, abs=1e-5)
    assert (x**2 * f).sum() * h == pytest.approx(1, abs=1e-5)  # E σ² = max(m, n)
    assert (x**4 * f).sum() * h == pytest.approx(1 + ratio, abs=1e-5)  # E tr (AAᵀ)² / (r max²)
    outside = (x < 1 - math.sqrt(ratio)) | (x > 1 + math.sqrt(ratio))
    assert not f[outside].any()


def test_for_square_matrices_the_density_is_a_quarter_of_an_ellipse():
    np.testing.assert_allclose(
        marchenko_pastur([0, 1, math.sqrt(3), 2, 3], 1), np.array([2, math.sqrt(3), 1, 0, 0]) / math.pi, atol=1e-15
    )
    # a hair from square, away from 0, the general formula gives the same
    x = np.linspace(0.1, 1.9, 7)
    np.testing.assert_allclose(marchenko_pastur(x, 1 - 1e-9), marchenko_pastur(x, 1), rtol=1e-6)


def test_the_density_by_hand_for_a_matrix_four_times_as_long_as_wide():
    # β = 1/4: a² = 1/4, b² = 9/4; at x = 1 it is √(5/4 · 3/4) / (π/4) = √15/π
    assert marchenko_pastur([1.0], 0.25)[0] == pytest.approx(math.sqrt(15) / math.pi)
    assert marchenko_pastur(np.ones(2, np.float32), 0.25).dtype == np.float32


@pytest.mark.parametrize(("m", "n"), [(400, 400), (150, 600), (500, 31)])
def test_the_law_predicts_the_singular_values_of_a_sample(m, n):
    entries = np.random.default_rng(m + n)
    for A in (entries.standard_normal((m, n)), entries.choice([-1.0, 1.0], (m, n))):  # whatever their distribution
        s = np.linalg.svd(A, compute_uv=False)
        np.testing.assert_allclose(random_spectrum(m, n), s, atol=0.12 * math.sqrt(max(m, n)))
        assert np.abs(random_spectrum(m, n) - s).mean() < 0.02 * math.sqrt(max(m, n))


@pytest.mark.parametrize(("m", "n"), [(300, 300), (80, 300), (300, 7), (1, 5), (1, 1)])
def test_predicted_values_fall_and_lie_where_the_density_says(m, n):
    s = random_spectrum(m, n)
    r, beta = min(m, n), min(m, n) / max(m, n)
    assert s.shape == (r,)
    assert (np.diff(s) < 0).all()
    x, h = midpoints(0, 2.1)
    share = 1 - np.cumsum(marchenko_pastur(x, beta)) * h
    at = np.interp(s / math.sqrt(max(m, n)), x + h / 2, share)
    np.testing.assert_allclose(at, (np.arange(r) + 0.5) / r, atol=1e-4)
    assert (s**2).sum() == pytest.approx(m * n, rel=0.4 / r)


def test_the_law_knows_the_sizes_by_their_ratio_alone():
    small, large = random_spectrum(64, 256), random_spectrum(256, 64)
    np.testing.assert_array_equal(small, large)
    half = random_spectrum(128, 512)
    np.testing.assert_allclose(half.reshape(64, 2).mean(axis=1) / math.sqrt(512), small / math.sqrt(256), atol=5e-3)
