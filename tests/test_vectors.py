import math

import mpmath
import numpy as np
import pytest
import scipy.spatial.distance
import sklearn.metrics.pairwise
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vec2attn.vectors import angle, cosine_similarity, distance, dot, norm, one_hot, project, unit

V1, V2 = [2, 5, -1], [-1, 3, 4]


@st.composite
def pairs(draw, least=1e-3):
    """Draw two vectors of the same length whose entries are zero or at least `least`, neither of them zero."""
    n = draw(st.integers(1, 12))
    entries = st.floats(-1e3, 1e3).filter(lambda x: x == 0 or abs(x) >= least)
    u, v = (draw(arrays(np.float64, n, elements=entries)) for _ in range(2))
    assume(u.any() and v.any())
    return u, v


# ---- Length, distance, dot product -----------------------------------------------------------------------------------


def test_dot_of_the_worked_example_is_9():
    assert dot(V1, V2) == 9


def test_norm_of_the_worked_example_is_root_30():
    assert norm(V1) == pytest.approx(30**0.5, rel=1e-15)


def test_distance_of_the_worked_example_is_root_38():
    assert distance(V1, V2) == pytest.approx(38**0.5, rel=1e-15)


def test_dot_and_norm_treat_rows_as_separate_vectors(rng):
    U, V = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 4, 5))
    np.testing.assert_allclose(dot(U, V), np.einsum("abn,abn->ab", U, V), rtol=1e-13)
    np.testing.assert_allclose(norm(U), np.linalg.norm(U, axis=-1), rtol=1e-14)


@pytest.mark.parametrize("function", [dot, distance, cosine_similarity, angle])
def test_a_comparison_of_rows_is_that_of_each_pair(rng, function):
    U, V = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 5))
    one_by_one = [[function(U[i, j], V[i, j]) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(function(U, V), one_by_one, rtol=1e-14)


@given(st.floats(1, 9), st.integers(-300, 300))
def test_norm_survives_squares_that_would_overflow_or_vanish(x, exponent):
    length = x * 10.0**exponent
    assert norm([3 * length / 5, 4 * length / 5]) == pytest.approx(length, rel=1e-14)


def test_norm_of_the_zero_vector_is_zero():
    assert norm([0, 0, 0]) == 0


def test_float32_stays_float32(rng):
    u, v = rng.normal(size=(2, 6)).astype(np.float32)
    for function in (dot, distance, cosine_similarity, angle, project):
        assert function(u, v).dtype == np.float32, function
    assert norm(v).dtype == unit(v).dtype == np.float32


@given(pairs())
def test_the_dot_product_follows_from_three_lengths(pair):
    u, v = pair
    from_lengths = (norm(u) ** 2 + norm(v) ** 2 - distance(u, v) ** 2) / 2
    assert dot(u, v) == pytest.approx(from_lengths, abs=1e-13 * (norm(u) + norm(v)) ** 2)


@given(pairs(), st.floats(-50, 50))
def test_the_dot_product_is_symmetric_and_linear(pair, factor):
    u, v = pair
    assert dot(u, v) == dot(v, u)
    slack = 1e-13 * (1 + abs(factor)) * norm(u) * (norm(u) + norm(v))
    assert dot(u, factor * v + u) == pytest.approx(factor * dot(u, v) + dot(u, u), abs=slack)


@given(pairs())
def test_inequalities_of_cauchy_and_schwarz_and_of_the_triangle(pair):
    u, v = pair
    assert abs(dot(u, v)) <= norm(u) * norm(v) * (1 + 1e-14)
    assert norm(u + v) <= (norm(u) + norm(v)) * (1 + 1e-14)
    assert distance(u, v) == distance(v, u)
    assert distance(u, u) == 0


# ---- Direction -------------------------------------------------------------------------------------------------------


def test_the_same_direction_has_cosine_1_whatever_the_length():
    assert cosine_similarity([1, 2], [8, 16]) == pytest.approx(1, abs=1e-15)
    assert (dot([1, 2], [1, 2]), dot([1, 2], [8, 16])) == (5, 40)


def test_cosine_of_the_worked_example():
    assert cosine_similarity(V1, V2) == pytest.approx(9 / math.sqrt(30 * 26), rel=1e-15)


def test_a_cosine_is_never_beyond_one(rng):
    U = rng.normal(size=(2000, 7)) * 10.0 ** rng.integers(-9, 9, size=(2000, 1))
    cosine = cosine_similarity(U, 3 * U)
    assert cosine.max() <= 1
    assert cosine.min() >= 1 - 1e-15


@given(pairs(), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_cosine_does_not_see_lengths_and_the_dot_product_does(pair, a, b):
    u, v = pair
    cosine = cosine_similarity(u, v)
    assert cosine_similarity(a * u, b * v) == pytest.approx(cosine, abs=1e-14)
    assert cosine_similarity(-u, v) == -cosine
    assert dot(a * u, v) == pytest.approx(a * dot(u, v), abs=1e-13 * a * norm(u) * norm(v))


@given(pairs())
def test_between_unit_vectors_distance_and_cosine_say_the_same(pair):
    u, v = (unit(x) for x in pair)
    assert norm(u) == pytest.approx(1, rel=1e-15)
    assert dot(u, v) == pytest.approx(cosine_similarity(u, v), abs=1e-15)
    assert distance(u, v) ** 2 == pytest.approx(2 - 2 * cosine_similarity(u, v), abs=1e-14)


@pytest.mark.parametrize("size", [1.7e308, 1e-310, 5e-324])
def test_a_direction_survives_at_the_ends_of_the_floating_point_numbers(size):
    v = np.array([size, -size])
    np.testing.assert_allclose(unit(v), [0.5**0.5, -(0.5**0.5)], rtol=1e-15)
    assert cosine_similarity(v, [1.0, -1.0]) == pytest.approx(1, abs=1e-15)
    assert angle(v, [3.0, 3.0]) == pytest.approx(math.pi / 2, rel=1e-15)


def test_unit_vectors_of_rows(rng):
    V = rng.normal(size=(3, 2, 6))
    np.testing.assert_allclose(unit(V), V / np.linalg.norm(V, axis=-1, keepdims=True), rtol=1e-14)


@pytest.mark.parametrize(
    ("u", "v", "degrees"),
    [
        ([1, 0], [0, 3], 90),
        ([1, 0], [2, 2], 45),
        ([1, 0], [-4, 0], 180),
        ([2, 5], [4, 10], 0),
        ([1, 0], [1, 3**0.5], 60),
        ([1, 1, 0], [0, 1, 1], 60),
    ],
)
def test_angles_known_from_school(u, v, degrees):
    assert math.degrees(angle(u, v)) == pytest.approx(degrees, abs=1e-13)


def exact_angle(u, v):
    """Return the angle between the very numbers that u and v hold, with 60 digits."""
    with mpmath.workdps(60):
        U, V = ([mpmath.mpf(x) for x in w.tolist()] for w in (u, v))
        uu, uv, vv = (mpmath.fdot(a, b) for a, b in ((U, U), (U, V), (V, V)))
        return mpmath.atan2(mpmath.sqrt(uu * vv - uv * uv), uv)


@pytest.mark.parametrize("theta", [1e-9, 1e-5, 0.1, 1.0, math.pi / 2, 3.0, math.pi - 1e-9])
def test_the_angle_has_15_digits_after_the_point_also_where_it_is_tiny_or_nearly_straight(rng, theta):
    for n in (2, 3, 50):
        u, other = unit(rng.normal(size=(2, n)))
        other = unit(other - project(other, u))
        v = (math.cos(theta) * u + math.sin(theta) * other) * rng.uniform(0.1, 9)
        u *= rng.uniform(0.1, 9)
        exact = exact_angle(u, v)
        assert abs(float(exact) - theta) < 1e-15  # what the rounding of u and v has moved
        assert abs(float(mpmath.mpf(float(angle(u, v))) - exact)) < 1e-15


def test_the_arc_cosine_of_the_cosine_would_miss_a_tiny_angle():
    u, v = np.array([1.0, 0.0]), np.array([1.0, 1e-9])
    assert math.acos(cosine_similarity(u, v)) == 0
    assert angle(u, v) == pytest.approx(1e-9, rel=1e-15)


@given(pairs())
def test_angle_and_cosine_agree_and_order_does_not_matter(pair):
    u, v = pair
    assert 0 <= angle(u, v) <= math.pi
    assert math.cos(angle(u, v)) == pytest.approx(cosine_similarity(u, v), abs=1e-14)
    assert angle(u, v) == angle(v, u)
    assert angle(u, -v) == pytest.approx(math.pi - angle(u, v), abs=1e-15)


# ---- Projection ------------------------------------------------------------------------------------------------------


def test_projection_of_the_worked_example():
    np.testing.assert_allclose(project([3, 4], [2, 1]), [4, 2], rtol=1e-15)
    np.testing.assert_allclose(project([3, 4], [-6, -3]), [4, 2], rtol=1e-15)  # the same line


@given(pairs())
def test_what_the_shadow_leaves_over_is_orthogonal_to_the_line(pair):
    v, onto = pair
    shadow = project(v, onto)
    assert abs(dot(v - shadow, onto)) <= 1e-14 * norm(v) * norm(onto)
    # Pythagoras: the shadow and the rest are the two short sides
    assert norm(v) ** 2 == pytest.approx(norm(shadow) ** 2 + norm(v - shadow) ** 2, rel=1e-13)
    assert norm(shadow) == pytest.approx(norm(v) * abs(cosine_similarity(v, onto)), abs=1e-14 * norm(v))


@given(pairs())
def test_a_shadow_is_its_own_shadow(pair):
    v, onto = pair
    shadow = project(v, onto)
    np.testing.assert_allclose(project(shadow, onto), shadow, rtol=0, atol=1e-14 * norm(v))


@given(pairs(), st.floats(-100, 100))
def test_no_point_of_the_line_is_nearer_than_the_shadow(pair, step):
    v, onto = pair
    shadow = project(v, onto)
    assert distance(v, shadow) <= distance(v, shadow + step * unit(onto)) + 1e-13 * norm(v)


@given(pairs(), st.floats(0.01, 100), st.sampled_from([-1, 1]))
def test_the_shadow_depends_on_the_line_alone(pair, factor, sign):
    v, onto = pair
    np.testing.assert_allclose(project(v, sign * factor * onto), project(v, onto), rtol=0, atol=1e-13 * norm(v))


def test_projection_of_rows(rng):
    V, onto = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    np.testing.assert_allclose(project(V, onto), [project(v, u) for v, u in zip(V, onto, strict=True)], rtol=1e-14)


# ---- Basis vectors ---------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.data())
def test_one_hot_has_its_one_where_the_index_says(size, data):
    index = data.draw(st.integers(0, size - 1))
    e = one_hot(index, size)
    assert e.shape == (size,)
    assert e[index] == 1
    assert np.count_nonzero(e) == 1


def test_one_hot_vectors_are_the_standard_basis_and_read_off_entries(rng):
    np.testing.assert_array_equal([one_hot(i, 5) for i in range(5)], np.eye(5))
    v = rng.normal(size=5)
    np.testing.assert_array_equal([dot(v, one_hot(i, 5)) for i in range(5)], v)


# ---- Other libraries -------------------------------------------------------------------------------------------------


def test_numbers_of_numpy_scipy_sklearn_and_torch(rng):
    U, V = rng.normal(size=(9, 31)), rng.normal(size=(9, 31))
    for u, v in zip(U, V, strict=True):
        assert dot(u, v) == pytest.approx(np.dot(u, v), rel=1e-13)
        assert distance(u, v) == pytest.approx(scipy.spatial.distance.euclidean(u, v), rel=1e-14)
        assert cosine_similarity(u, v) == pytest.approx(1 - scipy.spatial.distance.cosine(u, v), abs=1e-14)
    cosines = np.diag(sklearn.metrics.pairwise.cosine_similarity(U, V))
    np.testing.assert_allclose(cosine_similarity(U, V), cosines, atol=1e-14)
    np.testing.assert_allclose(unit(U), sklearn.preprocessing.normalize(U), rtol=1e-14)
    A, B = torch.from_numpy(U), torch.from_numpy(V)
    np.testing.assert_allclose(cosine_similarity(U, V), torch.cosine_similarity(A, B), atol=1e-14)
    np.testing.assert_allclose(norm(U), torch.linalg.vector_norm(A, dim=-1), rtol=1e-14)
    np.testing.assert_allclose(distance(U, V), torch.pairwise_distance(A, B, eps=0), rtol=1e-14)
