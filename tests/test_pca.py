"""Principal components (notebook 3.2): by hand, against scikit-learn and numpy, and by what defines them."""

import numpy as np
import pytest
import sklearn.decomposition
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vec2attn.datasets import digits
from vec2attn.pca import covariance, pca

FIVE = np.array([[1, 2], [3, 5], [7, 1], [7, 5], [7, 7]])
ROOT5 = np.sqrt(5)


@st.composite
def clouds(draw):
    """Draw samples with distinct, well separated variances: then the components are unique up to sign."""
    n, d = draw(st.integers(2, 9)), draw(st.integers(1, 5))
    X = draw(arrays(float, (n, d), elements=st.floats(-8, 8, width=32)))
    s = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    assume(s[0] > 0.5 and (np.diff(-np.append(s, 0))[: min(n - 1, d)] > 0.05).all())
    return X


@pytest.fixture(scope="module")
def images():
    return digits()[0].reshape(1797, 64).astype(float)


# ---- By hand ---------------------------------------------------------------------------------------------------------


def test_five_points_by_hand():
    np.testing.assert_allclose(covariance(FIVE), [[8, 2], [2, 6]], rtol=1e-15)
    found = pca(FIVE)
    np.testing.assert_allclose(found.mean, [5, 4])
    np.testing.assert_allclose(found.variances, [7 + ROOT5, 7 - ROOT5], rtol=1e-14)
    np.testing.assert_allclose(found.ratios, (7 + np.array([ROOT5, -ROOT5])) / 14, rtol=1e-14)
    golden = (ROOT5 - 1) / 2  # (1, golden) is the eigenvector: 8 + 2·golden = 7 + √5
    np.testing.assert_allclose(found.components[0], np.array([1, golden]) / np.hypot(1, golden), rtol=1e-14)


def test_points_on_a_line_have_one_component_and_it_is_the_line():
    X = np.outer([-3, 1, 2, 10], [0.6, 0, -0.8]) + np.array([5, 6, 7])
    found = pca(X)
    np.testing.assert_allclose(found.components[0], [-0.6, 0, 0.8], atol=1e-14)  # 0.8, the largest entry, is positive
    np.testing.assert_allclose(found.variances[0], np.var([-3, 1, 2, 10], ddof=1))
    assert (found.variances[1:] <= found.noise).all()
    np.testing.assert_allclose(found.project(X)[:, 0], -np.array([-5.5, -1.5, -0.5, 7.5]), atol=1e-14)


def test_one_feature_is_its_own_component():
    found = pca([[1], [4], [7]])
    np.testing.assert_array_equal(found.components, [[1]])
    np.testing.assert_allclose(found.variances, [9])
    np.testing.assert_allclose(found.whiten([[1], [4], [7]]), [[-1], [0], [1]], atol=1e-15)


# ---- Against peers ---------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(clouds())
def test_pca_equals_scikit_learns_with_its_signs(X):
    rank = min(len(X) - 1, X.shape[1])  # of what comes after, direction and sign are rounding
    ours, theirs = pca(X), sklearn.decomposition.PCA(svd_solver="full").fit(X)
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_, atol=1e-11)
    np.testing.assert_allclose(ours.ratios, theirs.explained_variance_ratio_, atol=1e-12)
    np.testing.assert_allclose(np.abs(ours.components[:rank]), np.abs(theirs.components_[:rank]), atol=1e-10)
    sizes = np.sort(np.abs(ours.components[:rank]), axis=1)
    if X.shape[1] == 1 or (sizes[:, -1] - sizes[:, -2] > 1e-9).all():  # else rounding chooses the largest entry
        np.testing.assert_allclose(ours.components[:rank], theirs.components_[:rank], atol=1e-10)
        np.testing.assert_allclose(ours.project(X)[:, :rank], theirs.transform(X)[:, :rank], atol=1e-10)


@pytest.mark.parametrize("k", [1, 2, 17, 61])
def test_on_digits_everything_equals_scikit_learns(images, k):
    ours, theirs = pca(images, k), sklearn.decomposition.PCA(k, svd_solver="full").fit(images)
    Z = theirs.transform(images)
    np.testing.assert_allclose(ours.mean, theirs.mean_, atol=1e-12)
    np.testing.assert_allclose(ours.components, theirs.components_, atol=1e-9)
    np.testing.assert_allclose(ours.ratios, theirs.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(ours.project(images), Z, atol=1e-8)
    np.testing.assert_allclose(ours.reconstruct(Z), theirs.inverse_transform(Z), atol=1e-9)
    whitened = sklearn.decomposition.PCA(k, svd_solver="full", whiten=True).fit_transform(images)
    np.testing.assert_allclose(ours.whiten(images), whitened, atol=1e-6)


@given(clouds())
def test_covariance_equals_numpys(X):
    np.testing.assert_allclose(covariance(X), np.cov(X.T).reshape(X.shape[1], -1), atol=1e-12)


@settings(max_examples=60)
@given(clouds())
def test_components_are_the_eigenvectors_of_the_covariance(X):
    found, C = pca(X), covariance(X)
    np.testing.assert_allclose(C @ found.components.T, found.components.T * found.variances, atol=1e-10)
    np.testing.assert_allclose(found.variances, np.linalg.eigvalsh(C)[::-1][: len(found.variances)], atol=1e-11)


# ---- What defines them -----------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(clouds())
def test_all_components_give_the_samples_back(X):
    found = pca(X)
    np.testing.assert_allclose(found.reconstruct(found.project(X)), X, atol=1e-11)
    np.testing.assert_allclose(found.ratios.sum(), 1, rtol=1e-12)


@settings(max_examples=60)
@given(clouds(), st.data())
def test_the_error_of_k_components_is_the_variance_that_is_left_out(X, data):
    every = pca(X)
    k = data.draw(st.integers(1, len(every.variances)))
    found = pca(X, k)
    error = ((X - found.reconstruct(found.project(X))) ** 2).sum() / (len(X) - 1)
    np.testing.assert_allclose(error, every.variances[k:].sum(), atol=1e-9)
    np.testing.assert_array_equal(found.components, every.components[:k])
    np.testing.assert_array_equal(found.ratios, every.ratios[:k])


@settings(max_examples=60)
@given(clouds(), st.data())
def test_no_direction_has_more_variance_than_the_first_component(X, data):
    u = data.draw(arrays(float, X.shape[1], elements=st.floats(-1, 1)))
    assume(np.linalg.norm(u) > 0.1)
    u = u / np.linalg.norm(u)
    assert np.var(X @ u, ddof=1) <= pca(X, 1).variances[0] * (1 + 1e-12)


@settings(max_examples=60)
@given(clouds())
def test_whitened_samples_have_the_identity_as_covariance(X):
    rank = min(len(X) - 1, X.shape[1])
    W = pca(X, rank).whiten(X)
    np.testing.assert_allclose(covariance(W), np.eye(rank), atol=1e-7)


@settings(max_examples=60)
@given(clouds(), st.floats(-100, 100))
def test_moving_all_samples_moves_the_mean_and_nothing_else(X, shift):
    here, there = pca(X), pca(X + shift)
    np.testing.assert_allclose(there.mean, here.mean + shift, atol=1e-11)
    np.testing.assert_allclose(there.variances, here.variances, atol=1e-10)


def test_first_largest_entry_of_each_component_is_positive_whatever_the_sign_of_the_data(images):
    for X in (images, -images):
        V = pca(X, 61).components
        assert (V[np.arange(61), np.abs(V).argmax(axis=1)] > 0).all()


def test_a_single_sample_a_batch_and_a_list_can_be_projected():
    found = pca(FIVE, 1)
    batch = found.project(np.stack([FIVE, FIVE + 1]))
    assert batch.shape == (2, 5, 1)
    np.testing.assert_allclose(batch[0, 2], found.project([7, 1]))
    np.testing.assert_allclose(found.reconstruct([0]), found.mean)


def test_more_features_than_samples():
    X = np.random.default_rng(3).normal(size=(4, 30))
    found = pca(X)
    assert found.components.shape == (4, 30)
    assert list(found.variances > found.noise) == [True, True, True, False]
    np.testing.assert_allclose(found.reconstruct(found.project(X)), X, atol=1e-13)


def test_float32_stays_float32_and_other_kinds_become_float64(images):
    small = pca(images.astype(np.float32), 3)
    assert {a.dtype for a in (small.mean, small.components, small.variances, small.ratios)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(small.variances, pca(images, 3).variances, rtol=1e-5)
    assert pca(FIVE.astype(np.float16)).variances.dtype == np.float64


def test_the_svd_keeps_a_small_variance_that_the_covariance_has_rounded_away():
    X = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) @ np.diag([1, 1e-9]) @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    true = 4 / 3 * 1e-18
    assert abs(pca(X).variances[1] - true) < 1e-5 * true
    assert abs(np.linalg.eigvalsh(covariance(X))[0] - true) > 0.9 * true


@pytest.mark.parametrize("level", [0, 1e4, 1e8])
def test_what_is_rounding_only_is_known_as_such_far_from_the_origin(level):
    X = np.outer(np.random.default_rng(4).normal(size=50), [1, 3, 7, 0.3]) + level
    found = pca(X)
    assert list(found.variances > found.noise) == [True, False, False, False]
    np.testing.assert_allclose(np.var(pca(X, 1).whiten(X), ddof=1), 1)
