"""oversample="auto": how many rows are scored again, and what is found."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from reference_rescoring import first_limit, last_limit, rows_to_rescore

import bitindex as bi
from bitindex.datasets import load_scifact
from bitindex.evaluate import recall_at_k

SIMILARITIES = ["cosine", "dot", "l2"]
PRECISIONS = ["int8", "float16", "float32"]
ISAS = bi._core.supported_isas()
EVERYTHING = 1e6  # candidates per result: more than there are rows


def embeddings(n_rows, n_dims, seed=0):
    rows = np.random.default_rng(seed).standard_normal((n_rows, n_dims)) * 3 + 1
    return rows.astype(np.float32)


def easy_and_hard_queries(X, n_queries):
    """Queries near ever more rows of X, and queries near none."""
    generator = np.random.default_rng(1)
    distances = np.linspace(0.3, 4, n_queries)[:, np.newaxis]
    noise = generator.standard_normal((n_queries, X.shape[1])) * distances
    queries = X[generator.integers(0, len(X), n_queries)] + noise
    queries[::3] = generator.standard_normal((len(queries[::3]), X.shape[1])) * 3
    return queries.astype(np.float32)


def rescoring_index(X, similarity="cosine", rescore="float32", ids=None, query="float"):
    binarizer = bi.SignBinarizer("mean", query=query)
    index = bi.EmbeddingIndex(binarizer, similarity=similarity, rescore=rescore)
    index.fit(X).add(X, ids)
    return index


def candidates(index, query, n_rows):
    """Estimates and exact scores of all rows, and ids: most similar by estimate first."""
    rows = index._similarity.prepare(query[np.newaxis])
    queries = index._similarity.queries(index.binarizer, rows, index.binarizer)
    estimates, ids, _ = index._core.versions[0].core.search_estimates(
        weights=queries.weights,
        signs=queries.signs,
        magnitudes=queries.magnitudes,
        k=n_rows,
        n_candidates=n_rows,
        vector_queries=None,
        squared_l2=index._similarity.squared_l2,
        filter=None,
        threads=1,
    )
    exact, exact_ids = index.search(query, k=n_rows, oversample=1)
    score_of = dict(zip(exact_ids[0].tolist(), exact[0], strict=True))
    return estimates[0], np.array([score_of[row_id] for row_id in ids[0].tolist()]), ids[0]


def best(exact, ids, k):
    """The k best scores and their ids, ties by smaller id."""
    order = np.lexsort((ids, -exact))[:k]
    return exact[order], ids[order]


@pytest.mark.parametrize("k", [1, 3, 17, 200])
@pytest.mark.parametrize("query", ["float", "binary"])
@pytest.mark.parametrize(
    ("similarity", "rescore"),
    [("cosine", "int8"), ("dot", "float16"), ("l2", "float32")],
)
def test_rows_are_rescored_until_none_is_likely_to_be_better(similarity, rescore, query, k):
    X = embeddings(4000, 40)
    Q = easy_and_hard_queries(X, 30)
    index = rescoring_index(X, similarity, rescore, query=query)
    scores, ids, n_rescored = index._search(Q, k, "auto")
    for q in range(len(Q)):
        estimates, exact, by_estimate = candidates(index, Q[q], len(X))
        n = rows_to_rescore(estimates, exact, k)
        assert n_rescored[q] == n
        expected_scores, expected_ids = best(exact[:n], by_estimate[:n], k)
        np.testing.assert_array_equal(ids[q], expected_ids)
        np.testing.assert_array_equal(scores[q], expected_scores)
    if k == 1:
        assert n_rescored.min() < first_limit(k) < n_rescored.max()
        assert similarity != "l2" or query == "float" or n_rescored.max() == last_limit(k)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("rescore", PRECISIONS)
def test_results_do_not_depend_on_machine_threads_or_batch(similarity, rescore, use_isa):
    X = embeddings(3000, 50)
    Q = easy_and_hard_queries(X, 100)
    expected = rescoring_index(X, similarity, rescore)._search(Q, 10, "auto", threads=1)
    assert len(np.unique(expected[2])) > 3
    for isa in ISAS:
        use_isa(isa)
        index = rescoring_index(X, similarity, rescore)
        for threads in (1, 2, 7):
            for n_queries in (1, 5, 100):
                results = index._search(Q[:n_queries], 10, "auto", threads=threads)
                for result, value in zip(results, expected, strict=True):
                    np.testing.assert_array_equal(result, value[:n_queries])


@pytest.mark.parametrize("n_queries", [1, 3])
def test_many_candidates_of_few_queries_are_shared_among_threads(n_queries):
    X = embeddings(6000, 20)
    index = rescoring_index(X)
    one, many = (index._search(X[:n_queries], 1000, "auto", threads=n) for n in (1, 5))
    for result, value in zip(many, one, strict=True):
        np.testing.assert_array_equal(result, value)
    assert (one[2] >= 2000).all()


def test_scifact_finds_what_full_rescoring_finds_from_few_rows():
    data = load_scifact()
    index = bi.EmbeddingIndex(bi.SignBinarizer(), rescore="int8").fit(data.doc_embeddings)
    index.add(data.doc_embeddings)
    for k in (1, 10, 100):
        _, full = index.search(data.query_embeddings, k, oversample=EVERYTHING)
        _, ids, n_rescored = index._search(data.query_embeddings, k, "auto")
        one_query = 1 / len(full)
        assert recall_at_k(ids, full, k) >= 1 - max(0.002, one_query if k == 1 else 0)
        assert n_rescored.mean() < last_limit(k) / 12
        assert np.median(n_rescored) < n_rescored.mean() < n_rescored.max() / 1.2


def test_equal_vectors_tie_and_stop_at_once():
    X = np.tile(embeddings(1, 30), (500, 1))
    ids = np.random.default_rng(0).permutation(500)
    index = rescoring_index(X, "l2", ids=ids)
    scores, found, n_rescored = index._search(X[0], 20, "auto")
    np.testing.assert_array_equal(found, [np.arange(20)])
    np.testing.assert_array_equal(scores, 0)
    np.testing.assert_array_equal(n_rescored, 40)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_query_of_zeros_has_a_result(similarity):
    X = embeddings(2000, 8)
    index = bi.EmbeddingIndex(bi.SignBinarizer(), similarity=similarity, rescore="float32").fit(X)
    index.add(X)
    _, ids, n_rescored = index._search(np.zeros(8), 5, "auto")
    if similarity == "l2":
        estimates, exact, by_estimate = candidates(index, np.zeros(8, np.float32), 2000)
        n = rows_to_rescore(estimates, exact, 5)
        assert n_rescored[0] == n
        np.testing.assert_array_equal(ids[0], best(exact[:n], by_estimate[:n], 5)[1])
    else:
        np.testing.assert_array_equal(ids, [range(5)])


def test_estimates_that_say_nothing_are_not_believed():
    """All codes are alike, so that the order of candidates is that of their ids."""
    X = np.abs(embeddings(3000, 12)) + 1
    index = bi.EmbeddingIndex(bi.SignBinarizer(), similarity="cosine", rescore="float32").fit(X)
    index.add(X)
    _, ids, n_rescored = index._search(X[:5], 4, "auto")
    n = last_limit(4)
    np.testing.assert_array_equal(n_rescored, n)
    for q in range(5):
        _, exact, by_estimate = candidates(index, X[q], 3000)
        np.testing.assert_array_equal(by_estimate, range(3000))
        np.testing.assert_array_equal(ids[q], best(exact[:n], by_estimate[:n], 4)[1])


@pytest.mark.parametrize("n_rows", [0, 1, 2, 31, 32])
@pytest.mark.parametrize("k", [0, 1, 5, 50])
def test_few_rows_are_all_scored(n_rows, k):
    X = embeddings(40, 6)
    index = rescoring_index(X, "l2")
    index.remove(np.arange(n_rows, 40))
    _, ids, n_rescored = index._search(X[:3], k, "auto")
    _, expected = index.search(X[:3], k, oversample=EVERYTHING)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(n_rescored, n_rows if k > 0 else 0)


def test_filters_choose_before_candidates_are_collected():
    X = embeddings(3000, 12)
    index = rescoring_index(X, "dot")
    allowed = np.arange(3, 3000, 100)
    _, ids, n_rescored = index._search(X[:5], 3, "auto", allowed)
    _, expected = index.search(X[:5], 3, EVERYTHING, allowed)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(n_rescored, len(allowed))
    assert np.isin(ids, allowed).all()


@given(
    data=st.data(),
    n_rows=st.integers(1, 400),
    n_dims=st.integers(1, 6),
    k=st.integers(1, 30),
    largest=st.sampled_from([1, 3, 100]),
    similarity=st.sampled_from(SIMILARITIES),
    threads=st.integers(1, 3),
)
@settings(max_examples=150)
def test_the_best_of_the_rescored_rows_are_found(
    data, n_rows, n_dims, k, largest, similarity, threads
):
    """With many equal rows, equal estimates and equal scores."""
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = generator.integers(-largest, largest + 1, (n_rows, n_dims)).astype(np.float32)
    index = rescoring_index(X, similarity, ids=generator.permutation(n_rows))
    query = X[0] if data.draw(st.booleans()) else -X[0]
    scores, ids, n_rescored = index._search(query, k, "auto", threads=threads)
    _, exact, by_estimate = candidates(index, query, n_rows)
    n = n_rescored[0]
    assert min(n_rows, max(2 * k, 32)) <= n <= n_rows
    expected_scores, expected_ids = best(exact[:n], by_estimate[:n], k)
    n_results = min(k, n_rows)
    np.testing.assert_array_equal(ids[0, :n_results], expected_ids)
    np.testing.assert_array_equal(scores[0, :n_results], expected_scores)
    np.testing.assert_array_equal(ids[0, n_results:], -1)


def test_numbers_of_rows_are_counted_for_other_values_too():
    X = embeddings(100, 8)
    np.testing.assert_array_equal(rescoring_index(X)._search(X[:4], 7, 3)[2], 21)
    np.testing.assert_array_equal(rescoring_index(X)._search(X[:4], 7, 99)[2], 100)
    np.testing.assert_array_equal(rescoring_index(X, rescore=None)._search(X[:4], 7, 3)[2], 0)


def test_without_vectors_it_changes_nothing():
    X, Q = embeddings(500, 16), embeddings(9, 16, seed=1)
    index = rescoring_index(X, rescore=None)
    for result, expected in zip(index.search(Q, 5, "auto"), index.search(Q, 5), strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("rescore", [None, "float32"])
@pytest.mark.parametrize("oversample", ["foo", "", "Auto", "4"])
def test_other_words_are_refused(oversample, rescore):
    index = rescoring_index(embeddings(10, 4), rescore=rescore)
    with pytest.raises(ValueError, match=f"must be a number or 'auto', got {oversample!r}"):
        index.search(embeddings(1, 4), oversample=oversample)
