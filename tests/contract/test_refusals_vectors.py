"""Vectors: bad input gets a clear error, in the reader's words; without jaxtyping's hook, which would answer first."""

import math

import numpy as np
import pytest

from vec2attn.vectors import angle, cosine_similarity, distance, dot, norm, one_hot, project, unit

NAN, INF = math.nan, math.inf
PAIRS = {"dot": dot, "distance": distance, "cosine_similarity": cosine_similarity, "angle": angle, "project": project}
REFUSALS = {
    "norm of a single number": (lambda: norm(3), ValueError, "v must be an array or a list.*single number 3"),
    "norm of nothing": (lambda: norm([]), ValueError, r"v is empty \(shape \(0,\)\)"),
    "norm of words": (lambda: norm(["a"]), TypeError, "v must be .*real numbers; got <U1"),
    "unit of zero": (lambda: unit([0.0, 0.0]), ValueError, "v is the zero vector: it has no direction"),
    "unit of a zero row": (
        lambda: unit([[1.0, 0.0], [0.0, 0.0]]),
        ValueError,
        r"v is the zero vector \(at index \(1,\)\): it has no direction",
    ),
    "unit of a zero vector deep inside": (
        lambda: unit(np.eye(4).reshape(2, 2, 4) * [1, 1, 0, 1]),
        ValueError,
        r"at index \(1, 0\)",
    ),
    "unit of NaN": (lambda: unit([1.0, NAN]), ValueError, r"v holds a NaN \(first at index \(1,\)\)"),
    "cosine of zero, first": (lambda: cosine_similarity([0, 0], [1, 2]), ValueError, "u is the zero vector"),
    "cosine of zero, second": (lambda: cosine_similarity([1, 2], [0, 0]), ValueError, "v is the zero vector"),
    "angle of zero": (lambda: angle([1, 2], [0, 0]), ValueError, "v is the zero vector: it has no direction"),
    "shadow on no line": (lambda: project([1, 2], [0, 0]), ValueError, "onto is the zero vector: it has no direction"),
    "complex numbers": (lambda: dot([1j], [1.0]), TypeError, "u must be .*complex128"),
    "ragged rows": (lambda: distance([[1.0], [1.0, 2.0]], [1.0]), TypeError, "u .*rows have different lengths"),
    "one-hot at half an index": (lambda: one_hot(0.5, 3), TypeError, "float"),
    "one-hot of no entries": (lambda: one_hot(0, 0), ValueError, "0 entries"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("name", PAIRS)
def test_two_vectors_of_different_length_are_refused_and_never_broadcast(name):
    second = "onto" if name == "project" else "v"
    with pytest.raises(ValueError, match=rf"shape \(3,\) but {second} has shape \(2,\)"):
        PAIRS[name]([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=rf"shape \(4, 3\) but {second} has shape \(3,\)"):
        PAIRS[name](np.ones((4, 3)), np.ones(3))


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(("bad", "words"), [(NAN, "a NaN"), (INF, "an infinity"), (-INF, "an infinity")])
def test_an_entry_that_is_not_finite_is_refused(name, bad, words):
    with pytest.raises(ValueError, match=rf"holds {words} \(first at index \(0, 1\)\)"):
        PAIRS[name]([[1.0, bad]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match=f"holds {words}"):
        PAIRS[name]([1.0, 2.0], [bad, 1.0])


@pytest.mark.parametrize("function", [*PAIRS.values(), lambda u, v: norm(u), lambda u, v: unit(u)])
def test_inputs_are_not_changed(function):
    u, v = np.array([[3.0, -4.0]]), np.array([[1.0, 2.0]])
    function(u, v)
    np.testing.assert_array_equal(u, [[3, -4]])
    np.testing.assert_array_equal(v, [[1, 2]])
