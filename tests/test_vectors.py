import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vec2attn.vectors import dot, norm, one_hot


def test_dot_of_the_worked_example_is_9():
    assert dot([2, 5, -1], [-1, 3, 4]) == 9


def test_norm_of_the_worked_example_is_root_30():
    assert norm([2, 5, -1]) == pytest.approx(30**0.5, rel=1e-15)


def test_dot_and_norm_treat_rows_as_separate_vectors(rng):
    U, V = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 4, 5))
    np.testing.assert_allclose(dot(U, V), np.einsum("abn,abn->ab", U, V), rtol=1e-13)
    np.testing.assert_allclose(norm(U), np.linalg.norm(U, axis=-1), rtol=1e-14)


@given(st.floats(1, 9), st.integers(-300, 300))
def test_norm_survives_squares_that_would_overflow_or_vanish(x, exponent):
    length = x * 10.0**exponent
    assert norm([3 * length / 5, 4 * length / 5]) == pytest.approx(length, rel=1e-14)


def test_norm_of_the_zero_vector_is_zero():
    assert norm([0, 0, 0]) == 0


def test_float32_stays_float32():
    v = np.array([3, 4], dtype=np.float32)
    assert norm(v).dtype == dot(v, v).dtype == np.float32


@given(st.integers(1, 40), st.data())
def test_one_hot_has_its_one_where_the_index_says(size, data):
    index = data.draw(st.integers(0, size - 1))
    e = one_hot(index, size)
    assert e.shape == (size,)
    assert e[index] == 1
    assert np.count_nonzero(e) == 1
