import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bitindex.evaluate import exact, exact_search

SIMILARITIES = ["cosine", "dot", "l2"]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(exact, "_VECTORS_PER_BLOCK", 7)
    monkeypatch.setattr(exact, "_QUERIES_PER_BLOCK", 3)


def slow_search(queries, vectors, k, similarity):
    """Score pair by pair and sort all: what exact_search must equal."""
    queries, vectors = queries.astype(np.float64), vectors.astype(np.float64)
    all_scores = np.full((len(queries), k), -np.inf)
    all_indices = np.full((len(queries), k), -1)
    for row, query in enumerate(queries):
        scores = [slow_score(query, vector, similarity) for vector in vectors]
        best = sorted(range(len(vectors)), key=lambda index: (-scores[index], index))[:k]
        all_scores[row, : len(best)] = [scores[index] for index in best]
        all_indices[row, : len(best)] = best
    return all_scores, all_indices


def slow_score(query, vector, similarity):
    if similarity == "l2":
        return 0.0 - np.square(query - vector).sum()
    if similarity == "cosine":
        query, vector = slow_unit(query), slow_unit(vector)
    return (query * vector).sum()


def slow_unit(vector):
    norm = np.sqrt(np.square(vector).sum())
    return vector / norm if norm >= 1.5e-154 else 0 * vector


def assert_equals_slow_search(queries, vectors, k, similarity):
    scores, indices = exact_search(queries, vectors, k, similarity)
    expected_scores, expected_indices = slow_search(queries, vectors, k, similarity)
    assert scores.dtype == np.float64
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 5, 40, 60])
def test_equals_slow_search(small_blocks, similarity, dtype, k):
    generator = np.random.default_rng(0)
    queries = generator.normal(size=(8, 19)).astype(dtype)
    vectors = generator.normal(size=(40, 19)).astype(dtype)
    assert_equals_slow_search(queries, vectors, k, similarity)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64])
def test_integers_are_exact(small_blocks, similarity, dtype):
    generator = np.random.default_rng(1)
    queries = generator.integers(0, 3, size=(8, 4)).astype(dtype)
    vectors = generator.integers(0, 3, size=(50, 4)).astype(dtype)
    assert_equals_slow_search(queries, vectors, 10, similarity)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("k", [1, 6, 7, 8, 30])
def test_copies_of_a_vector_tie_in_every_block(small_blocks, similarity, k):
    generator = np.random.default_rng(2)
    vectors = generator.normal(size=(3, 97))[generator.integers(0, 3, size=60)]
    assert_equals_slow_search(generator.normal(size=(5, 97)), vectors, k, similarity)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_the_blocks_do_not_show(monkeypatch, similarity):
    generator = np.random.default_rng(3)
    queries = generator.normal(size=(20, 33)).astype(np.float32)
    vectors = generator.normal(size=(300, 33)).astype(np.float32)
    vectors[150:] = vectors[:150]
    whole = exact_search(queries, vectors, 21, similarity)
    for n_vectors, n_queries in [(1, 20), (64, 1), (299, 7)]:
        monkeypatch.setattr(exact, "_VECTORS_PER_BLOCK", n_vectors)
        monkeypatch.setattr(exact, "_QUERIES_PER_BLOCK", n_queries)
        cut = exact_search(queries, vectors, 21, similarity)
        np.testing.assert_array_equal(cut[0], whole[0])
        np.testing.assert_array_equal(cut[1], whole[1])


@settings(deadline=None)
@given(st.data(), st.sampled_from(SIMILARITIES), st.integers(1, 12))
def test_any_numbers(data, similarity, k):
    dimension = data.draw(st.integers(1, 5))
    numbers = st.floats(-1e140, 1e140) | st.sampled_from([0.0, 1.0, 1 / 3, 1e-160, 5e-324])
    queries, vectors = (
        data.draw(
            arrays.arrays(np.float64, (data.draw(st.integers(0, 9)), dimension), elements=numbers)
        )
        for _ in range(2)
    )
    assert_equals_slow_search(queries, vectors, k, similarity)


def test_a_distance_of_zero_is_the_score_zero():
    scores, indices = exact_search([[1.0, 2.0]], [[5.0, 5.0], [1.0, 2.0]], 2, "l2")
    assert scores.tolist() == [[0.0, -25.0]]
    assert not np.signbit(scores[0, 0])
    assert indices.tolist() == [[1, 0]]


@pytest.mark.parametrize("k", [1, 3, 20])
def test_near_vectors_far_from_the_origin_keep_their_order(k):
    # |q|^2 + |v|^2 - 2qv would lose these distances to cancellation.
    generator = np.random.default_rng(4)
    queries, vectors = (1e6 + generator.normal(scale=1e-6, size=(n, 3)) for n in (6, 30))
    assert_equals_slow_search(queries, vectors, k, "l2")


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("scale", [1.0, 1e-170])
def test_scores_that_differ_in_the_last_bit_keep_their_order(similarity, scale):
    # At the small scale the squares of the queries vanish, though not their products.
    generator = np.random.default_rng(5)
    queries = scale * generator.normal(size=(6, 97))
    vectors = 1e140 * np.nextafter(generator.normal(size=97), generator.normal(size=(40, 97)))
    assert_equals_slow_search(queries, vectors, 3, similarity)


def test_zero_vectors_have_cosine_zero():
    vectors = [[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [1e-160, 0.0]]
    scores, indices = exact_search([[1.0, 0.0]], vectors, 4)
    assert scores.tolist() == [[1.0, 0.0, 0.0, -1.0]]
    assert indices.tolist() == [[2, 0, 3, 1]]


def test_a_progress_bar_only_on_request(capsys):
    exact_search(np.eye(3), np.eye(3), 1)
    assert capsys.readouterr().err == ""
    exact_search(np.eye(3), np.eye(3), 1, progress=True)
    assert "vectors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("queries", "vectors", "k", "similarity", "error", "message"),
    [
        ([[1.0]], [[1.0]], 0, "dot", ValueError, "k must be at least 1, got 0"),
        ([[1.0]], [[1.0]], "3", "dot", TypeError, "k must be an integer, got str"),
        ([[1.0]], [[1.0]], 1, "euclid", ValueError, "similarity must be one of .* got 'euclid'"),
        ([[1.0]], [[1.0, 2.0]], 1, "dot", ValueError, r"got shapes \(1, 1\) and \(1, 2\)"),
        ([1.0], [[1.0]], 1, "dot", ValueError, r"queries must have shape .* got shape \(1,\)"),
        ([[1.0]], [[1.0], [1.0, 2.0]], 1, "dot", ValueError, "vectors must have rows of one width"),
        ([[1j]], [[1.0]], 1, "dot", TypeError, "queries must hold .* got complex128"),
        ([[True]], [[1.0]], 1, "dot", TypeError, "queries must hold .* got bool"),
        ([[np.nan]], [[1.0]], 1, "dot", ValueError, "queries must hold finite .* nan in row 0"),
        ([[1.0]], [[1.0], [np.inf]], 1, "l2", ValueError, "vectors must .* inf in row 1"),
        ([[1.0]], [[1e200]], 1, "l2", ValueError, "squared norms of at most 1e\\+300, got"),
    ],
)
def test_refuses(queries, vectors, k, similarity, error, message):
    with pytest.raises(error, match=message):
        exact_search(queries, vectors, k, similarity)
