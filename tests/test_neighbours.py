"""Nearest rows of a table, analogies, and the real word vectors that notebook 1.2 searches."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.neighbors import NearestNeighbors

from vec2attn.datasets import DATASETS, glove
from vec2attn.datasets.loaders import GLOVE
from vec2attn.vectors import analogy, cosine_similarity, distance, dot, nearest, unit

METRICS = ("cosine", "dot", "euclidean")
#                 north   east    north-east, long   a little south of west
COMPASS = np.array([[0, 1], [1, 0], [3, 3], [-2, -0.2]])


def slow_loop(queries, table, k, metric="cosine", exclude=()):
    """Return the row numbers, one query and one row after the other."""
    measure = {"cosine": lambda q, t: -cosine_similarity(q, t), "dot": lambda q, t: -dot(q, t), "euclidean": distance}
    found = []
    for q in queries:
        ranked = sorted((float(measure[metric](q, t)), i) for i, t in enumerate(table) if i not in exclude)
        found.append([i for _, i in ranked[:k]])
    return np.array(found)


# ---- nearest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "rows", "scores"),
    [
        ("cosine", [1, 2, 0, 3], [1, 0.5**0.5, 0, -2 / 4.04**0.5]),
        ("dot", [2, 1, 0, 3], [6, 2, 0, -4]),
        ("euclidean", [1, 0, 2, 3], [1, 5**0.5, 10**0.5, 16.04**0.5]),
    ],
)
def test_the_four_winds_by_hand(metric, rows, scores):
    found, score = nearest([2, 0], COMPASS, 4, metric)
    assert found.tolist() == rows
    np.testing.assert_allclose(score, scores, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("metric", METRICS)
def test_batches_agree_with_the_slow_loop(rng, metric, dtype):
    table, queries = rng.normal(size=(97, 6)).astype(dtype), rng.normal(size=(3, 4, 6)).astype(dtype)
    rows, scores = nearest(queries, table, 5, metric, exclude=(3, 90))
    assert rows.shape == scores.shape == (3, 4, 5)
    wide, asked = table.astype(float), queries.reshape(-1, 6).astype(float)
    np.testing.assert_array_equal(rows.reshape(-1, 5), slow_loop(asked, wide, 5, metric, (3, 90)))


@pytest.mark.parametrize("metric", METRICS)
def test_one_query_is_a_batch_of_one(rng, metric):
    table, q = rng.normal(size=(31, 5)), rng.normal(size=5)
    one, many = nearest(q, table, 7, metric), nearest(q[None], table, 7, metric)
    for alone, first in zip(one, many, strict=True):
        assert alone.shape == (7,)
        np.testing.assert_array_equal(alone, first[0])


@pytest.mark.parametrize(("metric", "theirs"), [("cosine", "cosine"), ("euclidean", "euclidean")])
def test_agrees_with_scikit_learn(rng, metric, theirs):
    table, queries = rng.normal(size=(2003, 17)), rng.normal(size=(29, 17))
    rows, scores = nearest(queries, table, 11, metric)
    far, their_rows = NearestNeighbors(algorithm="brute", metric=theirs).fit(table).kneighbors(queries, 11)
    np.testing.assert_array_equal(rows, their_rows)
    np.testing.assert_allclose(1 - scores if metric == "cosine" else scores, far, rtol=1e-12, atol=1e-12)


SMALL = st.integers(-2, 2)  # so few different numbers that ties are the rule


@given(st.data(), st.sampled_from(METRICS), st.integers(1, 12), st.integers(1, 4))
def test_ties_and_exclusions_as_in_the_slow_loop(data, metric, size, n):
    table = data.draw(arrays(float, (size, n), elements=SMALL))
    queries = data.draw(arrays(float, (2, n), elements=SMALL))
    if metric == "cosine":
        table[~table.any(axis=1), 0] = 1
        queries[~queries.any(axis=1), 0] = 1
    exclude = data.draw(st.lists(st.integers(0, size - 1), max_size=size - 1))
    k = data.draw(st.integers(1, size - len(set(exclude))))
    rows, scores = nearest(queries, table, k, metric, exclude)
    np.testing.assert_array_equal(rows, slow_loop(queries, table, k, metric, exclude))
    assert not set(rows.ravel()) & set(exclude)
    steps = np.diff(scores, axis=-1)
    assert (steps >= 0).all() if metric == "euclidean" else (steps <= 0).all()


@given(st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from(METRICS))
def test_the_first_k_of_more_are_the_k(k, seed, metric):
    rng = np.random.default_rng(seed)
    table, q = rng.normal(size=(60, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    every = nearest(q, table, 60, metric)[0]
    assert sorted(every) == list(range(60))
    np.testing.assert_array_equal(nearest(q, table, k, metric)[0], every[:k])


@given(st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_cosine_forgets_lengths(factor, seed):
    rng = np.random.default_rng(seed)
    table, q = rng.normal(size=(40, 4)), rng.normal(size=4)
    lengths = rng.uniform(0.1, 10, size=(40, 1))
    np.testing.assert_array_equal(nearest(q, table, 9)[0], nearest(factor * q, lengths * table, 9)[0])


def test_unit_rows_have_the_same_neighbours_by_all_metrics(rng):
    table, q = unit(rng.normal(size=(50, 4))), rng.normal(size=4)
    found = [nearest(unit(q), table, 50, metric)[0] for metric in METRICS]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("size", [7, 4096, 100_003])
def test_equal_rows_come_in_their_order(metric, size, rng):
    table = np.tile(rng.normal(size=5).astype(np.float32), (size, 1))
    assert nearest(table[0], table, 6, metric, exclude=(2,))[0].tolist() == [0, 1, 3, 4, 5, 6]


def test_a_zero_query_is_equally_far_from_all_by_product():
    assert nearest([0.0, 0.0], np.ones((300_000, 2)), 3, "dot")[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("metric", METRICS)
def test_more_queries_than_fit_in_memory_at_once(metric, rng):
    table, queries = rng.normal(size=(300_000, 2)), rng.normal(size=(130, 2))  # 55 queries at a time
    rows, scores = nearest(queries, table, 2, metric)
    for i in (0, 54, 55, 56, 129):
        one, score = nearest(queries[i], table, 2, metric)
        np.testing.assert_array_equal(rows[i], one)
        np.testing.assert_array_equal(scores[i], score)


def test_distances_are_exact_far_from_the_origin(rng):
    # the products 2 q·t − |t|² are near 2·10⁸, where the numbers of float32 lie 16 apart: they say nothing
    table = (10_000 + rng.normal(size=(200, 2))).astype(np.float32)
    q = np.array([10_000, 10_000], np.float32)
    rows, far = nearest(q, table, 7, "euclidean")
    np.testing.assert_array_equal(rows, slow_loop(q[None].astype(float), table.astype(float), 7, "euclidean")[0])
    np.testing.assert_allclose(far, np.linalg.norm(table[rows].astype(float) - q, axis=1), rtol=1e-6)


def test_scores_nearer_than_float32_rounding_are_told_apart():
    # cosines with (1, 1): 1 − 4·10⁻⁹ and 1 − 10⁻⁹
    table = np.array([[1, 1.00018], [1, 1.00009]], np.float32)
    assert nearest(np.ones(2, np.float32), table, 1)[0].tolist() == [1]


@pytest.mark.parametrize("exponent", [-300, -160, 0, 160, 300])
def test_cosines_survive_squares_that_would_overflow_or_vanish(exponent):
    table = COMPASS * 10.0**exponent
    rows, scores = nearest([2, 0], table, 4)
    assert rows.tolist() == [1, 2, 0, 3]
    np.testing.assert_allclose(scores, nearest([2, 0], COMPASS, 4)[1], rtol=1e-14)


def test_rows_at_the_edges_of_groups_are_found(rng):
    """The search for candidates goes by groups of rows: a best row may lie anywhere, also several in one group."""
    table = rng.uniform(-1, 0, size=(10_007, 1))
    for best in ([0, 1, 2], [10_006, 10_005, 10_004], [5000, 0, 10_006]):
        higher = table.copy()
        higher[best, 0] = 3, 2, 1
        assert nearest([1.0], higher, 3, "dot")[0].tolist() == best


@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_do_not_count_stay_out_when_few_are_left(metric, rng):
    table = rng.normal(size=(1000, 3))
    left = [500, 501, 502]  # in one group, so that all other groups hold nothing that counts
    rows, _ = nearest(table[7], table, 3, metric, exclude=[i for i in range(1000) if i not in left])
    assert sorted(rows) == left


def test_k_may_be_all_rows_that_count():
    assert nearest([1, 0], COMPASS, 2, exclude=(1, 2, 2))[0].tolist() == [0, 3]
    assert nearest([1, 0], COMPASS[:1], 1)[0].tolist() == [0]


def test_result_has_the_dtype_of_the_input_and_inputs_stay():
    table, q = COMPASS.astype(np.float32), np.array([1, 0], np.float32)
    before = table.copy(), q.copy()
    assert nearest(q, table, 1)[1].dtype == np.float32
    assert nearest(q.astype(float), table, 1)[1].dtype == np.float64
    np.testing.assert_array_equal(table, before[0])
    np.testing.assert_array_equal(q, before[1])


# ---- analogy ---------------------------------------------------------------------------------------------------------

#                    man     woman   king    queen   apple
ROYAL = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 3], [1, 1, 3], [0, 9, 1]])


def test_an_analogy_by_hand():
    # unit vectors: (1,1,0)/√2 − (1,0,0) + (1,0,3)/√10 = (0.0233, 0.7071, 0.9487)
    rows, scores = analogy(0, 1, 2, ROYAL, k=2)
    assert rows.tolist() == [3, 4]
    q = np.array([0.5**0.5 - 1 + 0.1**0.5, 0.5**0.5, 3 * 0.1**0.5])
    np.testing.assert_allclose(scores, [cosine_similarity(q, ROYAL[3]), cosine_similarity(q, ROYAL[4])], rtol=1e-14)


def test_without_exclusion_an_input_can_win():
    near = np.array([[1, 0], [1, 0.1], [0, 1], [0.2, 1]])  # b − a is short: the answer stays with c
    assert analogy(0, 1, 2, near, exclude_inputs=False)[0].tolist() == [2]
    assert analogy(0, 1, 2, near)[0].tolist() == [3]


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_an_analogy_is_the_nearest_row_to_the_sum_of_unit_vectors(seed, exclude_inputs):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(20, 4)) * rng.uniform(0.1, 10, size=(20, 1))
    a, b, c = (int(i) for i in rng.choice(20, 3, replace=False))
    U = table / np.linalg.norm(table, axis=1, keepdims=True)
    score = U @ (U[b] - U[a] + U[c])
    if exclude_inputs:
        score[[a, b, c]] = -np.inf
    assert analogy(a, b, c, table, 3, exclude_inputs)[0].tolist() == np.argsort(-score)[:3].tolist()


def test_the_middle_words_may_be_exchanged(rng):
    table = rng.normal(size=(30, 5))
    np.testing.assert_array_equal(analogy(4, 7, 9, table, 5)[0], analogy(4, 9, 7, table, 5)[0])


# ---- GloVe -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full():
    return glove()


@pytest.fixture
def unreachable(tmp_path, monkeypatch):
    """An empty cache and an index where nobody listens: port 9 is the discard port."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "VEC2ATTN_"))]:
        monkeypatch.delenv(name)
    for name, value in {"CONFIG_FILE": os.devnull, "RETRIES": "0", "INDEX_URL": "http://127.0.0.1:9/simple"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    return tmp_path / "cache"


def test_glove_has_400_000_words_the_most_frequent_first(full):
    words, vectors = full
    assert vectors.shape == (400_000, 50)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert words[:8] == ["the", ",", ".", "of", "to", "and", "in", "a"]
    assert len(set(words)) == len(words) == 400_000
    assert all(words)


def test_glove_vector_of_the_as_it_was_published(full):
    # the first numbers of the first line of glove.6B.50d.txt
    np.testing.assert_array_equal(full[1][0, :4], np.array([0.418, 0.24968, -0.41242, 0.1217], np.float32))


def test_words_and_vectors_belong_to_each_other(full):
    words, vectors = full
    for word, neighbour in [("frog", "toad"), ("monday", "tuesday"), ("france", "belgium"), ("she", "her")]:
        i = words.index(word)
        assert neighbour in [words[j] for j in nearest(vectors[i], vectors, 10, exclude=(i,))[0]]


def test_without_the_data_there_is_a_warning_and_the_most_frequent_words(full, unreachable):
    with pytest.warns(UserWarning, match=r"only the 40,000 most frequent words, in half precision: .*no network"):
        words, vectors = glove(cache=unreachable)
    assert vectors.shape == (40_000, 50)
    assert vectors.dtype == np.float32
    assert words == full[0][:40_000]
    # float16 has 11 bits: half a unit in the last place is 2⁻¹¹ of the number, or 2⁻²⁵ below the smallest normal one
    np.testing.assert_allclose(vectors, full[1][:40_000], rtol=2**-11, atol=2**-25)
    assert not np.array_equal(vectors, full[1][:40_000])


def test_what_is_shipped_names_its_source():
    text = (GLOVE / "README.md").read_text(encoding="utf-8")
    for words in (DATASETS["glove"].requirement, DATASETS["glove"].licence, "40,000", "D14-1162"):
        assert words in text
    assert np.load(GLOVE / "top.npy", mmap_mode="r").dtype == np.float16
