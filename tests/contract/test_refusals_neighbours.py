"""Bad input to the search of notebook 1.2 gets a clear error, in the reader's words.

These tests run without jaxtyping's hook: it would answer first, and readers do not have it.
"""

import math

import numpy as np
import pytest

from vec2attn.vectors import analogy, nearest

TABLE = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
ZERO = np.array([[1.0, 0.0], [0.0, 0.0]])
HUGE = np.full((2, 3), 1e200)
REFUSALS = {
    "query of another size": (lambda: nearest([1.0, 2.0, 3.0], TABLE, 1), ValueError, r"n\); got \(3,\) and \(3, 2\)"),
    "table of one row as a vector": (lambda: nearest([1.0, 2.0], [1.0, 2.0], 1), ValueError, r"need a table \(rows, n"),
    "k zero": (lambda: nearest([1.0, 0.0], TABLE, 0), ValueError, r"1 … 3 \(the rows that count\); got 0"),
    "k beyond the table": (lambda: nearest([1.0, 0.0], TABLE, 4), ValueError, r"1 … 3 .*got 4"),
    "k beyond what is left": (lambda: nearest([1.0, 0.0], TABLE, 2, exclude=(0, 2, 2)), ValueError, r"1 … 1 .*got 2"),
    "nothing left": (lambda: nearest([1.0, 0.0], TABLE, 1, exclude=(0, 1, 2)), ValueError, "1 … 0"),
    "k not whole": (lambda: nearest([1.0, 0.0], TABLE, 1.5), TypeError, "float"),
    "no such metric": (lambda: nearest([1.0, 0.0], TABLE, 1, "l1"), ValueError, '"cosine".*"euclidean"; got \'l1\''),
    "exclude outside": (lambda: nearest([1.0, 0.0], TABLE, 1, exclude=(1, 3)), ValueError, "0 … 2; got 1 … 3"),
    "exclude negative": (lambda: nearest([1.0, 0.0], TABLE, 1, exclude=(-1,)), ValueError, "got -1 … -1"),
    "exclude a word": (lambda: nearest([1.0, 0.0], TABLE, 1, exclude=("lion",)), TypeError, "str"),
    "zero query": (lambda: nearest([0.0, 0.0], TABLE, 1), ValueError, "queries is the zero vector.*no direction"),
    "zero row": (lambda: nearest([1.0, 0.0], ZERO, 1), ValueError, r"zero vector \(row 1\): it has no direction"),
    "NaN in the table": (lambda: nearest([1.0], [[math.nan]], 1), ValueError, "table holds a NaN"),
    "infinite query": (lambda: nearest([math.inf], [[1.0]], 1), ValueError, "queries holds an infinity"),
    "words for vectors": (lambda: nearest(["lion"], TABLE, 1), TypeError, "queries must be"),
    "empty table": (lambda: nearest([1.0], np.zeros((0, 1)), 1), ValueError, "table is empty"),
    "products overflow": (lambda: nearest(HUGE[0], HUGE, 1, "dot"), ValueError, "too large for float64 products"),
    "squares overflow": (lambda: nearest(HUGE[0], HUGE, 1, "euclidean"), ValueError, "divide queries and table"),
    "lengths overflow": (lambda: nearest([1.0] * 3, np.full((2, 3), 1.7e308), 1), ValueError, "too large"),
    "analogy outside": (lambda: analogy(0, 1, 3, TABLE), ValueError, "c must be a row of the table, 0 … 2; got 3"),
    "analogy negative": (lambda: analogy(-1, 1, 2, TABLE), ValueError, "a must be a row of the table, 0 … 2; got -1"),
    "analogy with nothing left": (lambda: analogy(0, 1, 2, TABLE), ValueError, "1 … 0"),
    "analogy of a zero row": (lambda: analogy(0, 1, 0, ZERO, exclude_inputs=False), ValueError, "zero vector"),
    "analogy in a vector": (lambda: analogy(0, 1, 1, [1.0, 2.0]), ValueError, r"shape \(rows, n\); got \(2,\)"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("metric", ["dot", "euclidean"])
def test_a_zero_vector_is_no_trouble_where_no_direction_is_needed(metric):
    assert nearest([0.0, 0.1], ZERO, 2, metric)[0].shape == (2,)
