"""Maps of the plane and of space (notebook 2.1): by hand, against scipy and torch, and by what defines them."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from vec2attn.matrices import affine, linear, projection, reflection, rotation, scaling, shear
from vec2attn.vectors import norm, project

ANGLES = st.floats(-50, 50)
NUMBERS = st.floats(-20, 20)
POINTS = arrays(float, st.tuples(st.integers(1, 6), st.just(2)), elements=NUMBERS)
QUARTER = math.pi / 2


@st.composite
def bases(draw):
    """Draw k vectors of R^n as rows that are far from dependent, k ≤ n."""
    n = draw(st.integers(1, 6))
    k = draw(st.integers(1, n))
    B = draw(arrays(float, (k, n), elements=st.floats(-3, 3)))
    assume(np.linalg.svd(B, compute_uv=False)[-1] > 1e-2)
    return B


# ---- Rotation --------------------------------------------------------------------------------------------------------


def test_a_quarter_turn_takes_the_first_axis_to_the_second_with_points_as_rows():
    R = rotation(QUARTER)
    np.testing.assert_allclose(np.array([[1, 0], [0, 1], [4, 5]]) @ R.T, [[0, 1], [-1, 0], [-5, 4]], atol=1e-15)


def test_without_the_transpose_the_turn_is_clockwise():
    np.testing.assert_allclose(np.array([1, 0]) @ rotation(QUARTER), [0, -1], atol=1e-15)


def test_rotation_by_hand_at_the_angle_of_a_3_4_5_triangle():
    np.testing.assert_allclose(rotation(math.atan2(3, 4)), [[0.8, -0.6], [0.6, 0.8]], rtol=1e-15)


@given(ANGLES)
def test_rotation_equals_scipys_about_the_third_axis(theta):
    theirs = Rotation.from_euler("z", theta).as_matrix()
    np.testing.assert_allclose(rotation(theta), theirs[:2, :2], atol=1e-14)


@given(ANGLES, ANGLES)
def test_angles_of_rotations_add(alpha, beta):
    np.testing.assert_allclose(rotation(beta) @ rotation(alpha), rotation(alpha + beta), atol=1e-13)


@given(ANGLES, POINTS)
def test_rotation_keeps_lengths_and_its_transpose_turns_back(theta, points):
    turned = linear(points, rotation(theta))
    np.testing.assert_allclose(norm(turned), norm(points), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(linear(turned, rotation(theta).T), points, atol=1e-13)
    np.testing.assert_allclose(rotation(theta).T, rotation(-theta), atol=1e-15)


@given(ANGLES)
def test_a_rotation_has_determinant_one_and_multiplies_like_a_complex_number(theta):
    assert np.linalg.det(rotation(theta)) == pytest.approx(1, abs=1e-14)
    z = complex(math.cos(theta), math.sin(theta)) * (3 - 2j)
    np.testing.assert_allclose(linear([3, -2], rotation(theta)), [z.real, z.imag], atol=1e-14)


# ---- Reflection, shear, scaling --------------------------------------------------------------------------------------


def test_reflections_by_hand():
    np.testing.assert_allclose(linear([4, 5], reflection(0)), [4, -5])
    np.testing.assert_allclose(linear([4, 5], reflection(math.pi / 4)), [5, 4])  # the diagonal swaps
    np.testing.assert_allclose(linear([4, 5], reflection(QUARTER)), [-4, 5])


@given(ANGLES)
def test_a_reflection_twice_is_the_identity_and_once_has_determinant_minus_one(phi):
    S = reflection(phi)
    np.testing.assert_allclose(S @ S, np.eye(2), atol=1e-14)
    np.testing.assert_array_equal(S, S.T)
    assert np.linalg.det(S) == pytest.approx(-1, abs=1e-14)


@given(ANGLES)
def test_a_reflection_leaves_its_line_and_turns_over_what_is_across(phi):
    along, across = np.array([math.cos(phi), math.sin(phi)]), np.array([-math.sin(phi), math.cos(phi)])
    np.testing.assert_allclose(linear([along, across], reflection(phi)), [along, -across], atol=1e-13)


@given(ANGLES)
def test_a_reflection_is_twice_the_projection_minus_the_identity(phi):
    P = projection([math.cos(phi), math.sin(phi)])
    np.testing.assert_allclose(reflection(phi), 2 * P - np.eye(2), atol=1e-13)


@given(ANGLES, ANGLES)
def test_two_reflections_are_a_rotation_by_twice_the_angle_between(first, second):
    np.testing.assert_allclose(reflection(second) @ reflection(first), rotation(2 * (second - first)), atol=1e-13)


def test_shear_by_hand():
    np.testing.assert_array_equal(linear([[4, 5], [1, 0], [0, 1]], shear(2)), [[14, 5], [1, 0], [2, 1]])


@given(NUMBERS, NUMBERS)
def test_shears_add_and_keep_areas(s, t):
    np.testing.assert_allclose(shear(t) @ shear(s), shear(s + t), atol=1e-12)
    assert np.linalg.det(shear(s)) == pytest.approx(1, rel=1e-12)


def test_scaling_by_hand():
    np.testing.assert_array_equal(linear([4, 5, 6], scaling(2, -1, 0.5)), [8, -5, 3])
    np.testing.assert_array_equal(scaling(3), [[3]])


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_scaling_multiplies_volumes_by_the_product_of_its_factors(factors):
    S = scaling(*factors)
    assert S.shape == (len(factors),) * 2
    assert S.dtype == np.float64
    assert np.linalg.det(S) == pytest.approx(math.prod(factors), rel=1e-12, abs=1e-290)


# ---- Projection ------------------------------------------------------------------------------------------------------


def test_projection_on_a_line_by_hand():
    # the line through (3, 4): u uᵀ with u = (0.6, 0.8)
    np.testing.assert_allclose(projection([3, 4]), [[0.36, 0.48], [0.48, 0.64]], rtol=1e-14)


def test_projection_on_a_plane_by_hand():
    # the plane of (1, 1, 0) and (0, 0, 5): what is lost is the direction (1, −1, 0)
    P = projection([[1, 1, 0], [0, 0, 5]])
    np.testing.assert_allclose(P, [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]], atol=1e-15)


@given(bases())
def test_projection_is_idempotent_and_symmetric_and_its_trace_is_its_rank(B):
    P = projection(B)
    np.testing.assert_allclose(P @ P, P, atol=1e-12)
    np.testing.assert_allclose(P, P.T, atol=1e-14)
    assert np.trace(P) == pytest.approx(len(B), abs=1e-12)


@given(bases())
def test_projection_keeps_its_basis_and_equals_the_one_from_scipys_orthonormal_basis(B):
    P, Q = projection(B), scipy.linalg.orth(B.T)
    np.testing.assert_allclose(linear(B, P), B, atol=1e-11)
    np.testing.assert_allclose(P, Q @ Q.T, atol=1e-11)


@given(bases())
def test_what_a_projection_takes_away_is_orthogonal_to_what_it_keeps(B):
    P = projection(B)
    np.testing.assert_allclose(P @ scipy.linalg.null_space(B), 0, atol=1e-11)


@given(arrays(float, 4, elements=NUMBERS), arrays(float, 4, elements=NUMBERS))
def test_projection_on_one_vector_is_the_shadow_of_notebook_1_1(v, u):
    assume(norm(u) > 1e-3)
    np.testing.assert_allclose(linear(v, projection(u)), project(v, u), atol=1e-11)


def test_projection_does_not_depend_on_the_basis_of_the_span(rng):
    B = rng.normal(size=(3, 5))
    np.testing.assert_allclose(projection(rng.normal(size=(3, 3)) @ B), projection(B), atol=1e-12)


def test_projection_on_the_whole_space_is_the_identity(rng):
    np.testing.assert_allclose(projection(rng.normal(size=(4, 4))), np.eye(4), atol=1e-13)


@pytest.mark.parametrize("exponent", [-150, 150])
def test_projection_survives_squares_that_would_overflow_or_vanish(exponent):
    np.testing.assert_allclose(projection([3 * 10.0**exponent, 4 * 10.0**exponent]), projection([3, 4]), rtol=1e-14)


def test_projection_keeps_float32():
    assert projection(np.array([3, 4], dtype=np.float32)).dtype == np.float32


# ---- Linear and affine -----------------------------------------------------------------------------------------------


def test_linear_and_affine_by_hand():
    W, b = [[2, 1], [0, 3], [1, 1]], [10, 20, 30]
    np.testing.assert_array_equal(linear([[4, 5], [1, 0]], W), [[13, 15, 9], [2, 0, 1]])
    np.testing.assert_array_equal(affine([4, 5], W, b), [23, 35, 39])


def test_linear_equals_the_slow_loop(rng):
    X, W = rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 4))
    slow = [[[sum(w * x for w, x in zip(row, x, strict=True)) for row in W] for x in block] for block in X]
    np.testing.assert_allclose(linear(X, W), slow, rtol=1e-13)


@pytest.mark.parametrize("batch", [(), (7,), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_and_affine_equal_torchs_layer(rng, batch, dtype):
    X, W, b = (rng.normal(size=s).astype(dtype) for s in ((*batch, 4), (5, 4), (5,)))
    tensors = [torch.from_numpy(np.atleast_1d(a)) for a in (X, W, b)]
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-13, "atol": 1e-15}
    for ours, theirs in (
        (linear(X, W), torch.nn.functional.linear(*tensors[:2])),
        (affine(X, W, b), torch.nn.functional.linear(*tensors)),
    ):
        assert ours.dtype == dtype
        assert ours.shape == (*batch, 5)
        np.testing.assert_allclose(ours, theirs.numpy(), **tolerance)


@given(st.data(), NUMBERS)
def test_linear_keeps_sums_and_multiples_and_affine_misses_sums_by_its_bias(data, c):
    u, v = (data.draw(arrays(float, 3, elements=NUMBERS)) for _ in range(2))
    W = data.draw(arrays(float, (2, 3), elements=NUMBERS))
    b = data.draw(arrays(float, 2, elements=NUMBERS))
    close = {"rtol": 1e-10, "atol": 1e-9}
    np.testing.assert_allclose(linear(u + v, W), linear(u, W) + linear(v, W), **close)
    np.testing.assert_allclose(linear(c * u, W), c * linear(u, W), **close)
    np.testing.assert_allclose(affine(u, W, b) + affine(v, W, b) - affine(u + v, W, b), b, **close)


@given(st.data())
def test_one_map_after_the_other_is_the_product_with_the_first_on_the_right(data):
    A = data.draw(arrays(float, (3, 2), elements=NUMBERS))
    B = data.draw(arrays(float, (4, 3), elements=NUMBERS))
    x = data.draw(arrays(float, (5, 2), elements=NUMBERS))
    np.testing.assert_allclose(linear(linear(x, A), B), linear(x, B @ A), rtol=1e-10, atol=1e-8)


def test_whole_numbers_become_floats():
    assert linear([1, 2], [[3, 4]]).dtype == np.float64
    assert shear(2).dtype == rotation(0).dtype == reflection(1).dtype == np.float64
