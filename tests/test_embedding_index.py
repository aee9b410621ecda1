"""An EmbeddingIndex: what it says of itself, how it is fitted, and what it finds."""

import numpy as np
import pytest
from small_embedding_index import PRECISIONS, SIMILARITIES, X, new_index

import bitindex as bi
from bitindex.evaluate import exact_search, ndcg_at_k


def test_properties():
    binarizer = bi.SignBinarizer().fit(X)
    index = bi.EmbeddingIndex(binarizer, similarity="l2", rescore="int8")
    assert index.binarizer is binarizer
    assert (index.kind, index.similarity, index.rescore) == ("flat", "l2", "int8")
    assert len(index) == 0
    assert repr(index) == (
        "EmbeddingIndex(SignBinarizer(threshold='zero', query='float'), kind='flat', "
        "similarity='l2', rescore='int8') with 0 embeddings"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"binarizer": "sign"}, TypeError, r"a Binarizer such as SignBinarizer\(\), got str"),
        ({"binarizer": bi.SignBinarizer}, TypeError, "must be a Binarizer .*, got ABCMeta"),
        ({"kind": "tree"}, ValueError, "kind must be one of flat.*, got 'tree'"),
        ({"similarity": "l1"}, ValueError, "similarity must be one of cosine, dot, l2, got 'l1'"),
        ({"similarity": None}, TypeError, "similarity must be a string, got NoneType"),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        bi.EmbeddingIndex(**{"binarizer": bi.SignBinarizer(), **arguments})


@pytest.mark.parametrize("rescore", PRECISIONS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_bytes_per_vector(similarity, rescore):
    vector = {None: 0, "int8": 20 + 4, "float16": 40, "float32": 80}[rescore]
    factors = {"cosine": 0, "dot": 4, "l2": 8}[similarity]
    index = new_index(similarity=similarity, rescore=rescore)
    assert index.bytes_per_vector == 3 + factors + vector


FILTERS = {
    "mask": np.arange(60) % 7 == 2,
    "short mask": np.arange(30) % 7 == 2,
    "array": np.array([2, 9, 16, 1000]),
    "list": [2, 9, 16],
    "set": {2, 9, 16},
    "range": range(2, 60, 7),
    "slice": slice(2, None, 7),
    "nothing": [],
}


@pytest.mark.parametrize("filter", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("rescore", [None, "float32"])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_filters_keep_all_that_they_allow(similarity, rescore, filter):
    index = new_index(similarity=similarity, rescore=rescore)
    allowed = np.flatnonzero(FILTERS["mask"])
    if filter is FILTERS["short mask"]:
        allowed = allowed[allowed < 30]
    elif isinstance(filter, np.ndarray | list | set) and filter is not FILTERS["mask"]:
        allowed = np.array(sorted(filter), np.int64)
        allowed = allowed[allowed < 60]
    scores, ids = index.search(X[:9], k=60)
    some_scores, some_ids = index.search(X[:9], k=12, oversample=1, filter=filter)
    for query in range(9):
        kept = np.isin(ids[query], allowed)
        n = min(12, len(allowed))
        np.testing.assert_array_equal(some_ids[query, :n], ids[query, kept][:n])
        np.testing.assert_array_equal(some_scores[query, :n], scores[query, kept][:n])
        assert (some_ids[query, n:] == -1).all()
        assert (some_scores[query, n:] == -np.inf).all()


def test_shapes_and_types_of_results():
    index = new_index(n_rows=2)
    for Q, n_queries in ((X, 60), (X[0], 1), ([], 0), (np.empty((0, 20)), 0)):
        scores, ids = index.search(Q, k=5)
        assert scores.shape == ids.shape == (n_queries, 5)
        assert (scores.dtype, ids.dtype) == (np.float32, np.int64)
    empty = new_index(n_rows=0)
    scores, ids = empty.search(X, k=3)
    np.testing.assert_array_equal(ids, np.full((60, 3), -1))
    np.testing.assert_array_equal(scores, np.full((60, 3), -np.inf))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"Q": X[:, :5]}, ValueError, r"Q must have shape \(n, 20\), got shape \(60, 5\)"),
        ({"Q": X > 0}, TypeError, "Q must be floats, got bool"),
        ({"Q": np.full(20, np.nan)}, ValueError, "Q must be finite in float32"),
        ({"k": -1}, ValueError, "k must be >= 0, got -1"),
        ({"k": 2**64}, ValueError, "k must be < "),
        ({"k": 1.5}, TypeError, "k must be an integer, got float"),
        ({"threads": 0}, ValueError, "threads must be >= 1, got 0"),
        ({"filter": "all"}, TypeError, "filter must be None"),
    ],
)
def test_bad_searches_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        new_index().search(**{"Q": X, **arguments})


def test_not_fitted():
    index = bi.EmbeddingIndex(bi.SignBinarizer())
    assert len(index) == 0
    assert 0 not in index
    for use in (
        lambda: index.add(X),
        lambda: index.search(X),
        lambda: index.update([0], X[:1]),
        lambda: index.remove([0]),
        lambda: index.get([0]),
        lambda: index.ids,
        lambda: index.bytes_per_vector,
        lambda: index.save("nowhere.bitx"),
    ):
        with pytest.raises(
            ValueError, match=r"SignBinarizer is not fitted yet: call fit\(X\) first"
        ):
            use()


def test_a_binarizer_may_be_fitted_after_the_index_was_made():
    binarizer = bi.SignBinarizer()
    index = bi.EmbeddingIndex(binarizer)
    binarizer.fit(X)
    index.add(X)
    assert len(index) == 60


def test_fit_is_that_of_the_binarizer_on_prepared_rows():
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    for similarity, rows in (("cosine", units), ("dot", X), ("l2", X)):
        binarizer = bi.SignBinarizer("mean")
        index = bi.EmbeddingIndex(binarizer, similarity=similarity)
        assert index.fit(X) is index
        expected = bi.SignBinarizer("mean").fit(rows).center_
        np.testing.assert_allclose(binarizer.center_, expected, rtol=1e-5, atol=1e-7)


def test_a_center_of_longer_rows_is_refused_for_the_cosine():
    X = np.random.default_rng(0).normal(5.0, 1.0, (50, 16))
    binarizer = bi.SignBinarizer(threshold="mean").fit(X)
    with pytest.raises(ValueError, match=r"fit it with EmbeddingIndex\(\.\.\.\)\.fit\(X\)"):
        bi.EmbeddingIndex(binarizer)
    bi.EmbeddingIndex(binarizer, similarity="l2").add(X)
    index = bi.EmbeddingIndex(bi.SignBinarizer(threshold="mean")).fit(X)
    assert len(index.add(X)) == 50


def test_fit_again_is_allowed_until_rows_are_added():
    index = bi.EmbeddingIndex(bi.SignBinarizer("mean")).fit(X[:, :5]).fit(X)
    index.add(X)
    with pytest.raises(ValueError, match="fit must come before add: the index holds 60 rows"):
        index.fit(X)
    assert len(index) == 60
    index.remove(np.arange(60))
    index.fit(X[:, :7])
    assert index.add(X[:, :7]).tolist() == list(range(60))


@pytest.mark.parametrize(
    ("query", "rescore", "expected", "tolerance"),
    [
        ("binary", None, 0.5876, 5e-5),
        ("float", None, 0.6180, 5e-5),
        ("float", "float32", 0.6425, 0.0055),
        ("float", "float16", 0.6425, 0.0055),
        ("float", "int8", 0.6425, 0.0055),
    ],
)
def test_scifact(scifact, query, rescore, expected, tolerance):
    index = bi.EmbeddingIndex(bi.SignBinarizer(query=query), rescore=rescore)
    index.fit(scifact.doc_embeddings).add(scifact.doc_embeddings)
    _, ids = index.search(scifact.query_embeddings, k=10, oversample=4)
    ndcg = ndcg_at_k(ids, scifact.qrels, doc_ids=scifact.doc_ids)
    assert ndcg == pytest.approx(expected, abs=tolerance)


def test_scifact_with_all_candidates_is_the_float_search(scifact):
    index = bi.EmbeddingIndex(bi.SignBinarizer(), rescore="float32")
    index.fit(scifact.doc_embeddings).add(scifact.doc_embeddings)
    _, ids = index.search(scifact.query_embeddings, k=10, oversample=600)
    _, exact = exact_search(scifact.query_embeddings, scifact.doc_embeddings, 10)
    assert np.mean(ids == exact) > 0.999  # two scores may be equal in float32
    ndcg = ndcg_at_k(ids, scifact.qrels, doc_ids=scifact.doc_ids)
    assert ndcg == pytest.approx(0.6451, abs=5e-5)
