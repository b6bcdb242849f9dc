"""softmax.py against worked cases, scipy, torch, slow loops and identities."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vec2attn.softmax import (
    cross_entropy,
    entropy,
    kl_divergence,
    log_softmax,
    logsumexp,
    perplexity,
    sample,
    softmax,
    temperature,
    top_k,
    top_p,
)

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=7)
LOGITS = hnp.arrays(np.float64, SHAPES, elements=st.floats(-1e4, 1e4))
ROWS = hnp.arrays(np.float64, st.tuples(st.integers(2, 9)), elements=st.floats(-30, 30))


@pytest.mark.parametrize(
    ("z", "p"),
    [
        ([1, 2, 3], [0.0900, 0.2447, 0.6652]),
        ([-9, -8, -7], [0.0900, 0.2447, 0.6652]),
        ([1, 2, 5], [0.0171, 0.0466, 0.9362]),
    ],
)
def test_the_probabilities_that_the_book_prints(z, p):
    np.testing.assert_allclose(softmax(z), p, atol=5e-5)


@given(LOGITS, st.data())
def test_softmax_family_equals_scipy_and_torch_on_every_axis(Z, data):
    axis = data.draw(st.integers(-Z.ndim, Z.ndim - 1))
    np.testing.assert_allclose(softmax(Z, axis), scipy.special.softmax(Z, axis), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(log_softmax(Z, axis), scipy.special.log_softmax(Z, axis), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(logsumexp(Z, axis), scipy.special.logsumexp(Z, axis), rtol=1e-12, atol=1e-12)
    t = torch.from_numpy(Z)
    np.testing.assert_allclose(softmax(Z, axis), torch.softmax(t, axis), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(log_softmax(Z, axis), torch.log_softmax(t, axis), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(logsumexp(Z, axis), torch.logsumexp(t, axis), rtol=1e-12, atol=1e-12)


@given(ROWS, st.floats(-1e4, 1e4))
def test_adding_a_constant_to_every_logit_changes_nothing(z, c):
    np.testing.assert_allclose(softmax(z + c), softmax(z), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_softmax_family_is_finite_at_logits_of_ten_thousand(size):
    z = np.array([size, size - 1, size - 2000])
    np.testing.assert_allclose(softmax(z), [1 / (1 + math.exp(-1)), 1 / (1 + math.e), 0], rtol=1e-12)
    assert logsumexp(z) == pytest.approx(size + math.log1p(math.exp(-1)), abs=1e-11)
    assert log_softmax(z)[2] == pytest.approx(-2000 - math.log1p(math.exp(-1)), rel=1e-15)


def test_log_softmax_keeps_the_digits_that_a_large_constant_would_hide():
    np.testing.assert_allclose(log_softmax(np.array([1e15, 1e15])), [-math.log(2)] * 2, rtol=1e-15)


def test_a_logit_of_minus_infinity_gets_probability_zero_and_leaves_the_others_alone():
    np.testing.assert_array_equal(softmax([1.0, -math.inf, 2.0])[[0, 2]], softmax([1.0, 2.0]))
    assert softmax([1.0, -math.inf, 2.0])[1] == 0
    assert logsumexp([-math.inf, -math.inf]) == -math.inf


def test_float32_comes_back_as_float32():
    z = np.array([[1, 2, 3]], dtype=np.float32)
    for result in (softmax(z), log_softmax(z), temperature(z, 0.7), top_k(z, 2), top_p(z, 0.5), logsumexp(z)):
        assert result.dtype == np.float32


@given(ROWS, st.floats(0.05, 20))
def test_temperature_divides(z, T):
    np.testing.assert_allclose(softmax(temperature(z, T)), scipy.special.softmax(z / T), rtol=1e-12, atol=1e-300)


def test_temperature_goes_from_the_arg_max_to_the_uniform_distribution():
    z = [1.0, 2.0, 3.0]
    np.testing.assert_allclose(softmax(temperature(z, 1e-3)), [0, 0, 1], atol=1e-300)
    np.testing.assert_allclose(softmax(temperature(z, 1e6)), [1 / 3] * 3, atol=1e-6)


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 3), st.integers(1, 9)), elements=st.integers(-3, 3)), st.data())
def test_top_k_keeps_what_a_stable_sort_puts_first(Z, data):
    k = data.draw(st.integers(1, Z.shape[1]))  # small whole numbers: many ties
    for row, kept in zip(Z, top_k(Z, k), strict=True):
        first = sorted(range(len(row)), key=lambda i: (-row[i], i))[:k]
        np.testing.assert_array_equal(np.flatnonzero(kept > -math.inf), sorted(first))
        np.testing.assert_array_equal(kept[first], row[first])


def nucleus_by_hand(z, p):
    """Take tokens from the most probable on until p is reached: the definition, as a loop."""
    probabilities, total, kept = scipy.special.softmax(z), 0.0, []
    for i in sorted(range(len(z)), key=lambda i: (-z[i], i)):
        kept.append(i)
        total += probabilities[i]
        if total >= p:
            break
    return sorted(kept)


@given(ROWS, st.floats(0.01, 0.99))
def test_top_p_keeps_the_smallest_set_that_reaches_p(z, p):
    kept = np.flatnonzero(top_p(z, p) > -math.inf)
    by_hand = nucleus_by_hand(z, p)
    if abs(np.sort(scipy.special.softmax(z))[::-1].cumsum() - p).min() > 1e-12:  # else rounding decides
        np.testing.assert_array_equal(kept, by_hand)


def test_top_p_of_one_keeps_even_what_rounding_would_lose():
    z = np.r_[np.zeros(3), np.full(5, -60.0)]
    assert np.isfinite(top_p(z, 1)).all()
    assert np.isfinite(top_p(z, 1 - 1e-9)).sum() == 3


def test_top_p_works_row_by_row(rng):
    Z = rng.normal(size=(2, 3, 7)) * 3
    np.testing.assert_array_equal(top_p(Z, 0.8)[1, 2], top_p(Z[1, 2], 0.8))


@given(ROWS)
def test_entropy_and_kl_equal_scipy(z):
    p, q = softmax(z), softmax(z[::-1].copy())
    assert entropy(p) == pytest.approx(scipy.stats.entropy(p), abs=1e-12)
    assert entropy(p, base=2) == pytest.approx(scipy.stats.entropy(p, base=2), abs=1e-12)
    assert kl_divergence(p, q) == pytest.approx(scipy.stats.entropy(p, q), rel=1e-12, abs=1e-12)


def test_entropy_of_corner_and_centre():
    assert entropy([0.0, 1.0, 0.0]) == 0
    assert entropy([0.25] * 4, base=2) == pytest.approx(2, rel=1e-15)


def test_kl_is_infinite_where_q_excludes_what_p_allows_and_finite_the_other_way():
    assert kl_divergence([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert kl_divergence([1.0, 0.0], [0.5, 0.5]) == pytest.approx(math.log(2), rel=1e-15)


@given(ROWS, st.data())
def test_cross_entropy_is_entropy_plus_kl(z, data):
    y = softmax(data.draw(hnp.arrays(np.float64, z.shape, elements=st.floats(-5, 5))))
    assert cross_entropy(z, y) == pytest.approx(entropy(y) + kl_divergence(y, softmax(z)), rel=1e-9, abs=1e-9)


def test_cross_entropy_equals_torch_for_indices_and_for_distributions(rng):
    Z, t, Y = rng.normal(size=(4, 7)) * 5, rng.integers(0, 7, size=4), softmax(rng.normal(size=(4, 7)))
    for target in (t, Y):
        theirs = torch.nn.functional.cross_entropy(torch.from_numpy(Z), torch.from_numpy(target), reduction="none")
        np.testing.assert_allclose(cross_entropy(Z, target), theirs, rtol=1e-12)
    assert cross_entropy(Z[0], int(t[0])) == cross_entropy(Z, t)[0]


def test_cross_entropy_ignores_forbidden_tokens_that_the_target_does_not_want():
    assert cross_entropy([0.0, -math.inf], [1.0, 0.0]) == 0
    assert cross_entropy([0.0, -math.inf], 1) == math.inf


def test_perplexity_of_a_fair_die_is_its_number_of_faces_and_of_losses_the_geometric_mean():
    assert perplexity(entropy([1 / 6] * 6)) == pytest.approx(6, rel=1e-12)
    assert perplexity([math.log(2), math.log(8)]) == pytest.approx(4, rel=1e-12)


def test_samples_follow_the_probabilities(rng):
    p = softmax([0.0, 1.0, 2.0, -math.inf, 1.5])
    drawn = sample(p, rng, size=(50, 1000))
    counts = np.bincount(drawn.ravel(), minlength=5)
    assert drawn.shape == (50, 1000)
    assert counts[3] == 0
    allowed = p > 0
    # a true sampler fails this once in a thousand seeds; the seed is fixed
    assert scipy.stats.chisquare(counts[allowed], p[allowed] * drawn.size).pvalue > 1e-3


class LargestDraw(np.random.Generator):
    """The extreme draw that a generator can make: the largest float below 1."""

    def random(self, size=None):
        return np.full(size or (), np.nextafter(1, 0))[()]


def test_the_largest_possible_draw_still_lands_on_an_allowed_token():
    assert sample(np.r_[np.full(10, 0.1), 0, 0], LargestDraw(np.random.PCG64(1))) == 9


@given(ROWS, st.integers(0, 5))
def test_one_seed_gives_one_sequence(z, seed):
    p = softmax(z)
    first, second = (sample(p, np.random.default_rng(seed), size=20) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert isinstance(sample(p, np.random.default_rng(seed)), int)
